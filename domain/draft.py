"""A decision while it is being made: the events so far, and the execution as they leave it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from domain.budget import Spent
from domain.errors import ENGINE_TYPES, ErrorInfo
from domain.events import AttemptEvent, ExecutionEvent, Paused, Reused
from domain.evolve import evolve
from domain.execution import Execution
from domain.position import Branch, Visit
from domain.program import Step

Mark = tuple[Execution, int, int, Spent | None, Reused | None]


class Draft:
    """Events decided on so far. Each is folded at once, so that what follows is decided on what is already true."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.events: list[ExecutionEvent] = []
        self.failed: list[tuple[str, ErrorInfo]] = []
        """Branches in which a visit has failed, each with the error that the step that opened it has to deal with."""
        self.spent: Spent | None = None
        """What the attempt that is coming to its end has spent: the first event that ends it says so."""
        self.reused: Reused | None = None
        """Where its result was taken from: so does this."""

    def record(self, event: ExecutionEvent) -> None:
        """Add an event."""
        if self.spent is not None and isinstance(event, (AttemptEvent, Paused)):
            event, self.spent = replace(event, spent=self.spent), None
        if self.reused is not None and isinstance(event, AttemptEvent):
            event, self.reused = replace(event, reused=self.reused), None
        self.execution = evolve(self.execution, event)
        self.events.append(event)

    def mark(self) -> Mark:
        """Where the draft is now, for `back_to`."""
        return self.execution, len(self.events), len(self.failed), self.spent, self.reused

    def back_to(self, mark: Mark) -> None:
        """Forget what was recorded since the mark."""
        self.execution, events, failed, self.spent, self.reused = mark
        del self.events[events:]
        del self.failed[failed:]

    def is_open(self, name: str, visit: Visit) -> bool:
        """Whether a visit that was open in a branch still is."""
        branch = self.execution.branches.get(name)
        now = branch.visit if branch is not None else None
        return now is not None and (now.address, now.pass_) == (visit.address, visit.pass_)

    def branch(self, name: str) -> Branch:
        """A branch as it stands now."""
        return self.execution.branches[name]

    def visit(self, name: str) -> Visit:
        """The visit that is open in a branch."""
        visit = self.branch(name).visit
        assert visit is not None, f"branch {name!r} of {self.execution.id} has no open visit"
        return visit


def engine_error(code: str, message: str, *, details: Any = None, recoverable: bool = False) -> ErrorInfo:
    """One of the engine's own errors, of the type that its code has."""
    kind = ENGINE_TYPES.get(code, "runtime")
    return ErrorInfo(type=kind, code=code, message=message, details=details, recoverable=recoverable)


def returned_error(step: Step, data: Any) -> ErrorInfo:
    """The error that a returned `error` edge stands for (LANGUAGE, section 5)."""
    if isinstance(data, dict) and isinstance(data.get("code"), str) and isinstance(data.get("message"), str):
        return error_from_json(data)
    label = step.name or step.address
    if isinstance(data, str):
        return ErrorInfo(code="NODE_ERROR", message=data or f"{label} took error")
    return ErrorInfo(code="NODE_ERROR", message=f"{label} took error", details=data)


def error_from_json(data: dict[str, Any]) -> ErrorInfo:
    """The error of an error object; fields that are missing or of no known value get their defaults."""
    known = ("validation", "configuration", "state", "runtime", "system")
    return ErrorInfo(
        type=data["type"] if data.get("type") in known else "runtime",
        code=data["code"],
        message=data["message"],
        recoverable=data.get("recoverable") is True,
        details=data.get("details"),
    )
