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
    """What is known of one node type: failures in a row, until when it is left alone, and whether it is being probed.

    `openings` counts how often it has opened: a visit that began before the last time says nothing of the node now.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.open_until: int | None = None
        self.probing = False
        self.openings = 0


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that was let through, as its probe if the breaker was half open."""

    node: str
    policy: BreakerPolicy
    openings: int
    probe: bool


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

    def admit(self, node: str, policy: BreakerPolicy | None) -> Admitted | ErrorInfo | None:
        """Let a visit through (None: no breaker guards it), or say why the node is not to be run now.

        Who is let through while it is half open is its probe.
        """
        if policy is None:
            return None
        breaker = self._all.setdefault(node, _Breaker())
        if breaker.open_until is None:
            return Admitted(node=node, policy=policy, openings=breaker.openings, probe=False)
        now = self._clock.now()
        if now >= breaker.open_until and not breaker.probing:
            breaker.probing = True
            return Admitted(node=node, policy=policy, openings=breaker.openings, probe=True)
        return _refusal(node, breaker.failures, max(0, breaker.open_until - now) // 1_000)

    def learn(self, admitted: Admitted | None, outcome: Outcome | None) -> None:
        """Take in how a visit that was let through came out (None: it was cut short, which says nothing)."""
        if admitted is None:
            return
        breaker = self._all[admitted.node]
        if admitted.probe:
            breaker.probing = False
        if outcome is None or admitted.openings != breaker.openings:
            return
        if not _is_failure(outcome):
            breaker.failures, breaker.open_until = 0, None
            return
        breaker.failures += 1
        if admitted.probe or breaker.failures >= admitted.policy.failures:
            breaker.open_until = self._clock.now() + admitted.policy.cooldown_ms * 1_000
            breaker.openings += 1

    def view(self, node: str) -> BreakerView | None:
        """The breaker of a node type, or None: no step has guarded it so far."""
        breaker = self._all.get(node)
        if breaker is None:
            return None
        state: State = "closed"
        if breaker.open_until is not None:
            state = "half-open" if breaker.probing or self._clock.now() >= breaker.open_until else "open"
        return BreakerView(state=state, failures=breaker.failures, open_until=breaker.open_until)


def _refusal(node: str, failures: int, left_ms: int) -> ErrorInfo:
    message = f"{node} has failed {failures} times in a row and is not run for {left_ms:,} ms more ($breaker)."
    details = {"node": node, "failures": failures, "retryInMs": left_ms}
    return engine_error("CIRCUIT_OPEN", message, details=details, recoverable=True)


def _is_failure(outcome: Outcome) -> bool:
    """What the node did wrong; bad parameters and the like are its caller's fault, and say nothing of the node."""
    if isinstance(outcome, Erred):
        return outcome.error.type in ("runtime", "system")
    return (
        isinstance(outcome, Took) and outcome.edge == "error" and _returned_type(outcome.data) in ("runtime", "system")
    )


def _returned_type(data: object) -> object:
    return data.get("type", "runtime") if isinstance(data, dict) else "runtime"
