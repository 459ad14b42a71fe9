"""What a model knows about the value at a path: its type, its limits, its default."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from router.config.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Known:
    """What a model knows about one of its fields."""

    types: tuple[Any, ...]
    """The alternative types, without None; for lists and mappings also the types of what they hold."""
    metadata: tuple[Any, ...]
    default: Any = PydanticUndefined
    description: str = ""

    @classmethod
    def of_field(cls, field: FieldInfo) -> Known:
        types, metadata = _unwrap(field.annotation)
        default = PydanticUndefined if field.default_factory is not None else field.default
        return cls(types, (*field.metadata, *metadata), default, field.description or "")

    @classmethod
    def of_type(cls, annotation: Any) -> Known:
        return cls(*_unwrap(annotation))

    @property
    def quantity(self) -> Quantity | None:
        return next((each for each in self.metadata if isinstance(each, Quantity)), None)

    @property
    def is_showable(self) -> bool:
        """True for numbers, booleans, quantities and choices. Any text may be a secret in the wrong place."""
        return bool(self.types) and (
            self.quantity is not None
            or all(
                get_origin(each) is Literal or (isinstance(each, type) and issubclass(each, bool | int | float | Enum))
                for each in self.types
            )
        )

    @property
    def is_secret(self) -> bool:
        return any(each in (SecretStr, SecretBytes) for each in self.types)

    @property
    def model(self) -> type[BaseModel] | None:
        return next((each for each in self.types if isinstance(each, type) and issubclass(each, BaseModel)), None)

    def step(self, part: str | int) -> Known | None:
        """What is known one level down."""
        model = self.model
        if model is not None and isinstance(part, str):
            return next(
                (Known.of_field(field) for name, field in model.model_fields.items() if part == key_of(name, field)),
                None,
            )
        for each in self.types:
            arguments = [argument for argument in get_args(each) if argument is not Ellipsis]
            if get_origin(each) is not Literal and arguments:
                return Known.of_type(arguments[-1])
        return None


def key_of(name: str, field: FieldInfo) -> str:
    """A field's key in the file."""
    return field.alias or name


def find(model: type[BaseModel], path: Iterable[str | int]) -> Known | None:
    """What is known of the value at *path* within *model*."""
    known: Known | None = Known.of_type(model)
    for part in path:
        known = known.step(part) if known else None
    return known


def _unwrap(annotation: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The alternatives of an annotation, and the metadata within it."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        types, more = _unwrap(inner)
        fields = [one for each in metadata if isinstance(each, FieldInfo) for one in each.metadata]
        return types, (*metadata, *fields, *more)
    if get_origin(annotation) in (Union, UnionType):
        parts = [_unwrap(each) for each in get_args(annotation) if each is not NoneType]
        return tuple(one for types, _ in parts for one in types), tuple(one for _, more in parts for one in more)
    return (annotation,), ()


def limits_of(known: Known | None) -> str:
    """ "1 to 64", "at least 1", "more than 0/s"; "" if there are no limits."""
    if known is None:
        return ""
    bounds: dict[str, Any] = {}
    for each in known.metadata:
        for part in each if isinstance(each, annotated_types.Interval) else [each]:
            for name in ("ge", "gt", "le", "lt"):
                limit = getattr(part, name, None)
                if limit is not None:
                    bounds[name] = known.quantity.write(limit) if known.quantity else limit
    if "ge" in bounds and "le" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return " and ".join(f"{words[name]} {limit}" for name, limit in bounds.items())
