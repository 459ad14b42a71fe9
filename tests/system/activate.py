"""What systemd does between fork and exec: ``python activate.py NAME=DESCRIPTOR … -- COMMAND …``.

The sockets get the numbers from 3 on and their names, and the command takes this process's place, so that it has the pid that
the environment names. Source: sd_listen_fds(3).
"""

from __future__ import annotations

import os
import sys

FIRST = 3


def main() -> None:
    split = sys.argv.index("--")
    given = [argument.split("=") for argument in sys.argv[1:split]]
    apart = [os.dup(int(descriptor)) for _, descriptor in given]  # their numbers may be among those they are to get
    beyond = FIRST + len(apart)
    moved = [os.dup2(descriptor, beyond + 100 + index) for index, descriptor in enumerate(apart)]
    for index, descriptor in enumerate(moved):
        os.dup2(descriptor, FIRST + index)
        os.close(descriptor)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(given))
    os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in given)
    os.execv(sys.executable, [sys.executable, *sys.argv[split + 1 :]])


if __name__ == "__main__":
    main()
