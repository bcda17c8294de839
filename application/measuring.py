"""Measures: what people ask of where an execution went and what it took, told from its log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from application.ancestry import Part, parts_to
from application.comparing import Comparison, Side, Stretch
from application.folds import Folds
from application.lineage import LINEAGE_DEPTH, LINEAGE_LIMIT, Lineage
from application.measuring_metrics import Metrics
from application.measuring_path import PATH_LIMIT, PathReader
from application.measuring_timeline import TIMELINE_LIMIT, columns_of, milliseconds
from application.measuring_visits import TimedVisit, VisitTimes
from application.ports import EventLog, Nodes
from application.probing import Every, Probe, compiled_probe
from application.reading import history
from domain import json
from domain.durations import iso
from domain.errors import Unacceptable
from domain.execution import Execution
from domain.problems import Problem
from domain.program import Program


class VersionAt(Protocol):
    """The version that `at` names; `where` is the parameter that it was given as, for the place of a problem."""

    def __call__(self, head: Execution, at: str, *, where: str = "?at") -> int:
        """Raises Unacceptable."""
        ...


class Measures:
    """Measures of executions at any point of their lives. Reads histories page by page, and holds none of them whole.

    What is told of a running execution is as it was when that began.
    """

    def __init__(
        self,
        log: EventLog,
        folds: Folds,
        nodes: Nodes,
        *,
        program_of: Callable[[Execution], Program | None],
        version_at: VersionAt,
        forks_of: Callable[[str], Iterable[str]],
    ) -> None:
        self._log = log
        self._folds = folds
        self._nodes = nodes
        self._program_of = program_of
        self._version_at = version_at
        self._lineage = Lineage(log, folds, forks_of)

    def timeline(
        self, head: Execution, *, after: int = 0, limit: int = TIMELINE_LIMIT, lineage: bool = False
    ) -> dict[str, Any]:
        """`{executionId, version, columns, next}`: the visits that began behind a version, at most about `limit`.

        With `lineage` those of what it was forked off come first, and a column `execution` says whose each is; `after` and
        `next` count the events of all, from the oldest.
        """
        found: list[tuple[Part, TimedVisit]] = []
        has_more = False
        for part in parts_to(self._log, head, lineage=lineage):
            visits, has_more = self._visits(head, part, after=max(after - part.before, 0), most=limit - len(found))
            found += [(part, visit) for visit in visits]
            if has_more:
                break
        columns = columns_of(visit for _, visit in found)
        names = {"execution": [part.execution for part, _ in found]} if lineage else {}
        return {
            "executionId": head.id,
            "version": head.version,
            "columns": {**names, **columns},
            "next": found[-1][0].before + found[-1][1].version if has_more else None,
        }

    def _visits(self, head: Execution, part: Part, *, after: int, most: int) -> tuple[list[TimedVisit], bool]:
        """The visits of a part of what led to `head` that began behind a version, and whether it has more of them."""
        if after >= part.upto:
            return [], False
        end = head if part.execution == head.id else self._folds.load(part.execution, upto=part.upto)
        times = self._times(end, after=after, most=most)
        ended: list[TimedVisit] = []
        for recorded in history(self._log, part.execution, after=after, upto=part.upto):
            ended += times.take(recorded)
            if times.is_done and times.has_more:
                break
            if recorded.version == part.upto and end is not head:
                ended += times.cut_off(recorded)
        visits = sorted((*ended, *times.still_open()), key=lambda visit: (visit.version, visit.branch))
        return visits, times.has_more

    def path(self, head: Execution, *, after: int = 0, limit: int = PATH_LIMIT) -> dict[str, Any]:
        """`{items, next}`: each visit with the parameters that it ran with."""
        times = self._times(head, after=after, most=limit)
        reader = PathReader(self._log, self._folds, self._nodes, program=self._program_of(head), times=times)
        items = reader.page(head.id, after=after, upto=head.version)
        return {"items": items, "next": items[-1]["version"] if times.has_more else None}

    def metrics(self, head: Execution) -> dict[str, Any]:
        """The answer to `GET /executions/{id}/metrics`."""
        times, metrics = self._times(head), Metrics()
        for recorded in history(self._log, head.id, upto=head.version):
            metrics.take(recorded, times.take(recorded))
        for visit in times.still_open():
            metrics.add(visit)
        total = metrics.total()
        return {
            "executionId": head.id,
            "version": head.version,
            "status": head.status,
            "startTime": iso(head.started),
            "endTime": iso(head.ended) if head.ended is not None else None,
            "durationMs": milliseconds((head.ended if head.ended is not None else head.updated) - head.started),
            "walks": head.walk,
            "visits": total.count,
            "errors": total.errors,
            "retries": total.retries,
            "recoveries": total.recoveries,
            "waitingMs": metrics.waits(),
            "stateOperations": metrics.operations,
            "stateBytes": len(json.encode(head.state)),
            "events": metrics.events,
            "logBytes": metrics.log_bytes,
            "spent": {"cost": head.spent.cost, "tokens": head.spent.tokens},
            "steps": metrics.steps(),
            "nodes": metrics.nodes(),
        }

    def lineage(
        self, head: Execution, *, after: int = 0, limit: int = LINEAGE_LIMIT, depth: int = LINEAGE_DEPTH
    ) -> dict[str, Any]:
        """The answer to `GET /executions/{id}/lineage` (see `Lineage`)."""
        return self._lineage.told(head, after=after, limit=limit, depth=depth)

    def probe(
        self, head: Execution, expr: str, *, every: Every, first: str | None, last: str | None
    ) -> Iterator[list[dict[str, Any]]]:
        """The lines of a probe, some at a time. Raises Unacceptable at once for an expression or a version that is none."""
        expression = compiled_probe(expr)
        begins = self._version_at(head, first, where="?from") if first is not None else 1
        ends = self._version_at(head, last, where="?to") if last is not None else head.version
        if begins > ends:
            message = f"from={first} is version {begins}, and to={last or 'head'} is before that: {ends}."
            problem = Problem(code="INVALID_VERSION", path="?from", message=message)
            raise Unacceptable(message, code=problem.code, details=[problem])
        return Probe(self._folds, head.id, expression, every=every).lines(begins, ends)

    def compare(self, left: Execution, right: Execution) -> dict[str, Any]:
        """The answer to `GET /diff`."""
        return Comparison(self._log, self._side(left), self._side(right)).told()

    def _side(self, execution: Execution) -> Side:
        stretches: list[Stretch] = []
        walks = 0
        for part in parts_to(self._log, execution, lineage=True):
            end = self._folds.load(part.execution, upto=part.upto)
            stretches.append(Stretch(part.execution, part.upto, part.before, walks, self._times(end)))
            walks += end.walk - 1
        return Side(execution, self._folds.load(stretches[0].execution_id, upto=1).state, tuple(stretches))

    def _times(self, head: Execution, *, after: int = 0, most: int | None = None) -> VisitTimes:
        program = self._program_of(head)
        walk = self._folds.load(head.id, upto=after).walk if 0 < after <= head.version else 1
        return VisitTimes(
            lambda version: self._folds.load(head.id, upto=version),
            lambda address: program.at(address).node if program is not None and address in program.index else "",
            walk=walk,
            most=most,
        )
