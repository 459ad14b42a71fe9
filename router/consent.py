"""Consent: what a person agreed to, according to ``context.consent.categoryPreferences``. Pure.

It is read strictly, since it is the person's own word: a category counts only if it is the boolean ``true``. Names of
categories are compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from router.event import Event


@dataclass(frozen=True, slots=True)
class Consent:
    """What a destination needs consent for: all of *categories*, of which there is at least one."""

    categories: tuple[str, ...]
    is_sent_when_absent: bool = False
    """Whether an event that says nothing about consent is sent. An event with malformed consent never is."""

    def why_not(self, event: Event) -> str:
        """Why *event* may not be sent; "" if it may."""
        consent = event.context.get("consent")
        preferences: Any = consent.get("categoryPreferences") if isinstance(consent, dict) else consent
        if preferences is None:
            return "" if self.is_sent_when_absent else "the event has no context.consent.categoryPreferences"
        if not isinstance(preferences, dict):
            return "context.consent.categoryPreferences is no object, which is read as no"
        for category in self.categories:
            match preferences.get(category):
                case True:
                    continue
                case False:
                    return f"{category} is false"
                case None:
                    return f"{category} is absent"
                case _:
                    return f"{category} is neither true nor false, which is read as no"
        return ""
