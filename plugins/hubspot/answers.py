"""What HubSpot's answers mean: whose fault an error is, how long to wait, which property is refused.

Source: facts/vendors/hubspot.md sections 6 and 7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from router.plugin import (
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    UnreadableAnswer,
    Verdict,
    describe,
    judge_by_status,
    only_verdict,
)

BLOCKED: Final = (401, 403, 405, 477)
"""405: whoever answers at `base_url` takes no such requests. 477: the account moves to another data centre, for up to a
day. Waiting is for everybody, so it isn't `Later`."""
LOCKED_S: Final = 2.0
_WAITS_S: Final[Mapping[str, float]] = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0, "DAILY": 3_600.0}
"""By the policy that a 429 names. The daily one ends at midnight in the account's own time zone: ask once an hour."""
MISSING: Final = "PROPERTY_DOESNT_EXIST"
TAKEN: Final = "UNIQUE_VALUE_CONFLICT"
_HOLDER = re.compile(r"\} on [0-9]+\. ([0-9]+) already has that value")
"""Of a property with unique values HubSpot says in a 400: "Cannot set PropertyValueCoordinates{…, propertyName=user_id,
value=u-17} on 52. 51 already has that value." Only of an email it says so in a 409.

Source: answers that public integrations keep in their tests, of contacts, companies, deals and events (read 2026-11-27).
"""
_UNKNOWN = re.compile(r'Property "([a-z][a-z0-9_]*)" does not exist')


def judge(response: Response, payloads: Sequence[Payload], settings: Any = None) -> Judgement:
    """By the status, with the waits that HubSpot's words ask for."""
    if response.status in (423, 429) and "retry-after" not in response.headers:
        return [Later(words(response), _wait_s(response))] * len(payloads)
    judgement = judge_by_status(response, payloads, blocked=BLOCKED, later=(423,))
    if isinstance(judgement, Sequence) and isinstance(judgement[0], Dead):
        return [Dead(words(response))] * len(payloads)
    return judgement


def judge_one(response: Response) -> Verdict | Blocked:
    """The same for a conversation, which has one payload. A 2xx that the conversation doesn't know is unreadable."""
    verdict = only_verdict(judge(response, [Payload(None)]))
    if isinstance(verdict, Delivered):
        raise UnreadableAnswer(f"an answer that the conversation does not know: {describe(response)}")
    return verdict


def _wait_s(response: Response) -> float:
    if response.status == 423:
        return LOCKED_S
    return _WAITS_S.get(str(response.json_object().get("policyName")), 10.0)


def words(response: Response) -> str:
    """The status, and the vendor's own words."""
    said = _said(response.json_object())
    return f"{response.status} {said}" if said else describe(response)


def words_of(error: Any) -> str:
    """The same for one error of a batch."""
    return _said(error) or "refused without a reason"


def _said(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    return ": ".join(error[key] for key in ("category", "message") if isinstance(error.get(key), str))[:300]


def refused_properties(answer: Any) -> dict[str, str]:
    """Property → the vendor's code for what is wrong with it, for each one that *answer*, or one error of it, names.

    The sheet tells the codes and not where the name stands. These places are read: ``context.propertyName`` of an error,
    ``name`` in the list that the message quotes, and the words 'Property "x" does not exist' and those of `holders`.
    """
    refused: dict[str, str] = {}
    for error in _errors(answer):
        code = next((error[key] for key in ("code", "error", "category") if isinstance(error.get(key), str)), "")
        context = error.get("context")
        named = context.get("propertyName") if isinstance(context, dict) else None
        names = named if isinstance(named, list) else [named]
        if "error" in error:
            names = [*names, error.get("name")]
        refused |= {name: code for name in names if isinstance(name, str)}
        message = error.get("message")
        if isinstance(message, str):
            refused |= dict.fromkeys(_UNKNOWN.findall(message), MISSING)
    return refused | dict.fromkeys(holders(answer), TAKEN)


def holders(answer: Any) -> dict[str, str]:
    """Property → the id of the record that has its value already, where *answer*, or one error of it, says so."""
    held: dict[str, str] = {}
    for error in _errors(answer):
        message = error.get("message")
        if isinstance(message, str) and "[{" not in message:  # else it quotes some, which are read one by one
            name, _, rest = message.partition("propertyName=")[2].partition(", value=")
            holder = _HOLDER.match(rest, max(rest.rfind("} on "), 0))  # the value may hold anything
            held |= {name: holder[1]} if holder else {}
    return held


def _errors(error: Any) -> Iterator[dict[str, Any]]:
    """*error*, those in its ``errors``, and those in the list that its message quotes as JSON."""
    if not isinstance(error, dict):
        return
    yield error
    inner = error.get("errors")
    for each in inner if isinstance(inner, list) else ():
        yield from _errors(each)
    message = error.get("message")
    if isinstance(message, str) and "[{" in message:
        try:
            quoted, _ = json.JSONDecoder().raw_decode(message[message.index("[{") :])
        except ValueError:
            return
        yield from (each for each in quoted if isinstance(each, dict))
