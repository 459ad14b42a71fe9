"""Where requests go: they can be sent, and go where the settings say, whatever an event holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from router.event import Event
from router.origin import origin_of
from router.plugin.request import encode_body
from router.testing.contract.each_sample import every_sample, for_each
from router.testing.contract.plugin_under_test import PluginUnderTest
from router.testing.rehearsal import Rehearsal, Sent, at_base_url
from router.testing.samples import HOSTILE_IDS, hostile_events

_LINE_BREAK = re.compile("[\r\n\0]")
_ENCODED = re.compile("[!-~]+")
_CLIMB = re.compile(r"/\.{1,2}(/|$)")


class AddressesContract(PluginUnderTest):
    @every_sample
    def test_requests_can_be_sent(self, event: Event) -> None:
        for sent in self.rehearsal.requests(event):
            request, expected = sent.request, self.rehearsal.origin_of(sent.action)
            assert re.fullmatch("[A-Z]+", request.method), f"{sent.action}: method {request.method!r}"
            assert origin_of(request.url) == expected, f"{sent.action}: {request.url} is not at {expected}"
            assert _ENCODED.fullmatch(request.url), f"{sent.action}: {request.url!r} is not percent-encoded"
            broken = [name for name, value in request.headers.items() if _LINE_BREAK.search(name + value)]
            assert not broken, f"{sent.action}: headers with line breaks: {broken}"
            assert request.json is None or encode_body(request.json, request)

    @for_each({ascii(id)[:40]: id for id in HOSTILE_IDS})
    def test_ids_cannot_move_a_request(self, id: str) -> None:
        """Promise 10: in a URL an id is one encoded segment or one query value, whatever it holds."""
        harmless = {(call, s.action, s.number): s.request.url for call, s in self._hostile_requests("harmless")}
        for call, sent in self._hostile_requests(id):
            url = sent.request.url
            expected = harmless.get((call, sent.action, sent.number), url)
            assert _ENCODED.fullmatch(url), f"{sent.action}: {url!r} is not percent-encoded"
            assert not _CLIMB.search(urlsplit(url).path), f"{sent.action}: {url} climbs"
            assert _shape(url) == _shape(expected), f"{sent.action}: {url} is not shaped as {expected}"
            assert origin_of(url) == self.rehearsal.origin_of(sent.action), f"{sent.action}: {url} is elsewhere"
            broken = [name for name, value in sent.request.headers.items() if _LINE_BREAK.search(name + value)]
            assert not broken, f"{sent.action}: an id breaks the lines of {broken}"

    def test_base_url_moves_every_request(self) -> None:
        moved = Rehearsal(self.plugin, at_base_url(self.settings, "http://127.0.0.1:9/base"))
        urls = [sent.request.url for event in self.rehearsal.calls.values() for sent in moved.requests(event)]
        assert urls, "no sample event is sent"
        assert not [url for url in urls if not url.startswith("http://127.0.0.1:9/base")]

    def _hostile_requests(self, id: str) -> Iterator[tuple[str, Sent]]:
        rehearsal = self.rehearsal
        for call, event in hostile_events(id).items():
            yield from ((call, sent) for sent in rehearsal.requests(event))


def _shape(url: str) -> tuple[int, list[str], bool]:
    """What an id must not change: the depth of the path, the names in the query, and that there is no fragment."""
    parts = urlsplit(url)
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    return parts.path.count("/"), names, bool(parts.fragment)
