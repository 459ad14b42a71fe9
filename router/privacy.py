"""Privacy: which fields a destination never gets (block), and of which it gets only the hash. Pure.

Names are compared loosely, by their letters and digits in any case (``first_name``, ``firstName`` and ``FirstName`` are one):
strict reading would send what an operator asked not to send. A person's trait is looked for in every place that the spec has
for it: ``traits``, ``context.traits``, ``context.externalIds``, and the email in an id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from router.actions.change import PERSON, hash_place, in_objects
from router.actions.draft import Draft
from router.actions.path import Path, Place, Tree, dotted, find, places, shown, tree_of
from router.event import Document
from router.reserved import fill_name

_EMAIL: Final = re.compile(r"[^\s@]@[^\s@.]+\.[^\s@]")
"""An email anywhere in a text: ``mailto:ann@example.com`` gives one away too."""
_NOT_NAMED: Final[Tree] = {}
_PARTS_OF_NAME: Final = frozenset({"firstname", "lastname"})
_IDS: Final[tuple[Path, ...]] = (("userId",), ("anonymousId",), ("previousId",), ("groupId",), ("context", "groupId"))


def fold(name: str) -> str:
    """*name* as it is compared: its letters and digits in lower case."""
    return "".join(filter(str.isalnum, name)).casefold()


@dataclass(frozen=True)
class Names:
    """Names of fields in the objects of an event; dotted if they lie deeper (``address.street``)."""

    traits: tuple[Path, ...] = ()
    properties: tuple[Path, ...] = ()
    context: tuple[Path, ...] = ()
    _trees: tuple[tuple[Path, Tree], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lists = in_objects(self.traits, self.properties, self.context)
        trees = [(at, tree_of([tuple(map(fold, name)) for name in names], "")) for at, names in lists if names]
        object.__setattr__(self, "_trees", tuple(trees))

    def places(self, document: Document) -> Iterator[Place]:
        """The places of all named fields of the event."""
        for at, tree in self._trees:
            yield from _named(find(document, at), tree, at)
        if self.traits:
            yield from self._ids(document)
            yield from self._filled_names(document)

    def _ids(self, document: Document) -> Iterator[Place]:
        """The ids that hold one of the named traits."""
        traits = {fold(dotted(name)) for name in self.traits}
        for place in places(document, ("context", "externalIds", "id")):
            kind = place.holder.get("type")
            if isinstance(kind, str) and fold(kind) in traits:
                yield place
        for id in _IDS if "email" in traits else ():
            for place in places(document, id):
                value = place.holder[place.key]
                if isinstance(value, str) and _EMAIL.search(value):
                    yield place

    def _filled_names(self, document: Document) -> Iterator[Place]:
        """A full name that is just first and last name, if one of these is named: the router itself has filled it in."""
        named = {fold(dotted(name)) for name in self.traits}
        for at in PERSON if not _PARTS_OF_NAME.isdisjoint(named) and "name" not in named else ():
            traits = find(document, at)
            if isinstance(traits, dict) and "name" in traits:
                parts = {key: value for key, value in traits.items() if key != "name"}
                fill_name(parts)
                if parts.get("name") == traits["name"]:
                    yield Place(traits, "name", (*at, "name"))


def _named(value: Any, tree: Tree, at: Path) -> Iterator[Place]:
    if isinstance(value, list):
        for item in value:
            yield from _named(item, tree, at)
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = tree.get(fold(key), _NOT_NAMED)
            if below is None or (below and _holds_text(inner)):
                yield Place(value, key, (*at, key))
            elif below:
                yield from _named(inner, below, (*at, key))


def _holds_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and any(map(_holds_text, value)))


@dataclass(frozen=True)
class Privacy:
    """The fields that a destination never gets, and those of which it gets only the hash."""

    block: Names = Names()
    hash: Names = Names()

    def apply(self, draft: Draft) -> None:
        """Change the draft. Applying it twice is the same as once."""
        for place in draft.places(self.block.places):
            draft.drop(place)
            draft.note(f"block: {shown(place.path)}{', which holds an email' if place.path in _IDS else ''}")
        for place in draft.places(self.hash.places):
            hash_place(draft, place)
