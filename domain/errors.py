"""The one tree of errors, and the error object that a workflow sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from domain.problems import Problem

ErrorType = Literal["validation", "configuration", "state", "runtime", "system"]
Severity = Literal["error", "critical"]


ENGINE_TYPES: Final[dict[str, ErrorType]] = {
    "NODE_UNAVAILABLE": "configuration",
    "STATE_LIMIT": "state",
    "CRASHED": "system",
    "CRASH_LOOP": "system",
    "INTERNAL_ERROR": "system",
}
"""The engine's own errors that are of another type than `runtime`, by code."""
LONGEST_PLACE: Final = 200
"""Characters of a pointer in a message: a key may be as long as a document."""


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong in a step, as routes, events and people see it (LANGUAGE, section 5)."""

    type: ErrorType = "runtime"
    code: str
    message: str
    recoverable: bool = False
    details: Any = None

    @property
    def severity(self) -> Severity:
        """`critical` when nothing in the workflow can be expected to help."""
        return "critical" if not self.recoverable and self.type in ("runtime", "system") else "error"

    def as_json(self) -> dict[str, Any]:
        """The error object that `error` is bound to."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "recoverable": self.recoverable,
            "severity": self.severity,
            "details": self.details,
        }


class ClewError(Exception):
    """Whatever Clew refuses or can't do. `code` is stable; the message says what to do about it."""

    code = "ERROR"

    def __init__(self, message: str, *, code: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details


class NotJson(ClewError):
    """The text is not a JSON document that Clew takes. Line and column count from 1."""

    code = "NOT_JSON"

    def __init__(self, message: str, *, line: int, column: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.line = line
        self.column = column


class InvalidDefinition(ClewError):
    """The definition can't be compiled; `problems` holds every reason at once."""

    code = "VALIDATION_ERROR"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        errors = [problem for problem in problems if problem.severity == "error"]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        place = errors[0].path[:LONGEST_PLACE] if errors else ""
        first = f"{place}: {errors[0].message}".removeprefix(": ") if errors else "no problems"
        super().__init__(f"The workflow is not valid. {first}{more}")
        self.problems = problems


class NotFound(ClewError):
    """There is no such thing under that name."""

    code = "NOT_FOUND"


class Refused(ClewError):
    """The command does not fit what the execution is doing now."""

    code = "CONFLICT"


class Outdated(Refused):
    """The execution has gone on since whoever asks has seen it. `details` has its `version` now."""

    code = "VERSION_MISMATCH"


class Unacceptable(ClewError):
    """The request is well formed but asks for something that can't be."""

    code = "UNACCEPTABLE"


class Unavailable(ClewError):
    """The service can't do this now; asking again later may help."""

    code = "UNAVAILABLE"


class StepFailure(ClewError):
    """A step can't go on. Carries the error object that its `error?` route would see."""

    code = "STEP_FAILURE"

    def __init__(self, error: ErrorInfo) -> None:
        super().__init__(error.message, code=error.code, details=error.details)
        self.error = error
