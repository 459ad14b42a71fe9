"""Whom a call is about: Heap's API knows users by the id they were identified with, and nobody without one.

Source: facts/vendors/heap.md section 3.
"""

from __future__ import annotations

from typing import Final

from router.plugin import Event, Field, Skip, convert

MAX_IDENTITY: Final = 255

IDENTITY: Final = Field("userId", "identity", convert.at_most(MAX_IDENTITY, convert.to_id))


def no_identity(event: Event) -> Skip:
    """Why an event from which the row above made nothing is not sent."""
    if event.user_id:
        return Skip(f"the userId is blank, or longer than the {MAX_IDENTITY} characters of an identity")
    return Skip("anonymous: Heap's API knows users by their userId alone")
