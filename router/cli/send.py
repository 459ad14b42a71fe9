"""``router send``: post an event to a running router, as an application would."""

from __future__ import annotations

import asyncio
import codecs
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import orjson
import typer

from router.cli.config_file import check_name, read_config
from router.cli.event_file import EventFile, no_event_in, read_file, read_lines
from router.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from router.cli.output import console, print_json, say
from router.errors import OperatorError
from router.event import EVENT_TYPES
from router.gateway.document import parse_json
from router.gateway.refusal import Refused

TIMEOUT_S = 30.0


def send(
    file: EventFile,
    config: ConfigPath = DEFAULT_CONFIG,
    source: Annotated[
        str | None, typer.Option(help="The source to send as; without it, the first in the config.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send events to the router that runs with this config, and show the receipt: one event, a list of them as one batch, or
    one a line, in batches as big as a request may be. Exits with 1 if any event was not taken.

    Example: `echo '{"type": "track", "userId": "u1", "event": "Order Completed"}' | router send -`
    """
    settings, _ = read_config(config)
    name = source or next(iter(settings.sources))
    check_name("source", name, settings.sources, config)
    requests = _read(file, settings.server.max_events, settings.server.max_body_bytes)
    key = settings.sources[name].keys[0]
    host = "127.0.0.1" if settings.server.host in ("0.0.0.0", "::") else settings.server.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}/v1/"
    receipt, is_accepted = asyncio.run(_post_all(url, requests, key, config))
    if as_json:
        print_json(receipt)
    else:
        _print(receipt, is_accepted)
    raise typer.Exit(1 if not is_accepted or receipt.get("rejected") else 0)


def _print(receipt: dict[str, Any], is_accepted: bool) -> None:
    if not is_accepted:
        say(f"refused: {receipt.get('code')}: {receipt.get('message')}")
    elif "messageId" in receipt:
        if receipt.get("suppressed"):
            console.print("not stored: nothing of this person is taken (router suppressed list)")
            return
        what = "known already, not sent again" if receipt.get("duplicate") else "accepted, it is on disk"
        say(f"{what}. What becomes of it: router trace {receipt['messageId']}")
        for warning in receipt.get("warnings", ()):
            say(f"warning: {warning}")
    else:
        counts = (
            f"{receipt[key]} {key}" for key in ("accepted", "duplicate", "suppressed", "rejected") if key in receipt
        )
        console.print(", ".join(counts))
        for each in receipt["rejections"]:
            where = f"event {each['index']}: {each['field'] or each['code']}"
            say(f"{where}: expected {each['expected']}, found {each['found']}")
        for each in receipt.get("warnings", ()):
            for warning in each["warnings"]:
                say(f"event {each['index']}: warning: {warning}")


def _read(file: str, max_events: int, max_bytes: int) -> list[tuple[str, bytes]]:
    """What to post, each with the path to post it to: the file as it is, odd JSON included. Lines are put together, at most
    *max_events* of them and about *max_bytes*."""
    data = read_file(file)
    try:
        body = parse_json(data)
    except Refused as refused:
        lines = [line for line, _ in read_lines(file, data, refused)]
        if not lines:
            raise OperatorError(no_event_in(file)) from None
        return [("batch", b'{"batch":[' + b",".join(part) + b"]}") for part in _parts(lines, max_events, max_bytes)]
    if isinstance(body, list):
        return [("batch", b'{"batch":' + data.removeprefix(codecs.BOM_UTF8) + b"}")]
    if not isinstance(body, dict):
        raise OperatorError(f"{file}: expected one event (an object) or a list of them")
    kind = body.get("type")
    if kind in EVENT_TYPES:
        return [(kind, data)]
    if "batch" in body:
        return [("batch", data)]
    found = "nothing" if kind is None else repr(kind)[:100]
    raise OperatorError(f"{file}: type: expected one of {', '.join(EVENT_TYPES)}, found {found}")


def _parts(lines: Sequence[bytes], max_events: int, max_bytes: int) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = len(b'{"batch":[]}')
    for line in lines:
        if part and (len(part) == max_events or size + len(line) + 1 > max_bytes):
            yield part
            part, size = [], len(b'{"batch":[]}')
        part.append(line)
        size += len(line) + 1
    yield part


def key_header(key: str) -> dict[str, str]:
    """The write key as SDKs send it: as the user of HTTP Basic, without a password."""
    return {"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}


def _read_receipt(url: str, status: int, body: bytes) -> dict[str, Any]:
    """The receipt in an answer.

    Raises:
        OperatorError: the answer is not a router's, but perhaps a proxy's.
    """
    try:
        receipt = orjson.loads(body)
    except orjson.JSONDecodeError:
        receipt = None
    if not isinstance(receipt, dict) or ("success" if status == 200 else "code") not in receipt:
        raise OperatorError(
            f"{url}: answered {status}, and not as a router does. Another program is at this address; see `server` in the "
            "config."
        )
    return receipt


async def _post_all(
    url: str, requests: Sequence[tuple[str, bytes]], key: str, config: Path
) -> tuple[dict[str, Any], bool]:
    """Post one after the other, until one is refused. Returns the receipt, and whether the last one was accepted."""
    (path, body), *further = requests
    receipt, is_accepted = await _post(url + path, body, key, config)
    for path, body in further if is_accepted else ():
        try:
            more, is_accepted = await _post(url + path, body, key, config)
        except OperatorError as error:
            raise OperatorError(f"{_so_far(receipt)}: {error}") from error
        if not is_accepted:
            return more | {"message": f"{_so_far(receipt)}: {more.get('message')}"}, False
        receipt = _joined(receipt, more)
    return receipt, is_accepted


def _so_far(receipt: dict[str, Any]) -> str:
    return f"{receipt['accepted']} events were accepted before this (sent again with the same messageId they are duplicates)"


def _joined(receipt: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The receipt of two batches as if they were one."""
    before = receipt["accepted"] + receipt["duplicate"] + receipt["rejected"]
    joined = receipt | {name: receipt[name] + more[name] for name in ("accepted", "duplicate", "rejected")}
    for name in ("rejections", "warnings"):
        shifted = [
            {key: value + before if key in ("index", "through") else value for key, value in each.items()}
            for each in more.get(name, ())
        ]
        if shifted or name in receipt:
            joined[name] = [*receipt.get(name, ()), *shifted]
    return joined


async def _post(url: str, body: bytes, key: str, config: Path) -> tuple[dict[str, Any], bool]:
    try:
        async with (
            aiohttp.ClientSession(headers=key_header(key), timeout=aiohttp.ClientTimeout(TIMEOUT_S)) as session,
            session.post(url, data=body) as response,
        ):
            return _read_receipt(url, response.status, await response.read()), response.status == 200
    except TimeoutError as error:
        raise OperatorError(
            f"{url}: no answer within {TIMEOUT_S:g} s. The router is busy, or stands still: see whether GET /health answers. "
            "The event may have been taken; sent again with the same messageId it is a duplicate."
        ) from error
    except aiohttp.ClientError as error:
        raise OperatorError(
            f"no router answers at {url} ({error}). Start it with: router run --config {config}"
        ) from error
