"""Branches: how a visit opens them, and what follows when one of them ends, fails, or is needed no more."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.commands import Rules
from domain.draft import Draft, engine_error
from domain.errors import ErrorInfo, StepFailure
from domain.events import BranchClosed, BranchesOpened, Completed, Opening
from domain.failing import fail_execution
from domain.locks import grant_locks
from domain.node import Fork
from domain.patches import escape
from domain.position import Frame, Joining, Opened
from domain.program import END, Program, Step
from domain.taking import Taking, fail_or_route, left_by, restore, take


def open_branches(draft: Draft, rules: Rules, step: Step, fork: Fork, *, branch: str, now: int) -> None:
    """Open the branches that a node asked for; those of a concurrent loop a few at a time. Raises `BRANCH_LIMIT`."""
    if fork.items is msgspec.UNSET:
        joining = Joining(wanted=fork.wanted, collect=fork.collect)
        openings = tuple(_opening(rules.program, step, branch, edge) for edge in step.branches)
    else:
        joining = Joining(items=fork.items, most=step.options.concurrency, edge=fork.edge)
        first = range(min(len(fork.items), joining.most))
        openings = tuple(_opening(rules.program, step, branch, fork.edge, index) for index in first)
    _record_opening(draft, rules, branch, openings, now=now, joining=joining)
    ending = next(
        (one.edge for one in openings if one.edge in step.routes and step.routes[one.edge].kind != "go"), None
    )
    if ending is not None:
        _end_at_once(draft, rules, step, ending, branch=branch, now=now)
    elif not openings:
        _look(draft, rules, branch, now)


def _end_at_once(draft: Draft, rules: Rules, step: Step, edge: str, *, branch: str, now: int) -> None:
    """A branch is routed to `$end` or `$fail`: it ends the execution as soon as it opens."""
    if step.routes[edge].kind == "end":
        restore(draft, rules, left_by(draft.execution, draft.branch(branch), step.routes[edge]), branch=branch, now=now)
        draft.record(Completed(time=now))
        return
    error = engine_error("FAILED", f"{step.name or step.address}: {edge} is routed to $fail")
    number = draft.visit(branch).number
    fail_execution(draft, rules, error, address=step.address, visit=number, branch=branch, now=now)


def _opening(program: Program, step: Step, branch: str, edge: str, index: int = -1) -> Opening:
    name = escape(edge) if index < 0 else str(index)
    target = step.routes[edge].target if edge in step.routes else END
    return Opening(
        name=f"{branch}/{name}" if branch else name,
        edge=edge,
        first=program.steps[target].address if target != END else None,
        index=index,
    )


def _record_opening(
    draft: Draft, rules: Rules, branch: str, openings: tuple[Opening, ...], *, now: int, joining: Joining | None = None
) -> None:
    limit = rules.limits.branches
    if len(draft.execution.branches) - 1 + len(openings) > limit:
        message = f"The execution would have more than {limit:,} branches open at once, which is its limit."
        raise StepFailure(engine_error("BRANCH_LIMIT", message, details={"limit": limit}))
    visit = draft.visit(branch)
    draft.record(
        BranchesOpened(
            time=now,
            address=visit.address,
            visit=visit.number,
            attempt=visit.attempt,
            branch=branch,
            branches=openings,
            joining=joining,
        )
    )


def settle(draft: Draft, rules: Rules, now: int) -> None:
    """Carry out what follows from the decision so far: branches that ended or failed close, and those who wait for that
    go on; then locks that became free are given to whoever waits for them.
    """
    if len(draft.execution.branches) < 2:
        return
    while not draft.execution.has_ended:
        if draft.failed:
            name, error = draft.failed.pop(0)
            _close_failed(draft, rules, name, error, now=now)
            continue
        ended = next((name for name, one in draft.execution.branches.items() if one.address is None), None)
        if ended is None or draft.execution.branches[ended].parent is None:
            break
        _close_ended(draft, rules, ended, now)
    if not draft.execution.has_ended and draft.execution.status != "paused":
        grant_locks(draft, rules, now)


def _close_ended(draft: Draft, rules: Rules, name: str, now: int) -> None:
    parent = _parent(draft, name)
    _close(draft, name, "ended", now=now)
    _look(draft, rules, parent, now)


def _close_failed(draft: Draft, rules: Rules, name: str, error: ErrorInfo, *, now: int) -> None:
    """A branch has failed: its step fails with its error after the others are cancelled, unless it collects errors."""
    if name not in draft.execution.branches:  # cancelled meanwhile
        return
    parent = _parent(draft, name)
    _close(draft, name, "failed", now=now, error=error)
    if _opened(draft, parent).joining.collect:
        _look(draft, rules, parent, now)
    else:
        cancel_branches(draft, rules, parent, now=now)
        fail_or_route(draft, rules, error, Taking(now=now, branch=parent, edge="error"))


def _look(draft: Draft, rules: Rules, branch: str, now: int) -> None:
    """See what an opened visit has come to: the next pass, its join, its failure, or nothing yet."""
    taking = Taking(now=now, branch=branch, edge="error")
    mark = draft.mark()
    try:
        if _opened(draft, branch).joining.items is msgspec.UNSET:
            _join(draft, rules, branch, now)
        else:
            _next_pass(draft, rules, branch, now)
    except StepFailure as failure:
        draft.back_to(mark)
        cancel_branches(draft, rules, branch, now=now)
        fail_or_route(draft, rules, failure.error, taking)


def _next_pass(draft: Draft, rules: Rules, branch: str, now: int) -> None:
    opened = _opened(draft, branch)
    items = opened.joining.items
    assert items is not msgspec.UNSET, f"{branch!r} waits for no passes"
    step = rules.program.at(draft.visit(branch).address)
    if opened.begun < len(items):
        following = _opening(rules.program, step, branch, opened.joining.edge, opened.begun)
        _record_opening(draft, rules, branch, (following,), now=now)
    elif not opened.open:
        edge = "complete" if "complete" in step.routes else "done"
        take(draft, rules, step, Taking(now=now, branch=branch, edge=edge, data={"count": len(items)}))


def _join(draft: Draft, rules: Rules, branch: str, now: int) -> None:
    opened = _opened(draft, branch)
    wanted = opened.joining.wanted
    reached = bool(wanted) and len(opened.results) >= wanted
    lost = len(opened.results) + len(opened.open) < wanted
    if opened.open and not reached and not lost:
        return
    cancel_branches(draft, rules, branch, now=now)
    opened = _opened(draft, branch)
    if lost:
        message = f"{len(opened.results)} of the {wanted} branches that are wanted ended well; no more can."
        raise StepFailure(engine_error("BRANCH_FAILED", message, details=_ordered(rules, draft, branch, opened.errors)))
    data = {
        "results": _ordered(rules, draft, branch, opened.results),
        "errors": _ordered(rules, draft, branch, opened.errors),
        "cancelled": list(opened.cancelled),
    }
    step = rules.program.at(draft.visit(branch).address)
    take(draft, rules, step, Taking(now=now, branch=branch, edge="joined", data=data))


def _ordered(rules: Rules, draft: Draft, branch: str, found: dict[str, Any]) -> dict[str, Any]:
    """By branch, in the order in which they are written."""
    step = rules.program.at(draft.visit(branch).address)
    return {edge: found[edge] for edge in step.branches if edge in found}


def cancel_branches(draft: Draft, rules: Rules, branch: str, *, now: int) -> None:
    """Cancel what a visit has opened and is still open, the innermost first, and leave the loops in there."""
    left: list[Frame] = []
    for name in _opened(draft, branch).open:
        left += _cancel(draft, name, now)
    restore(draft, rules, left, branch=branch, now=now)


def _cancel(draft: Draft, name: str, now: int) -> list[Frame]:
    """Cancel a branch and those inside it. Returns the loops that are left by that, the outermost first."""
    branch = draft.branch(name)
    left = list(branch.frames[branch.base :])
    if branch.visit is not None and branch.visit.opened is not None:
        for inner in branch.visit.opened.open:
            left += _cancel(draft, inner, now)
    _close(draft, name, "cancelled", now=now)
    return left


def _close(draft: Draft, name: str, outcome: Any, *, now: int, error: ErrorInfo | None = None) -> None:
    opener = draft.visit(_parent(draft, name))
    draft.record(
        BranchClosed(
            time=now,
            address=opener.address,
            visit=opener.number,
            attempt=opener.attempt,
            branch=name,
            outcome=outcome,
            error=error,
        )
    )


def _parent(draft: Draft, name: str) -> str:
    parent = draft.branch(name).parent
    assert parent is not None, f"{name!r} is no branch of another"
    return parent


def _opened(draft: Draft, branch: str) -> Opened:
    opened = draft.visit(branch).opened
    assert opened is not None, f"the visit of {branch!r} has opened no branches"
    return opened
