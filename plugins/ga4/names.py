"""What events, parameters and user properties may be called.

Source: facts/vendors/ga4.md section 4 (user properties), section 5 (reserved names) and section 6 (lengths).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from router.plugin import kept_by_text, snake_case

MAX_NAME: Final = 40
MAX_PROPERTY_NAME: Final = 24

RESERVED_EVENTS: Final = frozenset(
    {
        "ad_activeview",
        "ad_click",
        "ad_exposure",
        "ad_impression",
        "ad_query",
        "adunit_exposure",
        "app_clear_data",
        "app_install",
        "app_remove",
        "app_store_refund",
        "app_store_subscription_cancel",
        "app_store_subscription_renew",
        "app_update",
        "error",
        "first_open",
        "first_visit",
        "in_app_purchase",
        "notification_dismiss",
        "notification_foreground",
        "notification_open",
        "notification_receive",
        "os_update",
        "screen_view",
        "session_start",
        "user_engagement",
    }
)
"""Google drops an event of such a name without a word."""
RESERVED_PARAMS: Final = frozenset({"firebase_conversion"})
RESERVED_PROPERTIES: Final = frozenset(
    {
        "first_open_time",
        "first_visit_time",
        "last_deep_link_referrer",
        "user_id",
        "first_open_after_install",
        "cid",
        "customer_id",
        "customerid",
        "sid",
        "uid",
        "userid",
    }
)
_RESERVED_PREFIXES: Final = ("_", "firebase_", "ga_", "google_", "gtag.")

PERSONAL_TRAITS: Final = frozenset(
    {
        "address.street",
        "avatar",
        "birthday",
        "description",
        "email",
        "firstName",
        "lastName",
        "name",
        "phone",
        "username",
        "website",
    }
)
"""Google forbids to say them of a person, or they tell the person."""
WHY_A_PERSONS: Final = "beside an email, a phone or another name it is a person's (pii_guard)"
"""Of a ``name`` that is left out."""
_NOT_A_WORD = re.compile("[^A-Za-z0-9_]+")


def event_name(text: str) -> str:
    """``Order  Completed!`` becomes ``order_completed``: lower case, accents off, ``_`` for the rest, at most 40 characters.

    A name that would begin with a digit or as Google's own names do has ``event_`` put before it.

    Raises:
        ValueError: no letter from a to z and no digit is in it.
    """
    name = _words(text).strip("_").lower()
    if not name:
        raise ValueError("expected a name with a letter from a to z")
    if name[0].isdigit() or name.startswith(_RESERVED_PREFIXES):
        name = f"event_{name}"
    return name[:MAX_NAME]


@kept_by_text(1024, 200)  # the products of an order have the same few keys
def param_name(key: str) -> str | None:
    """*key* with ``_`` for what is no letter, digit or ``_``; None where Google takes no such name, or has it for itself."""
    name = _words(key)[:MAX_NAME]
    return name if _is_free(name) and name not in RESERVED_PARAMS else None


def property_name(trait: str) -> str:
    """The user property of a trait: ``company.industry`` becomes ``company_industry``, ``createdAt`` is ``signup_date``.

    Raises:
        ValueError: Google takes no user property of that name.
    """
    name = "signup_date" if trait == "createdAt" else _words(snake_case(trait))
    if not _is_free(name) or len(name) > MAX_PROPERTY_NAME or name in RESERVED_PROPERTIES:
        raise ValueError(
            f"{trait}: expected a name of at most {MAX_PROPERTY_NAME} characters that begins with a letter, and none "
            "that Google has for itself"
        )
    return name


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return _NOT_A_WORD.sub("_", "".join(sign for sign in plain if not unicodedata.combining(sign)))


def _is_free(name: str) -> bool:
    return name[:1].isalpha() and not name.lower().startswith(_RESERVED_PREFIXES)
