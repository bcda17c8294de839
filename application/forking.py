"""Forks: what is to be known of a source before one can be begun, and what of it would run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from application.children import observation
from application.folds import Folds
from application.ports import EventLog, Recorded
from application.programs import Programs
from application.publications import Publications
from application.reading import execution_event
from application.requests import ForkRequest
from application.searching import Searches
from application.walked import Place as VisitPlace
from application.walked import ended_by
from domain.commands import ForkOff, Observe
from domain.decide import check_expected
from domain.durations import iso
from domain.errors import InvalidDefinition, Refused
from domain.events import CommandKey, ExecutionEvent, ExecutionForked, NodeStarted, Place, RolledBack, Source
from domain.execution import Execution
from domain.forked import dropped_visits
from domain.forking import forking_event
from domain.node import NodeCatalog
from domain.program import Program
from domain.publishing import LATEST

PREVIEW_MOST: Final = 1_000
"""Visits that a preview lists."""
SAME: Final = "same"
"""The definition that the source runs."""


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """An execution at one of its versions, and the event that made it so."""

    execution: Execution
    recorded: Recorded


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution is to go on by, and that as it was given, if it was."""

    program: Program
    definition: dict[str, Any] | None


class ForkPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A fork that is ready to be decided on: its base, what it is to run (and that as it was given), and the command."""

    request: ForkRequest
    base: Execution
    program: Program
    definition: dict[str, Any] | None
    command: ForkOff


class Forks:
    """Plans forks of the executions of a log. Thread-safe; reads only.

    `version_at` gives the version that an `at` names, of an execution at its newest version (`head_of`).
    """

    def __init__(
        self,
        log: EventLog,
        folds: Folds,
        programs: Programs,
        publications: Publications,
        *,
        nodes: NodeCatalog,
        head_of: Callable[[str], Execution],
        version_at: Callable[[Execution, str], int],
    ) -> None:
        self._log = log
        self._folds = folds
        self._programs = programs
        self._publications = publications
        self._nodes = nodes
        self._head_of = head_of
        self._version_at = version_at

    def plan(self, request: ForkRequest) -> ForkPlan:
        """What a request asks for.

        Raises NotFound; Outdated; Unacceptable for an `at` that is none; InvalidDefinition; Refused when what it is to
        run can't run here.
        """
        cut = self._cut(request)
        base, recorded = cut.execution, cut.recorded
        program, given = self._program(base, request.definition)
        above = base.source.depth if base.source is not None else 0
        command = ForkOff(
            now=0,
            actor=request.actor,
            reason=request.reason,
            key=request.key,
            source=Source(execution=base.id, version=base.version, hash=recorded.hash.hex(), depth=above + 1),
            old=self._old(base),
            operations=request.operations,
            at=request.patch_at,
            effects=request.effects,
            signals=request.signals,
            children=request.children,
            timers=request.timers,
            ended=tuple(self._ended(base)) if request.children == "reuse" else (),
            labels=base.labels if request.labels is None else request.labels,
            priority=base.priority if request.priority is None else request.priority,
        )
        return ForkPlan(request=request, base=base, program=program, definition=given, command=command)

    def target(self, execution_id: str, asked: Any, *, key: CommandKey | None = None) -> Target | None:
        """What an execution is to go on by when it is retried: None when that is what it runs, or when the command of
        this key is in its log already. Raises as `plan` does.
        """
        if asked == SAME:
            return None
        head = self._head_of(execution_id)
        if key is not None and key.key in head.keys:
            return None
        program, given = self._program(head, asked)
        return Target(program=program, definition=given) if program.hash != head.definition_hash else None

    def preview(self, request: ForkRequest) -> dict[str, Any]:
        """What a fork would begin with, and what of its source would run again. Begins nothing.

        Raises as `plan` does, and as the fork itself would where that is known beforehand.
        """
        plan = self.plan(request)
        base = plan.base
        command = msgspec.structs.replace(plan.command, now=base.updated)
        event = forking_event(base, command, plan.program, self._programs.limits)
        visits = self._behind(base, event)
        listed = [
            self._visit(plan.program, *one) for one in islice(visits, PREVIEW_MOST) if one[1] in plan.program.index
        ]
        reused = [each for each in listed if request.effects == "reuse" and each["effect"] != "none"]
        return {
            "executionId": base.id,
            "at": base.version,
            "workflowId": plan.program.id,
            "workflowVersion": plan.program.version,
            "patch": msgspec.to_builtins(event.patch),
            "position": [_described(name, place, base, plan.program) for name, place in event.places.items()],
            "rerun": [each for each in listed if each not in reused],
            "reused": reused,
            "complete": next(visits, None) is None,
        }

    def _behind(self, base: Execution, event: ExecutionForked) -> Iterator[tuple[int, str, int, bool]]:
        """(version, address, visit, whether it was under way at the cut) of the visits behind a cut, in order."""
        for _, address, number in dropped_visits(base, event.places):
            yield base.version, address, number, True
        head = self._log.version(base.id)
        searches = Searches(self._log)
        over = self._over(base, searches, head)
        started = searches.oldest(base.id, tags=("node_started",), meant=_is_visit, after=base.version, upto=head)
        for recorded in started:
            if isinstance(recorded.event, NodeStarted):
                if over is not None and (place := (recorded.event.address, recorded.event.pass_)) in over:
                    continue
                if over is not None:
                    over.add(place)
                yield recorded.version, recorded.event.address, recorded.event.visit, False

    def _over(self, base: Execution, searches: Searches, head: int) -> set[VisitPlace] | None:
        """The visits that had ended or begun at a cut, where the source was taken back since; None: it was not."""
        found = searches.oldest(base.id, tags=(RolledBack.tag,), meant=_any, upto=head)
        rollbacks = [(each.version, event) for each in found if isinstance(event := execution_event(each), RolledBack)]
        if not rollbacks or rollbacks[-1][0] <= base.version:
            return None

        def read(after: int, upto: int) -> Iterator[Recorded]:
            return self._folds.events(base.id, after=after, upto=upto)

        begun = {(one.visit.address, one.visit.pass_) for one in base.branches.values() if one.visit is not None}
        return ended_by(base.version, rollbacks, read) | begun

    def _visit(self, program: Program, version: int, address: str, number: int, under_way: bool) -> dict[str, Any]:
        step = program.at(address)
        node = self._nodes.find(step.node) if step.setter is None else None
        return {
            "address": address,
            "step": step.name or address,
            "node": step.node or None,
            "visit": number,
            "version": version,
            "underWay": under_way,
            "effect": node.metadata.effect if node is not None else "none",
        }

    def _cut(self, request: ForkRequest) -> Cut:
        head = self._head_of(request.source)
        check_expected(head, request.expected)
        version = head.version if request.at is None else self._version_at(head, request.at)
        return cut(self._log, self._folds, head, version)

    def _program(self, base: Execution, asked: Any) -> tuple[Program, dict[str, Any] | None]:
        if asked == LATEST:
            return self._programs.of(self._publications.startable(base.workflow).definition_hash), None
        if asked != SAME:
            return self._programs.compile(asked), asked
        try:
            return self._programs.of(base.definition_hash), None
        except InvalidDefinition as error:
            raise Refused(f"{base.id} can't go on here: {error.message}", code="CAN_NOT_GO_ON") from error

    def _old(self, base: Execution) -> Program | None:
        try:
            return self._programs.of(base.definition_hash)
        except InvalidDefinition:  # its nodes are not here any more, and the fork runs something else
            return None

    def _ended(self, base: Execution) -> Iterator[Observe]:
        """How the children have ended that the source waits for at the cut: of those that have done so well."""
        for _, _, wait in base.waits():
            if wait.kind == "child" and self._log.version(wait.name):
                child = self._folds.load(wait.name)
                if child.status == "completed":
                    yield observation(child, 0)


def _any(event: ExecutionEvent) -> bool:
    del event
    return True


def _is_visit(event: ExecutionEvent) -> bool:
    return isinstance(event, NodeStarted) and event.attempt == 1


def _described(name: str, place: Place, base: Execution, program: Program) -> dict[str, Any]:
    """Where a branch begins in a fork."""
    visit = base.branches[name].visit if name in base.branches else None
    wait = visit.wait if visit is not None and place.parked else None
    step = program.at(place.address) if place.address is not None else None
    return {
        "branch": name,
        "address": place.address,
        "step": (step.name or step.address) if step is not None else None,
        "waiting": wait.kind if wait is not None else None,
        "due": iso(place.due) if place.due is not None else None,
    }


def cut(log: EventLog, folds: Folds, head: Execution, version: int) -> Cut:
    """An execution as it was at a version up to `head`, or at the end of the completion that the version is part of."""
    end = folds.end_of_completion(head.id, version)
    recorded = log.read(head.id, after=end - 1, limit=1)[0]
    execution = head if end == head.version else folds.load(head.id, upto=end)
    return Cut(execution=execution, recorded=recorded)
