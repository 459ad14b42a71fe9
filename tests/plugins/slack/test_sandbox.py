"""The stand-in answers as Slack does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.slack import PLUGIN
from plugins.slack.sandbox_rules import WEBHOOK_STATUSES
from router.cli.check_live import try_credentials
from router.plugin import Blocked, Dead, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.slack.mapped import BY_WEBHOOK, WEBHOOK_URL

NOW_S = 1767225600.0
AUTH = {"Authorization": "Bearer xoxb-sandbox"}
EVENT = make_event("track", userId="u-17", event="Paid")


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: NOW_S
        yield opened


async def post(vendor: StandIn, body: Any = None, headers: dict[str, str] = AUTH, **fields: Any) -> Response:
    message = {"channel": "C0SANDBOX", "text": "hello", **fields} if body is None else body
    return await vendor.request("POST", "/api/chat.postMessage", message, headers)


def section(text: str = "a", fields: int = 0, size: int = 1) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {**made, "fields": [{"type": "mrkdwn", "text": "x" * size}] * fields} if fields else made


def header(text: str, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": "header", "text": {"type": kind, "text": text}}


# --- answers ---


async def test_a_message_is_posted(vendor: StandIn) -> None:
    response = await post(vendor)

    assert response.status == 200
    assert response.json() == {
        "ok": True,
        "channel": "C0SANDBOX",
        "ts": "1767225600.000000",
        "message": {"text": "hello"},
    }
    assert vendor.accepted("message") == [{"channel": "C0SANDBOX", "text": "hello"}]


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        pytest.param({}, "not_authed", id="none"),
        pytest.param({"Authorization": "Basic eHh4"}, "not_authed", id="another kind"),
        pytest.param({"Authorization": "Bearer xoxb-another"}, "invalid_auth", id="another token"),
    ],
)
@pytest.mark.parametrize("method", ["chat.postMessage", "auth.test"])
async def test_a_wrong_token_is_refused_with_a_200(
    vendor: StandIn, method: str, headers: dict[str, str], error: str
) -> None:
    response = await vendor.request("POST", f"/api/{method}", {"channel": "C", "text": "a"}, headers)

    assert (response.status, response.json()) == (200, {"ok": False, "error": error})


@pytest.mark.parametrize("error", ["account_inactive", "token_revoked", "token_expired", "no_permission"])
async def test_a_token_may_have_lost_its_right(vendor: StandIn, error: str) -> None:
    vendor.sandbox.token_error = error

    assert (await post(vendor)).json() == {"ok": False, "error": error}
    assert await vendor.deliver(EVENT) == {"announce event": [Blocked(error)]}


async def test_a_token_without_the_scope(vendor: StandIn) -> None:
    vendor.sandbox.scopes = set()

    assert (await post(vendor)).json()["error"] == "missing_scope"


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived", "restricted_action"])
async def test_a_channel_may_take_nothing(vendor: StandIn, error: str) -> None:
    vendor.sandbox.channel_errors = {"C0SANDBOX": error}

    assert (await post(vendor)).json() == {"ok": False, "error": error}
    assert (await post(vendor, channel="C0OTHER")).json()["ok"] is True


@pytest.mark.parametrize(
    ("error", "is_outage"),
    [("internal_error", None), ("fatal_error", None), ("service_unavailable", True), ("request_timeout", None)],
)
async def test_slack_may_be_out_and_say_so_with_a_200(vendor: StandIn, error: str, is_outage: bool | None) -> None:
    vendor.sandbox.error = error

    assert await vendor.deliver(EVENT) == {"announce event": [[Later(error, is_outage=is_outage)]]}


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_slack_may_be_out_and_say_so_by_the_status(vendor: StandIn, status: int) -> None:
    vendor.sandbox.fail(Fault(status=status, times=1))

    assert await vendor.deliver(EVENT) == {"announce event": [[Later(str(status))]]}


BAD_MESSAGES = [
    pytest.param({"text": ""}, "no_text", id="no text"),
    pytest.param({"text": " "}, "no_text", id="a blank text"),
    pytest.param({"text": 7}, "invalid_arguments", id="a text that is a number"),
    pytest.param({"blocks": {}}, "invalid_arguments", id="blocks in no list"),
    pytest.param({"channel": ""}, "channel_not_found", id="no channel"),
    pytest.param({"blocks": [section()] * 51}, "invalid_blocks", id="51 blocks"),
    pytest.param({"blocks": [section("x" * 3_001)]}, "invalid_blocks", id="a section of 3001"),
    pytest.param({"blocks": [section("")]}, "invalid_blocks", id="an empty section"),
    pytest.param({"blocks": [{"type": "section"}]}, "invalid_blocks", id="a section of nothing"),
    pytest.param({"blocks": [section(fields=11)]}, "invalid_blocks", id="11 fields"),
    pytest.param({"blocks": [section(fields=1, size=2_001)]}, "invalid_blocks", id="a field of 2001"),
    pytest.param({"blocks": [header("x" * 151)]}, "invalid_blocks", id="a header of 151"),
    pytest.param({"blocks": [header("x", "mrkdwn")]}, "invalid_blocks", id="a header with markup"),
    pytest.param({"blocks": [{"type": "poem"}]}, "invalid_blocks", id="no block"),
    pytest.param({"blocks": [section("x" * 2_700)] * 5}, "msg_blocks_too_long", id="13500 in all blocks"),
    pytest.param({"attachments": [{}] * 101}, "too_many_attachments", id="101 attachments"),
]


@pytest.mark.parametrize(("fields", "error"), BAD_MESSAGES)
async def test_a_bad_message_is_refused(vendor: StandIn, fields: dict[str, Any], error: str) -> None:
    response = await post(vendor, **fields)

    assert (response.status, response.json()) == (200, {"ok": False, "error": error})
    assert vendor.accepted() == []


GOOD_MESSAGES = [
    pytest.param({"blocks": [section()] * 50}, id="50 blocks"),
    pytest.param({"blocks": [section("x" * 3_000)]}, id="a section of 3000"),
    pytest.param({"blocks": [section(fields=10, size=1_000)]}, id="10 fields"),
    pytest.param({"blocks": [header("x" * 150), {"type": "divider"}]}, id="a header of 150"),
    pytest.param({"blocks": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "a"}]}]}, id="a context"),
    pytest.param({"text": "", "blocks": [section()]}, id="blocks without a text"),
    pytest.param({"attachments": [{}] * 100}, id="100 attachments"),
]


@pytest.mark.parametrize("fields", GOOD_MESSAGES)
async def test_a_message_at_a_limit_is_posted(vendor: StandIn, fields: dict[str, Any]) -> None:
    assert (await post(vendor, **fields)).json()["ok"] is True


@pytest.mark.parametrize("body", [b"{", []], ids=["cut", "a list"])
async def test_what_is_no_message_is_refused(vendor: StandIn, body: Any) -> None:
    assert (await post(vendor, body)).json()["error"] == "invalid_arguments"


async def test_a_text_above_40000_characters_is_cut_with_a_warning(vendor: StandIn) -> None:
    response = await post(vendor, text="x" * 40_001)

    assert response.json()["response_metadata"] == {"warnings": ["message_truncated"]}
    assert vendor.accepted("message")[0]["text"] == "x" * 40_000


async def test_one_channel_takes_a_message_a_second_and_short_bursts(vendor: StandIn) -> None:
    posted = [await post(vendor) for _ in range(20)]
    refused = await post(vendor)
    elsewhere = await post(vendor, channel="C0OTHER")
    vendor.sandbox.now_s = lambda: NOW_S + 21

    assert {response.status for response in posted} == {200}
    assert (refused.status, refused.json(), refused.headers["retry-after"]) == (
        429,
        {"ok": False, "error": "ratelimited"},
        "20",
    )
    assert (elsewhere.status, (await post(vendor)).status) == (200, 200)


async def test_name_and_icon_need_a_scope(vendor: StandIn) -> None:
    vendor.sandbox.scopes = {"chat:write"}

    await post(vendor, username="R", icon_emoji=":bell:")

    assert vendor.accepted("message") == [{"channel": "C0SANDBOX", "text": "hello"}]


# --- the plugin and the stand-in together ---


async def test_messages_arrive_in_their_channels() -> None:
    rules = [{"event": "Paid", "text": "{name} paid {properties.total}", "channel": "C0PAYMENTS"}]
    async with open_stand_in(PLUGIN, rules=rules, shown_traits=["plan"]) as vendor:
        judged = await vendor.deliver(
            make_event("identify", userId="u-17", traits={"first_name": "Ada", "plan": "gold"}),
            make_event("track", userId="u-17", event="Paid", properties={"total": 5}, messageId="m-2"),
        )

        assert judged == {"announce person": [[Delivered()]], "announce event": [[Delivered()]]}
        assert [(message["channel"], message["text"]) for message in vendor.accepted("message")] == [
            ("C0SANDBOX", "Identified Ada"),
            ("C0PAYMENTS", "User u-17 paid 5"),
        ]


async def test_the_longest_message_is_taken() -> None:
    """All the limits at once: a text of 4000 characters and forty fields."""
    names = [f"p{number}" for number in range(20)]
    shown = {"shown_properties": names, "shown_traits": names}
    async with open_stand_in(PLUGIN, track="{properties.p0} " * 5, **shown) as vendor:
        values = dict.fromkeys(names, "<" * 2_000)
        event = make_event("track", userId="u-17", event="E", properties=values, context={"traits": values})
        judged = await vendor.deliver(event)

        assert judged == {"announce event": [[Delivered()]]}


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param({"settings": {"bot_token": "another"}}, Blocked("invalid_auth"), id="wrong token"),
        pytest.param(
            {"channel_errors": {"C0SANDBOX": "is_archived"}},
            Blocked("is_archived: C0SANDBOX"),
            id="the channel is gone",
        ),
        pytest.param({"messages_per_s": 0}, [Later('429 {"ok":false,"error":"ratelimited"}')], id="too fast"),
        pytest.param({"error": "msg_too_long"}, [Dead("msg_too_long")], id="too long"),
    ],
)
async def test_refusals_are_read_rightly(vendor: StandIn, prepare: dict[str, Any], expected: Any) -> None:
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    assert await vendor.deliver(EVENT) == {"announce event": [expected]}


# --- a webhook ---

PATH = WEBHOOK_URL.removeprefix("https://hooks.slack.com")


@pytest.fixture
async def webhook() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, **BY_WEBHOOK) as opened:
        opened.sandbox.now_s = lambda: NOW_S
        yield opened


async def call(webhook: StandIn, body: Any, path: str = PATH, **headers: str) -> tuple[int, str]:
    response = await webhook.request("POST", path, body, headers)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    return response.status, response.text


async def test_a_webhook_posts_in_its_own_channel_under_its_own_name(webhook: StandIn) -> None:
    given = {
        "text": "hello",
        "channel": "C0OTHER",
        "username": "R",
        "icon_emoji": ":bell:",
        "icon_url": "https://a.test/",
    }

    assert await call(webhook, given) == (200, "ok")
    assert webhook.accepted("message") == [{"text": "hello"}]


async def test_a_webhook_takes_a_form_too(webhook: StandIn) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert await call(webhook, b"payload=%7B%22text%22%3A%22hello%22%7D", **form) == (200, "ok")
    assert await call(webhook, b"text=hello", **form) == (400, "invalid_payload")
    assert webhook.accepted("message") == [{"text": "hello"}]


@pytest.mark.parametrize(
    "path", ["/services/T0123ABCD/B0123ABCD/another", "/services/T0/B0123ABCD/secretOfTheTest"], ids=["secret", "team"]
)
async def test_another_address_is_no_webhook(webhook: StandIn, path: str) -> None:
    assert await call(webhook, {"text": "hello"}, path) == (404, "no_service")
    assert webhook.accepted() == []


async def test_without_a_webhook_there_is_none(vendor: StandIn) -> None:
    assert await call(vendor, {"text": "hello"}) == (404, "no_service")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        pytest.param(b"{", "invalid_payload", id="cut"),
        pytest.param([], "invalid_payload", id="a list"),
        pytest.param({"text": 7}, "invalid_payload", id="a text that is a number"),
        pytest.param({"text": "a", "attachments": [{}] * 101}, "invalid_payload", id="101 attachments"),
        pytest.param({}, "no_text", id="nothing"),
        pytest.param({"text": " "}, "no_text", id="a blank text"),
        pytest.param({"attachments": [{}]}, "missing_text_or_fallback_or_attachments", id="an attachment of nothing"),
        pytest.param({"text": "a", "blocks": [section()] * 51}, "invalid_blocks", id="51 blocks"),
        pytest.param({"text": "a", "blocks": [section("x" * 3_001)]}, "invalid_blocks", id="a section of 3001"),
        pytest.param({"text": "a", "blocks": [section(fields=11)]}, "invalid_blocks", id="11 fields"),
        pytest.param({"text": "a", "blocks": [section(fields=1, size=2_001)]}, "invalid_blocks", id="a field of 2001"),
        pytest.param({"text": "a", "blocks": [header("x" * 151)]}, "invalid_blocks", id="a header of 151"),
        pytest.param({"text": "a", "blocks": [section("x" * 2_700)] * 5}, "invalid_blocks", id="13500 in all blocks"),
    ],
)
async def test_a_webhook_refuses_a_bad_message(webhook: StandIn, body: Any, word: str) -> None:
    assert await call(webhook, body) == (400, word)
    assert webhook.accepted() == []


@pytest.mark.parametrize("fields", GOOD_MESSAGES)
async def test_a_webhook_takes_a_message_at_a_limit(webhook: StandIn, fields: dict[str, Any]) -> None:
    assert await call(webhook, {"text": "hello", **fields}) == (200, "ok")


async def test_a_webhook_cuts_a_text_above_40000_characters_and_does_not_say_so(webhook: StandIn) -> None:
    assert await call(webhook, {"text": "x" * 40_001}) == (200, "ok")
    assert webhook.accepted("message")[0]["text"] == "x" * 40_000


async def test_a_webhook_takes_a_message_a_second_and_short_bursts(webhook: StandIn) -> None:
    posted = {await call(webhook, {"text": "hello"}) for _ in range(20)}
    refused = await webhook.request("POST", PATH, {"text": "hello"})
    webhook.sandbox.now_s = lambda: NOW_S + 21

    assert posted == {(200, "ok")}
    assert (refused.status, refused.text, refused.headers["retry-after"]) == (429, "rate_limited", "20")
    assert await call(webhook, {"text": "hello"}) == (200, "ok")


OF_THE_MESSAGE = (
    "invalid_payload",
    "user_not_found",
    "no_text",
    "missing_text_or_fallback_or_attachments",
    "invalid_blocks",
)
WAITING = ("rate_limited", "rollup_error")


@pytest.mark.parametrize(("word", "status"), WEBHOOK_STATUSES.items())
async def test_every_answer_of_a_webhook_is_read_rightly(webhook: StandIn, word: str, status: int) -> None:
    """Fact sheet, section 7: what is wrong with the message, what passes, and all else, which is wrong with the webhook."""
    webhook.sandbox.webhook_error = word
    reason = f"{status} {word}"
    expected: dict[str, Any] = {each: [Dead(reason)] for each in OF_THE_MESSAGE}
    expected |= {each: [Later(reason)] for each in WAITING}

    assert await call(webhook, {"text": "hello"}) == (status, word)
    assert await webhook.deliver(EVENT) == {"announce event": [expected.get(word, Blocked(reason))]}


async def test_events_are_told_by_a_webhook() -> None:
    rules = [{"event": "Paid", "text": "{name} paid {properties.total}"}]
    async with open_stand_in(PLUGIN, **BY_WEBHOOK, rules=rules, shown_traits=["plan"]) as webhook:
        judged = await webhook.deliver(
            make_event("identify", userId="u-17", traits={"first_name": "Ada", "plan": "gold"}),
            make_event("track", userId="u-17", event="Paid", properties={"total": 5}, messageId="m-2"),
        )

        assert judged == {"announce person": [[Delivered()]], "announce event": [[Delivered()]]}
        assert [message["text"] for message in webhook.accepted("message")] == ["Identified Ada", "User u-17 paid 5"]


async def test_a_revoked_webhook_blocks_and_its_secret_is_in_no_answer(webhook: StandIn) -> None:
    webhook.sandbox.settings["webhook_url"] = "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/a-new-one"
    webhook.sandbox.fail(Fault(status=404, body=f"no {PATH}", times=1))

    assert await webhook.deliver(EVENT) == {"announce event": [Blocked("404 no /services/********")]}
    assert await webhook.deliver(EVENT) == {"announce event": [Blocked("404 no_service")]}


async def test_a_webhook_is_not_tried_for_that_would_post_a_message(webhook: StandIn) -> None:
    [tried] = await try_credentials([(webhook.rehearsal.destination, 5.0)])

    assert (tried.result, webhook.accepted()) == ("not tried", [])
    assert tried.detail == (
        "Slack has no call that changes nothing for these credentials; the first delivery will tell"
    )
