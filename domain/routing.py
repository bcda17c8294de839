"""Where every edge leads: routes, jumps and continuations, resolved to step indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from domain.outline import Block, Outline, StepOutline, route_address
from domain.problems import Problem
from domain.program import END, Route
from domain.reporting import Report

MOST_PLACES: Final = 5
"""Steps of one name that a message lists."""


class Router:
    """Resolves the routes of an outline. Steps that a route to a node stands for are added to the outline first."""

    def __init__(self, outline: Outline, nodes: frozenset[str], report: Report) -> None:
        self._outline = outline
        self._nodes = nodes
        self._report = report
        self._jumps: dict[tuple[int, str], StepOutline] = {}
        self._named: dict[tuple[str, str], list[StepOutline]] = {}
        self._found: dict[tuple[str, str], list[StepOutline]] = {}
        self.jumped_to: set[int] = set()
        """Indexes of the steps that some route jumps to."""

    def find_targets(self) -> None:
        """Decide of every named route whether it jumps to a step or runs a node."""
        for step in filter(lambda step: step.name, self._outline.steps):
            self._named.setdefault((step.block.address, step.name), []).append(step)
        for step in list(self._outline.steps):
            for edge, route in step.routes.items():
                if self._outline.has_enough():
                    return
                if isinstance(route, str) and not route.startswith("$"):
                    self._find_target(step, edge, route)

    def _find_target(self, step: StepOutline, edge: str, name: str) -> None:
        found = [] if step.is_branch(edge) else self._from(step.block, name)
        if len(found) > 1:
            more = f" and {len(found) - MOST_PLACES:,} more" if len(found) > MOST_PLACES else ""
            places = ", ".join(other.address for other in found[:MOST_PLACES]) + more
            message = f"{name!r} could be any of {places}. Give one its own name with $node."
            self._error("AMBIGUOUS_TARGET", route_address(step, edge), message)
        elif found:
            self._jump(step, edge, found[0], route_address(step, edge))
        elif name in self._nodes:
            self._outline.run_node(step, edge, name)
        elif any((block.address, name) in self._named for block in _beyond(step, edge)):
            self._leaves_branch(route_address(step, edge), f"the step {name!r} is outside")
        else:
            self._unknown(step, name, route_address(step, edge))

    def _from(self, block: Block, name: str) -> list[StepOutline]:
        """The steps of that name in the first block from the inside that has any."""
        found = self._found.get((block.address, name))
        if found is None:
            named = (self._named.get((around.address, name)) for around in block.around())
            found = self._found[block.address, name] = next(filter(None, named), [])
        return found

    def _leaves_branch(self, address: str, why: str) -> None:
        message = f"This would leave the branch: {why}. A branch ends at its last step, or by null."
        self._error("LEAVES_BRANCH", address, message)

    def _jump(self, step: StepOutline, edge: str, target: StepOutline, address: str) -> None:
        self._jumps[step.index, edge] = target
        self.jumped_to.add(target.index)
        if target.name in self._nodes:
            self._report(
                Problem(
                    code="JUMP_NOT_RUN",
                    path=address,
                    severity="warning",
                    message=f"{target.name!r} is a step ({target.address}) as well as a node: this jumps to the step. "
                    f'To run the node once instead, write ["{target.name}"].',
                )
            )

    def _unknown(self, step: StepOutline, name: str, address: str) -> None:
        def known() -> set[str]:
            return {other.name for block in step.block.around() for other in block.steps if other.name} | self._nodes

        message = f"There is no step {name!r} to jump to, and no node of that name to run."
        self._report(Problem(code="UNKNOWN_TARGET", path=address, message=message), meant=name, known=known)

    def is_jump(self, step: StepOutline, edge: str) -> bool:
        """Whether a named route was found to jump to a step."""
        return (step.index, edge) in self._jumps

    def routes_of(self, step: StepOutline) -> dict[str, Route]:
        """The resolved routes of a step, by edge."""
        return {edge: self._resolve(step, edge, route) for edge, route in step.routes.items()}

    def _resolve(self, step: StepOutline, edge: str, route: Any) -> Route:
        if edge in step.blocks:
            return self._into(step, edge, step.blocks[edge])
        if (step.index, edge) in self._jumps:
            return _jump_to(self._jumps[step.index, edge], edge)
        match route:
            case None if step.is_branch(edge):
                return Route()
            case None:
                return self._leave(step)
            case "$end":
                return Route(kind="end")
            case "$fail":
                return Route(kind="fail")
            case "$break" | "$continue":
                return self._loop_directive(step, edge, str(route))
            case _:  # reported already
                return Route()

    def _into(self, step: StepOutline, edge: str, block: Block) -> Route:
        binds = block.address if edge == "error" else ""
        body = block.body and not block.branch
        if block.steps:
            keep = len(block.loops)
            first = block.steps[0].index
            return Route(target=first, keep=keep, body=body, binds=binds, leads=True)
        if block.branch:
            return Route()
        if body:
            return Route(target=step.index, keep=len(step.block.loops) + 1, body=True)
        return continuation(step)

    def _leave(self, step: StepOutline) -> Route:
        """What `null` means: leave the loop whose step or body this is, else end the block."""
        if step.loop:
            return continuation(step)
        block = step.block
        return Route() if block.owner is None or block.branch else continuation(block.owner)

    def _loop_directive(self, step: StepOutline, edge: str, directive: str) -> Route:
        own = step.loop
        loops = step.block.loops
        if not own and not loops:
            self._error("OUTSIDE_LOOP", route_address(step, edge), f"{directive} stands in no loop.")
            return Route()
        branch = step.is_branch(edge)
        leaves = branch or (step.concurrent and directive == "$continue" if own else not step.block.inner_loops)
        if leaves:
            self._leaves_branch(route_address(step, edge), f"the loop that {directive} means is around it")
            return Route()
        loop = step if own else loops[-1]
        if directive == "$break":
            return continuation(loop)
        return Route(target=loop.index, keep=len(loop.block.loops) + 1, body=own)

    def _error(self, code: str, path: str, message: str) -> None:
        self._report(Problem(code=code, path=path, message=message))


def _beyond(step: StepOutline, edge: str) -> Iterator[Block]:
    """The blocks that a route can't lead into, because they are around its branch."""
    if step.is_branch(edge):
        yield from step.block.around()
    yield from step.block.beyond()


def _jump_to(target: StepOutline, edge: str) -> Route:
    binds = target.block.address if edge == "error" else ""
    return Route(target=target.index, keep=len(target.block.loops), binds=binds, jump=True, leads=True)


def continuation(step: StepOutline) -> Route:
    """Where a step goes on when no edge is routed: the next of its block, else where its block goes on."""
    block = step.block
    if step.position + 1 < len(block.steps):
        return Route(target=block.steps[step.position + 1].index, keep=len(block.loops))
    if block.owner is None or block.branch:
        return Route(target=END)
    if block.body:
        return Route(target=block.owner.index, keep=len(block.owner.block.loops) + 1)
    return continuation(block.owner)
