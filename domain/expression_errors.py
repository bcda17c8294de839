"""How an expression is refused when it is compiled, and how it fails when it is evaluated."""

from __future__ import annotations

from typing import Any

from domain.errors import ClewError, ErrorInfo, StepFailure

EXPRESSION_ERROR = "EXPRESSION_ERROR"
UNDEFINED_REFERENCE = "UNDEFINED_REFERENCE"


class InvalidExpression(ClewError):
    """The text does not compile. `position` is an offset in the source, `nearest` a name that was probably meant."""

    code = "INVALID_EXPRESSION"

    def __init__(self, message: str, *, position: int, nearest: str | None = None) -> None:
        hint = f" Did you mean `{nearest}`?" if nearest else ""
        super().__init__(f"{message}{hint}")
        self.position = position
        self.nearest = nearest


def expression_error(message: str, *, details: Any = None) -> StepFailure:
    """The failure of an expression whose values don't fit together, or that grew past a limit."""
    return StepFailure(ErrorInfo(type="runtime", code=EXPRESSION_ERROR, message=message, details=details))


def undefined_reference(message: str, *, details: Any = None) -> StepFailure:
    """The failure of a reference to what is not there."""
    return StepFailure(ErrorInfo(type="state", code=UNDEFINED_REFERENCE, message=message, details=details))
