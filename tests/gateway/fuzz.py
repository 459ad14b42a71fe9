"""Bodies to try a reader with: made by a grammar that knows what calls look like and breaks its rules now and then, and real
ones with something changed. The same seed makes the same bodies.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

from router.event import EVENT_TYPES

FIELDS: Final = (
    *("type", "userId", "anonymousId", "groupId", "previousId", "messageId", "event", "name", "category", "traits"),
    *("properties", "context", "integrations", "timestamp", "originalTimestamp", "sentAt", "channel", "version"),
    *("writeKey", "user_id"),
    *("message_id", "batch", "ip", "userAgent", "email", "createdAt", "created_at", "firstName", "address", "company", "All"),
    *("", r"\u0000", r"\ud800"),
)  # fmt: skip
TEXTS: Final = (
    *("", " ", "u1", "Order Completed", "identify", "track", "page", "32/13", "2024-08-24T14:15:22Z", "ada@example.test"),
    *("NaN", "true", r"\u0000", r"\ud83d", r"\ude00\ud83d", r"\ud83d\ude00", r"\"", r"\\", r"\u0022", r"\/", r"\n", "\n", "\t"),
    *("\x01", "\x7f", "é", "\u2028", "x" * 300),
)  # fmt: skip
NUMBERS: Final = (
    *("0", "-0", "1", "-1", "1.5", "1e3", "1E+400", "-1e-400", "NaN", "Infinity", "-Infinity", "18446744073709551615"),
    *("18446744073709551616", "-9223372036854775808", "-9223372036854775809", "9" * 30, "9" * 401, "1" + "0" * 5_000),
    *("01", "1.", ".5", "+1", "0x10"),
)  # fmt: skip
WORDS: Final = ("true", "false", "null", "undefined", "None", "'a'", "/**/1", "")
RAW: Final = (
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\x1f\x8b"),
)  # fmt: skip


class Grammar:
    """Makes one body after the other."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def body(self) -> bytes:
        chance = self._chance
        text = self._batch() if chance.random() < 0.6 else self._call()
        body = text.encode("utf-8", "surrogatepass")
        if chance.random() < 0.1:
            body = chance.choice(RAW) + body
        return mutated(body, chance) if chance.random() < 0.2 else body

    def _batch(self) -> str:
        calls = ",".join(
            self._call() if self._chance.random() < 0.9 else self._value(3) for _ in range(self._chance.randrange(6))
        )
        further = [f'"{name}":{self._value(2)}' for name in ("sentAt", "context", "integrations") if self._is_rare()]
        members = [f'"batch":[{calls}]', *further]
        self._chance.shuffle(members)
        return "{" + ",".join(members) + "}"

    def _call(self) -> str:
        usual = [f'"type":"{self._chance.choice(EVENT_TYPES)}"', '"userId":"u1"', '"event":"e"', '"groupId":"g"']
        odd = [f'"{self._chance.choice(FIELDS)}":{self._value(3)}' for _ in range(self._chance.randrange(5))]
        members = [each for each in usual if not self._is_rare()] + odd
        self._chance.shuffle(members)
        return "{" + ",".join(members) + "}"

    def _value(self, depth: int) -> str:
        chance = self._chance
        kind = chance.random()
        if kind < 0.3:
            return f'"{chance.choice(TEXTS)}"'
        if kind < 0.5:
            return chance.choice(NUMBERS)
        if kind < 0.6 or not depth:
            return chance.choice(WORDS)
        if kind < 0.62:
            levels = chance.choice((5, 99, 101, 260, 2_000))
            return "[" * levels + "]" * levels
        items = [self._value(depth - 1) for _ in range(chance.randrange(4))]
        if kind < 0.75:
            return f"[{','.join(items)}]"
        return "{" + ",".join(f'"{chance.choice(FIELDS)}":{item}' for item in items) + "}"

    def _is_rare(self) -> bool:
        return self._chance.random() < 0.15


def mutated(body: bytes, chance: random.Random) -> bytes:
    """*body* with a few things changed."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(changed) + 1)
        end = min(len(changed), start + chance.randint(1, 40))
        match chance.randrange(6):
            case 0:
                del changed[start:end]
            case 1:
                changed[start:start] = changed[start:end]
            case 2:
                changed[start:end] = chance.choice(RAW)
            case 3:
                changed[start:start] = chance.choice(NUMBERS).encode()
            case 4 if changed:
                changed[start % len(changed)] ^= 1 << chance.randrange(8)
            case _:
                del changed[start:]
    return bytes(changed)


def mutations(bodies: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Of *bodies*, without end."""
    chance = random.Random(seed)
    while True:
        yield mutated(chance.choice(bodies), chance)
