"""The suppressed: people of whom no event is taken, sent or kept. Pure.

A person is named by an id, and of the events those are theirs that have it. Nothing is concluded from a shared device or email:
another person may have it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Self, get_args

import orjson

from router.event import Document

IdKind = Literal["userId", "anonymousId"]
ID_KINDS: Final[tuple[IdKind, ...]] = get_args(IdKind)


class Person(NamedTuple):
    """A person as events name them."""

    kind: IdKind
    id: str


def people_of(told: Iterable[Sequence[str]]) -> list[Person]:
    """The people that *told* names, each by kind and id, as JSON knows them."""
    return [Person(kind, id) for kind, id in told]  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Whose events are not for anybody."""

    user_ids: frozenset[str] = frozenset()
    anonymous_ids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, people: Iterable[Person]) -> Self:
        ids: dict[str, set[str]] = {kind: set() for kind in ID_KINDS}
        for person in people:
            ids[person.kind].add(person.id)
        return cls(*map(frozenset, ids.values()))

    def __bool__(self) -> bool:
        return bool(self.user_ids or self.anonymous_ids)

    def has(self, user_id: str | None, anonymous_id: str | None) -> bool:
        """Whether one of these ids is theirs."""
        return user_id in self.user_ids or anonymous_id in self.anonymous_ids

    def names(self, document: Document) -> bool:
        """Whether the event with the JSON object *document* is theirs. An alias is also of whom it names as the previous."""
        if self.has(document.get("userId"), document.get("anonymousId")):
            return True
        previous = document.get("previousId") if document["type"] == "alias" else None
        return previous in self.user_ids or previous in self.anonymous_ids

    def names_stored(self, event: bytes) -> bool:
        """`names` for an event as it is stored. What is no event, as others may put into a cluster's log, is nobody's."""
        try:
            return self.names(orjson.loads(event))
        except (ValueError, TypeError, AttributeError, KeyError):
            return False


NOBODY: Final = Suppressed()
