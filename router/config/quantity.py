"""Quantities: text with a unit for operators, a plain number for code."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

DAY_S = 86_400.0

_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)"

_DURATION_UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""In milliseconds, largest first."""
_DURATION = re.compile(r"\s*".join(rf"(?:{_NUMBER}\s*{unit})?" for unit in _DURATION_UNITS))

_SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZES_BY_NAME = {unit.lower(): size for unit, size in _SIZE_UNITS.items()}
_SIZE = re.compile(rf"{_NUMBER}\s*([A-Za-z]+)")

_RATE_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600}
_RATE = re.compile(rf"{_NUMBER}\s*/\s*([a-z]+)")


def parse_duration(text: str) -> float | None:
    """Seconds of "10s", "200ms", "7d", "1h30m" (weeks to milliseconds, each once, largest first); None if *text* is no
    duration."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    millis = sum(
        Decimal(number) * unit for number, unit in zip(found.groups(), _DURATION_UNITS.values(), strict=True) if number
    )
    return float(Decimal(millis) / 1000)


def parse_size(text: str) -> int | None:
    """Bytes of "10MB" (10^6) or "10MiB" (2^20), in any case; None if *text* is no size. "10M" is none: it could mean either."""
    found = _SIZE.fullmatch(text.strip())
    unit = _SIZES_BY_NAME.get(found.group(2).lower()) if found else None
    return int(Decimal(found.group(1)) * unit) if found and unit else None


def parse_rate(text: str) -> float | None:
    """Times a second of "100/s", "6000/min" or "10/h"; None if *text* is no rate."""
    found = _RATE.fullmatch(text.strip().lower())
    unit = _RATE_UNITS.get(found.group(2)) if found else None
    return float(Decimal(found.group(1)) / unit) if found and unit else None


def write_duration(seconds: float) -> str:
    """In the largest unit that needs no fraction: 10.0 is "10s", 604800 is "7d"."""
    millis = round(seconds * 1000)
    if not millis:
        return "0s"
    # Nobody writes "1w" for seven days.
    return next(
        f"{millis // size}{unit}" for unit, size in _DURATION_UNITS.items() if unit != "w" and millis % size == 0
    )


def write_size(size: float) -> str:
    """In the largest unit that needs no fraction: 20 000 000 000 is "20GB"."""
    count = int(size)
    units = sorted(((unit, factor) for unit, factor in _SIZE_UNITS.items() if unit != "KB"), key=lambda pair: -pair[1])
    return next((f"{count // factor}{unit}" for unit, factor in units if count and count % factor == 0), "0B")


def write_rate(per_s: float) -> str:
    """In the smallest unit of time that needs no fraction: 0.5 is "30/min"."""
    for unit in ("s", "min", "h"):
        count = per_s * _RATE_UNITS[unit]
        if abs(count - round(count)) < 1e-6:
            return f"{round(count)}/{unit}"
    return f"{per_s:g}/s"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Metadata of a field, so that errors can use the units that operators write."""

    noun: str
    examples: str
    parse: Callable[[str], float | None]
    write: Callable[[float], str]

    @property
    def expected(self) -> str:
        return f"{self.noun} such as {self.examples}"

    def read(self, value: Any, info: ValidationInfo) -> Any:
        """Read a value. Code may give numbers; in a file (`FROM_FILE`) a number without a unit is refused."""
        if isinstance(value, str):
            number = self.parse(value)
            if number is not None:
                return number
        elif isinstance(value, int | float) and not isinstance(value, bool) and info.context is not FROM_FILE:
            return value
        raise PydanticCustomError("quantity", "expected {expected}", {"expected": self.expected})


FROM_FILE = {"written_by": "operator"}
"""The validation context for everything that comes from a config file."""

DURATION = Quantity("a duration", "10s, 200ms or 1h30m", parse_duration, write_duration)
SIZE = Quantity("a size", "10MB or 10MiB", parse_size, write_size)
RATE = Quantity("a rate", "100/s or 6000/min", parse_rate, write_rate)

Seconds = Annotated[float, BeforeValidator(DURATION.read), DURATION]
Bytes = Annotated[int, BeforeValidator(SIZE.read), SIZE]
PerSecond = Annotated[float, BeforeValidator(RATE.read), RATE]
