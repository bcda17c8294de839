"""LANGUAGE 7 as one reads it: branches that run one after the other, which is one of the orders that they may run in."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from domain.errors import StepFailure
from tests.reference import nodes
from tests.reference.errors import Raised, error_object, invalid
from tests.reference.nodes import Ends, Frame
from tests.reference.outline import Block, Step
from tests.reference.ways import Binding, Failed, Left, Way

if TYPE_CHECKING:
    from tests.reference.interpreter import Reference


@dataclass
class Came:
    """What branches have come to so far."""

    results: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)


def run(reference: Reference, step: Step, binding: Binding) -> Left:
    """Run a step with branches, and what its edge leads to."""
    reference.count()
    before = deepcopy(reference.state)
    try:
        config = reference.resolved(step, binding)
        edge, data = _edge(reference, step, config, binding)
    except (StepFailure, Raised) as raised:
        reference.state = before
        edge, data = "error", raised.error if isinstance(raised, Raised) else raised.error.as_json()
    except _Dealt as dealt:
        edge, data = "error", dealt.error
    reference.visits.append((step.address, edge))
    if edge == "error" and "error" not in step.routes:
        raise Failed(data)
    reference.keep(step, data)
    if step.loop and edge in step.routes and step.routes[edge] in (None, "$break"):
        return Way.NEXT
    return reference.follow(step, edge, data, binding)


class _Dealt(Exception):
    """The step itself has this error now, after its branches have closed."""

    def __init__(self, error: Any) -> None:
        super().__init__(error["message"])
        self.error = error


def _edge(reference: Reference, step: Step, config: dict[str, Any], binding: Binding) -> tuple[str, Any]:
    if step.together:
        return _passes(reference, step, config, binding)
    mode, collect = config.get("mode", "all"), config.get("onError", "fail") == "collect"
    wanted = _wanted(mode, len(step.branches))
    came, left = Came(), list(step.branches)
    while left:
        edge = min(left, key=lambda each: _takes(step, each))
        left.remove(edge)
        try:
            came.results[edge] = _branch(reference, step, edge, binding, deals=collect)
        except Failed as failed:
            if failed.final or not collect:
                _pass_on(reference, step, failed)
            came.errors[edge] = failed.error
        if wanted and len(came.results) >= wanted:
            came.cancelled, left = left, []
        elif wanted and len(came.results) + len(left) < wanted:
            raise _Dealt(error_object("BRANCH_FAILED", "too few", details=came.errors))
    return "joined", {"results": came.results, "errors": came.errors, "cancelled": came.cancelled}


def _wanted(mode: Any, count: int) -> int | None:
    """How many branches must end well; None: all."""
    if mode == "all" or not count:
        return None
    if mode == "any":
        return 1
    if not isinstance(mode, int) or isinstance(mode, bool) or not 1 <= mode <= count:
        raise invalid("no number of branches")
    return mode


def _takes(step: Step, edge: str) -> int:
    """Branches start together: those that end everything do so at once, then those are over in which nothing runs."""
    route = step.routes[edge]
    if route in ("$end", "$fail"):
        return 0
    return 2 if isinstance(route, Block) and route.steps else 1


def _passes(reference: Reference, step: Step, config: dict[str, Any], binding: Binding) -> tuple[str, Any]:
    items = nodes.values_of("each", config)
    edge = "current-item" if "current-item" in step.routes else "loop"
    for index, item in enumerate(items):
        frame = Frame(index=index, item=item)
        place = {"total": len(items), "isFirst": index == 0, "isLast": index == len(items) - 1}
        data = {"item": item, "index": index, **place, "remaining": len(items) - index - 1}
        try:
            _branch(reference, step, edge, binding, deals=False, frame=frame, data=data)
        except Failed as failed:
            _pass_on(reference, step, failed)
    return "complete" if "complete" in step.routes else "done", {"count": len(items)}


def _pass_on(reference: Reference, step: Step, failed: Failed) -> None:
    """A branch has failed: its step has the error, if that or a step around it deals with it."""
    if failed.final or not (reference.dealing or "error" in step.routes):
        raise failed
    raise _Dealt(failed.error)


def _branch(
    reference: Reference,
    step: Step,
    edge: str,
    binding: Binding,
    *,
    deals: bool,
    frame: Frame | None = None,
    data: Any = None,
) -> Any:
    """Run one branch to its end, and give its last edge data. Whatever it does to `input`, `error` and `loop` is its own."""
    around = reference.input, reference.answered, list(reference.frames), reference.dealing
    reference.answered = False
    if frame is not None:
        reference.input = deepcopy(data)
        reference.frames.append(frame)
    reference.dealing += deals or "error" in step.routes
    try:
        _through(reference, step, edge, deepcopy(binding))
        return deepcopy(reference.input) if reference.answered else None
    finally:
        reference.input, reference.answered, reference.frames, reference.dealing = around


def _through(reference: Reference, step: Step, edge: str, binding: Binding) -> None:
    match step.routes.get(edge):
        case Block() as block:
            reference.block(block, 0, Binding(binding))
        case "$end":
            raise Ends
        case "$fail":
            raise Failed(error_object("FAILED", f"{step.name}: {edge}"), final=True)
        case _:
            return
