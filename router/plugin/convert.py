"""Converters: one value in, one value out. A converter raises ValueError for a value that can't become what the vendor needs.

The field is then left out and explain says so; the event is sent all the same. Explain and the READMEs show the converters'
names.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import orjson

from router import dates
from router.event import looks_like_email
from router.plugin.kept import kept_by_text

Converter = Callable[[Any], Any]

_T = TypeVar("_T")

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_BETWEEN_DIGITS = re.compile(r"[\s().\-/]")
_TRUNK_ZERO = re.compile(r"^(\s*(?:\+|00)(?!39|378)[0-9]{1,3})\s*\(0\)")
"""``+44 (0)20``: dialled at home alone, and no part of the number. It is one in Italy and San Marino, from abroad as well."""
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_CURRENCY_SIGNS = "$€£¥"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WITH_HOST = re.compile("([a-z][a-z0-9+.-]*:)?//")
_CURRENCY = re.compile("[A-Z]{3}")
_COUNTRY = re.compile("[A-Z]{2}")
_TIMEZONE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(/[A-Za-z0-9_+-]+)*")
_OFFSET = re.compile(r"\s*(GMT|UTC)?[+-][0-9]{2}:?[0-9]{2}\b.*", re.DOTALL)
_LOCALE = re.compile("([A-Za-z]{2})([-_].*)?", re.DOTALL)
_TAG = re.compile("([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{2,8})*)([.@].*)?", re.DOTALL)
"""Of a language, with what a system may have behind it: ``en_US.UTF-8``, ``de_AT@euro``."""
_GENDERS = {
    "f": "female",
    "female": "female",
    "w": "female",
    "woman": "female",
    "m": "male",
    "male": "male",
    "man": "male",
    "o": "other",
    "other": "other",
    "n": "not applicable",
    "not applicable": "not applicable",
    "p": "prefer not to say",
    "prefer not to say": "prefer not to say",
}
_APP_PLATFORMS = {"ios": "ios", "ipados": "ios", "iphone os": "ios", "android": "android"}
LARGEST_INTEGER: Final = 2**63 - 1
"""Every JSON reader can hold this. A larger number could cost the whole request."""


def _moment(value: Any) -> dates.Moment:
    moment = dates.parse(value)
    if moment is None:
        raise ValueError("expected a date: ISO 8601, Unix seconds or Unix milliseconds")
    return moment


_LONGEST_KEPT = 2_000
"""Characters."""
_kept = kept_by_text(256, _LONGEST_KEPT)
"""For what is read again and again: every destination reads an event's time, most of them more than once, and pages have few
hosts."""


@_kept
def to_unix_seconds(value: Any) -> int:
    """A date as whole Unix seconds; a plain date is midnight UTC."""
    return int(dates.to_datetime(_moment(value)).timestamp() // 1)


@_kept
def to_unix_millis(value: Any) -> int:
    """A date as whole Unix milliseconds; a plain date is midnight UTC."""
    return round(dates.to_datetime(_moment(value)).timestamp() * 1000)


def to_iso_utc(value: Any) -> str:
    """``2024-08-24T14:15:22Z``; a plain date stays ``2024-08-24``."""
    return dates.to_iso(_moment(value))


@_kept
def to_naive_utc(value: Any) -> str:
    """``2024-08-24T14:15:22``: UTC without zone or fraction; a plain date is midnight."""
    return dates.to_datetime(_moment(value)).isoformat(timespec="seconds").removesuffix("+00:00")


def to_date(value: Any) -> str:
    """``2024-08-24``, the date in UTC."""
    return dates.to_datetime(_moment(value)).date().isoformat()


def to_text(value: Any) -> str:
    """Text as it is; numbers and booleans as JSON writes them; objects and lists are refused."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float) and abs(value) != math.inf and value == value:
        return _to_json(value)
    raise ValueError("expected text")


def to_lower(value: Any) -> str:
    """Text without surrounding blanks, in lower case."""
    return to_text(value).strip().lower()


def not_blank(value: Any) -> str:
    """Text without surrounding blanks. Text of nothing but blanks is refused."""
    text = to_text(value).strip()
    if not text:
        raise ValueError("expected text that is not blank")
    return text


def to_id(value: Any) -> str:
    """An id as it is, blanks around it too: without them it would be another. Text of nothing but blanks is refused."""
    text = to_text(value)
    if not text.strip():
        raise ValueError("expected an id that is not blank")
    return text


def to_email(value: Any) -> str:
    """An email address, trimmed and in lower case."""
    text = to_lower(value)
    if not looks_like_email(text):
        raise ValueError("expected an email address")
    return text


def to_json_text(value: Any) -> str:
    """Text as it is, anything else as JSON in a string."""
    return value if isinstance(value, str) else _to_json(value)


def _to_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise ValueError("expected what JSON can hold") from None


TEXT_AS_IT_IS: Final[frozenset[Converter]] = frozenset({to_text, to_json_text})
"""Converters that return text unchanged, so a mapper need not call them for text."""


def to_number(value: Any) -> int | float:
    """A number of at most 64 bits; digits in a string become one.

    Commas may only group thousands (``1,234.50``). ``19,99`` is refused: its comma could mean either.
    """
    number = _from_digits(value.strip()) if isinstance(value, str) else value
    if isinstance(number, int) and not isinstance(number, bool) and abs(number) <= LARGEST_INTEGER:
        return number
    if isinstance(number, float) and math.isfinite(number):
        return number
    raise ValueError("expected a number")


def _from_digits(text: str) -> int | float:
    if "," in text:
        if not _GROUPED.fullmatch(text):
            raise ValueError("expected a number with a point before its decimals")
        text = text.replace(",", "")
    if "_" in text:  # Python would ignore it, but an order number such as 12_34 is not an amount
        raise ValueError("expected a number")
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise ValueError("expected a number") from None


def to_latitude(value: Any) -> int | float:
    """Degrees from -90 to 90."""
    return _degrees(value, 90)


def to_longitude(value: Any) -> int | float:
    """Degrees from -180 to 180."""
    return _degrees(value, 180)


def _degrees(value: Any, most: int) -> int | float:
    number = to_number(value)
    if abs(number) > most:
        raise ValueError(f"expected degrees from -{most} to {most}")
    return number


def to_integer(value: Any) -> int:
    """A whole number of at most 64 bits, rounded half up."""
    return _whole(_decimal(value))


def to_amount(value: Any) -> int | float:
    """An amount of money in major units: ``$19.99`` becomes 19.99. A currency sign may precede the number."""
    return to_number(value.strip().lstrip(_CURRENCY_SIGNS) if isinstance(value, str) else value)


def to_cents(value: Any) -> int:
    """Major units to hundredths, rounded: 19.99 becomes 1999. A currency sign may precede the number."""
    return _whole(_decimal(to_amount(value)) * 100)


def _decimal(value: Any) -> Decimal:
    return Decimal(str(to_number(value)))


def _whole(number: Decimal) -> int:
    whole = int(number.to_integral_value(ROUND_HALF_UP))
    if abs(whole) > LARGEST_INTEGER:
        raise ValueError("expected a smaller number")
    return whole


def to_boolean(value: Any) -> bool:
    """A boolean; ``true``/``false`` in any case and 1/0 become one, in a string too."""
    word = value.strip().lower() if isinstance(value, str) else value
    if word in (True, "true", "1"):
        return True
    if word in (False, "false", "0"):
        return False
    raise ValueError("expected true or false")


def to_e164(value: Any) -> str:
    """A phone number as ``+`` and 7 to 15 digits. Blanks, dashes, dots, brackets and a ``(0)`` after the country are taken out.
    No country is guessed."""
    text = to_text(value)
    if _E164.fullmatch(text):
        return text
    text = _BETWEEN_DIGITS.sub("", _TRUNK_ZERO.sub(r"\1", text))
    if text.startswith("00"):
        text = "+" + text[2:]
    if not _E164.fullmatch(text):
        raise ValueError("expected a phone number in E.164 form, such as +14155550123")
    return text


def to_phone(value: Any) -> str:
    """A phone number as ``+`` and digits where it says its country, else as it came, for vendors that take any text but know a
    number best by that form."""
    try:
        return to_e164(value)
    except ValueError:
        return to_text(value).strip()


def to_url(value: Any) -> str:
    """An absolute http or https address."""
    text = to_text(value).strip()
    if not text.lower().startswith(("http://", "https://")) or not _host_of(text):
        raise ValueError("expected an absolute http or https address")
    return text


@_kept
def to_host(value: Any) -> str:
    """The host of an address."""
    host = _host_of(to_text(value).strip())
    if not host:
        raise ValueError("expected an address with a host")
    return host


def to_domain(value: Any) -> str:
    """The domain of a website, without ``www.``. The website may lack its ``https://``, as where people type it themselves."""
    text = to_lower(value)
    domain = to_host(text if _WITH_HOST.match(text) else f"//{text}").removeprefix("www.").strip(".")
    if "." not in domain or any(map(str.isspace, domain)):
        raise ValueError("expected a domain, or an address with one")
    return domain


def _host_of(text: str) -> str | None:
    """The host of an address. Only its start is looked at: Python caches the texts that it splits, whole."""
    return urlsplit(text[:_LONGEST_KEPT]).hostname


@_kept
def to_ip(value: Any) -> str:
    """An IPv4 or IPv6 address."""
    try:
        return str(ip_address(to_text(value).strip()))
    except ValueError:
        raise ValueError("expected an IPv4 or IPv6 address") from None


def to_currency(value: Any) -> str:
    """A currency by the three letters of ISO 4217, in upper case."""
    text = to_text(value).strip().upper()
    if not _CURRENCY.fullmatch(text):
        raise ValueError("expected a currency of three letters, such as EUR")
    return text


def to_country(value: Any) -> str:
    """A country by the two letters of ISO 3166-1, in upper case; its name is refused."""
    text = to_text(value).strip().upper()
    if not _COUNTRY.fullmatch(text):
        raise ValueError("expected a country of two letters, such as PT")
    return text


def to_language(value: Any) -> str:
    """The two letters that a locale begins with: ``en`` of ``en-GB``."""
    match = _LOCALE.fullmatch(to_text(value).strip())
    if match is None:
        raise ValueError("expected a locale such as en-GB")
    return match[1].lower()


def to_locale(value: Any) -> str:
    """A locale as BCP 47 writes it: ``en-US``, also of ``EN_US.UTF-8``."""
    match = _TAG.fullmatch(to_text(value).strip())
    if match is None:
        raise ValueError("expected a locale such as en-GB")
    return match[1].lower() + match[2].replace("_", "-")


def named_timezone(value: Any) -> str:
    """A time zone as it is written, without surrounding blanks. An offset such as ``GMT+0100``, which one SDK sends for it, is
    none and is left out, as an empty text is: either would take the place of the one that is known."""
    text = text_only(value).strip()
    if not text or _OFFSET.fullmatch(text):
        raise ValueError("expected a time zone such as Europe/London")
    return text


def to_timezone(value: Any) -> str:
    """A name of the tz database, by its shape: ``Europe/London``, for vendors that may refuse a person for another."""
    text = named_timezone(value)
    if not _TIMEZONE.fullmatch(text):
        raise ValueError("expected a time zone such as Europe/London")
    return text


def to_app_platform(value: Any) -> str:
    """``ios`` or ``android``, from the type of a device or the name of its system, in any letter case; an iPad's is ``ios``."""
    return _in_one_word(value, _APP_PLATFORMS, "expected iOS or Android")


def to_advertising_id(value: Any) -> str:
    """The id of a device for ads, without surrounding blanks. The one of zeros is everybody's who has refused to be tracked."""
    text = text_only(value).strip()
    if not text.strip("0-"):
        raise ValueError("expected an id that is not all zeros")
    return text


def to_gender(value: Any) -> str:
    """``female``, ``male``, ``other``, ``not applicable`` or ``prefer not to say``, from the word or its letter."""
    return _in_one_word(value, _GENDERS, "expected one of male, female, other, not applicable, prefer not to say")


def _in_one_word(value: Any, words: Mapping[str, str], expected: str) -> str:
    word = words.get(to_lower(value))
    if word is None:
        raise ValueError(expected)
    return word


def to_sha256(value: Any) -> str:
    """SHA-256 of the trimmed, lower-cased text, in lower-case hex. Text that is already a hash (64 hex digits) stays."""
    text = to_lower(value)
    if not text:
        raise ValueError("expected text that is not blank")  # everybody's would have the same hash
    return text if _SHA256.fullmatch(text) else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def text_only(value: Any) -> str:
    """Text as it is; anything else is left out. For traits that arrive as text or as an object."""
    if isinstance(value, str):
        return value
    raise ValueError("expected text")


def to_first_name(value: Any) -> str:
    """The part of a full name before its first blank. Put the row for ``firstName`` after this one, so that it wins.

    Source: facts/event-spec.md section 4, derived values (the last name too).
    """
    return _name_parts(value)[0]


def to_last_name(value: Any) -> str:
    """The part of a full name after its first blank: ``Lee Ray`` of ``Ann Lee Ray``. A single word is refused."""
    _, last = _name_parts(value)
    if not last:
        raise ValueError("a name of one word has no last name")
    return last


def _name_parts(value: Any) -> tuple[str, str]:
    first, *rest = text_only(value).split(maxsplit=1) or [""]
    if not first:
        raise ValueError("expected a name")
    return first, rest[0].strip() if rest else ""


def name_of(converter: Converter | None) -> str:
    """What explain and the READMEs call it; "" for none. A `functools.partial` has no name of its own, nor has an object that
    can be called."""
    if isinstance(converter, partial):
        return name_of(converter.func)
    return "" if converter is None else getattr(converter, "__name__", type(converter).__name__)


def cut(limit: int) -> Converter:
    """Text cut to *limit* characters."""

    def cut(value: Any) -> str:
        return to_text(value)[:limit]

    cut.__name__ = f"cut({limit})"
    cut.__doc__ = f"Text cut to {limit} characters."
    return cut


def at_most(limit: int, converter: Converter = to_text) -> Converter:
    """What *converter* makes, refused if longer than *limit*. For values that must not be cut: two ids could become one, and
    half an address leads nowhere."""

    def at_most(value: Any) -> str:
        text: str = converter(value)
        if len(text) > limit:
            raise ValueError(f"expected at most {limit} characters")
        return text

    at_most.__name__ = f"{name_of(converter)}, at_most({limit})"
    at_most.__doc__ = f"{converter.__doc__} At most {limit} characters."
    return at_most


def cut_bytes(limit: int) -> Converter:
    """Text cut to *limit* bytes of UTF-8, never inside a character."""

    def cut(value: Any) -> str:
        text = to_text(value)
        data = text.encode("utf-8", "replace")
        return text if len(data) <= limit else data[:limit].decode("utf-8", "ignore")

    cut.__name__ = f"cut_bytes({limit})"
    cut.__doc__ = f"Text cut to {limit} bytes."
    return cut


def chain(*converters: Converter) -> Converter:
    """Several converters, left to right."""

    def chained(value: Any) -> Any:
        for converter in converters:
            value = converter(value)
        return value

    chained.__name__ = ", ".join(map(name_of, converters))
    chained.__doc__ = " ".join(converter.__doc__ or "" for converter in converters)
    return chained
