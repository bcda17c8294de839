"""What if: executions walked again on another state, under another definition, or with other answers, without an effect."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from application.folds import Folds
from application.ports import EventLog, Nodes, SchemaCheck, Status, Views
from application.programs import Programs
from application.publications import Publications
from application.reading import execution_event, history
from application.retracing import Assumed, History, Retracing, called_as_asked
from application.running import NodeRunner
from application.what_if_answers import answer, outcome_of, summary_of
from domain.commands import Rules, Start
from domain.decide import decide_and_fold
from domain.editing import edit_patch, replaced_lists
from domain.errors import InvalidDefinition, NotFound, Refused, Unacceptable, Unavailable
from domain.events import ExecutionForked, ExecutionStarted, StateEdited
from domain.evolve import evolve
from domain.execution import Execution
from domain.json_patch import Operation, applied
from domain.limits import Limits
from domain.placing import misplaced, unplaceable
from domain.problems import Problem, all_near, pointer
from domain.program import Program, Step

Made = TypeVar("Made")
WHAT_IFS: Final = 2
"""Questions that are worked on at once, each in a thread of its own; others wait their turn."""
MOST_WAITING: Final = 32
"""Questions that may wait for their turn; who comes then is told to come again."""
LONGEST_S: Final = 30.0
"""How long the walk of one execution may take."""
LONGEST_MANY_S: Final = 60.0
"""How long those of many may take together. What is not walked by then is left out, and said to be."""
MOST_EXECUTIONS: Final = 1_000
"""Executions of one question."""
BREATHE_AFTER_S: Final = 0.003
"""How long a walk has the interpreter before it lets others have it: the engine is never kept waiting long."""
BREATHE_S: Final = 0.00002
THREADS: Final = 4
"""Plain nodes that may run at once, for all questions."""
LATEST: Final = "latest"
PATCH: Final = "/patch"
"""The pointer of the patch in a question."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be otherwise. `at` is the version that the walk begins at (None: its beginning), `definition` a decoded
    one, `latest`, a published version, or None: the same. `patch` is of the state there, `assume` says what steps come to.
    """

    at: str | None = None
    patch: tuple[Operation, ...] = ()
    definition: dict[str, Any] | str | None = None
    assume: Mapping[str, Assumed] | Literal["recorded"] = {}


class Stopped(Unavailable):
    """Nobody waits for the answer any more, or the service stops."""

    code = "WHAT_IF_STOPPED"


class TooLong(Unacceptable):
    """The walk takes longer than it may."""

    code = "WHAT_IF_TOO_LONG"


class _Pace:
    """Called before every visit: says when it is enough, and lets others breathe."""

    def __init__(self, seconds: float, stop: threading.Event, closing: threading.Event) -> None:
        self._seconds = seconds
        self._stop = stop
        self._closing = closing
        self._last = monotonic()
        self._end = self._last + seconds

    def __call__(self) -> None:
        now = monotonic()
        if now - self._last < BREATHE_AFTER_S:
            return
        sleep(BREATHE_S)
        self._last = now
        if self._stop.is_set() or self._closing.is_set():
            raise Stopped("The walk was stopped: nobody waits for it.")
        if now > self._end:
            message = f"The walk takes longer than {self._seconds:g} s. Begin it at a later version, with `at`."
            raise TooLong(message)


class WhatIf:
    """Asks what would be. Thread-safe; nothing is recorded, and nothing outside is touched."""

    def __init__(  # noqa: PLR0913 - what it asks, and what it is bound by
        self,
        log: EventLog,
        views: Views,
        programs: Programs,
        nodes: Nodes,
        *,
        folds: Folds,
        check_schema: SchemaCheck,
        limits: Limits,
        secrets: Mapping[str, str],
        version_at: Callable[[Execution, str], int],
    ) -> None:
        self._log = log
        self._views = views
        self._programs = programs
        self._nodes = nodes
        self._folds = folds
        self._check_schema = check_schema
        self._limits = limits
        self._publications = Publications(log, programs, nodes)
        self._version_at = version_at
        quiet = logging.Logger("clew.what-if", level=logging.CRITICAL + 1)
        self._runner = NodeRunner(nodes, threads=THREADS, secrets=secrets, call=called_as_asked, log=quiet)
        self._threads = ThreadPoolExecutor(WHAT_IFS, thread_name_prefix="clew-what-if")
        self._places = threading.BoundedSemaphore(WHAT_IFS + MOST_WAITING)
        self._closing = threading.Event()

    def close(self) -> None:
        """Take no more questions, and give up those that are asked."""
        self._closing.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._runner.close()

    def one(
        self, execution_id: str, question: Question, *, stop: threading.Event | None = None
    ) -> Future[dict[str, Any]]:
        """Ask of one execution (see `what_if_answers.answer`).

        Raises NotFound; Unacceptable for a question that can't be asked of it; TooLong; Refused when the nodes that it ran
        are not here.
        """
        return self._submit(lambda: self._one(execution_id, question, stop or self._closing))

    def many(
        self,
        workflow_id: str,
        question: Question,
        *,
        last: int = 100,
        status: Sequence[Status] = (),
        stop: threading.Event | None = None,
    ) -> Future[dict[str, Any]]:
        """Ask of the last executions of a workflow, newest first (see `what_if_answers.summary_of`).

        Raises NotFound for a workflow that there is nothing of.
        """
        return self._submit(lambda: self._many(workflow_id, question, last, status, stop or self._closing))

    def _submit(self, work: Callable[[], Made]) -> Future[Made]:
        if not self._places.acquire(blocking=False):
            raise Unavailable(f"{MOST_WAITING} questions of what-if wait already. Try again in a second.")
        try:
            future = self._threads.submit(work)
        except RuntimeError as error:  # it is closed
            self._places.release()
            raise Stopped("The service is stopping.") from error
        future.add_done_callback(lambda done: self._places.release())
        return future

    def _one(self, execution_id: str, question: Question, stop: threading.Event) -> dict[str, Any]:
        head = self._folds.load(execution_id)
        program = self._program(question.definition, head.workflow)
        pace = _Pace(LONGEST_S, stop, self._closing)
        with asyncio.Runner() as loop:
            history_, walk = loop.run(self._walked(head, question, program, pace))
        return answer(execution_id, history_, walk)

    def _many(
        self, workflow_id: str, question: Question, last: int, status: Sequence[Status], stop: threading.Event
    ) -> dict[str, Any]:
        program = self._program(question.definition, workflow_id)
        pace = _Pace(LONGEST_MANY_S, stop, self._closing)
        found = list(self._last(workflow_id, last, status))
        if not found and not self._is_known(workflow_id):
            raise NotFound(f"There is nothing of a workflow {workflow_id!r}.", code="NO_SUCH_WORKFLOW")
        told: list[dict[str, Any]] = []
        with asyncio.Runner() as loop:
            for execution_id in found:
                try:
                    told.append(loop.run(self._told(execution_id, question, program, pace)))
                except TooLong:
                    break
        return summary_of(workflow_id, told, left=len(found) - len(told))

    async def _told(
        self, execution_id: str, question: Question, program: Program | None, pace: _Pace
    ) -> dict[str, Any]:
        try:
            history_, walk = await self._walked(execution_id, question, program, pace)
        except TooLong:
            raise
        except (Refused, NotFound, Unacceptable) as error:
            return {"executionId": execution_id, "verdict": "unknown", "reason": error.message}
        return outcome_of(execution_id, history_, walk, question.patch)

    def _last(self, workflow_id: str, last: int, status: Sequence[Status]) -> Iterator[str]:
        """The ids of the last executions of a workflow."""
        cursor = None
        while last > 0:
            page = self._views.executions(status=status, workflow=workflow_id, limit=last, cursor=cursor)
            yield from (row.execution_id for row in page.items)
            last -= len(page.items)
            cursor = page.next
            if cursor is None:
                return

    def _is_known(self, workflow_id: str) -> bool:
        """Whether it was ever run or published."""
        if self._publications.of(workflow_id):
            return True
        return bool(self._views.executions(workflow=workflow_id, limit=1).items)

    def _program(self, definition: dict[str, Any] | str | None, workflow_id: str) -> Program | None:
        """The program to walk under; None: each execution's own. Raises InvalidDefinition, its paths those of a question."""
        if definition is None:
            return None
        if isinstance(definition, str):
            return self._programs.of(self._publications.startable(workflow_id, definition).definition_hash)
        try:
            return self._programs.compile(definition)
        except InvalidDefinition as error:
            moved = tuple(replace(problem, path=f"/definition{problem.path}") for problem in error.problems)
            raise InvalidDefinition(moved) from error

    async def _walked(
        self, execution_id: str | Execution, question: Question, program: Program | None, pace: _Pace
    ) -> tuple[History, Retracing]:
        """Read an execution once, and walk it again."""
        name = execution_id if isinstance(execution_id, str) else execution_id.id
        upto = None
        if question.at is not None:
            head = self._folds.load(name) if isinstance(execution_id, str) else execution_id
            upto = self._version_at(head, question.at)
        known = History(
            (execution_event(recorded) for recorded in history(self._log, name, upto=self._log.version(name))),
            base=self._folds.base_of(name),
            program=self._program_of(self._begins_with(name)),
            nodes=self._nodes,
            upto=upto,
            tick=pace,
            program_of=self._program_of,
        )
        own = self._program_of(known.start.definition_hash)
        _check_assumed(question.assume, program or own, self._nodes)
        rules = Rules(program=program or own, limits=self._limits, check_schema=self._check_schema)
        walk = Retracing(
            known,
            self._start(known, question, rules, own=own),
            rules,
            nodes=self._nodes,
            runner=self._runner,
            version=lambda other, version: self._folds.load(other, upto=version),
            assume=question.assume,
            tick=pace,
            program_of=self._program_of if program is None else None,
        )
        return known, await walk.walk()

    def _begins_with(self, name: str) -> str:
        """The hash of the definition that an execution began with. Raises NotFound."""
        first = self._log.read(name, limit=1)
        if not first:
            raise NotFound(f"There is no execution {name!r}.")
        started = execution_event(first[0])
        assert isinstance(started, ExecutionStarted | ExecutionForked), f"{name} begins with a {type(started).__name__}"
        return started.definition_hash

    def _program_of(self, digest: str) -> Program:
        """The program of a definition that an execution ran."""
        try:
            return self._programs.of(digest)
        except InvalidDefinition as error:
            raise Refused(f"It can't be walked here: {error.message}", code="CAN_NOT_GO_ON") from error

    def _start(self, known: History, question: Question, rules: Rules, *, own: Program) -> Execution:
        """The execution that the walk begins with."""
        first = known.first[0]
        if question.at is None and isinstance(first, ExecutionStarted):
            return self._begun(known, first, question, rules)
        start = known.start
        if rules.program is not own:
            problems = unplaceable(start.branches, rules.program, old=own)
            if problems:
                raise misplaced(problems)
            start = replace(
                start,
                definition_hash=rules.program.hash,
                workflow=rules.program.id,
                workflow_version=rules.program.version,
            )
        patch = edit_patch(start.state, question.patch, most=self._limits.state_bytes, at=PATCH)
        if not patch:
            return start
        edited = StateEdited(time=start.updated, patch=patch, lists=replaced_lists(start, patch, rules.program))
        return replace(evolve(start, edited), version=start.version)

    def _begun(self, known: History, first: ExecutionStarted, question: Question, rules: Rules) -> Execution:
        state = applied(first.initial_state, question.patch, most=self._limits.state_bytes, at=PATCH)
        start = Start(
            now=first.time,
            actor=first.actor,
            initial_state=state,
            labels=first.labels,
            priority=first.priority,
            parent=first.parent,
            key=first.key,
        )
        return decide_and_fold(Execution(id=known.start.id), start, rules)[1]


def _check_assumed(assume: Mapping[str, Assumed] | Literal["recorded"], program: Program, nodes: Nodes) -> None:
    """Raise Unacceptable when something is assumed of a step that is not there, or an edge that it never takes."""
    problems = []
    for address, assumed in assume.items() if not isinstance(assume, str) else ():
        if address not in program.index:
            close = " or ".join(all_near(address, program.index))
            message = f"There is no step at {address[:200]}.{f' Did you mean {close}?' if close else ''}"
            problems.append(Problem(code="NO_SUCH_STEP", path=pointer("assume", address), message=message))
        elif (problem := _never_taken(program.at(address), assumed, nodes)) is not None:
            problems.append(problem)
    if problems:
        raise Unacceptable(problems[0].message, code=problems[0].code, details=problems)


def _never_taken(step: Step, assumed: Assumed, nodes: Nodes) -> Problem | None:
    """What is wrong with an edge that a step is taken to come to: its node names its edges, and a setter takes none."""
    node = nodes.find(step.node) if step.setter is None else None
    taken = {*(node.metadata.edges or ()), "error"} if node is not None else set()
    anything = node is not None and (node.metadata.edges is None or node.metadata.branches)
    if assumed.edge is None or anything or assumed.edge in taken | set(step.routes):
        return None
    told = f"{step.node} never takes the edge {assumed.edge[:60]!r}; it takes {', '.join(sorted(taken))}."
    message = told if taken else f"{step.name} is a setter, and takes no edge: leave it out."
    return Problem(code="UNKNOWN_EDGE", path=pointer("assume", step.address, "edge"), message=message)
