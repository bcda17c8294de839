"""What a node sees while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from domain import json
from domain.budget import Budget, Spending
from domain.patches import Op, diff, escape

if TYPE_CHECKING:
    from datetime import datetime


class StepInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which step is running: `visit` counts its visits in this walk, `attempt` the tries of this visit, both from 1.

    `routed` are the edges that the step routes, `concurrency` the passes that may run side by side.
    """

    name: str
    address: str
    visit: int
    attempt: int
    routed: frozenset[str]
    concurrency: int = 1


class LoopInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where a loop step stands: the `index`, from 0, of the pass that it is about to decide on."""

    index: int


class StateView(MutableMapping[str, Any]):
    """The state as one node sees it: a mapping whose writes, deletes and nested changes become one patch.

    A container is copied when it is first read, so what the node does to it reaches the state only as a recorded write.
    """

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._base = base
        self._seen: dict[str, Any] = {}
        self._gone: set[str] = set()
        self.reads: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        if key in self._seen:
            return self._seen[key]
        self.reads.add(key)
        if key in self._gone:
            raise KeyError(key)
        value = self._base[key]
        if isinstance(value, (dict, list)):
            value = self._seen[key] = json.copy(value)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._gone.discard(key)
        self._seen[key] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._seen.pop(key, None)
        self._gone.add(key)

    def __contains__(self, key: object) -> bool:
        if key in self._seen:
            return True
        self.reads.add(str(key))
        return key in self._base and key not in self._gone

    def __iter__(self) -> Iterator[str]:
        self.reads.add("*")
        yield from [key for key in self._base if key not in self._gone]
        yield from [key for key in self._seen if key not in self._base]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def whole(self) -> Mapping[str, Any]:
        """The state as it was when the node began, uncopied, for nodes that only look at it."""
        self.reads.add("*")
        return self._base

    def patch(self) -> tuple[Op, ...]:
        """What the node changed, against the state that it saw. Raises `NOT_JSON` for a value that can't be stored."""
        ops = [Op("remove", f"/{escape(key)}") for key in sorted(self._gone) if key in self._base]
        for key, value in self._seen.items():
            path = f"/{escape(json.check_key(key, 'the state as the node left it'))}"
            plain = json.normal(value, f"what the node wrote to the state under {key!r}")
            if key in self._base:
                ops.extend(diff(self._base[key], plain, path))
            else:
                ops.append(Op("add", path, plain))
        return tuple(ops)


class ExecutionContext:
    """One visit of a step, from the node's side."""

    __slots__ = (
        "_heartbeat",
        "_now",
        "_spending",
        "execution_id",
        "idempotency_key",
        "inputs",
        "left",
        "log",
        "loop",
        "node_id",
        "previous",
        "secrets",
        "state",
        "step",
        "workflow_id",
    )

    def __init__(  # noqa: PLR0913 - the one place where a visit's surroundings come together
        self,
        *,
        state: StateView,
        inputs: Mapping[str, Any],
        workflow_id: str,
        node_id: str,
        execution_id: str,
        step: StepInfo,
        idempotency_key: str,
        now: datetime,
        previous: Any = None,
        loop: LoopInfo | None = None,
        secrets: Mapping[str, str] | None = None,
        spending: Spending | None = None,
        left: Budget | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.state = state
        """The state: read it, write it, change what is nested in it."""
        self.inputs = inputs
        """What `metadata.inputs` names, each from the parameters, else the previous edge data, else the state."""
        self.workflow_id = workflow_id
        self.node_id = node_id
        self.execution_id = execution_id
        self.step = step
        self.idempotency_key = idempotency_key
        """The same for every attempt of this visit, over retries and crashes; for no other visit."""
        self.previous = previous
        """The edge data of the node that ran last in this branch (`input` in expressions)."""
        self.loop = loop
        """Where the loop stands when the step is a loop, else None."""
        self.secrets: Mapping[str, str] = secrets if secrets is not None else {}
        self.log: Callable[[str], None] = log if log is not None else _ignore
        """Write a line to the service's log, marked with the execution and step."""
        self.left = left
        """What is left of the execution's budget (`settings.budget`), or None: it has none."""
        self._spending = spending if spending is not None else Spending()
        self._now = now
        self._heartbeat: Callable[[], None] = _nothing

    def now(self) -> datetime:
        """The time of this visit (UTC): the same in a replay."""
        return self._now

    def spend(self, *, cost: float = 0.0, tokens: int = 0) -> None:
        """Report what this attempt has spent, as soon as it is spent: it counts however the attempt comes out.

        Amounts add up. Raises ValueError for what is none.
        """
        self._spending.add(cost=cost, tokens=tokens)

    def heartbeat(self) -> None:
        """Say that the work goes on: the node's timeout counts anew from here."""
        self._heartbeat()

    def on_heartbeat(self, beat: Callable[[], None]) -> None:
        """Let `beat` be called at every heartbeat. For whoever keeps the time."""
        self._heartbeat = beat


def _nothing() -> None:
    """A heartbeat that nobody listens to."""


def _ignore(message: str) -> None:
    del message
