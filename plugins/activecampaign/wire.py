"""Paths, credentials, what answers mean, imports in bulk, and event tracking.

Source: facts/vendors/activecampaign.md sections 1, 2, 5, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from plugins.activecampaign.settings import Settings
from router.plugin import (
    MISPLACED,
    Blocked,
    BodyField,
    Credential,
    Dead,
    Delivered,
    Document,
    HeaderKey,
    Judgement,
    Payload,
    Request,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
    build_url,
    describe,
    judge_by_status,
    only_verdict,
)

REQUESTS_PER_S: Final = 5.0
"""Of the account, all its keys and programs together."""
MAX_CONTACTS: Final = 250
MAX_BYTES: Final = 400_000
"""Of an import. Unverified, as are the names in its answer."""
IMPORTS_PER_S: Final = 20 / 60
"""For imports of one contact, which any may be; with several it would be 100 a minute."""
TRACKING: Final = "https://trackcmp.net"
"""Where event tracking is, for all accounts."""
_ACCESS: Final = re.compile(r"\b(key|actid|account)\b", re.IGNORECASE)
"""In the words of a refusal: it is about the settings and not about the event. Unverified."""
_EMAIL: Final = re.compile(r"[^\s\"'<>,;:()]+@[^\s\"'<>,;:()]+[^\s\"'<>,;:().]")


def credentials(settings: Settings) -> Sequence[Credential]:
    return [HeaderKey("Api-Token", settings.api_key)]


def check_credentials(settings: Settings) -> Request:
    return make_request("GET", settings, "users", "me")


def is_good(response: Response) -> bool:
    """A login page with a 200 is no good answer."""
    return response.status == 200 and "user" in response.json_object()


def make_request(
    method: str, settings: Settings, *segments: str, body: Any = None, query: Mapping[str, str] | None = None
) -> Request:
    return Request(method, build_url(settings.api_url, "api", "3", *segments, query=query), body)


# --- answers ---


def judge(
    response: Response,
    payloads: Sequence[Payload],
    check: str = "api_key and account_url",
    blocked: Collection[int] = MISPLACED,
) -> Judgement:
    """By the status. A page where JSON is expected is the login: the settings to *check* are not right."""
    if response.is_success and response.is_page:
        return Blocked(f"a page instead of an answer, check {check}: {describe(response)}")
    judgement = judge_by_status(response, payloads, blocked=blocked)
    if isinstance(judgement, Sequence) and isinstance(judgement[0], Dead):
        return [Dead(words(response))] * len(payloads)
    return judgement


def judge_one(response: Response) -> Verdict | Blocked:
    """The same for a conversation, which has one payload, and ids in its paths: a 404 may be about one of them."""
    return only_verdict(judge(response, [Payload(None)], blocked=(401, 403, 405)))


def errors_of(response: Response) -> list[Document]:
    errors = response.json_object().get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def words(response: Response) -> str:
    """The status, and the vendor's own words: code and title of each error, else its message."""
    said = [
        ": ".join(error[key] for key in ("code", "title") if isinstance(error.get(key), str))
        for error in errors_of(response)
    ]
    text = "; ".join(each for each in said if each)
    return f"{response.status} {text}"[:300] if text else describe(response)


# --- imports in bulk ---


def pack_contacts(payloads: Sequence[Payload], settings: Settings) -> Request:
    """Each contact once, with the last value of everything: in which order an import works is not told."""
    contacts: dict[str, Document] = {}
    for payload in payloads:
        earlier = contacts.get(payload.body["email"], {})
        contacts[payload.body["email"]] = _merged(earlier, payload.body)
    return make_request("POST", settings, "import", "bulk_import", body={"contacts": list(contacts.values())})


def _merged(earlier: Document, later: Document) -> Document:
    """*later* over *earlier*: fields one by one, tags of both, and of the two words on lists the later one."""
    if later.keys() & {"subscribe", "unsubscribe"}:
        earlier = {name: value for name, value in earlier.items() if name not in ("subscribe", "unsubscribe")}
    merged = {**earlier, **later}
    fields = {field["id"]: field for field in (*earlier.get("fields", ()), *later.get("fields", ()))}
    tags = list(dict.fromkeys((*earlier.get("tags", ()), *later.get("tags", ()))))
    return merged | ({"fields": list(fields.values())} if fields else {}) | ({"tags": tags} if tags else {})


def judge_import(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """An import is queued, less those of whom ``failureReasons`` says why not; a 400 queues nobody.

    Which of its names holds the email isn't known: whoever is mentioned is meant. Where nobody is, or a contact of several
    calls, of which one is at fault, the batch is halved, which repeats what was queued and harms nobody.

    Raises:
        UnreadableAnswer: a 2xx that is no import's answer.
    """
    if response.status == 400 and len(payloads) > 1:
        return Split(_reasons(response))
    judgement = judge(response, payloads)
    if not (isinstance(judgement, Sequence) and isinstance(judgement[0], Delivered)):
        return [Dead(_reasons(response))] if response.status == 400 else judgement
    answer = response.json_object()
    reasons = answer.get("failureReasons") or []
    if "success" not in answer or not isinstance(reasons, list):
        raise UnreadableAnswer(f"expected success and failureReasons, got {describe(response)}")
    refused: dict[str, str] = {}
    for reason in reasons:
        text = ": ".join(_texts(reason))[:300] or "refused without a reason"
        refused |= dict.fromkeys(_EMAIL.findall(text.lower()), text)
    emails = [payload.body.get("email") for payload in payloads]
    is_one_of_several = any(emails.count(email) > 1 for email in refused)
    if is_one_of_several or (not set(emails) & refused.keys() and (reasons or str(answer["success"]) != "1")):
        return Split(_reasons(response)) if len(payloads) > 1 else [Dead(_reasons(response))]
    return [Dead(refused[email]) if email in refused else Delivered() for email in emails]


def _reasons(response: Response) -> str:
    """The vendor's own words: why an import failed."""
    said = ": ".join(_texts(response.json_object().get("failureReasons")))
    return f"{response.status} {said}"[:300] if said else words(response)


def _texts(value: Any) -> Iterator[str]:
    """Every text in *value*, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


# --- event tracking ---


def tracking_origin(settings: Settings) -> str:
    return TRACKING


def tracking_credentials(settings: Settings) -> Sequence[Credential]:
    """Not those of the account: its key has no business on this host."""
    return [BodyField("key", settings.event_key)]


def pack_event(payloads: Sequence[Payload], settings: Settings) -> Request:
    """One event, as a form."""
    [payload] = payloads
    form = {"actid": settings.actid, **payload.body}
    return Request("POST", build_url(settings.base_url or TRACKING, "event"), form, form=True)


def judge_event(response: Response, payloads: Sequence[Payload], settings: Settings) -> Judgement:
    """By the status and by ``success``, for a refusal has a 200 too. One about the key or the account stops the destination.

    Raises:
        UnreadableAnswer: a 2xx that doesn't say whether it is a success.
    """
    judgement = judge(response, payloads, "actid and event_key")
    if not (isinstance(judgement, Sequence) and isinstance(judgement[0], Delivered)):
        return judgement
    answer = response.json_object()
    if "success" not in answer:
        raise UnreadableAnswer(f"expected success, got {describe(response)}")
    if str(answer["success"]).lower() in ("1", "true"):
        return judgement
    message = str(answer.get("message", "")).replace(payloads[0].body.get("event", ""), "")
    if _ACCESS.search(_EMAIL.sub("", message[:1_000])):  # to look for emails in a longer one takes minutes
        return Blocked(f"check actid and event_key: {describe(response)}")
    return [Dead(describe(response))]
