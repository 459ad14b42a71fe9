"""What Slack checks in a message. Pure; used by the sandbox alone.

Written from facts/vendors/slack.md section 6 and 7, not from the mapper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_TEXT: Final = 40_000
MAX_BLOCKS: Final = 50
MAX_SECTION: Final = 3_000
MAX_HEADER: Final = 150
MAX_FIELDS: Final = 10
MAX_FIELD: Final = 2_000
MAX_ALL_BLOCKS: Final = 13_000
MAX_ATTACHMENTS: Final = 100

WEBHOOK_STATUSES: Final[Mapping[str, int]] = {
    "invalid_payload": 400,
    "user_not_found": 400,
    "no_text": 400,
    "missing_text_or_fallback_or_attachments": 400,
    "invalid_blocks": 400,
    "action_prohibited": 403,
    "invalid_token": 403,
    "channel_not_found": 404,
    "no_service": 404,
    "no_team": 404,
    "channel_is_archived": 410,
    "rate_limited": 429,
    "rollup_error": 500,
}
"""By the word that a webhook answers with, the status of the answer."""
_WEBHOOK_WORDS: Final[Mapping[str, str]] = {
    "no_text": "no_text",
    "invalid_blocks": "invalid_blocks",
    "msg_blocks_too_long": "invalid_blocks",
}
IGNORED_BY_WEBHOOKS: Final = frozenset({"channel", "username", "icon_url", "icon_emoji"})


def webhook_error_of(message: Any) -> str:
    """A webhook's word for what is wrong with *message*, "" for a good one."""
    if not isinstance(message, dict):
        return "invalid_payload"
    attachments = message.get("attachments")
    if isinstance(attachments, list) and not message.get("text") and not all(_has_words(each) for each in attachments):
        return "missing_text_or_fallback_or_attachments"
    error = error_of(message)
    return _WEBHOOK_WORDS.get(error, "invalid_payload") if error else ""


def _has_words(attachment: Any) -> bool:
    return isinstance(attachment, dict) and bool(attachment.get("text") or attachment.get("fallback"))


def error_of(message: dict[str, Any]) -> str:
    """Slack's word for what is wrong with *message*, "" for a good one."""
    blocks, attachments = message.get("blocks", []), message.get("attachments", [])
    if not isinstance(blocks, list) or not isinstance(attachments, list):
        return "invalid_arguments"
    if not isinstance(message.get("text", ""), str):
        return "invalid_arguments"
    if not (message.get("text", "").strip() or blocks or attachments):
        return "no_text"
    if len(attachments) > MAX_ATTACHMENTS:
        return "too_many_attachments"
    if len(blocks) > MAX_BLOCKS or not all(_is_block(block) for block in blocks):
        return "invalid_blocks"
    if sum(len(text) for block in blocks for text in _texts(block)) > MAX_ALL_BLOCKS:
        return "msg_blocks_too_long"
    return ""


def _is_block(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    match block.get("type"):
        case "section":
            fields = block.get("fields", [])
            return (
                ("text" in block or bool(fields))
                and ("text" not in block or _is_text(block["text"], MAX_SECTION))
                and isinstance(fields, list)
                and len(fields) <= MAX_FIELDS
                and all(_is_text(field, MAX_FIELD) for field in fields)
            )
        case "header":
            return _is_text(block.get("text"), MAX_HEADER) and block["text"]["type"] == "plain_text"
        case "context":
            elements = block.get("elements")
            return isinstance(elements, list) and all(_is_text(element, MAX_SECTION) for element in elements)
        case "divider":
            return True
    return False


def _is_text(value: Any, most: int) -> bool:
    return (
        isinstance(value, dict)
        and value.get("type") in ("mrkdwn", "plain_text")
        and isinstance(value.get("text"), str)
        and 0 < len(value["text"]) <= most
    )


def _texts(block: dict[str, Any]) -> Iterator[str]:
    for part in (block.get("text"), *block.get("fields", []), *block.get("elements", [])):
        if isinstance(part, dict):
            yield part["text"]
