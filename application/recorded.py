"""What the visits of an execution came to, to be taken again instead of running their nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from application.decisions import Decision, decisions
from application.preparing import prepare_visit
from application.running import Ran
from domain.commands import Called, Ended, Erred, Forked, Marked, Outcome, Parked, Passed, Took
from domain.draft import error_from_json
from domain.events import (
    BranchesOpened,
    ChildStarted,
    Completed,
    EdgeTaken,
    ExecutionEvent,
    NodeFailed,
    Paused,
    Resumed,
    RetryScheduled,
    SnapshotTaken,
    StateUpdated,
    Suspended,
)
from domain.execution import ROOT, Execution
from domain.node import Fork, NodeCatalog, NodeMetadata, Park, Pass, WorkflowNode
from domain.patches import ABSENT, Op, Patch, escape
from domain.position import Branch, Frame, Visit
from domain.preparing import Prepared, inputs_of
from domain.program import END, Program, Route, Step
from domain.taking import left_by

SURROUNDINGS: Final = frozenset({"CIRCUIT_OPEN", "NODE_TIMEOUT"})
"""Errors that come from what was going on around a node: running it again would not show them."""
WHOLE: Final = "*"
"""What stands for all keys of the state among those that a node has read."""
SHORT: Final = 32
"""Bytes of an encoded value below which it stands for itself."""

_encode = msgspec.json.Encoder(order="deterministic").encode
Fingerprints = dict[str, bytes]


def fingerprint(value: Any) -> bytes:
    """A few bytes that are the same for the same JSON value, whatever the order of its keys, and for no other."""
    if value is ABSENT:
        return b""
    encoded = _encode(value)
    return encoded if len(encoded) < SHORT else sha256(encoded).digest()


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that came to its end: what is to be recorded of it, and what it was made with.

    `parameters` are the resolved ones (None: they could not be resolved again), `inputs` those of `metadata.inputs` that
    came along the edge before, `reads` the top-level keys that the node read itself; of each its fingerprint. `started` is
    the time of its `NodeStarted`, `ended` that of its end, which began with the event of this `version`; `child` is the
    execution that it called.
    """

    node: str
    ran: Ran
    started: int
    ended: int = 0
    version: int = 0
    child: str = ""
    parameters: Fingerprints | None
    inputs: Fingerprints = {}
    reads: Fingerprints = {}


class Records:
    """The attempts of one execution that can be taken again: those of nodes that have an effect, and what came of the
    surroundings of others.
    """

    def __init__(
        self, program: Program, nodes: NodeCatalog, *, program_of: Callable[[str], Program] | None = None
    ) -> None:
        """`program_of` finds the program that an execution has gone on by (None: it is not looked for)."""
        self._program = program
        self._program_of = program_of
        self._nodes = nodes
        self._attempts: dict[tuple[int, str, str], list[Attempt | None]] = {}
        self._walks: dict[tuple[str, str], int] = {}
        self._begun: dict[str, tuple[int, Execution]] = {}
        """By branch: when its visit began, and the execution that it was prepared on."""

    @classmethod
    def of(cls, events: Iterable[ExecutionEvent], program: Program, nodes: NodeCatalog, *, base: Execution) -> Records:
        """Those of a history that follows `base`. `program` is what that ran."""
        records = cls(program, nodes)
        for decision in decisions(events, base):
            records.take(decision)
        return records

    def take(self, decision: Decision) -> None:
        """Take in one decision more."""
        if decision.kind == "begin":
            self._begun[decision.branch] = (decision.time, decision.before)
        elif decision.kind == "finish":
            self._finished(decision)
        for event in decision.events:
            if isinstance(event, Resumed) and event.definition_hash and self._program_of is not None:
                self._program = self._program_of(event.definition_hash)
            if isinstance(event, Resumed) and event.cause == "lock":
                branch = decision.after.branches.get(event.branch)
                visit = branch.visit if branch is not None else None
                self._begun[event.branch] = (visit.started if visit is not None else event.time, decision.after)

    @property
    def begun(self) -> dict[str, Execution]:
        """By branch, the execution that the visit which is in flight there was prepared on."""
        return {name: execution for name, (_, execution) in self._begun.items()}

    def find(self, walk: int, address: str, pass_: str, tries: int = 1) -> Attempt | None:
        """The attempt of a visit that has this number, those that a crash cut short not counted.

        One of another walk if this one has not come to that visit.
        """
        found = self._attempts.get((walk, address, pass_))
        if found is None:
            walk = self._walks.get((address, pass_), 0)
            found = self._attempts.get((walk, address, pass_), [])
        return found[tries - 1] if tries <= len(found) else None

    def last(self, walk: int, address: str, pass_: str) -> Attempt | None:
        """The last attempt of a visit; of another walk if this one has not come to that visit."""
        for known in (walk, self._walks.get((address, pass_), 0)):
            attempts = self._attempts.get((known, address, pass_))
            if attempts:
                return attempts[-1]
        return None

    def _finished(self, decision: Decision) -> None:
        branch = decision.before.branches[decision.branch]
        visit = branch.visit
        assert visit is not None, f"a visit in {decision.branch!r} ends that has not begun"
        begun = self._begun.pop(decision.branch, None)
        self._attempts.setdefault((decision.before.walk, visit.address, visit.pass_), []).append(
            self._attempt(decision, branch, visit, begun) if visit.address in self._program.index else None
        )
        self._walks[visit.address, visit.pass_] = decision.before.walk

    def _attempt(
        self, decision: Decision, branch: Branch, visit: Visit, begun: tuple[int, Execution] | None
    ) -> Attempt | None:
        step = self._program.at(visit.address)
        node = self._nodes.find(step.node) if step.setter is None else None
        if node is None:
            return None
        pure = node.metadata.effect == "none" and not node.metadata.effects
        if pure and not _is_of_surroundings(decision):
            return None
        started, before = begun if begun is not None else (visit.started, decision.before)
        _, prepared = prepare_visit(before, decision.branch, step, program=self._program, nodes=self._nodes)
        if prepared.failure is not None or (_effect(node, prepared) == "none" and not _is_of_surroundings(decision)):
            return None
        ran = ran_of(decision, step, branch, visit, prepared=prepared)
        return Attempt(
            node=step.node,
            ran=ran,
            started=started,
            ended=decision.time,
            version=decision.before.version + 1,
            child=next((event.child for event in decision.events if isinstance(event, ChildStarted)), ""),
            parameters=_all(prepared.config),
            inputs=_inputs(node.metadata, prepared, before.branches[decision.branch]),
            reads=_read(before.state, ran.reads),
        )


def difference(
    attempt: Attempt, step: Step, metadata: NodeMetadata, prepared: Prepared, on: Execution, name: str
) -> str:
    """Why an attempt can't be taken again for a visit of a branch that is prepared on an execution; empty: it can."""
    if attempt.node != step.node:
        return f"it ran the node {attempt.node} then"
    if attempt.parameters is None:
        return "its parameters of then can't be resolved again"
    for what, then, now in (
        ("parameter", attempt.parameters, _all(prepared.config)),
        ("input", attempt.inputs, _inputs(metadata, prepared, on.branches[name])),
        ("state key", attempt.reads, _read(on.state, attempt.reads)),
    ):
        other = [key for key in {**then, **now} if then.get(key) != now.get(key)]
        if other == [WHOLE]:
            return "it read the whole state, which is different"
        if other:
            many = "s" if len(other) > 1 else ""
            return f"its {what}{many} {', '.join(sorted(other))} {'are' if many else 'is'} different"
    return ""


def usable(attempt: Attempt, step: Step, metadata: NodeMetadata, prepared: Prepared, on: Execution, name: str) -> bool:
    """Whether an attempt can be taken again: node, resolved parameters and what the node read beyond them are the same."""
    return not difference(attempt, step, metadata, prepared, on, name)


def _effect(node: WorkflowNode, prepared: Prepared) -> str:
    try:
        return node.effect(prepared.config)
    except Exception:  # noqa: BLE001 - the node's own: it did not run then
        return "none"


def _is_of_surroundings(decision: Decision) -> bool:
    """Whether a visit came to something that its node alone could not say: a child, or an error from around it."""
    patch: Patch = ()
    for event in decision.events:
        match event:
            case StateUpdated():
                patch = event.patch
            case ChildStarted():
                return True
            case NodeFailed(error=error) | RetryScheduled(error=error) | Paused(error=error) if error is not None:
                return error.code in SURROUNDINGS
            case EdgeTaken():
                data = _data(event, patch) if event.edge == "error" else None
                return isinstance(data, dict) and data.get("code") in SURROUNDINGS
    return False


def _all(values: Mapping[str, Any]) -> Fingerprints:
    return {name: fingerprint(value) for name, value in values.items()}


def _inputs(metadata: NodeMetadata, prepared: Prepared, branch: Branch) -> Fingerprints:
    if not metadata.inputs:
        return {}
    found, _ = inputs_of(metadata, {}, branch.input, {})
    return {name: fingerprint(value) for name, value in found.items() if name not in prepared.config}


def _read(state: Mapping[str, Any], keys: Iterable[str]) -> Fingerprints:
    return {key: fingerprint(state if key == WHOLE else state.get(key, ABSENT)) for key in keys}


# -- from events back to what a node did --------------------------------------------------------------------------------


def ran_of(decision: Decision, step: Step, branch: Branch, visit: Visit, *, prepared: Prepared) -> Ran:
    """What an attempt did, as it could be recorded again: from the decision that its end led to."""
    patch: Patch = ()
    for event in decision.events:
        if getattr(event, "branch", None) != decision.branch:
            continue
        match event:
            case StateUpdated():
                patch = event.patch
            case SnapshotTaken(name=name):
                marked = Marked(name=name)
                return Ran(outcome=marked, patch=_own(patch, decision, step, branch), reads=_reads(decision))
            case EdgeTaken():
                outcome = _taken(event, patch, decision, step, prepared=prepared)
                own = _own(patch, decision, step, branch, outcome=outcome)
                return Ran(outcome=outcome, patch=own, reads=event.reads, spent=event.spent)
            case NodeFailed():
                return Ran(outcome=Erred(error=event.error), patch=patch, reads=event.reads, spent=event.spent)
            case RetryScheduled():
                return Ran(outcome=Erred(error=event.error), reads=event.reads, spent=event.spent)
            case Paused(error=error) if error is not None:  # it does not say what the node has read
                return Ran(outcome=Erred(error=error), reads=(WHOLE,), spent=event.spent)
            case ChildStarted():
                return Ran(outcome=_called(event, decision), patch=patch)
            case Suspended():
                return Ran(outcome=_parked(event), patch=patch, spent=event.spent)
            case BranchesOpened():
                return Ran(outcome=_forked(event), patch=patch, spent=event.spent)
    raise AssertionError(f"{decision.before.id}: nothing says how {visit.address} came out")


def _reads(decision: Decision) -> tuple[str, ...]:
    return next((event.reads for event in decision.events if isinstance(event, EdgeTaken)), ())


def _data(event: EdgeTaken, patch: Patch) -> Any:
    """The edge's data, which the visit's own patch may have."""
    if event.output_at:
        return next(op.value for op in reversed(patch) if op.path == event.output_at)
    return None if event.output is msgspec.UNSET else event.output


def _taken(event: EdgeTaken, patch: Patch, decision: Decision, step: Step, *, prepared: Prepared) -> Outcome:
    data = _data(event, patch)
    if event.edge == "error" and isinstance(data, dict):
        return Erred(error=error_from_json(data))
    if _ends_all(event, decision, step):
        return Ended(result=next((op.value for op in patch if op.path == "/result"), msgspec.UNSET))
    route = step.routes.get(event.edge or "", step.next)
    frame = _frame(decision, step) if route.body else None
    if frame is not None and (frame.saved or frame.unset or frame.parameters is not None):
        state = decision.after.state
        bind = {key: state[key] for key in (*frame.saved, *frame.unset) if key in state}
        bounded = isinstance(data, dict) and type(data.get("total")) is int
        answer = Pass(edge=event.edge or "", data=data, bind=bind, bounded=bounded)
        return Passed(answer=answer, parameters=prepared.config if prepared.entering and frame.parameters else None)
    return Took(edge=event.edge, data=data)


def _ends_all(event: EdgeTaken, decision: Decision, step: Step) -> bool:
    """Whether the node asked for the execution's end (`end`), and not its route."""
    following = next(iter(decision.events[decision.events.index(event) + 1 :]), None)
    if event.edge is not None or not isinstance(following, Completed):
        return False
    return decision.branch != ROOT or step.next.target != END


def _frame(decision: Decision, step: Step) -> Frame | None:
    """The frame of a loop step, whose pass has begun."""
    branch = decision.after.branches.get(decision.branch)
    return branch.frames[step.depth] if branch is not None and len(branch.frames) > step.depth else None


def _called(event: ChildStarted, decision: Decision) -> Called:
    wait = next((each.wait for each in decision.events if isinstance(each, Suspended)), None)
    return Called(
        workflow=event.workflow,
        workflow_version=event.workflow_version,
        definition_hash=event.definition_hash,
        initial_state=event.initial_state,
        due=wait.due if wait is not None else None,
    )


def _parked(event: Suspended) -> Outcome:
    wait = event.wait
    assert wait.kind in ("timer", "signal", "approval"), f"no node asks for a wait of the kind {wait.kind}"
    park = Park(
        kind=wait.kind,
        name=wait.name,
        due=wait.due,
        schema=wait.schema,
        choices=wait.choices,
        about=wait.about,
    )
    return Parked(answer=park)


def _forked(event: BranchesOpened) -> Forked:
    joining = event.joining
    assert joining is not None, "further passes are nothing that a node asks for"
    if joining.items is msgspec.UNSET:
        return Forked(answer=Fork(wanted=joining.wanted, collect=joining.collect))
    return Forked(answer=Fork(items=joining.items, edge=joining.edge))


def _own(patch: Patch, decision: Decision, step: Step, branch: Branch, *, outcome: Outcome | None = None) -> Patch:
    """What the node wrote itself: the patch without what was written for it, at its end (see `domain.taking.take`)."""
    event = next(each for each in decision.events if isinstance(each, EdgeTaken) and each.branch == decision.branch)
    ops = list(patch)
    if event.output_at:
        _drop(ops, {event.output_at})
    if isinstance(outcome, Ended):
        _drop(ops, {"/result"})
    if isinstance(outcome, Passed):
        _drop(ops, _pointers(outcome.answer.bind))
    ends = isinstance(outcome, Ended)
    route = Route(kind="end") if ends else step.routes.get(event.edge or "", step.next)
    for frame in left_by(decision.before, branch, route):
        _drop(ops, _pointers((*frame.saved, *frame.unset)))
    return tuple(ops)


def _drop(ops: list[Op], paths: set[str]) -> None:
    """Take away the operations at the end that are about these paths, one for each."""
    while ops and ops[-1].path in paths:
        paths.discard(ops.pop().path)


def _pointers(keys: Iterable[str]) -> set[str]:
    return {f"/{escape(key)}" for key in keys}
