"""What Heap checks in an event, a user and an account, and what it makes of their properties. Pure; used by the sandbox alone.

Written from facts/vendors/heap.md sections 3 to 6 and 8, not from the mapper.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

_UNDER: Final = 1_024


def invalid_event(event: Any) -> str:
    """Why Heap refuses the request with *event* in it, "" for a good one."""
    if why := _invalid_person(event):
        return why
    name = event.get("event")
    if not isinstance(name, str) or not 1 <= len(name) <= _UNDER:
        return "event is missing, or longer than 1024 characters"
    key = event.get("idempotency_key", "12345678")
    if not isinstance(key, str) or len(key) < 8:
        return "idempotency_key is shorter than 8 characters"
    try:
        datetime.fromisoformat(event.get("timestamp", "2026-01-01T00:00:00Z"))
    except (ValueError, TypeError):
        return "timestamp is no ISO 8601"
    return _invalid_properties(event.get("properties", {}), may_list=True)


def invalid_user(user: Any) -> str:
    """The same of a user."""
    return _invalid_person(user) or _invalid_properties(user.get("properties"), may_list=False)


def invalid_account(account: Any) -> str:
    """The same of an account."""
    if not isinstance(account, dict) or not isinstance(account.get("account_id"), str) or not account["account_id"]:
        return "account_id is missing"
    return _invalid_properties(account.get("properties"), may_list=False)


def stored(properties: dict[str, Any]) -> dict[str, Any]:
    """*properties* as Heap keeps them: a list as one text, cut."""
    return {
        name: "||".join(map(str, value))[:_UNDER] if isinstance(value, list) else value
        for name, value in properties.items()
    }


def _invalid_person(item: Any) -> str:
    if not isinstance(item, dict):
        return "an item is no object"
    if ("identity" in item) == ("user_id" in item):
        return "either identity or user_id is needed, and not both"
    identity = item.get("identity", "u")
    if not isinstance(identity, str) or not 1 <= len(identity) <= 255:
        return "identity is no text of up to 255 characters"
    return ""


def _invalid_properties(properties: Any, may_list: bool) -> str:
    if not isinstance(properties, dict):
        return "properties are no object"
    for name, value in properties.items():
        if name.lower() == "id" or name == "user_id":
            return f"the name {name} is reserved"
        if len(name) >= _UNDER or (isinstance(value, str) and len(value) >= _UNDER):
            return "a name or a text is not under 1024 characters"
        if not isinstance(value, str | int | float) and not (may_list and isinstance(value, list)):
            return f"{name[:50]} is neither a text nor a number"
    return ""
