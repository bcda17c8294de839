"""A compiled workflow: a flat tuple of steps, each with its address, parameters, routes and continuation resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from domain.budget import Budget
from domain.paths import Path
from domain.values import Value

if TYPE_CHECKING:
    from domain.problems import Problem

END: Final = -1
"""The target that lies behind the last step of the top level (or of a branch)."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where an edge leads.

    `go`: to the step at index `target`, keeping `keep` loop frames; `end` and `fail` end the execution. `body` begins a
    pass of the loop whose step this is. `binds` is the address of the block in which an `error` edge binds `error` (by a
    `jump`, or by leading into the block; empty: nowhere). `leads` says that the target gets the edge's data as `input`.
    """

    kind: Literal["go", "end", "fail"] = "go"
    target: int = END
    keep: int = 0
    body: bool = False
    binds: str = ""
    jump: bool = False
    leads: bool = False


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a visit is tried (the first try included), and how long it waits before each further one.

    The delay grows by the factor `backoff` up to its most; `jitter` is the part of it that chance may take away.
    `pauses`: when the attempts are used up, the execution pauses where it would fail.
    """

    max_attempts: int = 3
    delay_ms: int = 1_000
    backoff: float = 2.0
    max_delay_ms: int = 300_000
    jitter: float = 0.0
    non_retryable: frozenset[str] = frozenset()
    pauses: bool = False


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """After how many failures in a row a node type is left alone, and for how long before it is tried again."""

    failures: int = 5
    cooldown_ms: int = 30_000


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's options of a step (`$…`). `output` is the state key of its edge data (None: none)."""

    output: str | None
    timeout_ms: int
    max_iterations: int
    on_crash: Literal["again", "fail", "pause"] = "again"
    retry: RetryPolicy | None = None
    breaker: BreakerPolicy | None = None
    locks: tuple[Path, ...] = ()
    concurrency: int = 1


class Setter(msgspec.Struct, frozen=True):
    """What a `$.path` step does: store the value at the path."""

    path: Path
    value: Value


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `blocks` are the addresses of the blocks around it, outermost first; `depth` counts the loops whose body
    it is in; `loop` says that it is a loop itself; `keeps_input` that it leaves `input` as it was. `branches` are the
    edges that are branches, in order, `secrets` the names that its parameters refer to. A setter has no name and no node.
    """

    index: int
    address: str
    name: str
    node: str
    blocks: tuple[str, ...]
    depth: int
    loop: bool
    keeps_input: bool
    options: Options
    parameters: dict[str, Value]
    late: dict[str, Value]
    routes: dict[str, Route]
    next: Route
    branches: tuple[str, ...] = ()
    setter: Setter | None = None
    secrets: tuple[str, ...] = ()


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow that can be run. `warnings` are what validation would tell a person besides."""

    hash: str
    id: str
    name: str
    version: str
    initial_state: dict[str, Any]
    steps: tuple[Step, ...]
    max_steps: int
    index: dict[str, int]
    """Step index by address."""
    priority: int = 0
    """Of its executions, unless they say otherwise: the higher runs first when not all can."""
    rolls_back: bool = False
    """Whether a critical error takes the execution back to its newest snapshot before it fails."""
    budget: Budget | None = None
    warnings: tuple[Problem, ...] = ()

    def at(self, address: str) -> Step:
        """The step of an address. Raises KeyError when there is none."""
        return self.steps[self.index[address]]
