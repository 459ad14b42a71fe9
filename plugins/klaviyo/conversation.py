"""One profile: imported, less what Klaviyo refuses of it, then added to a list.

Source: facts/vendors/klaviyo.md sections 3, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final

from plugins.klaviyo import wire
from plugins.klaviyo.settings import Settings
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
    only_verdict,
)

MAX_MENDINGS: Final = 5
"""How often a profile is sent again with less in it."""
MAX_TRIES: Final = 10
"""Of a profile that is not there right after its import."""
_ATTRIBUTES = "/data/attributes/"


def converse_profile(payload: Payload, settings: Settings) -> Conversation:
    """Import the profile, then add it to the list."""
    warnings: list[str] = []
    written = yield from _import(payload.body, warnings, settings)
    if not isinstance(written, str):
        return written
    if settings.list_id:
        stopped = yield from _add_to_list(written, settings)
        if stopped is not None:
            return stopped
    return Delivered(tuple(warnings))


def converse_member(payload: Payload, settings: Settings) -> Conversation:
    """Import what a group call says of a profile."""
    warnings: list[str] = []
    written = yield from _import(payload.body, warnings, settings)
    return Delivered(tuple(warnings)) if isinstance(written, str) else written


def _import(
    profile: Document, warnings: list[str], settings: Settings
) -> Generator[Step, Response, str | Verdict | Blocked]:
    """Import, where identifiers belong to two profiles without the weakest. Ends with Klaviyo's id of the profile."""
    assumed = Response(200, b'{"data": {"type": "profile", "id": "assumed-profile"}}')
    for _ in range(MAX_MENDINGS):
        body: Document = {"data": {"type": "profile", "attributes": profile}}
        response = yield Step(wire.make_request(settings, "profile-import", body=body), assumed)
        if response.status in (200, 201):
            return _id_of(response)
        refused = _refused(response, profile)
        if not refused:
            return _judge(response)
        warnings += [f"{path} was left out: {wire.words(response)}" for path in refused]
        if "phone_number" in refused:
            properties: Document = profile.get("properties", {})
            profile = {**profile, "properties": {**properties, "phone_raw": profile["phone_number"]}}
        for path in refused:
            profile = _without(profile, path.split("."))
        if not any(profile.get(name) for name in wire.IDS):
            return Dead(wire.words(response))
    return Dead(f"{response.status} Klaviyo refuses one attribute after another: {wire.words(response)}")


def _refused(response: Response, profile: Document) -> list[str]:
    """Dotted paths of what can be left out for the rest to be taken; none where that is not known.

    Of identifiers the weakest goes first: whoever shares a phone number with another has an email of their own, by which alone
    they get mail.
    """
    if response.status == 409:
        return [name for name in wire.IDS if name in profile][1:][-1:]
    if response.status != 400:
        return []
    pointers = {wire.pointer_of(error) for error in wire.errors_of(response)}
    paths = sorted(pointer.removeprefix(_ATTRIBUTES).replace("/", ".") for pointer in pointers)
    are_all_known = all(pointer.startswith(_ATTRIBUTES) for pointer in pointers)
    return paths if are_all_known and all(_has(profile, path.split(".")) for path in paths) else []


def _has(value: Any, path: Sequence[str]) -> bool:
    return not path or (isinstance(value, dict) and path[0] in value and _has(value[path[0]], path[1:]))


def _without(value: Document, path: Sequence[str]) -> Document:
    """A copy without what is at *path*."""
    first, *rest = path
    if first not in value:
        return value
    if rest:
        return {**value, first: _without(value[first], rest)}
    return {key: item for key, item in value.items() if key != first}


def _add_to_list(profile_id: str, settings: Settings) -> Generator[Step, Response, Verdict | Blocked | None]:
    """Ends with None where the profile is on the list. A 404 is about the list, unless it names the profile: somebody merged or
    deleted it just now, and the next try imports it anew."""
    path = ("lists", settings.list_id, "relationships", "profiles")
    body: Document = {"data": [{"type": "profile", "id": profile_id}]}
    response = yield Step(wire.make_request(settings, *path, body=body), Response(204))
    if response.status == 404 and profile_id in response.text:
        return Later(wire.words(response), None, MAX_TRIES)
    return None if response.unless_page().is_success else _judge(response)


def _judge(response: Response) -> Verdict | Blocked:
    """Raises:
    UnreadableAnswer: a 2xx that is none of those expected.
    """
    verdict = only_verdict(wire.judge(response, [Payload({})]))
    if isinstance(verdict, Delivered):
        raise UnreadableAnswer(f"an answer that the conversation does not know: {describe(response)}")
    return verdict


def _id_of(response: Response) -> str:
    """The id of the profile in an answer.

    Raises:
        UnreadableAnswer: it has none.
    """
    body = response.json()
    data = body.get("data") if isinstance(body, dict) else None
    profile_id = data.get("id") if isinstance(data, dict) else None
    if not isinstance(profile_id, str) or not profile_id:
        raise UnreadableAnswer(f"expected a profile with an id, got {describe(response)}")
    return profile_id
