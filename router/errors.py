"""The one exception that means "the operator can fix this"."""

from __future__ import annotations


class OperatorError(Exception):
    """Something that the operator can fix. It is printed without a traceback, and the command exits with `exit_code`.

    The message says where it is, what was found, what is allowed and what to do. Any other exception that reaches the top is a
    bug and keeps its traceback.
    """

    exit_code = 2
