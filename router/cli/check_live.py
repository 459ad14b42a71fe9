"""Live checks: ``router check --live`` tries the credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from router.clock import SystemClock
from router.delivery.sending.http_send import HttpSend
from router.delivery.sending.send import CredentialsRefused, SendFailed
from router.destination import Destination
from router.guard import PluginFailed
from router.plugin import describe


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of trying one destination's credentials."""

    destination: str
    result: Literal["good", "refused", "unclear", "not tried"]
    detail: str


async def try_credentials(destinations: Sequence[tuple[Destination, float]]) -> list[Tried]:
    """Try the credentials of all destinations at once. The number beside each is its time-out in seconds. Changes nothing."""
    return list(await asyncio.gather(*(_try(destination, timeout_s) for destination, timeout_s in destinations)))


async def _try(destination: Destination, timeout_s: float) -> Tried:
    plugin, name = destination.plugin, destination.name
    check = plugin.credential_check
    if check is None:
        return Tried(
            name, "not tried", "its plugin knows of no call that changes nothing; the first delivery will tell"
        )
    endpoint = plugin.endpoint(check.endpoint)
    try:
        if not destination.calls.can_check(check):
            why = "has no call that changes nothing for these credentials; the first delivery will tell"
            return Tried(name, "not tried", f"{plugin.name} {why}")
        credentials = destination.calls.credentials(endpoint)
        request = destination.calls.check_request(check)
        send = HttpSend(destination.origins, timeout_s, 1, SystemClock())
    except PluginFailed as error:
        return Tried(name, "unclear", str(error))
    try:
        response = await send.send(request, credentials, "credential-check")
    except CredentialsRefused as error:
        return Tried(name, "refused", str(error))
    except SendFailed as error:
        return Tried(name, "unclear", f"{destination.origin_of(endpoint)}: {error}")
    except Exception as error:
        return Tried(name, "unclear", destination.calls.guard.why_unsendable(error))
    finally:
        await send.close()
    if response.is_success and response.is_page:
        return Tried(name, "unclear", f"a page in place of an answer, such as a proxy's: {describe(response)}")
    try:
        is_good = destination.calls.is_good(check, response)
    except PluginFailed as error:
        return Tried(name, "unclear", str(error))
    if is_good:
        return Tried(name, "good", f"{plugin.name} takes them")
    if response.status < 500 and response.status not in (408, 425, 429):
        return Tried(name, "refused", describe(response))
    return Tried(name, "unclear", describe(response))
