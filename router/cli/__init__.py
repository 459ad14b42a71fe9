"""The ``router`` command, and where the parts are wired together.

main ──▶ a file for each command, or a folder (log, demo)
         ├─ run ──▶ daemon ──▶ deliveries: in this process, in several (processes), for partitions (cluster)
         └─ all that ask ──▶ backend ──▶ the running daemon, or the files if there is none
"""

from router.cli.main import main

__all__ = ["main"]
