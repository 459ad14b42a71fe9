"""What every vendor may do, drawn from every stand-in: be out of order, ask to slow down, hang, or break the connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from router.delivery.sending.send import SendFailed
from router.plugin import Delivered, Later, Plugin
from router.plugin.sandbox import Fault
from router.registry import Registry
from router.testing import Rehearsal, StandIn, open_stand_in
from router.testing.samples import WELL_MADE

EVENTS = [WELL_MADE["identify"], WELL_MADE["track"]]
"""Most vendors want to know somebody before they take what somebody did."""


def has_something_to_send(plugin: Plugin) -> bool:
    rehearsal = Rehearsal(plugin, plugin.settings.model_validate(dict(plugin.sandbox_settings)))
    return any(any(rehearsal.payloads(event)) for event in EVENTS)


PLUGINS = [
    pytest.param(each.plugin, id=each.plugin.slug)
    for each in Registry.load()
    if each.plugin.sandbox and has_something_to_send(each.plugin)
]


async def verdicts(stand_in: StandIn) -> set[type]:
    """The kinds of verdicts of all payloads of `EVENTS`."""
    answers = (await stand_in.deliver(*EVENTS)).values()
    return {
        type(verdict)
        for judgements in answers
        for judgement in judgements
        for verdict in (judgement if isinstance(judgement, Sequence) else [judgement])
    }


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 500, "body": "<html>Internal Server Error</html>"}, id="500"),
        pytest.param({"status": 502, "body": "<html>Bad Gateway</html>"}, id="502"),
        pytest.param({"status": 503}, id="503"),
        pytest.param({"status": 504}, id="504"),
        pytest.param({"status": 429, "headers": {"Retry-After": "7"}}, id="429"),
        pytest.param({"status": 408}, id="408"),
    ],
)
async def test_a_vendor_out_of_order_makes_everything_wait_and_nothing_die(
    plugin: Plugin, answer: dict[str, Any]
) -> None:
    async with open_stand_in(plugin) as stand_in:
        assert await verdicts(stand_in) == {Delivered}  # now there is a token, where one is needed
        kept = len(stand_in.accepted())
        stand_in.sandbox.fail(Fault(**answer))

        assert await verdicts(stand_in) == {Later}
        assert len(stand_in.accepted()) == kept
        stand_in.sandbox.heal()
        assert await verdicts(stand_in) == {Delivered}


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("after", [False, True], ids=["before it is taken", "after it is taken"])
async def test_a_connection_that_breaks_is_no_answer_and_a_repeat_does_no_harm(plugin: Plugin, after: bool) -> None:
    """The vendor may have taken it: what is sent again has to end well all the same."""
    async with open_stand_in(plugin) as stand_in:
        stand_in.sandbox.fail(Fault(reset=True, after=after))
        with pytest.raises(SendFailed):
            await stand_in.deliver(*EVENTS)
        stand_in.sandbox.heal()

        assert await verdicts(stand_in) == {Delivered}
