"""Objects: their keys, their headers, and what the answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.s3 import wire
from router.plugin import Blocked, Dead, Delivered, Judgement, Later, Request, Response, Split, UnreadableAnswer
from tests.plugins.s3.samples import ENDPOINT, make_settings, payload_of, track

PAYLOADS = [payload_of(track(f"m-{number}", f"2026-03-04T10:20:3{number}.000Z")) for number in range(3)]


def pack(first: int = 0, end: int = 3, **given: Any) -> Request:
    return ENDPOINT.pack(PAYLOADS[first:end], make_settings(**given))


def test_an_object_is_named_by_its_hour_its_first_event_and_all_that_is_in_it() -> None:
    whole = pack().url

    assert whole.partition("amazonaws.com")[2].startswith("/events/day%3D2026-03-04/hr%3D10/20260304T102030000Z-")
    assert whole.endswith(".ndjson.gz")
    assert whole == pack().url, "a second try replaces the first"
    assert len({whole, pack(1).url, pack(0, 2).url, pack(0, 1).url}) == 4


def test_an_object_holds_every_event_in_order() -> None:
    assert pack().json == [payload.body for payload in PAYLOADS]


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        pytest.param({}, {}, id="as the bucket has it"),
        pytest.param({"sse": "AES256"}, {"x-amz-server-side-encryption": "AES256"}, id="encrypted"),
        pytest.param(
            {"sse": "aws:kms", "sse_kms_key_id": "arn:aws:kms:eu-central-1:1:key/k"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:eu-central-1:1:key/k",
            },
            id="encrypted with a key",
        ),
        pytest.param({"sse": "AES256", "sse_kms_key_id": "k"}, {"x-amz-server-side-encryption": "AES256"}, id="no key"),
        pytest.param({"storage_class": "STANDARD_IA"}, {"x-amz-storage-class": "STANDARD_IA"}, id="class"),
    ],
)
def test_what_is_asked_of_the_service(given: dict[str, Any], headers: dict[str, str]) -> None:
    assert pack(**given, gzip=False).headers == headers
    assert wire.check_credentials(make_settings(**given)).headers == headers, "the check asks for the same rights"


@pytest.mark.parametrize(("gzip", "ending"), [(True, ".ndjson.gz"), (False, ".ndjson")])
def test_a_name_says_whether_its_object_is_packed(gzip: bool, ending: str) -> None:
    request = pack(gzip=gzip)

    assert (request.gzip, request.url[-len(ending) :]) == (gzip, ending)


def error(code: str, more: str = "") -> bytes:
    text = f"<Error><Code>{code}</Code><Message>It says\n so.</Message>{more}<RequestId>1</RequestId></Error>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def judge(status: int, body: bytes = b"", count: int = 3, **headers: str) -> Judgement:
    return ENDPOINT.judge(Response(status, body, headers), PAYLOADS[:count], make_settings())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (503, "ServiceUnavailable"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (502, ""),
        (504, ""),
        (400, "RequestTimeout"),
        (400, "BadDigest"),
        (400, "IncompleteBody"),
        (400, "XAmzContentSHA256Mismatch"),
        (409, "OperationAborted"),
        (409, "ConditionalRequestConflict"),
    ],
)
def test_the_destination_waits_for_a_service_that_can_not_just_now(status: int, code: str) -> None:
    judgement = judge(status, error(code) if code else b"")

    assert judgement == [Later(f"{status} {code}: It says so." if code else str(status), is_outage=True)] * 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (403, "RequestTimeTooSkewed"),
        (400, "ExpiredToken"),
        (400, "InvalidToken"),
        (400, "AuthorizationHeaderMalformed"),
        (400, "InvalidStorageClass"),
        (404, "NoSuchBucket"),
        (301, "PermanentRedirect"),
        (412, "PreconditionFailed"),
        (501, "NotImplemented"),
        (418, "WhoKnows"),
    ],
)
def test_what_is_of_the_set_up_blocks_and_costs_no_event(status: int, code: str) -> None:
    assert judge(status, error(code)) == Blocked(f"{status} {code}: It says so.")


@pytest.mark.parametrize(("status", "body"), [(400, error("EntityTooLarge")), (413, b"")], ids=["a code", "a proxy"])
def test_an_object_that_is_too_large_is_halved(status: int, body: bytes) -> None:
    assert isinstance(judge(status, body), Split)
    [verdict] = judge(status, body, count=1)  # type: ignore[misc]
    assert isinstance(verdict, Dead)


def test_what_is_stored_has_an_etag() -> None:
    assert judge(200, etag='"e"') == [Delivered()] * 3


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>Sign in</html>"], ids=["nothing", "JSON", "a page"])
def test_a_success_without_an_etag_is_no_delivery(body: bytes) -> None:
    """A mistyped endpoint_url may lead to a server that answers everything with a 200."""
    with pytest.raises(UnreadableAnswer, match="ETag"):
        judge(200, body)


def test_a_refused_signature_is_not_repeated() -> None:
    judgement = judge(403, error("SignatureDoesNotMatch", "<SignatureProvided>0123</SignatureProvided>"))

    assert "0123" not in str(judgement)
