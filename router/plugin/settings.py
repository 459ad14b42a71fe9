"""Settings: what an operator fills in for one destination."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

_PLAIN_URL = re.compile(r"[!-\"$->@-~]+")
"""ASCII without blanks, and without a query or a fragment, not even an empty one: paths are appended."""


class PluginSettings(BaseModel):
    """The base of every plugin's settings. Secrets are `SecretStr`, every field has a description, unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = Field(
        "",
        description="Where requests go instead of the vendor's own host: a test, a proxy or a regional host.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        if not value:
            return ""
        if not _PLAIN_URL.fullmatch(value) or not _leads_somewhere(urlsplit(value)):
            raise ValueError('expected "http://host" or "https://host", with a port and a path if need be')
        return value.rstrip("/")

    def vendor_url(self) -> str:
        """The vendor's own host for these settings (region, product), without a trailing slash."""
        raise NotImplementedError(f"{type(self).__name__} has no vendor_url, which returns the vendor's address")

    @property
    def api_url(self) -> str:
        """Where requests go: ``base_url`` if it is set, else the vendor's host."""
        return self.base_url or self.vendor_url()


def _leads_somewhere(parts: SplitResult) -> bool:
    try:
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and port != 0
