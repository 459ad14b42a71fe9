"""What an operator fills in for one receiver.

Source: facts/vendors/webhook.md, sections 1 and 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from plugins.webhook.signature import SIGNATURE_HEADERS, Scheme, read_standard_secret
from router.plugin import PluginSettings

MAX_BATCH: Final = 1_000

Auth = Literal["none", "basic", "bearer", "api_key", "oauth2"]
Status = Annotated[int, Field(ge=300, le=599)]

_AUTH_OF: Final[Mapping[str, Auth]] = {
    "username": "basic",
    "password": "basic",
    "token": "bearer",
    "api_key": "api_key",
    "token_url": "oauth2",
    "client_id": "oauth2",
    "client_secret": "oauth2",
    "scope": "oauth2",
}
"""Which kind of `auth` each of its fields belongs to."""
_OPTIONAL: Final = frozenset({"password", "scope"})
_IN_A_HEADER: Final = frozenset({"token", "api_key"})

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
HISTORICAL_HEADER: Final = "Router-Historical"
_MADE_BY_THE_ROUTER: Final = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "connection",
        IDEMPOTENCY_HEADER.lower(),
        HISTORICAL_HEADER.lower(),
    }
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A token of RFC 9110, section 5.6.2."""
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_URL = re.compile(r"[!-~]+")


class Settings(PluginSettings):
    """One receiver. Fields that depend on others stand below them, so that each mistake is told at its own key."""

    url: str = Field(
        min_length=1,
        description=(
            "Where events go: an absolute http or https address, its path and query kept as they are. Explain shows it, "
            "so keys belong into `headers` or `auth`."
        ),
    )
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="The HTTP method.")
    batch_size: int = Field(
        1,
        ge=1,
        le=MAX_BATCH,
        description="Events in one request. 1 sends each event as an object; more sends arrays, of one or more events.",
    )
    auth: Auth = Field(
        "none",
        description=(
            "`basic` needs `username`, `bearer` needs `token`, `api_key` needs `api_key`, and `oauth2` (client credentials) "
            "needs `token_url`, `client_id` and `client_secret`."
        ),
    )
    username: SecretStr = Field(SecretStr(""), validate_default=True, description="For `auth: basic`.")
    password: SecretStr = Field(SecretStr(""), description="For `auth: basic`; may be empty.")
    token: SecretStr = Field(
        SecretStr(""), validate_default=True, description="For `auth: bearer`: sent as `Authorization: Bearer …`."
    )
    api_key_header: str = Field("X-Api-Key", description="For `auth: api_key`: the header that carries the key.")
    api_key: SecretStr = Field(SecretStr(""), validate_default=True, description="For `auth: api_key`: the key.")
    token_url: str = Field("", validate_default=True, description="For `auth: oauth2`: where tokens are fetched.")
    client_id: SecretStr = Field(SecretStr(""), validate_default=True, description="For `auth: oauth2`.")
    client_secret: SecretStr = Field(SecretStr(""), validate_default=True, description="For `auth: oauth2`.")
    scope: str = Field("", description="For `auth: oauth2`: scopes, separated by blanks.")
    signing: Scheme = Field(
        "standard",
        description="How requests are signed, once there is a `signing_secret`. `standard` is Standard Webhooks 1.0.0.",
    )
    signing_secret: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description=(
            "Signs every request. For `standard` it is `whsec_` and 24 to 64 random bytes in base64, for the others any "
            "text. Without it nothing is signed."
        ),
    )
    previous_signing_secret: SecretStr = Field(
        SecretStr(""),
        description="While `signing_secret` is being changed: the one before. Only `standard` can sign with two.",
    )
    signature_header: str = Field("X-Webhook-Signature", description="For `signing: timestamped`: the header's name.")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Further headers, for every request. Values are treated as secrets: explain and logs hide them.",
    )
    retry_statuses: list[Status] = Field(
        [],
        description="Statuses of 300 to 599 after which an event is tried again, besides 408, 425, 429 and 5xx without 501.",
    )
    permanent_statuses: list[Status] = Field(
        [],
        description="Statuses of 300 to 599 that make an event a dead letter at once, such as 401, 410 or 500.",
    )

    historical: Literal["skip", "mark"] = Field(
        "skip",
        description=(
            "What a replay does with old events: nothing, since the receiver may start something because of them; or send "
            "them with the header `Router-Historical: true`, for receivers that look at it."
        ),
    )

    @field_validator("url", "token_url")
    @classmethod
    def _is_absolute_url(cls, value: str) -> str:
        if not value:
            return value
        if not _URL.fullmatch(value):
            raise ValueError("expected an address in ASCII without blanks; percent-encode everything else")
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError('expected "https://host/path" or "http://host/path"')
        if parts.username is not None or parts.password is not None:
            raise ValueError("expected an address without user and password; they belong to auth: basic")
        if parts.fragment:
            raise ValueError("expected an address without a fragment (#…), which is never sent")
        if parts.port == 0:
            raise ValueError("expected a port of 1 to 65535")
        return value

    @field_validator(*_AUTH_OF)
    @classmethod
    def _fits_auth(cls, value: Any, info: ValidationInfo) -> Any:
        name, auth = info.field_name or "", info.data.get("auth")
        text = _plain(value)
        if auth is None:  # it was refused itself
            return value
        if text and auth != _AUTH_OF[name]:
            raise ValueError(f"only for auth: {_AUTH_OF[name]}; set that, or leave this empty")
        if not text and auth == _AUTH_OF[name] and name not in _OPTIONAL:
            raise ValueError(f"{name} is needed for auth: {auth}")
        if name in _IN_A_HEADER and not _HEADER_VALUE.fullmatch(text):
            raise ValueError("expected ASCII without line breaks, for it goes into a header")
        if name in ("username", "client_id") and ":" in text:
            raise ValueError("expected no colon, which ends the user in HTTP Basic")
        return value

    @field_validator("api_key_header", "signature_header")
    @classmethod
    def _is_free_header(cls, value: str) -> str:
        _check_header_name(value)
        return value

    @field_validator("signing_secret")
    @classmethod
    def _fits_scheme(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        scheme, text = info.data.get("signing"), value.get_secret_value()
        if not text and scheme not in (None, "standard"):
            raise ValueError(f"signing_secret is needed for signing: {scheme}")
        if text and scheme == "standard":
            read_standard_secret(text)
        return value

    @field_validator("previous_signing_secret")
    @classmethod
    def _fits_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        text = value.get_secret_value()
        if not text or not {"signing", "signing_secret"} <= info.data.keys():
            return value
        if info.data["signing"] != "standard":
            raise ValueError("only for signing: standard; the other schemes carry one signature")
        if not _plain(info.data["signing_secret"]):
            raise ValueError("needs a signing_secret beside it")
        read_standard_secret(text)
        return value

    @field_validator("headers")
    @classmethod
    def _are_free_headers(cls, headers: dict[str, SecretStr], info: ValidationInfo) -> dict[str, SecretStr]:
        taken = dict(_headers_in_use(info.data))
        seen: set[str] = set()
        for name, value in headers.items():
            _check_header_name(name)
            if name.lower() in taken:
                raise ValueError(f"the header is set by {taken[name.lower()]}; give it in one place")
            if name.lower() in seen:
                raise ValueError("a header is given twice; upper and lower case are one")
            if not _HEADER_VALUE.fullmatch(value.get_secret_value()):
                raise ValueError("expected header values in ASCII without line breaks")
            seen.add(name.lower())
        return headers

    @field_validator("permanent_statuses")
    @classmethod
    def _are_not_retried(cls, value: list[int], info: ValidationInfo) -> list[int]:
        if set(value) & set(info.data.get("retry_statuses", ())):
            raise ValueError("a status is in retry_statuses too; take it out of one")
        return value

    @property
    def is_signed(self) -> bool:
        return bool(self.signing_secret.get_secret_value())

    def vendor_url(self) -> str:
        return _origin(self.url)

    @property
    def target_url(self) -> str:
        """Where events go: `url`, its scheme, host and port replaced by ``base_url`` if that is given."""
        return self.api_url + _behind_origin(self.url)

    @property
    def target_token_url(self) -> str:
        """Where tokens are fetched. ``base_url`` stands in for this host too, so that a sandbox or a test gets everything."""
        origin = self.base_url or _origin(self.token_url)
        return origin + _behind_origin(self.token_url)


def _headers_in_use(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Headers, in lower case, that other settings add, and the names of those settings."""
    if data.get("auth") in ("basic", "bearer", "oauth2"):
        yield "authorization", "auth"
    if data.get("auth") == "api_key" and "api_key_header" in data:
        yield data["api_key_header"].lower(), "api_key_header"
    if _plain(data.get("signing_secret", "")):
        for name in SIGNATURE_HEADERS[data.get("signing", "standard")] or (data.get("signature_header", ""),):
            yield name.lower(), "signing"


def _check_header_name(name: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("expected a header name: letters, digits and dashes")
    if name.lower() in _MADE_BY_THE_ROUTER:
        raise ValueError(f"the router sets {', '.join(sorted(_MADE_BY_THE_ROUTER))} itself; take it out")


def _plain(value: SecretStr | str) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _behind_origin(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
