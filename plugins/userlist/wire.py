"""One request for each payload, and what the answers mean.

Source: facts/vendors/userlist.md sections 1, 2, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plugins.userlist.settings import Settings
from router.plugin import (
    MISPLACED,
    Bearer,
    Blocked,
    Credential,
    Judgement,
    Payload,
    Response,
    describe,
    judge_by_status,
)

REQUESTS_PER_S: Final = 1_000 / 60


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.push_key, scheme="Push")]


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read the answer to a user, a company or an event.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    if response.status == 403:
        return Blocked(f"{describe(response)} (does the plan have companies? setting companies)")
    return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)
