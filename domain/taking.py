"""How a visit ends: the edge it takes, what that writes, and where the branch goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.catching import NEVER_ROUTED, is_caught
from domain.commands import Rules
from domain.draft import Draft, engine_error, error_from_json
from domain.errors import ErrorInfo, StepFailure
from domain.events import Binding, Completed, EdgeTaken, LoopEntry, NodeFailed, StateUpdated
from domain.execution import ROOT, Execution, counted
from domain.failing import fail_execution
from domain.patches import ABSENT, Op, Patch, changed_by, escape, rebase, same
from domain.position import Branch, Frame
from domain.program import END, Route, Step
from domain.retrying import paused_instead, retried


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one visit, as far as the node decides it.

    `bind` are the position keys of an iterator's pass, `parameters` what its frame keeps, `bounded` whether it knows
    its own count. `result` is what `end` stores, after the loops around it are left.
    """

    now: int
    branch: str
    edge: str | None
    data: Any = None
    patch: Patch = ()
    reads: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    bind: Mapping[str, Any] = {}
    parameters: dict[str, Any] | None = None
    bounded: bool = False
    result: Any = msgspec.UNSET


def take(draft: Draft, rules: Rules, step: Step, taking: Taking, *, route: Route | None = None) -> None:
    """End the visit by an edge (or by `route`, whatever the edge).

    Raises StepFailure when it can't be taken: that is then how the visit came out.
    """
    route = route or step.routes.get(taking.edge or "", step.next)
    branch = draft.branch(taking.branch)
    if route.body and not taking.bounded:
        _check_iterations(branch, step)
    left = left_by(draft.execution, branch, route)
    writes = _Writes(draft.execution.state, taking.patch)
    writes.restore(left)
    if route.body:
        writes.store_all(taking.bind)
    if taking.result is not msgspec.UNSET:
        writes.store("result", taking.result)
    output_at = ""
    if taking.data is not None and step.options.output is not None:
        output_at = writes.store(step.options.output, taking.data)
    record_writes(draft, rules, taking, writes.ops)
    entry = _entry(taking, writes.before) if route.body and _keeps_nothing(branch, step, taking) else None
    draft.record(_edge_taken(draft, rules, step, taking=taking, route=route, entry=entry, output_at=output_at))
    check_weight(draft, rules)  # with the edge's data and the loop's frame
    _finish_route(draft, rules, step, taking, route)


def _check_iterations(branch: Branch, step: Step) -> None:
    done = branch.frames[-1].index + 1 if _revisits(branch, step) else 0
    limit = step.options.max_iterations
    if done >= limit:
        message = f"{step.name} has run {limit:,} passes, which is its limit. Raise $maxIterations if it needs more."
        raise StepFailure(engine_error("LOOP_LIMIT", message, details={"limit": limit}))


def _revisits(branch: Branch, step: Step) -> bool:
    """Whether the loop step is visited from its own body, its frame still open."""
    return len(branch.frames) > step.depth and branch.frames[step.depth].address == step.address


def _keeps_nothing(branch: Branch, step: Step, taking: Taking) -> bool:
    """Whether this edge says what the frame keeps: at entry, and at an iterator's first pass where that comes later.

    It comes later when the loop was entered by an exit routed to `$continue`, before the iterator asked for a pass.
    """
    if not _revisits(branch, step):
        return True
    frame = branch.frames[step.depth]
    return bool(taking.bind) and frame.parameters is None and not frame.saved and not frame.unset


def left_by(execution: Execution, branch: Branch, route: Route) -> tuple[Frame, ...]:
    """The loops that a route leaves, the outermost first: with the end of the execution those of all branches."""
    if route.body or route.kind == "fail":
        return ()
    if route.kind == "end":
        return tuple(frame for one in execution.branches.values() for frame in one.frames[one.base :])
    return branch.frames[_kept(route, branch) :]


def _kept(route: Route, branch: Branch) -> int:
    return max(route.keep, branch.base) if route.kind == "go" else 0


def restore(draft: Draft, rules: Rules, left: Sequence[Frame], *, branch: str, now: int) -> None:
    """Put back what the position keys of loops (the outermost first) held, where these are left before a visit ends."""
    writes = _Writes(draft.execution.state, ())
    writes.restore(left)
    record_writes(draft, rules, Taking(now=now, branch=branch, edge=None), writes.ops)


class _Writes:
    """The operations of one patch, each made on the state as those before it leave it."""

    def __init__(self, state: dict[str, Any], patch: Sequence[Op]) -> None:
        self.before = state
        self.ops: list[Op] = list(rebase(patch, state))

    def store(self, key: str, value: Any) -> str:
        """Set a top-level key. Returns its pointer if that takes an operation, else nothing (it has the value)."""
        pointer = f"/{escape(key)}"
        now = self._now(key)
        if now is not ABSENT and same(now, value):
            return ""
        self.ops.append(Op("add" if now is ABSENT else "replace", pointer, value))
        self._changed[key] = value
        return pointer

    def store_all(self, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            self.store(key, value)

    def restore(self, frames: Sequence[Frame]) -> None:
        """Put back what the position keys of these frames held when their loops were entered, the outermost last."""
        for frame in reversed(frames):
            self.store_all(frame.saved)
            for key in frame.unset:
                if self._now(key) is not ABSENT:
                    self.ops.append(Op("remove", f"/{escape(key)}"))
                    self._changed[key] = ABSENT

    def _now(self, key: str) -> Any:
        """The value of a top-level key as the operations so far leave it, or ABSENT."""
        return self._changed[key] if key in self._changed else self.before.get(key, ABSENT)

    @cached_property
    def _changed(self) -> dict[str, Any]:
        """The values that the operations leave at the keys that they change anything in; few visits need to know."""
        return changed_by(self.ops, self.before)


def record_writes(draft: Draft, rules: Rules, taking: Taking, ops: Sequence[Op]) -> None:
    """Record what a visit changed, if anything. Raises `STATE_LIMIT`."""
    if ops:
        visit = draft.visit(taking.branch)
        draft.record(
            StateUpdated(
                time=taking.now,
                address=visit.address,
                visit=visit.number,
                attempt=visit.attempt,
                branch=taking.branch,
                patch=tuple(ops),
            )
        )
    check_weight(draft, rules)


def check_weight(draft: Draft, rules: Rules) -> None:
    """Raise `STATE_LIMIT` when the execution holds more than it may."""
    limit = rules.limits.state_bytes
    weight = over_weight(draft, limit)
    if weight:
        message = f"The state of the execution is {weight:,} bytes; at most {limit:,} are allowed."
        raise StepFailure(engine_error("STATE_LIMIT", message, details={"bytes": weight, "limit": limit}))


def over_weight(draft: Draft, limit: int) -> int:
    """What the execution weighs if that is more than the limit, else 0.

    Where the bound says so, it is counted, and that is kept: near the limit not every step is to count it again. The
    fold of the log, which knows no limit, then has another bound; nothing is decided by it that a count does not confirm.
    """
    if draft.execution.weight <= limit:
        return 0
    draft.execution = counted(draft.execution)
    return draft.execution.weight if draft.execution.weight > limit else 0


def _entry(taking: Taking, before: Mapping[str, Any]) -> LoopEntry:
    return LoopEntry(
        parameters=taking.parameters,
        saved={key: before[key] for key in taking.bind if key in before},
        unset=tuple(key for key in taking.bind if key not in before),
    )


def _edge_taken(
    draft: Draft, rules: Rules, step: Step, *, taking: Taking, route: Route, entry: LoopEntry | None, output_at: str
) -> EdgeTaken:
    branch = draft.branch(taking.branch)
    visit = draft.visit(taking.branch)
    target = rules.program.steps[route.target] if route.kind == "go" and route.target != END else None
    has_output = taking.data is not None and not output_at
    kept = _kept(route, branch)
    stays = route.body or route.kind == "fail" or kept == len(branch.frames)
    return EdgeTaken(
        time=taking.now,
        address=visit.address,
        visit=visit.number,
        attempt=visit.attempt,
        branch=taking.branch,
        edge=taking.edge,
        output=taking.data if has_output else msgspec.UNSET,
        output_at=output_at,
        target=target.address if target is not None else None,
        keep=-1 if stays else kept,
        enter=entry,
        again=route.body and _revisits(branch, step),
        bindings=_kept_bindings(branch, route, target),
        bind=Binding(block=route.binds, jump=route.jump) if route.binds and taking.edge == "error" else None,
        keeps_input=route.kind == "fail" or (step.keeps_input and not (route.leads and taking.edge in step.routes)),
        reads=taking.reads,
        warnings=taking.warnings,
    )


def _kept_bindings(branch: Branch, route: Route, target: Step | None) -> int:
    """How many bindings of `error` stay: those of blocks around the target; one made by a jump ends with the next.

    A failure keeps them all: it says what is bound, and a retry needs it.
    """
    if route.kind == "fail":
        return -1
    inside = target.blocks if target is not None else ()
    kept = 0
    for bound in branch.bindings:
        if bound.block not in inside or (bound.jump and route.binds):
            break
        kept += 1
    return -1 if kept == len(branch.bindings) else kept


def _finish_route(draft: Draft, rules: Rules, step: Step, taking: Taking, route: Route) -> None:
    number = draft.execution.visits[step.address]
    if route.kind == "fail":
        error = _bound_error(draft, step, taking)
        fail_execution(draft, rules, error, address=step.address, visit=number, branch=taking.branch, now=taking.now)
    elif route.kind == "end" or (taking.branch == ROOT and draft.branch(ROOT).address is None):
        draft.record(Completed(time=taking.now))


def _bound_error(draft: Draft, step: Step, taking: Taking) -> ErrorInfo:
    if taking.edge == "error" and isinstance(taking.data, dict):
        return error_from_json(taking.data)
    bindings = draft.branch(taking.branch).bindings
    if bindings:
        return error_from_json(bindings[-1].error)
    return engine_error("FAILED", f"{step.name or step.address} took {taking.edge}, which is routed to $fail")


def fail_visit(draft: Draft, rules: Rules, error: ErrorInfo, taking: Taking) -> None:
    """End the visit by an error that it does not route.

    If a step around its branch deals with the error, that is what happens next; else the execution fails, and the
    position of each branch stays for a retry.
    """
    name = taking.branch
    visit = draft.visit(name)
    draft.record(
        NodeFailed(
            time=taking.now,
            address=visit.address,
            visit=visit.number,
            attempt=visit.attempt,
            branch=name,
            error=error,
            reads=taking.reads,
            warnings=taking.warnings,
        )
    )
    if is_caught(draft.execution, rules, draft.branch(name), error):
        draft.failed.append((name, error))
    else:
        fail_execution(draft, rules, error, address=visit.address, visit=visit.number, branch=name, now=taking.now)


def fail_or_route(draft: Draft, rules: Rules, error: ErrorInfo, taking: Taking) -> None:
    """Try the visit again; else end it by its `error?` route; else the execution fails. The ends keep `taking.patch`.

    When that patch does not fit, that is the error, and nothing of the patch is written.
    """
    step = rules.program.at(draft.visit(taking.branch).address)
    if retried(draft, step, error, branch=taking.branch, now=taking.now, reads=taking.reads):
        return
    mark = draft.mark()
    try:
        if "error" in step.routes and error.code not in NEVER_ROUTED:
            take(draft, rules, step, replace(taking, edge="error", data=error.as_json(), bind={}, parameters=None))
        elif not paused_instead(draft, step, error, branch=taking.branch, now=taking.now):
            _record_last_writes(draft, rules, error, taking)
            fail_visit(draft, rules, error, taking)
    except StepFailure as failure:
        draft.back_to(mark)
        if taking.patch:
            fail_or_route(draft, rules, failure.error, replace(taking, patch=()))
        else:
            fail_visit(draft, rules, failure.error, taking)


def _record_last_writes(draft: Draft, rules: Rules, error: ErrorInfo, taking: Taking) -> None:
    """Record what a visit wrote that fails; if its branch closes by that, its loops are left."""
    branch = draft.branch(taking.branch)
    writes = _Writes(draft.execution.state, taking.patch)
    if is_caught(draft.execution, rules, branch, error):
        writes.restore(branch.frames[branch.base :])
    record_writes(draft, rules, taking, writes.ops)
