"""One member: written, less what Mailchimp refuses of it, then tagged. One event: sent, less what may be too much of it.

Source: facts/vendors/mailchimp.md sections 1, 3 and 7.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from typing import Final

from plugins.mailchimp import wire
from plugins.mailchimp.settings import Settings
from router.plugin import (
    Blocked,
    Conversation,
    Dead,
    Delivered,
    Document,
    Payload,
    Request,
    Response,
    Step,
    UnreadableAnswer,
    Verdict,
    describe,
    left_out,
    make_room,
    only_verdict,
)

MAX_MENDINGS: Final = 5
"""How often a member is sent again with less in it."""
MAX_PROPERTIES: Final = 1_000
"""Characters of all properties of an event, names and values: a rough limit, in the words of Mailchimp's developers.

Source: github.com/mailchimp/Mailchimp-SDK-iOS/issues/70 (2022-03-16).
"""
_COMPLIANCE: Final = "Member In Compliance State"


def converse_member(payload: Payload, settings: Settings) -> Conversation:
    """Write the member; then its tags, if there are any. A member without its tags is better than neither."""
    member, warnings = payload.body["member"], []
    for _ in range(MAX_MENDINGS):
        member_id = wire.member_id(member["email_address"])
        url = wire.audience_url(settings, "members", member_id, query={"skip_merge_validation": "true"})
        response = yield Step(Request("PUT", url, member), Response(200, b'{"id": "assumed-member"}'))
        if response.status == 200:
            break
        mended = _mended(member, response)
        if mended is None:
            return _judge(response)
        member, warning = mended
        warnings.append(warning)
    else:
        return Dead(f"Mailchimp refuses one field after another: {wire.words(response)}")
    if "id" not in response.json_object():
        raise UnreadableAnswer(f"expected a member with an id, got {describe(response)}")
    if "tags" in payload.body:
        refusal = yield from _tag(member_id, payload.body["tags"], settings)
        if isinstance(refusal, Dead):
            warnings.append(f"the member was not tagged: {refusal.reason}")
        elif refusal is not None:
            return refusal
    return Delivered(tuple(warnings))


def _mended(member: Document, response: Response) -> tuple[Document, str] | None:
    """*member* without what the 400 is about, and a warning that says so; None where that is not known."""
    if response.status != 400:
        return None
    answer = response.json_object()
    if answer.get("title") == _COMPLIANCE and "status" in member:
        rest = {name: value for name, value in member.items() if name != "status"}
        return rest, f"the status was left out: {wire.words(response)}"
    errors = answer.get("errors")
    named = [error.get("field") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    refused = {wire.name_of(str(name)) for name in named}
    fields = member.get("merge_fields", {})
    if not refused or not refused <= fields.keys() | wire.OPTIONAL:
        return None
    rest = {name: value for name, value in member.items() if name not in refused & wire.OPTIONAL}
    if fields:
        rest["merge_fields"] = {tag: value for tag, value in fields.items() if tag not in refused}
    return rest, f"{', '.join(sorted(refused))} left out: {wire.words(response)}"


def _tag(member_id: str, tags: list[str], settings: Settings) -> Generator[Step, Response, Verdict | Blocked | None]:
    """Ends with None where the member has its tags."""
    body = {"tags": [{"name": tag, "status": "active"} for tag in tags]}
    request = Request("POST", wire.audience_url(settings, "members", member_id, "tags"), body)
    response = yield Step(request, Response(204))
    return None if response.unless_page().is_success else _judge(response)


def _judge(response: Response) -> Verdict | Blocked:
    """Raises:
    UnreadableAnswer: a 2xx that is none of those expected.
    """
    verdict = _verdict(response, (*wire.BLOCKED, wire.NO_AUDIENCE))
    if isinstance(verdict, Delivered):
        raise UnreadableAnswer(f"an answer that the conversation does not know: {describe(response)}")
    return verdict


def _verdict(response: Response, blocked: Collection[int]) -> Verdict | Blocked:
    return only_verdict(wire.judge(response, [Payload({})], blocked))


def converse_event(payload: Payload, settings: Settings) -> Conversation:
    """Send the event; if it is refused and may be too long, once more without its largest properties: an order without its
    products still tells of the order."""
    event: Document = dict(payload.body["event"])
    warnings: tuple[str, ...] = ()
    response = yield Step(wire.event_request(payload.body["email"], event, settings), Response(204))
    if response.status in (400, 413) and _characters(event.get("properties", {})) > MAX_PROPERTIES:
        warnings = left_out(make_room(event, "properties", MAX_PROPERTIES), wire.words(response))
        response = yield Step(wire.event_request(payload.body["email"], event, settings), Response(204))
    verdict = _verdict(response, wire.BLOCKED)
    return Delivered(warnings) if isinstance(verdict, Delivered) else verdict


def _characters(properties: Document) -> int:
    return sum(len(name) + len(value) for name, value in properties.items())
