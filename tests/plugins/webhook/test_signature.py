"""Signatures, against the sheet's test vectors (facts/vendors/webhook.md, section 2) and over the bytes that are sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.webhook import wire
from plugins.webhook.identity import message_key, request_id
from plugins.webhook.settings import Settings
from plugins.webhook.signature import read_standard_secret
from router.delivery.sending.credentials import add_credentials
from router.plugin import Signature, Signing
from tests.plugins.webhook.samples import (
    BODY,
    NOW_S,
    OTHER_STANDARD_SECRET,
    SECRET,
    STANDARD_SECRET,
    make_settings,
    payload_of,
    track,
)

VECTORS = [
    pytest.param(
        {"signing_secret": STANDARD_SECRET},
        {
            "webhook-id": "msg_demo_0001",
            "webhook-timestamp": "1767225600",
            "webhook-signature": "v1,LT97hHEL3kjM+4M11hVQz7DWwAaJtktnhsbTpOrCHxw=",
        },
        id="standard",
    ),
    pytest.param(
        {"signing": "segment", "signing_secret": SECRET},
        {"X-Signature": "0211cb3f062cfc3255752b9ca32128d25af13d28"},
        id="segment",
    ),
    pytest.param(
        {"signing": "customerio", "signing_secret": SECRET},
        {
            "X-CIO-Timestamp": "1767225600",
            "X-CIO-Signature": "09ea85ccbed3f4fde6b2d36744c06fe18e97bf9e0855326b5e31fd25aacb6a49",
        },
        id="customerio",
    ),
    pytest.param(
        {"signing": "timestamped", "signing_secret": SECRET},
        {"X-Webhook-Signature": "t=1767225600,v1=5d7dddff949b98a1e2e88450bb5ffc86a485c2afc72ebc3a06969bfefd047700"},
        id="timestamped",
    ),
]
BATCH = b'[{"messageId":"m-1","n":1.0,"t":"]},\xc3\xa9"},{"messageId":"m-2"}]'


def sign(settings: Settings, signing: Signing) -> dict[str, str]:
    [credential] = wire.credentials(settings)
    assert isinstance(credential, Signature)
    return dict(credential.sign(signing))


@pytest.mark.parametrize(("given", "expected"), VECTORS)
def test_the_vectors_of_the_sheet(given: dict[str, Any], expected: dict[str, str]) -> None:
    assert sign(make_settings(**given), Signing(BODY, "msg_demo_0001", NOW_S)) == expected


def test_without_a_secret_nothing_is_signed() -> None:
    assert list(wire.credentials(make_settings())) == []


def test_the_header_of_a_timestamped_signature_is_the_operators() -> None:
    settings = make_settings(signing="timestamped", signing_secret=SECRET, signature_header="Acme-Signature")

    assert list(sign(settings, Signing(BODY, "m", NOW_S))) == ["Acme-Signature"]


def test_two_secrets_give_two_signatures_the_current_one_first() -> None:
    both = sign(
        make_settings(signing_secret=OTHER_STANDARD_SECRET, previous_signing_secret=STANDARD_SECRET),
        Signing(BODY, "msg_demo_0001", NOW_S),
    )["webhook-signature"]
    new = sign(make_settings(signing_secret=OTHER_STANDARD_SECRET), Signing(BODY, "msg_demo_0001", NOW_S))

    assert both == f"{new['webhook-signature']} v1,LT97hHEL3kjM+4M11hVQz7DWwAaJtktnhsbTpOrCHxw="


def test_of_a_batch_the_first_element_is_signed_as_it_stands() -> None:
    """The ``segment`` scheme: byte for byte, whatever brackets and numbers are in it."""
    first = b'{"messageId":"m-1","n":1.0,"t":"]},\xc3\xa9"}'

    signature = sign(make_settings(signing="segment", signing_secret=SECRET), Signing(BATCH, "m-1", NOW_S))

    assert signature["X-Signature"] == hmac.new(SECRET.encode(), first, hashlib.sha1).hexdigest()


def test_the_id_of_a_batch_is_that_of_its_idempotency_key() -> None:
    """The core names a request after its first payload; two batches that begin alike must not share an id."""
    signed = sign(make_settings(signing_secret=STANDARD_SECRET), Signing(BATCH, "m-1", NOW_S))

    assert signed["webhook-id"] == request_id([message_key("m-1"), message_key("m-2")]) != "m-1"


def test_each_attempt_has_its_own_time_and_signature_and_the_same_id() -> None:
    settings = make_settings(signing_secret=STANDARD_SECRET)
    payload = payload_of(track("m-7"), settings)
    request = wire.pack([payload], settings)

    first, second = (
        add_credentials(request, wire.credentials(settings), {}, payload.key, now_s)[1] for now_s in (NOW_S, NOW_S + 60)
    )

    assert first["webhook-id"] == second["webhook-id"] == first["Idempotency-Key"] == second["Idempotency-Key"] == "m-7"
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]


@given(
    ids=st.lists(st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable()), min_size=1, max_size=3),
    batch_size=st.sampled_from([1, 5]),
)
def test_any_events_are_signed_over_the_bytes_that_are_sent(ids: list[str], batch_size: int) -> None:
    """Whatever the ids: the id of the signature is the idempotency key, and the receiver's own sum comes out the same."""
    settings = make_settings(signing_secret=STANDARD_SECRET, batch_size=batch_size)
    payloads = [payload_of(track(id)) for id in ids[:batch_size]]
    request = wire.pack(payloads, settings)

    _, headers, body = add_credentials(request, wire.credentials(settings), {}, payloads[0].key, NOW_S)

    content = f"{headers['Idempotency-Key']}.{NOW_S}.".encode() + (body or b"")
    digest = hmac.digest(base64.b64decode(STANDARD_SECRET.removeprefix("whsec_")), content, "sha256")
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["webhook-id"] == headers["Idempotency-Key"]
    assert orjson.loads(body or b"") == request.json


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "topsecret-demo",
        "whsec_" + "A" * 28,
        "whsec_" + "A" * 92,
        "whsec_é" + "A" * 40,
        STANDARD_SECRET[:-1],
    ],
    ids=["empty", "only the prefix", "plain text", "21 bytes", "69 bytes", "not base64", "cut"],
)
def test_what_is_no_standard_secret_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes") as raised:
        read_standard_secret(text)
    assert len(text) < 10 or text not in str(raised.value)


@pytest.mark.parametrize("length", [24, 32, 64])
@pytest.mark.parametrize("prefix", ["whsec_", ""])
def test_a_standard_secret_is_read_with_or_without_its_prefix(prefix: str, length: int) -> None:
    key = bytes(range(length))

    assert read_standard_secret(prefix + base64.b64encode(key).decode()) == key
