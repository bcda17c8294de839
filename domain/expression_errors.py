"""How an expression is refused when it is compiled, and how it fails when it is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.errors import ClewError, ErrorInfo, StepFailure
from domain.problems import nearest

if TYPE_CHECKING:
    from collections.abc import Collection

EXPRESSION_ERROR = "EXPRESSION_ERROR"
UNDEFINED_REFERENCE = "UNDEFINED_REFERENCE"


class InvalidExpression(ClewError):
    """The text does not compile. `position` is an offset in the source.

    `meant` is a name that is none of the `known` ones; which of them it was meant to be is only looked for when somebody
    wants to know: a definition may have thousands of such texts, of which a hundred are told.
    """

    code = "INVALID_EXPRESSION"

    def __init__(self, message: str, *, position: int, meant: str = "", known: Collection[str] = ()) -> None:
        super().__init__(message)
        self.position = position
        self.meant = meant
        self.known = known

    @property
    def nearest(self) -> str | None:
        """The name that was probably meant."""
        return nearest(self.meant, self.known) if self.meant else None

    def hinted(self) -> InvalidExpression:
        """The same, with the name that was probably meant in its message."""
        close = self.nearest
        hint = f" Did you mean `{close}`?" if close else ""
        found = InvalidExpression(self.message + hint, position=self.position, meant=self.meant, known=self.known)
        found.details = self.details
        return found


def expression_error(message: str, *, details: Any = None) -> StepFailure:
    """The failure of an expression whose values don't fit together, or that grew past a limit."""
    return StepFailure(ErrorInfo(type="runtime", code=EXPRESSION_ERROR, message=message, details=details))


def undefined_reference(message: str, *, details: Any = None) -> StepFailure:
    """The failure of a reference to what is not there."""
    return StepFailure(ErrorInfo(type="state", code=UNDEFINED_REFERENCE, message=message, details=details))
