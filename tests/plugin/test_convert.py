"""Converters: what each makes of what callers send; and whatever comes, the only error is a ValueError."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plugin import Converter, convert

MOMENT = "2024-08-24T14:15:22Z"
ALL: list[Converter] = [
    convert.to_unix_seconds,
    convert.to_unix_millis,
    convert.to_iso_utc,
    convert.to_naive_utc,
    convert.to_date,
    convert.to_text,
    convert.to_lower,
    convert.to_email,
    convert.to_json_text,
    convert.to_number,
    convert.to_integer,
    convert.to_amount,
    convert.to_cents,
    convert.to_boolean,
    convert.to_e164,
    convert.to_phone,
    convert.to_url,
    convert.to_sha256,
    convert.not_blank,
    convert.to_host,
    convert.to_domain,
    convert.to_ip,
    convert.to_currency,
    convert.to_country,
    convert.to_language,
    convert.to_locale,
    convert.named_timezone,
    convert.to_timezone,
    convert.to_id,
    convert.to_latitude,
    convert.to_longitude,
    convert.to_gender,
    convert.to_app_platform,
    convert.to_advertising_id,
    convert.cut(3),
    convert.at_most(3),
    convert.text_only,
    convert.to_first_name,
    convert.to_last_name,
    convert.cut_bytes(10),
    convert.chain(convert.to_text, convert.to_lower),
]

CONVERTED: list[tuple[Converter, Any, Any]] = [
    (convert.to_unix_seconds, MOMENT, 1724508922),
    (convert.to_unix_seconds, "2024-08-24T16:15:22+02:00", 1724508922),
    (convert.to_unix_seconds, "2024-08-24T14:15:22.999Z", 1724508922),
    (convert.to_unix_seconds, "2024-08-24", 1724457600),
    (convert.to_unix_seconds, 1724508922, 1724508922),
    (convert.to_unix_seconds, 1724508922123, 1724508922),
    (convert.to_unix_seconds, "1724508922", 1724508922),
    (convert.to_unix_seconds, "1969-12-31T23:59:59.500Z", -1),
    (convert.to_unix_seconds, "1815-12-10", -4861728000),
    (convert.to_unix_millis, "2024-08-24T14:15:22.123Z", 1724508922123),
    (convert.to_unix_millis, "1969-12-31T23:59:59.999Z", -1),
    (convert.to_unix_millis, "2024-08-24", 1724457600000),
    (convert.to_iso_utc, "2024-08-24T16:15:22+02:00", MOMENT),
    (convert.to_iso_utc, "2024-08-24", "2024-08-24"),
    (convert.to_naive_utc, "2024-08-24T16:15:22.5+02:00", "2024-08-24T14:15:22"),
    (convert.to_naive_utc, "2024-08-24", "2024-08-24T00:00:00"),
    (convert.to_naive_utc, "0815-01-02", "0815-01-02T00:00:00"),
    (convert.to_date, "2024-08-24T23:15:22-02:00", "2024-08-25"),
    (convert.to_date, "2024-08-24", "2024-08-24"),
    (convert.to_text, "a", "a"),
    (convert.to_text, "", ""),
    (convert.to_text, 7, "7"),
    (convert.to_text, 7.5, "7.5"),
    (convert.to_text, True, "true"),
    (convert.to_lower, "  Ada@Example.TEST\n", "ada@example.test"),
    (convert.to_json_text, "a", "a"),
    (convert.to_json_text, {"a": [1, None]}, '{"a":[1,null]}'),
    (convert.to_json_text, None, "null"),
    (convert.to_number, 7, 7),
    (convert.to_number, 7.5, 7.5),
    (convert.to_number, " 36 ", 36),
    (convert.to_number, "-3.50", -3.5),
    (convert.to_number, "+4", 4),
    (convert.to_number, "1,234,567.50", 1234567.5),
    (convert.to_number, "1,234", 1234),
    (convert.to_number, "1e3", 1000.0),
    (convert.to_number, 2**63 - 1, 2**63 - 1),
    (convert.to_integer, "2.5", 3),
    (convert.to_integer, -2.5, -3),
    (convert.to_integer, 2.4999, 2),
    (convert.to_amount, 19.99, 19.99),
    (convert.to_amount, "$19.99", 19.99),
    (convert.to_amount, "€ 1,234.5", 1234.5),
    (convert.to_cents, 19.99, 1999),
    (convert.to_cents, "19.99", 1999),
    (convert.to_cents, "$19.99", 1999),
    (convert.to_cents, "€ 1,234.5", 123450),
    (convert.to_cents, 0.005, 1),
    (convert.to_cents, 1.005, 101),
    (convert.to_cents, -1, -100),
    (convert.to_boolean, True, True),
    (convert.to_boolean, 0, False),
    (convert.to_boolean, " TRUE ", True),
    (convert.to_boolean, "false", False),
    (convert.to_boolean, "1", True),
    (convert.to_boolean, " 0", False),
    (convert.to_e164, "+44 20 7946-0000", "+442079460000"),
    (convert.to_e164, "0044 (20) 7946.0000", "+442079460000"),
    (convert.to_e164, "+44 (0)20 7946 0000", "+442079460000"),
    (convert.to_e164, "0044(0) 20 7946 0000", "+442079460000"),
    (convert.to_e164, "+39 (0)6 1234567", "+39061234567"),
    (convert.to_e164, "00378 (0)549 123456", "+3780549123456"),
    (convert.to_e164, "+1 (555) 0100 (0) 1", "+1555010001"),
    (convert.to_phone, "0044 20 7946-0000", "+442079460000"),
    (convert.to_phone, " 020 7946 0000", "020 7946 0000"),
    (convert.to_url, " https://example.test/a ", "https://example.test/a"),
    (convert.to_url, "HTTP://example.test", "HTTP://example.test"),
    (convert.to_sha256, " ADA@example.test", "b97222ea69dadf792baa97fa768ecb840a0023714c831ab1328838cba9f7f437"),
    (
        convert.to_sha256,
        "B97222EA69dadf792baa97fa768ecb840a0023714c831ab1328838cba9f7f437\n",
        "b97222ea69dadf792baa97fa768ecb840a0023714c831ab1328838cba9f7f437",
    ),
    (convert.to_sha256, "a" * 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"),
    (convert.not_blank, " a b ", "a b"),
    (convert.not_blank, 7, "7"),
    (convert.to_host, " https://Shop.example.test:8443/a?b#c", "shop.example.test"),
    (convert.to_domain, " https://www.Engine.example.test:8443/a?b", "engine.example.test"),
    (convert.to_domain, "Engine.example", "engine.example"),
    (convert.to_domain, "//engine.example/a", "engine.example"),
    (convert.to_domain, "engine.example:8080/x", "engine.example"),
    (convert.to_domain, "engine.example/?to=https://other.example", "engine.example"),
    (convert.to_domain, "www.engine.example.", "engine.example"),
    (convert.to_ip, " 203.0.113.9 ", "203.0.113.9"),
    (convert.to_ip, " 2001:DB8::1 ", "2001:db8::1"),
    (convert.to_currency, " eur", "EUR"),
    (convert.to_country, " pt ", "PT"),
    (convert.to_language, " en-GB", "en"),
    (convert.to_language, "PT_BR", "pt"),
    (convert.to_language, "de", "de"),
    (convert.to_locale, "en", "en"),
    (convert.to_locale, "zh_Hans_CN", "zh-Hans-CN"),
    (convert.to_locale, " EN_US.UTF-8", "en-US"),
    (convert.to_locale, "de_AT@euro", "de-AT"),
    (convert.named_timezone, "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
    (convert.named_timezone, "Etc/GMT+5", "Etc/GMT+5"),
    (convert.named_timezone, "GMT+0", "GMT+0"),
    (convert.named_timezone, " Europe/Lisbon ", "Europe/Lisbon"),
    (convert.named_timezone, "Eastern Time (US & Canada)", "Eastern Time (US & Canada)"),
    (convert.to_timezone, " America/Argentina/Buenos_Aires ", "America/Argentina/Buenos_Aires"),
    (convert.to_timezone, "UTC", "UTC"),
    (convert.to_timezone, "EST5EDT", "EST5EDT"),
    (convert.to_timezone, "Etc/GMT+5", "Etc/GMT+5"),
    (convert.to_id, " a b ", " a b "),
    (convert.to_id, 7, "7"),
    (convert.to_latitude, "-90", -90),
    (convert.to_longitude, -179.5, -179.5),
    *((convert.to_gender, word, "female") for word in ("f", " Female ", "W", "woman")),
    *((convert.to_gender, word, "male") for word in ("M", "male", "Man")),
    (convert.to_gender, "Prefer not to say", "prefer not to say"),
    (convert.to_app_platform, " iPhone OS", "ios"),
    (convert.to_app_platform, "Android", "android"),
    (convert.to_advertising_id, " 7A3CBBA0-BDF5-11E4-8DFC-AA07A5B093DB\n", "7A3CBBA0-BDF5-11E4-8DFC-AA07A5B093DB"),
    (convert.to_advertising_id, "00000000-0000-0000-0000-000000000010", "00000000-0000-0000-0000-000000000010"),
    (convert.cut(3), "äöüß", "äöü"),
    (convert.cut(3), 12345, "123"),
    (convert.at_most(3), 123, "123"),
    (convert.at_most(8, convert.to_email), " A@b.test ", "a@b.test"),
    (convert.text_only, "a", "a"),
    (convert.to_email, " Ada@Example.test\n", "ada@example.test"),
    (convert.to_first_name, "Ann Lee Ray", "Ann"),
    (convert.to_first_name, " Ada ", "Ada"),
    (convert.to_last_name, " Ann  Lee Ray ", "Lee Ray"),
    (convert.cut_bytes(3), "abcd", "abc"),
    (convert.cut_bytes(3), "abc", "abc"),
    (convert.cut_bytes(3), "aéé", "aé"),
    (convert.cut_bytes(2), "a👩", "a"),
    (convert.cut_bytes(3), 12345, "123"),
    (convert.chain(convert.to_number, convert.to_text), "007.50", "7.5"),
]

DATES = ALL[:5]
NO_DATES: list[Any] = ["yesterday", "", True, None, [], {"year": 1990}, 1e30, math.nan, "9" * 80]
NO_NUMBERS: list[Any] = ["", "many", "1e999", "nan", "-inf", True, None, [], math.nan, -math.inf, "9" * 5_000, 2**63]
ODD_COMMAS = ["19,99", "1,23,456", "1,2345", ",5", "12,"]


def refused(converter: Converter, *values: Any) -> list[tuple[Converter, Any]]:
    return [(converter, value) for value in values]


REFUSED: list[tuple[Converter, Any]] = [
    *(pair for date in DATES for pair in refused(date, *NO_DATES)),
    *refused(convert.to_text, None, [], {}, math.nan, math.inf, 2**70),
    *refused(convert.to_lower, None, [], {}),
    *refused(convert.to_json_text, {"a": 2**70}, ["\ud800"]),
    *refused(convert.to_number, *NO_NUMBERS, *ODD_COMMAS, "9" * 30, "1_000", "12_3.5"),
    *refused(convert.to_integer, *NO_NUMBERS, 1e300, "1e30"),
    *refused(convert.to_amount, *NO_NUMBERS, *ODD_COMMAS, "$", "5 EUR", {"amount": 1}),
    *refused(convert.to_cents, *NO_NUMBERS, *ODD_COMMAS, "$", "5 EUR", {"amount": 1}, 1e300, 2**62),
    *refused(convert.to_boolean, "yes", "", 2, None, [], {}),
    *refused(convert.to_e164, "", "+", "020 7946 0000", "+0123456789", "+1234", "+" + "1" * 16, "+١٢٣٤٥٦٧٨", None),
    *refused(convert.to_url, "", "example.test", "ftp://example.test", "https://", "https:///a", "http://[", None),
    *refused(convert.to_sha256, "", " \n", None, [], {}),
    *refused(convert.not_blank, "", " \t", None, [], {}),
    *refused(convert.to_host, "", "example.test", "/a", 7, None),
    *refused(convert.to_domain, "", "localhost", "a b.example", "https://", "http://[::1", ".", 7, [], None),
    *refused(convert.to_ip, "localhost", "203.0.113", "", 7.5, None),
    *refused(convert.to_currency, "euro", "E", "ÄUR", 7, "", None),
    *refused(convert.to_country, "Portugal", "P", "ÄÖ", 7, "", None),
    *refused(convert.to_locale, "English", "C", "", "en-", 7, None),
    *refused(convert.to_language, "English", "e", "", 7, None),
    *refused(convert.named_timezone, "GMT+0100", "GMT-03:30", "+01:00", "GMT+0200 (CEST)", "", " ", 60, None),
    *refused(
        convert.to_timezone, "GMT+1 (London)", "GMT+02:00", "GMT-0330", "Eastern Time (US & Canada)", "", 60, None
    ),
    *refused(convert.to_id, "", " \t", None, [], {}),
    *refused(convert.to_latitude, 90.1, -91, "north", None, True),
    *refused(convert.to_longitude, 180.1, "-181", "", None, []),
    *refused(convert.to_gender, "", "x", "womanly", 1, None, []),
    *refused(convert.to_app_platform, "phone", "Linux", "", 7, None, []),
    *refused(convert.to_advertising_id, "00000000-0000-0000-0000-000000000000", " 0000-0 ", "-", "", " ", 0, None, []),
    *refused(convert.cut(3), None, [], {}),
    *refused(convert.at_most(3), "1234", None, [], {}),
    *refused(convert.text_only, 7, True, None, [], {}),
    *refused(convert.to_email, "not an email", "a@b", "a b@example.test", "", 7, None, []),
    *refused(convert.to_first_name, "", "  ", 7, None, {"first": "Ada"}),
    *refused(convert.to_last_name, "Ada", "", "  ", 7, None, {"last": "Lovelace"}),
    *refused(convert.cut_bytes(3), None, [], {}),
]


def _name(value: Any) -> str:
    return getattr(value, "__name__", ascii(value))[:40]


@pytest.mark.parametrize(("converter", "value", "expected"), CONVERTED, ids=_name)
def test_a_value_becomes_what_the_vendor_needs(converter: Converter, value: Any, expected: Any) -> None:
    found = converter(value)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("converter", "value"), REFUSED, ids=_name)
def test_what_can_not_be_one_is_refused(converter: Converter, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^\S"):
        converter(value)


TEXTS = (
    st.text()
    | st.from_regex(r"[+-]?[0-9]{1,25}([.,][0-9]{1,5})?", fullmatch=True)
    | st.datetimes().map(str)
    | st.sampled_from(["", " ", "NaN", "1e999", "0x10", "1_000", "٣", "²", "½", "http://[::1", "\ud800", "0000-00-00"])
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("converter", ALL, ids=_name)
@given(value=ANYTHING)
def test_whatever_comes_it_is_a_value_for_json_or_a_value_error(converter: Converter, value: Any) -> None:
    """Never another exception, and never something that makes the whole request unwritable later.

    Text with half a surrogate pair is let through, for no event holds such a thing: its JSON could not have been read.
    """
    try:
        found = converter(value)
    except ValueError:
        return
    assert isinstance(found, str) or orjson.loads(orjson.dumps(found)) == found


@given(value=st.integers(-(10**12), 10**12))
def test_money_is_never_off_by_a_cent(value: int) -> None:
    assert convert.to_cents(value / 100) == value
    assert convert.to_cents(str(value / 100)) == value


@given(text=st.text(), limit=st.integers(0, 40))
def test_text_is_cut_between_characters(text: str, limit: int) -> None:
    cut = convert.cut_bytes(limit)(text)

    assert len(cut.encode()) <= limit
    assert text.startswith(cut)
    assert cut == text or len(text[: len(cut) + 1].encode()) > limit


@pytest.mark.parametrize("converter", ALL, ids=_name)
def test_every_converter_has_a_name_and_says_what_it_does(converter: Converter) -> None:
    """Explain and the READMEs show them."""
    assert converter.__name__.isprintable()
    assert converter.__doc__


@pytest.mark.parametrize("converter", sorted(convert.TEXT_AS_IT_IS, key=_name), ids=_name)
@given(text=st.text())
def test_a_mapper_may_pass_these_by_for_a_text(converter: Converter, text: str) -> None:
    assert converter(text) == text


def test_promise_8_addresses_of_any_length_are_not_kept() -> None:
    """A few hundred of the last ones are, so that they are not read anew at every destination."""
    tracemalloc.start()
    for number in range(50):
        address = f"https://shop{number}.example.test/" + "a" * 100_000
        assert convert.to_host(address) == f"shop{number}.example.test"
        assert convert.to_url(address) == address
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 1_000_000
