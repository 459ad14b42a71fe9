"""What an operator fills in for one bucket."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from router.plugin import PluginSettings

MAX_BATCH: Final = 10_000

_URL = re.compile(r"(https?)://([^\s/?#@]+)/?")
_BUCKET: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]"
_HOST = re.compile(r"[a-z0-9-]+")
"""What a bucket is called that can stand in a host: no certificate is valid for a dot more, and hosts know no capitals."""
_PREFIX = re.compile(r"[A-Za-z0-9=_-][A-Za-z0-9=_.-]*(/[A-Za-z0-9=_-][A-Za-z0-9=_.-]*)*")


class Settings(PluginSettings):
    """One bucket. Source: facts/vendors/s3.md sections 1, 2, 4 and 5."""

    bucket: str = Field(pattern=f"^{_BUCKET}$", description="The bucket, which must be there already.")
    region: str = Field(
        pattern="^[a-z0-9-]+$",
        max_length=50,
        description="Where the bucket is, such as `eu-central-1`; `auto` at Cloudflare R2 and Google Cloud Storage.",
    )
    endpoint_url: str = Field(
        "",
        description=(
            "Where another service than Amazon's listens, such as `https://s3.us-west-004.backblazeb2.com`, without the bucket."
        ),
    )
    path_style: bool | None = Field(
        None,
        description=(
            "Whether the bucket stands in the path of an address and not in its host. If not given: with an `endpoint_url`, "
            "and for a bucket whose name can't stand in a host: one with a dot, a capital or `_`."
        ),
    )
    access_key_id: SecretStr = Field(min_length=1, description="The id of an access key that may put objects there.")
    secret_access_key: SecretStr = Field(min_length=1, description="The secret of that key. It is not sent: it signs.")
    session_token: SecretStr = Field(
        SecretStr(""), description="Of temporary credentials, which whoever issues them has to renew here."
    )
    prefix: str = Field(
        "events",
        max_length=500,
        description="What keys of objects begin with: letters, digits and `- _ . =`, parted by slashes. May be empty.",
    )
    batch_size: int = Field(
        MAX_BATCH,
        ge=1,
        le=MAX_BATCH,
        description="The most events in an object. How long one waits to be full is for `delivery: {batch_wait: …}` to say.",
    )
    gzip: bool = Field(True, description="Compress objects, whose keys end in `.ndjson.gz` then.")
    sse: Literal["none", "AES256", "aws:kms"] = Field(
        "none", description="How the service is asked to encrypt objects; `none` leaves it to the bucket."
    )
    sse_kms_key_id: str = Field(
        "",
        pattern="^[!-~]*$",
        max_length=2_048,
        description="For `sse: aws:kms`: the key, if it isn't the account's own.",
    )
    storage_class: str = Field(
        "", pattern="^[A-Z0-9_]*$", max_length=50, description="Such as `STANDARD_IA`; the bucket's own if empty."
    )

    @field_validator("endpoint_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        if value and not _URL.fullmatch(value):
            raise ValueError('expected "http://host" or "https://host", with a port if need be and without a path')
        return value.rstrip("/")

    @field_validator("prefix")
    @classmethod
    def _is_prefix(cls, value: str) -> str:
        prefix = value.strip("/")
        if prefix and not _PREFIX.fullmatch(prefix):
            raise ValueError("expected letters, digits and - _ . = parted by slashes; no part may begin with a dot")
        return prefix

    @property
    def is_path_style(self) -> bool:
        if self.path_style is None:
            return bool(self.endpoint_url) or not _HOST.fullmatch(self.bucket)
        return self.path_style

    def vendor_url(self) -> str:
        """Without the bucket where that stands in the path."""
        url = self.endpoint_url or f"https://s3.{self.region}.amazonaws.com"
        return url if self.is_path_style else url.replace("://", f"://{self.bucket}.", 1)
