"""All that the core relies on, of Iterable in batches and one by one."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from plugins import iterable
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

SUCCESS = b'{"code":"Success","msg":"","params":{"id":"m-1"}}'
COUNTS = b'{"successCount":1,"failCount":0,"failedUpdates":{"invalidEmails":[],"invalidUserIds":[]}}'


def refusing_all(payloads: Sequence[Payload]) -> bytes:
    """Errors go by id, and all of a sample's payloads are of one user."""
    ids = [payload.body.get("userId", "") for payload in payloads]
    return orjson.dumps(
        {"successCount": 0, "failCount": len(ids), "failedUpdates": {"forgottenUserIds": list(dict.fromkeys(ids))}}
    )


def refusal(code: str) -> bytes:
    return orjson.dumps({"code": code, "msg": "no", "params": None})


ANSWERS: Answers = {
    200: [Answer(Delivered, SUCCESS), Answer(Delivered, COUNTS), Answer(Blocked, refusal("BadApiKey"))],
    400: [Answer(Dead, refusal("BadParams")), Answer(Split, refusal("BatchTooLarge"))],
    401: Answer(Blocked, refusal("BadApiKey")),
    403: Blocked,
    404: [Answer(Blocked, b"<html>"), Answer(Dead, refusal("UnknownUserIdError"), endpoint="users")],
    409: Answer(Dead, refusal("ForgottenUserError")),
    413: Split,
    429: Answer(Later, refusal("RateLimitExceeded")),
    500: Later,
    502: Later,
    503: Later,
    504: Later,
}


class TestBulk(PluginContract):
    plugin = iterable.PLUGIN
    minimal = {"api_key": "key-of-a-test", "identity": "hybrid"}
    answers = {
        **ANSWERS,
        200: [*ANSWERS[200], Answer(Dead, refusing_all, endpoint="users")],  # type: ignore[misc]
    }


class TestOneByOne(PluginContract):
    """A project by email, everything switched on."""

    plugin = iterable.PLUGIN
    minimal = {
        "api_key": "key-of-a-test",
        "identity": "email",
        "region": "eu",
        "use_bulk": False,
        "create_new_fields": "yes",
        "track_pages": True,
        "merge_users": True,
        "ios_app": "test.example.shop",
        "android_app": "test.example.shop",
        "special_traits": ["emailListIds"],
    }
    answers = ANSWERS
