"""How steps and blocks are left, and what `error` is bound to while they run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tests.reference.outline import Step


class Way(Enum):
    """How a step or a block is left, jumps aside."""

    NEXT = auto()
    ENDED = auto()
    BROKE = auto()
    CONTINUED = auto()


@dataclass(frozen=True)
class Jumped:
    """A jump on its way out to the block of its target, with the error it binds there."""

    target: Step
    error: Any


Left = Way | Jumped


@dataclass(eq=False)
class Binding:
    """What `error` is in a running block: by the route into it, or by a jump to one of its steps."""

    outer: Binding | None = None
    routed: Any = None
    jumped: Any = None

    def bind(self) -> None:
        """Another error is bound: one that was bound by a jump is gone for good."""
        at: Binding | None = self
        while at is not None:
            at.jumped = None
            at = at.outer

    @property
    def error(self) -> Any:
        """The innermost error, or None."""
        if self.jumped is not None or self.routed is not None:
            return self.jumped if self.jumped is not None else self.routed
        return self.outer.error if self.outer else None


class Failed(Exception):
    """A step has failed, and nothing deals with it so far; `final`: nothing will, the execution ends by it."""

    def __init__(self, error: Any, *, final: bool = False) -> None:
        super().__init__(error["message"])
        self.error = error
        self.final = final or error["code"] in ("STEP_LIMIT", "STATE_LIMIT")


class Stopped(Exception):
    """Nothing more happens until somebody does something: parked (`suspended`), or `paused` for an error."""

    def __init__(self, status: str, error: Any = None) -> None:
        super().__init__(status)
        self.status = status
        self.error = error
