"""AWS Signature Version 4: what its own documentation works out, and what a request of ours says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from router.delivery.sending.credentials import add_credentials
from router.delivery.sending.send import CredentialsRefused
from router.delivery.sending.signature_v4 import sign_v4
from router.mask import mask
from router.plugin import QueryKey, Request, SigV4

KEY = SigV4(SecretStr("AKIAIOSFODNN7EXAMPLE"), SecretStr("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "us-east-1", "s3")
AT_S = 1_369_353_600
"""2013-05-24T00:00:00Z."""
HOST = "https://examplebucket.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "names", "signature"),
    [
        pytest.param(
            "GET",
            f"{HOST}/test.txt",
            {"Range": "bytes=0-9"},
            b"",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            id="a part of an object",
        ),
        pytest.param(
            "PUT",
            f"{HOST}/test%24file.text",
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            id="a new object, with a sign in its path",
        ),
        pytest.param(
            "GET",
            f"{HOST}?lifecycle",
            {},
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            id="a parameter without a value",
        ),
        pytest.param(
            "GET",
            f"{HOST}/?prefix=J&max-keys=2",
            {},
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            id="parameters out of their order",
        ),
    ],
)
def test_the_examples_of_the_documentation(
    method: str, url: str, headers: Mapping[str, str], body: bytes, names: str, signature: str
) -> None:
    """Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (read 2026-11-28)."""
    assert sign_v4(KEY, method, url, headers, body, AT_S) == {
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": "20130524T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={names},Signature={signature}",
    }


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"method": "POST"}, id="method"),
        pytest.param({"url": f"{HOST}:8443/a"}, id="port"),
        pytest.param({"url": f"{HOST}/a%2Fb"}, id="path"),
        pytest.param({"url": f"{HOST}/a?x=1"}, id="query"),
        pytest.param({"headers": {"X-Kind": "2"}}, id="header"),
        pytest.param({"body": b"{ }"}, id="body"),
        pytest.param({"now_s": AT_S + 1}, id="time"),
    ],
)
def test_it_covers_all_that_is_sent(other: dict[str, object]) -> None:
    sent = {"method": "PUT", "url": f"{HOST}/a", "headers": {"X-Kind": "1"}, "body": b"{}", "now_s": AT_S}

    signed, changed = (
        sign_v4(KEY, **each)["Authorization"].rpartition("=")[2]  # type: ignore[arg-type]
        for each in (sent, sent | other)
    )

    assert signed != changed


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (f"{HOST}:443/a", f"{HOST}/a"),
        (f"{HOST}/a?b=%7e&a=1%202", f"{HOST}/a?a=1%202&b=~"),
        (f"{HOST}/a?a=%ff", f"{HOST}/a?a=%FF"),
    ],
    ids=["the port that goes without saying", "the spelling and the order of parameters", "bytes that are no text"],
)
def test_what_a_service_reads_alike_is_signed_alike(one: str, same: str) -> None:
    assert sign_v4(KEY, "PUT", one, {}, b"", AT_S) == sign_v4(KEY, "PUT", same, {}, b"", AT_S)


TEMPORARY = SigV4(
    SecretStr("AKIDCANARY"), SecretStr("canary/of+the=test"), "region-1", "things", SecretStr("a-token/x")
)


def test_it_comes_last_and_signs_what_other_credentials_add() -> None:
    request = Request("PUT", "https://vendor.test/a", {"x": 1}, {"X-Kind": "1"}, gzip=True)

    url, headers, body = add_credentials(request, [TEMPORARY, QueryKey("key", SecretStr("k"))], {}, "id", AT_S)

    given = {"X-Kind": "1", "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert url == "https://vendor.test/a?key=k"
    assert headers == given | sign_v4(TEMPORARY, "PUT", url, given, body or b"", AT_S)
    assert headers["x-amz-security-token"] == "a-token/x"
    names = "content-encoding;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-kind"
    assert f"SignedHeaders={names}," in headers["Authorization"]


def test_a_line_break_in_it_is_the_fault_of_no_event() -> None:
    broken = SigV4(SecretStr("AKIDCANARY\nx"), SecretStr("canary"), "region-1", "things")

    with pytest.raises(CredentialsRefused, match="Authorization") as raised:
        add_credentials(Request("GET", "https://vendor.test"), [broken], {}, "id", AT_S)

    assert "CANARY" not in str(raised.value)


def test_promise_7_an_answer_that_quotes_it_comes_back_without_keys_and_signature() -> None:
    """Such services answer a wrong signature with all that they have worked out."""
    request = Request("PUT", "https://vendor.test/a", {})
    _, headers, _ = add_credentials(request, [TEMPORARY], {}, "id", AT_S)
    signature = headers["Authorization"].rpartition("=")[2]
    echo = f"<Id>AKIDCANARY</Id><Key>canary/of+the=test</Key><Token>a-token/x</Token><Provided>{signature}</Provided>"

    told = mask(echo.encode(), [TEMPORARY], {}, headers)

    assert told == b"<Id>********</Id><Key>********</Key><Token>********</Token><Provided>********</Provided>"
