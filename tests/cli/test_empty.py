"""Nothing to show is said in a sentence, with what would put something there; never as a bare header."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from router.delivery.state.changes import Changes
from router.delivery.state.file import StateFile
from router.delivery.state.letters import DeadLetter
from router.log.record import Record
from router.log.sqlite import LogOptions, SqliteLog
from tests.log.harness import PARTITION, StillClock
from tests.system.harness import run_command


@pytest.fixture
def empty(config: Path) -> Path:
    """A config whose router has run, and to which nothing was sent."""
    data = config.parent / "var"

    async def make() -> None:
        log = await SqliteLog.open(data / "log", LogOptions(), StillClock())
        for name in ("mixpanel", "crm"):
            state = StateFile.open(data / "destinations" / f"{name}.sqlite", log.id)
            state.add_partition(PARTITION, 0)
            state.close()
        await log.close()

    asyncio.run(make())
    return config


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(
            "dead-letters list", "No dead letters. An event becomes one when the vendor refuses it", id="letters"
        ),
        pytest.param("dead-letters list crm --each", "No dead letters at crm. An event", id="letters of one, each"),
        pytest.param(
            "dead-letters list --reason gone",
            "No dead letter has a reason with 'gone' in it.",
            id="letters of a reason",
        ),
        pytest.param(
            "dead-letters list --cause 3f9a01", "No dead letter has the cause '3f9a01'. See", id="letters of a cause"
        ),
        pytest.param("jobs list", "No replay and no retry is under way. Those that are over", id="jobs"),
        pytest.param(
            "jobs list crm --all", "No replays and no retries at crm: none was asked for with", id="past jobs"
        ),
        pytest.param("rejected list", "No rejected calls: whatever sources have sent", id="rejected"),
        pytest.param(
            "rejected list --code x", "No rejected calls with --code x. See them all", id="rejected of a code"
        ),
        pytest.param("log check", "The log is sound: no events in", id="log"),
    ],
)
def test_nothing_to_show_is_said_in_a_sentence(empty: Path, command: str, expected: str) -> None:
    shown = run_command(*command.split(), "--config", empty)

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(expected)
    assert len(shown.out.splitlines()) == 1


@pytest.mark.parametrize("chosen", [["1"], ["1", "--yes"], ["--reason", "gone", "--yes"], ["--all"]], ids=" ".join)
def test_no_dead_letter_is_discarded_where_there_is_none(empty: Path, chosen: list[str]) -> None:
    """With --yes it was said that 0 were discarded, as if that had been meant."""
    refused = run_command("dead-letters", "discard", "crm", *chosen, "--config", empty)

    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "crm has no such dead letter. See: router dead-letters list crm\n"


def test_to_discard_all_of_none_is_to_be_done(empty: Path) -> None:
    done = run_command("dead-letters", "discard", "crm", "--all", "--yes", "--config", empty)

    assert (done.code, done.out) == (0, "0 dead letters of crm discarded\n")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("replay crm --all --type group", "--all that the log has, and nothing besides", id="replay"),
        pytest.param("dead-letters discard crm --all --reason gone", "by one of these", id="discard"),
        pytest.param("dead-letters retry crm --cause 3f9a01 --reason gone", "by one of these", id="retry"),
    ],
)
def test_who_said_two_things_that_do_not_go_together_is_told(empty: Path, command: str, expected: str) -> None:
    """Who had said --all and --type was asked for either of them."""
    refused = run_command(*command.split(), "--config", empty)

    assert (refused.code, refused.out) == (2, "")
    assert expected in refused.err


def test_dead_letters_of_a_destination_that_left_can_be_discarded(empty: Path) -> None:
    """Without --yes it was refused: it can't be sent to."""
    document = json.loads(empty.read_text())
    del document["destinations"]["crm"]
    empty.write_text(json.dumps(document))

    refused = run_command("dead-letters", "discard", "crm", "--all", "--config", empty)

    assert refused.err == "crm has no such dead letter. See: router dead-letters list crm\n"


@pytest.fixture
def event(tmp_path: Path) -> Path:
    event = tmp_path / "event.json"
    event.write_text('{"type": "track", "userId": "u1", "event": "Paid"}')
    return event


@pytest.mark.parametrize("command", ["status", "destinations", "explain EVENT"])
def test_a_config_without_destinations_is_told_of(empty: Path, event: Path, command: str) -> None:
    document = json.loads(empty.read_text())
    empty.write_text(json.dumps({**document, "destinations": {}}))

    shown = run_command(*command.replace("EVENT", str(event)).split(), "--config", empty)

    assert (shown.code, shown.err) == (0, "")
    assert "No destinations: the config has none" in shown.out


def test_a_file_without_an_event_is_told_of(empty: Path, event: Path) -> None:
    """Nothing may have matched in the export that was piped here."""
    event.write_text("\n")

    explained = run_command("explain", event, "--config", empty)

    assert (explained.code, explained.out) == (0, "")
    assert explained.err == f"{event}: there is no event in it\n"


def test_a_dead_letter_of_events_that_the_log_lost_has_no_user_and_no_tries(empty: Path) -> None:
    """Of such it was said: "  of  from , 0 tries"."""
    path = empty.parent / "var" / "destinations" / "crm.sqlite"
    log_id = json.loads((empty.parent / "var" / "log" / "log.json").read_text())["id"]
    lost = Record(PARTITION, 3, "", "", "", "", time.time(), b"")
    letter = DeadLetter(lost, "log expired: events 3 to 5", 0, time.time() - 7_200, events=3)
    with closing(StateFile.open(path, log_id)) as state:
        state.commit(Changes(dead_letters=[letter]))

    shown = run_command("dead-letters", "show", "crm", "1", "--config", empty)

    assert shown.out.splitlines() == [
        "crm 1: log expired: events 3 to 5",
        "the log lost 3 events here, found 2h ago; there is nothing to send again",
    ]
