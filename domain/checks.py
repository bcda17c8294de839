"""What a definition that compiles may still be told: steps that nothing reaches, reads of what nothing writes, and advice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.outline import Outline, StepOutline
from domain.problems import Problem, pointer
from domain.reporting import Report
from domain.routing import Router
from domain.value_forms import has_large_literals, literals

if TYPE_CHECKING:
    from domain.node import Effect, NodeCatalog, WorkflowNode
    from domain.program import Step

COMFORTABLE_NESTING: Final = 4
"""Blocks inside blocks past which a definition is hard to read."""


def check_steps(
    definition: dict[str, Any],
    outline: Outline,
    steps: tuple[Step, ...],
    *,
    router: Router,
    nodes: NodeCatalog,
    report: Report,
) -> None:
    """Report unreachable steps (errors), and everything that a person is only warned of."""
    for step, compiled in zip(outline.steps, steps, strict=True):
        _check_reachable(step, router, nodes, report)
        values = {**compiled.parameters, **compiled.late}
        _check_use(step, {**dict.fromkeys(compiled.parameters), **literals(values)}, nodes, report)
    deep = next((step for step in outline.steps if step.block.nesting > COMFORTABLE_NESTING), None)
    if deep is not None:
        message = f"Blocks are nested deeper than {COMFORTABLE_NESTING} here. Jumps to named steps read better."
        report(Problem(code="DEEP_NESTING", path=deep.address, message=message, severity="warning"))
    _check_reads(definition, steps, nodes, report)


def _check_reachable(step: StepOutline, router: Router, nodes: NodeCatalog, report: Report) -> None:
    if step.position == 0 or step.index in router.jumped_to:
        return
    before = step.block.steps[step.position - 1]
    if _always_leaves(before, router, nodes):
        what = f"{before.name!r} ({before.address})"
        message = f"Nothing leads here: {what} never goes on to the next step, and no route names this one."
        report(Problem(code="UNREACHABLE_STEP", path=step.address, message=message))


def _always_leaves(step: StepOutline, router: Router, nodes: NodeCatalog) -> bool:
    """Whether every way on from a step leads past the one behind it."""
    if step.kind == "setter":
        return False
    if step.node == "end":
        return True
    if step.node == "fail" and "error" not in step.routes:
        return True
    node = nodes.find(step.node)
    edges = node.metadata.edges if node is not None else None
    if not edges:
        return False
    routed = {*edges, "error"} if "error" in step.routes else set(edges)
    return all(edge in step.routes and _leaves(step, edge, router) for edge in routed)


def _leaves(step: StepOutline, edge: str, router: Router) -> bool:
    if edge in step.blocks:  # a block, or a node that is run: both come back
        return False
    route = step.routes[edge]
    if route is None or route in ("$break", "$continue"):
        return not step.loop
    return route in ("$end", "$fail") or router.is_jump(step, edge)


def _check_use(step: StepOutline, known: dict[str, Any], nodes: NodeCatalog, report: Report) -> None:
    node = nodes.find(step.node) if step.kind == "node" else None
    if node is None:
        return
    if node.metadata.iterates and not step.loop:
        message = f"{step.node} runs a body only as a loop: write its key as {step.name + '...'!r}."
        report(Problem(code="NOT_A_LOOP", path=step.address, message=message, severity="warning"))
    if "error" not in step.routes and _effect(node, known) == "writes":
        message = f"{step.node} can change things outside and fail; an error? route would say what happens then."
        report(Problem(code="NO_ERROR_ROUTE", path=step.address, message=message, severity="warning"))


def _effect(node: WorkflowNode, known: dict[str, Any]) -> Effect:
    """What the step can do to the world, as far as its literals say; what will only be computed is null in them."""
    try:
        return node.effect(known)
    except Exception:  # noqa: BLE001 - a stranger's node may look for what will only be computed
        return node.metadata.effect


def _check_reads(definition: dict[str, Any], steps: tuple[Step, ...], nodes: NodeCatalog, report: Report) -> None:
    initial = definition.get("initialState")
    written = {"error", *(initial if isinstance(initial, dict) else ())}
    for step in steps:
        keys = _written_by(step, nodes)
        if keys is None:  # some step may write anything
            return
        written |= keys
    for step in steps:
        values = [*step.parameters.items(), *step.late.items()]
        reads = [(step.address + pointer(name), key) for name, value in values for key in value.static_reads()]
        if step.setter is not None:
            reads += [(step.address, key) for key in step.setter.value.static_reads()]
        for path, key in sorted(reads):
            if key != "*" and key not in written and not report.skips("warning"):
                message = f"$.{key} is read here, but neither initialState nor any step writes it."
                unwritten = Problem(code="NEVER_WRITTEN", path=path, message=message, severity="warning")
                report(unwritten, meant=key, known=written)


def _written_by(step: Step, nodes: NodeCatalog) -> frozenset[str] | None:
    output = frozenset((step.options.output,) if step.options.output is not None else ())
    if step.setter is not None:
        return frozenset((str(step.setter.path[0]),))
    node = nodes.find(step.node)
    if node is None:
        return None
    values = {**step.parameters, **step.late}
    keys = None if has_large_literals(values.values()) else node.state_keys(literals(values))
    return None if keys is None else keys | output
