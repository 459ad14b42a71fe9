"""Spread: the operations of a router whose log has many partitions. It asks each partition and puts the answers together.

The states lie in the cluster, so every router gives the same answer, no matter which one delivers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from router.admin.answer import Answer, Operation
from router.admin.hole import without_holes
from router.admin.no_such_number import NoSuchNumber
from router.admin.operations import Operations
from router.admin.summed_status import summed_status
from router.admin.trace import never_accepted
from router.delivery.state.state import StateTaken, StateUnusable
from router.errors import OperatorError
from router.log.interface import Engine


class Spread:
    """The calls of `Operations`, across all partitions."""

    def __init__(
        self,
        log: Engine,
        parts: Mapping[int, Operations],
        refresh: Callable[[], Awaitable[None]],
        stuck: Callable[[], Sequence[str]],
    ) -> None:
        """*parts* are the operations of each partition. *refresh* brings their states up to date."""
        self._log = log
        self._parts = parts
        self._refresh = refresh
        self._stuck = stuck

    def calls(self) -> Mapping[str, Operation]:
        """The operations by the name they have on the admin socket."""
        return {
            "status": self.status,
            "trace": self.trace,
            "causes": self.causes,
            "dead-letters": self.dead_letters,
            "plan-discard": partial(self._plan, "plan-discard"),
            "discard": self.discard,
            "plan-retry": partial(self._plan, "plan-retry"),
            "retry": partial(self._add, "plan-retry"),
            "plan-replay": partial(self._plan, "plan-replay"),
            "replay": partial(self._add, "plan-replay"),
            "rehearse": self.rehearse,
            "jobs": self.jobs,
            "cancel": self.cancel,
            "forget": self.forget,
        }

    # --- numbers: each partition counts its letters and jobs from 1 on ---

    def _number(self, own: int, partition: int) -> int:
        """The number by which an operator knows number *own* of the partition."""
        return own * len(self._parts) + partition

    def _own(self, number: int) -> tuple[int, int]:
        """The partition, and the number within it."""
        own, partition = divmod(number, len(self._parts))
        return partition, own

    async def _ask_all(self, operation: str, arguments_of: Callable[[int], Mapping[str, Any]]) -> dict[int, Any]:
        """The answers by partition. Partitions that have nothing of the kind are left out, unless that is all of them.

        Raises:
            OperatorError: all refuse, or one state can't be read, since an answer with a hole would mislead.
        """
        await self._refresh()
        answers = await asyncio.gather(
            *(part.calls()[operation](**arguments_of(number)) for number, part in self._parts.items()),
            return_exceptions=True,
        )
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        for failure in failures:
            if not isinstance(failure, OperatorError) or isinstance(failure, StateUnusable | StateTaken):
                raise failure
        if len(failures) == len(answers):
            raise failures[0]
        return {
            number: answer
            for number, answer in zip(self._parts, answers, strict=True)
            if not isinstance(answer, BaseException)
        }

    async def _list(self, operation: str, chosen: Mapping[str, Any]) -> dict[int, Any]:
        """The lists by partition.

        Raises:
            OperatorError: one has a hole. Who reads all partitions as one list could not tell.
        """
        answers = await self._ask_all(operation, lambda partition: chosen)
        _, trouble = without_holes(entry for answer in answers.values() for entry in answer)
        if trouble is not None:
            raise trouble
        return answers

    def _chosen(self, chosen: Mapping[str, Any]) -> Callable[[int], Mapping[str, Any]]:
        """*chosen* for each partition, with only the partition's own ``ids``."""
        ids = chosen.get("ids")
        if ids is None:
            return lambda partition: chosen
        owned = [self._own(number) for number in ids]
        return lambda partition: {**chosen, "ids": [own for of, own in owned if of == partition]}

    # --- dead letters ---

    async def causes(self, **chosen: Any) -> list[Answer]:
        """As `LetterOperations.causes`."""
        answers = await self._list("causes", chosen)
        groups: dict[tuple[str, str], Answer] = {}
        for partition, answer in answers.items():
            for group in answer:
                group["example"] = self._number(group["example"], partition)
                key = group["destination"], group["cause"]
                groups[key] = add_group(groups[key], group) if key in groups else group
        return sorted(groups.values(), key=lambda group: -group["letters"])

    async def dead_letters(self, id: int | None = None, **chosen: Any) -> list[Answer]:
        """As `LetterOperations.dead_letters`, in the order in which they died."""
        if id is not None:
            await self._refresh()
            partition, own = self._own(id)
            try:
                [letter] = await self._parts[partition].calls()["dead-letters"](id=own, **chosen)
            except NoSuchNumber as error:
                raise error.known_as(id) from None
            return [letter | {"id": id}]
        answers = await self._list("dead-letters", chosen)
        letters = [
            letter | {"id": self._number(letter["id"], partition)}
            for partition, answer in answers.items()
            for letter in answer
        ]
        return sorted(letters, key=lambda letter: (letter["destination"], letter["died_s"]))[: chosen.get("limit")]

    async def discard(self, destination: str, **chosen: Any) -> Answer:
        """As `LetterOperations.discard`."""
        answers = await self._ask_all("discard", self._chosen({"destination": destination, **chosen}))
        return {"destination": destination, "discarded": sum(answer["discarded"] for answer in answers.values())}

    # --- jobs ---

    async def _plan(self, operation: str, **chosen: Any) -> list[Answer]:
        """A plan for each partition that has anything to do; if none has, one plan that does nothing."""
        answers = await self._ask_all(operation, self._chosen(chosen))
        plans = [plan for answer in answers.values() for plan in answer]
        return share_rate([plan for plan in plans if plan["total"]]) or plans[:1]

    async def _add(self, operation: str, destination: str, **chosen: Any) -> list[Answer]:
        """Add a job in all partitions or in none, since an operator who is refused asks again for all of them.

        Raises:
            OperatorError: it could not be added in one partition. The message says what became of the others.
        """
        jobs: list[Answer] = []
        for plan in await self._plan(operation, destination=destination, **chosen):
            partition = plan["spec"]["partition"]
            try:
                jobs.append(self._show_job(partition, await self._parts[partition].add(destination, plan)))
            except OperatorError as error:
                raise OperatorError(f"{error}{await self._take_back(destination, jobs)}") from error
        return jobs

    async def _take_back(self, destination: str, jobs: Sequence[Answer]) -> str:
        """Cancel *jobs*. Returns what to say about it."""
        answers = await asyncio.gather(*(self.cancel(destination, job["job"]) for job in jobs), return_exceptions=True)
        running = [
            str(job["job"]) for job, answer in zip(jobs, answers, strict=True) if isinstance(answer, BaseException)
        ]
        if running:
            return (
                f" In other partitions these jobs run, or have run: {', '.join(running)}. Cancel them before you ask for all "
                f"again: router jobs cancel {destination} {' '.join(running)}"
            )
        return " What was added in other partitions is cancelled." if jobs else ""

    def _show_job(self, partition: int, job: Answer) -> Answer:
        return job | {"job": self._number(job["job"], partition)}

    async def rehearse(self, destination: str, kind: str, spec: Answer, after: int | None = None) -> Answer:
        """As `JobOperations.rehearse`."""
        await self._refresh()
        answer: Answer = await self._parts[spec.get("partition", 0)].calls()["rehearse"](destination, kind, spec, after)
        return answer

    async def jobs(self, **chosen: Any) -> list[Answer]:
        """As `JobOperations.jobs`."""
        answers = await self._list("jobs", chosen)
        jobs = [self._show_job(partition, job) for partition, answer in answers.items() for job in answer]
        return sorted(jobs, key=lambda job: (job["destination"], job["made_s"], job["job"]))

    async def cancel(self, destination: str, job: int) -> Answer:
        """As `JobOperations.cancel`."""
        await self._refresh()
        partition, own = self._own(job)
        try:
            answer: Answer = await self._parts[partition].calls()["cancel"](destination, own)
        except NoSuchNumber as error:
            raise error.known_as(job) from None
        return answer | {"job": job}

    async def forget(self, destination: str) -> Answer:
        """As `Operations.forget`."""
        answers = await self._ask_all("forget", lambda partition: {"destination": destination})
        answer: Answer = next(iter(answers.values()))
        return answer

    # --- seeing ---

    async def trace(self, message_id: str) -> Answer:
        """As `Operations.trace`."""
        await self._refresh()
        records = await self._log.find(message_id)
        if not records:
            raise never_accepted(message_id)
        return {
            "message_id": message_id,
            "events": await asyncio.gather(*(self._parts[record.partition].trace_record(record) for record in records)),
        }

    async def status(self) -> Answer:
        """As `Operations.status`."""
        await self._refresh()
        answers = await asyncio.gather(*(part.status() for part in self._parts.values()))
        first = answers[0]
        partitions = {number: span for answer in answers for number, span in answer["log"]["partitions"].items()}
        unknown: Counter[str] = Counter()
        for answer in answers:
            unknown.update(answer["unknown_names"])
        by_name: dict[str, list[Answer]] = {}
        for partition, answer in zip(self._parts, answers, strict=True):
            for each in answer["destinations"]:
                if "jobs" in each:
                    each["jobs"] = [self._show_job(partition, job) for job in each["jobs"]]
                by_name.setdefault(each["destination"], []).append(each)
        return {
            "log": first["log"]
            | {
                "partitions": partitions,
                "size_bytes": self._log.size_bytes,
                "max_bytes": self._log.max_bytes,
                "obstacle": self._log.obstacle,
            },
            "running": any(answer["running"] for answer in answers),
            "stuck": list(self._stuck()),
            "destinations": [summed_status(parts) for parts in by_name.values()],
            "removed": sorted({name for answer in answers for name in answer["removed"]}),
            "unknown_names": dict(unknown),
            "unknown_sources": sorted({name for answer in answers for name in answer["unknown_sources"]}),
        }


def share_rate(plans: Sequence[Answer]) -> list[Answer]:
    """The plans of one order, whose rate is for all of them together: each gets a part of it by its total, so that all end at
    about the same time. Pure."""
    in_all = sum(plan["total"] for plan in plans)
    return [
        plan | {"spec": plan["spec"] | {"rate_per_s": plan["spec"]["rate_per_s"] * plan["total"] / in_all}}
        if "rate_per_s" in plan["spec"]
        else plan
        for plan in plans
    ]


def add_group(one: Answer, other: Answer) -> Answer:
    """Dead letters of one cause in two partitions. Pure."""
    oldest = min(one, other, key=lambda group: group["first_s"])
    return oldest | {
        "letters": one["letters"] + other["letters"],
        "events": one["events"] + other["events"],
        "last_s": max(one["last_s"], other["last_s"]),
    }
