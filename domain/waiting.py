"""Parking: how a wait begins, what may end it, and the edge that it ends by."""

from __future__ import annotations

from typing import Any

from domain.children import child_timed_out
from domain.commands import Rules, Signal
from domain.draft import Draft, engine_error
from domain.durations import iso
from domain.errors import ErrorInfo, Refused, StepFailure, Unacceptable
from domain.events import Resumed, SignalReceived, Suspended
from domain.execution import KeptSignal
from domain.joining import settle
from domain.node import Park
from domain.position import Visit, WaitFor
from domain.problems import Problem
from domain.taking import Taking, fail_or_route, take


def park(draft: Draft, rules: Rules, park: Park, *, branch: str, now: int) -> None:
    """Begin a wait. One whose time has come, or whose signal is there already, ends in the same breath."""
    visit = draft.visit(branch)
    wait = WaitFor(
        kind=park.kind,
        since=now,
        name=park.name,
        due=park.due,
        schema=park.schema,
        choices=park.choices,
        about=dict(park.about),
    )
    _check_usable(wait, rules)
    good, broken = _first_fitting(draft, rules, visit, wait)
    draft.record(
        Suspended(
            time=now,
            address=visit.address,
            visit=visit.number,
            attempt=visit.attempt,
            branch=branch,
            wait=wait,
            dropped=tuple(signal.version for signal, _ in broken),
            warnings=tuple(f"a signal kept since {iso(kept.time)} was dropped: {why}" for kept, why in broken),
        )
    )
    if good is not None:
        end_by_signal(draft, rules, good, branch=branch, now=now)
    elif wait.due is not None and wait.due <= now:
        end_by_time(draft, rules, branch=branch, now=now)


def _check_usable(wait: WaitFor, rules: Rules) -> None:
    """A schema that is none is the step's error, not that of whoever sends the signal."""
    try:
        if wait.schema is not None:
            rules.check_schema(wait.schema, None)
    except Unacceptable as unusable:
        error = ErrorInfo(type="validation", code="INVALID_PARAMETER", message=f"schema: {unusable.message}")
        raise StepFailure(error) from unusable


def _first_fitting(
    draft: Draft, rules: Rules, visit: Visit, wait: WaitFor
) -> tuple[KeptSignal | None, list[tuple[KeptSignal, str]]]:
    """The oldest kept signal that the wait can take, and those before it that it can't, each with the reason."""
    broken: list[tuple[KeptSignal, str]] = []
    if wait.takes_signals:
        for kept in draft.execution.kept.get(wait.name, ()):
            if not kept.is_for(visit):
                continue
            problems = payload_problems(wait, kept.payload, rules)
            if not problems:
                return kept, broken
            broken.append((kept, problems[0].message))
    return None, broken


def payload_problems(wait: WaitFor, payload: Any, rules: Rules) -> list[Problem]:
    """What keeps a wait from taking this payload."""
    if wait.kind == "approval":
        return _answer_problems(wait, payload, rules)
    return rules.check_schema(wait.schema, payload) if wait.schema is not None else []


def _answer_problems(wait: WaitFor, payload: Any, rules: Rules) -> list[Problem]:
    known = ", ".join(wait.choices)
    if not isinstance(payload, dict) or "choice" not in payload:
        message = f'An answer is an object such as {{"choice": "{wait.choices[0]}"}}; the choices are {known}.'
        return [Problem(code="INVALID_PAYLOAD", path="", message=message)]
    problems: list[Problem] = []
    if payload["choice"] not in wait.choices:
        message = f"{payload['choice']!r} is not one of the choices: {known}."
        problems.append(Problem(code="INVALID_PAYLOAD", path="/choice", message=message))
    problems += (
        Problem(code="INVALID_PAYLOAD", path=f"/{key}", message=f"{key} is a text.")
        for key in ("by", "comment")
        if not isinstance(payload.get(key), str | None)
    )
    return problems + _form_problems(wait, payload, rules)


def _form_problems(wait: WaitFor, payload: dict[str, Any], rules: Rules) -> list[Problem]:
    if wait.schema is None:
        return []
    found = rules.check_schema(wait.schema, payload.get("data"))
    if found and "data" not in payload:
        message = "This approval has a form: give what is filled in as data."
        return [Problem(code="INVALID_PAYLOAD", path="/data", message=message)]
    return [Problem(code=one.code, path="/data" + one.path, message=one.message) for one in found]


def receive(draft: Draft, rules: Rules, command: Signal) -> None:
    """Take in a signal: for the wait that it names, for the oldest of its name, or to be kept for a later one.

    Raises Refused when nothing can take it, Unacceptable when it breaks the schema of the wait in progress.
    """
    found = _wait_for(draft, command)
    if found is not None:
        problems = payload_problems(found[2], command.payload, rules)
        if problems:
            message = f"The wait at {found[1].address} can't take this payload. {problems[0].message}"
            raise Unacceptable(message, code="INVALID_PAYLOAD", details=problems)
    held = len(draft.execution.kept.get(command.name, ()))
    if (found is None or draft.execution.status == "paused") and held >= rules.limits.kept_signals:
        message = (
            f"{held} signals named {command.name!r} are kept already and nothing has taken them: that is the limit."
        )
        raise Refused(message, code="SIGNAL_LIMIT")
    kept = KeptSignal(
        version=draft.execution.version + 1, payload=command.payload, actor=command.actor, time=command.now
    )
    later = found[1] if found is not None and draft.execution.status == "paused" else None
    draft.record(
        SignalReceived(
            time=command.now,
            actor=command.actor,
            name=command.name,
            payload=command.payload,
            address=later.address if later is not None else "",
            visit=later.number if later is not None else 0,
            reason=command.reason,
            key=command.key,
        )
    )
    if found is not None and later is None:
        end_by_signal(draft, rules, kept, branch=found[0], now=command.now)


def _wait_for(draft: Draft, command: Signal) -> tuple[str, Visit, WaitFor] | None:
    kept = draft.execution.kept.get(command.name, ())
    named = [
        entry
        for entry in draft.execution.waits()
        if entry[2].takes_signals
        and entry[2].name == command.name
        and not any(signal.is_promised(entry[1]) for signal in kept)
    ]
    if not command.address:
        return named[0] if named else None
    for entry in named:
        if entry[1].address == command.address and command.visit in (0, entry[1].number):
            return entry
    where = command.address + (f" (visit {command.visit})" if command.visit else "")
    raise Refused(f"No wait for {command.name!r} is open at {where}.", code="NO_SUCH_WAIT")


def end_by_signal(draft: Draft, rules: Rules, signal: KeptSignal, *, branch: str, now: int) -> None:
    """End a wait by a signal that it can take."""
    wait = _resume(draft, branch, now=now, cause="signal", signal=signal.version)
    if wait.kind == "approval":
        answer = signal.payload
        choice = str(answer["choice"])
        data = {
            "choice": choice,
            "by": signal.actor or answer.get("by") or None,
            "comment": answer.get("comment"),
            "at": iso(signal.time),
            "data": answer.get("data"),
        }
        _leave_by(draft, rules, choice, data, branch=branch, now=now)
    else:
        _leave_by(draft, rules, "received", signal.payload, branch=branch, now=now)


def end_by_time(draft: Draft, rules: Rules, *, branch: str, now: int) -> None:
    """End a wait whose time has come: a timer is done, a wait for a signal has timed out."""
    visit = draft.visit(branch)
    assert visit.wait is not None and visit.wait.due is not None, f"nothing is due in branch {branch!r}"
    if visit.wait.kind == "timer":
        data = {"dueAt": iso(visit.wait.due), "resumedAt": iso(now)}
        _resume(draft, branch, now=now, cause="timer")
        _leave_by(draft, rules, "done", data, branch=branch, now=now)
        return
    wait = _resume(draft, branch, now=now, cause="timeout")
    if wait.kind == "lock":
        locks = ", ".join(wait.about.get("locks", ()))
        error = engine_error("LOCK_TIMEOUT", f"{locks} was not free in time ($timeout).", recoverable=True)
        fail_or_route(draft, rules, error, Taking(now=now, branch=branch, edge="error"))
    elif wait.kind == "child":
        child_timed_out(draft, rules, wait, branch=branch, now=now)
    elif "timeout" in rules.program.at(visit.address).routes:
        _leave_by(draft, rules, "timeout", {"name": wait.name}, branch=branch, now=now)
    else:
        error = engine_error("SIGNAL_TIMEOUT", f"Nobody sent {wait.name!r} in time.", details={"name": wait.name})
        fail_or_route(draft, rules, error, Taking(now=now, branch=branch, edge="error"))


def _resume(draft: Draft, branch: str, *, now: int, cause: Any, signal: int = 0) -> WaitFor:
    visit = draft.visit(branch)
    assert visit.wait is not None, f"branch {branch!r} is not parked"
    draft.record(
        Resumed(time=now, cause=cause, address=visit.address, visit=visit.number, branch=branch, signal=signal)
    )
    return visit.wait


def _leave_by(draft: Draft, rules: Rules, edge: str, data: Any, *, branch: str, now: int) -> None:
    step = rules.program.at(draft.visit(branch).address)
    taking = Taking(now=now, branch=branch, edge=edge, data=data)
    mark = draft.mark()
    try:
        take(draft, rules, step, taking)
    except StepFailure as failure:
        draft.back_to(mark)
        fail_or_route(draft, rules, failure.error, Taking(now=now, branch=branch, edge="error"))


def fire_due(draft: Draft, rules: Rules, now: int) -> None:
    """End every wait whose time has come, the one that was due first first."""
    while not draft.execution.has_ended and draft.execution.status != "paused":
        due = [
            (wait.due, name)
            for name, _, wait in draft.execution.waits()
            if wait.due is not None and wait.due <= now and wait.kind != "retry"  # a retry begins by being driven
        ]
        if not due:
            return
        end_by_time(draft, rules, branch=min(due)[1], now=now)
        settle(draft, rules, now)


def end_what_can(draft: Draft, rules: Rules, now: int) -> None:
    """After a pause: end the waits whose signal came meanwhile, then those whose time has come."""
    for branch, visit, wait in draft.execution.waits():
        if draft.execution.has_ended:
            return
        if not draft.is_open(branch, visit):  # cancelled by one before it
            continue
        good, _ = _first_fitting(draft, rules, visit, wait)
        if good is not None:
            end_by_signal(draft, rules, good, branch=branch, now=now)
            settle(draft, rules, now)
    fire_due(draft, rules, now)
