"""Driving: step after step of a live execution, until it ends, parks or is paused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

from msgspec.structs import replace

from application.breakers import Breakers
from application.live import Live
from application.ports import Clock, Nodes
from application.preparing import prepare_visit
from application.reusing import Recordings
from application.running import NodeRunner, Ran
from application.slots import Slots
from domain.commands import Begin, Erred, Finish, Stored
from domain.errors import ErrorInfo, StepFailure
from domain.events import BranchClosed, ChildStarted
from domain.node import Effect
from domain.position import Visit
from domain.preparing import Prepared
from domain.program import Step

logger = logging.getLogger("clew.engine")
YIELD_STEPS: Final = 64
"""Steps after which an execution lets others have the loop."""
YIELD_S: Final = 0.002
"""Time after which it does."""


class Driver:
    """Runs the branches of live executions, at most `max_running` executions at once."""

    def __init__(
        self,
        nodes: Nodes,
        runner: NodeRunner,
        clock: Clock,
        *,
        breakers: Breakers,
        recordings: Recordings,
        worker: str,
        max_running: int,
        rested: Callable[[Live], None],
    ) -> None:
        self._nodes = nodes
        self._runner = runner
        self._clock = clock
        self._breakers = breakers
        self._recordings = recordings
        self._worker = worker
        self._slots = Slots(max_running)
        self._rested = rested
        self.stopping = False

    def wake(self, live: Live) -> None:
        """Let go of branches that are gone, and let every one that can go on do so."""
        self._let_go(live)
        if self.stopping or live.execution.status != "running":
            return
        for name in live.execution.branches:
            if name not in live.tasks and self._can_go(live, name):
                task = asyncio.get_running_loop().create_task(self._drive(live, name), name=f"clew {live.execution.id}")
                live.tasks[name] = task
                live.fresh = False
                task.add_done_callback(lambda done, name=name: self._ended(live, name, done))  # type: ignore[misc]

    def _let_go(self, live: Live) -> None:
        """Cut short what runs for branches that were cancelled, or for an execution that has ended."""
        for name, task in live.tasks.items():
            gone = live.execution.has_ended or name not in live.execution.branches
            if gone and task is not asyncio.current_task():
                self._runner.cut(task)

    def now(self, live: Live) -> int:
        """The time, which never goes back within an execution."""
        return max(self._clock.now(), live.execution.updated)

    async def _drive(self, live: Live, name: str) -> None:
        async with self._slots.hold(live.execution.priority):
            steps, since = 0, perf_counter()
            while self._can_go(live, name) and not self.stopping:
                effect = await self._visit(live, name)
                if effect == "writes":  # it waited for the disk: others have had the loop meanwhile
                    steps, since = 0, perf_counter()
                    continue
                steps += 1
                if steps >= YIELD_STEPS or perf_counter() - since >= YIELD_S:
                    if live.result_waits:
                        live.hand_over()
                    await asyncio.sleep(0)
                    steps, since = 0, perf_counter()
            if live.result_waits:
                live.hand_over()

    def _ended(self, live: Live, name: str, task: asyncio.Task[None]) -> None:
        live.tasks.pop(name, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and live.lost is None:
            logger.error("driving %s failed", live.execution.id, exc_info=error)
            live.give_up(error, now=self.now(live))
        self.wake(live)  # a command may have come between the branch's last look and this
        self._rested(live)

    async def _visit(self, live: Live, name: str) -> Effect:
        """Visit the branch's next step, and say what that could do to the world."""
        branch = live.execution.branches[name]
        assert branch.address is not None, f"branch {name!r} of {live.execution.id} is at its end"
        step = live.program.at(branch.address)
        value, prepared = prepare_visit(live.execution, name, step, program=live.program, nodes=self._nodes)
        late: tuple[str, ...] = ()
        if branch.visit is not None and branch.visit.ready:  # it has begun, and waited for its locks
            late = prepared.warnings
        else:
            live.decide(Begin(now=self.now(live), branch=name, worker=self._worker, warnings=prepared.warnings))
        visit = live.execution.branches[name].visit
        if visit is None or visit.wait is not None:  # the limit on steps; a lock that somebody has
            live.hand_over()
            return "none"
        walk = live.execution.walk
        effect, ran = await self._run(live, name, step, prepared=prepared, value=value)
        if live.result_waits:  # nothing was run, or it would have been handed over before
            live.hand_over()
        if live.lost is not None or live.execution.walk != walk or not _is_open(live, name, visit):
            return effect
        finish = Finish(
            now=self.now(live),
            branch=name,
            outcome=ran.outcome,
            patch=ran.patch,
            reads=ran.reads,
            warnings=late,
            spent=ran.spent,
            reused=ran.reused,
        )
        self._record(live, finish)
        if ran.ended is not None:  # in one append with the call: nobody begins that child
            live.begun.pop(ran.ended.child, None)
            live.decide(replace(ran.ended, now=self.now(live)))
        if live.execution.status != "running" or live.must_hand_over():
            live.hand_over()
        elif effect != "none":  # in one append with the start of the next step, which follows in this turn of the loop
            live.result_waits = True
        return effect

    def _record(self, live: Live, finish: Finish) -> None:
        """Record how a visit came out, and let others go on whom that concerns."""
        events = live.decide(finish)
        live.begun.update({event.child: event for event in events if isinstance(event, ChildStarted)})
        closed = any(isinstance(event, BranchClosed) for event in events)
        if closed or len(live.execution.branches) > 1:
            self.wake(live)
        if closed and live.children:  # some of them may not be waited for any more
            self._rested(live)

    async def _run(self, live: Live, name: str, step: Step, *, prepared: Prepared, value: Any) -> tuple[Effect, Ran]:
        if prepared.failure is not None:
            return "none", Ran(outcome=Erred(error=prepared.failure))
        if step.setter is not None:
            return "none", Ran(outcome=Stored(value=value))
        try:
            effect = self._runner.effect(step, prepared.config)
        except StepFailure as failure:
            return "none", Ran(outcome=Erred(error=failure.error))
        if live.execution.effects == "reuse":
            if live.result_waits:
                live.hand_over()
            taken = await self._recordings.take(live.execution, name, step, prepared, effect=effect)
            if taken is not None:
                return "none", taken
        admitted = self._breakers.admit(step.node, step.options.breaker)
        if isinstance(admitted, ErrorInfo):
            return "none", Ran(outcome=Erred(error=admitted))
        ran = None
        try:
            if effect == "writes":
                await live.flush()
            elif live.result_waits:
                live.hand_over()
            branch = live.execution.branches[name]
            ran = await self._runner.run(live.execution, branch, step, prepared, budget=live.program.budget)
        finally:
            self._breakers.learn(admitted, ran.outcome if ran is not None else None)
        return effect, ran

    def _can_go(self, live: Live, name: str) -> bool:
        """Whether the branch has a step to begin now: the next one, or another attempt that is due."""
        if live.lost is not None or live.execution.status != "running":
            return False
        branch = live.execution.branches.get(name)
        if branch is None:
            return False
        wait = branch.visit.wait if branch.visit is not None else None
        if wait is not None and wait.kind == "retry" and wait.due is not None:
            return wait.due <= self._clock.now()
        return branch.address is not None and wait is None


def _is_open(live: Live, name: str, visit: Visit) -> bool:
    """Whether that attempt is still what the branch is at: what a node answers after it was cancelled is refused."""
    branch = live.execution.branches.get(name)
    now = branch.visit if branch is not None else None
    return now is not None and (now.address, now.pass_, now.attempt) == (visit.address, visit.pass_, visit.attempt)
