"""All that the core relies on, of Amplitude on both endpoints."""

from __future__ import annotations

from plugins import amplitude
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

ANSWERS: Answers = {
    200: Answer(
        Delivered, b'{"code":200,"events_ingested":1,"payload_size_bytes":812,"server_upload_time":1767225601000}'
    ),
    400: [
        Answer(
            Dead,
            b'{"code":400,"error":"Invalid field values on some events","missing_field":null,'
            b'"events_with_invalid_fields":{"time":[0]},"events_with_missing_fields":{"event_type":[0]}}',
        ),
        Answer(Blocked, b'{"code":400,"error":"Invalid API key","missing_field":null}'),
        Answer(Blocked, b'{"code":400,"error":"Request missing required field","missing_field":"api_key"}'),
        Answer(
            Dead, b'{"code":400,"error":"Events silenced for device_id","silenced_events":[0],"throttled_events":[]}'
        ),
        Answer(Dead, b'{"code":400,"error":"Invalid id length for user_id or device_id"}'),
    ],
    403: Blocked,
    413: Answer(Split, b'{"code":413,"error":"Payload too large"}'),
    429: Answer(
        Later,
        b'{"code":429,"error":"Too many requests for some devices and users","eps_threshold":30,"throttled_devices":{},'
        b'"throttled_users":{"u-17":32},"exceeded_daily_quota_users":{},"exceeded_daily_quota_devices":{},"throttled_events":[0]}',
    ),
    500: Later,
    502: Later,
    503: Later,
    504: Later,
}


class TestBatch(PluginContract):
    plugin = amplitude.PLUGIN
    minimal = {"api_key": "key-of-a-test"}
    answers = ANSWERS


class TestHttpV2(PluginContract):
    plugin = amplitude.PLUGIN
    minimal = {
        "api_key": "key-of-a-test",
        "region": "eu",
        "endpoint": "http_v2",
        "product_events": True,
        "min_id_length": 5,
    }
    answers = ANSWERS
