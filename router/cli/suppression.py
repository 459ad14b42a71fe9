"""Suppression: a person's events are no longer taken or sent, and what is kept of them is erased.

    suppress ──▶ noted on disk ──▶ in force: the gateway takes none, destinations land what is under way and send none
                                      │
                                      └──▶ erased: log ──▶ rejected calls ──▶ states ──▶ noted as erased

Each step can be done again. What was not done when the router ended, or because a disk refused, is done later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from router.admin.answer import Answer
from router.clock import Clock
from router.errors import OperatorError
from router.log.erase import Erased
from router.log.interface import Engine, NotStored
from router.log.sqlite import SqliteLog
from router.rejected import RejectedCalls
from router.suppressed import NOBODY, Person, Suppressed, people_of
from router.suppressed_file import lift, note_erased, read_suppressed, read_suppressions, suppress
from router.unless import pause, unless

AGAIN_S: Final = 30.0
"""How long after a failure it is tried again to erase."""

_LOGGER = structlog.get_logger()


class Suppression:
    """The operations on suppressed people, of a daemon. First `load`, then `run`."""

    def __init__(
        self,
        path: Path,
        log: Engine,
        rejected: RejectedCalls,
        clock: Clock,
        enforce: Callable[[Suppressed], Awaitable[list[str]]],
        erase_states: Callable[[Sequence[Sequence[str]], Sequence[int]], Awaitable[Answer]],
    ) -> None:
        """
        Args:
            path: of the file of suppressed people.
            enforce: from its return on, nothing of theirs is taken or sent. It returns where that can't be said yet.
            erase_states: the operation ``erase`` of the deliveries.
        """
        self.people: Suppressed = NOBODY
        self._path = path
        self._log = log
        self._rejected = rejected
        self._clock = clock
        self._enforce = enforce
        self._erase_states = erase_states
        self._changing = asyncio.Lock()
        self._gone_from_log: set[Person] = set()
        """Suppressed people of whom the log has nothing any more, as far as this run knows."""
        self._tombstones: list[int] = []
        """The sequences of all tombstones in the log, as it was last searched."""
        self._told: list[str] = []
        """What was last told to hinder the erasing."""

    def load(self) -> None:
        """Read who is suppressed. Raises OperatorError if the file can't be read."""
        self.people = read_suppressed(self._path)

    def calls(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """The operations by the name they have on the admin socket."""
        return {"suppress": self.suppress, "lift": self.lift}

    async def suppress(self, people: Sequence[Sequence[str]]) -> Answer:
        """Suppress *people* (kind and id of each), and erase what is kept of them. Once this returns nothing of theirs is sent
        any more, unless ``problems`` names an exception.

        Raises:
            OperatorError: the log is in a cluster, or it can't be noted. Nothing has changed.
        """
        if not isinstance(self._log, SqliteLog):
            raise OperatorError(
                "the log is in a cluster, where single events can't be erased: they go when `retention.age` is over. Have the "
                "application send nothing more of this person, or block them with a `filter` of each destination"
            )
        async with self._changing:
            named = people_of(people)
            await asyncio.to_thread(suppress, self._path, named, self._clock.now())
            self.load()
            self._gone_from_log.difference_update(named)
            return await self._erase(named, await self._enforce(self.people))

    async def lift(self, people: Sequence[Sequence[str]]) -> Answer:
        """Take events of *people* again from now on. Raises OperatorError if it can't be noted."""
        async with self._changing:
            named = people_of(people)
            lifted = await asyncio.to_thread(lift, self._path, named)
            self.load()
            self._gone_from_log.difference_update(named)
            return {"lifted": lifted, "problems": await self._enforce(self.people)}

    async def run(self, stop: asyncio.Event) -> None:
        """Until *stop* is set: erase what could not be erased before."""
        while not stop.is_set():
            await unless(stop, self._go_on())
            await pause(stop, AGAIN_S)

    async def _go_on(self) -> None:
        """Erase what is left to erase, and tell what hinders that, but only once."""
        problems: list[str] = []
        try:
            async with self._changing:
                left = [each.person for each in read_suppressions(self._path) if each.erased_s is None]
                if left and isinstance(self._log, SqliteLog):
                    answer = await self._erase(left)
                    problems = answer["problems"]
                    if answer.get("left"):  # whoever has asked is not told any more
                        _LOGGER.warning(
                            "damaged files may hold events of suppressed people; remove them once they are of no use",
                            files=answer["left"],
                        )
        except OperatorError as error:
            problems = [str(error)]
        except Exception as error:  # whatever it is, all else goes on
            problems = [f"{type(error).__name__}: {error}"]
        if problems and problems != self._told:
            _LOGGER.error("not all of suppressed people could be erased, it is tried again", problems=problems)
        self._told = problems

    async def _erase(self, people: Sequence[Person], so_far: Sequence[str] = ()) -> Answer:
        """Erase what is kept of *people*. Of the log only once: nothing of theirs comes into it any more. It is all done only
        if there are no problems, *so_far* either."""
        answer: Answer = {}
        problems = list(so_far)
        try:
            answer |= await self._erase_log([person for person in people if person not in self._gone_from_log])
        except NotStored as error:
            problems.append(str(error))
        try:
            answer["rejected"] = await self._rejected.erase(Suppressed.of(people))
        except OperatorError as error:
            problems.append(str(error))
        # After the log: what a backlog gives up becomes dead letters, whosesoever it is.
        answer |= await self._erase_states([tuple(each) for each in people], self._tombstones)  # as JSON knows them
        problems += answer["problems"]
        if not problems:
            try:
                await asyncio.to_thread(note_erased, self._path, people, self._clock.now())
            except OperatorError as error:
                problems.append(str(error))
        return answer | {"problems": problems}

    async def _erase_log(self, people: Sequence[Person]) -> Answer:
        """Raises NotStored: not now."""
        assert isinstance(self._log, SqliteLog)
        erased = await self._log.erase(Suppressed.of(people)) if people else Erased()
        self._gone_from_log.update(people)
        if people:
            self._tombstones = sorted(erased.tombstones)
        return {
            "events": erased.events,
            "anonymous_ids": sorted(erased.anonymous_ids - self.people.anonymous_ids),
            "aliases": sorted(erased.aliases - erased.anonymous_ids - self.people.user_ids - self.people.anonymous_ids),
            "left": [str(path) for path in erased.left],
        }
