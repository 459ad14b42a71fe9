"""``router log``: what it prints, where it writes, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from router.cli.log.export import open_out
from router.delivery.state.changes import Changes
from router.delivery.state.file import StateFile
from router.log.lock import Lock
from router.log.record import Record
from router.log.sqlite import LogOptions, SqliteLog
from router.suppressed import Person
from router.suppressed_file import note_erased, read_suppressions, suppress
from tests.log.damage import fill_with_noise, first_in, flip_an_event, middle_of, segments_of
from tests.log.harness import PARTITION, StillClock, entries
from tests.log.unreadable import unreadable, unwritable
from tests.system.harness import Command, Process, run_command

EVENTS = 200


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory: a log of 200 events, and a destination that has come to the 50th."""
    data = tmp_path_factory.mktemp("filled") / "var"

    async def fill() -> None:
        log = await SqliteLog.open(data / "log", LogOptions(segment_bytes=16_384), StillClock())
        for start in range(1, EVENTS + 1, 10):
            await log.append(entries(start, start + 9))
        state = StateFile.open(data / "destinations" / "crm.sqlite", log.id)
        state.add_partition(PARTITION, 0)
        state.commit(Changes(positions={PARTITION: 50}))
        state.close()
        await log.close()

    asyncio.run(fill())
    return data


@pytest.fixture
def data(config: Path, filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "var")
    return tmp_path / "var"


@pytest.fixture
def damaged(data: Path) -> Path:
    flip_an_event(middle_of(data / "log"), first_in(middle_of(data / "log")) + 3)
    return middle_of(data / "log")


def run(config: Path, *arguments: str | Path) -> Command:
    return run_command("log", *arguments, "--config", config)


@pytest.mark.timeout(20)
def test_status_says_how_destinations_are_though_what_they_wait_for_can_not_be_read(config: Path, data: Path) -> None:
    """It hung, just when it was needed."""
    first = [first_in(segment) for segment in segments_of(data / "log")]
    needed = segments_of(data / "log")[bisect_right(first, 51) - 1]

    with unreadable(needed):
        status = run_command("status", "--json", "--config", config)

    [crm] = [each for each in status.json["destinations"] if each["destination"] == "crm"]
    assert crm["books"]["pending"] == EVENTS - 50
    assert crm["oldest_pending_s"] is None


# --- check ---


def test_a_log_on_a_disk_that_takes_nothing_any_more_is_looked_at_as_ever(config: Path, data: Path) -> None:
    with unwritable(data / "destinations"):
        checked = run(config, "check")

    assert (checked.code, checked.err) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("trace", "m60"),
        ("dead-letters", "list"),
        ("dead-letters", "list", "crm"),
        ("jobs", "list"),
        ("replay", "crm", "--dry-run", "--since", "2020-01-01"),
        ("log", "export"),
    ],
    ids=" ".join,
)
def test_what_there_is_is_shown_from_a_disk_that_takes_nothing_any_more(
    config: Path, data: Path, arguments: Sequence[str]
) -> None:
    with unwritable(data), unwritable(data / "log"), unwritable(data / "destinations"):
        shown = run_command(*arguments, "--config", config)

    assert shown.code == 0, shown.err


def test_what_would_change_a_state_says_that_its_disk_takes_nothing(config: Path, data: Path) -> None:
    with unwritable(data / "destinations"):
        refused = run_command("replay", "crm", "--since", "2020-01-01", "--config", config)

    assert refused.code == 2
    assert "crm.sqlite: the state of this destination can't be opened" in refused.err
    assert "readonly database" in refused.err


def test_a_repair_on_a_disk_that_takes_nothing_says_so(
    config: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(path: Path) -> Lock:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Lock, "take_file", read_only)

    failed = run(config, "repair")

    assert failed.code == 2
    assert "log.lock: Read-only file system. Mend the disk" in failed.err


def test_a_sound_log_is_said_to_be_sound(config: Path, data: Path) -> None:
    checked, shown = run(config, "check"), run(config, "check", "--json")

    assert (checked.code, checked.err) == (0, "")
    assert "The log is sound: events 1 to 200" in checked.out
    assert shown.code == 0
    assert shown.json["ok"] is True
    assert {segment["state"] for segment in shown.json["segments"]} == {"sound"}
    assert shown.json["destinations"] == {"crm": []}


def test_damage_is_named_and_ends_with_exit_code_1(config: Path, damaged: Path) -> None:
    number = first_in(damaged) + 3

    checked, shown = run(config, "check"), run(config, "check", "--json")

    assert (checked.code, shown.code) == (1, 1)
    assert f"{damaged}: damaged" in checked.out
    assert f"event {number}: the checksum does not match" in checked.out
    assert "router log repair" in checked.out
    [segment] = [segment for segment in shown.json["segments"] if segment["state"] == "damaged"]
    assert (segment["lost"], segment["lost_events"]) == ([[number, number]], 1)
    assert shown.json["ok"] is False


def test_the_state_of_a_destination_is_looked_at_too(config: Path, data: Path) -> None:
    (data / "destinations" / "crm.sqlite").write_bytes(b"noise" * 1_000)

    checked, shown = run(config, "check"), run(config, "check", "--json")

    assert (checked.code, shown.code) == (1, 1)
    assert "crm.sqlite" in checked.out
    assert len(shown.json["destinations"]["crm"]) == 1


def test_a_state_that_an_older_program_wrote_is_no_damage(config: Path, data: Path) -> None:
    with closing(sqlite3.connect(data / "destinations" / "crm.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 1")

    shown = run(config, "check", "--json")

    assert (shown.code, shown.json["ok"], shown.json["destinations"]) == (0, True, {"crm": []})


def test_a_position_past_the_end_of_the_log_is_said(config: Path, data: Path) -> None:
    state = StateFile.open(
        data / "destinations" / "crm.sqlite", json.loads((data / "log" / "log.json").read_bytes())["id"]
    )
    state.commit(Changes(positions={PARTITION: 201}))
    state.close()

    checked = run(config, "check")

    assert checked.code == 1
    assert "its position 201 is past the end of the log (200)" in " ".join(checked.out.split())


# --- repair ---


def test_a_repair_says_what_is_lost_and_the_check_after_it_is_content(config: Path, damaged: Path) -> None:
    number = first_in(damaged) + 3

    repaired = run(config, "repair")

    assert repaired.code == 0
    assert f"lost: event {number}" in repaired.out
    assert f"Repaired. Lost: 1 event. Put aside: 1 damaged file, in {damaged.parent / 'damaged'}." in repaired.out
    checked = run(config, "check")
    assert checked.code == 0
    assert f"event {number}: lost, as a repair has noted" in checked.out
    assert "nothing to repair" in run(config, "repair").out


def test_a_repair_tells_programs_the_same(config: Path, damaged: Path) -> None:
    repaired = run(config, "repair", "--json")

    assert repaired.code == 0
    assert repaired.json["lost_events"] == 1
    assert [Path(path).name for path in repaired.json["put_aside"]] == [damaged.name]
    assert [segment["state"] for segment in repaired.json["repaired"]] == ["damaged"]


# --- export ---


def test_events_are_exported_to_standard_output_and_to_a_file(config: Path, data: Path, tmp_path: Path) -> None:
    printed = run(config, "export", "--user", "u1")
    to_file = run(config, "export", "--user", "u1", "--out", tmp_path / "u1.ndjson")

    assert (printed.code, to_file.code) == (0, 0)
    assert printed.out == (tmp_path / "u1.ndjson").read_text()
    lines = printed.out.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == list(range(1, EVENTS + 1, 7))
    assert to_file.err == f"{len(lines)} events to {tmp_path / 'u1.ndjson'}\n"
    assert (tmp_path / "u1.ndjson").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("arguments", [[], ["--events"]], ids=["with their places", "alone"])
def test_no_terminal_obeys_an_event_that_is_exported(config: Path, tmp_path: Path, arguments: list[str]) -> None:
    """Whoever can send an event could write to the terminal of who looks at it."""
    name = "\x9b2J\x7f\u202epaid é"
    odd = replace(entries(1, 1)[0], event=orjson.dumps({"event": name}))

    async def fill() -> None:
        log = await SqliteLog.open(tmp_path / "var" / "log", LogOptions(), StillClock())
        await log.append([odd])
        await log.close()

    asyncio.run(fill())
    out = run(config, "export", *arguments).out

    assert name in json.dumps(json.loads(out), ensure_ascii=False)
    assert not set("\x9b\x7f\u202e") & set(out)
    assert "é" in out


def test_two_exports_to_one_file_are_both_complete_when_they_get_its_name(tmp_path: Path) -> None:
    """The second took the first's draft away, which ended without a file: "no such file"."""
    path = tmp_path / "all.ndjson"
    with open_out(path) as first:
        first.write(b"1")
        with open_out(path) as second:
            second.write(b"2")
        assert path.read_bytes() == b"2"
        first.write(b"1")

    assert path.read_bytes() == b"11"
    assert list(tmp_path.iterdir()) == [path]


def test_what_an_export_left_that_was_killed_goes_with_the_next_one(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What there was of it is people's data, in a file that nobody knew of."""
    path, others = tmp_path / "all.ndjson", {"all.ndjson.old.part", "all.ndjson.gz.0123abcd.part"}
    for other in others:
        (tmp_path / other).touch()
    script = """
import os, sys
from pathlib import Path
from router.cli.log.export import open_out

with open_out(Path(sys.argv[1])) as file:
    file.write(b"1")
    file.flush()
    os.kill(os.getpid(), 9)
"""
    killed = Process("export", ["-c", script, path], tmp_path_factory.mktemp("elsewhere"))
    killed.spawn()
    assert killed.wait() == -9
    assert len(list(tmp_path.iterdir())) == 3

    with open_out(path):
        pass

    assert {each.name for each in tmp_path.iterdir()} == {path.name, *others}


@pytest.mark.usefixtures("data")
def test_an_export_is_read_by_nobody_else_whatever_lay_in_its_place(config: Path, tmp_path: Path) -> None:
    """A link to a file of somebody else's, or one that everybody may read, got the events."""
    (tmp_path / "others").touch(0o666)
    (tmp_path / "u1.ndjson").symlink_to(tmp_path / "others")

    done = run(config, "export", "--out", tmp_path / "u1.ndjson")

    assert done.code == 0
    assert (tmp_path / "others").read_bytes() == b""
    assert (tmp_path / "u1.ndjson").stat().st_mode & 0o777 == 0o600


def test_an_export_that_fails_leaves_nothing_behind(config: Path, tmp_path: Path) -> None:
    assert run(config, "export", "--out", tmp_path / "events.ndjson").code == 2

    assert [path.name for path in tmp_path.iterdir()] == [config.name]


def test_an_export_that_is_broken_off_leaves_nothing_behind(
    config: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there was of it is people's data."""

    def broken_off(record: Record) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("router.cli.log.export.to_line", broken_off)

    assert run(config, "export", "--out", tmp_path / "events.ndjson").code == 130

    assert not list(tmp_path.glob("events*"))


def test_an_export_by_somebody_else_says_which_file_they_may_not_read(config: Path, data: Path, tmp_path: Path) -> None:
    with unreadable(data / "log" / "log.json"):
        failed = run(config, "export", "--out", data / "log" / "events.ndjson")

    assert failed.code == 2
    assert "log.json: permission denied" in failed.err


def test_an_export_that_nobody_reads_to_its_end_is_not_one_that_lacks_events(config: Path, data: Path) -> None:
    """Exit code 1 says that some are lost."""
    process = subprocess.Popen(
        [sys.executable, "-m", "router", "log", "export", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()

    assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == 130


def test_the_events_alone_are_what_was_stored(config: Path, data: Path) -> None:
    out = run(config, "export", "--events").out

    assert [json.loads(line) for line in out.splitlines()] == [{"n": number} for number in range(1, EVENTS + 1)]


def test_an_export_that_lacks_lost_events_ends_with_exit_code_1(config: Path, damaged: Path, tmp_path: Path) -> None:
    done = run(config, "export", "--out", tmp_path / "all.ndjson")

    assert done.code == 1
    assert f"The log lost 1 event that may belong here: event {first_in(damaged) + 3}" in done.err
    assert len((tmp_path / "all.ndjson").read_text().splitlines()) == EVENTS - 1


def test_what_goes_wrong_meanwhile_is_not_told_among_the_events(config: Path, damaged: Path) -> None:
    """Standard output is for a program to read."""
    done = run(config, "export")

    assert len([json.loads(line) for line in done.out.splitlines()]) == EVENTS - 1
    assert "log segment is damaged" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--since", "soon"], "is no time", id="no time"),
        pytest.param(["--out", "/no/such/folder/x"], "can't be written", id="no folder"),
        pytest.param(["--out", "/"], "can't be written", id="no file"),
        pytest.param(["--type", "tarck"], "'tarck' is not one of 'identify'", id="no type"),
    ],
)
def test_what_cannot_be_exported_is_refused(config: Path, data: Path, arguments: list[str], message: str) -> None:
    refused = run(config, "export", *arguments)

    assert refused.code == 2
    assert message in refused.err


# --- backup ---


def test_a_backup_says_what_is_in_it(config: Path, data: Path, tmp_path: Path) -> None:
    made = run(config, "backup", tmp_path / "one")
    shown = run(config, "backup", tmp_path / "two", "--json")

    assert (made.code, shown.code) == (0, 0)
    assert f"{tmp_path / 'one'}: events 1 to 200, and 1 destination." in made.out
    assert f"start a router with `data: {tmp_path / 'one'}`" in made.out
    assert shown.json["positions"] == {"crm": 50}
    assert shown.json["ok"] is True


def test_a_backup_of_a_damaged_log_is_made_and_said_to_be_damaged(config: Path, damaged: Path, tmp_path: Path) -> None:
    made = run(config, "backup", tmp_path / "backup")

    assert made.code == 1
    assert "as damaged as what it was copied from" in made.out
    assert (tmp_path / "backup" / "log" / damaged.name).read_bytes() == damaged.read_bytes()


def test_a_backup_may_have_a_name_that_is_no_text(config: Path, data: Path, tmp_path: Path) -> None:
    """File names are bytes. It was a traceback, at the end of the copy."""
    done = run(config, "backup", tmp_path / "caf\udce9")
    told = run(config, "backup", tmp_path / "caf\udce9" / "again", "--json")

    assert (done.code, told.code) == (0, 0)
    assert "caf?" in done.out
    assert told.json["backup"] == str(tmp_path / "caf\udce9" / "again")


def test_a_backup_over_something_is_refused(config: Path, data: Path) -> None:
    refused = run(config, "backup", data)

    assert refused.code == 2
    assert "is there already" in refused.err


# --- beside the router's secrets ---


@pytest.mark.parametrize("arguments", [["check"], ["repair"], ["export"], ["backup"]], ids=" ".join)
def test_what_is_stored_is_looked_after_without_the_secrets_of_the_router(
    config: Path, data: Path, tmp_path: Path, arguments: list[str]
) -> None:
    """Credentials that systemd mounts are gone once the router is stopped, as it has to be for a repair."""
    document = json.loads(config.read_text())
    document["sources"]["website"]["write_key"] = "${NOBODY_SET_THIS}"
    document["destinations"]["crm"]["settings"]["api_key"] = "${file:/run/credentials/router.service/none}"
    config.write_text(json.dumps(document))

    done = run(config, *arguments, *([tmp_path / "copy"] if arguments == ["backup"] else []))

    assert (done.code, done.err.replace("200 events\n", "")) == (0, "")


def test_what_is_stored_is_copied_without_the_secrets_of_the_router(config: Path, data: Path, tmp_path: Path) -> None:
    document = json.loads(config.read_text())
    document["destinations"]["crm"]["settings"]["api_key"] = "${file:/run/credentials/router.service/none}"
    config.write_text(json.dumps(document))
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text(json.dumps(document | {"data": str(tmp_path / "copy")}))

    done = run_command("log", "copy", config, wanted)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("In the new log: 150 events")


def test_who_is_suppressed_stays_so_in_the_new_log(config: Path, data: Path, tmp_path: Path) -> None:
    suppress(data / "suppressed.sqlite", [Person("userId", "ada")], 1.0)
    note_erased(data / "suppressed.sqlite", [Person("userId", "ada")], 2.0)
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text(json.dumps(json.loads(config.read_text()) | {"data": str(tmp_path / "copy")}))

    assert run_command("log", "copy", config, wanted).code == 0
    assert run(config, "backup", tmp_path / "backup").code == 0

    for place in ("copy", "backup"):
        [found] = read_suppressions(tmp_path / place / "suppressed.sqlite")
        # What was erased while the log was being copied is in the copy, where it is to be erased as well.
        assert (found.person.id, found.erased_s) == ("ada", None)
    [found] = read_suppressions(data / "suppressed.sqlite")
    assert found.erased_s == 2.0


# --- where there is nothing ---


@pytest.mark.parametrize("arguments", [["check"], ["repair"], ["export"], ["backup", "somewhere"]], ids=" ".join)
def test_where_nothing_ever_ran_it_says_so(config: Path, arguments: list[str]) -> None:
    refused = run(config, *arguments)

    assert refused.code == 2
    assert "there is no log here" in refused.err


def test_a_backup_that_is_told_to_stop_leaves_nothing_behind(
    config: Path, data: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Under a hidden name, a copy of the log would stay for ever; with every one that a supervisor gave up."""
    script = """
import sys, time
from router.admin import backup
from router.cli import main

def stall(*paths):
    print("half-way", flush=True)
    time.sleep(60)

backup._copy_states = stall
main()
"""
    arguments: list[str | Path] = ["-c", script, "log", "backup", tmp_path / "backup", "--config", config]
    process = Process("backup", arguments, tmp_path_factory.mktemp("elsewhere"))
    process.spawn()
    assert process.first_line() == "half-way"

    assert process.terminate(20) == -signal.SIGTERM
    assert sorted(path.name for path in tmp_path.iterdir()) == [config.name, "var"]


def test_a_lost_id_is_no_backup(config: Path, data: Path, tmp_path: Path) -> None:
    fill_with_noise(data / "log" / "log.json")

    refused = run(config, "backup", tmp_path / "backup")

    assert refused.code == 2
    assert "router log repair" in refused.err
