"""Workflows whose nodes do as a script says, run by `decide` and `evolve` alone or by a real engine."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from application.requests import Submission
from domain.commands import (
    Begin,
    Called,
    Command,
    Ended,
    Erred,
    Finish,
    Forked,
    Marked,
    Outcome,
    Parked,
    Passed,
    Rules,
    Start,
    Stored,
    Took,
)
from domain.compiler import compile_definition
from domain.context import ExecutionContext, LoopInfo, StateView, StepInfo
from domain.decide import decide
from domain.durations import moment
from domain.errors import ErrorInfo, InvalidDefinition, StepFailure
from domain.events import ExecutionEvent
from domain.evolve import evolve
from domain.execution import Execution
from domain.limits import Limits
from domain.node import Answer, Call, Edge, End, Fork, Mark, NodeCatalog, NodeMetadata, Park, Pass, WorkflowNode
from domain.patches import Patch
from domain.position import WaitFor
from domain.preparing import Prepared, inputs_of, prepare, prepare_setter
from domain.problems import Problem
from domain.program import Program, Step
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from tests.support.engines import service_on

NOON = 1_795_348_800_000_000
"""2026-11-22 12:00 UTC in microseconds."""
LETTERS = (*"abcdefghi", "handler")
"""Nodes that list no edges, and do what the script says for the step that runs them."""

Act = str | tuple[str, Any] | BaseException | Callable[[ExecutionContext, dict[str, Any]], Any] | None
"""What a scripted node does in one visit: take an edge (with data), raise, be a function, or take no edge."""


class Script:
    """What the nodes of the steps do, visit by visit, and what they have seen. After its last act a step takes no edge."""

    def __init__(self, acts: Mapping[str, Iterable[Act]] | None = None) -> None:
        self._acts = {step: list(each) for step, each in (acts or {}).items()}
        self.ran: list[str] = []
        self.configs: list[dict[str, Any]] = []
        self.contexts: list[ExecutionContext] = []

    def play(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """The next act of the step that is running."""
        self.ran.append(context.step.name)
        self.configs.append(config)
        self.contexts.append(context)
        acts = self._acts.get(context.step.name)
        match acts.pop(0) if acts else None:
            case None:
                return None
            case str(edge):
                return Edge(edge)
            case (str(edge), data):
                return Edge(edge, data)
            case BaseException() as error:
                raise error
            case act:
                answer: Answer = act(context, config)
                return answer

    @property
    def order(self) -> str:
        """The names of the steps in the order in which their nodes ran."""
        return " ".join(self.ran)


def scripted(node_id: str, script: Script, **metadata: Any) -> type[WorkflowNode]:
    """A node that does as the script says."""
    described = NodeMetadata(**{"id": node_id, "name": node_id, "version": "1.0.0", "effect": "none", **metadata})

    class Scripted(WorkflowNode):
        metadata = described
        inline = True

        def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
            return script.play(context, config)

    return Scripted


def nodes_of(script: Script, *more: type[WorkflowNode]) -> NodeRegistry:
    """The library, a scripted node for each of LETTERS, and more."""
    registry = standard_registry(files_root=None, entry_points=False)
    for letter in LETTERS:
        registry.register(scripted(letter, script))
    for node_class in more:
        registry.register(node_class)
    return registry


class Catalog(NodeCatalog):
    """A few nodes, for tests that need no more."""

    def __init__(self, *classes: type[WorkflowNode]) -> None:
        self._nodes = {node_class.metadata.id: node_class() for node_class in classes}

    def find(self, node_id: str) -> WorkflowNode | None:
        """The node of that id."""
        return self._nodes.get(node_id)

    def names(self) -> frozenset[str]:
        """All ids."""
        return frozenset(self._nodes)


def workflow(*steps: Any, state: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """A definition of these steps."""
    return {
        "id": "tested",
        "name": "Tested",
        "version": "1.0.0",
        "initialState": state or {},
        "settings": settings,
        "workflow": list(steps),
    }


def problems_of(definition: Any, nodes: NodeCatalog, *, limits: Limits | None = None) -> tuple[Problem, ...]:
    """Everything that the compiler has to say about a definition, errors and warnings."""
    try:
        return compile_definition(definition, nodes, limits=limits).warnings
    except InvalidDefinition as error:
        return error.problems


def takes_anything(schema: Any, value: Any) -> list[Problem]:
    """A schema check for tests that are not about schemas."""
    del schema, value
    return []


def rules_of(program: Program, *, limits: Limits | None = None) -> Rules:
    """Rules to decide by."""
    return Rules(program=program, limits=limits or Limits(), check_schema=takes_anything)


class Walk:
    """An execution that decide and evolve alone take forward: what the engine does, without its waiting.

    `snapshots` holds each version of the execution as it was encoded when it was new.
    """

    def __init__(
        self,
        definition: dict[str, Any],
        nodes: NodeCatalog,
        *,
        limits: Limits | None = None,
    ) -> None:
        self.nodes = nodes
        self.program = compile_definition(definition, nodes, limits=limits)
        self.rules = rules_of(self.program, limits=limits)
        self.execution = Execution(id="walked")
        self.events: list[ExecutionEvent] = []
        self.snapshots: list[bytes] = []
        self.now = NOON
        self._turns = 0
        self.decide(Start(now=self.now))

    def decide(self, command: Command) -> tuple[ExecutionEvent, ...]:
        """Decide, and fold what follows."""
        events = decide(self.execution, command, self.rules)
        for event in events:
            self.execution = evolve(self.execution, event)
            self.events.append(event)
            self.snapshots.append(msgspec.json.encode(self.execution))
        return events

    def run(self, *, visits: int = 100_000, one_by_one: bool = False) -> Walk:
        """Go on until the execution ends or parks, for at most so many visits; with branches in turn, or one by one."""
        while self.execution.status == "running" and visits:
            self.visit_branch(self.first_branch() if one_by_one else self._next_branch())
            visits -= 1
        return self

    def visit(self) -> None:
        """One visit of the next step, of each branch that can go on in turn."""
        self.visit_branch(self._next_branch())

    def visit_branch(self, name: str) -> None:
        """One visit of a branch's next step, or what is left of one that has begun and waited for its locks."""
        self.now += 1_000
        visit = self.execution.branches[name].visit
        if visit is None or not visit.ready:
            self.decide(Begin(now=self.now, branch=name, warnings=self._prepared(name)[1].warnings))
        branch = self.execution.branches.get(name)
        if branch is not None and branch.visit is not None and branch.visit.wait is None:
            self.finish(name)

    def finish(self, name: str) -> None:
        """Run the node of a visit that has begun, and record how it came out."""
        step = self._step(name)
        value, prepared = self._prepared(name)
        outcome: Outcome = Stored(value=value)
        patch: Patch = ()
        if prepared.failure is not None:
            outcome = Erred(error=prepared.failure)
        elif step.setter is None:
            outcome, patch = self._execute(name, step, prepared)
        self.decide(Finish(now=self.now, branch=name, outcome=outcome, patch=patch))

    def _step(self, name: str) -> Step:
        address = self.execution.branches[name].address
        assert address is not None
        return self.program.at(address)

    def _prepared(self, name: str) -> tuple[Any, Prepared]:
        step = self._step(name)
        branch = self.execution.branches[name]
        if step.setter is not None:
            return prepare_setter(self.execution, branch, step)
        node = self.nodes.find(step.node)
        assert node is not None
        return None, prepare(self.execution, branch, step, node)

    def first_branch(self) -> str:
        """The innermost branch that was opened first: going on with it always runs branches one after the other."""
        name = ""
        while (visit := self.execution.branches[name].visit) is not None and visit.opened is not None:
            name = visit.opened.open[0]
        return name

    def _next_branch(self) -> str:
        ready = [
            name
            for name, branch in self.execution.branches.items()
            if branch.address is not None and (branch.visit is None or _goes_on(branch.visit.wait))
        ]
        self._turns += 1
        return ready[self._turns % len(ready)]

    def _execute(self, name: str, step: Step, prepared: Prepared) -> tuple[Outcome, Patch]:
        node = self.nodes.find(step.node)
        assert node is not None
        view = StateView(self.execution.state)
        context = self._context(name, step, prepared, view, node)
        try:
            answer: Any = node.execute(context, prepared.config)
            if inspect.iscoroutine(answer):
                answer = asyncio.run(answer)
            outcome = _outcome(answer, prepared, node)
            return outcome, view.patch()
        except StepFailure as failure:
            return Erred(error=failure.error), ()
        except Exception as error:  # noqa: BLE001 - what a scripted node may raise
            raised = ErrorInfo(
                code="NODE_ERROR", message=str(error), recoverable=True, details={"class": type(error).__name__}
            )
            return Erred(error=raised), ()

    def _context(
        self, name: str, step: Step, prepared: Prepared, view: StateView, node: WorkflowNode
    ) -> ExecutionContext:
        branch = self.execution.branches[name]
        visit = branch.visit
        assert visit is not None
        return ExecutionContext(
            state=view,
            inputs=inputs_of(node.metadata, prepared.config, branch.input, self.execution.state)[0],
            workflow_id=self.execution.workflow,
            node_id=step.node,
            execution_id=self.execution.id,
            step=StepInfo(
                name=step.name,
                address=step.address,
                visit=visit.number,
                attempt=visit.attempt,
                routed=frozenset(step.routes),
                concurrency=step.options.concurrency,
            ),
            idempotency_key="key",
            now=moment(visit.started),
            previous=branch.input,
            loop=LoopInfo(index=prepared.index) if prepared.index is not None else None,
        )


def _goes_on(wait: WaitFor | None) -> bool:
    """Whether a visit can be taken up: time is no object here, so a retry is due at once."""
    return wait is None or wait.kind == "retry"


def _outcome(answer: Any, prepared: Prepared, node: WorkflowNode) -> Outcome:
    match answer:
        case None:
            return Took(edge=None)
        case Edge(name=name, data=data):
            return Took(edge=name, data=data)
        case Pass():
            keeps = prepared.entering and node.metadata.resolved_at == "entry"
            return Passed(answer=answer, parameters=prepared.config if keeps else None)
        case Park():
            return Parked(answer=answer)
        case Call(workflow=name, state=state, due=due):
            return Called(
                workflow=name, workflow_version="1.0.0", definition_hash="c0ffee", initial_state=dict(state), due=due
            )
        case Fork():
            return Forked(answer=answer)
        case Mark(name=name):
            return Marked(name=name)
        case End(result=result):
            return Ended(result=result)
        case _:
            raise AssertionError(f"a scripted node answered {answer!r}")


class Ran(NamedTuple):
    """How a run came out, and its history."""

    execution: Execution
    events: list[ExecutionEvent]

    @property
    def state(self) -> dict[str, Any]:
        """The state at the end."""
        return self.execution.state

    @property
    def error(self) -> ErrorInfo:
        """Why it failed."""
        assert self.execution.failure is not None, f"it is {self.execution.status}"
        return self.execution.failure.error


def walked(
    definition: dict[str, Any], nodes: NodeRegistry, *, limits: Limits | None = None, one_by_one: bool = False
) -> Ran:
    """Run by decide and evolve alone."""
    walk = Walk(definition, nodes, limits=limits).run(one_by_one=one_by_one)
    return Ran(walk.execution, walk.events)


def engined(definition: dict[str, Any], nodes: NodeRegistry, *, limits: Limits | None = None) -> Ran:
    """Run by a real engine in memory."""
    log = MemoryLog()
    with service_on(log, nodes, limits=limits) as service:
        accepted = service.submit_and_wait(Submission(definition=definition))
        assert service.wait_settled(accepted.execution_id, 20.0), "it does not come to an end"
        execution = service.queries.fold(accepted.execution_id)
        events = [recorded.event for recorded in log.read(accepted.execution_id)]
    return Ran(execution, [event for event in events if isinstance(event, ExecutionEvent)])


Runner = Callable[..., Ran]
RUNNERS: Mapping[str, Runner] = {"decide and evolve": walked, "engine": engined}
