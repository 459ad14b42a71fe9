"""The demo shows what it says it shows; its parts, and the whole of it as a newcomer runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from router.cli.demo.steps import make_step, steps_in
from router.cli.demo.trait_table import NOWHERE, trait_rows
from router.destination import Destination
from router.explain import explain
from router.registry import Registry
from router.testing import make_event
from tests.system.harness import call, until

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "router", "demo", "--config", str(ROOT / "config" / "router.yaml")]
WITHIN_S = 60
"""The promise of `make demo`, after the install."""


def environment(columns: int) -> dict[str, str]:
    return {**os.environ, "COLUMNS": str(columns), "PYTHONUNBUFFERED": "1"}


def rows_for(**traits: Any) -> dict[str, list[str]]:
    """The rows of the table, by trait, for the built-in plugins in the order of their names in the test below."""
    registry = Registry.load()
    destinations = [
        Destination(plugin.slug, plugin, plugin.settings.model_validate(dict(plugin.sandbox_settings)))
        for plugin in map(registry.get, ("mixpanel", "intercom", "customerio", "webhook"))
    ]
    entries = explain(make_event("identify", userId="u1", traits=traits), destinations)["destinations"]
    rows = trait_rows(entries, [(each.name, each.plugin, each.settings) for each in destinations])
    return {row[0]: row[1:] for row in rows}


def test_the_table_shows_each_traits_name_at_each_vendor() -> None:
    rows = rows_for(first_name="Ada", createdAt=1, email="a@b.test", address={"city": "London", "floor": 3}, seats=4)

    assert rows == {
        "createdAt": ["$created", "created_at\nsigned_up_at", "created_at", "createdAt"],
        "address.city": ["$city", "address_city", "address.city", "address.city"],
        "email": ["$email", "email", "email", "email"],
        "firstName": ["$first_name", "(in name)", "firstName", "firstName"],
        "seats (custom)": ["seats", "seats", "seats", "seats"],
    }
    assert next(iter(rows)) == "createdAt"


def test_a_trait_that_a_vendor_does_not_get_has_a_dash() -> None:
    """An avatar without a host is none to Intercom."""
    assert rows_for(avatar="ada.png", email="a@b.test")["avatar"] == [NOWHERE, NOWHERE, "avatar", "avatar"]


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ([], set()),
        ([{"step": 1}, {"properties": {"step": 2}, "steps": 9}], {1, 2}),
        ([{"list": [{"attributes": {"step": 3}}, "step", None]}, 7, {"step": "4"}], {3}),
        ([make_step(0), make_step(999), make_step(999)], {0, 999}),
    ],
    ids=["nothing", "side by side", "deep", "the demo's own"],
)
def test_steps_are_found_wherever_a_vendor_keeps_them(items: list[Any], found: set[int]) -> None:
    assert steps_in(items) == found


@pytest.mark.full
@pytest.mark.timeout(120)
@pytest.mark.parametrize("events", [120, 1_000], ids=["small", "as it is"])
def test_the_demo_keeps_its_promise(tmp_path: Path, events: int) -> None:
    """Three parts, `$created` and `created_at` side by side, a reason a destination, and nothing unaccounted for."""
    shown = subprocess.run(
        [*COMMAND, "--no-stay", "--events", str(events)],
        cwd=tmp_path,
        env=environment(80 if events < 1_000 else 120),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )

    assert (shown.returncode, shown.stderr) == (0, "")
    out = shown.stdout
    assert re.search(r"createdAt +│ \$created +│ created_at +│ created_at +│ createdAt", out)
    assert "'$created': '2024-08-24T14:15:22'" in out
    assert out.count("'created_at': 1724508922") == 2
    assert re.search(r"Mixpanel +│ deliver +│ integrations: \"Mixpanel\" is true +│ 1 ", out)
    assert len(re.findall(r"│ skip +│ flags: integrations: \"All\" is false +│ 0 ", out)) == 3
    assert "kill -9" in out
    books = re.findall(r"^(\S+) +([\d,]+) +([\d,]+) +(\d+) +0 +0 +0 +([\d,]+) *$", out, re.MULTILINE)
    assert books == [
        (name, f"{events + 2:,}", f"{events + 2 - skipped:,}", str(skipped), f"{events:,}")
        for name, skipped in (("Mixpanel", 0), ("Intercom", 1), ("Customer.io", 1), ("Webhook", 1))
    ]
    assert "Unaccounted for: 0" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.full
@pytest.mark.timeout(120)
def test_the_demo_stays_up_takes_the_line_it_prints_and_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("w") as file:
        demo = subprocess.Popen([*COMMAND, "--events", "100"], stdout=file, stderr=file, env=environment(80))
    try:
        until(lambda: "Ctrl-C ends it." in out.read_text() or demo.poll() is not None, "it stays up")
        [(body, url)] = re.findall(r"curl -u demo: -d '(.*)' (\S+)\n", out.read_text())
        [config] = re.findall(r"export ROUTER_CONFIG=(\S+)", out.read_text())

        assert call("POST", url, json.loads(body), key="demo")[0] == 200

        until(lambda: "'$created': '2024-08-24T14:15:22'" in out.read_text().partition("Ctrl-C")[2], "it is shown")
        assert Path(config).exists()
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(30)
    assert code == 0
    assert not Path(config).exists()
    assert "Traceback" not in out.read_text()
