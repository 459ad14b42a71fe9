"""A vendor's answers, documented or not, and whether a plugin's reading of them can be right.

The plugin test kit (`router.testing`) is built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from router import returned
from router.guard import BadReturn
from router.plugin import (
    Again,
    BatchEndpoint,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    PluginSettings,
    Response,
    Split,
    UnreadableAnswer,
    Verdict,
)

Word = type[Delivered] | type[Later] | type[Dead] | type[Again] | type[Split] | type[Blocked]
"""A verdict on one payload, or one on the whole request."""


@dataclass(frozen=True)
class Answer:
    """What the vendor answers, and what ``judge`` should make of it.

    *verdict* is one for all payloads (or for the request), or a sequence with one verdict per payload, in order, for a partial
    failure. *body* may be a function of the payloads that were sent, for vendors that name them.
    """

    verdict: Word | Sequence[Word]
    body: bytes | Callable[[Sequence[Payload]], bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = ""
    """Only for this endpoint; "" means every endpoint that takes batches."""

    def response(self, status: int, payloads: Sequence[Payload]) -> Response:
        return Response(status, self.body(payloads) if callable(self.body) else self.body, self.headers)


Answers = Mapping[int, Word | Answer | Sequence[Answer]]

ODD_VALUES: tuple[Any, ...] = (None, True, 7, -1, "x", [], [None], [7], {}, {"x": None})
ODD_STATUSES = (200, 202, 204, 207, 301, 400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 500, 501, 503)
_NAMES = ("code", "data", "detail", "error", "errors", "failed_records", "id", "message", "results", "status", "type")
ODD_BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "a page": b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1>\r\n</body></html>" + b"x" * 5_000,
    "cut JSON": b'{"status": "OK", "errors": [{"index": 0, "mess',
    "not UTF-8": b"\xff\xfe\x00{",
    "too deep": b"[" * 5_000 + b"]" * 5_000,
    **{f"JSON {value!r}": orjson.dumps(value) for value in ODD_VALUES},
    **{f"{name}: {value!r}": orjson.dumps({name: value}) for name in _NAMES for value in ODD_VALUES},
}


SUCCESSES = (200, 201, 202, 203, 207)
OUTAGES = (408, 429, 500, 502, 503, 504)


def why_delivered(endpoint: BatchEndpoint, response: Response, payloads: Sequence[Payload], settings: Any) -> str:
    """What is wrong if any of *payloads* counts as delivered after that answer; "" if none does."""
    try:
        judgement = endpoint.judge(response, payloads, settings)
    except UnreadableAnswer:
        return ""
    is_any = isinstance(judgement, Sequence) and any(isinstance(verdict, Delivered) for verdict in judgement)
    return "counts as delivered" if is_any else ""


def why_lost(read: Callable[..., Any], *arguments: Any) -> str:
    """What is wrong if what *read* makes of an outage is not that everything waits: a judgement or the end of a conversation;
    "" if nothing is."""
    try:
        word = read(*arguments)
    except UnreadableAnswer:
        return ""
    lost = [each for each in (word if isinstance(word, Sequence) else [word]) if not isinstance(each, Later | Blocked)]
    return f"is read as {lost[0]!r}, which costs events; `judge_by_status` reads it as Later" if lost else ""


_WORDS = (Delivered, Later, Dead, Again, Split, Blocked)


def why_no_answer(answer: Any) -> str:
    """What is wrong with one of a contract's *answers*, which may be anything; "" if nothing is."""
    if not isinstance(answer, Answer):
        return f"got {answer!r}, expected a class such as Dead, or an Answer"
    for verdict in answer.verdict if isinstance(answer.verdict, Sequence) else [answer.verdict]:
        if verdict not in _WORDS:
            return f"got {verdict!r}, expected a class: {', '.join(word.__name__ for word in _WORDS)}"
    return ""


def as_answers(answers: Word | Answer | Sequence[Answer]) -> Sequence[Answer]:
    if isinstance(answers, type):
        return [Answer(answers)]
    return [answers] if isinstance(answers, Answer) or not isinstance(answers, Sequence) else answers


def why_unlike(expected: Word | Sequence[Word], judgement: Judgement, count: int) -> str:
    """How a judgement differs from the expected one; "" if it does not."""
    found = [type(verdict) for verdict in judgement] if isinstance(judgement, Sequence) else [type(judgement)]
    if isinstance(expected, type):
        if expected is Dead and count > 1 and isinstance(judgement, Split):
            return ""
        if set(found) == {expected, Again}:  # the vendor names some, and the others go again
            return ""
        wanted: list[Word] = [expected] * (1 if expected in (Split, Blocked) else count)
    else:
        wanted = list(expected)
    if found == wanted:
        return ""
    return f"is {[each.__name__ for each in found]}, expected {[each.__name__ for each in wanted]}"


def why_no_judgement(judgement: Judgement | Any, count: int) -> str:
    """What is wrong with what ``judge`` returned for *count* payloads; "" if nothing is."""
    try:
        found = returned.judgement(judgement, count)
    except BadReturn as error:
        return f"is wrong: it {error}"
    return _why_mute([found] if isinstance(found, Split | Blocked) else found)


def _why_mute(words: Sequence[Verdict | Split | Blocked]) -> str:
    is_mute = any(getattr(word, "reason", "") == returned.NO_REASON for word in words)
    return "gives no reason" if is_mute else ""


def why_broken(
    endpoint: BatchEndpoint, response: Response, payloads: Sequence[Payload], settings: PluginSettings
) -> str:
    """What is wrong with how *endpoint* reads *response*; "" if nothing is. It may raise `UnreadableAnswer`."""
    try:
        return why_no_judgement(endpoint.judge(response, payloads, settings), len(payloads))
    except UnreadableAnswer:
        return ""
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"


def why_bad_end(talk: Callable[..., Any], *arguments: Any) -> str:
    """What is wrong with how a conversation ends (see `Rehearsal.talk`); "" if nothing is."""
    try:
        return _why_mute([returned.last_word(talk(*arguments).end)])
    except UnreadableAnswer:
        return ""
    except BadReturn as error:
        return f"is wrong: it {error}"
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"


def distortions(body: bytes) -> Iterator[bytes]:
    """*body* cut off and, if it is JSON, with each of its parts replaced by something else."""
    for length in sorted({1, len(body) // 3, len(body) // 2, len(body) - 1}):
        yield body[: max(length, 0)]
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for distorted in _replaced(value):
        yield orjson.dumps(distorted)


def _replaced(value: Any) -> Iterator[Any]:
    yield from ODD_VALUES
    if isinstance(value, dict):
        for key, item in value.items():
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: other} for other in _replaced(item))
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in _replaced(item))
