"""The first look at a definition: its blocks and steps as a tree, with everything that is wrong with its shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from domain.node import NodeMetadata
from domain.problems import Problem, pointer
from domain.reporting import MAX_MESSAGE, Report
from domain.room import MAX_KEYS, SPLIT_IT, Room

NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
STEP_KEY: Final = re.compile(r"[A-Za-z0-9_-]+(\.\.\.)?")
LOOP_MARK: Final = "..."
ALWAYS_EXITS: Final = frozenset({"error", "done", "complete", "false"})
DIRECTIVES: Final = ("$end", "$fail", "$break", "$continue")
LONGEST_NAME: Final = 255
"""Characters of the name of a step or edge: every address below repeats it."""


class Block:
    """A sequence of steps: the top level, or what a route leads into."""

    def __init__(
        self, address: str, owner: StepOutline | None = None, *, body: bool = False, branch: bool = False
    ) -> None:
        self.address = address
        self.owner = owner
        self.body = body
        """Whether it is a body of the loop that owns it."""
        self.branch = branch
        """Whether it is a branch of the step that owns it, or a pass that runs beside others."""
        self.steps: list[StepOutline] = []
        self.loops: tuple[StepOutline, ...] = ()
        self.chain: tuple[str, ...] = (address,)
        self.nesting = 0
        self.inner_loops = 0
        """How many of `loops` are within the innermost branch: those that a step in here may break."""
        if owner is not None:
            self.loops = (*owner.block.loops, owner) if body else owner.block.loops
            self.chain = (*owner.block.chain, address)
            self.nesting = owner.block.nesting + 1
            self.inner_loops = 0 if branch else owner.block.inner_loops + body

    def around(self) -> Iterator[Block]:
        """This block and those around it, from the inside, up to the branch."""
        block = self
        yield block
        while block.owner is not None and not block.branch:
            block = block.owner.block
            yield block

    def beyond(self) -> Iterator[Block]:
        """The blocks around the branch, from the inside."""
        block: Block | None = self
        left = False
        while block is not None:
            if left:
                yield block
            left = left or block.branch
            block = block.owner.block if block.owner is not None else None


class StepOutline:
    """A step as it is written. `routes` are the raw routes by edge, `blocks` the blocks that they lead into."""

    def __init__(self, address: str, name: str, block: Block) -> None:
        self.address = address
        self.name = name
        self.block = block
        self.index = 0
        self.position = 0
        self.kind: Literal["node", "setter"] = "node"
        self.node = name
        self.node_version: str | None = None
        self.key = name
        self.value: Any = None
        self.loop_mark = False
        self.parameters: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.routes: dict[str, Any] = {}
        self.blocks: dict[str, Block] = {}
        self.exits: frozenset[str] = ALWAYS_EXITS
        self.forks: frozenset[str] | None = None
        """Of a step whose edges are branches: those that are none."""
        self.takes_concurrency = False
        """Whether it is a loop whose passes may run beside one another."""
        self.concurrent = False
        """Whether they do."""

    @property
    def loop(self) -> bool:
        """Whether it is a loop: written `name...`, or with a `loop?` route."""
        return self.forks is None and (self.loop_mark or "loop" in self.routes)

    def is_branch(self, edge: str) -> bool:
        """Whether the route of this edge is a branch of this step, or passes that run beside one another."""
        if self.forks is not None:
            return edge not in self.forks
        return self.concurrent and self.is_body(edge)

    def block_of(self, edge: str) -> Block:
        """A new block for the route of an edge."""
        body = self.loop and self.is_body(edge)
        made = Block(route_address(self, edge), self, body=body, branch=self.is_branch(edge))
        self.blocks[edge] = made
        return made

    def is_body(self, edge: str) -> bool:
        """Whether the route of this edge is run as a body of this loop."""
        if self.loop_mark:
            return edge not in self.exits
        return edge == "loop"


class Outline:
    """All steps of a definition in document order, or those up to where it is `cut` because there are too many.

    `metadata_of` gives what a node says of itself (None: no such node).
    """

    def __init__(
        self, metadata_of: Callable[[str], NodeMetadata | None], report: Report, room: Room, *, most_steps: int
    ) -> None:
        self.steps: list[StepOutline] = []
        self.cut = False
        self._metadata_of = metadata_of
        self._report = report
        self._most_steps = most_steps
        self._room = room

    def read(self, steps: list[Any]) -> Block:
        """Read the top level, and everything inside it."""
        top = Block("/workflow")
        self._read_list(steps, top)
        return top

    def has_enough(self) -> bool:
        """Whether nothing further is to be read. What there is too much of is reported, once."""
        if not self.cut and len(self.steps) > self._most_steps:
            message = f"The workflow has more than {self._most_steps:,} steps, and no more are allowed."
            self._cut("TOO_MANY_STEPS", message)
        elif not self.cut and self._room.without_keys:
            message = f"The steps have more than {MAX_KEYS:,} parameters, options and edges together, and no more are allowed."
            self._cut("TOO_LARGE", message)
        return self.cut or self._report.full

    def _read_list(self, items: list[Any], block: Block) -> None:
        for index, item in enumerate(items):
            if self.has_enough():
                return
            address = f"{block.address}/{index}"
            if isinstance(item, str):
                self._read_text(item, address, block)
            elif isinstance(item, dict):
                self._read_object(item, address, block)
            else:
                self._error("SCHEMA", address, "A step is an object or the name of a node.")

    def _read_text(self, text: str, address: str, block: Block) -> None:
        if NAME.fullmatch(text):
            self._add(StepOutline(address, text, block))
            return
        hint = ' To end here, write it as a route: "edge?": ' + f'"{text}".' if text in DIRECTIVES else ""
        self._error("SCHEMA", address, f"{text!r} is not the name of a node (letters, digits, _ and -).{hint}")

    def _read_object(self, item: dict[str, Any], address: str, block: Block) -> None:
        if not item:
            self._error("SCHEMA", address, "A step object needs at least one key: the name of its node.")
        if len(item) > 1:
            keys = ", ".join(item)[:MAX_MESSAGE]
            self._warn(
                "SEVERAL_STEPS", address, f"Several keys in one object are several steps, in this order: {keys}."
            )
        self._read_keys(item, address, block)

    def _read_keys(self, steps: dict[str, Any], parent: str, block: Block) -> None:
        for key, value in steps.items():
            if self.has_enough():
                return
            self._read_key(key, value, parent, block)

    def _read_key(self, key: str, value: Any, parent: str, block: Block) -> None:
        address = parent + pointer(key)
        if len(key) > LONGEST_NAME and not key.startswith("$"):
            self._error("SCHEMA", address, f"A step's name has at most {LONGEST_NAME} characters.")
        elif key.startswith(("$.", "$[")):
            step = StepOutline(address, "", block)
            step.kind, step.key, step.node, step.value = "setter", key, "", value
            self._add(step)
        elif key.endswith("?"):
            self._error(
                "ROUTE_OUTSIDE_NODE",
                address,
                f"{key!r} is an edge, and only a node's configuration can route one: put it inside the step it belongs to.",
            )
        elif STEP_KEY.fullmatch(key):
            self._read_step(key, value, address, block)
        else:
            self._error(
                "SCHEMA", address, f"{key!r} is not a step key: a name (letters, digits, _, -), `name...` or `$.path`."
            )

    def _read_step(self, key: str, config: Any, address: str, block: Block) -> None:
        step = StepOutline(address, key.removesuffix(LOOP_MARK), block)
        step.key = key
        step.loop_mark = key.endswith(LOOP_MARK)
        self._add(step)
        if not isinstance(config, dict):
            self._error("SCHEMA", address, "A step's configuration is an object ({} for none).")
            return
        step.node = step.name
        if isinstance(config.get("$node"), str):
            step.node, at, version = config["$node"].partition("@")
            step.node_version = version if at else None
        self._sort_keys(step, config)
        self._ask_node(step)
        for edge, route in step.routes.items():
            self._read_route(step, edge, route)

    def _ask_node(self, step: StepOutline) -> None:
        """Take over what the step's node says about edges."""
        metadata = self._metadata_of(step.node)
        if metadata is None:
            return
        step.exits = ALWAYS_EXITS | frozenset(metadata.exit_edges)
        if metadata.branches:
            step.forks = frozenset({*(metadata.edges or ()), "error"})
            if step.loop_mark:
                self._error("INVALID_OPTION", step.address, f"{step.node} opens branches; it can't be a loop as well.")
        step.takes_concurrency = metadata.concurrent and step.loop
        at_once = step.options.get("$concurrency", 1)
        step.concurrent = step.takes_concurrency and isinstance(at_once, int) and at_once > 1

    def _sort_keys(self, step: StepOutline, config: dict[str, Any]) -> None:
        self._room.spend_keys(len(config))
        if self.has_enough():
            return
        for key, value in config.items():
            if key.endswith("?"):
                if not 1 <= len(key[:-1]) <= LONGEST_NAME:
                    message = f"An edge needs a name before its `?`, of at most {LONGEST_NAME} characters."
                    self._error("SCHEMA", step.address + pointer(key), message)
                    continue
                step.routes[key[:-1]] = value
            elif key.startswith("$"):
                step.options[key] = value
            else:
                step.parameters[key] = value

    def _read_route(self, step: StepOutline, edge: str, route: Any) -> None:
        if isinstance(route, (dict, list)):
            block = step.block_of(edge)
            if isinstance(route, list):
                self._read_list(route, block)
            else:
                self._read_keys(route, block.address, block)
        elif isinstance(route, str) and route.startswith("$") and route not in DIRECTIVES:
            message = f"{route!r} is not a target: {', '.join(DIRECTIVES)} are."
            unknown = Problem(code="UNKNOWN_TARGET", path=route_address(step, edge), message=message)
            self._report(unknown, meant=route, known=DIRECTIVES)
        elif not isinstance(route, str) and route is not None:
            self._error(
                "SCHEMA",
                route_address(step, edge),
                "A route is a block ({…} or […]), the name of a step or node, or null.",
            )

    def run_node(self, step: StepOutline, edge: str, node: str) -> Block:
        """The block that a route to a registered node stands for: that one node, without configuration."""
        block = step.block_of(edge)
        self._add(StepOutline(route_address(step, edge), node, block))
        return block

    def _cut(self, code: str, message: str) -> None:
        self.cut = True
        self._error(code, "/workflow", f"{message} {SPLIT_IT}")

    def _add(self, step: StepOutline) -> None:
        step.index = len(self.steps)
        step.position = len(step.block.steps)
        self.steps.append(step)
        step.block.steps.append(step)

    def _error(self, code: str, path: str, message: str) -> None:
        self._report(Problem(code=code, path=path, message=message))

    def _warn(self, code: str, path: str, message: str) -> None:
        self._report(Problem(code=code, path=path, message=message, severity="warning"))


def route_address(step: StepOutline, edge: str) -> str:
    """The address of a step's route."""
    return step.address + pointer(edge + "?")
