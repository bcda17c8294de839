"""Walking recorded executions again in tests, without a service around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from application.ports import Nodes
from application.retracing import Assumed, History, Retracing, called_as_asked
from application.running import NodeRunner
from domain.commands import Rules, Start
from domain.context import ExecutionContext
from domain.decide import decide_and_fold
from domain.events import ExecutionEvent, ExecutionStarted
from domain.evolve import fold
from domain.execution import Execution
from domain.limits import Limits
from domain.program import Program
from infrastructure.json_schemas import check_schema
from tests.support.workflows import Script

QUIET = logging.Logger("quiet", level=logging.CRITICAL + 1)


class Constant(Script):
    """A script whose acts are a function of the visit: a step does the same again when it is asked again."""

    def play(self, context: ExecutionContext, config: dict[str, Any]) -> Any:
        """The act of this visit and attempt."""
        acts = self._acts.get(context.step.name)
        act = acts[(context.step.visit + context.step.attempt) % len(acts)] if acts else None
        assert act is None or callable(act), act
        return act(context, config) if act is not None else None


def retraced(
    events: Iterable[ExecutionEvent],
    program: Program,
    nodes: Nodes,
    *,
    now: Program | None = None,
    state: dict[str, Any] | None = None,
    assume: Mapping[str, Assumed] | Literal["recorded"] = {},
    execution_id: str = "walked",
    upto: int | None = None,
    children: Mapping[str, Execution] | None = None,
    programs: Mapping[str, Program] | None = None,
) -> Retracing:
    """The walk again, of another program or on another initial state if given."""
    program_of = programs.__getitem__ if programs is not None else None
    past, base = list(events), Execution(id=execution_id)
    history = History(past, base=base, program=program, nodes=nodes, upto=upto, program_of=program_of)
    rules = Rules(program=now or program, limits=Limits(), check_schema=check_schema)
    start, made = history.start, tuple[ExecutionEvent, ...]()
    if upto is None:
        first = history.first[0]
        assert isinstance(first, ExecutionStarted)
        begin = Start(
            now=first.time,
            actor=first.actor,
            initial_state=first.initial_state if state is None else state,
            labels=first.labels,
            priority=first.priority,
            key=first.key,
        )
        made, start = decide_and_fold(Execution(id=execution_id), begin, rules)

    async def walk() -> Retracing:
        runner = NodeRunner(nodes, threads=1, secrets={}, call=called_as_asked, log=QUIET)
        walking = Retracing(
            history,
            start,
            rules,
            nodes=nodes,
            runner=runner,
            assume=assume,
            program_of=program_of,
            version=lambda name, version: (
                (children or {})[name] if name != execution_id else fold(past[:version], base)
            ),
        )
        walking.events = list(made)
        try:
            return await walking.walk()
        finally:
            runner.close()

    return asyncio.run(walk())
