"""What the core relies on."""

from __future__ import annotations

import pytest
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Response, Split, UnreadableAnswer
from router.testing import Answer, PluginContract

from router_acme import PLUGIN, wire
from router_acme.settings import Settings


class TestContract(PluginContract):
    plugin = PLUGIN
    minimal = {"api_key": "a-key"}
    answers = {
        200: (
            Answer(Delivered, b'{"refused": []}'),
            Answer((Delivered, Dead), b'{"refused": [{"index": 1, "reason": "id is missing"}]}'),
        ),
        400: Dead,
        401: Blocked,
        413: Split,
        429: Later,
        500: Later,
    }


@pytest.mark.parametrize("refused", [b"null", b"{}", b'{"index": -1}', b'{"index": 2}', b'{"index": "0"}'])
def test_a_refusal_of_nobody_knows_what_is_no_delivery(refused: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge(
            Response(200, b'{"refused": [' + refused + b"]}"), [Payload({})] * 2, Settings.model_validate({"api_key": "a"})
        )
