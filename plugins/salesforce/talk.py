"""Conversations about one record: look for it, then create or update it; or write it, and once more with what it lacks. A
field that Salesforce refuses is no reason to lose the others.

Source: facts/vendors/salesforce.md sections 1, 3, 4 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Final

from plugins.salesforce.settings import Settings
from plugins.salesforce.wire import (
    RACE_ATTEMPTS,
    RACE_S,
    body_of,
    errors_of,
    judge_refusal,
    refused_names,
    request,
    rest_of,
    results_of,
    upsert,
    verdict_on,
    words,
)
from router.plugin import (
    Blocked,
    Conversation,
    Dead,
    Delivered,
    Document,
    Later,
    Payload,
    Response,
    Step,
    UnreadableAnswer,
    Verdict,
    describe,
    left_out,
)

MAX_FOUND: Final = 200
"""More than one fitting record is too many; some may be converted, or of somebody else. The person's own must not be beyond:
forms leave an org many leads of one email."""

MAX_MENDINGS: Final = 5
"""How often a record is sent again with less in it."""

_UPSERTED: Final = Response(200, b'[{"id":"assumed","success":true,"errors":[],"created":false}]')
_NONE_FOUND: Final = Response(200, b'{"totalSize":0,"done":true,"records":[]}')
_CREATED: Final = Response(201, b'{"id":"assumed","success":true,"errors":[]}')
_UPDATED: Final = Response(204)


def converse(payload: Payload, settings: Settings) -> Conversation:
    body = payload.body
    if body["object"] == settings.object and settings.match_on_email:
        return (yield from _find_and_write(body, settings))
    return (yield from _upsert(body, settings))


def _upsert(body: Document, settings: Settings) -> Conversation:
    """Write what there is; only where the record is new, what it lacks is filled in, so that nothing known is overwritten.
    It is created then: where another call has just done that, which may know more, Salesforce refuses a second one."""
    record = body["record"]
    warnings: list[str] = []
    while True:
        sent = {"attributes": {"type": body["object"]}, **record}
        response = yield Step(upsert(body["object"], body["id_field"], [sent], settings), _UPSERTED)
        if response.status not in (200, 201):
            return judge_refusal(response, body["id_field"])
        [result] = results_of(response, 1)
        verdict, errors = verdict_on(result, body["id_field"]), list(errors_of(result.get("errors")))
        if body["if_new"] and any(code == "REQUIRED_FIELD_MISSING" for code, _, _ in errors):
            return (yield from _write(body, record | body["if_new"], None, settings, warnings))
        names = refused_names(record, errors, body["id_field"]) if isinstance(verdict, Dead) else []
        if not names or len(warnings) == MAX_MENDINGS:
            return Delivered(tuple(warnings)) if isinstance(verdict, Delivered) else verdict
        record = rest_of(record, names)
        warnings += left_out(names, words(errors[0]))


def _find_and_write(body: Document, settings: Settings) -> Conversation:
    found = yield from _find(body, settings)
    if found is not None and not isinstance(found, str):
        return found
    record = body["record"] | (body["if_new"] if found is None else {})
    return (yield from _write(body, record, found, settings, []))


def _write(
    body: Document, record: Document, found: str | None, settings: Settings, warnings: list[str]
) -> Conversation:
    """Update the record *found*, or create one; *warnings* tell what is left out of it already."""
    path = ("sobjects", body["object"], *([found] if found else []))
    while True:
        request_ = request("PATCH" if found else "POST", settings, *path, body=record)
        response = yield Step(request_, _UPDATED if found else _CREATED)
        if found and response.status == 404:
            return Later(describe(response), RACE_S, RACE_ATTEMPTS)
        verdict = _read_written(response, body["id_field"], is_new=found is None)
        errors = list(errors_of(body_of(response)))
        names = refused_names(record, errors, body["id_field"]) if isinstance(verdict, Dead) else []
        if not names or len(warnings) == MAX_MENDINGS:
            return Delivered(tuple(warnings)) if isinstance(verdict, Delivered) else verdict
        record = rest_of(record, names)
        warnings += left_out(names, words(errors[0]))


def _read_written(response: Response, id_field: str, *, is_new: bool) -> Verdict | Blocked:
    """The answer to a create, or to an update, which as a rule has no body.

    Raises:
        UnreadableAnswer: a success that is none of Salesforce's, such as a proxy's page.
    """
    if not is_new and response.is_success and not response.body:
        return Delivered()
    if response.status not in (200, 201):
        return judge_refusal(response, id_field)
    result = response.json()
    if not isinstance(result, dict):
        raise UnreadableAnswer(f"expected a result, got {describe(response)}")
    return verdict_on(result, id_field)


def _find(body: Document, settings: Settings) -> Generator[Step, Response, str | Verdict | Blocked | None]:
    """The record's id, None if there is none, or the verdict that ends the conversation."""
    name, id_field = body["object"], body["id_field"]
    external_id = body["record"].get(id_field) if id_field else None
    columns = ["Id", "Email", *([id_field] if id_field else []), *(["IsConverted"] if name == "Lead" else [])]
    conditions = [f"{id_field} = {quote(external_id)}"] if external_id is not None else []
    conditions += [f"Email = {quote(body['email'])}"] if "email" in body else []
    soql = f"SELECT {', '.join(columns)} FROM {name} WHERE {' OR '.join(conditions)} LIMIT {MAX_FOUND}"
    response = yield Step(request("GET", settings, "query", query={"q": soql}), _NONE_FOUND)
    if response.status != 200:
        return judge_refusal(response, id_field)
    answer = response.json()
    records = answer.get("records") if isinstance(answer, dict) else None
    if not isinstance(records, list) or not all(isinstance(each, dict) and each.get("Id") for each in records):
        raise UnreadableAnswer(f"expected records, got {describe(response)}")
    return pick(records, id_field, external_id)


def pick(records: list[Document], id_field: str, external_id: str | None) -> str | Dead | None:
    """The one record that is meant: the external id's, else the only one of that email that is nobody else's."""
    mine = [each for each in records if id_field and _is_same(_value(each, id_field), external_id)]
    free = [each for each in records if external_id is None or not _value(each, id_field)]
    fitting = mine or free
    if not fitting:
        return None
    open_ = [each for each in fitting if each.get("IsConverted") is not True]
    if not open_:
        return Dead("the lead is converted, and can't be written any more")
    if len(open_) > 1:
        return Dead(f"{len(open_)} records have this email, none is guessed")
    return str(open_[0]["Id"])


def _value(record: Document, field: str) -> object:
    """What *record* has in *field*, which the settings may spell in another letter case than Salesforce does."""
    return next((value for name, value in record.items() if name.lower() == field.lower()), None)


def _is_same(value: object, external_id: str | None) -> bool:
    return external_id is not None and isinstance(value, str) and value.lower() == external_id.lower()


def quote(text: object) -> str:
    """*text* as a literal of SOQL, which no text can get out of."""
    escaped = re.sub(r"([\\'])", r"\\\1", str(text))
    return "'" + re.sub(r"[\r\n\t\0]", " ", escaped) + "'"
