"""What a status alone says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from router.plugin import (
    Again,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    Verdict,
    describe,
    is_outage,
    judge_by_status,
    judge_named,
    only_verdict,
    without,
)

PAYLOADS = [Payload({"n": 1}), Payload({"n": 2})]
OUTAGES = [101, 408, 425, 429, 500, 502, 503, 504, 507, 520, 599, 600, 999]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, [Delivered()] * 2) for status in (200, 201, 202, 204, 299)),
        *((status, [Later(str(status))] * 2) for status in OUTAGES),
        *((status, [Dead(str(status))] * 2) for status in (304, 404, 410, 418, 501)),
        *((status, Split(str(status))) for status in (400, 409, 422)),
        *((status, Blocked(str(status))) for status in (301, 302, 303, 307, 308, 401, 402, 403)),
        (413, Split("413")),
    ],
)
def test_a_status_is_read_alike_for_every_payload(status: int, expected: Any) -> None:
    assert judge_by_status(Response(status), PAYLOADS) == expected


@pytest.mark.parametrize("status", [400, 409, 422])
def test_what_is_refused_by_itself_is_dead(status: int) -> None:
    assert judge_by_status(Response(status), PAYLOADS[:1]) == [Dead(str(status))]


@pytest.mark.parametrize(
    ("status", "given", "expected"),
    [
        (404, {"blocked": (404,)}, Blocked("404")),
        (401, {"blocked": ()}, [Dead("401")] * 2),
        (400, {"split": (400, 413)}, Split("400")),
        (413, {"split": ()}, [Dead("413")] * 2),
        (409, {"later": (409,)}, [Later("409")] * 2),
        (429, {"blocked": (429,)}, Blocked("429")),
        (200, {"later": (200,)}, [Later("200")] * 2),
    ],
)
def test_a_plugin_says_which_statuses_mean_something_else(status: int, given: dict[str, Any], expected: Any) -> None:
    assert judge_by_status(Response(status), PAYLOADS, **given) == expected


def test_an_outage_is_what_speaks_for_the_whole_vendor() -> None:
    """A status that HTTP does not know is one, too (RFC 9110 section 15): such as the 999 of a firewall in front."""
    outages = [status for status in range(100, 1000) if is_outage(status)]

    assert outages == [*range(100, 200), 408, 425, 429, 500, *range(502, 1000)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "400"),
        (b"  no\r\n such\tuser ", "400 no such user"),
        (b"x" * 1_000, "400 " + "x" * 300),
        (b"\xff", "400 \ufffd"),
    ],
    ids=["nothing", "several lines", "long", "not UTF-8"],
)
def test_a_reason_is_one_short_line_in_the_vendors_words(body: bytes, expected: str) -> None:
    assert describe(Response(400, body)) == expected


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([(0, "bad")], [Dead("bad"), Again(), Again(), Again()], id="one item"),
        pytest.param([(0, "bad"), (0, "worse")], [Dead("bad"), Again(), Again(), Again()], id="one item twice"),
        pytest.param([(2, "bad"), (0, "ill")], [Dead("ill"), Again(), Again(), Dead("bad")], id="several"),
        pytest.param([(1, "bad")], Split("400"), id="an item of two payloads, of which one may be good"),
        pytest.param([(0, "bad"), (None, "odd")], Split("400"), id="an error that names none"),
        pytest.param([(3, "bad")], Split("400"), id="an item that there is not"),
        pytest.param([(-1, "bad")], Split("400"), id="an item before the first"),
        pytest.param([], Split("400"), id="no error"),
    ],
)
def test_what_is_named_is_dead_and_the_others_go_again(errors: list[tuple[int | None, str]], expected: Any) -> None:
    """Payloads of one key are one item, at the place of the first."""
    assert judge_named(errors, ["ada", "bob", "bob", "eve"], "400") == expected


def mend(payload: Payload, paths: Sequence[Sequence[str]], said: str) -> Payload | None:
    return None if ("id",) in paths else without(payload, paths, said)


BATCH = [
    Payload({"id": "ada", "plan": "x", "site": "y"}),
    Payload({"id": "bob", "plan": 1, "age": 2}),
    Payload({"id": "bob", "plan": 3}),
    Payload({"id": "eve", "set": {"plan": 1}}),
]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param(
            [(0, "bad", ("plan",)), (0, "worse", ("site",))],
            [{"id": "ada"}, Delivered, Delivered, Delivered],
            id="two parts of an item",
        ),
        pytest.param([(3, "bad", ["set", "plan"])], Split, id="an item that there is not"),
        pytest.param(
            [(2, "bad", ["set", "plan"])], [Delivered, Delivered, Delivered, {"id": "eve", "set": {}}], id="within"
        ),
        pytest.param([(0, "bad", ("id",))], [Dead, Delivered, Delivered, Delivered], id="one that is needed"),
        pytest.param([(0, "bad", ("zip",))], [Dead, Delivered, Delivered, Delivered], id="one that was not sent"),
        pytest.param([(0, "bad", ("plan",)), (0, "b")], [Dead, Delivered, Delivered, Delivered], id="more than a part"),
        pytest.param(
            [(1, "bad", ("plan",))], [Delivered, Again, {"id": "bob"}, Delivered], id="the last of two payloads has it"
        ),
        pytest.param(
            [(1, "bad", ("age",))], [Delivered, {"id": "bob", "plan": 1}, Again, Delivered], id="the first alone has it"
        ),
        pytest.param(
            [(1, "bad", ("age",)), (1, "bad", ("plan",))],
            [Delivered, {"id": "bob", "plan": 1}, {"id": "bob"}, Delivered],
            id="one of each",
        ),
        pytest.param([(1, "bad", ("zip",))], Split, id="none of two"),
        pytest.param([(1, "bad", ("id",))], Split, id="one that is needed, of two"),
        pytest.param([(1, "bad", ("age",)), (1, "bad", ("id",))], Split, id="one that is needed besides"),
    ],
)
def test_what_a_part_of_is_refused_goes_again_without_it(errors: list[Any], expected: Any) -> None:
    keys = [payload.body["id"] for payload in BATCH]

    judgement = judge_named(errors, keys, "400", payloads=BATCH, mend=mend, others=Delivered())

    def shown(verdict: Any) -> Any:
        return verdict.instead.body if isinstance(verdict, Again) and verdict.instead else type(verdict)

    assert (Split if isinstance(judgement, Split) else [shown(verdict) for verdict in judgement]) == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("judgement", "verdict"),
    [
        pytest.param([Delivered()], Delivered(), id="a verdict"),
        pytest.param(Split("too big"), Dead("too big"), id="nothing to halve"),
        pytest.param(Blocked("401"), Blocked("401"), id="blocked"),
    ],
)
def test_a_conversation_ends_with_the_only_verdict(judgement: Judgement, verdict: Verdict | Blocked) -> None:
    assert only_verdict(judgement) == verdict
