"""Requests to Acme, and what its answers mean."""

from __future__ import annotations

from collections.abc import Sequence

from router.plugin import (
    Bearer,
    Credential,
    Dead,
    Delivered,
    Judgement,
    Payload,
    Request,
    Response,
    UnreadableAnswer,
    Verdict,
    build_url,
    judge_by_status,
)

from router_acme.settings import Settings

MAX_ITEMS = 100
MAX_BYTES = 1_000_000


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.api_key)]


def pack_people(payloads: Sequence[Payload], settings: Settings) -> Request:
    url = build_url(settings.api_url, "v1", "people")
    return Request("POST", url, {"people": [payload.body for payload in payloads]})


def pack_events(payloads: Sequence[Payload], settings: Settings) -> Request:
    url = build_url(settings.api_url, "v1", "events")
    return Request("POST", url, {"events": [payload.body for payload in payloads]})


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """A 200 lists what was refused, by its place in the request; any other status speaks for all of it."""
    if response.status != 200:
        return judge_by_status(response.unless_page(), payloads)
    answer = response.json()
    refused = answer.get("refused") if isinstance(answer, dict) else None
    if not isinstance(refused, list):
        raise UnreadableAnswer(f"a 200 without its list of what was refused: {response.text[:200]}")
    verdicts: list[Verdict] = [Delivered()] * len(payloads)
    for item in refused:
        place = item.get("index") if isinstance(item, dict) else None
        if not isinstance(place, int) or not 0 <= place < len(payloads):  # something is refused: none of them is delivered
            raise UnreadableAnswer(f"a 200 that refuses what was not sent: {response.text[:200]}")
        verdicts[place] = Dead(str(item.get("reason")))
    return verdicts
