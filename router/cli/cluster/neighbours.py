"""The other routers that share the log, and what each tells of its config."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import structlog

from router.cli.cluster.agreement import Told, describe_difference, differing, read_word, tell
from router.config import Config
from router.delivery.sharing.claims import Claims
from router.errors import OperatorError
from router.log.jetstream.connection import ApiError, ClusterAway

_LOGGER = structlog.get_logger()


class Neighbours:
    """Methods that ask the cluster raise `OperatorError` if it does not answer."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._warned_of: list[dict[str, Any]] = []

    async def differing(self, config: Config) -> list[dict[str, Any]]:
        """Those that deliver by another config than *config*; see `agreement.differing`."""
        return differing(tell(config), await self._told())

    async def having(self, destination: str) -> list[str]:
        """Those that have *destination* in their config, whether or not they deliver."""
        return [router for router, told in (await self._told(is_of_all=True)).items() if destination in told]

    async def warn(self, config: Config) -> None:
        """Log in which ways others that deliver have another config, each once. Raises nothing."""
        with suppress(OperatorError):
            found = await self.differing(config)
            for each in found:
                if each not in self._warned_of:
                    _LOGGER.warning("another router has another config", problem=describe_difference(each))
            self._warned_of = found

    async def _told(self, is_of_all: bool = False) -> dict[str, Told]:
        """What the others that deliver, or all others, tell."""
        try:
            read = {router: read_word(word) for router, word in (await self._claims.words(is_of_all)).items()}
        except (ClusterAway, ApiError) as error:
            raise away(error) from error
        return {router: told for router, told in read.items() if told is not None}


def away(error: Exception) -> OperatorError:
    return OperatorError(
        f"the cluster that keeps the log does not answer ({error}). While it is away events are answered 503, and nothing is "
        "delivered or lost; all goes on by itself. Is a majority of its nodes up, and can this machine reach them? GET "
        "/healthz on the monitoring port of each says how it is."
    )
