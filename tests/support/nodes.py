"""Runs one visit of one node, as the engine would, on a state of the test's choosing."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from domain.budget import Budget, Spending, Spent
from domain.context import ExecutionContext, LoopInfo, StateView, StepInfo
from domain.node import Answer, Edge, WorkflowNode
from domain.patches import Op, apply

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_US = 1_795_348_800_000_000
"""NOON in microseconds since the epoch."""


class Visit(NamedTuple):
    """What a node answered, the patch it made, the state after it, the lines it logged, and the state keys it read.

    `spent` is what it reported, `beats` how often it said that the work goes on.
    """

    answer: Answer
    patch: tuple[Op, ...]
    state: dict[str, Any]
    logged: list[str]
    reads: set[str]
    spent: Spent | None = None
    beats: int = 0

    @property
    def edge(self) -> str:
        """The name of the edge taken; a node that did not answer with an edge fails the test."""
        assert isinstance(self.answer, Edge), self.answer
        return self.answer.name

    @property
    def data(self) -> Any:
        """The edge data."""
        assert isinstance(self.answer, Edge), self.answer
        return self.answer.data

    @property
    def code(self) -> str:
        """The code of the error that was returned."""
        assert self.edge == "error", self.answer
        assert isinstance(self.data["message"], str)
        return str(self.data["code"])


def run(
    node: WorkflowNode,
    config: Mapping[str, Any] | None = None,
    *,
    state: Mapping[str, Any] | None = None,
    previous: Any = None,
    routed: tuple[str, ...] = (),
    index: int | None = None,
    now: datetime = NOON,
    step: str = "step",
    key: str = "key",
    left: Budget | None = None,
) -> Visit:
    """One visit with resolved parameters. `index` is the pass to decide on, where the step is a loop.

    Two runs with one `key` are attempts of the same visit.
    """
    base = dict(state or {})
    view = StateView(base)
    logged: list[str] = []
    beats: list[None] = []
    spending = Spending()
    context = ExecutionContext(
        state=view,
        inputs=_inputs(node, config or {}, previous, base),
        workflow_id="workflow",
        node_id=node.metadata.id,
        execution_id="execution",
        step=StepInfo(name=step, address=f"/workflow/0/{step}", visit=1, attempt=1, routed=frozenset(routed)),
        idempotency_key=key,
        now=now,
        previous=previous,
        loop=LoopInfo(index=index) if index is not None else None,
        spending=spending,
        left=left,
        log=logged.append,
    )
    context.on_heartbeat(lambda: beats.append(None))
    answer: Any = node.execute(context, dict(config or {}))
    if inspect.iscoroutine(answer):
        answer = asyncio.run(answer)
    patch = view.patch()
    check_told(node, answer, {op.path.split("/")[1] for op in patch})
    return Visit(answer, patch, apply(base, patch), logged, view.reads, spending.total, len(beats))


def check_told(node: WorkflowNode, answer: Any, written: set[str]) -> None:
    """Fail where a node of the library does other than its metadata tells: another edge, other data, another state key."""
    metadata = node.metadata
    if isinstance(answer, Edge) and answer.name != "error" and metadata.edge_info:
        named = [info for name, info in metadata.edge_info.items() if name == answer.name or name.startswith("<")]
        assert named, f"{metadata.id} does not tell of the edge {answer.name!r}"
        given = set(answer.data) if isinstance(answer.data, dict) else set()
        always = {field for field in named[0].data if not field.endswith("?")}
        known = {field.removesuffix("?") for field in named[0].data}
        error = {"code", "message"} <= given and not known  # an error object, under another edge
        assert error or always <= given <= known, f"{metadata.id} does not tell of {answer.name!r}: {given ^ known}"
    if metadata.output_info and not any(name.startswith("<") for name in metadata.output_info):
        assert written <= metadata.output_info.keys(), f"{metadata.id} does not tell of {written}"


def _inputs(node: WorkflowNode, config: Mapping[str, Any], previous: Any, state: Mapping[str, Any]) -> dict[str, Any]:
    sources = [config, previous if isinstance(previous, dict) else {}, state]
    found = {}
    for name in node.metadata.inputs:
        for source in sources:
            if name in source:
                found[name] = source[name]
                break
    return found
