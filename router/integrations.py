"""Integrations flags: which destinations a caller wants an event to reach. Pure; the rules are design.md's.

An event names a destination by its own name (or the one it had before), its plugin's display name, the plugin's slug or an
alias, in any case. The most specific name in the event decides; ``All`` speaks for destinations that it does not name. A
malformed flag means off: with flags, callers keep data from going somewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from router.rejection import excerpt, kind_of

NOT_DESTINATIONS: Final = frozenset({"all", "segment.io", "customer.io data pipelines"})
"""Folded names that match no destination and are no mistake: ``All``, and the names that browser SDKs add for the router itself
(facts/event-spec.md section 6.6; facts/ingest-protocol.md section 1, point 15)."""

_RANKS = ("destination name", "display name", "slug", "alias", "All")
_ALL = len(_RANKS) - 1


def fold(name: str) -> str:
    """*name* as it is compared: without case and surrounding blanks."""
    return name.strip().casefold()


@dataclass(frozen=True, slots=True)
class DestinationNames:
    """All names of one destination. Made once, when the config is loaded."""

    destination: str
    """Its own name, from the config."""
    display: str
    """The plugin's name, as the vendor spells it."""
    slug: str
    aliases: tuple[str, ...] = ()
    former: str | None = None
    """The name it had before, which events of that time still say, and callers who have not heard of the new one."""
    _ranks: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ranks: dict[str, int] = {}
        for rank, names in reversed(list(enumerate((self._own, (self.display,), (self.slug,), self.aliases)))):
            ranks |= {fold(name): rank for name in names}
        ranks["all"] = _ALL  # even if a destination is called "all"
        object.__setattr__(self, "_ranks", ranks)

    @property
    def _own(self) -> tuple[str, ...]:
        return (self.destination,) if self.former is None else (self.destination, self.former)

    @property
    def folded(self) -> frozenset[str]:
        """All names as `fold` makes them."""
        return frozenset(map(fold, (*self._own, self.display, self.slug, *self.aliases)))

    def rank(self, name: str) -> int | None:
        """How specific *name* is for this destination; 0 is the most specific, None another destination's name."""
        return self._ranks.get(fold(name))


@dataclass(frozen=True, slots=True)
class Flag:
    """What an event's ``integrations`` say about a destination."""

    is_on: bool
    reason: str
    """For explain and trace. It quotes the caller, so it must not become a metric's label."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The object given in place of ``true``; empty if there is none, or if the flag is off."""
    warnings: tuple[str, ...] = ()


def read_flags(integrations: Mapping[str, Any], names: DestinationNames, *, opt_in: bool = False) -> Flag:
    """Read what *integrations* say about the destination with these *names*.

    The most specific name that has a value decides. If equally specific names (two spellings of one name, two aliases)
    disagree, that means off; if several have options, later ones add to earlier ones. With *opt_in* the destination is off
    unless it is named itself: ``All`` can't switch it on.
    """
    if not integrations:
        return _UNNAMED_OPT_IN if opt_in else _UNNAMED
    warnings: list[str] = []
    found: dict[int, list[_Value]] = {}
    for name, value in integrations.items():
        rank = names.rank(name)
        if rank is not None:
            read = _read(name, value, warnings)
            if read is not None:
                found.setdefault(rank, []).append(read)
    if not found or (opt_in and min(found) == _ALL and all(value.is_on for value in found[_ALL])):
        return Flag(not opt_in, (_UNNAMED_OPT_IN if opt_in else _UNNAMED).reason, {}, tuple(warnings))
    rank = min(found)
    values = found[rank]
    if len({value.is_on for value in values}) > 1:
        spellings = " and ".join(f'"{value.name}"' for value in values)
        reason = f"integrations: {spellings} disagree ({_RANKS[rank]}), which is read as off"
        return Flag(False, reason, {}, (*warnings, reason))
    first = values[0]
    if not first.is_on:
        return Flag(False, f'integrations: "{first.name}" is {first.shown}', {}, tuple(warnings))
    options: dict[str, Any] = {}
    for value in values:
        options.update(value.options)
    return Flag(True, f'integrations: "{first.name}" is {first.shown}', options, tuple(warnings))


def unknown_names(integrations: Mapping[str, Any], known: Collection[str]) -> tuple[str, ...]:
    """The names that match no destination, as the caller wrote them, cut for showing.

    *known* are the names of all destinations as `fold` makes them (`DestinationNames.folded`, `folded_names`). Those of
    `NOT_DESTINATIONS` are never unknown.
    """
    folded = ((name, fold(name)) for name in integrations)
    return tuple(_shown(name) for name, key in folded if key not in known and key not in NOT_DESTINATIONS)


def unknown_warnings(integrations: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """A warning for each of the `unknown_names`."""
    return [f"integrations.{name}: names no destination" for name in unknown_names(integrations, known)]


def flag_warnings(integrations: Mapping[str, Any], destinations: Sequence[DestinationNames]) -> list[str]:
    """What is odd about *integrations*, where these are all *destinations*: each value, and each name that none of them has."""
    odd = [warning for names in destinations for warning in read_flags(integrations, names).warnings]
    return list(dict.fromkeys(odd + unknown_warnings(integrations, folded_names(destinations))))


def folded_names(destinations: Iterable[DestinationNames]) -> frozenset[str]:
    """What `unknown_names` takes as known, made once for all *destinations*."""
    return frozenset().union(*(names.folded for names in destinations))


@dataclass(frozen=True, slots=True)
class _Value:
    """One flag as read: the name, on or off, and the words for it."""

    name: str
    is_on: bool
    shown: str
    options: Mapping[str, Any] = field(default_factory=dict)


def _read(name: str, value: Any, warnings: list[str]) -> _Value | None:
    """Read one value; None if it counts as absent."""
    name = _shown(name)
    if isinstance(value, bool):
        return _Value(name, value, "true" if value else "false")
    if isinstance(value, Mapping):
        if fold(name) == "all":
            warnings.append('integrations: "All" is an object, read as true with options for every destination')
        return _Value(name, True, "an object with options", value)
    if value is None:
        warnings.append(f'integrations: "{name}" is null, read as absent')
        return None
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        is_on = value.strip().lower() == "true"
        warnings.append(f'integrations: "{name}" is text, read as the boolean {"true" if is_on else "false"}')
        return _Value(name, is_on, f"the text {excerpt(value)}")
    kind = f"the text {excerpt(value)}" if isinstance(value, str) else kind_of(value)
    warnings.append(f'integrations: "{name}" is {kind}, expected a boolean or an object; read as off')
    return _Value(name, False, f"malformed ({kind}), which is read as off")


def _shown(name: str) -> str:
    return name if len(name) <= 60 else name[:60] + "…"


_UNNAMED = Flag(True, "integrations: not named, so on")
_UNNAMED_OPT_IN = Flag(False, "opt_in: the event does not name this destination")
