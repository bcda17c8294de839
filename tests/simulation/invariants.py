"""What must be so after anything that may happen: one checker over the log, what clients were told, and what nodes did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from application.ports import Recorded, Summary
from application.reading import execution_event, load
from application.summaries import summarise
from domain.events import (
    DefinitionStored,
    EdgeTaken,
    ExecutionEvent,
    ExecutionForked,
    NodeFailed,
    NodeStarted,
    Recovered,
    Resumed,
    RetryScheduled,
    RolledBack,
    StateEdited,
    StateUpdated,
    Suspended,
    WorkflowPublished,
)
from domain.evolve import evolve
from domain.execution import Execution
from domain.forked import base_of
from domain.patches import apply
from infrastructure.chain import broken_link
from infrastructure.memory_log import MemoryLog
from infrastructure.postgres_log import PostgresLog
from infrastructure.sqlite_log import SqliteLog
from tests.simulation.faults import Ledger

Kept = MemoryLog | SqliteLog | PostgresLog


@dataclass
class History:
    """What clients were told: executions that were accepted, and (execution, key, version) of commands that were."""

    accepted: dict[str, int] = field(default_factory=dict)
    """The position of the acknowledgement by execution."""
    commands: list[tuple[str, str, int]] = field(default_factory=list)
    answers: dict[str, set[str]] = field(default_factory=dict)
    """The executions that each submission key was answered with."""

    def accept(self, execution: str, key: str, position: int) -> None:
        """A submission was acknowledged."""
        self.accepted[execution] = position
        self.answers.setdefault(key, set()).add(execution)

    def command(self, execution: str, key: str, version: int) -> None:
        """A command was acknowledged."""
        self.commands.append((execution, key, version))


def violations(log: Kept, history: History, ledger: Ledger, *, crashes: int) -> list[str]:
    """Everything that is not as it must be, in words."""
    everything = log.follow(0, 1_000_000)
    streams = {recorded.stream for recorded in everything}
    found = [*ledger.wrong, *_positions(everything), *_acknowledged(log, history, everything)]
    for stream in sorted(streams):
        broken = broken_link(log.rows(stream))
        if broken is not None:
            found.append(f"{stream}: the chain is broken at version {broken}")
        events = log.read(stream)
        if isinstance(events[0].event, DefinitionStored | WorkflowPublished):
            continue
        found += [f"{stream}: {problem}" for problem in _execution(log, stream, events)]
    found += _effects(ledger, everything, crashes)
    return found


def _positions(everything: list[Recorded]) -> Iterator[str]:
    positions = [recorded.position for recorded in everything]
    if positions != list(range(1, len(positions) + 1)):
        yield "positions are not 1 to n"


def _acknowledged(log: Kept, history: History, everything: list[Recorded]) -> Iterator[str]:
    for execution, position in history.accepted.items():
        if not 1 <= position <= len(everything) or not log.version(execution):
            yield f"{execution} was accepted and is not in the log"
    for execution, key, version in history.commands:
        keyed = [one for one in log.read(execution) if _key(one) == key]
        if len(keyed) != 1:
            yield f"{execution}: the command {key} was acknowledged and is in the log {len(keyed)} times"
        elif version < keyed[0].version:
            yield f"{execution}: the command {key} was answered with a version before its own"
    for key, executions in history.answers.items():
        if len(executions) != 1:
            yield f"the submission {key} was answered with {sorted(executions)}"


def _key(recorded: Recorded) -> str | None:
    key = getattr(recorded.event, "key", None)
    return key.key if key is not None else None


def _execution(log: Kept, stream: str, events: list[Recorded]) -> Iterator[str]:
    if [recorded.version for recorded in events] != list(range(1, len(events) + 1)):
        yield "versions are not 1 to n"
    times = [recorded.event.time for recorded in events]
    if times != sorted(times):
        yield "time goes back"
    history = [execution_event(recorded) for recorded in events]
    base = _base(log, stream, history[0])
    if isinstance(base, str):
        yield base
        return
    yield from _folds(log, events, history, base)
    yield from _visits(history, base)
    yield from _timers(history)


def _base(log: Kept, stream: str, first: ExecutionEvent) -> Execution | str:
    """What the history is folded onto; or what is wrong with the source that a fork names."""
    if not isinstance(first, ExecutionForked):
        return Execution(id=stream)
    source = first.source
    found = log.read(source.execution, after=source.version - 1, limit=1)
    if not found or found[0].hash.hex() != source.hash:
        return f"its source {source.execution} has no version {source.version} with that hash"
    return base_of(load(log, source.execution, upto=source.version), stream)


def _folds(log: Kept, events: list[Recorded], history: list[ExecutionEvent], base: Execution) -> Iterator[str]:
    execution, row = base, None
    stream = base.id
    state = None
    for recorded, event in zip(events, history, strict=True):
        execution = evolve(execution, event)
        row = summarise(row, recorded)
        state = execution.state if state is None else _patched(state, event)
        if state != execution.state:
            yield f"the state at version {recorded.version} is not the fold of the patches"
            return
        if row is None or _row_differs(row, execution):
            yield f"the row at version {recorded.version} says something else than the fold"
            return
    if load(log, stream).state != execution.state:
        yield "what is loaded is not the fold"
    for _, visit, wait in execution.waits():
        if wait.kind == "branches" and (visit.opened is None or not visit.opened.open):
            yield f"{visit.address} waits for branches, and none is open"
    if execution.status == "running" and not execution.has_ended and _can_go_on(execution):
        yield f"it was accepted and stands still at version {execution.version}"


def _patched(state: dict[str, object], event: ExecutionEvent) -> dict[str, object]:
    return apply(state, event.patch) if isinstance(event, StateUpdated | StateEdited | RolledBack) else state


def _row_differs(row: Summary, execution: Execution) -> bool:
    if row.version != execution.version or row.end_time != execution.ended:
        return True
    # A visit that is tried again later parks its branch in the fold alone.
    return row.status != execution.status


def _can_go_on(execution: Execution) -> bool:
    return any(branch.visit is None or branch.visit.wait is None for branch in execution.branches.values())


def _visits(history: list[ExecutionEvent], base: Execution) -> Iterator[str]:
    """Each visit ends once at most; another attempt only follows a crash, a retry or a lock."""
    walk, ended = 1, Counter[tuple[int, str, str]]()
    where = {
        (name, branch.visit.address, branch.visit.number): branch.visit.pass_
        for name, branch in base.branches.items()
        if branch.visit is not None
    }
    allowed: Counter[tuple[str, int]] = Counter()
    for event in history:
        match event:
            case NodeStarted():
                where[event.branch, event.address, event.visit] = event.pass_
                if event.attempt > 1:
                    allowed[event.address, event.visit] -= 1
                    if allowed[event.address, event.visit] < 0:
                        yield f"{event.address} visit {event.visit} ran again without a crash or a retry"
            case EdgeTaken() | NodeFailed():
                ended[walk, event.address, where.get((event.branch, event.address, event.visit), "")] += 1
            case Recovered() | RetryScheduled() if event.address:
                allowed[event.address, event.visit] += 1
            case RolledBack():
                walk += 1
                where.update({(name, *place): pass_ for name, place, pass_ in _parked(event)})
            case Resumed(cause="retry"):
                walk += 1
            case Resumed(cause="person"):
                for branch, address, visit in where:
                    del branch
                    allowed[address, visit] += 1  # attempts that were used up are tried again
            case _:
                continue
    yield from (f"{address} pass {pass_} ended {n} times" for (_, address, pass_), n in ended.items() if n > 1)


def _parked(event: RolledBack) -> Iterator[tuple[str, tuple[str, int], str]]:
    """(branch, (address, visit), pass) of every visit that goes on in a new walk."""
    for name, branch in event.branches.items():
        if branch.visit is not None:
            yield name, (branch.visit.address, branch.visit.number), branch.visit.pass_


def _timers(history: list[ExecutionEvent]) -> Iterator[str]:
    due: dict[tuple[str, str, int], int] = {}
    for event in history:
        if isinstance(event, Suspended) and event.wait.due is not None:
            due[event.branch, event.address, event.visit] = event.wait.due
        early = isinstance(event, Resumed) and event.cause in ("timer", "timeout")
        if isinstance(event, Resumed) and early and event.time < due.get((event.branch, event.address, event.visit), 0):
            yield f"{event.address} was woken before its time"


def _effects(ledger: Ledger, everything: list[Recorded], crashes: int) -> Iterator[str]:
    """An effect happens once, and once more at most for each time that its visit was interrupted or tried again."""
    attempts: Counter[str] = Counter()
    for recorded in everything:
        if isinstance(recorded.event, NodeStarted):
            attempts[recorded.stream] += 1
    for execution, count in Counter(execution for execution, _, _ in ledger.order).items():
        if count > attempts[execution]:
            yield f"{execution}: nodes ran {count} times, and {attempts[execution]} beginnings are in the log"
    most = max(ledger.done.values(), default=0)
    if (
        not crashes
        and most > 1
        and not any(isinstance(one.event, RetryScheduled | Resumed | Recovered) for one in everything)
    ):
        yield "an effect happened twice under one key, without a crash or a retry"
