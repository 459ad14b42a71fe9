"""What an operator may fill in, and where it leads."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.plugins.s3.samples import ENDPOINT, make_settings, payload_of, track


@pytest.mark.parametrize(
    ("given", "place"),
    [
        pytest.param({}, "https://acme-events.s3.eu-central-1.amazonaws.com/events/", id="the bucket in the host"),
        pytest.param(
            {"path_style": True}, "https://s3.eu-central-1.amazonaws.com/acme-events/events/", id="and in the path"
        ),
        pytest.param(
            {"bucket": "logs.acme.example"},
            "https://s3.eu-central-1.amazonaws.com/logs.acme.example/events/",
            id="a dot that no certificate covers",
        ),
        pytest.param(
            {"bucket": "Acme_Events", "region": "us-east-1"},
            "https://s3.us-east-1.amazonaws.com/Acme_Events/events/",
            id="an old name, which a host would be read without its capitals",
        ),
        pytest.param(
            {"endpoint_url": "http://minio.test:9000/"}, "http://minio.test:9000/acme-events/events/", id="MinIO"
        ),
        pytest.param(
            {"endpoint_url": "https://s3.us-west-004.backblazeb2.com", "path_style": False},
            "https://acme-events.s3.us-west-004.backblazeb2.com/events/",
            id="another service, with the bucket in the host",
        ),
        pytest.param({"prefix": ""}, "https://acme-events.s3.eu-central-1.amazonaws.com/", id="no prefix"),
        pytest.param(
            {"prefix": "/a/source=web/"},
            "https://acme-events.s3.eu-central-1.amazonaws.com/a/source%3Dweb/",
            id="a prefix in parts, with slashes too many",
        ),
        pytest.param({"base_url": "http://proxy.test/s3"}, "http://proxy.test/s3/events/", id="a proxy"),
    ],
)
def test_where_objects_go(given: dict[str, Any], place: str) -> None:
    settings = make_settings(**given)

    url = ENDPOINT.pack([payload_of(track(), settings)], settings).url

    assert url.partition("day%3D")[0] == place


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bucket": "a/b"}, "bucket"),
        ({"bucket": ".."}, "bucket"),
        ({"region": "eu/../x"}, "region"),
        ({"endpoint_url": "https://minio.test/path"}, "without a path"),
        ({"endpoint_url": "minio.test"}, "http://host"),
        ({"endpoint_url": "https://user:word@minio.test"}, "http://host"),
        ({"prefix": "a//b"}, "letters, digits"),
        ({"prefix": "a/../b"}, "no part may begin with a dot"),
        ({"prefix": "a b"}, "letters, digits"),
        ({"batch_size": 10_001}, "batch_size"),
        ({"storage_class": "standard"}, "storage_class"),
        ({"sse_kms_key_id": "a\nb"}, "sse_kms_key_id"),
    ],
)
def test_what_leads_nowhere_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        make_settings(**given)

    assert said in str(raised.value)
