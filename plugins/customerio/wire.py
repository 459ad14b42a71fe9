"""Payloads to a request, the answer to verdicts, for both APIs.

Source: facts/vendors/customerio.md, sections 1, 2, 6 and 7; docs.customer.io, Pipelines API, "Batch requests" (one
``context`` for all items of a batch; no alias among them).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plugins.customerio.settings import Settings
from router.plugin import (
    Basic,
    Blocked,
    Credential,
    Dead,
    Delivered,
    Document,
    Harmless,
    Historical,
    Judgement,
    Payload,
    Request,
    Response,
    Skip,
    Split,
    UnreadableAnswer,
    Verdict,
    build_url,
    describe,
    judge_by_status,
)

MAX_EVENTS = 1_000
"""The vendor gives no number; this is what others cap at."""
MAX_BATCH_BYTES = 499_900
"""500 KB, with room for what stands around the payloads."""
MAX_PAYLOAD_BYTES = 32_768
RATE_LIMIT_PER_S = 100.0
"""The lower of two numbers the vendor gives for Track; batches make it plenty."""

CAMPAIGNS_S = 72 * 3_600.0
"""How long an event may trigger campaigns."""

_STRICT = {"X-Strict-Mode": "1"}
"""Without it Pipelines answers 200 to everything, wrong keys included."""


def credentials(settings: Settings) -> Sequence[Credential]:
    if settings.api == "pipelines":
        return [Basic(user=settings.api_key)]
    return [Basic(user=settings.site_id, password=settings.api_key)]


def historical_event(settings: Settings) -> Historical:
    """Journeys goes by an event's own time; what Pipelines hands an event on to, nobody here knows."""
    if settings.api == "pipelines":
        return Skip("Pipelines hands it on to whatever is connected there, which may start something")
    return Harmless(after_s=CAMPAIGNS_S)


def check_credentials(settings: Settings) -> Request:
    """Track: the account's region. Pipelines: a batch of nothing, refused with a 400 where the key is good."""
    if settings.api == "pipelines":
        return Request("POST", build_url(settings.api_url, "v1", "batch"), {"batch": []}, _STRICT)
    return Request("GET", build_url(settings.api_url, "api", "v1", "accounts", "region"))


def is_known(response: Response) -> bool:
    return response.is_success or response.status == 400


def are_bodies_opaque(settings: Settings) -> bool:
    """Of Pipelines, one context is taken out of all of them."""
    return settings.api == "track_v2"


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    """One request. An alias of Pipelines has a path of its own; everything else is a batch."""
    items = [payload.body for payload in payloads]
    if settings.api == "track_v2":
        return Request("POST", build_url(settings.api_url, "api", "v2", "batch"), {"batch": items})
    if items[0]["type"] == "alias":
        return Request("POST", build_url(settings.api_url, "v1", "alias"), items[0], _STRICT)
    body: Document = {"batch": [{key: value for key, value in item.items() if key != "context"} for item in items]}
    if "context" in items[0]:
        body["context"] = items[0]["context"]
    return Request("POST", build_url(settings.api_url, "v1", "batch"), body, _STRICT)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer of either API.

    A 2xx that lists ``errors`` refuses those items and took all others. A 400 speaks for the whole request: in a batch the
    one bad item is looked for by halving. A redirect (an EU account at the US host), a 404 and a 405 (a path that every
    request shares) are the operator's to mend, so nothing may die of them.

    Raises:
        UnreadableAnswer: a 2xx whose body is no JSON object: not the vendor's answer, or cut.
    """
    status = response.status
    if 200 <= status <= 299:
        return _judge_taken(response, len(payloads))
    if 300 <= status <= 399 or status in (404, 405):
        return Blocked(f"{describe(response)} (wrong region or base_url?)")
    if status == 400:
        reason = _refusal(response)
        return [Dead(reason)] if len(payloads) == 1 else Split(reason)
    return judge_by_status(response, payloads)


def _judge_taken(response: Response, count: int) -> Judgement:
    body = response.json() if response.body.strip() or response.status == 207 else {}
    errors = (body.get("errors") or []) if isinstance(body, dict) else None
    if not isinstance(errors, list):
        raise UnreadableAnswer(f"expected an object with a list of errors, got {describe(response)!r}")
    verdicts: list[Verdict] = [Delivered()] * count
    for error in errors:
        index = error.get("batch_index") if isinstance(error, dict) else None
        if count == 1:
            index = 0
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            return Split(f"{response.status} {_describe_error(error)}, without saying which item")
        verdicts[index] = Dead(f"{response.status} {_describe_error(error)}")
    return verdicts


def _refusal(response: Response) -> str:
    """The vendor's words from a 400: ``{"errors": […]}``, ``{"meta": {"errors": […]}}`` or ``{"meta": {"error": …}}``."""
    body = response.json_object()
    meta = body.get("meta")
    found: Any = body.get("errors")
    if not found and isinstance(meta, dict):
        found = meta.get("errors") or meta.get("error")
    if isinstance(found, str):
        return f"{response.status} {found[:300]}"
    if isinstance(found, list) and found:
        return f"{response.status} " + "; ".join(_describe_error(error) for error in found[:5])
    return describe(response)


def _describe_error(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)[:300]
    parts = (error.get(key) for key in ("reason", "field", "message"))
    return ": ".join(str(part)[:300] for part in parts if part) or "refused without a reason"
