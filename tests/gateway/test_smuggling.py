"""Row 43 of the battery in facts/reliability.md: where a proxy and the router could disagree on the end of a request, the
request is refused and the connection ended, so that nothing of it can be taken for another one's.

Source: RFC 9112, sections 2.2, 5.2, 6.3, 7.1 and 11.2.
"""

from __future__ import annotations

import asyncio

import orjson
import pytest

from tests.gateway.harness import KEY, Answer, Harness, basic, read_answer

AUTHORIZATION = b"Authorization: " + basic(f"{KEY}:").encode()
BODY = orjson.dumps({"userId": "u1", "event": "e", "messageId": "outer"})
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"


def request(*headers: bytes, body: bytes = BODY, line: bytes = b"POST /v1/track HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: router.test", AUTHORIZATION, *headers, b"", b""]) + body


SMUGGLED = request(LENGTH, body=BODY.replace(b"outer", b"inner"))
"""A whole request, which stands in or behind the body of another."""


def chunks(size: bytes = b"%x" % len(BODY), end: bytes = b"\r\n", last: bytes = b"0\r\n\r\n") -> bytes:
    return size + b"\r\n" + BODY + end + last


REFUSED = {
    "both lengths": request(CHUNKED, LENGTH, body=chunks()),
    "both lengths, the other way round": request(b"Content-Length: 4", CHUNKED, body=chunks()),
    "both lengths, the whole in one": request(b"Content-Length: %d" % len(chunks() + SMUGGLED), CHUNKED, body=chunks()),
    "both lengths, one of them 0": request(b"Content-Length: 0", CHUNKED, body=chunks()),
    "two lengths": request(LENGTH, b"Content-Length: 0"),
    "the same length twice": request(LENGTH, LENGTH),
    "a list of lengths": request(LENGTH + b", %d" % len(BODY)),
    "a length with a plus": request(b"Content-Length: +%d" % len(BODY)),
    "a length below 0": request(b"Content-Length: -1"),
    "a length in hexadecimal": request(b"Content-Length: %#x" % len(BODY)),
    "a length in two parts": request(b"Content-Length: 4 8"),
    "a length with an underscore": request(b"Content-Length: 4_8"),
    "a length in other digits": request("Content-Length: ４８".encode()),
    "a length beyond 64 bits": request(b"Content-Length: 99999999999999999999"),
    "an empty length": request(b"Content-Length: "),
    "an unknown coding": request(b"Transfer-Encoding: xchunked", body=chunks()),
    "an unknown coding beside a length": request(b"Transfer-Encoding: xchunked", LENGTH),
    "identity": request(b"Transfer-Encoding: identity", LENGTH),
    "chunked, but not last": request(b"Transfer-Encoding: chunked, identity", body=chunks()),
    "chunked twice": request(CHUNKED, CHUNKED, body=chunks()),
    "a blank before the colon": request(b"Transfer-Encoding : chunked", LENGTH),
    "a vertical tab before the value": request(b"Transfer-Encoding: \x0bchunked", LENGTH),
    "chunked, folded": request(b"Transfer-Encoding:\r\n chunked", body=chunks()),
    "chunked, folded, beside a length": request(b"Transfer-Encoding:\r\n chunked", LENGTH),
    "another folded header": request(b"X-A: b\r\n c", LENGTH),
    "a blank before a header": request(b" X-A: b", LENGTH),
    "a bare LF": request(b"X-A: b\nTransfer-Encoding: chunked", LENGTH),
    "a bare CR": request(b"X-A: b\rTransfer-Encoding: chunked", LENGTH),
    "nothing but bare LFs": request(LENGTH, body=b"").replace(b"\r\n", b"\n") + BODY,
    "NUL in a name": request(b"X-\0A: b", LENGTH),
    "NUL in a value": request(b"X-A: \0b", LENGTH),
    "no name": request(b": b", LENGTH),
    "a blank in a name": request(b"X A: b", LENGTH),
    "no colon": request(b"X-A", LENGTH),
    "a chunk's extension with a bare LF": request(CHUNKED, body=chunks(b"%x;a\nb" % len(BODY))),
    "a chunk's extension with a bare CR": request(CHUNKED, body=chunks(b"%x;a\rb" % len(BODY))),
    "a chunk's extension with NUL": request(CHUNKED, body=chunks(b"%x;\0" % len(BODY))),
    "a chunk's size with a plus": request(CHUNKED, body=chunks(b"+%x" % len(BODY))),
    "a chunk's size with 0x": request(CHUNKED, body=chunks(b"%#x" % len(BODY))),
    "a chunk's size before a blank": request(CHUNKED, body=chunks(b"%x " % len(BODY))),
    "a chunk's size behind a blank": request(CHUNKED, body=chunks(b" %x" % len(BODY))),
    "a chunk's size below 0": request(CHUNKED, body=chunks(b"-1")),
    "a chunk's size beyond 64 bits": request(CHUNKED, body=chunks(b"F" * 17 + b"%x" % len(BODY))),
    "chunks that end with bare LFs": request(CHUNKED, body=chunks().replace(b"\r\n", b"\n")),
    "a chunk longer than its size": request(CHUNKED, body=chunks(end=b"x\r\n")),
    "a chunk without its end": request(CHUNKED, body=chunks(end=b"")),
    "a length in the trailer": request(CHUNKED, body=chunks(last=b"0\r\nContent-Length: 5\r\n\r\n")),
    "chunks in HTTP/1.0": request(CHUNKED, body=chunks(), line=b"POST /v1/track HTTP/1.0"),
    "HTTP/0.9": b"POST /v1/track\r\n\r\n",
    "HTTP/2": request(LENGTH, line=b"POST /v1/track HTTP/2.0"),
    "something behind the version": request(LENGTH, line=b"POST /v1/track HTTP/1.1 x"),
    "tabs in the first line": request(LENGTH, line=b"POST\t/v1/track\tHTTP/1.1"),
    "no host": request(LENGTH).replace(b"Host: router.test\r\n", b""),
    "two hosts": request(b"Host: another.test", LENGTH),
}
TAKEN = {
    "a length": request(LENGTH),
    "chunks": request(CHUNKED, body=chunks()),
    "chunks with an extension": request(CHUNKED, body=chunks(b"%x;a=b" % len(BODY))),
    "chunks with a trailer": request(CHUNKED, body=chunks(last=b"0\r\nX-A: b\r\n\r\n")),
}


async def answers_until_closed(harness: Harness, sent: bytes) -> list[Answer]:
    """What comes back, up to the end of the connection."""
    reader, writer = await harness.connect()
    answers: list[Answer] = []
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            while True:
                answers.append(await read_answer(reader))
    except (asyncio.IncompleteReadError, ConnectionError):
        return answers
    finally:
        writer.close()


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
async def test_row_43_a_request_whose_end_is_in_doubt_is_refused_with_all_that_follows(
    harness: Harness, sent: bytes
) -> None:
    answers = await answers_until_closed(harness, sent + SMUGGLED)

    assert [(answer.status, answer.json["code"]) for answer in answers] == [(400, "bad_http")]
    assert harness.log.appends == []


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
async def test_a_request_whose_end_is_plain_is_taken_and_so_is_the_next(harness: Harness, sent: bytes) -> None:
    """Else the test above would be true of anything."""
    reader, writer = await harness.connect()
    writer.write(sent + SMUGGLED)
    answers = [await read_answer(reader) for _ in range(2)]
    writer.close()

    assert [answer.status for answer in answers] == [200, 200]
    assert [entry.message_id for entry in harness.log.entries] == ["outer", "inner"]


async def test_row_43_what_is_in_a_body_is_no_request(harness: Harness) -> None:
    sent = request(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED, line=b"GET /health HTTP/1.1")

    await harness.exchange(sent)
    next_one = await harness.exchange(request(LENGTH))

    assert next_one.status == 200
    assert [entry.message_id for entry in harness.log.entries] == ["outer"]
