"""The commands beside a running router: send, trace, status, what its sandbox took."""

from __future__ import annotations

import io
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import Command, Process, Router, Stage, call, run_command, until

IDENTIFY = {
    "type": "identify",
    "userId": "u1",
    "traits": {"first_name": "Ada", "createdAt": "2024-08-24T14:15:22Z"},
}


def send(stage: Stage, body: Any, *options: str) -> Command:
    file = stage.folder / "event.json"
    file.write_text(json.dumps(body))
    return stage.command("send", file, *options)


def router_of(stage: Stage) -> Router:
    [router] = [process for process in stage.processes if isinstance(process, Router)]
    return router


@pytest.mark.timeout(60)
def test_an_event_is_sent_traced_and_seen_at_the_sandbox(running: Stage) -> None:
    """What the README shows: createdAt is `$created` at Mixpanel."""
    sent = send(running, {**IDENTIFY, "messageId": "cli-1"}, "--json")

    assert (sent.code, sent.err) == (0, "")
    assert sent.json == {"success": True, "messageId": "cli-1"}
    router_of(running).until_settled()
    traced = running.command("trace", "cli-1", "--json").json
    assert traced["message_id"] == "cli-1"
    [event] = traced["events"]
    assert event["source"] == "website"
    assert event["event"]["traits"]["firstName"] == "Ada"
    assert [(each["destination"], each["outcome"]) for each in event["destinations"]] == [("mixpanel", "delivered")]
    assert "delivered" in running.command("trace", "cli-1").out
    taken = running.command("sandbox", "show", "mixpanel", "--json").json
    assert any(entry["item"].get("$set", {}).get("$created") == "2024-08-24T14:15:22" for entry in taken["items"])
    assert "$created" in running.command("sandbox", "show", "mixpanel").out


@pytest.mark.timeout(60)
def test_an_event_whose_id_looks_like_markup_is_traced(running: Stage) -> None:
    assert send(running, {**IDENTIFY, "messageId": "[/b] [id]"}).code == 0

    traced = running.command("trace", "[/b] [id]")

    assert (traced.code, traced.err) == (0, "")
    assert traced.out.startswith("[/b] [id] from source website")


@pytest.mark.timeout(60)
def test_line_breaks_in_an_event_begin_no_line_of_the_receipt(running: Stage) -> None:
    """A file of somebody else's events could have `router send` say what they like of the next one."""
    event = {**IDENTIFY, "messageId": "broken\naccepted, it is on disk", "traits": {"a\nwarning: b": "\ud800"}}

    told = send(running, event).out.splitlines()
    told_of_batch = send(running, [event | {"messageId": "whole"}]).out.splitlines()

    assert [line.split(":")[0] for line in told] == ["accepted, it is on disk. What becomes of it", "warning"]
    assert [line.split(":")[0] for line in told_of_batch] == ["1 accepted, 0 duplicate, 0 rejected", "event 0"]


@pytest.mark.timeout(60)
def test_a_list_is_sent_as_one_batch(running: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [{"type": "track", "userId": "u1", "event": "Step Done", "messageId": f"cli-list-{n}"} for n in (1, 2)]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps([*events, events[0], {}]).encode())))

    sent = running.command("send", "-", "--json")

    assert (sent.json["accepted"], sent.json["duplicate"], sent.json["rejected"]) == (2, 1, 1)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("events", "code"),
    [
        pytest.param([{}], 1, id="none taken"),
        pytest.param([IDENTIFY, {}], 1, id="one not taken"),
        pytest.param([IDENTIFY, IDENTIFY], 0, id="all taken"),
    ],
)
def test_the_exit_code_says_whether_all_events_of_a_batch_were_taken(
    running: Stage, events: list[Any], code: int
) -> None:
    """A script that deletes what it has sent would have deleted what was rejected."""
    assert send(running, events).code == code
    assert send(running, {"batch": events}, "--json").code == code


@pytest.mark.timeout(60)
def test_an_event_that_is_refused_ends_with_exit_code_1_and_the_receipt(running: Stage) -> None:
    sent = send(running, {"type": "track", "event": "Nobody Did This"}, "--json")

    assert (sent.code, sent.err) == (1, "")
    assert {"code", "field", "expected"} <= set(sent.json)


@pytest.mark.timeout(60)
def test_an_event_that_was_rejected_can_be_seen_with_its_reason(running: Stage) -> None:
    send(running, [{"type": "track", "userId": "u1", "event": "Step Done"}, {"type": "group", "userId": "seen"}])

    def listed() -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = running.command("rejected", "list", "--code", "missing_group_id", "--json").json
        return calls

    [call] = until(listed, "the rejected call is on disk")  # it is written behind the receipt
    assert (call["source"], call["field"], json.loads(call["call"])["userId"]) == ("website", "groupId", "seen")
    in_words = running.command("rejected", "list", "--source", "website").out
    assert "missing_group_id" in in_words
    assert in_words.endswith("The calls themselves: --json\n"), "without them nobody can tell who sent what"
    assert (
        "These are the newest 1. There may be more: --limit" in running.command("rejected", "list", "--limit", "1").out
    )
    assert running.command("rejected", "list", "--source", "nobody", "--json").json == []


@pytest.mark.timeout(60)
def test_people_read_the_receipt_in_words(running: Stage) -> None:
    event = {**IDENTIFY, "messageId": "cli-words"}
    first, again, batch, refused = (
        send(running, body) for body in (event, event, [event, {"type": "track", "userId": "u1"}], {"type": "track"})
    )

    assert first.out == "accepted, it is on disk. What becomes of it: router trace cli-words\n"
    assert again.out == "known already, not sent again. What becomes of it: router trace cli-words\n"
    assert batch.out == (
        "0 accepted, 1 duplicate, 1 rejected\nevent 1: event: expected the name of what happened, found nothing\n"
    )
    assert (refused.code, refused.out.partition(":")[0]) == (1, "refused")


@pytest.mark.timeout(60)
def test_people_read_what_was_odd_and_put_right(running: Stage) -> None:
    event = {"type": "track", "user_id": "u1", "event": "Step Done", "messageId": "cli-odd"}
    single, batch = (send(running, body) for body in (event, [event]))

    assert single.out.endswith("\nwarning: user_id: read as userId\n")
    assert batch.out.endswith("\nevent 0: warning: user_id: read as userId\n")


@pytest.mark.timeout(60)
def test_a_file_is_sent_as_it_is(running: Stage) -> None:
    odd = '{"type": "track", "userId": "u1", "event": "Step Done", "properties": {"a": NaN}}'
    file = running.folder / "odd.json"

    file.write_text(odd)
    single = running.command("send", file, "--json").json
    file.write_text(f"[{odd}]")
    batch = running.command("send", file, "--json").json

    assert single["warnings"] == batch["warnings"][0]["warnings"]
    assert single["warnings"] == ["properties.a: a number that is not finite; left out"]


@pytest.mark.timeout(60)
def test_events_one_a_line_are_sent_in_as_many_requests_as_it_takes(tmp_path: Path) -> None:
    """As `router log export --events` writes them: explain read such a file, and send did not."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stage, lines = Stage(tmp_path), tmp_path / "lines.ndjson"
    try:
        stage.router({}, server={"port": port, "max_events": 2})
        events = [{"type": "track", "userId": "u1", "messageId": f"m{number}", "event": "Seen"} for number in range(5)]
        del events[3]["event"]
        lines.write_text("\n\n".join(map(json.dumps, events)))

        sent = stage.command("send", lines, "--json")
        again = stage.command("send", lines)
        exported = stage.command("log", "export", "--events").out
    finally:
        stage.clear()

    assert sent.code == 1
    assert [sent.json[name] for name in ("accepted", "duplicate", "rejected")] == [4, 0, 1]
    assert [(each["index"], each["messageId"]) for each in sent.json["rejections"]] == [(3, "m3")]
    assert again.out.startswith("0 accepted, 4 duplicate, 1 rejected")
    assert [json.loads(line)["messageId"] for line in exported.splitlines()] == ["m0", "m1", "m2", "m4"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("content", "options"),
    [
        pytest.param(b"\n", [], id="nothing"),
        pytest.param(b"not JSON", [], id="no JSON"),
        pytest.param(b"5", [], id="a number"),
        pytest.param(None, [], id="no file"),
        pytest.param(b"{}", ["--source", "nobody"], id="no such source"),
    ],
)
def test_what_cannot_be_sent_is_refused(running: Stage, content: bytes | None, options: list[str]) -> None:
    file = running.folder / "wrong.json"
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_bytes(content)

    refused = running.command("send", file, *options)

    assert (refused.code, refused.out) == (2, "")
    assert "Traceback" not in refused.err


@pytest.mark.timeout(60)
def test_an_event_of_several_lines_that_is_no_json_is_told_of_with_the_line(running: Stage) -> None:
    """It was told that the first line, a brace, is none."""
    file = running.folder / "wrong.json"
    file.write_text('{\n "type": "track"\n "userId": "u1"\n}\n')

    assert "at line 3, column 2" in running.command("send", file).err


@pytest.mark.timeout(60)
def test_status_is_the_same_through_the_socket_and_the_port(running: Stage) -> None:
    router = router_of(running)
    router.until_settled()

    through_socket, through_port = running.command("status", "--json").json, router.status()

    assert through_socket == through_port
    assert set(through_socket) == {
        "log", "running", "stuck", "destinations", "removed", "unknown_names", "unknown_sources",
    }  # fmt: skip
    assert set(through_socket["destinations"][0]["books"]) == {
        "accepted",
        "delivered",
        "skipped",
        "dead",
        "pending",
        "unaccounted",
    }


@pytest.mark.timeout(60)
def test_the_status_of_many_columns_fits_into_a_terminal(running: Stage) -> None:
    """A heading and a line a destination, at 80 characters."""
    router = router_of(running)
    router.until_settled()
    accepted = str(router.books("mixpanel")["accepted"])

    heading, line, *_ = running.command("status").out.splitlines()

    columns = ["destination", "state", "accepted", "delivered", "skipped", "dead", "pending", "parked", "oldest"]
    assert heading.split() == columns
    assert line.split() == ["mixpanel", "going", accepted, accepted, "0", "0", "0", "0"]


@pytest.mark.timeout(60)
def test_metrics_tell_the_books(running: Stage) -> None:
    router = router_of(running)
    router.until_settled()

    code, text = call("GET", f"{router.admin_url}/metrics")

    assert code == 200
    books = router.books("mixpanel")
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(numbers['router_destination_accepted_total{destination="mixpanel"}']) == books["accepted"]
    assert float(numbers['router_destination_unaccounted{destination="mixpanel"}']) == 0
    assert float(numbers['router_destination_state{destination="mixpanel",state="going"}']) == 1


@pytest.mark.timeout(60)
def test_what_the_config_says_of_the_disk_and_may_not_be_meant_is_logged_at_the_start(running: Stage) -> None:
    told = [line for line in router_of(running).read_stderr().splitlines() if "room on the disk" in line]

    assert len(told) == 1
    assert "retention.reserve is too small for 1 destination:" in told[0]


def test_only_its_user_may_open_the_admin_socket(running: Stage) -> None:
    assert (running.folder / "var" / "admin.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", ["log", "destinations"])
def test_only_its_user_may_read_what_people_did(running: Stage, part: str) -> None:
    assert (running.folder / "var" / part).stat().st_mode & 0o777 == 0o700


@pytest.mark.timeout(60)
def test_nobody_answers_where_no_router_runs(config: Path) -> None:
    event = config.parent / "event.json"
    event.write_text(json.dumps(IDENTIFY))

    refused = run_command("send", event, "--config", config)

    assert (refused.code, refused.out) == (2, "")
    assert f"Start it with: router run --config {config}" in refused.err


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("event", "found"),
    [
        pytest.param({"type": "tracke", "userId": "u1"}, "'tracke'", id="a call there is not"),
        pytest.param({"userId": "u1", "event": "Paid"}, "nothing", id="no type"),
        pytest.param({"type": ["track"]}, "['track']", id="no text"),
    ],
)
def test_an_event_of_no_type_is_refused_before_it_is_sent(config: Path, event: dict[str, Any], found: str) -> None:
    """The type is a part of the address: the gateway could only say that there is nothing at it."""
    file = config.parent / "event.json"
    file.write_text(json.dumps(event))

    refused = run_command("send", file, "--config", config)

    types = "identify, track, page, screen, group, alias"
    assert (refused.code, refused.err) == (2, f"{file}: type: expected one of {types}, found {found}\n")


@pytest.mark.timeout(60)
def test_a_batch_is_sent_as_sdks_send_it(running: Stage) -> None:
    sent = send(running, {"batch": [IDENTIFY, {**IDENTIFY, "type": "tracke"}], "context": {"locale": "en"}})

    assert "1 accepted, 0 duplicate, 1 rejected" in sent.out


@pytest.mark.timeout(60)
def test_a_sandbox_is_served_alone_and_keeps_a_record(tmp_path: Path) -> None:
    record = tmp_path / "record"
    sandbox = Process(
        "sandbox", ["-m", "router", "sandbox", "serve", "mixpanel", "--port", "0", "--record", record], tmp_path
    )
    sandbox.spawn()
    try:
        url = sandbox.first_line()
        until(lambda: '{"project_token":"sandbox-token"}' in sandbox.read_stderr(), "the credentials that it accepts")
        update = [{"$token": "sandbox-token", "$distinct_id": "u1", "$set": {"plan": "gold"}}]
        code, _ = call("POST", f"{url}/engage", update)
        until(record.exists, "the record")
        assert code == 200
        [line] = record.read_text().splitlines()
        assert json.loads(line)["item"] == {"$distinct_id": "u1", "$set": {"plan": "gold"}}
        sandbox.send(signal.SIGTERM)
        assert sandbox.wait() == 0
    finally:
        if sandbox.is_running:
            sandbox.kill()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--port", "{port}"], "--port: can't listen on 127.0.0.1:{port} (", id="port"),
        pytest.param(["--record", "/dev/null/x"], "--record: /dev/null/x: can't be written (Not a dir", id="record"),
    ],
)
def test_a_sandbox_that_can_not_be_served_says_why(options: list[str], said: str) -> None:
    """A port that was taken was a traceback, and for a record the plugin was blamed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_command("sandbox", "serve", "mixpanel", *(option.format(port=port) for option in options))

    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(said.format(port=port))


@pytest.mark.full
@pytest.mark.timeout(120)
def test_the_demo_ends_with_nothing_unaccounted_for(stage_config: Path) -> None:
    """A real router is killed in it, in the middle of an outage."""
    shown = run_command("demo", "--no-stay", "--config", stage_config)

    assert shown.code == 0, shown.err
    assert "Unaccounted for: 0" in shown.out
    assert "$created" in shown.out


@pytest.fixture
def stage_config(tmp_path: Path) -> Path:
    path = tmp_path / "router.yaml"
    path.write_text(
        "sources: {website: {write_key: demo}}\n"
        "destinations: {mixpanel: {sandbox: true}, customerio: {sandbox: true}}\n"
    )
    return path


@pytest.mark.timeout(60)
def test_names_and_flags_that_mean_nothing_are_counted_and_shown(running: Stage) -> None:
    """Two destinations or one, an event counts once; what it meant to say is told where an operator looks."""
    router = router_of(running)
    odd = {"type": "track", "userId": "u1", "event": "E", "integrations": {"Mixpannel": False, "Mixpanel": "yes"}}
    odd["messageId"] = "cli-misspelt"
    assert router.post(odd)[0] == 200
    router.until_settled()

    _, text = call("GET", f"{router.admin_url}/metrics")

    assert router.status()["unknown_names"] == {"Mixpannel": 1}
    assert '"Mixpannel" names no destination (events since the start: 1)' in running.command("status").out
    assert "  warning: integrations.Mixpannel: names no destination\n" in running.command("trace", "cli-misspelt").out
    assert "router_events_unknown_integrations_total 1.0" in text
    assert 'router_destination_notable_total{destination="mixpanel",kind="odd_flags",reason=""} 1.0' in text
    assert "router_log_bytes " in text
    assert "router_log_max_bytes " in text


@pytest.mark.timeout(60)
def test_a_slip_in_the_config_does_not_hide_the_router_that_runs(running: Stage) -> None:
    config = running.folder / "slipped.yaml"
    config.write_text(running.config.read_text().replace('"sandbox"', '"sandpit"'))

    answered = run_command("status", "--json", "-c", config)

    assert (answered.code, [each["destination"] for each in answered.json["destinations"]]) == (0, ["mixpanel"])
    why = f"{config} is not right as this shell reads it (see router check {config})"
    assert answered.err == f"{why}; the router goes by what it read before.\n"


@pytest.mark.timeout(60)
def test_a_shell_without_the_secrets_of_the_router_is_not_told_of_a_slip(running: Stage) -> None:
    """Beside a service, whose secrets no shell has, each command called a right config wrong."""
    config = running.folder / "secret.yaml"
    document = json.loads(running.config.read_text())
    document["sources"]["website"]["write_key"] = "${NOBODY_SET_THIS}"
    document["destinations"]["mixpanel"]["settings"] = {"project_token": "${file:/run/credentials/router.service/none}"}
    config.write_text(json.dumps(document))

    answered = run_command("status", "--json", "-c", config)

    assert (answered.code, answered.err) == (0, "")
    assert [each["destination"] for each in answered.json["destinations"]] == ["mixpanel"]


@pytest.mark.timeout(60)
def test_a_reference_that_nobody_can_read_is_a_slip(running: Stage) -> None:
    """It is as wrong for the router, whose next reload it makes fail, as for this shell."""
    config = running.folder / "unclosed.yaml"
    document = json.loads(running.config.read_text())
    document["sources"]["website"]["write_key"] = "${NOBODY_SET_THIS"
    config.write_text(json.dumps(document))

    answered = run_command("status", "--json", "-c", config)

    assert answered.code == 0
    assert "is not right as this shell reads it" in answered.err


@pytest.mark.parametrize(
    "slip",
    [
        pytest.param({"data": "elsewhere", "sauces": {}}, id="no router runs over its folder"),
        pytest.param({"data": "${NOWHERE_TO_BE_FOUND}"}, id="its folder is not known"),
        pytest.param({"data": [1]}, id="its folder is none"),
        pytest.param(["data"], id="a list"),
    ],
)
def test_where_no_router_is_found_the_slip_is_what_is_told(tmp_path: Path, slip: Any) -> None:
    config = tmp_path / "slipped.yaml"
    config.write_text(json.dumps(slip))

    answered = run_command("status", "-c", config)

    assert answered.code == 2
    assert "nothing was done" in answered.err
