"""The reserved traits: their canonical names and every other spelling of them.

Source: facts/event-spec.md section 4 (Segment spec, 2025 text); the lists in design.md, "Words".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

USER_TRAITS: Final = (
    "address",
    "age",
    "avatar",
    "birthday",
    "company",
    "createdAt",
    "description",
    "email",
    "firstName",
    "gender",
    "id",
    "lastName",
    "name",
    "phone",
    "title",
    "username",
    "website",
)

GROUP_TRAITS: Final = (
    "address",
    "avatar",
    "createdAt",
    "description",
    "email",
    "employees",
    "id",
    "industry",
    "name",
    "phone",
    "website",
    "plan",
)

NESTED_TRAITS: Final[Mapping[str, tuple[str, ...]]] = {
    "address": ("city", "country", "postalCode", "state", "street"),
    "company": ("name", "id", "industry", "employee_count", "plan"),
}
"""The keys inside the two traits that are objects, in their canonical spelling."""

DATE_TRAITS: Final = frozenset({"createdAt", "birthday"})


def snake_case(name: str) -> str:
    """``createdAt`` becomes ``created_at``. A snake_case name stays as it is."""
    return "".join("_" + char.lower() if char.isupper() else char for char in name)


def camel_case(name: str) -> str:
    """``created_at`` becomes ``createdAt``. A camelCase name stays as it is."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def canonical_trait(path: str, reserved: Collection[str]) -> str:
    """The canonical name of a trait, or of a part of one, that an operator names: ``address.postal_code`` becomes
    ``address.postalCode``. A path that is not in *reserved* stays as it is."""
    name, dot, part = path.partition(".")
    trait = camel_case(name)
    if trait not in reserved:
        return path
    parts = {snake_case(each): each for each in NESTED_TRAITS.get(trait, ())}
    return trait + dot + parts.get(snake_case(part), part)
