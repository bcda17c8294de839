"""What the steps of an execution may spend in all (`settings.budget`), and what they have spent."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import msgspec

from domain.errors import ErrorInfo

BUDGET_EXCEEDED: Final = "BUDGET_EXCEEDED"
_PLACES: Final = 9
"""Decimal places of a cost: sums of prices stay what people would add them up to."""


class Spent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money, in whatever currency the prices are in, and tokens of language models."""

    cost: float = 0.0
    tokens: int = 0

    def plus(self, more: Spent) -> Spent:
        """Both together."""
        return Spent(cost=round(self.cost + more.cost, _PLACES), tokens=self.tokens + more.tokens)


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The most of each; None: as much as it takes."""

    cost: float | None = None
    tokens: int | None = None

    def left(self, spent: Spent) -> Budget:
        """What is left of it: nothing, rather than less."""
        return Budget(
            cost=None if self.cost is None else max(0.0, round(self.cost - spent.cost, _PLACES)),
            tokens=None if self.tokens is None else max(0, self.tokens - spent.tokens),
        )


class Spending:
    """What one attempt has spent so far."""

    def __init__(self) -> None:
        self.total: Spent | None = None

    def add(self, *, cost: Any = 0.0, tokens: Any = 0) -> None:
        """Add to it. Raises ValueError for what is no amount."""
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not isfinite(cost) or cost < 0:
            raise ValueError(f"a cost is a number of at least 0, not {cost!r}")
        if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
            raise ValueError(f"tokens are a whole number of at least 0, not {tokens!r}")
        self.total = (self.total or Spent()).plus(Spent(cost=float(cost), tokens=tokens))


def overspent(budget: Budget | None, spent: Spent, what: str) -> ErrorInfo | None:
    """Why a step that spends is not run any more, or None: there is something left of everything."""
    if budget is None:
        return None
    left = budget.left(spent)
    if left.cost != 0 and left.tokens != 0:
        return None
    return exceeded(f"The budget of this execution is used up, and {what} is not run.", budget, spent)


def exceeded(message: str, budget: Budget, spent: Spent) -> ErrorInfo:
    """The error of a step that the budget does not allow."""
    details = {"budget": msgspec.to_builtins(budget), "spent": {"cost": spent.cost, "tokens": spent.tokens}}
    return ErrorInfo(
        code=BUDGET_EXCEEDED, message=f"{message} Raise settings.budget if it needs more.", details=details
    )
