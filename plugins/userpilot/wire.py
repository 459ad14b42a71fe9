"""Requests of the real-time API, and what their answers mean.

Source: facts/vendors/userpilot.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plugins.userpilot.settings import Settings
from router.plugin import (
    MISPLACED,
    Bearer,
    Credential,
    Judgement,
    Payload,
    Request,
    Response,
    build_url,
    judge_by_status,
)

RATE_LIMIT_PER_S: Final = 10.0
"""600 requests a minute for all that identifies, and as many for events."""
HEADERS: Final = {"X-API-Version": "2020-09-22"}


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key, scheme="Token")]


def check_credentials(settings: Settings) -> Request:
    return Request("GET", build_url(settings.api_url, "v1", "validate"), headers=HEADERS)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """By the status alone: what the vendor says of a refusal is documented no further.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
