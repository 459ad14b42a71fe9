"""docs/sdks.md as a reader would try it: what is not an SDK's code, and that nothing on the page goes untried."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.config import parse_config
from router.registry import Registry
from tests.sdks import application
from tests.sdks.router_process import WRITE_KEY, RouterProcess
from tests.sdks.snippets import DOCUMENT, KEY, SNIPPETS

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


async def answer_of(snippet: str, router: RouterProcess, folder: Path) -> Any:
    command = SNIPPETS[snippet].code(router.url, WRITE_KEY)
    return orjson.loads(await application.run(["sh", "-c", command], folder))


@needs_curl
async def test_what_is_sent_with_curl_arrives(router: RouterProcess, tmp_path: Path) -> None:
    single = await answer_of("curl", router, tmp_path)
    batch = await answer_of("curl-batch", router, tmp_path)

    await router.settled(3)
    events = await router.events()
    [first] = [event for event in events if event["messageId"] == single["messageId"]]
    others = [event for event in events if event is not first]  # of other users: they may be delivered first
    assert single["success"] is True
    assert first["type"] == "identify"
    assert first["traits"] == {"firstName": "Ada", "createdAt": "2024-08-24T14:15:22Z"}
    assert [(event["type"], event["userId"]) for event in others] == [("identify", "u2"), ("track", "u2")]
    assert (batch["success"], batch["accepted"]) == (True, 2)


async def test_the_command_for_a_write_key_makes_one_that_every_sdk_takes(tmp_path: Path) -> None:
    """Source: facts/ingest-protocol.md, section 4."""
    key = await application.run(["sh", "-c", SNIPPETS["write-key"].text], tmp_path)

    assert re.fullmatch(r"c[a-z0-9]{24}\n", key)


def test_the_config_of_a_source_is_right() -> None:
    text = SNIPPETS["source"].text + "destinations: {webhook: {sandbox: true}}\n"

    config = parse_config(text, Registry.load(), environ={})

    assert config.server.public_url == "https://router.example.com"
    assert config.sources["website"].sdk == "segment"


def test_every_block_of_code_is_marked_and_named_by_a_test() -> None:
    """So that nothing can be shown that is not run."""
    text = DOCUMENT.read_text("utf-8")
    tests = "".join(path.read_text("utf-8") for path in sorted(Path(__file__).parent.glob("*.py")))

    assert len(re.findall(r"^```\w", text, re.MULTILINE)) == len(SNIPPETS)
    assert [name for name in SNIPPETS if f'"{name}"' not in tests] == []


def test_every_block_of_code_has_the_key_for_the_reader_to_replace() -> None:
    assert [name for name, snippet in SNIPPETS.items() if KEY not in snippet.text] == ["write-key"]


def test_the_versions_in_the_table_are_those_that_are_tested() -> None:
    root = DOCUMENT.parents[1]
    shown = re.findall(r"\| (@?[a-z][\w/-]+) (\d[\w.]+) \|", DOCUMENT.read_text("utf-8"))
    pinned = {
        **dict(re.findall(r"^([\w-]+)==(.+)$", (root / "constraints-dev.txt").read_text(), re.MULTILINE)),
        **orjson.loads((root / "tests/sdks/node/package.json").read_text())["dependencies"],
    }

    assert len(shown) == 10
    assert shown == [(name, pinned[name]) for name, _ in shown]
