"""Row 57 of the battery: a backup that was taken under load restores to a state in which nothing acknowledged is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.evidence import find_lost
from tests.system.harness import Command, Router, Stage, Vendor, run_command, until


def labels_in(exported: Command) -> set[str]:
    return {json.loads(line)["event"]["messageId"] for line in exported.out.splitlines()}


def restore(stage: Stage, backup: Path, **vendors: Vendor) -> Router:
    """A router over the backup, in a folder of its own."""
    folder = stage.folder / "restored"
    folder.mkdir()
    restored = Stage(folder, stage.processes)
    return restored.router({name: vendor.destination() for name, vendor in vendors.items()}, data=str(backup))


@pytest.mark.parametrize(
    ("users", "acked_before"),
    [
        pytest.param(20, 300, id="a few hundred events"),
        pytest.param(50, 20_000, id="20,000 events", marks=[pytest.mark.full, pytest.mark.timeout(300)]),
    ],
)
def test_row_57_a_backup_under_load_restores_to_all_that_was_acknowledged(
    stage: Stage, users: int, acked_before: int
) -> None:
    """One destination keeps up, another is down: what is pending for it is delivered by whoever runs over the copy."""
    well, ill = vendors = stage.vendors("mixpanel", "customerio")
    ill.fail(status=503)
    router = stage.router({vendor.name: vendor.destination() for vendor in vendors}, retention={"segment": "200KB"})
    generator = stage.generator(router, users=users, batch=20, workers=4)
    until(lambda: len(generator.acked()) >= acked_before, "load")

    before = generator.acked()
    backup = run_command("log", "backup", stage.folder / "backup", "-c", stage.config, "--json")
    after = generator.stop()

    assert backup.code == 0, backup.err
    assert len(after) > len(before), "there was no load: the test has tested nothing"
    assert stage.command("log", "check").code == 0
    assert router.terminate() == 0
    ill.heal()
    [again] = stage.vendors(again="mixpanel")  # the first has got more since than the copy knows of
    restored = restore(stage, stage.folder / "backup", mixpanel=again, customerio=ill)
    exported = run_command("log", "export", "-c", restored.config)
    restored.until_settled()
    assert find_lost(before, labels_in(exported)) == set()
    check_delivered(before, ill)
    assert find_lost(before, well.kept(), again.kept()) == set()
    check_books(restored, mixpanel=backup.json["log"]["end"], customerio=backup.json["log"]["end"])
