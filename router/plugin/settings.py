"""Settings: what an operator fills in for one destination."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PluginSettings(BaseModel):
    """Base of every plugin's settings. Secrets are `SecretStr`, every field has a description, unknown keys are refused."""

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
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise ValueError('expected "http://host" or "https://host", with a port and a path if need be')
        return value.rstrip("/")

    def vendor_url(self) -> str:
        """The vendor's own host for these settings (region, product), without a trailing slash."""
        raise NotImplementedError

    @property
    def api_url(self) -> str:
        """Where requests go: ``base_url`` if given, else the vendor's host."""
        return self.base_url or self.vendor_url()
