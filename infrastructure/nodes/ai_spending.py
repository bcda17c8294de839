"""What a call of `ask-ai` may still cost, and has cost."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain.budget import BUDGET_EXCEEDED
from domain.errors import ErrorInfo, StepFailure
from infrastructure.nodes.ai_answers import Completion

if TYPE_CHECKING:
    from domain.context import ExecutionContext
    from infrastructure.nodes.ai_endpoint import AiEndpoint

BYTES_PER_TOKEN: Final = 3
"""Fewer than the usual four: where an endpoint does not count, a budget is rather used up early than late."""


class Meter:
    """Bounds one call by what is left of the execution's budget, and reports what it spent.

    Counts are the endpoint's. Where it gives none they are guessed, but only where a budget depends on them.
    """

    def __init__(self, context: ExecutionContext, endpoint: AiEndpoint, *, model: str, prompt: bytes) -> None:
        self._context = context
        self._endpoint = endpoint
        self._model = model
        self._prompt_tokens = _guessed(len(prompt))

    def most_tokens(self, wanted: int | None) -> int | None:
        """How many tokens the answer may have: `wanted`, or fewer if the budget has not so many left; None: any.

        Raises `PRICE_UNKNOWN` where a cost can't be kept to, `BUDGET_EXCEEDED` where not one token can be paid for.
        """
        left = self._context.left
        if left is None:
            return wanted
        bounds = [bound for bound in (wanted, left.tokens, self._affordable(left.cost)) if bound is not None]
        most = min(bounds, default=None)
        if most is not None and most < 1:
            message = f"What is left of the budget does not pay for one token of {self._model}: raise settings.budget."
            details = {"left": msgspec.to_builtins(left)}
            raise StepFailure(ErrorInfo(code=BUDGET_EXCEEDED, message=message, details=details))
        return most

    def _affordable(self, cost: float | None) -> int | None:
        if cost is None:
            return None
        price = self._endpoint.price(self._model)
        if price is None:
            message = (
                f"the price of {self._model} is not known here, so a budget in cost can't be kept (CLEW_AI_PRICES)"
            )
            raise StepFailure(ErrorInfo(type="configuration", code="PRICE_UNKNOWN", message=message))
        return floor(cost / price.of_one_output) if price.output > 0 else None

    def usage(self, found: Completion) -> dict[str, Any]:
        """The counts and the cost of an answer, null where they are not known; reported to the execution."""
        counts = (found.prompt_tokens, found.completion_tokens)
        cost = self._endpoint.cost(self._model, *counts)
        if cost is None:
            cost = self._endpoint.cost(found.model, *counts)
        self._report(
            found.total, cost, answer=sum(map(len, (found.text or "", *(call.arguments for call in found.calls))))
        )
        return {
            "promptTokens": found.prompt_tokens,
            "completionTokens": found.completion_tokens,
            "totalTokens": found.total_tokens,
            "cost": cost,
        }

    def broken_off(self, characters: int) -> None:
        """Report a guess of what was paid for an answer that did not come to its end."""
        self._report(None, None, answer=characters)

    def _report(self, tokens: int | None, cost: float | None, *, answer: int) -> None:
        if self._context.left is not None:
            guess = (self._prompt_tokens, _guessed(answer))
            tokens = sum(guess) if tokens is None else tokens
            cost = self._endpoint.cost(self._model, *guess) if cost is None else cost
        if tokens or cost:
            self._context.spend(cost=cost or 0.0, tokens=tokens or 0)


def _guessed(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)
