"""Addresses, credentials, and what Attio's answers mean: whose fault a refusal is, and which attribute is refused.

Source: facts/vendors/attio.md sections 1, 2, 6 and 7; codes and messages of refusals, and what `/v2/self` answers, from answers
that public integrations keep in their tests and notes (read 2026-11-28).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from plugins.attio.settings import Settings
from router.plugin import (
    MISPLACED,
    Bearer,
    Blocked,
    Credential,
    Dead,
    Document,
    Later,
    Payload,
    Request,
    Response,
    UnreadableAnswer,
    build_url,
    describe,
    judge_by_status,
    only_verdict,
)

WRITES_PER_S: Final = 25.0
WRITES: Final = "writes"
RACE_S: Final = 1.0
RACE_ATTEMPTS: Final = 5
"""A record that another call has just made, changed or merged: people of one company are in different lanes."""
TAKEN: Final = "uniqueness_conflict"
GONE: Final = "not_found"
_MERGING: Final = "merge_in_progress"
_OF_THE_WORKSPACE: Final = frozenset({"standard_object_disabled", "quota_exceeded", "billing_error"})
"""Codes that speak of the workspace and its plan, whatever the status."""
_NAMED: Final = re.compile(r'attribute with (?:slug/ID|slug|ID) "([^"]+)"')
_OPTION: Final = re.compile(r'(?:option|[Ss]tatus) with title(?:/ID)? "(.*)"')
_VALUE: Final = re.compile(r'The value "(.*)" provided')


def credentials(settings: Settings) -> Sequence[Credential]:
    return [Bearer(settings.access_token)]


def check_credentials(settings: Settings) -> Request:
    return Request("GET", build_url(settings.api_url, "v2", "self"))


def is_active(response: Response) -> bool:
    """Whether the token is one that counts: to another one the answer is a 200 all the same, ``{"active": false}``."""
    return response.status == 200 and response.json_object().get("active") is True


def assert_record(settings: Settings, kind: str, key: str, values: Document) -> Request:
    """Update the record of *kind* that has the value of *key*, or create it. Other values of several take the place of all that
    are there."""
    url = build_url(settings.api_url, "v2", "objects", kind, "records", query={"matching_attribute": key})
    return Request("PUT", url, {"data": {"values": values}})


def add_to_record(settings: Settings, kind: str, record_id: str, values: Document) -> Request:
    """Update a record, adding to the values of an attribute that has several."""
    url = build_url(settings.api_url, "v2", "objects", kind, "records", record_id)
    return Request("PATCH", url, {"data": {"values": values}})


def reference(kind: str, record_id: str) -> list[Document]:
    """The value of an attribute that points at a record."""
    return [{"target_object": kind, "target_record_id": record_id}]


def read_record(response: Response) -> Document:
    """The record that a write answers with.

    Raises:
        UnreadableAnswer: there is none, as in the page of a proxy.
    """
    body = response.json()
    record = body.get("data") if isinstance(body, dict) else None
    record_id = record.get("id") if isinstance(record, dict) else None
    if not isinstance(record_id, dict) or not isinstance(record_id.get("record_id"), str) or not record_id["record_id"]:
        raise UnreadableAnswer(f"expected a record, got {describe(response)}")
    return dict(record or {})


def id_of(record: Document) -> str:
    return str(record["id"]["record_id"])


def held(record: Document, attribute: str) -> list[Document]:
    """What the record has in *attribute*: nothing where the answer doesn't tell."""
    values = record.get("values")
    found = values.get(attribute) if isinstance(values, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def email_of(user: Document) -> str:
    """The email that a user has, "" where the answer doesn't tell: its attribute is called a text, and shown as an email."""
    found = (each.get("value") or each.get("email_address") for each in held(user, "primary_email_address"))
    return str(next(filter(None, found), ""))


def judge(response: Response) -> Later | Dead | Blocked:
    """What ends a conversation.

    Raises:
        UnreadableAnswer: a success, which here is none that Attio has.
    """
    said, code = words(response), code_of(response)
    if response.status == 409 or code == _MERGING:
        return Later(said, RACE_S, RACE_ATTEMPTS)
    if code in _OF_THE_WORKSPACE:
        return Blocked(f"{said}{_ADVICE}" if code == "standard_object_disabled" else said)
    verdict = only_verdict(judge_by_status(response, [Payload(None)], blocked=MISPLACED))
    if isinstance(verdict, Blocked):
        return Blocked(f"{said}{_ADVICE}" if response.status == 404 else said)
    if isinstance(verdict, Later):
        return Later(said)
    if isinstance(verdict, Dead):
        return Dead(said)
    raise UnreadableAnswer(f"an answer that the conversation does not know: {describe(response)}")


_ADVICE: Final = " (an object that is not enabled? see use_users_object and use_workspaces_object)"


def code_of(response: Response) -> str:
    return str(response.json_object().get("code", ""))


def words(response: Response) -> str:
    """The status, and Attio's own words."""
    body = response.json_object()
    said = ": ".join(part for part in (body.get("code"), body.get("message")) if isinstance(part, str))
    return f"{response.status} {' '.join(said.split())}"[:300] if said else describe(response)


def refused(values: Document, response: Response) -> list[str]:
    """The attributes among *values* that a 400 is about: those that it names by slug or id, else those that have the value
    which it quotes, be it an option that there isn't or one that must be another record's alone."""
    message = response.json_object().get("message")
    if not isinstance(message, str):
        return []
    named = [name for name in _NAMED.findall(message) if name in values]
    quoted = _OPTION.search(message) or _VALUE.search(message)
    if named or quoted is None:
        return named
    text = quoted[1].replace("\\", "")
    return [
        name for name, value in values.items() if any(each == text or f'"{each}"' in text for each in _texts(value))
    ]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
