"""All that the core relies on, of Braze."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from plugins import braze
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

SUCCESS = b'{"message":"success","attributes_processed":1}'


def refusing_the_second(payloads: Sequence[Payload]) -> bytes:
    [array] = payloads[1].body
    error = {"type": "'name' is required", "input_array": array, "index": 1}
    return orjson.dumps({"message": "success", "errors": [error]})


ANSWERS: Answers = {
    200: Answer(Delivered, SUCCESS),
    201: [
        Answer(Delivered, SUCCESS),
        Answer((Delivered, Dead), refusing_the_second, endpoint="track"),
        Answer(Delivered, b'{"message":"success","errors":[{"type":"no such alias","index":0}]}', endpoint="identify"),
        Answer(Delivered, b'{"message":"success","errors":[{"type":"no such user","index":0}]}', endpoint="merge"),
    ],
    202: Answer(Delivered, b'{"message":"queued"}'),
    400: Answer(Dead, b'{"message":"fatal","errors":[]}'),
    401: Blocked,
    403: Blocked,
    404: Blocked,
    413: Split,
    429: Later,
    500: Later,
    503: Later,
}


class TestBraze(PluginContract):
    plugin = braze.PLUGIN
    minimal = {"api_key": "key-of-a-test", "instance": "eu-01"}
    answers = ANSWERS


class TestEverythingOn(PluginContract):
    """Pages, recommended shop events, an app, flags for groups."""

    plugin = braze.PLUGIN
    minimal = {
        "api_key": "key-of-a-test",
        "instance": "us-01",
        "app_id": "app_example",
        "purchases": "recommended",
        "track_pages": True,
        "group_flag_prefix": "ab_segment_group_",
        "special_traits": ["email_subscribe", "push_subscribe"],
    }
    answers = ANSWERS
