"""Paths, credentials, limits, and what answers mean.

Source: facts/vendors/pipedrive.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from plugins.pipedrive.settings import Settings
from router.plugin import (
    Blocked,
    Credential,
    Dead,
    Delivered,
    HeaderKey,
    Later,
    Payload,
    Request,
    Response,
    UnreadableAnswer,
    Verdict,
    build_url,
    describe,
    judge_by_status,
    only_verdict,
)

REQUESTS_PER_S: Final = 5.0
"""The ten searches in two seconds that every plan has: any request may be one."""
RESET_HEADER: Final = "x-ratelimit-reset"
"""Seconds to the end of a window of two. Of the day's tokens it says nothing."""
_BLOCKED: Final = (401, 403, 404, 405, 410)
"""Of a 404 about a record, which a conversation expects, it makes something of its own."""
_TOKENS_LEFT: Final = "x-daily-ratelimit-token-remaining"
"""Unverified."""
DAILY_S: Final = 3_600.0
"""When the day of the account ends isn't told: ask once an hour."""


def credentials(settings: Settings) -> Sequence[Credential]:
    return [HeaderKey("x-api-token", settings.api_token)]


def make_request(
    method: str,
    settings: Settings,
    *segments: str,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    version: Literal["v1", "v2"] = "v2",
) -> Request:
    return Request(method, build_url(settings.api_url, "api", version, *segments, query=query), body)


def check_credentials(settings: Settings) -> Request:
    return make_request("GET", settings, "users", "me", version="v1")


def is_good(response: Response) -> bool:
    return response.status == 200 and response.json_object().get("success") is True


def refusal(response: Response) -> Verdict | Blocked | None:
    """What an answer means that is no success; None for one that is.

    Raises:
        UnreadableAnswer: a 2xx that says neither that it is a success nor that it is none.
    """
    if response.status == 429 and response.headers.get(_TOKENS_LEFT) == "0" and "retry-after" not in response.headers:
        return Later(f"the day's tokens are used up: {words(response)}", DAILY_S)
    if response.is_success:
        success = response.json_object().get("success")
        if success is True:
            return None
        if success is not False:
            raise UnreadableAnswer(f"expected an answer with success, got {describe(response)}")
        return Dead(words(response))
    verdict = only_verdict(judge_by_status(response, [Payload(None)], blocked=_BLOCKED))
    return Dead(words(response)) if isinstance(verdict, Dead | Delivered) else verdict


def words(response: Response) -> str:
    """The status, and Pipedrive's own words."""
    error = response.json_object().get("error")
    return f"{response.status} {error}"[:300] if isinstance(error, str) and error else describe(response)
