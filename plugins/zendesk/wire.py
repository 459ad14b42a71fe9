"""Paths, credentials, rates, and the events, which travel one a request.

Source: facts/vendors/zendesk.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr

from plugins.zendesk.settings import RATES, Settings
from router.plugin import (
    OF_THE_SET_UP,
    Basic,
    Bearer,
    Blocked,
    Credential,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    build_url,
    describe,
    judge_by_status,
)

RESET_HEADER: Final = "ratelimit-reset"
ACCOUNT: Final = "account"
"""Requests to the API at large are limited together, those with events on their own."""
BLOCKED: Final = (*OF_THE_SET_UP, 401, 403, 405)
"""Credentials, scopes, plan, or another subdomain: never an event."""
CONFLICT_ATTEMPTS: Final = 10


def credentials(settings: Settings) -> Sequence[Credential]:
    if settings.oauth_token.get_secret_value():
        return [Bearer(settings.oauth_token)]
    return [Basic(SecretStr(f"{settings.email}/token"), settings.api_token)]


def requests_per_s(settings: Settings) -> float:
    return RATES[settings.plan].requests / 60


def events_per_s(settings: Settings) -> float:
    return RATES[settings.plan].events / 60


def request(
    method: str, settings: Settings, *segments: str, body: Any = None, query: Mapping[str, str] | None = None
) -> Request:
    return Request(method, build_url(settings.api_url, "api", "v2", *segments, query=query), body)


def check_credentials(settings: Settings) -> Request:
    return request("GET", settings, "users", "me")


def is_somebody(response: Response) -> bool:
    """Whether the answer names a user; to nobody's credentials it may answer 200 with a user without an id."""
    user = response.json_object().get("user")
    return response.status == 200 and isinstance(user, dict) and bool(user.get("id"))


def pack_event(payloads: Sequence[Payload], settings: Settings) -> Request:
    return request("POST", settings, "user_profiles", "events", body=payloads[0].body)


def judge_event(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """A 403 or 404 is a plan without the Events API: the path is fixed, and the profile stands in the body.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    if response.status in (403, 404):
        return Blocked(f"{describe(response)} (a plan without events? they are off with send_events: false)")
    if response.status == 409:
        return [Later(describe(response), None, CONFLICT_ATTEMPTS)] * len(payloads)
    return judge_by_status(response.unless_page(), payloads, blocked=BLOCKED)
