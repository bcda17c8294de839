"""Edits by people: the state that their patch leads to, and the lists of loops that change with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from domain import json
from domain.events import StateEdited
from domain.execution import Execution, heavier
from domain.json_patch import Operation, applied
from domain.patches import Patch, apply, diff, find, same
from domain.paths import path_or_none
from domain.position import Branch, Frame, ListReplaced, Opened
from domain.problems import pointer
from domain.program import Program, Step
from domain.value_forms import Computed, Referring, Value

ITEMS = "items"
"""The parameter with the list that passes beside one another go through."""


def edit_patch(state: dict[str, Any], operations: tuple[Operation, ...], *, most: int, at: str = "") -> Patch:
    """What operations change in a state, as the log has it; nothing where they change nothing.

    Raises Unacceptable where one does not apply; `most` bounds the bytes that they may move and copy.
    """
    return tuple(diff(state, applied(state, operations, most=most, at=at)))


def replaced_lists(execution: Execution, patch: Patch, program: Program) -> tuple[ListReplaced, ...]:
    """The lists of loops in progress that a patch of the state replaces (LANGUAGE, section 6): those that came from a
    pointer that it changes something at, under or around, if a list is there afterwards.
    """
    if not patch:
        return ()
    after = apply(execution.state, patch)
    return tuple(
        ListReplaced(branch=branch, frame=frame, parameter=parameter, at=origin)
        for branch, frame, parameter, origin, kept in _lists(execution, program)
        if _concerns(patch, origin) and _is_new(find(after, origin), kept)
    )


def _lists(execution: Execution, program: Program) -> Iterator[tuple[str, int, str, str, list[Any]]]:
    """(branch, frame, parameter, pointer that it came from, list) of every list that a loop goes through."""
    for name, branch in execution.branches.items():
        for depth, frame in enumerate(branch.frames[branch.base :], start=branch.base):
            for parameter, kept in (frame.parameters or {}).items():
                origin = _origin(_step(program, frame.address), parameter)
                if origin and isinstance(kept, list):
                    yield name, depth, parameter, origin, kept
        opened = branch.visit.opened if branch.visit is not None else None
        if branch.visit is not None and opened is not None and isinstance(opened.joining.items, list):
            origin = _origin(_step(program, branch.visit.address), ITEMS)
            if origin:
                yield name, -1, ITEMS, origin, opened.joining.items


def _step(program: Program, address: str) -> Step | None:
    return program.at(address) if address in program.index else None


def _origin(step: Step | None, parameter: str) -> str:
    """The pointer of the state that a parameter is read from; empty where it is made of something else."""
    value: Value | None = step.parameters.get(parameter) if step is not None else None
    path = None
    if isinstance(value, Referring):
        path = value.path
    elif isinstance(value, Computed):  # `{{ $.orders }}` is the same
        path = path_or_none(value.expression.source.strip())
    return pointer(*path) if path else ""


def _concerns(patch: Patch, origin: str) -> bool:
    return any(f"{op.path}/".startswith(f"{origin}/") or f"{origin}/".startswith(f"{op.path}/") for op in patch)


def _is_new(found: Any, kept: list[Any]) -> bool:
    return isinstance(found, list) and not same(found, kept)


def state_edited(execution: Execution, event: StateEdited) -> Execution:
    """The execution with the state that a person gave it."""
    edited = with_lists(replace(execution, state=apply(execution.state, event.patch)), event.lists)
    return heavier(edited, len(json.encode(event.patch)))


def with_lists(execution: Execution, lists: tuple[ListReplaced, ...]) -> Execution:
    """The execution whose loops go through the lists that are in its state now; each goes on at its index."""
    for one in lists:
        branch = execution.branches.get(one.branch)
        items = find(execution.state, one.at)
        if branch is not None and isinstance(items, list):
            given = _with_frame(branch, one, items) if one.frame >= 0 else _with_items(branch, items)
            after = replace(execution, branches={**execution.branches, one.branch: given})
            execution = heavier(after, len(json.encode(items)))
    return execution


def _with_frame(branch: Branch, one: ListReplaced, items: list[Any]) -> Branch:
    if one.frame >= len(branch.frames):
        return branch
    frame: Frame = branch.frames[one.frame]
    given = replace(frame, parameters={**(frame.parameters or {}), one.parameter: items})
    return replace(branch, frames=(*branch.frames[: one.frame], given, *branch.frames[one.frame + 1 :]))


def _with_items(branch: Branch, items: list[Any]) -> Branch:
    opened: Opened | None = branch.visit.opened if branch.visit is not None else None
    if branch.visit is None or opened is None:
        return branch
    given = replace(opened, joining=replace(opened.joining, items=items))
    return replace(branch, visit=replace(branch.visit, opened=given))
