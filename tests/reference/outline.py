"""Steps, blocks and routes of a definition, read as LANGUAGE sections 2, 4 and 6 say and in no other way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from domain.reporting import Report
from domain.values import Value, compile_value

Special = Literal["$end", "$fail", "$break", "$continue"]
SPECIALS: tuple[Special, ...] = ("$end", "$fail", "$break", "$continue")
ALWAYS_EXITS = frozenset(("error", "done", "complete", "false"))
EXITS = {"signal": {"timeout"}, "approval": {"timeout"}}
"""What NODES marks as an exit besides."""


@dataclass(eq=False)
class Block:
    """Steps that run one after the other."""

    outer: Block | None
    branch: bool = False
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Jump:
    """A route to a step of an enclosing block."""

    target: Step


Route = Block | Jump | Special | None


@dataclass(eq=False)
class Step:
    """One step: a node with parameters and routes, or a setter with a path and a value."""

    address: str
    block: Block
    at: int
    name: str = ""
    node: str = ""
    parameters: dict[str, Value] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    written: dict[str, Any] = field(default_factory=dict)
    dots: bool = False
    setter: str | None = None
    value: Value | None = None

    @property
    def loop(self) -> bool:
        """A `name...`, or any step with a `loop?` route; one whose edges are branches is none."""
        return self.node != "parallel" and (self.dots or "loop" in self.written)

    @property
    def together(self) -> bool:
        """Whether it is a loop whose passes run beside one another."""
        return self.loop and self.options.get("$concurrency", 1) > 1

    @property
    def branches(self) -> list[str]:
        """The edges whose routes are branches."""
        if self.node == "parallel":
            return [edge for edge in self.written if edge not in ("joined", "error")]
        return [edge for edge in self.written if self.together and self.is_body(edge)]

    def runs_body(self, edge: str | None) -> bool:
        """Whether this loop step runs a body on that edge."""
        return edge is not None and edge in self.routes and self.is_body(edge)

    def is_body(self, edge: str) -> bool:
        """Whether a route of that edge is a body."""
        return edge not in ALWAYS_EXITS | EXITS.get(self.node, set()) if self.dots else edge == "loop"


def outline(definition: dict[str, Any]) -> Block:
    """The top-level block of a valid definition, with all routes resolved."""
    top = Block(None)
    _fill(top, definition["workflow"], "/workflow")
    _route_all(top)
    return top


def _fill(block: Block, steps: Any, pointer: str) -> Block:
    """Append the steps of a block, written as a list, an object or (a route to one node) a string."""
    if isinstance(steps, str):
        _add(block, steps, {}, pointer)
    elif isinstance(steps, dict):
        for key, config in steps.items():
            _add(block, key, config, f"{pointer}/{_escaped(key)}")
    else:
        for at, each in enumerate(steps):
            _fill(block, each, f"{pointer}/{at}")
    return block


def _add(block: Block, key: str, config: Any, pointer: str) -> None:
    step = Step(address=pointer, block=block, at=len(block.steps))
    block.steps.append(step)
    if key.startswith("$"):
        step.setter, step.value = key, _compiled(config)
        return
    step.dots = key.endswith("...")
    step.name = key.removesuffix("...")
    step.node = config.get("$node", step.name)
    for name, value in config.items():
        if name.endswith("?"):
            step.written[name[:-1]] = value
        elif name.startswith("$"):
            step.options[name] = value
        else:
            step.parameters[name] = _compiled(value, lenient=step.node == "log" or (step.node, name) in LENIENT)


LENIENT = {("logic", "values")}


def _route_all(block: Block) -> None:
    for step in block.steps:
        for edge, written in step.written.items():
            step.routes[edge] = _route(step, edge, written)


def _route(step: Step, edge: str, written: Any) -> Route:
    branch = edge in step.branches
    if written is None or written in SPECIALS:
        special: Special | None = written
        return special
    if isinstance(written, str) and not branch:
        for block in _outwards(step.block):
            named = [each for each in block.steps if each.name == written]
            if named:
                assert len(named) == 1, f"{written} is ambiguous: the strategy made an invalid workflow"
                return Jump(named[0])
    inner = _fill(Block(step.block, branch), written, f"{step.address}/{_escaped(edge)}?")
    _route_all(inner)
    return inner


def _outwards(block: Block | None) -> Iterator[Block]:
    while block is not None:
        yield block
        block = None if block.branch else block.outer


def _compiled(value: Any, *, lenient: bool = False) -> Value:
    report = Report()
    compiled = compile_value(value, path="", report=report, lenient=lenient)
    assert not report.errors, report.problems()
    return compiled


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
