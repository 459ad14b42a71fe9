"""The browser SDKs, unmodified, set up as docs/sdks.md says, in a real browser on a page of another origin."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest

from tests.sdks.browser import Browser, Pages, pasted_snippet, visitor
from tests.sdks.expected import BURST, CALLS, assert_burst_arrived, assert_calls_arrived, steps
from tests.sdks.faulty_proxy import CUT, Fault, FaultyProxy
from tests.sdks.requirements import MODULES, needs_chromium
from tests.sdks.router_process import WRITE_KEY, RouterProcess
from tests.sdks.snippets import SNIPPETS

pytestmark = [pytest.mark.full, needs_chromium]

SEGMENT_SCRIPT = f"https://cdn.segment.com/analytics.js/v1/{WRITE_KEY}/analytics.min.js"
"""Where Segment's snippet gets the SDK from: its vendor's address, for which the same file from the package stands."""


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    folder = tmp_path / "pages"
    folder.mkdir()
    pages = Pages(folder)
    await pages.start()
    yield pages
    await pages.stop()


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    standalone = MODULES / "@segment" / "analytics-next" / "dist" / "umd" / "standalone.js"
    async with visitor(tmp_path, {SEGMENT_SCRIPT: standalone}) as browser:
        yield browser


@pytest.mark.parametrize(
    ("sdk", "calls"),
    [
        pytest.param("segment-browser", CALLS, id="segment"),
        pytest.param("customerio-browser", CALLS, id="customerio"),
        pytest.param("rudderstack-browser", [call for call in CALLS if call != "screen"], id="rudderstack"),
    ],
)
async def test_all_calls_and_a_burst_arrive_once_and_mapped(
    sdk: str, calls: Sequence[str], router: RouterProcess, pages: Pages, browser: Browser
) -> None:
    await pages.write_bundled(SNIPPETS[sdk].code(router.url, WRITE_KEY))

    await browser.open(pages.page("six", "burst"))

    await router.settled(len(calls) + len(BURST))
    await assert_calls_arrived(router, calls)
    await assert_burst_arrived(router)


async def test_the_pasted_segment_snippet_needs_one_line(
    stopped_router: RouterProcess, pages: Pages, browser: Browser, tmp_path: Path
) -> None:
    await stopped_router.start(source={"sdk": "segment"})
    await pages.write_pasted(await pasted_snippet(tmp_path, stopped_router.url))

    await browser.open(pages.page("six", "burst"))

    await stopped_router.settled(len(CALLS) + len(BURST))
    await assert_calls_arrived(stopped_router)
    await assert_burst_arrived(stopped_router)


async def test_an_identify_typed_into_a_page_arrives_at_mixpanel(
    stopped_router: RouterProcess, pages: Pages, browser: Browser, tmp_path: Path
) -> None:
    """What `make page` shows, with the visitor's keys pressed by a machine."""
    await stopped_router.start(source={"sdk": "segment"})
    pages.write_form(await pasted_snippet(tmp_path, stopped_router.url))

    await browser.open(pages.page())
    fields = {"[name=userId]": "u7", "[name=firstName]": "Ada", "[name=email]": "ada@example.test"}
    await browser.fill_in(fields, click="button")

    await stopped_router.settled(1)
    [profile] = [entry["item"] for entry in await stopped_router.taken("mixpanel") if entry["kind"] == "profile"]
    assert profile["$distinct_id"] == "u7"
    assert {"$first_name": "Ada", "$email": "ada@example.test"}.items() <= profile["$set"].items()


@pytest.mark.parametrize("sdk", ["segment-browser", "customerio-browser", "rudderstack-browser"])
async def test_traits_from_before_the_user_was_known_come_with_the_identify_that_names_them(
    sdk: str, router: RouterProcess, pages: Pages, browser: Browser
) -> None:
    """The SDK keeps them over page loads and sends them again, and every destination gets them under the user's id."""
    await pages.write_bundled(SNIPPETS[sdk].code(router.url, WRITE_KEY))

    await browser.open(pages.page("nameless"))
    await router.settled(1)
    await browser.open(pages.page("named"))
    await router.settled(2)

    nameless, named = await router.events()
    assert nameless.get("userId") is None
    assert named["userId"] == "u1"
    assert named["anonymousId"] == nameless["anonymousId"]
    expected = {"firstName": "Ada", "favourite": "tea", "email": "ada@example.test"}
    assert expected.items() <= named["traits"].items()
    profiles = [entry["item"] for entry in await router.taken("mixpanel") if entry["kind"] == "profile"]
    assert {"$first_name": "Ada", "favourite": "tea", "$email": "ada@example.test"}.items() <= profiles[-1][
        "$set"
    ].items()
    people = [entry["item"] for entry in await router.taken("customerio") if entry["kind"] == "person"]
    assert people[-1]["identifiers"] == {"id": "u1"}
    assert expected.items() <= people[-1]["attributes"].items()


@pytest.mark.parametrize(
    ("sdk", "faults"),
    [
        pytest.param("segment-browser", [Fault(429, retry_after_s=1), Fault(503)], id="segment"),
        # This one takes any status for success, and tries again only when it gets no answer.
        pytest.param("customerio-browser", [CUT, CUT], id="customerio"),
        pytest.param("rudderstack-browser", [Fault(429, retry_after_s=1), Fault(503)], id="rudderstack"),
    ],
)
async def test_refusals_at_first_cost_no_event(
    sdk: str, faults: list[Fault], router: RouterProcess, proxy: FaultyProxy, pages: Pages, browser: Browser
) -> None:
    """The status table of facts/ingest-protocol.md, section 8."""
    await pages.write_bundled(SNIPPETS[sdk].code(proxy.url, WRITE_KEY))
    proxy.faults.extend(faults)

    await browser.open(pages.page("burst"))

    await router.settled(len(BURST))
    assert not proxy.faults
    assert sorted(await steps(router, "webhook")) == list(BURST)


async def test_what_a_page_left_unanswered_comes_again_from_the_next_and_is_not_doubled(
    router: RouterProcess, proxy: FaultyProxy, pages: Pages, browser: Browser
) -> None:
    """The SDK keeps what it has sent and got no answer to, and cannot know that the router has it already.

    It does not keep what the page has called and it has not begun to send: calls wait in memory while it loads, and go with
    the page. So how many of the burst arrive is not for the router to promise.
    """
    await pages.write_bundled(SNIPPETS["segment-browser"].code(proxy.url, WRITE_KEY))
    proxy.hold_after(10)

    await browser.open(pages.page("burst"))
    await proxy.shows(lambda: len(proxy.held_bodies) > 1)
    await browser.open(pages.page())
    held = steps_of(proxy.held_bodies)
    proxy.release()
    await proxy.shows(lambda: held <= steps_of(proxy.answered_bodies))
    answered = steps_of(proxy.answered_bodies)
    await router.at_rest()

    stored = {each["accepted"] for each in (await router.books()).values()}
    assert max(stored) <= len(steps_of(proxy.forwarded_bodies)), "one that came twice was taken for two"
    found = await steps(router, "webhook")
    assert sorted(found) == sorted(set(found))
    assert answered <= set(found)


def steps_of(bodies: Iterable[bytes]) -> set[int]:
    """The numbers of the burst whose events the bodies are."""
    return {json.loads(body)["properties"]["step"] for body in bodies}
