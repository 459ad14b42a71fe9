"""Durability: what a 2xx promises about an event, in an operator's words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Synced = Literal["always", "interval"]

_DECLARE = (
    "set sync_interval: always in the jetstream part of each server's config, then nats.synced: always in the config of the "
    "routers"
)


@dataclass(frozen=True, slots=True)
class Durability:
    """*promise* is what a 2xx means. *warnings* say where that is less than it could be, and what to do about it."""

    promise: str
    warnings: tuple[str, ...] = ()


EMBEDDED = Durability("A 2xx means: the event is on this machine's disk (fsync).")


def durability(replicas: int, synced: Synced | None) -> Durability:
    """The durability of a log in a cluster that keeps each event *replicas* times. *synced*: whether every server syncs each
    write before it says yes, according to the operator: the servers do not say.

    Source: by default a server syncs every two minutes (https://docs.nats.io/running-a-nats-service/configuration, jetstream
    block, sync_interval; read 2026-11-26); what a power cut costs then: facts on reliability, Jepsen on NATS 2.12.1.
    """
    quorum = replicas // 2 + 1
    where = f"{quorum} of {replicas} servers at least" if replicas > 1 else "one server"
    warnings = []
    if synced == "always":
        promise = f"A 2xx means: {where} synced the event to disk."
    elif synced == "interval":
        promise = f"A 2xx means: {where} took the event; they sync to disk later."
        warnings.append(f"a power cut of {where} loses events that were answered with 2xx: {_DECLARE}")
    else:
        promise = f"A 2xx means: {where} took the event; whether synced to disk, is not known."
        warnings.append(
            f"nats.synced says nothing: if the servers sync later, which is their default, a power cut of {where} loses events "
            f"that were answered with 2xx: {_DECLARE}"
        )
    if replicas == 1:
        warnings.append(
            "there is one copy of each event: while its server is away nothing is taken or delivered, and its disk is all "
            "there is. Run three servers; the streams are changed with: nats stream edit --replicas 3"
        )
    return Durability(promise, tuple(warnings))
