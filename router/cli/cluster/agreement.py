"""Agreement: whether the routers that share a log have the same config. Each tells the others its destinations. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from router.config import Config

Told = Mapping[str, str]
"""The destinations of a config: a short hash of each one's section, by its name. The hash covers no secrets."""


def tell(config: Config) -> Told:
    """What a router tells about its config."""
    return {
        name: hashlib.sha256(each.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:12]
        for name, each in config.destinations.items()
    }


def to_word(told: Told) -> bytes:
    """The bytes that lie in the cluster, beside the router's name."""
    return orjson.dumps({"destinations": dict(told)})


def read_word(word: bytes) -> Told | None:
    """Read what `to_word` made; None for a word that tells of no config."""
    try:
        read = orjson.loads(word)
    except orjson.JSONDecodeError:
        return None
    return read.get("destinations") if isinstance(read, dict) else None


def differing(mine: Told, others: Mapping[str, Told]) -> list[dict[str, Any]]:
    """Those of the *others* (by name) whose config differs: what each ``lacks``, what it ``has`` in addition, and what is
    ``changed``."""
    found = []
    for router, told in sorted(others.items()):
        lacks, has = sorted(mine.keys() - told.keys()), sorted(told.keys() - mine.keys())
        changed = sorted(name for name in mine.keys() & told.keys() if mine[name] != told[name])
        if lacks or has or changed:
            found.append({"router": router, "lacks": lacks, "has": has, "changed": changed})
    return found


def describe_difference(difference: Mapping[str, Any]) -> str:
    """One result of `differing` as a sentence."""
    parts = [
        f"{what} {', '.join(difference[key])}"
        for key, what in (("lacks", "it lacks"), ("has", "it has besides"), ("changed", "it has another section for"))
        if difference[key]
    ]
    return (
        f"{difference['router']} has another config: {'; '.join(parts)}. Each partition is delivered by the config of its "
        "router: give all of them the same, and reload (SIGHUP)."
    )
