"""Questions: executions, their states and events from the log, lists from the views."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Final, Literal

from application.ancestry import Part, alone, parts_of, read_parts
from application.breakers import BreakerView
from application.explaining import BLAME_LIMIT, Direction, Explanations
from application.folds import Folds
from application.forking import Forks
from application.lineage import LINEAGE_DEPTH, LINEAGE_LIMIT
from application.measuring import Measures
from application.measuring_path import PATH_LIMIT
from application.measuring_timeline import TIMELINE_LIMIT
from application.places import Places
from application.ports import EventLog, NodeListing, Nodes, Recorded, Views
from application.presenting import (
    describe_event,
    describe_execution,
    describe_node,
    describe_published,
    describe_snapshot,
    describe_summary,
    describe_workflow,
    patch_of,
)
from application.probing import Every
from application.programs import Programs
from application.publications import Publications
from application.reading import execution_event
from application.rolling_back import Rollback, preview
from application.walked import Place, ended_by
from domain.errors import InvalidDefinition, NotFound
from domain.events import CommandKey, ExecutionForked, ExecutionStarted, RolledBack, WorkflowPublished
from domain.execution import Execution, Status
from domain.problems import Problem, all_near
from domain.program import Program
from domain.publishing import LATEST
from domain.versions import order

MAX_PAGE: Final = 1_000
"""Most items of one page."""
CACHED_FOLDS: Final = 64
"""Executions whose newest fold is kept, so that reading one again folds its tail only."""
CACHED_BYTES: Final = 32 * 1_048_576
"""What these folds may weigh together."""


class Queries:
    """Reads. Thread-safe, and of durable events only: what is told here is never taken back."""

    def __init__(
        self,
        log: EventLog,
        views: Views,
        programs: Programs,
        nodes: Nodes,
        *,
        folds: Folds | None = None,
        breaker_of: Callable[[str], BreakerView | None] = lambda node_id: None,
    ) -> None:
        self._log = log
        self._views = views
        self._programs = programs
        self._nodes = nodes
        self._breaker_of = breaker_of
        self._publications = Publications(log, programs, nodes)
        self._folds = folds or Folds(log)
        self._measures = Measures(
            log, self._folds, nodes, program_of=self._program, version_at=self.version_at, forks_of=self._forks_of
        )
        self._places = Places(log, self._folds)
        self._explanations = Explanations(
            log, self._folds, self._places, program_of=lambda execution: self._program(execution) or _NO_PROGRAM
        )
        self.forks = Forks(
            log,
            self._folds,
            programs,
            self._publications,
            nodes=nodes,
            head_of=self.fold,
            version_at=self.version_at,
        )
        self._heads: OrderedDict[str, Execution] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def fold(self, execution_id: str) -> Execution:
        """An execution at its newest durable version. Raises NotFound."""
        with self._lock:
            base = self._heads.get(execution_id)
        execution = self._folds.load(execution_id, base=base)
        with self._lock:
            self._remember(execution)
        return execution

    def _remember(self, execution: Execution) -> None:
        before = self._heads.pop(execution.id, None)
        self._weight += execution.weight - (before.weight if before is not None else 0)
        self._heads[execution.id] = execution
        while len(self._heads) > CACHED_FOLDS or (self._weight > CACHED_BYTES and len(self._heads) > 1):
            self._weight -= self._heads.popitem(last=False)[1].weight

    def execution(self, execution_id: str) -> dict[str, Any]:
        """The body of `GET /executions/{id}`. Raises NotFound."""
        execution = self.fold(execution_id)
        return describe_execution(execution, self._program(execution))

    def state(
        self, execution_id: str, at: str | int | None = None, *, fields: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """`{executionId, version, state}` at a version; with `fields`, JSON Pointers, `fields: {pointer: value}` of those
        that there are, in the place of `state`. Raises NotFound; Unacceptable for an `at` or a pointer that is none.
        """
        return self._explanations.state(self.fold(execution_id), _text(at), fields)

    def definition_of(self, execution_id: str) -> dict[str, Any]:
        """The definition that an execution runs, as it was given. Raises NotFound."""
        return self._programs.definition(self.fold(execution_id).definition_hash)

    def version_at(self, head: Execution, at: str, *, where: str = "?at") -> int:
        """The version that `at` names (application/places.py); `where` is what it was given as. Raises Unacceptable."""
        return self._places.version(head, at, where=where)

    def rollback(self, execution_id: str, to: str, *, key: CommandKey | None = None, where: str = "/to") -> Rollback:
        """What a rollback to the version that `to` names goes back to: one in the middle of a completion means its end.

        With the `key` of a command that is in the log already it is the newest version: nothing is decided on it. Raises
        NotFound; Unacceptable for a `to` that is no version.
        """
        head = self.fold(execution_id)
        if key is not None and key.key in head.keys:
            return Rollback(target=head)
        version = self._folds.end_of_completion(execution_id, self.version_at(head, to, where=where))
        target = head if version == head.version else self._folds.load(execution_id, upto=version)
        name = to.removeprefix("mark:") if to.startswith("mark:") else ""
        old = self._program(target) if target.definition_hash != head.definition_hash else None
        return Rollback(target=target, name=name, program=old)

    def rollback_preview(self, execution_id: str, to: str, *, where: str = "/to") -> dict[str, Any]:
        """What a rollback would do (see `application.rolling_back.preview`). Raises as `rollback` does."""
        head = self.fold(execution_id)
        rollback = self.rollback(execution_id, to, where=where)
        events = self._folds.events(execution_id, after=rollback.target.version, upto=head.version)
        return preview(
            head,
            rollback,
            events,
            program=self._program(head),
            nodes=self._nodes,
            ended=lambda: self._ended_by(rollback.target),
        )

    def _ended_by(self, target: Execution) -> set[Place]:
        """The visits that had ended when an execution was at that version (see `application.walked`)."""

        def read(after: int, upto: int) -> Iterable[Recorded]:
            return self._folds.events(target.id, after=after, upto=upto)

        events = ((recorded.version, execution_event(recorded)) for recorded in read(0, target.version))
        return ended_by(target.version, ((at, one) for at, one in events if isinstance(one, RolledBack)), read)

    def snapshots(self, execution_id: str) -> dict[str, Any]:
        """The versions that have a name, the oldest first: `{items}`, at most as many as a page. Raises NotFound."""
        head = self.fold(execution_id)
        named = sorted(head.marks.items(), key=lambda entry: entry[1])[-MAX_PAGE:]
        found = ((name, self._log.read(execution_id, after=version - 1, limit=1)[0]) for name, version in named)
        return {"items": [describe_snapshot(name, recorded) for name, recorded in found]}

    def events(
        self,
        execution_id: str,
        *,
        after: int = 0,
        limit: int = 100,
        order: Literal["asc", "desc"] = "asc",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """A page of an execution's history: `{items, next}`, `next` being the `after` of the page behind it (or null).

        In descending order `after` is the version that the page begins below (0: at the head). With `lineage` it goes on
        into what the execution was forked off: each event names its `executionId`, and `after` and `next` count all of
        them, from the oldest. Raises NotFound.
        """
        parts = parts_of(self._log, execution_id) if lineage else (alone(self._log, execution_id),)
        head = parts[-1].before + parts[-1].upto
        if order == "asc":
            first, last = after + 1, min(after + limit, head)
            place = last if last < head else None
        else:
            last = min(after - 1, head) if after else head
            first = max(last - limit + 1, 1)
            place = first if first > 1 else None
        if first > last:
            return {"items": [], "next": None}
        items = self._described(parts, first, last, named=lineage)
        return {"items": items if order == "asc" else items[::-1], "next": place}

    def _described(self, parts: Sequence[Part], first: int, last: int, *, named: bool) -> list[dict[str, Any]]:
        """The events at these places of a lineage, each in the words of the program of its own execution."""
        found = read_parts(self._log, parts, after=max(first - 2, 0), upto=last)
        programs: dict[str, Program] = {}
        items: list[dict[str, Any]] = []
        before: Recorded | None = None
        for recorded in found:
            stream = recorded.stream
            if stream not in programs:
                programs[stream] = self._program_of(stream)
            patch = patch_of(before) if before is not None and before.stream == stream else ()
            item = describe_event(recorded, programs[stream], patch)
            items.append({"executionId": stream, **item} if named else item)
            before = recorded
        return items[1 if first > 1 else 0 :]

    def _program_of(self, execution_id: str) -> Program:
        """What an execution began with, by whose words its events are told."""
        started = execution_event(self._log.read(execution_id, limit=1)[0])
        digest = started.definition_hash if isinstance(started, ExecutionStarted | ExecutionForked) else ""
        return self._program(Execution(id=execution_id, definition_hash=digest)) or _NO_PROGRAM

    def executions(
        self,
        *,
        status: Sequence[Status] = (),
        workflow: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """A page of the list of executions, newest first: `{items, next}`."""
        page = self._views.executions(status=status, workflow=workflow, limit=limit, cursor=cursor)
        return {"items": [describe_summary(summary) for summary in page.items], "next": page.next}

    def workflows(self) -> list[dict[str, Any]]:
        """Every workflow that has been run or published."""
        return [describe_workflow(row) for row in self._views.workflows()]

    def versions(self, workflow_id: str) -> dict[str, Any]:
        """What is published of a workflow: `{workflowId, latest, items}`, the highest version first. Raises NotFound."""
        latest = self.published(workflow_id).workflow_version
        found = sorted(
            self._publications.by_version(workflow_id).values(), key=lambda each: order(each.workflow_version)
        )
        return {
            "workflowId": workflow_id,
            "latest": latest,
            "items": [describe_published(each) for each in found[::-1]],
        }

    def published(self, workflow_id: str, version: str = LATEST) -> WorkflowPublished:
        """One published version. Raises NotFound, which names the nearest."""
        return self._publications.choose(workflow_id, version, known=self._known(workflow_id))

    def startable(self, workflow_id: str, version: str = LATEST) -> WorkflowPublished:
        """One published version that can run here and now. Raises NotFound; Refused when its nodes have changed."""
        return self._publications.startable(workflow_id, version, known=self._known(workflow_id))

    def definition(self, workflow_id: str, version: str = LATEST) -> dict[str, Any]:
        """The definition of a published version. Raises NotFound."""
        return self._programs.definition(self.published(workflow_id, version).definition_hash)

    def warnings_of(self, program: Program) -> tuple[Problem, ...]:
        """What a person is warned of who sends this definition."""
        return self._publications.warnings_of(program)

    def _known(self, workflow_id: str) -> list[str]:
        """The ids that may have been meant, where there is no such workflow."""
        return [] if self._publications.of(workflow_id) else self._views.published()

    def nodes(self) -> list[dict[str, Any]]:
        """All nodes, by id."""
        return [self._describe(listing) for listing in self._nodes.listing()]

    def node(self, node_id: str) -> dict[str, Any]:
        """One node. Raises NotFound."""
        for listing in self._nodes.listing():
            if listing.metadata.id == node_id:
                return self._describe(listing)
        close = " or ".join(map(repr, all_near(node_id, self._nodes.names())))
        hint = f" Did you mean {close}?" if close else ""
        raise NotFound(f"There is no node {node_id!r}.{hint}")

    # Explaining

    def diff(self, execution_id: str, from_: str | int | None = None, to: str | int | None = None) -> dict[str, Any]:
        """What leads from the state at one version (the first) to that at another (the newest), and which event made
        each change: `{from, to, patch, changes}`. Raises NotFound or Unacceptable.
        """
        return self._explanations.diff(self.fold(execution_id), _text(from_), _text(to))

    def blame(
        self,
        execution_id: str,
        pointer: str,
        at: str | int | None = None,
        *,
        limit: int = BLAME_LIMIT,
        lineage: bool = False,
    ) -> dict[str, Any]:
        """Who last wrote what is at a pointer, and who did before: `{pointer, at, value, written, earlier, next}`, `next`
        being the version to ask at for the rest (or null). With `lineage` each is named with its `executionId`, also in
        what the execution was forked off (see `Explanations`). Raises NotFound or Unacceptable.
        """
        return self._explanations.blame(self.fold(execution_id), pointer, _text(at), limit=limit, lineage=lineage)

    def step(
        self,
        execution_id: str,
        at: str | int | None = None,
        *,
        dir: Direction = "back",
        by: str = "event",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """The nearest `event`, `node`, `visit`, `error` or `write:/pointer` before a version, or behind it: `{version, event}`,
        both null where there is none. With `lineage` it goes on into what the execution was forked off, and the answer has
        the `executionId` (see `Explanations`). Raises NotFound or Unacceptable.
        """
        return self._explanations.step(self.fold(execution_id), _text(at), dir=dir, by=by, lineage=lineage)

    # Measuring

    def path(self, execution_id: str, *, after: int = 0, limit: int = PATH_LIMIT) -> dict[str, Any]:
        """The body of `GET /executions/{id}?include=path`. Raises NotFound."""
        head = self.fold(execution_id)
        path = self._measures.path(head, after=after, limit=limit)
        return {**describe_execution(head, self._program(head)), "path": path}

    def timeline(
        self, execution_id: str, *, after: int = 0, limit: int = TIMELINE_LIMIT, lineage: bool = False
    ) -> dict[str, Any]:
        """The visits of an execution as columns: `{executionId, version, columns, next}`. With `lineage` those of what it
        was forked off come first, in a column `execution` each says whose it is, and `after` and `next` count the events of
        all. Raises NotFound.
        """
        return self._measures.timeline(self.fold(execution_id), after=after, limit=limit, lineage=lineage)

    def metrics(self, execution_id: str) -> dict[str, Any]:
        """What an execution took, in all, by step and by node. Raises NotFound."""
        return self._measures.metrics(self.fold(execution_id))

    def lineage(
        self, execution_id: str, *, after: int = 0, limit: int = LINEAGE_LIMIT, depth: int = LINEAGE_DEPTH
    ) -> dict[str, Any]:
        """The tree around an execution. Raises NotFound."""
        return self._measures.lineage(self.fold(execution_id), after=after, limit=limit, depth=depth)

    def probe(
        self,
        execution_id: str,
        expr: str,
        *,
        every: Every = "version",
        from_: str | int | None = None,
        to: str | int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What an expression gives at each version, or where that changes: `{version, time, value}` or, in its place,
        `error`. Raises at once NotFound, and Unacceptable for an expression or a version that is none.
        """
        batches = self.probe_batches(execution_id, expr, every=every, from_=from_, to=to)
        return (line for batch in batches for line in batch)

    def probe_batches(
        self,
        execution_id: str,
        expr: str,
        *,
        every: Every = "version",
        from_: str | int | None = None,
        to: str | int | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """Like `probe`, as many lines at a time as come within a moment: perhaps none."""
        first, last = (None if at is None else str(at) for at in (from_, to))
        return self._measures.probe(self.fold(execution_id), expr, every=every, first=first, last=last)

    def compare(self, left: str, right: str) -> dict[str, Any]:
        """Two executions, each `ID` or `ID@VERSION`: where they first differ, where their ways part, and the patch from
        the state of the one to that of the other. Raises NotFound or Unacceptable.
        """
        return self._measures.compare(self._named(left, "?left"), self._named(right, "?right"))

    def _forks_of(self, execution_id: str) -> Iterator[str]:
        cursor = None
        while True:
            page = self._views.executions(source=execution_id, cursor=cursor)
            yield from (row.execution_id for row in page.items)
            cursor = page.next
            if cursor is None:
                return

    def _named(self, name: str, where: str) -> Execution:
        """The execution that `ID` or `ID@VERSION` names, given as the parameter `where`."""
        execution_id, _, at = name.partition("@")
        head = self.fold(execution_id)
        version = self.version_at(head, at, where=where) if at else head.version
        return head if version == head.version else self._folds.load(execution_id, upto=version)

    def _describe(self, listing: NodeListing) -> dict[str, Any]:
        return describe_node(listing, self._breaker_of(listing.metadata.id))

    def _program(self, execution: Execution) -> Program | None:
        try:
            return self._programs.of(execution.definition_hash)
        except (InvalidDefinition, NotFound):  # its nodes are not here: it can be read all the same
            return None


_NO_PROGRAM: Final = Program(hash="", id="", name="", version="", initial_state={}, steps=(), max_steps=0, index={})


def _text(at: str | int | None) -> str | None:
    return None if at is None else str(at)
