"""What Customer.io refuses, for the sandbox. Written from the fact sheet alone; it shares nothing with the mapping.

Source: facts/vendors/customerio.md, sections 3, 5, 6 and 8.
"""

from __future__ import annotations

import json
import re
from typing import Any

Refusal = dict[str, Any]
"""``{"reason", "field", "message"}``, as v2 of the Track API words it."""

ITEM_LIMIT_BYTES = 32 * 1024
BATCH_LIMIT_BYTES = 500_000

_PERSON_KEYS = {"id", "email", "cio_id"}
_HAPPENINGS = {"event", "page", "screen"}
_PERSON_ACTIONS = {"identify", "merge", "add_device", "delete_device", "delete", "suppress", "unsuppress", *_HAPPENINGS}
_OBJECT_ACTIONS = {"identify", "identify_anonymous", "add_relationships", "delete_relationships", "delete"}
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_CALLS = {"identify", "track", "page", "screen", "group", "alias"}


def refuse_entity(item: Any, object_types: set[str]) -> Refusal | None:
    """Why the Track API v2 refuses one item, or None."""
    if not isinstance(item, dict):
        return _refusal("invalid", "", "must be an object")
    if _size(item) > ITEM_LIMIT_BYTES:
        return _refusal("invalid", "", "must be 32kb or smaller")
    kind, action = item.get("type"), item.get("action")
    if kind == "person" and action in _PERSON_ACTIONS:
        return _refuse_merge(item) if action == "merge" else _refuse_person(item, str(action))
    if kind == "object" and action in _OBJECT_ACTIONS:
        return _refuse_object(item, str(action), object_types)
    if kind in ("person", "object"):
        return _refusal("invalid", "action", f"unknown action {action!r} for {kind}")
    return _refusal("invalid", "type", f"unknown type {kind!r}")


def _refuse_person(item: dict[str, Any], action: str) -> Refusal | None:
    allowed = _PERSON_KEYS | ({"anonymous_id"} if action in _HAPPENINGS else set())
    refusal = _refuse_identifiers(item.get("identifiers"), allowed, "identifiers") or _refuse_time(item)
    if refusal:
        return refusal
    if action in _HAPPENINGS:
        return _refuse_happening(item)
    if action in ("add_device", "delete_device"):
        return _refuse_device(item.get("device"), needs_platform=action == "add_device")
    if action == "identify":
        return _refuse_attributes(item.get("attributes", {}))
    return None


def _refuse_identifiers(identifiers: Any, allowed: set[str], field: str) -> Refusal | None:
    if not isinstance(identifiers, dict) or len(identifiers) != 1:
        return _refusal("required", field, "exactly one identifier is needed")
    [(key, value)] = identifiers.items()
    if key not in allowed:
        return _refusal("invalid", f"{field}.{key}", "is no identifier here")
    if not isinstance(value, str) or not value:
        return _refusal("invalid", f"{field}.{key}", "must be a string that is not empty")
    if len(value.encode()) > 150:
        return _refusal("invalid", f"{field}.{key}", "must be at most 150 bytes")
    return None


def _refuse_time(item: dict[str, Any]) -> Refusal | None:
    if "timestamp" in item and type(item["timestamp"]) is not int:
        return _refusal("invalid", "timestamp", "must be unix seconds")
    return None


def _refuse_happening(item: dict[str, Any]) -> Refusal | None:
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        return _refusal("required", "name", "event name must not be blank")
    if len(name.encode()) > 100:
        return _refusal("invalid", "name", "event name cannot be longer than 100 bytes")
    if "id" in item and not (isinstance(item["id"], str) and _ULID.fullmatch(item["id"])):
        return _refusal("invalid", "id", "must be a valid ULID")
    if not isinstance(item.get("attributes", {}), dict):
        return _refusal("invalid", "attributes", "event data must be a hash")
    return None


def _refuse_attributes(attributes: Any) -> Refusal | None:
    if not isinstance(attributes, dict):
        return _refusal("invalid", "attributes", "must be an object")
    if len(attributes) > 300:
        return _refusal("invalid", "attributes", "cannot identify more than 300 attributes in one request")
    for name, value in attributes.items():
        if not name or len(name.encode()) > 150:
            return _refusal("invalid", "attributes", "attribute name cannot be longer than 150 bytes")
        if (len(value.encode()) if isinstance(value, str) else _size(value)) > 1000:
            return _refusal("invalid", "attributes", f"value for attribute '{name}' cannot be longer than 1000 bytes")
    return None


def _refuse_device(device: Any, *, needs_platform: bool) -> Refusal | None:
    if not isinstance(device, dict) or not isinstance(device.get("token"), str) or not device["token"]:
        return _refusal("required", "device.token", "is needed")
    if needs_platform and device.get("platform") not in ("ios", "android"):
        return _refusal("invalid", "device.platform", "must be ios or android")
    if "last_used" in device and type(device["last_used"]) is not int:
        return _refusal("invalid", "device.last_used", "must be unix seconds")
    return None


def _refuse_merge(item: dict[str, Any]) -> Refusal | None:
    if "identifiers" in item:
        return _refusal("invalid", "identifiers", "a merge has primary and secondary instead")
    return _refuse_identifiers(item.get("primary"), _PERSON_KEYS, "primary") or _refuse_identifiers(
        item.get("secondary"), _PERSON_KEYS, "secondary"
    )


def _refuse_object(item: dict[str, Any], action: str, object_types: set[str]) -> Refusal | None:
    identifiers = item.get("identifiers")
    if not isinstance(identifiers, dict) or set(identifiers) != {"object_type_id", "object_id"}:
        return _refusal("required", "identifiers", "object_type_id and object_id are needed")
    if identifiers["object_type_id"] not in object_types:
        return _refusal("invalid", "identifiers.object_type_id", "no such object type in this workspace")
    object_id = identifiers["object_id"]
    if not isinstance(object_id, str) or not 0 < len(object_id.encode()) <= 150:
        return _refusal("invalid", "identifiers.object_id", "must be 1 to 150 bytes")
    allowed = {"anonymous_id"} if action == "identify_anonymous" else _PERSON_KEYS
    relations = item.get("cio_relationships", [])
    if not isinstance(relations, list):
        return _refusal("invalid", "cio_relationships", "must be a list")
    for relation in relations:
        member = relation.get("identifiers") if isinstance(relation, dict) else None
        refusal = _refuse_identifiers(member, allowed, "cio_relationships")
        if refusal:
            return refusal
    return _refuse_attributes(item.get("attributes", {}))


def refuse_call(item: Any, kind: str | None = None) -> str | None:
    """Why Pipelines in strict mode refuses one call, or None. *kind* is the call of the path; a batch's items have a type."""
    if not isinstance(item, dict):
        return "expected an object"
    if _size(item) > ITEM_LIMIT_BYTES:
        return "a call may have 32KB"
    kind = kind or item.get("type")
    if kind not in _CALLS:
        return f"unknown type {kind!r}"
    if not any(isinstance(item.get(key), str) and item[key] for key in ("userId", "anonymousId")):
        return "userId or anonymousId is required"
    needed = {"track": "event", "group": "groupId", "alias": "previousId"}.get(kind)
    if needed and not (isinstance(item.get(needed), str) and item[needed]):
        return f"{needed} is required"
    for part in ("traits", "properties", "context"):
        if not isinstance(item.get(part, {}), dict):
            return f"{part} must be an object"
    return None


def _size(item: Any) -> int:
    """Bytes as compact JSON."""
    return len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())


def _refusal(reason: str, field: str, message: str) -> Refusal:
    return {"reason": reason, "field": field, "message": message}
