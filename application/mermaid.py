"""A compiled workflow as a Mermaid flowchart (https://mermaid.js.org): what leads where, as the engine takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, Literal

from domain.node import NodeCatalog, NodeMetadata
from domain.outline import LOOP_MARK
from domain.paths import format_path
from domain.problems import pointer
from domain.program import END, Program, Route, Step

INDENT: Final = "  "
LONGEST: Final = 80
"""Characters of a label."""
START: Final = "start"
FINISH: Final = "done"
FAILED: Final = "failed"
_ENDINGS: Final = {FINISH: "end", FAILED: "failed"}
_ESCAPES: Final = {ord(char): f"#{ord(char)};" for char in '"#<>&`%\\'}
"""Mermaid's own way of writing what would be markup or a directive in a label."""
_FORMULA: Final = "$$"

Style = Literal["-->", "-.->"]


def flowchart(program: Program, nodes: NodeCatalog) -> str:
    """The text of the flowchart, which ends with a line break.

    A step is a box with its name and node, a setter a slanted one with its path, a loop a hexagon. The body of a loop and
    each branch is a subgraph; branches come together in a circle. An arrow has the names of the edges that lead there;
    `otherwise` stands for those that are not routed. Jumps are dotted. An `error` that is not routed fails the execution,
    and is not drawn.
    """
    return _Drawing(program, nodes).text()


class _Drawing:
    """One flowchart in the making. An arrow is (from, to, style, whether it has edges), with the names of its edges."""

    def __init__(self, program: Program, nodes: NodeCatalog) -> None:
        self._program = program
        self._nodes = nodes
        self._frames = {
            step.address + pointer(edge + "?"): (step, edge)
            for step in program.steps
            for edge, route in step.routes.items()
            if route.body or edge in step.branches
        }
        self._arrows: dict[tuple[str, str, Style, bool], list[str]] = {}

    def text(self) -> str:
        first = min(step.index for step in self._program.steps)
        self._arrow(START, f"s{first}")
        for step in self._program.steps:
            self._lead(step)
        title = json.dumps(_printable(f"{self._program.name} {self._program.version}"), ensure_ascii=False)
        lines = [*self._shapes(), *self._ends(), *self._arrow_lines()]
        return "\n".join(["---", f"title: {title}", "---", "flowchart TD", *(INDENT + line for line in lines), ""])

    # -- what there is ------------------------------------------------------------------------------------------------

    def _shapes(self) -> Iterator[str]:
        """A line for each step, inside the subgraphs of the loops and branches around it."""
        yield f'{START}(["start"])'
        inside: list[str] = []
        for step in sorted(self._program.steps, key=self._place):
            around = [block for block in step.blocks if block in self._frames]
            common = sum(1 for ours, theirs in zip(inside, around, strict=False) if ours == theirs)
            yield from (INDENT * depth + "end" for depth in range(len(inside) - 1, common - 1, -1))
            yield from (INDENT * depth + self._subgraph(around[depth]) for depth in range(common, len(around)))
            inside = around
            yield INDENT * len(inside) + _shape(step)
            if _joins(step):
                yield INDENT * len(inside) + f'j{step.index}(("joined"))'
        yield from (INDENT * depth + "end" for depth in range(len(inside) - 1, -1, -1))

    def _place(self, step: Step) -> list[int]:
        """Where a step is drawn: behind the step that owns its block, in the order of that step's routes."""
        place: list[int] = []
        for block in step.blocks[1:]:
            owner_address, _, edge = block.rpartition("/")
            owner = self._program.at(owner_address)
            edges = [pointer(each + "?")[1:] for each in owner.routes]
            place += [owner.index, edges.index(edge)]
        return [*place, step.index]

    def _subgraph(self, block: str) -> str:
        owner, edge = self._frames[block]
        beside = f", {owner.options.concurrency} at once" if owner.options.concurrency > 1 else ""
        title = _quoted(f"{owner.name}: {edge}{beside}")
        return f"subgraph b{owner.index}_{list(owner.routes).index(edge)}[{title}]"

    def _ends(self) -> Iterator[str]:
        reached = {target for _, target, _, _ in self._arrows}
        yield from (f'{name}(["{label}"])' for name, label in _ENDINGS.items() if name in reached)

    def _arrow_lines(self) -> Iterator[str]:
        for (source, target, style, labelled), labels in self._arrows.items():
            label = f"|{_quoted(' / '.join(labels))}|" if labelled else ""
            yield f"{source} {style}{label} {target}"

    # -- what leads where ---------------------------------------------------------------------------------------------

    def _lead(self, step: Step) -> None:
        """Draw the arrows that begin at a step."""
        for edge, route in step.routes.items():
            source = f"j{step.index}" if _joins(step) and edge not in step.branches else f"s{step.index}"
            self._arrow(source, self._target(step, route, edge), edge, jump=route.jump)
        if step.node == "end":
            self._arrow(f"s{step.index}", FINISH)
        elif step.node == "fail":
            if "error" not in step.routes:
                self._arrow(f"s{step.index}", FAILED)
        else:
            self._lead_on(step)

    def _lead_on(self, step: Step) -> None:
        """The arrow of the edges that are not routed, if there can be any."""
        node = self._nodes.find(step.node) if step.setter is None else None
        unrouted = _unrouted(step, node.metadata) if node is not None else ""
        if unrouted is not None:
            source = f"j{step.index}" if _joins(step) else f"s{step.index}"
            self._arrow(source, self._target(step, step.next), unrouted)

    def _target(self, step: Step, route: Route, edge: str = "") -> str:
        if route.kind != "go":
            return FINISH if route.kind == "end" else FAILED
        if route.target != END:
            return f"s{route.target}"
        if edge in step.branches:
            return _gathered(step)
        for block in reversed(step.blocks):
            owner, led = self._frames.get(block, (None, ""))
            if owner is not None and led in owner.branches:
                return _gathered(owner)
        return FINISH

    def _arrow(self, source: str, target: str, label: str = "", *, jump: bool = False) -> None:
        self._arrows.setdefault((source, target, "-.->" if jump else "-->", bool(label)), []).append(label)


def _joins(step: Step) -> bool:
    """Whether the branches of a step come together behind it; the passes of a loop come back to it."""
    return bool(step.branches) and not step.loop


def _gathered(step: Step) -> str:
    """Where a branch of a step, or a pass beside others, ends."""
    return f"j{step.index}" if _joins(step) else f"s{step.index}"


def _unrouted(step: Step, metadata: NodeMetadata) -> str | None:
    """What an arrow to the continuation says; None when every edge is routed."""
    if metadata.iterates:
        return None if {"done", "complete"} & step.routes.keys() else "done"
    chosen = step.routes.keys() - {"error"}
    if metadata.branches:
        left = [edge for edge in metadata.edges or () if edge not in chosen]
        return "" if left else None
    if metadata.edges is None:
        return "otherwise" if chosen else ""
    left = [edge for edge in metadata.edges if edge not in chosen]
    if not left:
        return None
    return "" if not chosen else left[0] if len(left) == 1 else "otherwise"


def _shape(step: Step) -> str:
    name = f"s{step.index}"
    if step.setter is not None:
        return f"{name}[/{_quoted(format_path(step.setter.path))}/]"
    node = step.node + (LOOP_MARK if step.loop else "")
    label = _quoted(node) if step.name == step.node else _quoted(step.name, node)
    if step.loop:
        return f"{name}{{{{{label}}}}}"
    return f"{name}[[{label}]]" if step.branches else f"{name}[{label}]"


def _quoted(*lines: str) -> str:
    """A label: nothing in it is markup but the breaks between the lines."""
    text = "<br/>".join(_printable(line).translate(_ESCAPES) for line in lines)
    return '"' + text.replace(_FORMULA, "#36;#36;") + '"'


def _printable(text: str) -> str:
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return "".join(char if char.isprintable() else " " for char in cut)
