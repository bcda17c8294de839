"""What a step sees just before it runs: its scope, its resolved parameters and its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from domain import json
from domain.errors import ErrorInfo, StepFailure
from domain.execution import Execution
from domain.node import NodeMetadata, WorkflowNode
from domain.position import Branch, Frame
from domain.program import Step
from domain.scope import Scope


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """The resolved parameters of a visit, or (`failure`) why they can't be resolved; `warnings` either way.

    `index` is the pass that a loop step is to decide on; `entering` says that its frame keeps no
    parameters yet.
    """

    config: dict[str, Any]
    warnings: tuple[str, ...] = ()
    failure: ErrorInfo | None = None
    index: int | None = None
    entering: bool = False


def scope_of(execution: Execution, branch: Branch, step: Step) -> Scope:
    """The roots of a step's expressions."""
    loop = branch.frames[step.depth - 1] if step.depth else None
    return Scope(
        state=execution.state,
        input=branch.input,
        output=execution.outputs,
        error=branch.bindings[-1].error if branch.bindings else msgspec.UNSET,
        loop={"index": loop.index, "item": loop.item} if loop is not None else msgspec.UNSET,
        execution={"id": execution.id, "workflow": execution.workflow, "version": execution.workflow_version},
    )


def prepare_setter(execution: Execution, branch: Branch, step: Step) -> tuple[Any, Prepared]:
    """(value to store, what there is to say about it)."""
    assert step.setter is not None, f"{step.address} is not a setter"
    warnings: list[str] = []
    try:
        value = json.copy(step.setter.value.resolve(scope_of(execution, branch, step), warnings))
    except StepFailure as failure:
        return None, Prepared(config={}, warnings=tuple(warnings), failure=failure.error)
    return value, Prepared(config={}, warnings=tuple(warnings))


def prepare(execution: Execution, branch: Branch, step: Step, node: WorkflowNode) -> Prepared:
    """Resolve a step's parameters against the state as it is now."""
    frame = _own_frame(branch, step)
    index = (frame.index + 1 if frame is not None else 0) if step.loop else None
    if frame is not None and frame.parameters is not None:
        return Prepared(config=_own(frame.parameters, node), index=index)
    warnings: list[str] = []
    try:
        config = _resolve(scope_of(execution, branch, step), step, node, index=index or 0, warnings=warnings)
    except StepFailure as failure:
        return Prepared(config={}, warnings=tuple(warnings), failure=failure.error, index=index, entering=step.loop)
    return Prepared(config=_own(config, node), warnings=tuple(warnings), index=index, entering=step.loop)


def _own_frame(branch: Branch, step: Step) -> Frame | None:
    """The frame of a loop step that is visited from its own body."""
    if step.loop and len(branch.frames) > step.depth:
        return branch.frames[step.depth]
    return None


def _resolve(scope: Scope, step: Step, node: WorkflowNode, *, index: int, warnings: list[str]) -> dict[str, Any]:
    config = {name: value.resolve(scope, warnings) for name, value in step.parameters.items()}
    for name, spec in (node.metadata.parameters or {}).items():
        if spec.default is not msgspec.UNSET and name not in config and name not in step.late:
            config[name] = spec.default
    if step.late:
        seen = replace(scope, state={**scope.state, **node.overlay(config, index)})
        config.update({name: value.resolve(seen, warnings) for name, value in step.late.items()})
    return config


def _own(config: dict[str, Any], node: WorkflowNode) -> dict[str, Any]:
    """Parameters may be the state's own objects: a node that may change them gets copies."""
    if node.keeps_config:
        return config
    copied: dict[str, Any] = json.copy(config)
    return copied


def inputs_of(
    metadata: NodeMetadata, config: Mapping[str, Any], previous: Any, state: Mapping[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """(what `metadata.inputs` names: from the parameters, else the previous edge data, else the state; those for which
    the state was asked). The values are not copied.
    """
    found: dict[str, Any] = {}
    asked: set[str] = set()
    for name in metadata.inputs:
        if name in config:
            found[name] = config[name]
        elif isinstance(previous, Mapping) and name in previous:
            found[name] = previous[name]
        else:
            asked.add(name)
            if name in state:
                found[name] = state[name]
    return found, frozenset(asked)
