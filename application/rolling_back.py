"""Going back to a version: what that is, and what would happen again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

import msgspec

from application.ports import Nodes, Recorded
from application.presenting import describe_wait
from application.reading import execution_event
from application.walked import Place
from domain.changing import check_may_roll_back, check_placed
from domain.children import open_children
from domain.commands import RollBack
from domain.errors import Refused, Unacceptable
from domain.events import ChildStarted, EdgeTaken, NodeFailed, NodeStarted, Resumed, RolledBack, SignalReceived
from domain.execution import Execution
from domain.going_back import position_of, standing
from domain.node import Effect
from domain.patches import diff
from domain.position import Visit
from domain.program import Program
from domain.value_forms import literals

MOST_REPEATS: Final = 1_000
"""Visits, children and signals that a preview lists, the oldest first; of the visits it says how many there are."""

VisitKey = tuple[str, str, int, int]
"""(branch, address, running number, walk) of a visit."""


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is gone back to, as it was, and the name that it was asked for by, if any.

    `program` is what it ran then, if that is another one than now, and known.
    """

    target: Execution
    name: str = ""
    program: Program | None = None

    def command(self, **by: Any) -> RollBack:
        """The command that asks for it; `by` is what every command of a person has."""
        return RollBack(**by, target=self.target, name=self.name, program=self.program)


class _Visits:
    """The visits that happened behind a version or were in flight there, with how they came out."""

    def __init__(self, target: Execution) -> None:
        self.walk = target.walk
        self.went_back = False
        self.places: dict[VisitKey, Place] = {}
        self.found: dict[VisitKey, dict[str, Any]] = {}
        stays = {name: one.visit for name, one in standing(position_of(target)).items() if one.visit is not None}
        self._stands = {(visit.address, visit.pass_) for visit in stays.values()}
        self._waits = {(name, visit.address, visit.number) for name, visit in stays.items()}
        for branch, visit in _begun_again(target):
            name = target.step_names.get(visit.address, "")
            begun = {"step": name, "node": None, "version": target.version}
            self._add(branch, visit.address, visit.number, begun, visit.pass_)

    def see(self, recorded: Recorded) -> None:
        """Take in one more event."""
        event = execution_event(recorded)
        match event:
            case NodeStarted():
                begun = {"step": event.step, "node": event.node, "version": recorded.version}
                self._add(event.branch, event.address, event.visit, begun, event.pass_)
            case EdgeTaken() | NodeFailed():
                self._end(event)
            case _:
                self.went_back |= isinstance(event, RolledBack)
                self.walk += isinstance(event, RolledBack) or _is_retry(event)

    def key(self, branch: str, address: str, number: int) -> VisitKey:
        """The key of a visit of the walk that the events have come to."""
        return branch, address, number, self.walk

    def again(self, ended: Callable[[], Collection[Place]]) -> set[VisitKey]:
        """The visits that would be made again: each once, however many walks have made it since, and none that had ended
        at the version, or stands there.
        """
        if not self.went_back:
            return set(self.places)
        past, found = set(ended()) | self._stands, dict[Place, VisitKey]()
        for key, place in self.places.items():
            if place not in past:
                found.setdefault(place, key)
        return set(found.values())

    def waited(
        self, told: Iterable[tuple[VisitKey, dict[str, Any]]], again: Collection[VisitKey]
    ) -> Iterator[dict[str, Any]]:
        """What is told of visits that would wait again: those made again, and those that stand there; once each."""
        seen: set[tuple[str, str, int]] = set()
        for key, one in told:
            stood = key not in self.places and (not self.went_back or key[:3] in self._waits)
            if (key in again or stood) and not (self.went_back and key[:3] in seen):
                seen.add(key[:3])
                yield one

    def _add(self, branch: str, address: str, number: int, begun: dict[str, Any], pass_: str) -> None:
        visit = {"address": address, **begun, "visit": number, "edge": None, "error": None}
        self.found.setdefault(self.key(branch, address, number), visit)
        self.places.setdefault(self.key(branch, address, number), (address, pass_))

    def _end(self, event: EdgeTaken | NodeFailed) -> None:
        visit = self.found.get((event.branch, event.address, event.visit, self.walk))
        if visit is None:
            return
        if isinstance(event, EdgeTaken):
            visit["edge"] = event.edge
        else:
            visit["error"] = event.error.code


def _is_retry(event: Any) -> bool:
    return isinstance(event, Resumed) and event.cause == "retry"


def _begun_again(target: Execution) -> Iterator[tuple[str, Visit]]:
    """The visits that had begun at a version and begin again when it is gone back to."""
    stays = standing(position_of(target))
    for name, branch in target.branches.items():
        if branch.visit is not None and (name not in stays or stays[name].visit is None):
            yield name, branch.visit


def preview(
    head: Execution,
    rollback: Rollback,
    events: Iterable[Recorded],
    *,
    program: Program | None,
    nodes: Nodes,
    ended: Callable[[], Collection[Place]],
) -> dict[str, Any]:
    """What going back would do. `events` are those behind the version, up to the head; `ended` the visits that were over.

    `{executionId, to, status, refused, patch, waits, repeats, children, signals, repeatCount}`: `patch` leads from the
    state now to that of then; `waits` stand again; `repeats` are the visits that could change or read something outside
    and would happen again; `children` that were begun since would be begun anew, those that run are cancelled first;
    `signals` were taken since and would have to be sent again. `refused` says why it can't be done now, or is null.
    """
    target = rollback.target
    visits = _Visits(target)
    children, signals = list[tuple[VisitKey, dict[str, Any]]](), list[tuple[VisitKey, dict[str, Any]]]()
    names = {one.version: name for name, kept in target.kept.items() for one in kept}
    for recorded in events:
        visits.see(recorded)
        event = execution_event(recorded)
        if isinstance(event, ChildStarted):
            key = visits.key(event.branch, event.address, event.visit)
            children.append((key, _child(event, recorded.version, head)))
        elif isinstance(event, SignalReceived):
            names[recorded.version] = event.name
        elif isinstance(event, Resumed) and event.signal:
            taken = {"version": event.signal, "name": names.get(event.signal, ""), "address": event.address}
            key = visits.key(event.branch, event.address, event.visit)
            signals.append((key, {**taken, "visit": event.visit}))
    again = visits.again(ended)
    begun = [child for key, child in children if key in again or child["running"]]
    repeats = [
        {**visit, "effect": effect}
        for key, visit in visits.found.items()
        if key in again and (effect := _effect(visit, program, nodes)) != "none"
    ]
    return {
        "executionId": head.id,
        "to": target.version,
        "status": head.status,
        "refused": _refusal(head, rollback, program),
        "patch": msgspec.to_builtins(list(diff(head.state, target.state))),
        "repeats": repeats[:MOST_REPEATS],
        "repeatCount": len(repeats),
        "waits": _waits(target),
        "children": [*_children_in_flight(target, head), *begun][:MOST_REPEATS],
        "signals": list(visits.waited(signals, again))[:MOST_REPEATS],
    }


def _refusal(head: Execution, rollback: Rollback, program: Program | None) -> dict[str, str] | None:
    try:
        check_may_roll_back(head)
        if program is not None:
            check_placed(head, rollback.target, program, old=rollback.program)
    except (Refused, Unacceptable) as error:
        return {"code": error.code, "message": error.message}
    return None


def _effect(visit: dict[str, Any], program: Program | None, nodes: Nodes) -> Effect:
    """What a visit can do to the world, as far as the literals of its step say; a node that is gone may do anything."""
    step = program.at(visit["address"]) if program is not None and visit["address"] in program.index else None
    if step is not None and step.setter is not None:
        return "none"
    if visit["node"] is None and step is not None:  # it was in flight, and its beginning is before the version
        visit["node"] = step.node
    if visit["node"] == "":
        return "none"
    node = nodes.find(visit["node"]) if visit["node"] else None
    if node is None:
        return "writes"
    known = {**dict.fromkeys(step.parameters), **literals(step.parameters)} if step is not None else {}
    try:
        return node.effect(known)
    except Exception:  # noqa: BLE001 - a stranger's node may look for what is only computed
        return node.metadata.effect


def _waits(target: Execution) -> list[dict[str, Any]]:
    stays = standing(position_of(target))
    found = ((name, branch.visit) for name, branch in stays.items() if branch.visit is not None)
    waiting = ((name, visit) for name, visit in found if visit.wait is not None and visit.wait.kind != "branches")
    return [describe_wait(visit) | ({"branch": name} if name else {}) for name, visit in waiting]


def _child(event: ChildStarted, version: int, head: Execution) -> dict[str, Any]:
    return {
        "executionId": event.child,
        "workflowId": event.workflow,
        "workflowVersion": event.workflow_version,
        "address": event.address,
        "visit": event.visit,
        "version": version,
        "running": event.child in open_children(head),
    }


def _children_in_flight(target: Execution, head: Execution) -> list[dict[str, Any]]:
    """Those that were waited for at the version."""
    return [
        {
            "executionId": visit.wait.name,
            "workflowId": visit.wait.about.get("workflowId"),
            "workflowVersion": visit.wait.about.get("version"),
            "address": visit.address,
            "visit": visit.number,
            "version": target.version,
            "running": visit.wait.name in open_children(head),
        }
        for _, visit in _begun_again(target)
        if visit.wait is not None and visit.wait.kind == "child"
    ]
