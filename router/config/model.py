"""The config: what an operator decides, as validated values.

A key that stands in the file with a unit (``timeout: 10s``) is an attribute that names its unit (``timeout_s``). A key
without a value (``delivery:`` and nothing behind it) is as if absent. Relative paths count from the working directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from router.config.action import Action, Consent, FieldNames, Trigger
from router.config.log_address import EMBEDDED, LogAddress
from router.config.quantity import Bytes, PerSecond, Seconds
from router.config.section import Section
from router.plugin import PluginSettings
from router.source_choice import SourceChoice

DAY_S = 86_400.0

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


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


def _is_file(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or any(sign in value for sign in "\0\n")):
        raise PydanticCustomError("path", "expected the path of a file, not what is in it")
    return value


PathOfFile = Annotated[Path, BeforeValidator(_is_file)]


def _is_write_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key:
        raise PydanticCustomError("write_key", "it is empty, expected the key that the source's SDK sends")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise PydanticCustomError("write_key", "expected ASCII letters, digits and signs, without blanks")
    return value


def _read_public_url(value: str) -> str:
    """Without a slash at its end."""
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good or not value.isascii() or not value.isprintable() or any(sign in value for sign in " @?#\\"):
        message = 'expected "https://host" or "http://host", with a port and a path if need be'
        raise PydanticCustomError("public_url", message)
    return value.rstrip("/")


def _read_network(value: Any) -> Any:
    """A network, or an address, which is a network of one."""
    try:
        return ip_network(value.strip(), strict=False) if isinstance(value, str) else value
    except ValueError:
        raise PydanticCustomError("network", "expected an address or a network such as 10.0.0.0/8") from None


def _read_origin(value: str) -> str:
    """As a browser writes it: in lower case, without the port that goes without saying."""
    origin = value.strip().lower().removesuffix("/")
    if not _ORIGIN.fullmatch(origin):
        raise PydanticCustomError("origin", "expected scheme and host of the pages such as https://shop.example.com")
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], "/"))


Whole = Annotated[int, BeforeValidator(_refuse_boolean)]
Host = Annotated[str, AfterValidator(_is_host)]
Port = Annotated[Whole, Field(ge=0, le=65_535)]
PublicUrl = Annotated[str, AfterValidator(_read_public_url)]
StreamName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_read_network)]
Origin = Annotated[str, AfterValidator(_read_origin)]
WriteKey = Annotated[SecretStr, AfterValidator(_is_write_key)]


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
    public_url: PublicUrl | None = Field(
        None,
        description="Where browsers reach the router, for their settings documents; the host they asked, if absent.",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    max_events: Whole = Field(2_500, ge=1, le=100_000, description="In one batch; what is beyond it is rejected.")
    max_keys: Whole = Field(5_000, ge=100, le=1_000_000, description="In one event, nested ones included.")
    max_depth: Whole = Field(100, ge=10, le=100, description="Levels of objects and lists in one event.")
    max_held_bytes: Bytes = Field(
        100_000_000, alias="max_held", ge=1_000_000, description="Of all bodies under way; beyond it requests get 503."
    )
    max_head_bytes: Bytes = Field(
        32_000, alias="max_head", ge=4_000, le=1_000_000, description="Of the request line and headers of one request."
    )
    max_connections: Whole = Field(
        10_000, ge=10, le=1_000_000, description="At a time; a new one takes the place of the slowest."
    )
    head_timeout_s: Seconds = Field(
        10.0, alias="head_timeout", ge=0.1, le=600, description="For the headers of a request to arrive."
    )
    body_timeout_s: Seconds = Field(
        30.0,
        alias="body_timeout",
        ge=0.1,
        le=3_600,
        description="For its body to arrive, and for its answer to be taken.",
    )
    idle_timeout_s: Seconds = Field(
        75.0, alias="idle_timeout", ge=1, le=3_600, description="Between two requests of a connection."
    )

    @model_validator(mode="after")
    def _has_room_for_a_body(self) -> Self:
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError("max_held is less than max_body: no request of that size could ever be taken; raise it")
        return self


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
    reserve_bytes: Bytes = Field(
        64_000_000,
        alias="reserve",
        ge=0,
        le=100_000_000_000,
        description="Of the disk, kept for settling what was accepted when it is full; 0 keeps none.",
    )


class Nats(Section):
    """The log in a NATS cluster; counts where ``log`` is the address of one."""

    name: StreamName = Field("router", description="Its streams' names begin with it; one log, one name.")
    partitions: Whole = Field(
        16, ge=1, le=1_024, description="Slices of the users, each delivered by one router at a time; fixed for a log."
    )
    replicas: Annotated[Literal[1, 3, 5] | None, BeforeValidator(_refuse_boolean)] = Field(
        None, description="Copies of each event; 3 where the cluster has so many nodes, else 1, if absent."
    )
    synced: Literal["always", "interval"] | None = Field(
        None, description="What the servers' `sync_interval` is, which they don't tell: `always`, or an interval."
    )
    credentials: PathOfFile | None = Field(
        None, description="File with a user's JWT and seed, as `nsc` makes it; or put user:password@ into the address."
    )
    ca: PathOfFile | None = Field(
        None, description="Certificate (PEM) that signs the servers'; those the system trusts, if absent."
    )
    certificate: PathOfFile | None = Field(None, description="Our own (PEM), for servers that ask for one.")
    key: PathOfFile | None = Field(
        None, description="Of `certificate`, without a password; in the same file, if absent."
    )

    @field_validator("key", mode="after")
    @classmethod
    def _has_its_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("certificate", value) is None:
            raise PydanticCustomError("key", "it belongs to a `certificate`, and there is none")
        return value


class Source(Section):
    """Something that sends events."""

    name: str = Field(alias="(name)", description="Its key in the file; filled in when the file is read.")
    write_keys: tuple[WriteKey, ...] | None = Field(
        None, min_length=1, description="Several keys, any of which will do: for changing a key without a gap."
    )
    write_key: WriteKey | None = Field(None, validate_default=True, description="The key that the source's SDK sends.")
    enabled: bool = Field(True, description="false refuses its events.")
    sdk: Literal["segment", "customerio", "rudderstack", "jitsu", "any"] = Field(
        "any", description="The family of the SDK in its pages; decides what their settings documents hold."
    )
    origins: tuple[Origin, ...] | None = Field(
        None, min_length=1, description="Origins of the pages that may send; any, if absent."
    )
    destinations: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of the destinations that may get its events; all, if absent."
    )
    formerly: str | None = Field(
        None, description="The name it had: its events of that time go where those of its new name go."
    )
    rate_limit_per_s: PerSecond = Field(
        1_000.0, alias="rate_limit", gt=0, le=1_000_000, description="Requests; beyond it they get 429."
    )

    @field_validator("write_key", mode="after")
    @classmethod
    def _is_one_of_two(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "write_keys" not in info.data:
            return value  # it is wrong, and that is said elsewhere
        if value is None and info.data["write_keys"] is None:
            raise PydanticCustomError("missing", "missing")
        if value is not None and info.data["write_keys"] is not None:
            raise PydanticCustomError("two_forms", "write_keys is given too; move this key there, and take this out")
        return value

    @property
    def names(self) -> frozenset[str]:
        """Its name and the one it had, if any: events that were accepted then bear that one."""
        return frozenset({self.name} if self.formerly is None else {self.name, self.formerly})

    @property
    def keys(self) -> tuple[str, ...]:
        """All its write keys, at least one."""
        given = self.write_keys or ((self.write_key,) if self.write_key else ())
        return tuple(key.get_secret_value() for key in given)


class Delivery(Section):
    """How a destination is delivered to."""

    order: Literal["strict", "none"] = Field(
        "strict",
        description="Of the events of one user: strict delivers each after the one before; none as they can be.",
    )
    concurrency: Whole = Field(
        4, ge=1, le=64, description="Requests under way at a time, at most; fewer while the vendor can't take so many."
    )
    rate_limit_per_s: PerSecond | None = Field(
        None,
        alias="rate_limit",
        gt=0,
        le=100_000,
        description="Requests, below what the plugin knows its vendor allows.",
    )
    timeout_s: Seconds = Field(10.0, alias="timeout", ge=0.05, le=600, description="Of one request, in all.")
    connect_timeout_s: Seconds = Field(
        5.0,
        alias="connect_timeout",
        ge=0.05,
        le=300,
        description="Of that, for a new connection; no more than half of `timeout`.",
    )
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
    consent: Consent | None = Field(
        None, description="What people must have agreed to; an event without their consent is not sent."
    )
    filter: Trigger | None = Field(None, description="Which events are for it at all; any, if absent.")
    block: FieldNames | None = Field(None, description="Traits, properties and context it never gets.")
    hashed: FieldNames | None = Field(
        None, alias="hash", description="Traits, properties and context of which it gets only the SHA-256 hash."
    )
    actions: dict[str, Action] = Field(
        default_factory=dict,
        description="Changes to the plugin's actions, by their names; docs/actions.md tells of them.",
    )
    delivery: Delivery = Field(default_factory=Delivery, description="How it is delivered to.")

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
    log: LogAddress = Field(
        SecretStr(EMBEDDED),
        description="Where the log is kept: sqlite, in `data`; or nats://host:4222,…, a cluster with JetStream.",
    )
    nats: Nats = Field(default_factory=Nats)
    retention: Retention = Field(default_factory=Retention)
    sources: dict[str, Source] = Field(default_factory=dict)
    destinations: dict[str, Destination] = Field(default_factory=dict)
    plugins: tuple[str, ...] = Field((), description="Plugins that aren't installed packages: modules or paths.")

    _files: dict[str, tuple[Path, ...]] = PrivateAttr(default_factory=dict)

    def sources_of(self, destination: str) -> SourceChoice:
        """Whose events *destination* takes: those of a source go where both sides agree."""
        named = self.destinations[destination].sources
        sources = self.sources.values()
        leaving_out = [
            each for each in sources if each.destinations is not None and destination not in each.destinations
        ]
        return SourceChoice(
            only=None if named is None else _names(self.sources[name] for name in named),
            never=_names(leaving_out),
            known=_names(sources),
        )

    @property
    def log_urls(self) -> tuple[str, ...]:
        """The addresses of the cluster that keeps the log, with credentials if there are any; none: it is embedded."""
        address = self.log.get_secret_value()
        return () if address == EMBEDDED else tuple(address.split(","))

    @property
    def files(self) -> Mapping[str, tuple[Path, ...]]:
        """Which values came from files (``${file:PATH}``), by dotted key: a change of such a file calls for a reload."""
        return self._files


def _names(sources: Iterable[Source]) -> frozenset[str]:
    return frozenset(name for source in sources for name in source.names)
