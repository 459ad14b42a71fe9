"""The error for a number that no dead letter or job has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from router.errors import OperatorError


class NoSuchNumber(OperatorError):
    """Names the number that the operator gave. In a log of many partitions it differs from the number within the partition."""

    def __init__(self, number: int, say: Callable[[int], str]) -> None:
        super().__init__(say(number))
        self._say = say

    def known_as(self, number: int) -> Self:
        """The same error, with the number that the operator knows."""
        return type(self)(number, self._say)
