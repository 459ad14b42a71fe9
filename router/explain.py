"""Explain: for one event and each destination, what is sent, what is not, and why. It runs the same code as delivery."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from router.destination import Destination, Mapped, MappingFailed, Written
from router.event import Event
from router.guard import PluginFailed
from router.integrations import folded_names, unknown_warnings
from router.origin import UrlTooLong, check_url
from router.payload_key import find_settled
from router.plugin import (
    Action,
    Basic,
    BatchEndpoint,
    Bearer,
    BodyField,
    ConversationEndpoint,
    Credential,
    HeaderKey,
    OAuth2,
    PathKey,
    Payload,
    QueryKey,
    Request,
    Signature,
    SigV4,
    Step,
)
from router.plugin.credential import with_field, with_path
from router.plugin.request import encode_body, set_content_type, set_encoding
from router.plugin_calls import CredentialsFailed

HIDDEN = "********"


def explain(
    event: Event,
    destinations: Sequence[Destination],
    source: str | None = None,
    warnings: Iterable[str] = (),
    historical_age_s: float | None = None,
    only: str | None = None,
) -> dict[str, Any]:
    """One line of ``router explain --json``, in the shape that design.md fixes under "Contracts".

    Args:
        source: the event's source. None leaves the sources out of the decision.
        warnings: what normalising the event has said. Warnings about its flags are added.
        historical_age_s: explain a replay of the event, so many seconds after it happened. An entry whose request carries the
            vendor's word for old events shows that word under ``historical``.
        only: the name of the one of *destinations* that gets entries; the others only count as known. None: all of them.
    """
    entries: list[dict[str, Any]] = []
    notes = list(warnings)
    for destination in destinations if only is None else [each for each in destinations if each.name == only]:
        entries += explain_at(event, destination, source, notes, historical_age_s)
    notes += unknown_warnings(event.integrations, folded_names(each.names for each in destinations))
    return {"event": event.document, "warnings": list(dict.fromkeys(notes)), "destinations": entries}


def explain_at(
    event: Event,
    destination: Destination,
    source: str | None,
    notes: list[str],
    historical_age_s: float | None = None,
    delivered: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The entries of one destination. Warnings are added to *notes*. *delivered*: keys of payloads that the vendor already
    has, so that they are not sent again."""
    decision = destination.decide(event, source, historical_age_s)
    if decision.flag is not None:
        notes += decision.flag.warnings
    passed_over = [_entry(destination, "skip", each.reason, each.action) for each in decision.passed_over]
    if not decision.is_delivered:
        return passed_over or [_entry(destination, "skip", decision.reason)]
    try:
        mapped = destination.map(event, decision, with_trace=True)
        written = [destination.write(action) for action in mapped]  # before any entry: if one fails, nothing is sent
    except MappingFailed as error:
        return [_entry(destination, "skip", "") | _dead(f"mapping: {error}")]
    except PluginFailed as error:
        return [_entry(destination, "skip", "") | _dead(f"request: {error}")]
    told = set(_texts_in(event.document))
    entries = [
        _explain_action(destination, *each, decision.reason, delivered, told)
        for each in zip(mapped, written, strict=True)
    ] + passed_over
    sent = _roots({line["from"] for entry in entries if entry["decision"] == "deliver" for line in entry["lineage"]})
    for entry in entries:  # a field that another action of this destination sends is not missing
        entry["unmapped"] = [source for source in entry["unmapped"] if not _is_among(source, sent)]
    return entries


def _roots(fields: Iterable[str]) -> list[str]:
    """Those of *fields* that lie within no other one, sorted, each with a dot behind it; there may be tens of thousands."""
    roots: list[str] = []
    for field in sorted(f"{each}." for each in fields):
        if not roots or not field.startswith(roots[-1]):
            roots.append(field)
    return roots


def _is_among(source: str, sent: Sequence[str]) -> bool:
    """Whether *sent* (as of `_roots`) has the field at *source*, or parts of it (and the action that sends those tells of the
    others), or the object that it is a part of. None lies within another, so that only the neighbours can be either."""
    field = f"{source}."
    at = bisect_left(sent, field)
    return (at < len(sent) and sent[at].startswith(field)) or (at > 0 and field.startswith(sent[at - 1]))


def _explain_action(
    destination: Destination,
    mapped: Mapped,
    payloads: Sequence[Written],
    reason: str,
    delivered: Collection[str],
    told: Collection[str],
) -> dict[str, Any]:
    """*told*: texts of the event, which is shown as a whole: as little as they are hidden there, they are in a request."""
    entry = _entry(destination, "deliver", reason, mapped.action)
    if mapped.trace is not None:
        entry["lineage"] = [
            {"from": line.source, "to": line.to, "converter": line.converter} for line in mapped.trace.lineage
        ]
        entry["unmapped"] = mapped.trace.unmapped
    of_converters = map(destination.calls.guard.tell, mapped.trace.warnings if mapped.trace else ())
    warnings = [*of_converters, *(note for each in mapped.payloads for note in each.notes)]
    if warnings:
        entry["warnings"] = list(dict.fromkeys(warnings))
    if mapped.changes:
        entry["changes"] = list(mapped.changes)
    if not destination.is_ordered:
        entry["order"] = "none"
    if mapped.mark:
        entry["historical"] = mapped.mark
    if mapped.skipped:
        return entry | {"decision": "skip", "reason": f"action: {mapped.skipped}"}
    try:
        keys = find_settled(mapped.action.name, mapped.unmarked, delivered)
        missing = [written for written, key in zip(payloads, keys, strict=True) if not key]
        if not missing:
            return entry | {"decision": "skip", "reason": "delivered already: it is not sent again"}
        for written in missing:
            if written.too_big:
                continue
            requests = _requests(destination, mapped.action, written.payload)
            for request in requests:
                check_url(request.url, destination.origins)  # as delivery does before it sends
            entry["requests"] += [_show(request, destination, mapped.action, told) for request in requests]
    except CredentialsFailed as error:
        return entry | {"decision": "skip", "reason": f"{error}; the destination would be blocked", "requests": []}
    except (PluginFailed, UrlTooLong) as error:
        return entry | _dead(f"request: {error}")
    except Exception as error:
        return entry | _dead(f"request: {destination.calls.guard.why_unsendable(error)}")
    too_big = next((written.too_big for written in missing if written.too_big), "")
    if too_big:  # the action's other payloads are sent all the same
        sent = entry["requests"]
        return entry | _dead(f"size: {too_big}") | {"decision": "deliver" if sent else "skip", "requests": sent}
    return entry


def _dead(reason: str) -> dict[str, Any]:
    return {"decision": "skip", "reason": f"{reason}; the event would become a dead letter", "requests": []}


def _entry(destination: Destination, decision: str, reason: str, action: Action | None = None) -> dict[str, Any]:
    return {
        "destination": destination.name,
        "plugin": destination.plugin.slug,
        "decision": decision,
        "reason": reason,
        "action": action.name if action else None,
        "requests": [],
        "lineage": [],
        "unmapped": [],
    }


def _requests(destination: Destination, action: Action, payload: Payload) -> list[Request]:
    """The requests for one payload if it travelled alone. A conversation receives the answers that its steps assume."""
    endpoint = destination.endpoints[action.endpoint]
    calls = destination.calls
    if isinstance(endpoint, BatchEndpoint):
        return [calls.pack(endpoint, [payload])]
    assert isinstance(endpoint, ConversationEndpoint)
    talk = calls.converse(endpoint, payload)
    requests: list[Request] = []
    try:
        said = talk.next()
        while isinstance(said, Step):
            requests.append(said.request)
            said = talk.next(said.assumed)
        return requests
    finally:
        talk.close()


def _show(request: Request, destination: Destination, action: Action, told: Collection[str]) -> dict[str, Any]:
    """The request, with stars in place of the credentials that the core will add, and of secrets that the plugin has put into
    it by itself."""
    made = [request.method, request.url, dict(request.headers), orjson.loads(orjson.dumps(request.json))]
    method, url, headers, body = _hide(made, destination.calls.guard.hide, told)
    if body is not None:
        set_content_type(headers, request)
        set_encoding(headers, request)
    for credential in destination.calls.credentials(destination.endpoints[action.endpoint]):
        headers |= _hidden_headers(credential)
        if isinstance(credential, QueryKey):
            url += ("&" if "?" in url else "?") + f"{credential.name}={HIDDEN}"
        if isinstance(credential, PathKey):
            url = with_path(url, HIDDEN)
        if isinstance(credential, BodyField):
            body = with_field(body, credential.path.split("."), HIDDEN)
    if body is not None:
        encode_body(body, request)  # raises for a body that could not be sent either
    return {"method": method, "url": url, "headers": headers, "body": body}


def _hide(shown: Any, hide: Callable[[str], str], told: Collection[str]) -> Any:
    """*shown*, where *hide* has been at each text that is not *told* anyway."""
    match shown:
        case str():
            return shown if shown in told else hide(shown)
        case dict():
            return {_hide(name, hide, told): _hide(value, hide, told) for name, value in shown.items()}
        case list():
            return [_hide(value, hide, told) for value in shown]
        case _:
            return shown


def _texts_in(value: Any) -> Iterable[str]:
    """All texts of a JSON value, also names."""
    match value:
        case str():
            yield value
        case dict():
            yield from value
            for item in value.values():
                yield from _texts_in(item)
        case list():
            for item in value:
                yield from _texts_in(item)


def _hidden_headers(credential: Credential) -> Mapping[str, str]:
    match credential:
        case Basic():
            return {"Authorization": f"Basic {HIDDEN}"}
        case Bearer(_, scheme):
            return {"Authorization": f"{scheme} {HIDDEN}"}
        case OAuth2():
            return {"Authorization": f"Bearer {HIDDEN}"}
        case HeaderKey(name, _):
            return {name: HIDDEN}
        case Signature():
            return {"(signature)": "computed over the body when it is sent"}
        case SigV4():
            return {"Authorization": f"AWS4-HMAC-SHA256 {HIDDEN}"}
        case _:
            return {}
