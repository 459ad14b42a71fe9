"""The config: what an operator decides, as validated values.

A key that stands in the file with a unit (``timeout: 10s``) is an attribute that names its unit (``timeout_s``). A key
without a value (``delivery:`` and nothing behind it) is as if absent. Relative paths count from the working directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    SerializeAsAny,
    model_validator,
)
from pydantic_core import PydanticCustomError

from router.config.quantity import Bytes, PerSecond, Seconds
from router.plugin import PluginSettings

DAY_S = 86_400.0


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):  # Python would take true for 1
        raise PydanticCustomError("int_type", "expected a whole number")
    return value


def _is_host(value: str) -> str:
    if not value or any(char.isspace() or char in "/@" for char in value):
        raise PydanticCustomError("host", "expected an address or a host name such as 127.0.0.1")
    return value


def _is_path(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise PydanticCustomError("path", "expected a folder such as ./var")
    return value


def _is_known_log(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("nats:"):
        raise PydanticCustomError("log", 'this version has no NATS engine yet, expected "sqlite"')
    return value


def _is_write_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key:
        raise PydanticCustomError("write_key", "it is empty, expected the key that the source's SDK sends")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise PydanticCustomError("write_key", "expected ASCII letters, digits and signs, without blanks")
    return value


Whole = Annotated[int, BeforeValidator(_refuse_boolean)]
Host = Annotated[str, AfterValidator(_is_host)]
Port = Annotated[Whole, Field(ge=0, le=65_535)]


class Section(BaseModel):
    """Base of every part of the config: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_keys_without_value(cls, data: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, Mapping):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in data.items() if value is not None or key not in known}


class Server(Section):
    """The public port, where sources send to."""

    host: Host = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: Port = Field(8080, description="Port to listen on; 0 takes a free one.")
    max_body_bytes: Bytes = Field(
        10_000_000, alias="max_body", ge=1_000, le=1_000_000_000, description="Of one request, after decompression."
    )
    max_event_bytes: Bytes = Field(
        1_000_000, alias="max_event", ge=1_000, le=100_000_000, description="Of one event as JSON."
    )


class Admin(Section):
    """The port for metrics and status."""

    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(8081, description="Port to listen on; 0 takes a free one.")


class Retention(Section):
    """How long the log keeps events. What an enabled destination still needs is kept longer, up to its ``max_backlog``."""

    age_s: Seconds = Field(7 * DAY_S, alias="age", ge=1, le=3_650 * DAY_S, description="Events older than this go.")
    max_disk_bytes: Bytes = Field(
        20_000_000_000,
        alias="max_disk",
        ge=1_000_000,
        description="Of the log; full means that sources are answered 503.",
    )
    dedup_window_s: Seconds = Field(
        7 * DAY_S,
        alias="dedup_window",
        ge=1,
        le=3_650 * DAY_S,
        description="A messageId seen from the same source within this time is a duplicate.",
    )
    segment_bytes: Bytes = Field(
        64_000_000, alias="segment", ge=16_000, le=4_000_000_000, description="Size at which the log begins a new file."
    )


class Source(Section):
    """Something that sends events."""

    name: str = Field(alias="(name)", description="Its key in the file; filled in when the file is read.")
    write_key: Annotated[SecretStr, AfterValidator(_is_write_key)] = Field(
        description="The key that the source's SDK sends."
    )
    enabled: bool = Field(True, description="false refuses its events.")


class Delivery(Section):
    """How a destination is delivered to."""

    concurrency: Whole = Field(4, ge=1, le=64, description="Lanes: requests under way at a time.")
    rate_limit_per_s: PerSecond | None = Field(
        None,
        alias="rate_limit",
        gt=0,
        le=100_000,
        description="Requests, below what the plugin knows its vendor allows.",
    )
    timeout_s: Seconds = Field(10.0, alias="timeout", ge=0.05, le=600, description="Of one request, in all.")
    retry_for_s: Seconds = Field(
        3 * DAY_S,
        alias="retry_for",
        ge=0,
        le=90 * DAY_S,
        description="From the first attempt, not counting time blocked; then an event is a dead letter.",
    )
    batch_wait_s: Seconds = Field(
        0.1, alias="batch_wait", ge=0, le=60, description="How long a batch that isn't full waits for more."
    )
    max_parked: Whole = Field(
        10_000, ge=1, le=1_000_000, description="Events waiting apart for another try; at this many the reader stops."
    )
    max_in_flight: Whole = Field(
        2_000, ge=1, le=100_000, description="Events read from the log and not settled; bounds memory and repeats."
    )


class Destination(Section):
    """One configured use of a plugin."""

    name: str = Field(alias="(name)", description="Its key in the file; filled in when the file is read.")
    plugin: str = Field(description="The plugin's slug; the destination's own name where it isn't given.")
    enabled: bool = Field(True, description="false pauses it; its place in the log is kept for `hold`.")
    sandbox: bool = Field(False, description="true delivers to the plugin's built-in stand-in.")
    sources: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of the sources it takes events from; all, if absent."
    )
    opt_in: bool = Field(False, description="true takes only events whose `integrations` name it.")
    start: Literal["now", "beginning"] = Field("now", description="Where a new destination begins in the log.")
    hold_s: Seconds = Field(
        7 * DAY_S, alias="hold", ge=0, le=3_650 * DAY_S, description="How long a disabled one keeps its place."
    )
    formerly: str | None = Field(None, description="The name it had: takes over the state kept under that name.")
    max_backlog_bytes: Bytes = Field(
        10_000_000_000,
        alias="max_backlog",
        ge=1_000_000,
        description="Beyond it the oldest events become dead letters.",
    )
    settings: SerializeAsAny[PluginSettings] = Field(
        default_factory=PluginSettings, description="The plugin's own; an instance of its settings model."
    )
    delivery: Delivery = Field(default_factory=Delivery, description="How it is delivered to.")

    def takes(self, source: str) -> bool:
        """True if events of *source* are meant for it, flags aside."""
        return self.sources is None or source in self.sources

    def with_base_url(self, url: str) -> Self:
        """A copy that sends to *url*: how a sandbox, whose port is known only once it runs, comes into the settings."""
        settings = self.settings.model_copy(update={"base_url": url.rstrip("/")})
        return self.model_copy(update={"settings": settings})


class Config(Section):
    """The whole file. Made by `load_config` and `parse_config`."""

    server: Server = Field(default_factory=Server)
    admin: Admin = Field(default_factory=Admin)
    data: Annotated[Path, BeforeValidator(_is_path)] = Field(
        Path("var"), description="Folder of segments and state; relative to the working directory."
    )
    log: Annotated[Literal["sqlite"], BeforeValidator(_is_known_log)] = Field("sqlite", description="The log's engine.")
    retention: Retention = Field(default_factory=Retention)
    sources: dict[str, Source] = Field(default_factory=dict)
    destinations: dict[str, Destination] = Field(default_factory=dict)
    plugins: tuple[str, ...] = Field((), description="Plugins that aren't installed packages: modules or paths.")

    _files: dict[str, tuple[Path, ...]] = PrivateAttr(default_factory=dict)

    @property
    def files(self) -> Mapping[str, tuple[Path, ...]]:
        """Which values came from files (``${file:PATH}``), by dotted key: a change of such a file calls for a reload."""
        return self._files
