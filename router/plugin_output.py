"""What plugins print, be it in a call, at their import or in a stand-in of theirs."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TextIO


def printing_aside() -> redirect_stdout[TextIO]:
    """Within the block, what is printed goes to stderr: on stdout is a command's answer, which a program may read."""
    return redirect_stdout(sys.stderr)
