"""The engine's options of a step and the settings of a workflow, checked."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from domain.budget import Budget
from domain.durations import MAX_DURATION_MS, milliseconds
from domain.json import MAX_INTEGER
from domain.limits import Limits
from domain.outline import StepOutline
from domain.paths import Path, parse_path
from domain.problems import Problem, pointer
from domain.program import BreakerPolicy, Options, RetryPolicy
from domain.reporting import Report
from domain.retrying import policy_of

OPTIONS: Final = (
    "$node",
    "$retry",
    "$timeout",
    "$output",
    "$locks",
    "$onCrash",
    "$maxIterations",
    "$concurrency",
    "$breaker",
)
MOST_PRIORITY: Final = 100
PRIORITY_RULE: Final = (
    f"priority is a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY}; 0 is usual, the higher runs first."
)
BREAKER: Final = ("failures", "cooldown")
MAX_FAILURES: Final = 1_000
MAX_LOCKS: Final = 100
SETTINGS: Final = (
    "timeout",
    "retry",
    "maxSteps",
    "maxIterations",
    "onCriticalError",
    "budget",
    "priority",
    "concurrencyKey",
)
SETTINGS_NOT_YET: Final = frozenset({"concurrencyKey"})
BUDGET: Final = ("cost", "tokens")


class _Checked:
    """Reads values of one object, reporting those that can't be used and giving their default instead."""

    def __init__(self, values: dict[str, Any], path: str, report: Report) -> None:
        self._values = values
        self._path = path
        self._report = report

    def count(self, key: str, default: int, most: int) -> int:
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            return self.bad(key, f"{key} is a whole number of at least 1.", default)
        if value > most:
            return self.bad(key, f"{key} may be at most {most:,} on this server.", default)
        return value

    def duration(self, key: str, default: int, most: int) -> int:
        if key not in self._values:
            return default
        try:
            value = milliseconds(self._values[key])
        except ValueError as error:
            return self.bad(key, f"{key}: {error}.", default)
        if value < 1 or value > most:
            return self.bad(key, f"{key} is at least 1 ms and at most the server's {most:,} ms.", default)
        return value

    def bad(self, key: str, message: str, default: int) -> int:
        self._report(Problem(code="INVALID_OPTION", path=self._path + pointer(key), message=message))
        return default


def settings_of(definition: dict[str, Any], limits: Limits, report: Report) -> Limits:
    """The server's limits, lowered as the definition's `settings` ask."""
    values = definition.get("settings", {})
    if not isinstance(values, dict):
        report(Problem(code="SCHEMA", path="/settings", message="settings is an object."))
        return limits
    report.unknown(values, SETTINGS, _unknown_setting)
    for key in SETTINGS_NOT_YET & values.keys():
        report(_not_yet(f"/settings{pointer(key)}", key))
    checked = _Checked(values, "/settings", report)
    return replace(
        limits,
        steps=checked.count("maxSteps", limits.steps, limits.steps),
        iterations=checked.count("maxIterations", limits.iterations, limits.iterations_cap),
        node_timeout_ms=checked.duration("timeout", limits.node_timeout_ms, limits.node_timeout_ms),
        node_timeout_cap_ms=limits.node_timeout_ms,
    )


def rolls_back_of(definition: dict[str, Any], report: Report) -> bool:
    """Whether `settings.onCriticalError` asks to go back to the newest snapshot before failing."""
    settings = definition.get("settings")
    value = settings.get("onCriticalError", "fail") if isinstance(settings, dict) else "fail"
    if value not in ("fail", "rollback"):
        message = 'onCriticalError is "rollback" or "fail".'
        report(Problem(code="INVALID_OPTION", path="/settings/onCriticalError", message=message))
    return bool(value == "rollback")


def priority_of(definition: dict[str, Any], report: Report) -> int:
    """The priority of a workflow's executions (`settings.priority`)."""
    settings = definition.get("settings")
    value = settings.get("priority", 0) if isinstance(settings, dict) else 0
    if is_priority(value):
        return int(value)
    report(Problem(code="INVALID_OPTION", path="/settings/priority", message=PRIORITY_RULE))
    return 0


def is_priority(value: Any) -> bool:
    """Whether a value can be a priority."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_PRIORITY


def budget_of(definition: dict[str, Any], report: Report) -> Budget | None:
    """What `settings.budget` allows; a number alone is a cost."""
    settings = definition.get("settings")
    if not isinstance(settings, dict) or "budget" not in settings:
        return None
    value, path = settings["budget"], "/settings/budget"
    if not isinstance(value, dict):
        return Budget(cost=_cost(value, path, report))
    message = f"A budget consists of {' and '.join(BUDGET)}; this is neither."
    report.unknown(value, BUDGET, lambda key: Problem(code="INVALID_OPTION", path=path + pointer(key), message=message))
    if value.keys().isdisjoint(BUDGET):
        report(
            Problem(code="INVALID_OPTION", path=path, message="A budget says a cost, or a number of tokens, or both.")
        )
    return Budget(
        cost=_cost(value["cost"], path + "/cost", report) if "cost" in value else None,
        tokens=_Checked(value, path, report).count("tokens", 1, MAX_INTEGER) if "tokens" in value else None,
    )


def _cost(value: Any, path: str, report: Report) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        message = 'The cost of a budget is a number of more than 0; with tokens, {"cost": 1.5, "tokens": 100000}.'
        report(Problem(code="INVALID_OPTION", path=path, message=message))
        return 1.0
    return float(value)


def default_retry(definition: dict[str, Any], report: Report) -> RetryPolicy | None:
    """The retry policy of steps that have none of their own."""
    settings = definition.get("settings")
    if not isinstance(settings, dict) or "retry" not in settings:
        return None
    return policy_of(settings["retry"], "/settings/retry", report)


def options_of(
    step: StepOutline, limits: Limits, *, iterates: bool, retry: RetryPolicy | None, report: Report
) -> Options:
    """The options of a step; `retry` is the workflow's own policy.

    Unknown options, and ones with a value they can't have, are reported.
    """
    for key in step.options:
        path = step.address + pointer(key)
        if key not in OPTIONS:
            message = f"{key} is not an engine option; those are {', '.join(OPTIONS)}."
            report(Problem(code="UNKNOWN_OPTION", path=path, message=message), meant=key, known=OPTIONS)
    checked = _Checked(step.options, step.address, report)
    if "$node" in step.options and not isinstance(step.options["$node"], str):
        checked.bad("$node", "$node is the id of a node, as a literal text; @ and a version may follow.", 0)
    return Options(
        output=_output(step, checked, iterates=iterates),
        timeout_ms=checked.duration(
            "$timeout", limits.node_timeout_ms, limits.node_timeout_cap_ms or limits.node_timeout_ms
        ),
        max_iterations=_iterations(step, checked, limits),
        on_crash=_on_crash(step, checked),
        breaker=_breaker(step, report),
        locks=_locks(step, report),
        concurrency=_concurrency(step, checked, limits),
        retry=policy_of(step.options["$retry"], step.address + "/$retry", report)
        if "$retry" in step.options
        else retry,
    )


def _breaker(step: StepOutline, report: Report) -> BreakerPolicy | None:
    if "$breaker" not in step.options:
        return None
    value, path, default = step.options["$breaker"], step.address + "/$breaker", BreakerPolicy()
    if not isinstance(value, dict):
        message = 'A breaker is an object such as {"failures": 5, "cooldown": "30s"}.'
        report(Problem(code="INVALID_OPTION", path=path, message=message))
        return default
    message = f"A breaker consists of {' and '.join(BREAKER)}; this is neither."
    report.unknown(
        value, BREAKER, lambda key: Problem(code="INVALID_OPTION", path=path + pointer(key), message=message)
    )
    checked = _Checked(value, path, report)
    return BreakerPolicy(
        failures=checked.count("failures", default.failures, MAX_FAILURES),
        cooldown_ms=checked.duration("cooldown", default.cooldown_ms, MAX_DURATION_MS),
    )


def _concurrency(step: StepOutline, checked: _Checked, limits: Limits) -> int:
    if "$concurrency" not in step.options:
        return 1
    if not step.takes_concurrency:
        return checked.bad(
            "$concurrency", f"$concurrency is for `each...`; {step.key} makes no passes side by side.", 1
        )
    return checked.count("$concurrency", 1, limits.branches)


def _locks(step: StepOutline, report: Report) -> tuple[Path, ...]:
    """The state paths that the step has to itself, in one order, so that no two steps wait for each other."""
    value = step.options.get("$locks", [])
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        message = '$locks is a list of state paths such as ["$.stock"].'
        report(Problem(code="INVALID_OPTION", path=step.address + "/$locks", message=message))
        return ()
    if len(value) > MAX_LOCKS:
        message = f"$locks names at most {MAX_LOCKS} state paths: name one that they have in common."
        report(Problem(code="INVALID_OPTION", path=step.address + "/$locks", message=message))
        return ()
    found: set[Path] = set()
    for index, text in enumerate(value):
        try:
            found.add(parse_path(text))
        except ValueError as error:
            message = f"{text!r} is not a state path: {error}"
            report(Problem(code="INVALID_OPTION", path=f"{step.address}/$locks/{index}", message=message))
    return tuple(sorted(found, key=str))


def _iterations(step: StepOutline, checked: _Checked, limits: Limits) -> int:
    return checked.count("$maxIterations", limits.iterations, limits.iterations_cap)


def _output(step: StepOutline, checked: _Checked, *, iterates: bool) -> str | None:
    if step.kind == "setter" or not step.name:
        return None
    default = None if iterates else step.name.replace("-", "_") + "_output"
    value = step.options.get("$output", default)
    if value is False or "$output" not in step.options:
        return value or None
    if isinstance(value, str) and value:
        return value
    checked.bad("$output", "$output is the name of a state key, or false.", 0)
    return default


def _on_crash(step: StepOutline, checked: _Checked) -> Any:
    value = step.options.get("$onCrash", "again")
    if value in ("again", "fail", "pause"):
        return value
    checked.bad("$onCrash", '$onCrash is "fail" or "pause" (left out: the step runs again).', 0)
    return "again"


def _unknown_setting(key: str) -> Problem:
    return Problem(
        code="UNKNOWN_SETTING",
        path=f"/settings{pointer(key)}",
        severity="warning",
        message=f"{key} is not a setting; those are {', '.join(SETTINGS)}.",
    )


def _not_yet(path: str, key: str) -> Problem:
    message = f"{key} is part of the language, but this release of Clew does not run it yet. Leave it out."
    return Problem(code="NOT_SUPPORTED", path=path, message=message)
