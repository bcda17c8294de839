"""Trying again: what `$retry` and `settings.retry` say, and when the next attempt is due."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from domain.draft import Draft
from domain.durations import milliseconds
from domain.errors import ErrorInfo
from domain.events import Paused, RetryScheduled
from domain.execution import Execution, idempotency_key
from domain.position import Visit
from domain.problems import Problem, pointer
from domain.program import RetryPolicy, Step
from domain.reporting import Report

KEYS: Final = ("maxAttempts", "delay", "backoff", "maxDelay", "jitter", "nonRetryable", "exhausted")
GROWTH: Final = {"fixed": 1.0, "exponential": 2.0}
MAX_ATTEMPTS: Final = 1_000
MAX_GROWTH: Final = 100.0
NEVER_RETRIED: Final = frozenset({"STEP_LIMIT", "STATE_LIMIT"})


def policy_of(value: Any, path: str, report: Report) -> RetryPolicy:
    """The policy of a `$retry`. What can't be used is reported, and stands at its default."""
    if not isinstance(value, dict):
        report(_bad(path, 'A retry policy is an object such as {"maxAttempts": 3, "delay": "1s"}.'))
        return RetryPolicy()
    message = f"This is not part of a retry policy; {', '.join(KEYS)} are."
    report.unknown(value, KEYS, lambda key: _bad(path + pointer(key), message))
    read = _Reader(value, path, report)
    default = RetryPolicy()
    delay_ms = read.duration("delay", default.delay_ms)
    return RetryPolicy(
        max_attempts=int(read.number("maxAttempts", default.max_attempts, least=1, most=MAX_ATTEMPTS, whole=True)),
        delay_ms=delay_ms,
        backoff=read.growth("backoff", default.backoff),
        max_delay_ms=read.duration("maxDelay", max(default.max_delay_ms, delay_ms)),
        jitter=read.number("jitter", default.jitter, least=0, most=1),
        non_retryable=read.codes("nonRetryable"),
        pauses=read.choice("exhausted", ("fail", "pause")) == "pause",
    )


class _Reader:
    """Reads the values of a policy."""

    def __init__(self, values: dict[str, Any], path: str, report: Report) -> None:
        self._values = values
        self._path = path
        self._report = report

    def number(self, key: str, default: float, *, least: float, most: float, whole: bool = False) -> float:
        value = self._values.get(key, default)
        if isinstance(value, bool) and key == "jitter":
            return 0.5 if value else 0.0
        right = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not right or not least <= value <= most:
            kind = "a whole number" if whole else "a number"
            self._refuse(key, f"{key} is {kind} from {least:g} to {most:g}.")
            return default
        return float(value)

    def duration(self, key: str, default: int) -> int:
        try:
            return milliseconds(self._values.get(key, default))
        except ValueError as error:
            self._refuse(key, f"{key}: {error}.")
            return default

    def growth(self, key: str, default: float) -> float:
        value = self._values.get(key, default)
        if isinstance(value, str):
            if value not in GROWTH:
                self._refuse(key, f"{key} is {' or '.join(GROWTH)}, or the factor that the delay grows by.")
            return GROWTH.get(value, default)
        return self.number(key, default, least=1, most=MAX_GROWTH)

    def codes(self, key: str) -> frozenset[str]:
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
            self._refuse(key, f"{key} is a list of error codes.")
            return frozenset()
        return frozenset(value)

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        value = self._values.get(key, known[0])
        if value not in known:
            self._refuse(key, f"{key} is {' or '.join(known)}.")
        return str(value)

    def _refuse(self, key: str, message: str) -> None:
        self._report(_bad(self._path + pointer(key), message))


def _bad(path: str, message: str) -> Problem:
    return Problem(code="INVALID_OPTION", path=path, message=message)


def retried(draft: Draft, step: Step, error: ErrorInfo, *, branch: str, now: int, reads: tuple[str, ...] = ()) -> bool:
    """Schedule another attempt of the visit if its policy has one left for this error. False: the error stands.

    `reads` is what the node has read in this attempt.
    """
    visit = draft.visit(branch)
    policy = step.options.retry
    if policy is None or not may_try_again(step, error, visit):
        return False
    tries = _tries(visit)
    draft.record(
        RetryScheduled(
            time=now,
            address=visit.address,
            visit=visit.number,
            attempt=visit.attempt,
            branch=branch,
            error=error,
            due=now + _delay_ms(policy, draft.execution, visit, tries) * 1_000,
            reads=reads,
        )
    )
    return True


def may_try_again(step: Step, error: ErrorInfo, visit: Visit) -> bool:
    """Whether the step's policy has an attempt left for a visit that came to this error."""
    policy = step.options.retry
    return policy is not None and _may_retry(policy, step, error) and _tries(visit) < policy.max_attempts


def paused_instead(draft: Draft, step: Step, error: ErrorInfo, *, branch: str, now: int) -> bool:
    """Pause where the execution would fail, if its step's policy says so for attempts that are used up."""
    policy = step.options.retry
    if policy is None or not policy.pauses or not _may_retry(policy, step, error):
        return False
    visit = draft.visit(branch)
    reason = f"{step.name} failed {_tries(visit)} times: {error.message}"
    draft.record(Paused(time=now, reason=reason, error=error, address=visit.address, visit=visit.number, branch=branch))
    return True


def _may_retry(policy: RetryPolicy, step: Step, error: ErrorInfo) -> bool:
    never = error.code in NEVER_RETRIED or error.code in policy.non_retryable
    return error.recoverable and not never and step.node != "fail"


def _tries(visit: Visit) -> int:
    """Attempts so far, without those that a crash cut short: they are not the node's fault."""
    return visit.attempt - visit.recoveries


def _delay_ms(policy: RetryPolicy, execution: Execution, visit: Visit, tries: int) -> int:
    """Grows with every try up to its most; jitter takes away up to its part, the same for the same attempt."""
    grown = policy.delay_ms * min(policy.backoff ** (tries - 1), 1e12)
    delay = min(grown, policy.max_delay_ms)
    seed = sha256(f"{idempotency_key(execution, visit)} {visit.attempt}".encode()).digest()
    return round(delay * (1 - policy.jitter * int.from_bytes(seed[:4]) / 2**32))
