"""Circuit breakers: a node type that keeps failing is left alone for a while, and then tried once."""

from __future__ import annotations

from typing import Literal

import msgspec

from application.ports import Clock
from domain.commands import Erred, Outcome, Took
from domain.draft import engine_error
from domain.errors import ErrorInfo
from domain.program import BreakerPolicy

State = Literal["closed", "open", "half-open"]


class _Breaker:
    """What is known of one node type: failures in a row, until when it is left alone, and whether it is being probed."""

    def __init__(self) -> None:
        self.failures = 0
        self.open_until: int | None = None
        self.probing = False


class BreakerView(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker as people see it. `open_until` is in microseconds."""

    state: State
    failures: int
    open_until: int | None = None


class Breakers:
    """The breakers of this process, one for each node type that some step guards with `$breaker`.

    They are no part of any execution's history: a refusal is, as the error of its visit. All calls come from the engine's
    loop, but for `view`, which only reads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[str, _Breaker] = {}

    def refusal(self, node: str, policy: BreakerPolicy | None) -> ErrorInfo | None:
        """Why the node is not to be run now, or None. Who is let through while it is half-open is its probe."""
        if policy is None:
            return None
        breaker = self._all.setdefault(node, _Breaker())
        if breaker.open_until is None:
            return None
        now = self._clock.now()
        if now >= breaker.open_until and not breaker.probing:
            breaker.probing = True
            return None
        left_ms = max(0, breaker.open_until - now) // 1_000
        message = (
            f"{node} has failed {breaker.failures} times in a row and is not run for {left_ms:,} ms more ($breaker)."
        )
        details = {"node": node, "failures": breaker.failures, "retryInMs": left_ms}
        return engine_error("CIRCUIT_OPEN", message, details=details, recoverable=True)

    def learn(self, node: str, policy: BreakerPolicy | None, outcome: Outcome | None) -> None:
        """Take in how a visit that was let through came out (None: it was cut short, which says nothing)."""
        if policy is None:
            return
        breaker = self._all.setdefault(node, _Breaker())
        probed, breaker.probing = breaker.probing, False
        if outcome is None:
            return
        if not _is_failure(outcome):
            breaker.failures, breaker.open_until = 0, None
            return
        breaker.failures += 1
        if probed or breaker.failures >= policy.failures:
            breaker.open_until = self._clock.now() + policy.cooldown_ms * 1_000

    def view(self, node: str) -> BreakerView | None:
        """The breaker of a node type, or None: no step has guarded it so far."""
        breaker = self._all.get(node)
        if breaker is None:
            return None
        state: State = "closed"
        if breaker.open_until is not None:
            state = "half-open" if breaker.probing or self._clock.now() >= breaker.open_until else "open"
        return BreakerView(state=state, failures=breaker.failures, open_until=breaker.open_until)


def _is_failure(outcome: Outcome) -> bool:
    """What the node did wrong; bad parameters and the like are its caller's fault, and say nothing of the node."""
    if isinstance(outcome, Erred):
        return outcome.error.type in ("runtime", "system")
    return (
        isinstance(outcome, Took) and outcome.edge == "error" and _returned_type(outcome.data) in ("runtime", "system")
    )


def _returned_type(data: object) -> object:
    return data.get("type", "runtime") if isinstance(data, dict) else "runtime"
