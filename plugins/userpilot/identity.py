"""Whom a call is about: Userpilot knows users by the id they were identified with, and nobody without one.

Source: facts/vendors/userpilot.md section 3.
"""

from __future__ import annotations

from typing import Final

from router.plugin import Event, Field, Skip, convert

USER_ID: Final = Field("userId", "user_id", convert.to_id)


def no_user(event: Event) -> Skip:
    """Why an event from which the row above made nothing is not sent."""
    if event.user_id:
        return Skip("the userId is blank")
    return Skip("anonymous: Userpilot knows users by their userId alone")
