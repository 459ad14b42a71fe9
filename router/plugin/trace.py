"""What explain wants to know of a mapping."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where one field of the result came from."""

    source: str
    to: str
    converter: str = ""


@dataclass(slots=True)
class Trace:
    """What explain wants to know of one mapping."""

    lineage: list[Lineage] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
