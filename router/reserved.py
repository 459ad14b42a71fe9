"""Puts reserved traits right: canonical names, dates in one form, nothing empty.

Custom traits pass unchanged. Sources: facts/event-spec.md section 4; design.md, "Words" and "Null, empty, absent".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from router import dates
from router.event import Document
from router.traits import DATE_TRAITS, GROUP_TRAITS, NESTED_TRAITS, USER_TRAITS, camel_case, snake_case

Spellings = Mapping[str, str]
"""From each accepted spelling to the canonical name."""


_Reader = Callable[[Any, str, list[str]], Any]
"""(value, path for warnings, warnings) → the value put right."""


def spellings_of(names: Iterable[str]) -> dict[str, str]:
    """Both spellings of each of the canonical *names*."""
    return {spelling: name for name in names for spelling in (snake_case(name), camel_case(name), name)}


USER_SPELLINGS: Final = spellings_of(USER_TRAITS)
GROUP_SPELLINGS: Final = spellings_of(GROUP_TRAITS)
NESTED_SPELLINGS: Final = {name: spellings_of(keys) for name, keys in NESTED_TRAITS.items()}


def canonical_traits(traits: Mapping[str, Any], spellings: Spellings, where: str, warnings: list[str]) -> Document:
    """A copy of *traits* with every reserved trait under its canonical name and its value put right. Idempotent.

    If both spellings are given, the camelCase one wins. Empty values (blank text, ``{}``, ``[]``) of reserved traits are left
    out first, so they never win; null is a value. *where* is the path shown in *warnings*: ``traits``.
    """
    return _canonical(traits, spellings, where, warnings, _READERS)


def fill_name(traits: Document) -> None:
    """Set ``name`` from ``firstName`` and ``lastName`` if it is absent and both are there. A null name stays null.

    Where both are null, so is the name: vendors have it from here, and no caller who clears the two would think of it.
    """
    if "name" in traits:
        return
    first, last = traits.get("firstName"), traits.get("lastName")
    if isinstance(first, str) and isinstance(last, str):
        traits["name"] = f"{first.strip()} {last.strip()}"
    elif first is last is None and {"firstName", "lastName"} <= traits.keys():
        traits["name"] = None


def _canonical(
    values: Mapping[str, Any], spellings: Spellings, where: str, warnings: list[str], readers: Mapping[str, _Reader]
) -> Document:
    result: Document = {}
    for key, value in values.items():
        name = spellings.get(key)
        if name is None:
            result[key] = value
            continue
        if name in readers:
            value = readers[name](value, where, warnings)
        if _is_empty(value):
            continue
        if name in result:
            camel = camel_case(name)
            if result[name] != value:
                warnings.append(f"{where}: {camel} and {snake_case(name)} are both given and differ; {camel} is used")
            if key != camel:
                continue
        result[name] = value
    return result


def _is_empty(value: Any) -> bool:
    """Whether *value* is blank text, ``{}`` or ``[]``. Null is a value."""
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, dict | list) and not value


def _read_date(value: Any, where: str, warnings: list[str], name: str) -> Any:
    if value is None or _is_empty(value):
        return value
    moment = dates.parse(value)
    if moment is None:
        warnings.append(f"{where}.{name}: no date (ISO 8601, Unix seconds or milliseconds); kept as it came")
        return value
    return dates.to_iso(moment)


def _date_reader(name: str) -> _Reader:
    return lambda value, where, warnings: _read_date(value, where, warnings, name)


def _read_birthday(value: Any, where: str, warnings: list[str]) -> Any:
    """A day, wherever somebody was born: written as the midnight that it begins at, in UTC it might be the day before."""
    day = dates.day_begun(value)
    return day.isoformat() if day is not None else _read_date(value, where, warnings, "birthday")


def _read_email(value: Any, where: str, warnings: list[str]) -> Any:
    return value.strip() if isinstance(value, str) else value


def _read_address(value: Any, where: str, warnings: list[str]) -> Any:
    if isinstance(value, dict):
        return _canonical(value, NESTED_SPELLINGS["address"], where + ".address", warnings, {})
    return value


def _read_company(value: Any, where: str, warnings: list[str]) -> Any:
    if isinstance(value, str) and value.strip():
        return {"name": value}
    if isinstance(value, dict):
        return _canonical(value, NESTED_SPELLINGS["company"], where + ".company", warnings, {})
    return value


_READERS: Final[Mapping[str, _Reader]] = {
    "email": _read_email,
    "address": _read_address,
    "company": _read_company,
    **{name: _date_reader(name) for name in DATE_TRAITS},
    "birthday": _read_birthday,
}
