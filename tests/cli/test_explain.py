"""``router explain``: the contract of design.md, and the ways to hand it events."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from router.cli.data_folder import suppressed_path
from router.config import load_storage
from router.suppressed import Person
from router.suppressed_file import suppress
from tests.log.unreadable import unreadable
from tests.system.harness import Command, run_command

IDENTIFY = {
    "type": "identify",
    "userId": "u1",
    "messageId": "m1",
    "traits": {"first_name": "Ada", "createdAt": "2024-08-24T14:15:22Z", "email": "ada@example.test"},
}
TRACK = {"type": "track", "userId": "u1", "messageId": "m2", "event": "Order Completed"}
NOBODY = {"type": "track", "event": "Order Completed"}

LINE = {"event", "warnings", "destinations"}
ENTRY = {"destination", "plugin", "decision", "reason", "action", "requests", "lineage", "unmapped"}
REQUEST = {"method", "url", "headers", "body"}
LINEAGE = {"from", "to", "converter"}


def explain(config: Path, text: str, *options: str, monkeypatch: pytest.MonkeyPatch | None = None) -> Command:
    """Explain *text*: through standard input with a *monkeypatch*, else through a file."""
    if monkeypatch is not None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return run_command("explain", "-", "--config", config, "--json", *options)
    file = config.parent / "events.json"
    file.write_text(text)
    return run_command("explain", file, "--config", config, "--json", *options)


def lines(command: Command) -> list[dict[str, Any]]:
    return [json.loads(line) for line in command.out.removesuffix("\n").split("\n") if line]


def entries(command: Command) -> list[dict[str, Any]]:
    [line] = lines(command)
    found: list[dict[str, Any]] = line["destinations"]
    return found


@pytest.mark.parametrize(
    ("call", "names"),
    [
        pytest.param({"channel": "web"}, "context.ip and context.userAgent", id="of a page"),
        pytest.param({"context": {"library": {"name": "analytics.js"}}}, "context.ip and", id="by its library"),
        pytest.param({"channel": "web", "context": {"ip": "192.0.2.1"}}, "context.userAgent", id="with its address"),
        pytest.param({"channel": "web", "context": {"ip": None, "userAgent": "UA"}}, "", id="with all, or a wish"),
        pytest.param({"channel": "server"}, "", id="of a server"),
        pytest.param({}, "", id="of whatever"),
    ],
)
def test_what_the_request_of_a_page_will_add_is_told(config: Path, call: dict[str, Any], names: str) -> None:
    """Destinations are sent more than is shown, and some take an event only because of it."""
    [line] = lines(explain(config, json.dumps({**TRACK, **call})))
    told = [warning for warning in line["warnings"] if "the request itself" in warning]

    assert len(told) == bool(names)
    assert all(warning.startswith(names) for warning in told)


def test_a_line_has_the_keys_of_the_contract(config: Path) -> None:
    """Exactly these: programs rely on them."""
    explained = explain(config, json.dumps(IDENTIFY))

    assert (explained.code, explained.err) == (0, "")
    [line] = lines(explained)
    assert set(line) == LINE
    assert line["event"]["traits"]["firstName"] == "Ada"
    assert {(entry["destination"], entry["plugin"]) for entry in line["destinations"]} == {
        ("mixpanel", "mixpanel"),
        ("crm", "customerio"),
        ("paused", "mixpanel"),
    }
    for entry in line["destinations"]:
        assert set(entry) == ENTRY
        assert entry["decision"] in ("deliver", "skip")
        assert entry["reason"]
        assert all(set(request) == REQUEST for request in entry["requests"])
        assert all(set(trait) == LINEAGE for trait in entry["lineage"])


def test_each_destination_is_explained_in_its_own_words(config: Path) -> None:
    found = {
        (entry["destination"], trait["from"]): trait["to"]
        for entry in entries(explain(config, json.dumps(IDENTIFY)))
        for trait in entry["lineage"]
    }

    assert found["mixpanel", "traits.createdAt"] == "$created"
    assert found["crm", "traits.createdAt"].endswith("created_at")


def test_requests_show_where_the_credentials_go_and_not_the_credentials(config: Path) -> None:
    explained = explain(config, json.dumps(IDENTIFY))

    assert "sandbox-" not in explained.out
    [request] = [
        request for entry in entries(explained) if entry["destination"] == "crm" for request in entry["requests"]
    ]
    assert request["url"] == "http://customerio.test/api/v2/batch"
    assert request["headers"]["Authorization"] == "Basic ********"


def test_who_may_not_know_who_is_suppressed_may_ask_all_the_same(config: Path) -> None:
    """The file is for the router's own user, and an application developer is often another."""
    path = suppressed_path(load_storage(config))
    suppress(path, [Person("userId", "u1")], 1.0)
    assert "suppressed" in {each["reason"].split(":")[0] for each in entries(explain(config, json.dumps(IDENTIFY)))}

    with unreadable(path):
        asked = explain(config, json.dumps(IDENTIFY))

    assert asked.code == 0, asked.err
    assert "suppressed" not in {each["reason"].split(":")[0] for each in entries(asked)}


def test_what_is_not_delivered_says_why(config: Path) -> None:
    flagged = {**TRACK, "integrations": {"All": False, "Mixpanel": True}}

    found = {entry["destination"]: entry for entry in entries(explain(config, json.dumps(flagged)))}

    assert found["mixpanel"]["decision"] == "deliver"
    assert found["crm"]["decision"] == "skip"
    assert "All" in found["crm"]["reason"]
    assert found["crm"]["requests"] == []
    assert found["crm"]["action"] is None


def test_a_destination_that_is_disabled_says_so(config: Path) -> None:
    [entry] = entries(explain(config, json.dumps(TRACK), "--destination", "paused"))

    assert (entry["decision"], entry["requests"], entry["action"]) == ("skip", [], None)
    assert entry["reason"].startswith("disabled: ")


def test_a_destination_that_keeps_no_order_says_so(config: Path) -> None:
    """Where order is kept nothing is said of it: the keys are those of the contract."""
    document = json.loads(config.read_text())
    document["destinations"]["crm"]["delivery"] = {"order": "none"}
    config.write_text(json.dumps(document))

    found = {entry["destination"]: entry.get("order") for entry in entries(explain(config, json.dumps(TRACK)))}

    assert found == {"mixpanel": None, "crm": "none", "paused": None}


def test_names_that_match_nothing_are_warnings(config: Path) -> None:
    [line] = lines(explain(config, json.dumps({**TRACK, "integrations": {"Mixpannel": False}})))

    assert line["warnings"] == ["integrations.Mixpannel: names no destination"]


def test_a_destination_that_was_not_asked_for_is_known_all_the_same(config: Path) -> None:
    flagged = {**TRACK, "integrations": {"crm": False, "Mixpanel": True, "Mixpannel": True}}

    [line] = lines(explain(config, json.dumps(flagged), "--destination", "paused"))

    assert line["warnings"] == ["integrations.Mixpannel: names no destination"]
    assert {entry["destination"] for entry in line["destinations"]} == {"paused"}


def test_source_and_destination_narrow_it_down(config: Path) -> None:
    by_source = {
        e["destination"]: e["decision"] for e in entries(explain(config, json.dumps(TRACK), "--source", "app"))
    }
    one = entries(explain(config, json.dumps(TRACK), "--destination", "crm"))

    assert by_source == {"mixpanel": "deliver", "crm": "skip", "paused": "skip"}
    assert {entry["destination"] for entry in one} == {"crm"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{json.dumps(IDENTIFY)}\n{json.dumps(TRACK)}\n", id="one a line"),
        pytest.param(f"\n{json.dumps(IDENTIFY)}\n\n  \n{json.dumps(TRACK)}", id="with empty lines"),
        pytest.param(json.dumps([IDENTIFY, TRACK], indent=2), id="a list over many lines"),
    ],
)
@pytest.mark.parametrize("through", ["file", "stdin"])
def test_several_events_are_one_line_each(
    config: Path, text: str, through: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained = explain(config, text, monkeypatch=monkeypatch if through == "stdin" else None)

    assert explained.code == 0
    assert [line["event"]["messageId"] for line in lines(explained)] == ["m1", "m2"]


def test_one_event_over_many_lines_is_read_from_stdin(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explained = explain(config, json.dumps(IDENTIFY, indent=2), monkeypatch=monkeypatch)

    assert [line["event"]["messageId"] for line in lines(explained)] == ["m1"]


@pytest.mark.parametrize("event", [NOBODY, {"type": "trak", "userId": "u1"}, 5, "identify", None, []], ids=json.dumps)
def test_an_event_that_would_be_refused_is_explained_as_rejected(config: Path, event: Any) -> None:
    """With the field and what was expected, and exit code 1; the events beside it are explained all the same."""
    explained = explain(config, f"{json.dumps(event)}\n{json.dumps(TRACK)}\n")

    assert (explained.code, explained.err) == (1, "")
    rejected, good = lines(explained)
    assert set(rejected) == {*LINE, "rejected"}
    assert rejected["event"] is None
    assert rejected["destinations"] == []
    assert set(rejected["rejected"]) == {"code", "field", "expected", "found"}
    assert good["event"]["messageId"] == "m2"


DEEP = json.loads("[" * 20 + "]" * 20)
LONG = {**TRACK, "properties": {"text": "x" * 3_000}}


@pytest.mark.parametrize(
    ("limit", "text", "codes"),
    [
        pytest.param({"max_event": "2KB"}, json.dumps(LONG), ["event_too_big"], id="an event"),
        pytest.param({"max_event": "2KB"}, json.dumps([TRACK, LONG]), ["", "event_too_big"], id="one of a list"),
        pytest.param(
            {"max_keys": 200},
            json.dumps({**TRACK, "properties": dict.fromkeys(map(str, range(300)), 1)}),
            ["too_many_keys"],
            id="keys",
        ),
        pytest.param({"max_depth": 10}, json.dumps({**TRACK, "properties": {"a": DEEP}}), ["too_deep"], id="levels"),
        pytest.param(
            {"max_keys": 200},
            json.dumps({"batch": [TRACK], "context": dict.fromkeys(map(str, range(300)), 1)}),
            ["too_many_keys"],
            id="keys of its batch",
        ),
        pytest.param(
            {"max_events": 2},
            json.dumps({"batch": [TRACK, TRACK, TRACK, NOBODY]}),
            ["", "", "too_many_events", "too_many_events"],
            id="too many in a batch",
        ),
        pytest.param({"max_events": 2}, json.dumps([TRACK, TRACK, TRACK]), ["", "", ""], id="many, each alone"),
    ],
)
def test_an_event_beyond_a_limit_of_the_router_is_explained_as_rejected(
    config: Path, limit: dict[str, Any], text: str, codes: list[str]
) -> None:
    """It was explained as delivered, and the router refused it."""
    document = json.loads(config.read_text())
    config.write_text(json.dumps({**document, "server": {**document["server"], **limit}}))

    explained = explain(config, text)

    assert [line.get("rejected", {}).get("code", "") for line in lines(explained)] == codes
    assert explained.code == int(any(codes))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param('{"type": "track"', r"events\.json: .* at line 1, column 17", id="torn"),
        pytest.param(f"{json.dumps(TRACK)}\nnot JSON\n", r"events\.json:2: .*", id="second line"),
        pytest.param(
            '{\n "type": "track"\n "userId": "u1"\n}\n',
            r"events\.json: .* at line 3, column 2",
            id="an event of several lines",
        ),
        pytest.param("<html>", r"events\.json: .* at line 1, column 1", id="HTML"),
    ],
)
def test_what_is_no_json_is_said_so_with_its_line(config: Path, text: str, told: str) -> None:
    """Of a comma that an event of several lines lacked it was told that the first line, a brace, is no JSON."""
    explained = explain(config, text)

    assert explained.code == 2
    assert re.fullmatch(rf".*/{told}\n", explained.err)


def test_odd_json_is_read_as_the_gateway_reads_it(config: Path) -> None:
    text = '{"type": "track", "userId": "u1", "event": "a\u2028b", "properties": {"a": NaN, "b": 1, "b": 2}}'

    explained = explain(config, f"{text}\n{text}\n")

    assert (explained.code, explained.err) == (0, "")
    for line in lines(explained):
        assert line["event"]["properties"] == {"b": 2}
        assert set(line["warnings"]) == {
            "properties.a: a number that is not finite; left out",
            "properties.b: stands there twice; the last one counts",
        }


@pytest.mark.parametrize("content", [pytest.param(None, id="missing"), pytest.param(b"\xff\xfe{", id="not UTF-8")])
def test_a_file_that_cannot_be_read_is_said_so(config: Path, content: bytes | None) -> None:
    file = config.parent / "events.json"
    if content is not None:
        file.write_bytes(content)

    explained = run_command("explain", file, "--config", config)

    assert (explained.code, explained.out) == (2, "")
    assert "events.json" in explained.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param(["--source", "nobody"], "website, app", id="source"),
        pytest.param(["--destination", "nobody"], "nobody", id="destination"),
    ],
)
def test_a_name_that_is_not_configured_is_refused(config: Path, options: list[str], named: str) -> None:
    refused = explain(config, json.dumps(TRACK), *options)

    assert (refused.code, refused.out) == (2, "")
    assert named in refused.err


@pytest.mark.parametrize("event", [IDENTIFY, TRACK, NOBODY], ids=lambda event: str(event.get("messageId")))
def test_people_get_it_in_words(config: Path, event: dict[str, Any]) -> None:
    file = config.parent / "event.json"
    file.write_text(json.dumps(event))

    explained = run_command("explain", file, "--config", config)

    assert explained.err == ""
    words = "rejected" if event is NOBODY else "crm"
    assert words in explained.out


def test_a_batch_is_explained_with_what_it_says_of_all_its_events(config: Path) -> None:
    batch = {"batch": [IDENTIFY, TRACK, NOBODY], "integrations": {"All": False}, "context": {"locale": "en"}}

    explained = explain(config, json.dumps(batch))

    identify, track, nobody = lines(explained)
    assert [each["event"]["context"]["locale"] for each in (identify, track)] == ["en", "en"]
    assert {entry["decision"] for entry in [*identify["destinations"], *track["destinations"]]} == {"skip"}
    assert "rejected" in nobody


def test_a_batch_that_is_no_list_is_refused(config: Path) -> None:
    refused = explain(config, json.dumps({"batch": IDENTIFY}))

    assert (refused.code, refused.out) == (2, "")
    assert refused.err.endswith("batch: expected a list of events, found an object\n")


def test_what_is_no_object_is_refused_in_words(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"5")))

    explained = run_command("explain", "-", "--config", config)

    assert explained.out == "rejected: not_an_object: the call: expected a JSON object, found a number\n"


def test_an_old_event_is_explained_as_a_replay_would_send_it(config: Path) -> None:
    """By the event's own time: a campaign may start because of one of yesterday, and none because of one of years ago."""

    def crm(event: dict[str, Any], *options: str) -> list[str]:
        explained = entries(explain(config, json.dumps(event), "--destination", "crm", *options))
        return [entry["decision"] for entry in explained if entry["action"] in ("update person", "track event")]

    old = {**TRACK, "timestamp": "2024-08-24T14:15:22Z"}
    assert (crm(old), crm(old, "--historical")) == (["deliver"], ["deliver"])
    assert (crm(TRACK), crm(TRACK, "--historical")) == (["deliver"], ["skip"])
    assert (crm(IDENTIFY), crm(IDENTIFY, "--historical")) == (["deliver"], ["skip"])
    explained = run_command("explain", config.parent / "events.json", "--config", config, "--historical")
    assert "historical: update person: Customer.io may start a campaign" in " ".join(explained.out.split())


@pytest.mark.timeout(60, method="thread")  # the other method needs the signal that breaks the call off
def test_a_call_into_a_plugin_that_has_no_end_is_told_as_delivery_would_tell_it(tmp_path: Path) -> None:
    """The command said nothing, for ever."""
    (tmp_path / "endless.py").write_text(
        "from dataclasses import replace\n"
        "from router.plugin import hookimpl\n"
        "from tests.destinations import ECHO\n"
        "def build(*given):\n    while True: pass\n"
        "ACTIONS = tuple(replace(each, build=build) for each in ECHO.actions)\n"
        "PLUGIN = replace(ECHO, slug='endless', actions=ACTIONS)\n"
        "@hookimpl\ndef router_plugins(): return [PLUGIN]\n"
    )
    config, event = tmp_path / "router.yaml", tmp_path / "event.json"
    config.write_text(
        f"plugins: [{tmp_path / 'endless.py'}]\nsources: {{website: {{write_key: demo}}}}\n"
        "destinations: {crm: {plugin: endless}}\n"
    )
    event.write_text('{"type": "track", "userId": "u1", "event": "Paid"}')

    [crm] = run_command("explain", event, "--config", config, "--json").json["destinations"]

    assert crm["decision"] == "skip"
    assert "took longer than" in crm["reason"]
    assert "endless.py:5 in build; the event would become a dead letter" in crm["reason"]
