"""Operations that send events again: retries of dead letters, replays of the log, and rehearsals of both."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Literal

from router.admin.answer import Answer
from router.admin.letters import LetterOperations
from router.admin.no_such_number import NoSuchNumber
from router.admin.outlook import Outlook
from router.admin.reach import Reach
from router.delivery.jobs.forecast import forecast
from router.delivery.jobs.selection import LOST, select
from router.delivery.jobs.span import span_of
from router.delivery.jobs.spec import ReplaySpec, RetrySpec
from router.delivery.rounds import AT_A_STRETCH
from router.delivery.state.changes import Job
from router.delivery.state.state import State, StateUnusable
from router.destination import Destination
from router.log.record import last_of

STRETCH = 500
"""Events in one call of a rehearsal, which runs in the daemon beside everything else."""


class JobOperations:
    """Every method takes and returns JSON; see `Operations`."""

    def __init__(self, reach: Reach, letters: LetterOperations) -> None:
        self._reach = reach
        self._letters = letters

    async def jobs(self, destination: str | None = None) -> list[Answer]:
        """Replays and retries of a destination, or of all, with how far each has come."""

        async def jobs_of(name: str) -> list[Answer]:
            return [self._show(name, job) for job in await self._reach.ask(name, lambda state: state.jobs())]

        return await self._reach.gather(destination, jobs_of)

    async def cancel(self, destination: str, job: int) -> Answer:
        """Stop a job: what is in a request lands, the rest is not sent."""
        worker = self._reach.worker(destination)

        async def note() -> bool:
            return await self._reach.ask(destination, lambda state: state.cancel_job(job))

        if worker is not None and worker.jobs.cancel(job):
            with suppress(StateUnusable):  # a disk that takes nothing just now: it has stopped all the same
                await note()  # else a crash after the answer would have it go on
        elif not await note():
            raise NoSuchNumber(
                job,
                lambda job: f"{destination}: no job {job} is running; see them with: router jobs list {destination}",
            )
        return {"destination": destination, "job": job, "cancelled": True}

    # --- dead letters again ---

    async def plan_retry(
        self,
        destination: str,
        ids: list[int] | None = None,
        reason: str | None = None,
        cause: str | None = None,
        rate_per_s: float | None = None,
        is_historical: bool = False,
    ) -> list[Answer]:
        """What a retry would do: one plan per partition, for `rehearse`."""
        self._reach.configured(destination)
        choice = await self._letters.choose(destination, ids, reason, cause)
        spec = RetrySpec(
            partition=self._reach.log.partitions[0],
            up_to=choice.up_to or 0,
            ids=ids,
            reason=reason,
            cause=choice.cause,
            rate_per_s=rate_per_s,
            is_historical=is_historical,
        )
        total = await self._reach.ask(destination, lambda state: state.letters.count(choice))
        return [{"kind": "retry", "spec": spec.model_dump(exclude_none=True), "total": total}]

    async def retry(self, destination: str, **chosen: Any) -> list[Answer]:
        """Send dead letters again: those that `plan_retry` finds for *chosen*."""
        return [await self.add(destination, plan) for plan in await self.plan_retry(destination, **chosen)]

    # --- the log again ---

    async def plan_replay(self, destination: str, **chosen: Any) -> list[Answer]:
        """What a replay would do: one plan per partition, for `rehearse`. *chosen* are fields of `ReplaySpec`."""
        self._reach.configured(destination)
        plans = []
        for partition in self._reach.log.partitions:
            first, last = await span_of(self._reach.log, partition, chosen.get("since_s"), chosen.get("until_s"))
            spec = ReplaySpec(partition=partition, first=first, last=last, **chosen)
            total = max(0, last - first + 1)
            plans.append({"kind": "replay", "spec": spec.model_dump(exclude_none=True), "total": total})
        return plans

    async def replay(self, destination: str, **chosen: Any) -> list[Answer]:
        """Send events of the log again, with one job per partition. The events' own flags and consent decide as before."""
        return [await self.add(destination, plan) for plan in await self.plan_replay(destination, **chosen)]

    async def add(self, destination: str, plan: Answer) -> Answer:
        """Note a job that does what the plan says."""

        def add(state: State) -> Job:
            return state.add_job(plan["kind"], plan["spec"], plan["total"], self._reach.clock.now())

        job = await self._reach.ask(destination, add)
        worker = self._reach.worker(destination)
        if worker is not None:
            worker.jobs.wake()
        return self._show(destination, job)

    # --- what it would come to ---

    async def rehearse(
        self, destination: str, kind: Literal["retry", "replay"], spec: Answer, after: int | None = None
    ) -> Answer:
        """What would become of one stretch of a plan's events: counts, and where the next stretch begins (None: there is
        none)."""
        target = self._reach.destination(destination)
        if kind == "retry":
            return await self._rehearse_retry(target, RetrySpec.model_validate(spec), after or 0)
        replay = ReplaySpec.model_validate(spec)
        return await self._rehearse_replay(target, replay, replay.first - 1 if after is None else after)

    async def _rehearse_retry(self, destination: Destination, spec: RetrySpec, after: int) -> Answer:
        letters = await self._reach.ask(
            destination.name, lambda state: state.letters.find(spec.choice(), after=after, limit=STRETCH)
        )
        outlook, now_s = Outlook(), self._reach.clock.now()
        for number, letter in enumerate(letters):
            await _give_way(number)
            if letter.is_empty:
                outlook.left[LOST] += letter.events
                continue
            found = forecast(destination, letter.record, now_s, spec.is_historical, letter.settled)
            outlook.note(found, "dead letter")
        return {
            "outlook": outlook.answer(),
            "looked_at": len(letters),
            "after": letters[-1].id if len(letters) == STRETCH else None,
        }

    async def _rehearse_replay(self, destination: Destination, spec: ReplaySpec, after: int) -> Answer:
        outlook, now_s = Outlook(), self._reach.clock.now()
        if after >= spec.last:
            return {"outlook": outlook.answer(), "looked_at": 0, "after": None}
        records = await self._reach.log.read(spec.partition, after, min(STRETCH, spec.last - after))
        end = max([after, *map(last_of, records)])
        earlier = await self._reach.ask(
            destination.name, lambda state: state.earlier(spec.partition, after + 1, min(end, spec.last))
        )
        stretch = select(spec, records, earlier, after)
        for _, why, events in stretch.passed:
            outlook.left[why] += events
        for number, (record, before) in enumerate(stretch.chosen):
            await _give_way(number)
            outlook.note(forecast(destination, record, now_s, spec.is_historical), before or "none")
        return {
            "outlook": outlook.answer(),
            "looked_at": stretch.last - after,
            "after": stretch.last if stretch.last < spec.last else None,
        }

    def _show(self, destination: str, job: Job) -> Answer:
        return show_job(destination, job) | {"running": self._reach.is_at_work(destination)}


async def _give_way(number: int) -> None:
    if number % AT_A_STRETCH == 0:
        await asyncio.sleep(0)


def show_job(destination: str, job: Job) -> Answer:
    """A job as JSON. ``done`` of ``total`` (events looked at, or dead letters) is how far it has come."""
    done = sum(job.counts.values()) if job.kind == "retry" else max(0, job.cursor - job.spec.get("first", 1) + 1)
    return {
        "destination": destination,
        "job": job.id,
        "kind": job.kind,
        "spec": job.spec,
        "state": job.state,
        "total": job.total,
        "done": min(done, job.total),
        "counts": job.counts,
        "reasons": job.reasons,
        "made_s": job.made_s,
    }
