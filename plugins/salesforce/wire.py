"""Credentials, upserts of up to 200 records by external id, and what Salesforce's answers mean.

Source: facts/vendors/salesforce.md sections 1, 2, 5, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from plugins.salesforce.settings import HOST_SUFFIXES, Settings
from router.plugin import (
    MISPLACED,
    Blocked,
    Credential,
    Dead,
    Delivered,
    Document,
    Judgement,
    Later,
    OAuth2,
    Payload,
    Request,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
    again_without,
    build_url,
    describe,
    is_outage,
)

MAX_RECORDS: Final = 200
MAX_BYTES: Final = 5_000_000
"""Far below the 50 MB that are said to be allowed."""
_TRIGGERS_S: Final = 120.0
"""200 records that start flows and triggers take their time. If it were cut short, the same 200 would be sent again."""
BUSY_S: Final = 10.0
"""A lock is held as long as somebody else's transaction takes."""
BUSY_ATTEMPTS: Final = 20
RACE_S: Final = 1.0
RACE_ATTEMPTS: Final = 5
"""A record that somebody else created or deleted meanwhile: two upserts of one new account may run at a time, for its people
are in different lanes."""

_BUSY: Final = frozenset({"UNABLE_TO_LOCK_ROW", "REQUEST_RUNNING_TOO_LONG"})
_OUT: Final = "SERVER_UNAVAILABLE"
_IS_THERE: Final = "DUPLICATE_VALUE"
"""Of the id, the record was created meanwhile. Of another unique field, another record has the value, and keeps it."""
_DUPLICATE: Final = re.compile(r"duplicate value found: (\w+) duplicates")
"""Source: github.com/sfb2csolutionarchitects/b2c-crm-sync/issues/98."""
_OF_THE_SET_UP: Final = frozenset({"INVALID_FIELD", "INVALID_TYPE", "NOT_FOUND"})
"""Of a whole request: objects and fields are named by the settings alone."""
_CALLS_USED_UP: Final = "REQUEST_LIMIT_EXCEEDED"
_FULL: Final = "STORAGE_LIMIT_EXCEEDED"
"""The org has no room for new records until somebody makes some; those that are there can be written.

Source: the codes of restforce 8.0.1, rubydoc.info/gems/restforce.
"""
LIMIT_S: Final = 600.0
"""The org's calls of the last 24 hours are used up; some come free as time goes on."""

Error = tuple[str, str, tuple[str, ...]]
"""The code of an error, its message, and the fields that it names."""


def credentials(settings: Settings) -> Sequence[Credential]:
    """Where ``base_url`` stands in for the org, requests stay there, whatever the token's answer says."""
    return [
        OAuth2(
            build_url(settings.api_url, "services", "oauth2", "token"),
            settings.client_id,
            settings.client_secret,
            refresh_token=settings.refresh_token,
            client_in_body=True,
            host_field="" if settings.base_url else "instance_url",
            host_suffixes=HOST_SUFFIXES,
        )
    ]


def request(
    method: str, settings: Settings, *segments: str, body: Any = None, query: Mapping[str, str] | None = None
) -> Request:
    headers = {"Accept": "application/json"}
    if settings.allow_duplicates and method != "GET":
        headers["Sforce-Duplicate-Rule-Header"] = "allowSave=true"
    url = build_url(settings.api_url, "services", "data", settings.api_version, *segments, query=query)
    return Request(method, url, body, headers)


def check_request(settings: Settings) -> Request:
    """The object that people become: changes nothing, and whoever writes it may see it. The org's limits may be seen only with
    "View Setup and Configuration".

    Source: developer.salesforce.com/docs/platform/api-rest/guide, resources-sobject-basic-info-get and resources-limits (copies
    of 2026).
    """
    return request("GET", settings, "sobjects", settings.object)


def upsert(name: str, id_field: str, records: Sequence[Document], settings: Settings) -> Request:
    """*records* of the object *name*, each with its ``attributes`` and its external id."""
    body = {"allOrNone": False, "records": list(records)}
    return request("PATCH", settings, "composite", "sobjects", name, id_field, body=body)


def pack(payloads: Sequence[Payload], settings: Settings) -> Request:
    name = payloads[0].group
    id_field = _id_field(name, settings)
    made = upsert(name, id_field, [record for record, _ in _merged(payloads, id_field)], settings)
    return replace(made, timeout_s=_TRIGGERS_S)


def _id_field(name: str, settings: Settings) -> str:
    if name == settings.object:
        return settings.external_id_field
    return settings.account_external_id_field if name == "Account" else settings.event_external_id_field


def _merged(payloads: Sequence[Payload], id_field: str) -> list[tuple[Document, list[int]]]:
    """One record an external id, for none may occur twice in a request, and the places of the payloads it is made of.

    What came later wins. Ids that differ in letter case alone are one, as in a field that is not case-sensitive.
    """
    records: dict[str, tuple[Document, list[int]]] = {}
    for place, payload in enumerate(payloads):
        record, places = records.get(_key(payload, id_field), ({}, []))
        records[_key(payload, id_field)] = (record | payload.body, [*places, place])
    return list(records.values())


def _key(payload: Payload, id_field: str) -> str:
    return str(payload.body.get(id_field)).lower()


def judge(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """Read the answer on an upsert: one result a record, in order.

    Raises:
        UnreadableAnswer: a success without them.
    """
    id_field = _id_field(payloads[0].group, settings)
    if response.status not in (200, 201):
        stopped = judge_refusal(response, id_field)
        if isinstance(stopped, Blocked):
            return stopped
        is_at_fault = isinstance(stopped, Dead) and len(payloads) > 1
        return Split(stopped.reason) if is_at_fault or response.status == 413 else [stopped] * len(payloads)
    merged = _merged(payloads, id_field)
    verdicts: dict[int, Verdict] = {}
    for result, (record, places) in zip(results_of(response, len(merged)), merged, strict=True):
        verdict, errors = verdict_on(result, id_field), list(errors_of(result.get("errors")))
        names = refused_names(record, errors, id_field) if isinstance(verdict, Dead) else []
        if names:
            mine = {place: payloads[place] for place in places}
            verdicts |= again_without(mine, [(name,) for name in names], words(errors[0]))
        elif isinstance(verdict, Dead) and len(places) > 1:
            return Split(verdict.reason)  # of several calls about one person one is at fault
        else:
            verdicts |= dict.fromkeys(places, verdict)
    return [verdicts[place] for place in sorted(verdicts)]


def refused_names(record: Document, errors: Sequence[Error], id_field: str) -> list[str]:
    """The fields of *record* that are refused, and without which it can be sent again. None where an error names no field that
    was sent, or the one by which the record is found."""
    refused = {name.lower() for _, _, fields in errors for name in fields}
    names = [name for name in record if name.lower() in refused]
    found_by = id_field if id_field in record else "Email"
    if len(names) < len(refused) or found_by in names or not all(fields for _, _, fields in errors):
        return []
    return names


def rest_of(record: Document, names: Sequence[str]) -> Document:
    return {name: value for name, value in record.items() if name not in names}


def results_of(response: Response, count: int) -> list[Document]:
    results = response.json()
    if not isinstance(results, list) or len(results) != count or not all(isinstance(each, dict) for each in results):
        raise UnreadableAnswer(f"expected {count} results, got {describe(response)}")
    return results


def verdict_on(result: Document, id_field: str) -> Verdict:
    """Of one record that is known by *id_field*, or of the answer to a create or an update."""
    if result.get("success") is True:
        return Delivered()
    errors = list(errors_of(result.get("errors")))
    if not errors:
        raise UnreadableAnswer("a result that is neither a success nor has errors")
    return _verdict(errors, "", id_field)


def judge_refusal(response: Response, id_field: str) -> Later | Dead | Blocked:
    """Read an answer that is no success and speaks of the whole request, whose records are known by *id_field*.

    Raises:
        UnreadableAnswer: a success, which here is none of those that Salesforce has.
    """
    if response.is_success:
        raise UnreadableAnswer(f"expected the results, got {describe(response)}")
    errors = list(errors_of(body_of(response)))
    reason = f"{response.status} {words(errors[0])}" if errors else describe(response)
    if is_outage(response.status):
        return Later(reason)
    if any(code == _CALLS_USED_UP for code, _, _ in errors):
        return Later(reason, LIMIT_S, is_outage=True)
    if response.status in MISPLACED or any(code in _OF_THE_SET_UP for code, _, _ in errors):
        return Blocked(reason)
    return _verdict(errors, f"{response.status} ", id_field) if errors else Dead(reason)


def _verdict(errors: Sequence[Error], status: str, id_field: str) -> Later | Dead:
    reason = status + words(errors[0])
    codes = {code for code, _, _ in errors}
    if _OUT in codes:
        return Later(reason, is_outage=True)
    if _FULL in codes:
        return Later(reason, LIMIT_S)
    if any(code == _IS_THERE and {name.lower() for name in fields} <= {id_field.lower()} for code, _, fields in errors):
        return Later(reason, RACE_S, RACE_ATTEMPTS)
    if any(code in _BUSY or "too many soql queries" in message.lower() for code, message, _ in errors):
        return Later(reason, BUSY_S, BUSY_ATTEMPTS)
    return Dead(reason)


def body_of(response: Response) -> Any:
    try:
        return response.json()
    except UnreadableAnswer:
        return None


def errors_of(body: Any) -> Iterator[Error]:
    """Each error, in either of the two shapes that Salesforce has for them."""
    for error in body if isinstance(body, list) else []:
        if not isinstance(error, dict):
            continue
        code = error.get("statusCode") or error.get("errorCode")
        message, fields = error.get("message"), error.get("fields")
        if isinstance(code, str):
            said = message if isinstance(message, str) else ""
            yield code, said, tuple(map(str, fields)) if isinstance(fields, list) and fields else _named_in(said)


def _named_in(message: str) -> tuple[str, ...]:
    """The field that the message on a duplicate value names."""
    return tuple(_DUPLICATE.findall(message))


def words(error: Error) -> str:
    """The vendor's own: code, message and the fields it is about."""
    code, message, fields = error
    said = f"{code[:80]}: {' '.join(message.split())[:250]}" if message else code[:80]
    return f"{said} ({', '.join(fields)[:100]})" if fields else said
