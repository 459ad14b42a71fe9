"""Gathering: the operations of a router that delivers from several processes. It asks the process that has the destination, or
all of them.

The caller notices nothing of this, except that the destinations of a process that is down are shown as down, with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from router.admin.answer import Answer, Operation
from router.admin.crew import ANSWER_S, Crew, Down
from router.admin.hole import cut, hole
from router.admin.letters import NoSuchCause, most_first
from router.admin.operations import Operations
from router.admin.status import CHANGING
from router.errors import OperatorError

ERASE_S: Final = 60.0
"""How long a process may take to erase what its destinations keep of people. What is not done then is tried again."""


class Gathering:
    """The calls of `Operations`, across several crews."""

    def __init__(self, operations: Operations, crews: Sequence[Crew], stuck: Callable[[], Sequence[str]]) -> None:
        """*operations* knows all destinations and has no fleet. *stuck* speaks for the whole router."""
        self._operations = operations
        self._crews = crews
        self._stuck = stuck

    def calls(self) -> Mapping[str, Operation]:
        """The operations by the name they have on the admin socket."""
        calls = self._operations.calls()
        gathered: dict[str, Operation] = {name: partial(self._route, name, call) for name, call in calls.items()}
        for name in ("dead-letters", "jobs"):
            gathered[name] = partial(self._list, name, calls[name])
        return gathered | {"causes": self.causes, "status": self.status, "trace": self.trace, "erase": self.erase}

    async def _route(self, operation: str, call: Operation, **arguments: Any) -> Any:
        """Pass the call to the destination's crew. Calls about others, such as a destination that left the config, are answered
        here."""
        crew = self._crew_of(arguments.get("destination"))
        return await (call(**arguments) if crew is None else crew.call(operation, **arguments))

    def _crew_of(self, destination: str | None) -> Crew | None:
        return next((crew for crew in self._crews if destination in crew.names), None)

    async def _ask_all(self, operation: str, within_s: float = ANSWER_S, **arguments: Any) -> list[tuple[Crew, Any]]:
        """Each crew that has destinations, with its answer or with the `Down` that it raised."""
        crews = [crew for crew in self._crews if crew.names]
        answers = await asyncio.gather(
            *(crew.call(operation, within_s=within_s, **arguments) for crew in crews), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Down):
                raise answer
        return list(zip(crews, answers, strict=True))

    async def status(self) -> Answer:
        """As `Operations.status`. For a destination whose process is down, the answer comes from its file."""
        answers = await self._ask_all("status")
        found: dict[str, Answer] = {}
        unknown: dict[str, int] = {}
        sources: set[str] = set()
        down: dict[str, Down] = {}
        for crew, answer in answers:
            if isinstance(answer, Down):
                down |= dict.fromkeys(crew.names, answer)
                continue
            found |= {each["destination"]: each for each in answer["destinations"]}
            for name, count in answer["unknown_names"].items():  # all read the same events
                unknown[name] = max(count, unknown.get(name, 0))
            sources.update(answer["unknown_sources"])
        status = await self._operations.status(without=found)
        for each in status["destinations"]:
            name = each["destination"]
            if name in found:
                each |= found[name]
            elif name in down:
                each |= {"state": "down", "reason": str(down[name])}
            elif each["state"] in ("new", "stopped"):  # its process has not heard of it yet
                each["reason"] = CHANGING
        own = {"running": True, "stuck": list(self._stuck())}
        return status | own | {"unknown_names": unknown, "unknown_sources": sorted(sources)}

    async def trace(self, message_id: str) -> Answer:
        """As `Operations.trace`."""
        gathered: Answer = {}
        entries: dict[tuple[int, int], dict[str, Answer]] = {}
        down: dict[str, Down] = {}
        for crew, answer in await self._ask_all("trace", message_id=message_id):
            if isinstance(answer, Down):
                down |= dict.fromkeys(crew.names, answer)
                continue
            gathered = gathered or answer
            for event in answer["events"]:
                at = entries.setdefault((event["partition"], event["sequence"]), {})
                at |= {entry["destination"]: entry for entry in event["destinations"]}
        if not gathered:
            gathered = await self._operations.trace(message_id)
        for event in gathered["events"]:
            at = entries.get((event["partition"], event["sequence"]), {})
            # Anew: a process knows its own destinations alone.
            event["warnings"] = self._operations.warnings_of(event["event"])
            event["destinations"] = [
                at.get(name) or {"destination": name, "outcome": "down", "reason": str(down.get(name, ""))}
                for name in self._operations.names
            ]
        return gathered

    async def erase(self, people: Sequence[Sequence[str]], tombstones: Sequence[int]) -> Answer:
        """As `ErasureOperation.erase`."""
        names = {name for crew in self._crews for name in crew.names}
        answer = await self._operations.erase(people, tombstones, without=names)
        for crew, erased in await self._ask_all("erase", ERASE_S, people=people, tombstones=tombstones):
            if isinstance(erased, Down):
                answer["problems"].append(f"{', '.join(sorted(crew.names))}: {erased}")
                continue
            for key, found in erased.items():
                answer[key] += found
        return answer

    async def causes(self, **chosen: Any) -> list[Answer]:
        """As `LetterOperations.causes`: the most first, whichever process has them."""
        groups = await self._list("causes", self._operations.calls()["causes"], **chosen)
        return sorted(groups, key=most_first)

    async def _list(
        self,
        operation: str,
        call: Callable[..., Awaitable[list[Answer]]],
        destination: str | None = None,
        **arguments: Any,
    ) -> list[Answer]:
        """A list of `Operations` for one destination or for all, first those in the config, in its order, then those that left
        it. All processes must be up, since a list with a hole would mislead."""
        if destination is not None:
            found: list[Answer] = await self._route(operation, call, destination=destination, **arguments)
            return found
        by_name: dict[str, list[Answer]] = {}
        for _, answer in await self._ask_all(operation, **arguments):
            if isinstance(answer, Down):
                raise answer
            for entry in answer:
                by_name.setdefault(entry["destination"], []).append(entry)
        removed = self._operations.removed()
        for name in removed:
            try:
                by_name[name] = await call(destination=name, **arguments)
            except NoSuchCause:
                continue
            except OperatorError as error:
                by_name[name] = [hole(name, error)]
        entries = [entry for name in (*self._operations.names, *removed) for entry in by_name.get(name, [])]
        return cut(entries, arguments.get("limit"))
