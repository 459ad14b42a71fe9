"""The trace of a mapping, for explain: how each field came about, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where one field of the result came from. *source* and *to* are dotted paths."""

    source: str
    to: str
    converter: str = ""


@dataclass(slots=True)
class Trace:
    """The trace of one mapping. *unmapped* are dotted paths into the event; *warnings* are sentences."""

    lineage: list[Lineage] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
