"""The one exception that means "the operator can fix this"."""

from __future__ import annotations


class OperatorError(Exception):
    """Printed without a traceback; the command exits with `exit_code`.

    The message says where, what was found, what is allowed and what to do. Everything else that reaches the top is a bug
    and keeps its traceback.
    """

    exit_code = 2
