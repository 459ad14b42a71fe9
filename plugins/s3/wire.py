"""A batch to an object, and what the answers mean.

Source: facts/vendors/s3.md sections 1, 2 and 4 to 8.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from plugins.s3.settings import Settings
from router.plugin import (
    Blocked,
    Credential,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    SigV4,
    Split,
    UnreadableAnswer,
    build_url,
    describe,
    is_outage,
)

MAX_BYTES: Final = 2_000_000
"""Far below what a single PUT takes: it is compressed at one go, and for those 40 ms all else in the process waits."""
BATCH_WAIT_S: Final = 60.0
RATE_LIMIT_PER_S: Final = 3_500.0
"""Of one prefix, at Amazon's."""
TIMEOUT_S: Final = 60.0
CHECK: Final = "_router_check"
"""What readers of a folder pass over, as all that begins with ``_``."""

_LATER: Final = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "XAmzContentSHA256Mismatch",
    }
)
"""Some of them come with a 400 or a 409. The last one is said of what was damaged on its way."""
_TOO_LARGE: Final = "EntityTooLarge"
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,100})\s*</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})")


def credentials(settings: Settings) -> Sequence[Credential]:
    return [
        SigV4(settings.access_key_id, settings.secret_access_key, settings.region, "s3", settings.session_token),
    ]


def batch_size(settings: Settings) -> int:
    return settings.batch_size


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    """An object of all payloads, which are of one hour. Its key follows from them, so that a second try replaces the first."""
    day, _, hour = payloads[0].group.partition("T")
    began = re.sub("[^0-9TZ]", "", payloads[0].key.partition(" ")[0])
    digest = hashlib.sha256("\n".join(payload.key for payload in payloads).encode("utf-8", "replace")).hexdigest()
    ending = ".ndjson.gz" if settings.gzip else ".ndjson"
    url = _url(settings, f"day={day}", f"hr={hour}", f"{began}-{digest[:32]}{ending}")
    body = [payload.body for payload in payloads]
    packed = {"Content-Type": "application/gzip"} if settings.gzip else {}
    headers = {**_headers(settings), **packed}
    return Request("PUT", url, body, headers, gzip=settings.gzip, lines=True, timeout_s=TIMEOUT_S)


def check_credentials(settings: Settings) -> Request:
    """An empty object beside the others: a key that may write and nothing else is refused whatever changes nothing."""
    return Request("PUT", _url(settings, CHECK), headers=_headers(settings))


def is_stored(response: Response) -> bool:
    """Every service names what it has stored by an ETag; a proxy, or a server that is none of these, does not."""
    return response.is_success and bool(response.headers.get("etag"))


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """By the code in the answer, else by the status. The service never looks into an object, so that no refusal but one for its
    size is the fault of an event: all others are of the set-up.

    Raises:
        UnreadableAnswer: a success without an ETag.
    """
    if is_stored(response):
        return [Delivered()] * len(payloads)
    if response.is_success:
        raise UnreadableAnswer(f"expected an ETag, got {describe(response)}")
    code, reason = _read(response)
    if code in _LATER or is_outage(response.status):
        return [Later(reason, is_outage=True)] * len(payloads)
    if code == _TOO_LARGE or response.status == 413:
        return Split(reason) if len(payloads) > 1 else [Dead(reason)]
    return Blocked(reason)


def _url(settings: Settings, *rest: str) -> str:
    bucket = (settings.bucket,) if settings.is_path_style else ()
    prefix = settings.prefix.split("/") if settings.prefix else ()
    return build_url(settings.api_url, *bucket, *prefix, *rest)


def _headers(settings: Settings) -> dict[str, str]:
    headers = {
        "x-amz-server-side-encryption": settings.sse if settings.sse != "none" else "",
        "x-amz-server-side-encryption-aws-kms-key-id": settings.sse_kms_key_id if settings.sse == "aws:kms" else "",
        "x-amz-storage-class": settings.storage_class,
    }
    return {name: value for name, value in headers.items() if value}


def _read(response: Response) -> tuple[str, str]:
    """The code of a refusal and what it says; a signature is refused with much besides."""
    code, message = _CODE.search(response.text), _MESSAGE.search(response.text)
    if code is None:
        return "", describe(response)
    return code[1], f"{response.status} {code[1]}: {' '.join(message[1].split()) if message else 'no message'}"
