"""What a visit is to run with, or why it can't: its parameters resolved on the execution as it stands."""

from __future__ import annotations

from typing import Any

from application.running import raised
from domain.budget import overspent
from domain.draft import engine_error
from domain.execution import Execution
from domain.node import NodeCatalog
from domain.preparing import Prepared, prepare, prepare_setter
from domain.program import Program, Step


def prepare_visit(
    execution: Execution, name: str, step: Step, *, program: Program, nodes: NodeCatalog
) -> tuple[Any, Prepared]:
    """(what a setter is to store, what the step of a branch is to run with). Never raises: what is wrong is a failure."""
    branch = execution.branches[name]
    if step.setter is not None:
        return prepare_setter(execution, branch, step)
    node = nodes.find(step.node)
    if node is None:
        error = engine_error("NODE_UNAVAILABLE", f"There is no node {step.node!r} here any more.")
        return None, Prepared(config={}, failure=error)
    if node.metadata.spends:
        refusal = overspent(program.budget, execution.spent, step.name)
        if refusal is not None:
            return None, Prepared(config={}, failure=refusal)
    try:
        return None, prepare(execution, branch, step, node)
    except Exception as error:  # noqa: BLE001 - a node's own `overlay`: what it raises is its step's error
        return None, Prepared(config={}, failure=raised(error))
