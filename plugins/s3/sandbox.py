"""The stand-in for one bucket: it checks the signature, the key and the headers of a PUT, and keeps what is put.

Written from facts/vendors/s3.md and https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (read
2026-11-28), not from the plugin.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import orjson
from aiohttp import web

from router.plugin.sandbox import Sandbox

TOLERANCE_S = 900
"""Fifteen minutes either way."""
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request,\s*"
    r"SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})"
)
_CLASSES = frozenset({"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR"})
_KEPT_KEYS = 200_000


class Refused(Exception):
    """An answer other than 200, with its code."""

    def __init__(self, status: int, code: str, more: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


class S3Sandbox(Sandbox):
    """One bucket. *settings* are the sender's own: those of the key and of the bucket are checked.

    Accepted kinds: ``event``, with the ``key`` of its object. An object that is there already is replaced: what is in it is not
    accepted a second time.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.max_object_bytes = 10_000_000
        self.keys: dict[str, str] = {}
        """The ETag of each object."""
        self.headers: dict[str, str] = {}
        """Those of the last object that was put."""

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.route("*", "/{path:.*}", self.put)]

    async def put(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            key = self._key_of(request)
            self._check_signature(request, body)
            etag = self._store(key, request.headers, body)
        except Refused as refused:
            return web.Response(
                status=refused.status,
                content_type="application/xml",
                text=f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code>'
                f"<Message>The stand-in says {refused.code}.</Message>{refused.more}<RequestId>1</RequestId></Error>",
            )
        return web.Response(headers={"ETag": f'"{etag}"', "x-amz-request-id": "1"})

    def _key_of(self, request: web.Request) -> str:
        if request.method != "PUT":
            raise Refused(405, "MethodNotAllowed")
        path = unquote(request.raw_path.partition("?")[0]).removeprefix("/")
        if self._is_path_style:
            bucket, _, path = path.partition("/")
            if bucket != self.settings.get("bucket"):
                raise Refused(404, "NoSuchBucket")
        if not path:
            raise Refused(405, "MethodNotAllowed")
        if len(path.encode()) > 1_024:
            raise Refused(400, "KeyTooLongError")
        return path

    @property
    def _is_path_style(self) -> bool:
        given = self.settings.get("path_style")
        if given is not None:
            return bool(given)
        return bool(self.settings.get("endpoint_url")) or not re.fullmatch("[a-z0-9-]+", self.settings["bucket"])

    def _check_signature(self, request: web.Request, body: bytes) -> None:
        headers = request.headers
        found = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
        if found is None:
            raise Refused(403, "AccessDenied")
        id, day, region, names, signature = found.groups()
        if id != self.settings.get("access_key_id"):
            raise Refused(403, "InvalidAccessKeyId", f"<AWSAccessKeyId>{id}</AWSAccessKeyId>")
        if headers.get("x-amz-security-token", "") != self.settings.get("session_token", ""):
            raise Refused(400, "InvalidToken")
        if region != self.settings.get("region"):
            raise Refused(400, "AuthorizationHeaderMalformed")
        stamp, digest = headers.get("x-amz-date", ""), headers.get("x-amz-content-sha256", "")
        if not stamp.startswith(day) or abs(_seconds(stamp) - self.now_s()) > TOLERANCE_S:
            raise Refused(403, "RequestTimeTooSkewed")
        needed = {"host"} | {name.lower() for name in headers if name.lower().startswith("x-amz-")}
        if not needed <= set(names.split(";")):
            raise Refused(403, "AccessDenied")
        if digest != hashlib.sha256(body).hexdigest():
            raise Refused(400, "XAmzContentSHA256Mismatch")
        path = quote(unquote(request.raw_path.partition("?")[0]), safe="/-_.~")
        listed = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names.split(";"))
        canonical = f"{request.method}\n{path}\n\n{listed}\n{names}\n{digest}"
        scope = f"{day}/{region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.settings.get("secret_access_key", "")).encode()
        for part in (day, region, "s3", "aws4_request", text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(key.hex(), signature):
            more = f"<AWSAccessKeyId>{id}</AWSAccessKeyId><SignatureProvided>{signature}</SignatureProvided>"
            raise Refused(403, "SignatureDoesNotMatch", more)

    def _store(self, key: str, headers: Mapping[str, str], body: bytes) -> str:
        if len(body) > self.max_object_bytes:
            raise Refused(400, "EntityTooLarge")
        if headers.get("x-amz-storage-class", "STANDARD") not in _CLASSES:
            raise Refused(400, "InvalidStorageClass")
        if headers.get("x-amz-server-side-encryption", "AES256") not in ("AES256", "aws:kms"):
            raise Refused(400, "InvalidArgument")
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        is_new = key not in self.keys
        if len(self.keys) >= _KEPT_KEYS:
            self.keys.pop(next(iter(self.keys)))
        self.keys[key] = etag
        self.headers = dict(headers)
        if is_new:
            for event in _events(body):
                self.accept("event", event, key=key)
        return etag


def _seconds(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _events(body: bytes) -> list[Any]:
    """What is in an object. The service itself does not care."""
    try:
        plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        return [orjson.loads(line) for line in plain.splitlines()]
    except (OSError, EOFError, orjson.JSONDecodeError):
        return []
