"""Forks of walks, decided and folded alone."""

from __future__ import annotations

from typing import Any

from domain.commands import ForkOff
from domain.compiler import compile_definition
from domain.completions import end_of_completion
from domain.events import ExecutionForked, Source
from domain.evolve import fold
from domain.execution import Execution
from domain.forked import base_of
from domain.json_patch import read_operations
from domain.node import NodeCatalog
from tests.support.workflows import Walk, rules_of


def cut_of(walk: Walk, at: int) -> Execution:
    """A walk as it was at a version, or at the end of the completion that this is part of."""
    return fold(walk.events[: end_of_completion(at, walk.events[at - 1 :])], Execution(id=walk.execution.id))


def fork_of(
    walk: Walk,
    at: int | None = None,
    *,
    definition: dict[str, Any] | None = None,
    nodes: NodeCatalog | None = None,
    patch: list[dict[str, Any]] | None = None,
    later: int = 1_000_000,
    **policies: Any,
) -> Walk:
    """A walk that goes on as a fork of one, from a version on (default: the newest), `later` microseconds after it."""
    base = cut_of(walk, len(walk.events) if at is None else at)
    fork = object.__new__(Walk)
    fork.nodes = nodes or walk.nodes
    fork.program = compile_definition(definition, fork.nodes) if definition is not None else walk.program
    fork.rules = rules_of(fork.program, limits=walk.rules.limits)
    fork.execution = base_of(base, "forked")
    fork.events, fork.snapshots, fork._turns = [], [], 0
    fork.now = walk.now + later
    above = base.source.depth if base.source is not None else 0
    fork.decide(
        ForkOff(
            now=fork.now,
            source=Source(execution=base.id, version=base.version, hash="c0ffee", depth=above + 1),
            old=walk.program,
            operations=read_operations(patch or []),
            **policies,
        )
    )
    return fork


def begun(fork: Walk) -> ExecutionForked:
    """The event that a fork begins with."""
    event = fork.events[0]
    assert isinstance(event, ExecutionForked)
    return event
