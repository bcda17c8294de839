"""Running a node: on the loop, as a task or in a thread, within its time, and making an outcome of what it answers."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from traceback import format_exception
from types import NoneType
from typing import Any, Final, NamedTuple, assert_never
from weakref import WeakSet

import msgspec
from msgspec.structs import replace

from application.ports import Nodes
from application.redaction import clean_call, clean_outcome, clean_patch
from application.redactor import Redactor, redactor_of
from domain import json
from domain.budget import Budget, Spending, Spent
from domain.commands import Called, Ended, Erred, Forked, Marked, Observe, Outcome, Parked, Passed, Took
from domain.context import ExecutionContext, LoopInfo, StateView, StepInfo
from domain.draft import engine_error
from domain.durations import moment
from domain.errors import ErrorInfo, StepFailure
from domain.events import Reused
from domain.execution import Execution, idempotency_key
from domain.node import Answer, Call, Edge, Effect, End, Fork, Mark, Park, Pass, WorkflowNode
from domain.parameters import check_resolved
from domain.patches import Patch
from domain.position import Branch, Visit
from domain.preparing import Prepared, inputs_of
from domain.program import Step
from domain.secrets import GivenSecrets, reveal

logger = logging.getLogger("clew.node")
PLAIN: Final = (Edge, Pass, Park, Call, Fork, Mark, End, NoneType)
"""What a node can answer, but for an edge map and what is to be awaited."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a node came out: what the visit is to record. `reused`: it did not run, for this is recorded there; then `ended`
    is how the child has ended that it called.
    """

    outcome: Outcome
    patch: Patch = ()
    reads: tuple[str, ...] = ()
    spent: Spent | None = None
    reused: Reused | None = None
    ended: Observe | None = None


class _Means(NamedTuple):
    """What a visit is given beside its parameters, and tells by using it."""

    secrets: GivenSecrets
    spending: Spending
    left: Budget | None


class NodeRunner:
    """Runs nodes. At most `threads` plain ones run at once; a plain node past its time is left behind, its result unused.

    `log` is told what nodes have to say.
    """

    def __init__(
        self,
        nodes: Nodes,
        *,
        threads: int,
        secrets: Mapping[str, str],
        call: Callable[[Call], Awaitable[Called]],
        log: logging.Logger = logger,
    ) -> None:
        self._nodes = nodes
        self._call = call
        self._log = log
        self._secrets = secrets
        self._cut: WeakSet[asyncio.Task[None]] = WeakSet()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="clew-node")

    def close(self) -> None:
        """Take no more work. Plain nodes that still run are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def effect(self, step: Step, config: dict[str, Any]) -> Effect:
        """What the visit can do to the world. Raises StepFailure when the node can't even say that."""
        node = self._nodes.find(step.node)
        try:
            return node.effect(config) if node is not None else "writes"
        except Exception as error:
            raise StepFailure(raised(error)) from error

    def cut(self, task: asyncio.Task[None]) -> None:
        """Cancel a task that runs a node. A cancellation that does not come from here is the node's own."""
        self._cut.add(task)
        task.cancel()

    async def run(
        self, execution: Execution, branch: Branch, step: Step, prepared: Prepared, *, budget: Budget | None = None
    ) -> Ran:
        """Run the node of a visit that has begun. Never raises, but for cancellation: errors are outcomes.

        What it gives has none of the secrets that the node read in it.
        """
        means = _Means(
            secrets=GivenSecrets(self._secrets),
            spending=Spending(),
            left=budget.left(execution.spent) if budget is not None else None,
        )
        ran = await self._run(execution, branch, step, prepared, means)
        if means.spending.total is not None:
            ran = replace(ran, spent=means.spending.total)
        return _cleaned(ran, redactor_of(means.secrets)) if means.secrets.read else ran

    async def _run(self, execution: Execution, branch: Branch, step: Step, prepared: Prepared, means: _Means) -> Ran:
        visit = branch.visit
        assert visit is not None, f"{step.address} has not begun"
        view = StateView(execution.state)
        try:
            given = replace(prepared, config=reveal(prepared.config, means.secrets)) if step.secrets else prepared
            with self._nodes.borrow(step.node) as node:
                deadline = _Deadline(step.options.timeout_ms / 1000)
                context = self._context(
                    execution, branch, step, visit=visit, prepared=given, view=view, node=node, means=means
                )
                context = deadline.give_to(context)
                answer = await self._answer(node, context, given.config, step, deadline)
                outcome = (
                    _outcome(answer, prepared, node)
                    if not isinstance(answer, Call)
                    else await self._called(answer, means.secrets)
                )
            return Ran(outcome=outcome, patch=view.patch(), reads=_reads(view))
        except StepFailure as failure:
            return Ran(outcome=Erred(error=_sound(failure.error)), reads=_reads(view))
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and asyncio.current_task() in self._cut:
                raise
            _take_back_cancelling()
            told = redactor_of(means.secrets).text(_traceback(error))
            self._log.warning("%s at %s of %s raised\n%s", step.node, step.address, execution.id, told)
            return Ran(outcome=Erred(error=raised(error)), reads=_reads(view))

    async def _called(self, call: Call, secrets: GivenSecrets) -> Called:
        return await self._call(clean_call(call, redactor_of(secrets)) if secrets.read else call)

    def _context(
        self,
        execution: Execution,
        branch: Branch,
        step: Step,
        *,
        visit: Visit,
        prepared: Prepared,
        view: StateView,
        node: WorkflowNode,
        means: _Means,
    ) -> ExecutionContext:
        inputs, from_state = inputs_of(node.metadata, prepared.config, branch.input, execution.state)
        view.reads.update(from_state)

        def log(message: str) -> None:
            told = redactor_of(means.secrets).text(str(message))
            self._log.info("%s %s visit %d: %s", execution.id, step.address, visit.number, told)

        return ExecutionContext(
            state=view,
            inputs=inputs if node.keeps_config else json.copy(inputs),
            workflow_id=execution.workflow,
            node_id=step.node,
            execution_id=execution.id,
            step=StepInfo(
                name=step.name,
                address=step.address,
                visit=visit.number,
                attempt=visit.attempt,
                routed=frozenset(step.routes),
                concurrency=step.options.concurrency,
            ),
            idempotency_key=idempotency_key(execution, visit),
            now=moment(visit.started),
            previous=branch.input if node.keeps_config else json.copy(branch.input),
            loop=LoopInfo(index=prepared.index) if prepared.index is not None else None,
            secrets=means.secrets,
            spending=means.spending,
            left=means.left,
            log=log,
        )

    async def _answer(
        self, node: WorkflowNode, context: ExecutionContext, config: dict[str, Any], step: Step, deadline: _Deadline
    ) -> Answer:
        """What the node answers, its edge map (if that is what it returns) already made an edge."""
        try:
            check_resolved(config, node.metadata)
        except StepFailure as failure:
            return node.invalid(context, config, failure.error)
        answer: Any
        if node.inline or inspect.iscoroutinefunction(node.execute):
            answer = _run_plain(node, context, config)
        else:
            loop = asyncio.get_running_loop()
            threaded = loop.run_in_executor(self._threads, _run_plain, node, context, config)
            answer = await deadline.wait_for(threaded, step)
        if isinstance(answer, PLAIN) or not inspect.isawaitable(answer):
            return answer
        return _first_edge(await deadline.wait_for(answer, step), context)


def _reads(view: StateView) -> tuple[str, ...]:
    """The top-level keys that a node has read, as far as they can be recorded: it may ask for anything."""
    return tuple(
        sorted(key for key in view.reads if isinstance(key, str) and key == key.encode(errors="replace").decode())
    )


def _cleaned(ran: Ran, redactor: Redactor) -> Ran:
    return replace(
        ran,
        outcome=clean_outcome(ran.outcome, redactor),
        patch=clean_patch(ran.patch, redactor),
        reads=tuple(map(redactor.text, ran.reads)),
    )


def _run_plain(node: WorkflowNode, context: ExecutionContext, config: dict[str, Any]) -> Any:
    """Run a plain node, and the functions of its edge map too; of any other, give what is to be awaited."""
    try:
        answer = node.execute(context, config)
        if isinstance(answer, PLAIN):
            return answer
        return answer if inspect.isawaitable(answer) else _first_edge(answer, context)
    except (
        StopIteration,
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
    ) as error:  # none of them passes through a future
        raise StepFailure(raised(error)) from error


class _Deadline:
    """A node's time, which its heartbeat begins anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._scope: asyncio.Timeout | None = None
        self._loop = asyncio.get_running_loop()

    def give_to(self, context: ExecutionContext) -> ExecutionContext:
        context.on_heartbeat(self._beat)
        return context

    def _beat(self) -> None:
        self._loop.call_soon_threadsafe(self._begin_anew)

    def _begin_anew(self) -> None:
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(self._loop.time() + self._seconds)

    async def wait_for(self, work: Awaitable[Any], step: Step) -> Any:
        try:
            async with asyncio.timeout(self._seconds) as self._scope:
                return await work
        except TimeoutError as error:
            if self._scope is None or not self._scope.expired():
                raise  # the node's own
            message = f"{step.name} did not end within {step.options.timeout_ms:,} ms ($timeout)."
            raise StepFailure(engine_error("NODE_TIMEOUT", message, recoverable=True)) from error
        finally:
            self._scope = None


def _first_edge(answer: Any, context: ExecutionContext) -> Answer:
    """The answer, with an edge map resolved to the first edge whose function gives something."""
    if isinstance(answer, PLAIN):
        return answer
    if not isinstance(answer, Mapping):
        raise _bad_answer(f"a {type(answer).__name__}")
    for name, function in answer.items():
        if not isinstance(name, str) or not callable(function):
            raise _bad_answer(f"a mapping whose entry {name!r} is not an edge name with a function")
        data = function(context)
        if data is not None:
            return Edge(name, data)
    return None


def _bad_answer(what: str) -> StepFailure:
    message = f"A node returns an Edge, a map of edge names to functions, or None; this one returned {what}."
    return StepFailure(ErrorInfo(code="INVALID_ANSWER", message=message))


def _outcome(answer: Answer, prepared: Prepared, node: WorkflowNode) -> Outcome:
    match answer:
        case None:
            return Took(edge=None)
        case Edge(name=name, data=data):
            if not isinstance(name, str) or not name or name.endswith("?"):
                raise _bad_answer(f"an Edge named {name!r} (a name without the `?` of its route)")
            plain = json.normal(data, f"the data of edge {name!r}")
            return Took(edge=json.normal(name, "the name of an edge"), data=plain)
        case Pass():
            return _passed(answer, prepared, node)
        case Park():
            json.normal([answer.schema, dict(answer.about)], "what a person is told about a wait")
            return Parked(answer=answer)
        case Fork():
            return Forked(answer=_forked(answer))
        case Mark(name=name):
            return Marked(name=json.normal(name, "the name of a snapshot"))
        case End(result=result):
            return Ended(result=result if result is msgspec.UNSET else json.normal(result, "the result"))
        case Call():
            raise AssertionError("what is to be called is asked for first")
        case Mapping():
            raise _bad_answer("an edge map inside an edge map")
        case _:
            assert_never(answer)


def _passed(answer: Pass, prepared: Prepared, node: WorkflowNode) -> Passed:
    """A pass, whatever it holds copied: it may be the node's own list."""
    plain = Pass(
        edge=json.normal(answer.edge, "the name of an edge"),
        data=json.normal(answer.data, f"the data of edge {answer.edge!r}"),
        bind=json.normal(dict(answer.bind), "the position keys of a pass"),
        bounded=answer.bounded,
    )
    keeps = prepared.entering and node.metadata.resolved_at == "entry"
    return Passed(answer=plain, parameters=prepared.config if keeps else None)


def _forked(fork: Fork) -> Fork:
    """A fork, its list copied: it may be the state's own."""
    if fork.items is msgspec.UNSET:
        return fork
    return msgspec.structs.replace(fork, items=json.normal(fork.items, "the items of a concurrent loop"))


def _take_back_cancelling() -> None:
    """A node that cancelled its own task has erred; the task goes on."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


def _sound(error: ErrorInfo) -> ErrorInfo:
    """An error that a node may have made itself, with nothing in it that can't be recorded."""
    try:
        json.normal([error.code, error.message, error.details], "the error")
    except StepFailure as unsound:
        return unsound.error
    return error


def _traceback(error: BaseException) -> str:
    """The traceback as text that any log can be written in: a message may hold what UTF-8 can't."""
    return "".join(format_exception(error)).rstrip().encode(errors="replace").decode()


def raised(error: BaseException) -> ErrorInfo:
    """The error object of an exception that a node raised (LANGUAGE, section 5)."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error).encode(errors="replace").decode() or name
    except Exception:  # noqa: BLE001 - its own `__str__` can do anything
        message = name
    if isinstance(error, SystemExit):
        message = f"the node called sys.exit({message})"
    return ErrorInfo(code="NODE_ERROR", message=message, recoverable=True, details={"class": name})
