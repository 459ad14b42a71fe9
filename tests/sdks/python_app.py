"""A customer's application: the client as a document shows it, then some calls. Any of the three Python SDKs will do.

The first argument is the file with the client's code, the others name the calls.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

BURST = 100


def make_six_calls(analytics: Any) -> None:
    traits = {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.test",
        "created_at": "2024-08-24T14:15:22Z",
        "address": {"postal_code": "W1J 7NT"},
        "plan": "gold",
    }
    analytics.identify("u1", traits)
    analytics.track("u1", "Order Completed", {"orderId": "order-1001", "total": 12.5})
    analytics.page("u1", "Docs", "Pricing", {"ref": "nav"})
    analytics.screen("u1", "Main", "Home", {"tab": "first"})
    analytics.group("u1", "g1", {"name": "Analytical Engines"})
    analytics.alias("anon-1", "u1")


def make_burst(analytics: Any) -> None:
    for step in range(BURST):
        analytics.track("u1", "Step Done", {"step": step})


def make_two_bursts(analytics: Any) -> None:
    """The second when a line comes in: what happens to the router in between is the test's affair."""
    make_burst(analytics)
    analytics.flush()
    sys.stdout.write("first burst sent\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for step in range(BURST, 2 * BURST):
        analytics.track("u1", "Step Done", {"step": step})


CALLS = {"six": make_six_calls, "burst": make_burst, "bursts": make_two_bursts}


def main() -> None:
    client, *calls = sys.argv[1:]
    names: dict[str, Any] = {}
    exec(compile(Path(client).read_text(), client, "exec"), names)
    for call in calls:
        CALLS[call](names["analytics"])
    names["analytics"].flush()


main()
