"""One request for each payload, and what the answers mean.

Source: facts/vendors/vero.md sections 1, 2, 5 and 7. That the token may stand in the body is what RudderStack's tests against
Vero itself do (github.com/rudderlabs/rudder-transformer, 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plugins.vero.settings import Settings
from router.plugin import (
    MISPLACED,
    BodyField,
    Credential,
    Delivered,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    describe,
    judge_by_status,
    pack_one,
)

NOT_THERE_YET_S: Final = 10.0
NOT_THERE_ATTEMPTS: Final = 2


def credentials(settings: Settings) -> Sequence[Credential]:
    return [BodyField("auth_token", settings.auth_token)]


def requests_per_s(settings: Settings) -> float:
    return float(settings.requests_per_s)


def pack_subscription(payloads: Sequence[Payload], settings: Settings) -> Request:
    return pack_one("POST", "users", payloads[0].group)(payloads, settings)


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read an answer. A user that is not there, and has to be for a tag or an unsubscription, may be on its way.

    Raises:
        UnreadableAnswer: a success with a page, such as a proxy's.
    """
    if _is_unknown_user(response):
        return [Later(describe(response), NOT_THERE_YET_S, NOT_THERE_ATTEMPTS)]
    return judge_by_status(response.unless_page(), payloads, blocked=MISPLACED)


def judge_alias(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """As `judge`; where there is no such user, nothing is left to do. That is usual of somebody anonymous, who is not sent, and
    an alias does not say whether its previousId is one."""
    if _is_unknown_user(response):
        return [Delivered((f"not renamed: {describe(response)}",) if settings.send_anonymous_id else ())]
    return judge(response, payloads, settings)


def _is_unknown_user(response: Response) -> bool:
    """A 404 in Vero's own words. Any other one is of the address."""
    return response.status == 404 and "message" in response.json_object()
