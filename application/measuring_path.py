"""The path of an execution: each visit with the parameters it ran with, worked out again from the state of then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from application.folds import Folds
from application.measuring_timeline import describe_visit
from application.measuring_visits import TimedVisit, VisitTimes
from application.ports import EventLog, Nodes, Recorded
from application.reading import execution_event, history
from application.running import raised
from domain import json
from domain.events import NodeStarted, Resumed
from domain.execution import Execution
from domain.patches import tokens
from domain.position import Branch
from domain.preparing import prepare, prepare_setter
from domain.program import Program

PATH_LIMIT: Final = 100
"""Visits of a path, unless it is said how many."""
PATH_BYTES: Final = 4 * 1_048_576
"""Parameters of one page, as JSON: a page ends with the visit that goes past it."""
NO_PROGRAM: Final = "Its definition needs nodes that are not here."
NOT_BEGUN: Final = "It was parked before this walk began, and its node did not run in it."


class PathReader:
    """Reads one page of a path. Secrets in parameters stay references."""

    def __init__(
        self, log: EventLog, folds: Folds, nodes: Nodes, *, program: Program | None, times: VisitTimes
    ) -> None:
        self._log = log
        self._folds = folds
        self._nodes = nodes
        self._program = program
        self._times = times
        self._parameters: dict[tuple[int, str], bytes | str] = {}
        self._bytes = 0

    def page(self, execution_id: str, *, after: int, upto: int) -> list[dict[str, Any]]:
        """The visits that begin behind `after`, as many as the page has room for, each followed to its end."""
        ended: list[TimedVisit] = []
        for execution, recorded in self._versions(execution_id, after, upto):
            event = execution_event(recorded)
            ended += self._times.take(recorded)
            if isinstance(event, NodeStarted) or (isinstance(event, Resumed) and event.cause == "lock"):
                self._keep(event.branch, recorded, execution)
            if self._times.is_done and self._times.has_more:
                break
        visits = sorted((*ended, *self._times.still_open()), key=lambda visit: (visit.version, visit.branch))
        return [self._described(visit) for visit in visits]

    def _versions(self, execution_id: str, after: int, upto: int) -> Iterator[tuple[Execution | None, Recorded]]:
        """The events, folded as long as visits begin: after that few of them are about parameters."""
        for execution, recorded in self._folds.walk(execution_id, first=after + 1, upto=upto):
            yield execution, recorded
            after = recorded.version
            if self._times.is_full:
                break
        for recorded in history(self._log, execution_id, after=after, upto=upto):
            yield None, recorded

    def _keep(self, branch: str, recorded: Recorded, execution: Execution | None) -> None:
        """Keep what a followed visit runs with, encoded as it is now; a later attempt's in its place."""
        begun = self._times.began(branch)
        if begun is None:
            return
        there = execution or self._folds.load(recorded.stream, upto=recorded.version)
        resolved = self._resolved(there, there.branches[branch])
        self._parameters[begun, branch] = resolved
        self._bytes += len(resolved)
        if self._bytes > PATH_BYTES:
            self._times.begin_no_more()

    def _described(self, visit: TimedVisit) -> dict[str, Any]:
        resolved = self._parameters.get((visit.version, visit.branch), NOT_BEGUN)
        told = isinstance(resolved, bytes)
        return {
            **describe_visit(visit),
            "target": visit.target,
            "parameters": msgspec.json.decode(resolved) if told else None,
            "unresolved": None if told else resolved,
        }

    def _resolved(self, execution: Execution, branch: Branch) -> bytes | str:
        """The parameters, as JSON, of the visit that a branch has open; as a text, why there are none."""
        address = branch.visit.address if branch.visit is not None else ""
        if self._program is None or address not in self._program.index:
            return NO_PROGRAM
        step = self._program.at(address)
        if step.setter is not None:
            value, prepared = prepare_setter(execution, branch, step)
            config = {tokens(step.address)[-1]: value}
        else:
            node = self._nodes.find(step.node)
            if node is None:
                return f"There is no node {step.node!r} here any more."
            try:
                prepared = prepare(execution, branch, step, node)
            except Exception as error:  # noqa: BLE001 - a node's own `overlay`
                return f"{step.node} can't say what it sees: {raised(error).message}"
            config = prepared.config
        if prepared.failure is not None:
            return f"{prepared.failure.code}: {prepared.failure.message}"
        return json.encode(config)
