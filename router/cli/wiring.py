"""Wiring: makes the parts that the config describes. Nothing is started here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields

from router.cli.rules import to_consent, to_privacy, to_rule, to_trigger
from router.config import Config
from router.config import Destination as DestinationConfig
from router.delivery.assignment import Assignment
from router.delivery.options import DeliveryOptions
from router.destination import Destination
from router.errors import OperatorError
from router.gateway import Limits, Source, Surroundings
from router.guard import PluginFailed
from router.log.jetstream.access import Access
from router.log.options import LogOptions
from router.registry import Registry
from router.source_choice import ANY_SOURCE, SourceChoice
from router.suppressed import NOBODY, Suppressed


def to_destination(
    config: DestinationConfig,
    registry: Registry,
    sources: SourceChoice = ANY_SOURCE,
    suppressed: Suppressed = NOBODY,
) -> Destination:
    """The destination as delivery and explain know it. *sources*: whose events it takes (`Config.sources_of`).

    Raises:
        OperatorError: the plugin has no table for these settings.
    """
    with telling_of_plugin(config.name):
        return Destination(
            name=config.name,
            plugin=registry.get(config.plugin),
            settings=config.settings,
            sources=sources,
            is_opt_in=config.opt_in,
            is_enabled=config.enabled,
            consent=to_consent(config.consent),
            filter=to_trigger(config.filter) if config.filter else None,
            rules={name: to_rule(action) for name, action in config.actions.items()},
            privacy=to_privacy(config.block, config.hashed),
            is_ordered=config.delivery.order == "strict",
            former_name=config.formerly,
            suppressed=suppressed,
        )


@contextmanager
def telling_of_plugin(destination: str) -> Iterator[None]:
    """Wrap whatever asks the plugin of a *destination*.

    Raises:
        OperatorError: the plugin fails.
    """
    try:
        yield
    except PluginFailed as error:
        raise OperatorError(f"destinations.{destination}: {error}") from error


def to_access(config: Config) -> Access:
    """How to reach the cluster that keeps the log."""
    return Access(config.nats.credentials, config.nats.ca, config.nats.certificate, config.nats.key)


def to_assignments(
    config: Config,
    registry: Registry,
    sandbox_urls: Mapping[str, str] | None = None,
    suppressed: Suppressed = NOBODY,
) -> list[Assignment]:
    """Every destination of the config; none of them gets anything of *suppressed*. *sandbox_urls* says, by destination, where
    its stand-in listens.

    Raises:
        OperatorError: a plugin has no table for its settings.
    """
    return [to_assignment(config, name, registry, sandbox_urls, suppressed) for name in config.destinations]


def to_assignment(
    whole: Config,
    name: str,
    registry: Registry,
    sandbox_urls: Mapping[str, str] | None = None,
    suppressed: Suppressed = NOBODY,
) -> Assignment:
    """One destination; see `to_assignments`. One that no longer asks for its stand-in goes to the vendor, even if the stand-in
    still runs."""
    config = whole.destinations[name]
    url = (sandbox_urls or {}).get(name) if config.sandbox else None
    placed = config.with_base_url(url) if url else config
    delivery = config.delivery
    return Assignment(
        destination=to_destination(placed, registry, whole.sources_of(name), suppressed),
        options=DeliveryOptions(
            concurrency=delivery.concurrency,
            rate_limit_per_s=delivery.rate_limit_per_s,
            retry_for_s=delivery.retry_for_s,
            batch_wait_s=delivery.batch_wait_s,
            max_parked=delivery.max_parked,
            max_in_flight=delivery.max_in_flight,
        ),
        timeout_s=delivery.timeout_s,
        connect_timeout_s=delivery.connect_timeout_s,
        is_enabled=config.enabled,
        starts_at_beginning=config.start == "beginning",
        formerly=config.formerly,
        hold_s=config.hold_s,
        max_backlog_bytes=config.max_backlog_bytes,
        max_dead_letters_bytes=config.max_dead_letters_bytes,
    )


def to_sources(config: Config) -> dict[str, Source]:
    """The sources as the gateway knows them."""
    return {
        name: Source(
            write_keys=source.keys,
            is_enabled=source.enabled,
            origins=None if source.origins is None else frozenset(source.origins),
            sdk=source.sdk,
            max_requests_per_s=source.rate_limit_per_s,
        )
        for name, source in config.sources.items()
    }


def to_limits(config: Config) -> Limits:
    """What requests and connections may cost: the keys of `Limits` are those of ``server``."""
    server = config.server
    return Limits(**{field.name: getattr(server, field.name) for field in fields(Limits)})


def to_surroundings(config: Config) -> Surroundings:
    """The surroundings of the gateway."""
    return Surroundings(config.server.public_url, config.server.trusted_proxies)


def log_options(config: Config) -> LogOptions:
    """The log's options, from ``retention``."""
    retention = config.retention
    return LogOptions(
        segment_bytes=retention.segment_bytes,
        max_bytes=retention.max_disk_bytes,
        retention_s=retention.age_s,
        dedup_window_s=retention.dedup_window_s,
    )
