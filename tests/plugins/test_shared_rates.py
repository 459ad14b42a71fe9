"""Limits that a vendor counts over all of an account, an app or a path: what a plugin sends there keeps to them together."""

from __future__ import annotations

import pytest

from router.registry import Registry

SHARED = {
    "hubspot": [{"contacts", "contact batches", "companies", "merges", "events by userId"}, {"events"}],
    "intercom": [{"contacts", "companies", "events"}],
    "klaviyo": [{"profiles", "members"}, {"profile jobs"}, {"events"}],
    "onesignal": [{"users", "identity"}, {"events"}],
    "userpilot": [{"users", "companies"}, {"events"}],
    "userlist": [{"users", "companies", "events"}],
    "vero": [{"users", "events", "tags", "subscriptions", "aliases"}],
    "loops": [{"contacts", "events"}],
    "pipedrive": [{"persons", "organizations", "notes"}],
    "zendesk": [{"users", "organizations", "merges"}, {"events"}],
}


@pytest.mark.parametrize("slug", SHARED)
def test_what_a_vendor_counts_together_is_limited_together(slug: str) -> None:
    [plugin] = [each.plugin for each in Registry.load() if each.plugin.slug == slug]
    by_rate: dict[str, set[str]] = {}
    for endpoint in plugin.endpoints:
        by_rate.setdefault(endpoint.rate_name, set()).add(endpoint.name)

    assert list(by_rate.values()) == SHARED[slug]
