"""Workflows that run each other in a circle, as far as that is written down in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from domain.problems import Problem, pointer
from domain.program import Program, Step
from domain.publishing import LATEST
from domain.scope import Scope

CHILD_NODES: Final = frozenset({"runWorkflow", "run-workflow"})
MOST_LOOKED_AT: Final = 1_000
"""Workflows that are looked through for one warning."""

Resolve = Callable[[str, str], "Program | None"]
"""(workflow id, version or `latest`) -> its program as it would run now; None: there is none."""


class Call(msgspec.Struct, frozen=True):
    """A step that runs a workflow whose name is written out."""

    step: Step
    workflow: str
    version: str


def calls_of(program: Program) -> list[Call]:
    """The workflows that a program's steps name as children; those found out at run time are not among them."""
    return [
        Call(step, workflow, _literal(step, "version") or LATEST)
        for step in program.steps
        if step.node in CHILD_NODES and (workflow := _literal(step, "workflowId")) is not None
    ]


def _literal(step: Step, name: str) -> str | None:
    value = step.parameters.get(name)
    found = value.resolve(Scope(state={}), []) if value is not None and value.constant else None
    return found if isinstance(found, str) else None


def circles(program: Program, resolve: Resolve) -> tuple[Problem, ...]:
    """A warning for every step of a program by which it comes to run itself again.

    `resolve` knows the other workflows; for the program's own name it is to give the program, where that is meant.
    """
    found: list[Problem] = []
    for call in calls_of(program):
        way = _way_back(program, call, resolve)
        if way is not None:
            names = " runs ".join((program.id, *way))
            message = f"{names}: that is a circle. It ends only if some step decides to, or at the limit on depth."
            path = call.step.address + pointer("workflowId")
            found.append(Problem(code="WORKFLOW_CIRCLE", path=path, message=message, severity="warning"))
    return tuple(found)


def _way_back(program: Program, first: Call, resolve: Resolve) -> tuple[str, ...] | None:
    """The workflows that a call leads through until it comes back to the program, the shortest way; None: it does not."""
    seen: set[str] = set()
    level: list[tuple[Call, tuple[str, ...]]] = [(first, ())]
    while level and len(seen) < MOST_LOOKED_AT:
        below: list[tuple[Call, tuple[str, ...]]] = []
        for call, way in level:
            called = resolve(call.workflow, call.version)
            if called is None or called.hash in seen:
                continue
            if called.hash == program.hash:
                return (*way, called.id)
            seen.add(called.hash)
            below += [(each, (*way, called.id)) for each in calls_of(called)]
        level = below
    return None
