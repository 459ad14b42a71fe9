"""Payloads to a request, a status to verdicts.

Source: facts/vendors/webhook.md, sections 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from plugins.webhook import signature
from plugins.webhook.identity import request_id
from plugins.webhook.settings import HISTORICAL_HEADER, IDEMPOTENCY_HEADER, Settings
from router.plugin import (
    Basic,
    Bearer,
    Blocked,
    Credential,
    Dead,
    HeaderKey,
    Historical,
    Judgement,
    Later,
    Marked,
    OAuth2,
    Payload,
    Request,
    Response,
    Signature,
    Signing,
    Skip,
    Split,
    describe,
    judge_by_status,
)

MAX_BYTES: Final = 4_000_000
"""The convention sets no limit; this is where senders that batch cap theirs (facts/event-spec.md, section 7)."""

_HISTORICAL: Final = "historical"
_MISPLACED: Final = frozenset({401, 403, 405, 407, 410, 415, *range(300, 400)})
"""There is one address, method and content type, so these speak of them or of the credentials, and never of an event."""


def batch_size(settings: Settings) -> int:
    return settings.batch_size


def credentials(settings: Settings) -> Sequence[Credential]:
    """The operator's headers (they may hold keys), then what `auth` asks for, then the signature over the finished body."""
    found: list[Credential] = [HeaderKey(name, value) for name, value in settings.headers.items()]
    match settings.auth:
        case "basic":
            found.append(Basic(settings.username, settings.password))
        case "bearer":
            found.append(Bearer(settings.token))
        case "api_key":
            found.append(HeaderKey(settings.api_key_header, settings.api_key))
        case "oauth2":
            found.append(OAuth2(settings.target_token_url, settings.client_id, settings.client_secret, settings.scope))
        case "none":
            pass
    if settings.is_signed:
        found.append(Signature(lambda signing: _sign(signing, settings)))
    return found


def _sign(signing: Signing, settings: Settings) -> Mapping[str, str]:
    secret = settings.signing_secret.get_secret_value()
    match settings.signing:
        case "standard":
            previous = settings.previous_signing_secret.get_secret_value()
            return signature.sign_standard(signing, [secret, previous] if previous else [secret])
        case "segment":
            return signature.sign_segment(signing, secret)
        case "customerio":
            return signature.sign_customerio(signing, secret)
        case "timestamped":
            return signature.sign_timestamped(signing, secret, settings.signature_header)


def historical(settings: Settings) -> Historical:
    if settings.historical == "skip":
        return Skip("the receiver may start something because of it (setting historical)")
    return Marked(f"{HISTORICAL_HEADER}: true", _mark)


def _mark(payload: Payload, settings: Settings) -> Payload:
    """Old events travel apart: the word for them is a header."""
    return replace(payload, group=_HISTORICAL)


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    """One event as an object, or an array as soon as the operator wants batches, also for a single event."""
    bodies = [payload.body for payload in payloads]
    json = bodies[0] if settings.batch_size == len(bodies) == 1 else bodies
    key = request_id([payload.key for payload in payloads])
    headers = {IDEMPOTENCY_HEADER: key}
    if payloads[0].group == _HISTORICAL:
        headers[HISTORICAL_HEADER] = "true"
    return Request(settings.method, settings.target_url, json, headers)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read the status; receivers say nothing in bodies that one could rely on.

    A batch is taken or refused as a whole, so one bad event in it is looked for by halving.
    """
    status = response.status
    if status in settings.retry_statuses:
        return [Later(describe(response))] * len(payloads)
    if status in settings.permanent_statuses:
        return _refuse(response, payloads)
    if 300 <= status <= 399:
        return Blocked(f"{describe(response)} (redirects are not followed: put the final address into url)")
    if status == 410:
        return Blocked(f"{describe(response)} (the receiver wants nothing more at this url)")
    judgement = judge_by_status(response, payloads, blocked=_MISPLACED)
    if isinstance(judgement, Sequence) and isinstance(judgement[0], Dead):
        return _refuse(response, payloads)
    return judgement


def _refuse(response: Response, payloads: Sequence[Payload]) -> Judgement:
    reason = describe(response)
    return [Dead(reason)] if len(payloads) == 1 else Split(reason)
