"""Walking an execution again: its own decisions in their order, with nodes that compute and records for all others.

Nothing here reaches a log, a clock or the world. Nodes without an effect run; what has one is taken from the records, or
stops its branch. What came from outside (signals, timers, people, children, crashes) comes again, in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from application.decisions import Decision, Kind, decisions
from application.ports import Nodes
from application.preparing import prepare_visit
from application.recorded import Attempt, Records, difference
from application.running import NodeRunner, Ran
from application.trails import Key, Passage, Trail
from domain.children import open_children
from domain.commands import (
    Begin,
    Called,
    Cancel,
    Command,
    EditState,
    Erred,
    Finish,
    FireDue,
    Observe,
    Pause,
    Recover,
    Resume,
    Retry,
    RollBack,
    Rules,
    Signal,
    Stored,
    TakeSnapshot,
    Took,
)
from domain.decide import decide_and_fold
from domain.draft import error_from_json
from domain.errors import ErrorInfo, Refused, StepFailure, Unacceptable
from domain.events import (
    BranchClosed,
    Cancelled,
    ChildObserved,
    EdgeTaken,
    ExecutionEvent,
    NodeFailed,
    NodeStarted,
    Paused,
    Recovered,
    Resumed,
    RetryScheduled,
    RolledBack,
    SignalReceived,
    SnapshotTaken,
    StateEdited,
    StateUpdated,
    Suspended,
)
from domain.evolve import evolve
from domain.execution import Execution, next_pass
from domain.json_patch import Operation, applied
from domain.node import Call
from domain.patches import Patch
from domain.position import Visit
from domain.preparing import Prepared
from domain.problems import pointer
from domain.program import Program, Step

OUTSIDE: Final = frozenset({"signal", "approval", "child"})
"""Kinds of waits whose end is somebody else's answer."""


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """What a visit is taken to come to, instead of running its node or asking the records."""

    edge: str | None = None
    output: Any = None
    patch: Patch = ()


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that stopped its branch: its result is not known. `recorded` is how it came out then, if it did."""

    passage: Passage
    reason: str
    recorded: Passage | None


class Told(NamedTuple):
    """A decision of the history, as far as it is needed to make it again. `key` is the visit's that begins or ends."""

    kind: Kind
    branch: str
    time: int
    key: Key
    events: tuple[ExecutionEvent, ...]


class History:
    """A recorded execution, read once: what was decided, what its visits came to, and what can be taken again.

    `upto` is the version that a walk is to begin at: `start` is then the execution there, at the end of the decision that
    the version is in, and `told` only what came after it. None: from the beginning, which is the first decision.
    """

    def __init__(
        self,
        events: Iterable[ExecutionEvent],
        *,
        base: Execution,
        program: Program,
        nodes: Nodes,
        upto: int | None = None,
        tick: Callable[[], None] = lambda: None,
        program_of: Callable[[str], Program] | None = None,
    ) -> None:
        self.records = Records(program, nodes, program_of=program_of)
        self.trail = Trail()
        self.told: list[Told] = []
        self.first: tuple[ExecutionEvent, ...] = ()
        self.start = self.head = base
        self.open: dict[str, Passage] = {}
        """The visits that were open at the start, by branch."""
        self.begun: dict[str, Execution] = {}
        """The execution that the visit in flight at the start was prepared on, by branch."""
        self.since = 0
        """How many visits had begun before it."""
        for decision in decisions(events, base):
            tick()
            self._take(decision, upto)

    def _take(self, decision: Decision, upto: int | None) -> None:
        before = self.head.version
        self.records.take(decision)
        for event in decision.events:
            self.trail.take(event)
        self.head = decision.after
        if not before:
            self.first = decision.events
            self.trail.begin_in(decision.after)
        if not before or (upto is not None and before < upto):
            self.start = decision.after
            self.since = len(self.trail.passages)
            self.begun = self.records.begun
            self.open = {
                name: replace(passage, writes=dict(passage.writes))
                for name, passage in self.trail.open.items()
                if _is_open(decision.after, name, passage)
            }
            return
        self.told.append(_told(decision))


def _told(decision: Decision) -> Told:
    key: Key = (0, "", "")
    if decision.kind == "begin":
        event = decision.events[0]
        if isinstance(event, NodeStarted):
            key = (decision.before.walk, event.address, event.pass_)
    elif decision.kind == "finish":
        visit = decision.before.branches[decision.branch].visit
        assert visit is not None, f"nothing is open in {decision.branch!r}"
        key = (decision.before.walk, visit.address, visit.pass_)
    keep = () if decision.kind in ("begin", "finish") else decision.events
    return Told(decision.kind, decision.branch, decision.time, key, keep)


def _is_open(execution: Execution, name: str, passage: Passage) -> bool:
    branch = execution.branches.get(name)
    visit = branch.visit if branch is not None else None
    return visit is not None and (visit.address, visit.pass_) == (passage.address, passage.pass_)


class _Run(NamedTuple):
    """A node that has run, or whose result was found, while its visit is in flight. `ran` None: it is not known."""

    ran: Ran | None
    source: Literal["node", "record", "assumed"]
    reason: str
    warnings: tuple[str, ...]


class Retracing:
    """One walk, from `start` on. `tick` is called before every visit, and may raise; `version` gives any execution as it
    was recorded at one of its versions, `program_of` the program that a retry went on by (None: it goes on by the rules').
    """

    def __init__(  # noqa: PLR0913 - what a walk needs, and what it is to do otherwise
        self,
        history: History,
        start: Execution,
        rules: Rules,
        *,
        nodes: Nodes,
        runner: NodeRunner,
        version: Callable[[str, int], Execution],
        assume: Mapping[str, Assumed] | Literal["recorded"] = {},
        tick: Callable[[], None] = lambda: None,
        program_of: Callable[[str], Program] | None = None,
    ) -> None:
        self.execution = start
        self.trail = Trail(start.walk)
        self.events: list[ExecutionEvent] | None = None
        """What was decided, if somebody wants to know."""
        self.astray = False
        """Whether something has come out otherwise than it was recorded, or could not be made again."""
        self._goals = frozenset(
            event.to for told in history.told for event in told.events[:1] if isinstance(event, RolledBack)
        )
        self._history = history
        self._rules = rules
        self._nodes = nodes
        self._runner = runner
        self._version = version
        self._assume = assume
        self._tick = tick
        self._program_of = program_of
        self._now = start.updated
        self._runs: dict[str, _Run] = {}
        self._needs: dict[Key, Need] = {}
        self._own_dues: set[Key] = set()
        """Visits whose wait has another due time than it had: it ends by that, whatever the history says."""
        self._granted: list[str] = []
        """Branches that have got their locks, and are to run."""
        self._first = start.version
        self._versions = {start.version: start}
        """The execution at the versions that somebody goes back to."""
        self._at = -1
        self._begins: dict[Key, int] = {}
        self._finishes: dict[Key, int] = {}
        for index, told in enumerate(history.told):
            if told.kind == "begin":
                self._begins[told.key] = index
            elif told.kind == "finish":
                self._finishes[told.key] = index

    @property
    def needs(self) -> list[Need]:
        """What is not known and would have to be, in order. What was still under way then is none while all is the same."""
        return [need for need in self._needs.values() if self.astray or not _is_under_way(need)]

    async def walk(self) -> Retracing:
        """Make every decision again, in order; then, where things have come otherwise, go on as far as that goes."""
        self.trail.begin_with(self._history.open.values())
        await self._begin_what_is_open()
        for index, told in enumerate(self._history.told):
            self._at = index
            await self._follow(told)
        self._at = len(self._history.told)
        if self.astray:
            await self._go_on()
        return self

    # Following what was recorded

    async def _begin_what_is_open(self) -> None:
        """Run what was in flight at the start: on what it saw when it began, or, where that is changed, on what there is."""
        now = self.execution
        changed = now is not self._history.start
        for name, branch in now.branches.items():
            visit = branch.visit
            if now.status == "running" and visit is not None and visit.wait is None and not visit.between:
                seen = now if changed else self._history.begun.get(name, now)
                self.execution = replace(seen, branches={**seen.branches, name: branch})
                await self._run(name)
        self.execution = now

    async def _follow(self, told: Told) -> None:
        if self._own_dues:
            await self._fire_own(told.time)
        self._now = told.time
        match told.kind:
            case "begin":
                if self._stands_at(told) or await self._catches_up(told):
                    await self._begin(told.branch)
                else:
                    self.astray = True
            case "finish":
                if self._is_in_flight(told.branch, told.key):
                    await self._finish(told.branch)
                elif not self._is_over(told.key):
                    self.astray = True
            case "given" | "start":
                await self._take_as_given(told)
            case _:
                await self._answer(told)

    async def _catches_up(self, told: Told) -> bool:
        """Let a branch that has come somewhere else go on until it is where the history has it. False: it can't be."""
        while self.execution.status == "running":
            name = self._nearest(told.branch)
            if name is None or self._is_over(told.key) or not self._strays(name):
                return False
            await self._advance(name)
            if self._stands_at(told):
                return True
        return False

    def _stands_at(self, told: Told) -> bool:
        """Whether the visit of a decision can begin now: as the next of its branch, or as another attempt."""
        branch = self.execution.branches.get(told.branch)
        if self.execution.status != "running" or branch is None or not told.key[1]:
            return branch is not None and self.execution.status == "running" and branch.visit is None
        if branch.visit is None:
            return branch.address == told.key[1] and next_pass(branch, branch.address) == told.key[2]
        same = (branch.visit.address, branch.visit.pass_) == told.key[1:]
        return same and _may_begin_again(branch.visit)

    def _nearest(self, name: str) -> str | None:
        """The branch of that name, or the innermost around it that is there."""
        while name not in self.execution.branches and "/" in name:
            name = name.rpartition("/")[0]
        return name if name in self.execution.branches else ("" if "" in self.execution.branches else None)

    def _strays(self, name: str) -> bool:
        """Whether the branch can go on, and nothing that is still to come in the history says when."""
        branch = self.execution.branches[name]
        visit = branch.visit
        if visit is None:
            if branch.address is None:
                return False
            key = (self.execution.walk, branch.address, next_pass(branch, branch.address))
            return self._begins.get(key, -1) <= self._at
        key = (self.execution.walk, visit.address, visit.pass_)
        if visit.wait is None and not visit.between:
            run = self._runs.get(name)
            return run is not None and run.ran is not None and self._finishes.get(key, -1) <= self._at
        return _may_begin_again(visit) and self._begins.get(key, -1) <= self._at

    def _is_in_flight(self, name: str, key: Key) -> bool:
        branch = self.execution.branches.get(name)
        visit = branch.visit if branch is not None else None
        return name in self._runs and visit is not None and (visit.address, visit.pass_) == key[1:]

    def _is_over(self, key: Key) -> bool:
        """Whether this visit was made, and has come to an end."""
        passage = self.trail.find(key)
        return passage is not None and passage.ending != "open"

    async def _take_as_given(self, told: Told) -> None:
        """What people did to the execution itself, as far as it fits; what befell it, as long as all is the same."""
        event = told.events[0]
        if isinstance(event, StateEdited | RolledBack | SnapshotTaken):
            await self._answer(told)
        elif not self.astray:
            for each in told.events:
                self.execution = evolve(self.execution, each)
                self._note(each)
            if self.events is not None:
                self.events.extend(told.events)

    async def _answer(self, told: Told) -> None:
        command = self._command(told)
        if command is None:
            return
        try:
            await self._decide(command)
        except (Refused, Unacceptable):  # it does not fit any more
            self.astray = True

    def _command(self, told: Told) -> Command | None:
        event, now = told.events[0], told.time
        match event:
            case Resumed(cause="timer" | "timeout"):
                return FireDue(now=now)
            case Resumed(cause="person"):
                return Resume(now=now, actor=event.actor, reason=event.reason, key=event.key)
            case Resumed():
                return Retry(now=now, actor=event.actor, reason=event.reason, key=event.key, into=self._into(event))
            case SignalReceived():
                return self._signal(event, told)
            case ChildObserved():
                return self._observation(event, told)
            case Paused():
                return Pause(now=now, actor=event.actor, reason=event.reason, key=event.key)
            case Cancelled():
                return Cancel(now=now, actor=event.actor, reason=event.reason, key=event.key)
            case Recovered():
                return self._recovery(event)
            case RolledBack():
                return self._rollback(event)
            case StateEdited():
                edits = tuple(Operation(op=op.op, path=op.path, value=op.value) for op in event.patch)
                return EditState(now=now, operations=edits, actor=event.actor, reason=event.reason, key=event.key)
            case SnapshotTaken():
                return TakeSnapshot(now=now, name=event.name, actor=event.actor, reason=event.reason, key=event.key)
            case _:
                raise AssertionError(f"{type(event).__name__} begins no decision of the kind {told.kind}")

    def _into(self, event: Resumed) -> Program | None:
        """The program that a retry goes on by; None: that which it ran, or which the question says."""
        if not event.definition_hash or self._program_of is None:
            return None
        return self._program_of(event.definition_hash)

    def _signal(self, event: SignalReceived, told: Told) -> Signal:
        """The signal, for the wait that took it if there is such a one."""
        taker = next((each for each in told.events if isinstance(each, Resumed)), None)
        address = event.address or (taker.address if taker is not None else "")
        open_there = [
            visit for _, visit, wait in self.execution.waits() if visit.address == address and wait.name == event.name
        ]
        number = event.visit or (taker.visit if taker is not None else 0)
        fits = any(visit.number == number for visit in open_there)
        return Signal(
            now=event.time,
            name=event.name,
            payload=event.payload,
            address=address if open_there else "",
            visit=number if fits else 0,
            actor=event.actor,
            reason=event.reason,
            key=event.key,
        )

    def _observation(self, event: ChildObserved, told: Told) -> Observe | None:
        if event.child not in open_children(self.execution):
            self.astray = True
            return None
        if not event.child_version:
            error = _reason_of(told)
            return Observe(now=event.time, child=event.child, version=0, status=event.status, error=error)
        child = self._version(event.child, event.child_version)
        error = child.failure.error if child.failure is not None and event.status == "failed" else None
        return Observe(
            now=event.time,
            child=event.child,
            version=event.child_version,
            status=event.status,
            state=child.state if event.status == "completed" else {},
            error=error,
        )

    def _rollback(self, event: RolledBack) -> RollBack | None:
        """Back to the same version, which is only known while everything has the number that it had."""
        target = self._versions.get(event.to)
        if target is None and event.to < self._first:
            target = self._version(self.execution.id, event.to)
        if self.astray or target is None:
            self.astray = True
            return None
        return RollBack(
            now=event.time, target=target, name=event.name, actor=event.actor, reason=event.reason, key=event.key
        )

    def _recovery(self, event: Recovered) -> Recover | None:
        for name, branch in self.execution.branches.items():
            if branch.visit is not None and branch.visit.wait is None:
                self._runs.pop(name, None)
        if self.execution.status not in ("running", "suspended"):
            return None
        return Recover(now=event.time, worker=event.worker, cause=event.cause)

    # Going on without a history

    async def _go_on(self) -> None:
        """Go on until all branches have ended, wait for somebody, or are not known any further."""
        while self.execution.status in ("running", "suspended"):
            name = next((name for name in self.execution.branches if self._strays(name)), None)
            if name is not None:
                await self._advance(name)
                continue
            dues = [wait.due or 0 for _, visit, wait in self.execution.waits() if self._will_fire(visit)]
            if not dues:
                return
            self._now = max(self._now, min(dues))
            await self._decide(FireDue(now=self._now))

    def _will_fire(self, visit: Visit) -> bool:
        """Whether a wait is to end by its time: not if it was still going on where the history ends."""
        if visit.wait is None or visit.wait.due is None or visit.wait.kind == "retry":
            return False
        key = (self.execution.walk, visit.address, visit.pass_)
        then = self._history.trail.find(key)
        return then is None or then.ending != "open" or key in self._own_dues

    async def _fire_own(self, time: int) -> None:
        """End the waits that have a due time of their own, and are over before that of the next decision."""
        while self._own_dues and self.execution.status in ("running", "suspended"):
            dues = [
                wait.due
                for _, visit, wait in self.execution.waits()
                if wait.due is not None and (self.execution.walk, visit.address, visit.pass_) in self._own_dues
            ]
            if not dues or min(dues) > time:
                return
            self._now = min(dues)
            await self._decide(FireDue(now=self._now))

    async def _advance(self, name: str) -> None:
        """One whole visit of a branch, or what is left of one."""
        visit = self.execution.branches[name].visit
        if visit is not None and visit.wait is not None and visit.wait.due is not None:
            self._now = max(self._now, visit.wait.due)
        if name not in self._runs:
            await self._begin(name)
        branch = self.execution.branches.get(name)
        if branch is not None and branch.visit is not None and branch.visit.wait is None and name in self._runs:
            await self._finish(name)

    # Visits

    async def _begin(self, name: str) -> None:
        self._tick()
        branch = self.execution.branches[name]
        assert branch.address is not None, f"branch {name!r} is at its end"
        step = self._rules.program.at(branch.address)
        value, prepared = self._prepare(name, step)
        known = len(self.trail.passages)
        await self._decide(Begin(now=self._now, branch=name, warnings=prepared.warnings))
        if len(self.trail.passages) > known and self._history.trail.find(self.trail.passages[-1].key) is None:
            self.astray = True
        visit = self.execution.branches[name].visit
        if self.execution.status == "running" and visit is not None and visit.wait is None:
            await self._run(name, (value, prepared))

    def _prepare(self, name: str, step: Step) -> tuple[Any, Prepared]:
        return prepare_visit(self.execution, name, step, program=self._rules.program, nodes=self._nodes)

    async def _run(self, name: str, given: tuple[Any, Prepared] | None = None) -> None:
        """Find out what a visit in flight comes to."""
        branch = self.execution.branches[name]
        assert branch.visit is not None, f"nothing is open in {name!r}"
        step = self._rules.program.at(branch.visit.address)
        value, prepared = given or self._prepare(name, step)
        run = await self._result(name, step, prepared, value)
        if branch.visit.ready:  # it has begun before, and waited for its locks
            run = run._replace(warnings=prepared.warnings)
        self._runs[name] = run
        if run.ran is None:
            passage = self.trail.open[name]
            recorded = self._history.trail.find(passage.key)
            self._needs[passage.key] = Need(passage=passage, reason=run.reason, recorded=recorded)
            if recorded is None or recorded.ending in ("taken", "failed"):
                self.astray = True

    async def _result(self, name: str, step: Step, prepared: Prepared, value: Any) -> _Run:
        assumed = self._assume.get(step.address) if not isinstance(self._assume, str) else None
        if assumed is not None:
            self._check_writes(step, assumed)
            outcome = Took(edge=assumed.edge, data=assumed.output)
            return _Run(Ran(outcome=outcome, patch=assumed.patch), "assumed", "", ())
        if prepared.failure is not None:
            return _Run(Ran(outcome=Erred(error=prepared.failure)), "node", "", ())
        if step.setter is not None:
            return _Run(Ran(outcome=Stored(value=value)), "node", "", ())
        try:
            effect = self._runner.effect(step, prepared.config)
        except StepFailure as failure:
            return _Run(Ran(outcome=Erred(error=failure.error)), "node", "", ())
        return await self._of_node(name, step, prepared, is_pure=effect == "none")

    def _check_writes(self, step: Step, assumed: Assumed) -> None:
        """Raise Unacceptable for a patch that does not apply where the step is now."""
        wanted = tuple(Operation(op=op.op, path=op.path, value=op.value) for op in assumed.patch)
        if wanted:
            most = self._rules.limits.state_bytes
            applied(self.execution.state, wanted, most=most, at=pointer("assume", step.address, "patch"))

    async def _of_node(self, name: str, step: Step, prepared: Prepared, *, is_pure: bool) -> _Run:
        branch = self.execution.branches[name]
        visit = branch.visit
        assert visit is not None, f"nothing is open in {name!r}"
        tries = visit.attempt - visit.recoveries
        attempt = self._history.records.find(self.execution.walk, visit.address, visit.pass_, tries)
        why = self._unusable(attempt, step, prepared, name)
        calls = attempt is not None and isinstance(attempt.ran.outcome, Called)
        if attempt is not None and not why and not calls:
            return _Run(attempt.ran, "record", "", ())
        if not is_pure:
            return _Run(None, "record", why, ())
        ran = await self._runner.run(self.execution, branch, step, prepared, budget=self._rules.program.budget)
        if not isinstance(ran.outcome, Called):
            return _Run(ran, "node", "", ())
        if attempt is None or why or not calls:
            return _Run(None, "record", why or "it ran no child then", ())
        return _Run(attempt.ran, "record", "", ())

    def _unusable(self, attempt: Attempt | None, step: Step, prepared: Prepared, name: str) -> str:
        """Why the record of a visit can't be taken; empty: it can."""
        if attempt is None:
            passage = self._history.trail.find(self.trail.open[name].key)
            if passage is None:
                return "it was not visited then"
            return (
                "it had not come to an end then" if passage.ending == "open" else "there is no record of this attempt"
            )
        if self._assume == "recorded" and attempt.node == step.node:
            return ""
        node = self._nodes.find(step.node)
        assert node is not None, "a step without its node is not run"
        return difference(attempt, step, node.metadata, prepared, self.execution, name)

    async def _finish(self, name: str) -> None:
        run = self._runs[name]
        if run.ran is None:
            return
        del self._runs[name]
        passage = self.trail.open[name]
        passage.source = run.source
        await self._decide(
            Finish(
                now=self._now,
                branch=name,
                outcome=run.ran.outcome,
                patch=run.ran.patch,
                reads=run.ran.reads,
                warnings=run.warnings,
                spent=run.ran.spent,
            )
        )

    async def _decide(self, command: Command) -> None:
        events, self.execution = decide_and_fold(self.execution, command, self._rules)
        for event in events:
            self._note(event)
        if self.execution.version in self._goals:
            self._versions[self.execution.version] = self.execution
        if self.events is not None:
            self.events.extend(events)
        granted, self._granted = self._granted, []
        for name in granted:
            if name in self.execution.branches and self.execution.status == "running":
                await self._run(name)

    def _note(self, event: ExecutionEvent) -> None:
        ended = self.trail.take(event)
        if isinstance(event, Resumed):
            self._woken(event)
        elif isinstance(event, BranchClosed):
            self._runs.pop(event.branch, None)
        elif isinstance(event, RolledBack):
            self._runs.clear()
        elif isinstance(event, Suspended):
            passage = self.trail.open[event.branch]
            then = self._history.trail.find(passage.key)
            if event.wait.due is not None and (then is None or event.wait.due not in then.dues):
                self._own_dues.add(passage.key)
        elif isinstance(event, ChildObserved):
            self.trail.open[event.branch].source = "record"
        if ended is not None:
            self._own_dues.discard(ended.key)
            then = self._history.trail.find(ended.key)
            if then is None or not ended.comes_out_as(then):
                self.astray = True

    def _woken(self, event: Resumed) -> None:
        if event.cause == "lock":
            self._granted.append(event.branch)
        elif event.cause == "signal" and event.branch in self.trail.open:
            self.trail.open[event.branch].source = "record"
        elif event.cause == "retry":
            self._runs.clear()
            into = self._into(event)
            if into is not None:
                self._rules = replace(self._rules, program=into)


def _reason_of(told: Told) -> ErrorInfo | None:
    """Why a child could not begin: what its parent's history says of it."""
    written: dict[str, Any] = {}
    for event in told.events:
        match event:
            case StateUpdated():
                written.update((op.path, op.value) for op in event.patch)
            case NodeFailed(error=error) | RetryScheduled(error=error) | Paused(error=error) if error is not None:
                return error_from_json(error.details)
            case EdgeTaken():
                data = written.get(event.output_at) if event.output_at else event.output
                return error_from_json(data["details"]) if isinstance(data, dict) else None
    return None


def _may_begin_again(visit: Visit) -> bool:
    return (visit.wait is not None and visit.wait.kind == "retry") or (visit.wait is None and visit.between)


def _is_under_way(need: Need) -> bool:
    return need.recorded is not None and need.recorded.ending in ("open", "cancelled")


async def called_as_asked(call: Call) -> Called:
    """What stands for a child that a node asks for: nothing is looked up, for a record must say what it was."""
    return Called(workflow=call.workflow, workflow_version=call.version, definition_hash="", initial_state={})
