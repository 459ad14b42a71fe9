"""How documents describe a field of a settings model: its type and its default."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo


def type_name(field: FieldInfo) -> str:
    """``secret``, ``whole number``, ``list of text`` …; for a choice, its values in backticks."""
    return _name_of(field.annotation)


def default_value(field: FieldInfo) -> Any:
    """The default as JSON, a secret as text; None if there is none."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def _name_of(annotation: Any) -> str:
    if annotation is SecretStr:
        return "secret"
    if get_origin(annotation) is Annotated:  # inside a list; pydantic unwraps a field's own
        return _name_of(get_args(annotation)[0])
    if get_origin(annotation) is not None:
        options: Sequence[Any] = [each for each in get_args(annotation) if each is not type(None)]
        if get_origin(annotation) in (list, tuple, set, frozenset):
            return "list of " + _name_of(options[0])
        if get_origin(annotation) is dict:
            return "map"
        return ", ".join(
            (f"`{each}`" if each != "" else "empty") if isinstance(each, str | int) else _name_of(each)
            for each in options
        )
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return ", ".join(f"`{each.value}`" for each in annotation)
    names = {str: "text", int: "whole number", float: "number", bool: "true, false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))
