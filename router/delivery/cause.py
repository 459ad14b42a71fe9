"""The cause of a dead letter: the vendor's words without what differs from event to event, so that like is counted with like.

400 user "9f1c-03" has no email at items[17]  ┐
400 user "03be-77" has no email at items[4]   ┴──▶  400 user "…" has no email at items[#]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from router.log.record import Record

MAX_CAUSE = 300
"""Characters. Reasons that differ only after them have the same cause."""
MIN_ID = 4
"""Characters. A shorter id of an event might be a word of the vendor's."""

_ID, _NUMBER = "…", "#"
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,255}")
_TIME = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)")
_QUOTED = re.compile(r"(?<!\w)'[^']{1,200}'(?!\w)|\\\"[^\"\\]{1,200}\\\"|`[^`]{1,200}`")
"""What a vendor quotes within a sentence, usually a value. The quotes of JSON itself are left out."""
_WORD = re.compile(r"[A-Za-z0-9_-]+(?:[.,][A-Za-z0-9_-]+)*")
_LIST = re.compile(rf"[{_ID}{_NUMBER}](?:[\s,;|]*[{_ID}{_NUMBER}])+")
_STATUS = re.compile(r"[1-5]\d\d")
_BEFORE_A_STATUS = re.compile(r"(?:^|(?<!\")[:;] )$")
"""The text before a status in a reason. A status stays: there are few of them, and each tells more than any word."""


def cause_of(reason: str, ids: Iterable[str] = ()) -> str:
    """The cause behind *reason*, at most `MAX_CAUSE` characters. *ids* are the event's, which a vendor may quote. Pure.

    The cause is stored with the letter, so letters of an older program may be counted apart from those of a newer one.
    """
    text = " ".join(reason.split())
    quoted = [id for id in ids if len(id) >= MIN_ID and id in text]  # a pattern per event would be slow
    for id in sorted(quoted, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(id)}(?!\w)", _ID, text)
    text = _EMAIL.sub(_ID, text)
    text = _TIME.sub(_ID, text)
    text = _QUOTED.sub(lambda found: f"{_quote(found[0])}{_ID}{_quote(found[0])}", text)
    text = _WORD.sub(_replace_word, text)
    return _LIST.sub(_ID, text)[:MAX_CAUSE].rstrip()


def cause_at(record: Record, reason: str) -> str:
    """The cause of the dead letter that *record* became for *reason*."""
    return cause_of(reason, (record.message_id, record.user_key))


def counted_as(reason: str) -> str:
    """By what name a job counts the events that are dead for *reason*."""
    return f"dead: {cause_of(reason)[:100]}"


def code_of(cause: str) -> str:
    """The code that an operator types for the cause: 6 hexadecimal digits."""
    return blake2b(cause.encode("utf-8", "replace"), digest_size=3).hexdigest()


def _quote(quoted: str) -> str:
    return '\\"' if quoted.startswith("\\") else quoted[0]


def _replace_word(found: re.Match[str]) -> str:
    """Numbers and words with digits are not the vendor's own words, so they are replaced. A status stays."""
    word = found[0]
    if not any(map(str.isdigit, word)):
        return word
    if _STATUS.fullmatch(word) and _BEFORE_A_STATUS.search(found.string, 0, found.start()):
        return word
    if not any(map(str.isalpha, word)):
        return _NUMBER
    return re.sub(r"[^.,]+", lambda part: _replace_part(part[0]), word)


def _replace_part(part: str) -> str:
    """Replace only the number in ``items.17.name``."""
    if not any(map(str.isdigit, part)):
        return part
    return _ID if any(map(str.isalpha, part)) else _NUMBER
