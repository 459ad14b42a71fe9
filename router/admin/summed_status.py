"""The status of a destination whose events lie in many partitions, made of its status in each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from router.admin.answer import Answer

WORST_FIRST = ("broken", "unusable", "blocked", "throttled", "probing", "going", "disabled", "stopped", "new")


def summed_status(parts: Sequence[Answer]) -> Answer:
    """The status of one destination, from its status in each partition: the worst state, and the sum of all books. Pure.

    ``partitions`` says for how many partitions the books are ``unknown``, if for any.
    """
    worst = min(parts, key=lambda part: WORST_FIRST.index(part["state"]) if part["state"] in WORST_FIRST else 0)
    added: Answer = {name: worst[name] for name in ("destination", "plugin", "order", "state", "reason")}
    for name in ("next_try_in_s", "hold_left_s"):
        if name in worst:
            added[name] = worst[name]
    paces = [part["concurrency"] for part in parts if "concurrency" in part]
    if paces:  # a router has one pace for all its partitions
        added["concurrency"] = min(paces, key=lambda pace: pace["now"])
    waits_s = [part["rate_waits_s"].items() for part in parts if "rate_waits_s" in part]
    if waits_s:
        added["rate_waits_s"] = dict(
            sorted(chain(*waits_s), key=lambda wait: wait[1])
        )  # the longest of each comes last
    booked = [part for part in parts if "books" in part]
    unknown = sum(part["state"] == "unusable" and "books" not in part for part in parts)
    if unknown:
        added["partitions"] = {"unknown": unknown, "all": len(parts)}
    if not booked:
        return added
    numbers = ("discarded", "outages", "warnings", "odd_flags", "stuck_calls", "halts", "dead_letters")
    added |= {
        name: _sum(part[name] for part in booked) for name in ("books", "skipped", "waited", "replayed", "parked")
    }
    added |= {name: sum(part[name] for part in booked) for name in numbers}
    examples = [part["parked_example"] for part in booked if part.get("parked_example")]
    added["parked_example"] = examples[0] if examples else None
    ages = [part["oldest_pending_s"] for part in booked if part["oldest_pending_s"] is not None]
    added["oldest_pending_s"] = max(ages, default=None)
    added["positions"] = {number: each for part in booked for number, each in part["positions"].items()}
    added["jobs"] = [job for part in booked for job in part["jobs"]]
    tallied = [part for part in booked if "attempts" in part]
    if tallied:
        added["attempts"] = _sum(part["attempts"] for part in tallied)
        for name in ("batch_size", "latency_s"):  # only figures of the histograms are known: take the highest
            added[name] = {
                figure: max((part[name][figure] for part in tallied if part[name][figure] is not None), default=None)
                for figure in tallied[0][name]
            }
    return added


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
