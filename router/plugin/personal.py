"""Names that tell who somebody is: for vendors that may be told of nobody, or in hashes alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

_NO_LETTER: Final = re.compile("[^a-z]")
_PERSONAL: Final = frozenset(
    {
        "addressline",  # address_line_1, too
        "birthdate",
        "birthday",
        "cellphone",
        "dateofbirth",
        "dob",
        "email",
        "emailaddress",
        "familyname",
        "firstname",
        "fullname",
        "givenname",
        "lastname",
        "middlename",
        "mobilenumber",
        "mobilephone",
        "phone",
        "phonenumber",
        "street",
        "streetaddress",
        "surname",
        "telephone",
        "username",
    }
)
"""By their letters. A ``name`` may be that of a product or a page."""
_BESIDE_A_NAME: Final = frozenset(
    {"email", "emailaddress", "firstname", "lastname", "phone", "phonenumber", "telephone"}
)


def tells_person(name: str, others: Collection[str] = ()) -> bool:
    """Whether a property or a parameter called *name* tells who somebody is, in whatever spelling: ``First Name``,
    ``address_line_1``. *others* are further such names, in small letters alone (``zipcode``)."""
    letters = _letters(name)
    return letters in _PERSONAL or letters in others


def tells_whose_name(names: Iterable[str]) -> bool:
    """Whether a ``name`` beside properties called *names* is a person's: there is an email, a phone or another name."""
    return not _BESIDE_A_NAME.isdisjoint(map(_letters, names))


def _letters(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())
