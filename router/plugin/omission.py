"""Omissions: what is taken out of a payload because the vendor does not take it, and the note that tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from router.plugin.request import Payload


def left_out(names: Iterable[str], because: str) -> tuple[str, ...]:
    """The notes of a payload that lacks *names*: one, such as "beyond the 25 that the vendor takes; left out: a, b", cut at 300
    characters; none if *names* is empty."""
    listed = ", ".join(names)
    return (f"{because}; left out: {listed}"[:300],) if listed else ()


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """*fields* less those that are null, for where a vendor takes none; what lies within them stays."""
    return {name: value for name, value in fields.items() if value is not None}


def make_room(body: dict[str, Any], part: str, most_bytes: int) -> list[str]:
    """Take the largest values out of the object *part* of *body*, as many as it takes for *body* to be at most *most_bytes* of
    JSON; ends with their names, for `left_out`. *body* gets another *part*, and what it had stays as it is.

    For a vendor that refuses what is larger as a whole: an order without its products still tells of the order.
    """
    excess = len(orjson.dumps(body)) - most_bytes
    if excess <= 0:
        return []
    values: dict[str, Any] = body.get(part, {})
    sizes = {name: len(orjson.dumps({name: value})) - len("{}") + len(",") for name, value in values.items()}
    beyond: dict[str, None] = {}
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if excess <= 0:
            break
        excess -= sizes[name]
        beyond[name] = None
    body[part] = {name: value for name, value in values.items() if name not in beyond}
    return list(beyond)


def without(payload: Payload, paths: Iterable[Sequence[str]], because: str) -> Payload | None:
    """*payload* without what the vendor refused of its body, and with a note of it; for `Again`. None where nothing is refused,
    or something that is not there.

    Each path is of names, from the outside in: ``("properties", "plan")``. What lies in a list takes the whole list with it.
    """
    body = _read(payload.body)
    found = {_place_of(body, tuple(path)) for path in paths}
    places = [place for place in found if place is not None]
    if not places or None in found:
        return None
    for place in sorted(places, key=len, reverse=True):  # what lies within another one first
        body = _take_out(body, place)
    return replace(payload, body=body, notes=payload.notes + left_out(sorted(map(".".join, places)), because[:200]))


def has_part(body: Any, path: Sequence[str]) -> bool:
    """Whether *body* has what `without` would take out."""
    return _place_of(_read(body), tuple(path)) is not None


def _read(body: Any) -> Any:
    """*body*, whether it is written as JSON already or not."""
    return orjson.loads(orjson.dumps(body)) if isinstance(body, orjson.Fragment) else body


def _place_of(body: Any, path: tuple[str, ...]) -> tuple[str, ...] | None:
    if not path or not isinstance(body, dict) or path[0] not in body:
        return None
    value = body[path[0]]
    if len(path) == 1 or isinstance(value, list):
        return path[:1]
    inner = _place_of(value, path[1:])
    return inner and path[:1] + inner


def _take_out(body: dict[str, Any], place: Sequence[str]) -> dict[str, Any]:
    first, *rest = place
    if rest:
        return {**body, first: _take_out(body[first], rest)}
    return {name: value for name, value in body.items() if name != first}
