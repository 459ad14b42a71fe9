"""The number of a dead letter or of a job that there is none of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from router.errors import OperatorError


class NoSuchNumber(OperatorError):
    """Says so with the number that the operator gave, which in a log of many partitions is not that of the partition."""

    def __init__(self, number: int, say: Callable[[int], str]) -> None:
        super().__init__(say(number))
        self._say = say

    def known_as(self, number: int) -> Self:
        """The same, of the number that the operator knows."""
        return type(self)(number, self._say)
