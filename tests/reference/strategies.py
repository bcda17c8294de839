"""Random valid workflows: deep mixtures of blocks, routes, jumps, loops, iterators, setters and errors, with a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.reference.nodes import Does

LETTERS = "abcde"
NAMES = (*LETTERS, "first-step", "h2")
MAX_DEPTH = 4
READS: dict[str, Any] = {
    "input": "{{ input }}",
    "error": "{{ error | default('unbound') }}",
    "loop": "{{ loop | default('no loop') }}",
    "outputs": "{{ output | default('none') }}",
    "code": "{{ error.code | default('none') }}",
    "index": "{{ loop.index | default(-1) }}",
    "recoverable": "$.error.recoverable",
    "item": "$.currentItem",
    "value": "$.rangeValue | default('none')",
    "strict": "{{ loop.item }}",
    "of_a": "{{ output.a | default('none') }}",
    "nested": {"k": ["$.n", "{{ input }}", {"deep": ["$.k0"]}], "same": "text", "edge?": None},
    "length": "{{ $.items.length + 1 }}",
    "either": "{{ 'many' if $.n > 2 else $.k0 }}",
    "escaped": "$$.n is {{ $.n }}, {{ '{{' }}",
    "text": "of {{ output.b.p }} at {{ loop.index }} by {{ error.code }} on {{ $.n }}",
}
SETTERS: list[tuple[str, Any]] = [
    ("$.n", "$.n + 1"),
    ("$.n", "$.n + 1"),
    ("$.seen", "{{ input }}"),
    ("$.bound", "{{ error | default('unbound') }}"),
    ("$.frame", "{{ loop | default('no loop') }}"),
    ("$.kept", "{{ output | default('none') }}"),
    ("$.deep.code", "{{ error.code | default('none') }}"),
    ("$.deep['a/b'].c", "$.n"),
    ("$.list[0]", "{{ loop.index | default(-1) }}"),
    ("$.k0", None),
    ("$.obj.x", {"y": "{{ input }}", "z": ["$.n"]}),
    ("$.currentItem", "{{ input }}"),
    ("$.items", ["$.n"]),
]
FAILING: list[tuple[str, Any]] = [("$.list[1]", "$.n"), ("$.k1", "$.missing"), ("$.n.x", 1), ("$.k0.x", "$.k0")]
CONDITIONS: list[Any] = [
    *("$.n < 3", "$.n < 3", "$.whileIteration < 2", "{{ $.whileIteration < 3 and $.n != 2 }}"),
    *(True, False, "$.k0", "$.none", "{{ loop.index < 1 }}", "{{ input }}"),
    {"left": "$.n", "operator": "<", "right": 2},
    {"operation": "less", "values": ["$.whileIteration", 2]},
]


class Case(NamedTuple):
    """A definition, and what the steps of each name do, visit by visit.

    `mail` is sent, letter by letter, when nothing else ends a wait; `again` is how often somebody retries or resumes.
    """

    definition: dict[str, Any]
    script: dict[str, list[Does]]
    mail: Sequence[tuple[str, Any]] = ()
    again: int = 0


class Around(NamedTuple):
    """Where a block stands: the names in the blocks around and in it, innermost first, and whether a loop is around."""

    names: tuple[tuple[str, ...], ...] = ()
    looping: bool = False

    @property
    def targets(self) -> list[str]:
        """The names that a route may jump to."""
        found: dict[str, bool] = {}
        for names in self.names:
            for name in names:
                found.setdefault(name, names.count(name) == 1)
        return [name for name, single in found.items() if single]

    @property
    def taken(self) -> frozenset[str]:
        """The names that are steps here."""
        return frozenset(name for names in self.names for name in names)


class Builder:
    """Draws the blocks of one workflow."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.left = chance.randint(3, 40)
        self.parks = self.pick(False, False, True)
        self.retries = self.pick(False, False, True)
        self.forks = not self.parks and not self.retries

    def pick(self, *choices: Any) -> Any:
        """One of them."""
        return self.chance.choice(choices)

    def several(self, most: int, make: Callable[[], Any]) -> list[Any]:
        """Up to so many."""
        return [make() for _ in range(self.chance.randint(0, most))]

    def small(self, depth: int = 2) -> Any:
        """A small JSON value."""
        plain = (None, True, False, 0, 1, 3, "", "x", "y")
        if not depth or self.pick(True, True, False):
            return self.pick(*plain)
        inner = self.several(2, lambda: self.small(depth - 1))
        return inner if self.pick(True, False) else dict(zip("pq", inner, strict=False))

    def error(self) -> dict[str, Any]:
        """An error object that a node may return."""
        named = {"code": self.pick("E1", "E2"), "message": self.pick("one", "two")}
        kind = self.pick("validation", "configuration", "state", "runtime", "system")
        more = {"type": kind, "recoverable": self.pick(True, False), "details": self.small()}
        return named | {key: value for key, value in more.items() if self.pick(True, False)}

    def act(self) -> Does:
        """What a scripted node does in one visit."""
        key = self.pick(*["k0"] * 3, "k1", "n", "currentItem", "whileIteration")
        return Does(
            edge=self.pick("x", "x", "y", "go", "go", "go", "loop", "loop", "done", "error", "false", None),
            data=self.error() if self.pick(True, False, False) else self.small(),
            writes={key: self.small()} if self.pick(True, False, False, False) else {},
            raises=self.pick(*[None] * (4 if self.retries else 12), "boom", "bang"),
        )

    def items(self) -> Any:
        """What an iterator goes over."""
        return self.pick("$.items", "$.items", "{{ input }}", "$.k0", "$.none", *[self.several(3, self.small)] * 3)

    def block(self, around: Around, depth: int, *, form: str = "") -> Any:
        """Steps as a list, or as an object."""
        names = [self.name(form) for _ in range(max(1, min(self.left, self.chance.randint(1, 4))))]
        self.left -= len(names)
        if form == "object":
            names = list(dict.fromkeys(names))
        inner = Around((tuple(names), *around.names), around.looping)
        steps = [self.step(name, inner, depth, last=at == len(names) - 1) for at, name in enumerate(names)]
        mixed = self.with_setters(steps)
        if form != "object":
            return mixed
        return {key: value for step in mixed for key, value in (step if isinstance(step, dict) else {step: {}}).items()}

    def name(self, form: str) -> str:
        """Mostly a letter."""
        return str(self.pick(*LETTERS, *LETTERS, "first-step", "h2"))

    def with_setters(self, steps: list[Any]) -> list[Any]:
        """The steps with setters between them."""
        mixed: list[Any] = []
        for step in steps:
            if self.pick(True, False, False):
                key, value = self.pick(*SETTERS, *SETTERS, *SETTERS, *FAILING)
                mixed.append({key: value})
            mixed.append(step)
        return mixed

    def step(self, name: str, around: Around, depth: int, *, last: bool) -> Any:
        """A step of that name."""
        kinds = ["plain"] * 8 + ["loop"] * 3 + ["each", "range", "while", "batch"] + ["node"] * 3
        kinds += ["parked"] * 4 * self.parks + ["parallel", "together"] * self.forks
        kind = self.pick(*kinds, *(["fail", "end"] if last and depth else []))
        match kind:
            case "plain":
                return self.plain(name, around, depth)
            case "loop":
                return self.scripted_loop(name, around, depth)
            case "node":
                return self.library(name, around, depth)
            case "parallel":
                return self.parallel(name, around, depth)
            case "together":
                return self.together(name, around, depth)
            case "parked":
                return self.parked(name, around, depth)
            case "fail":
                config = {"$node": "fail", "message": "as told", **self.pick({}, {"code": "TOLD", "recoverable": True})}
                return {name: config | self.routes(["error"], around, depth, some=True)}
            case "end":
                return {name: {"$node": "end"} | self.pick({}, {"result": "{{ input }}"}, {"result": None})}
            case _:
                return self.iterator(kind, name, around, depth)

    def reads(self) -> dict[str, Any]:
        """Parameters that show what the roots are."""
        always_there = [*READS][:6]
        rare = [self.pick(*READS)] if self.pick(True, False, False, False) else []
        return {key: READS[key] for key in [*self.several(3, lambda: self.pick(*always_there)), *rare]}

    def options(self) -> dict[str, Any]:
        """Where the output goes, and how often it is tried."""
        output = self.pick({}, {}, {}, {}, {"$output": "kept_as"}, {"$output": False})
        tried = {"$retry": self.policy()} if self.retries and self.pick(True, True, False) else {}
        return dict(output) | tried

    def policy(self) -> dict[str, Any]:
        """A retry policy without delays."""
        most = self.pick({}, {"maxAttempts": 1}, {"maxAttempts": 2}, {"maxAttempts": 4})
        pauses = {"exhausted": "pause"}
        more = self.pick({}, {}, {"nonRetryable": ["E1"]}, pauses, pauses, {"jitter": 1, "backoff": "fixed"})
        return {"delay": 0, **most, **more}

    def parked(self, name: str, around: Around, depth: int) -> Any:
        """A step that waits: for a time, for a signal or for a choice, perhaps as a loop."""
        node = self.pick("wait", "signal", "signal", "signal...", "approval", "approval...")
        kind = node.removesuffix("...")
        due = self.pick({}, {}, {}, {"timeout": 1}, {"timeout": 0})
        own: dict[str, Any] = {"$node": kind} | self.options()
        match kind:
            case "wait":
                own |= self.pick({"for": 0}, {"for": 1}, {"until": 1}, {"for": "soon"}, {})
                return {name: own | self.routes(["done", "error"], around, depth)}
            case "signal":
                own |= (
                    {"name": self.pick("go", "go", "stop")} | self.pick({}, {}, {"schema": {"type": "integer"}}) | due
                )
                edges = ["received"]
            case _:
                own |= {"title": "?", "choices": ["x", "y"]} | due
                edges = ["x", "y"]
        if kind == node:
            return {name: own | self.routes([*edges, "timeout", "error"], around, depth)}
        bodies = self.routes(edges, around, depth, body=True)
        return {f"{name}...": own | bodies | self.routes(["timeout", "error"], around, depth, loop=True)}

    def letter(self) -> tuple[str, Any]:
        """A signal, or an answer, for a wait that may come."""
        name = self.pick(*["go"] * 4, "stop", *NAMES)
        answer = {"choice": self.pick("x", "x", "y", "z")} | self.pick({}, {"data": self.small()})
        return name, self.pick(1, 2, self.small()) if name in ("go", "stop") else answer

    def plain(self, name: str, around: Around, depth: int) -> Any:
        """A scripted step."""
        own = {} if name in LETTERS else {"$node": self.pick(*LETTERS)}
        if not own and self.pick(True, False, False, False, False):
            return name
        return {name: own | self.options() | self.reads() | self.routes(["x", "y", "error"], around, depth)}

    def scripted_loop(self, name: str, around: Around, depth: int) -> Any:
        """A scripted step that is a loop, in one of its two forms."""
        own: dict[str, Any] = {} if name in LETTERS else {"$node": self.pick(*LETTERS)}
        own |= self.options() | self.reads() | self.pick({}, {}, {"$maxIterations": 2})
        if self.pick(True, True, False):
            bodies = self.routes(self.pick(["go"], ["go", "loop"], ["go", "x"]), around, depth, body=True)
            return {f"{name}...": own | bodies | self.routes(["done", "false", "error"], around, depth, loop=True)}
        bodies = self.routes(["loop"], around, depth, body=True)
        return {name: own | bodies | self.routes(["go", "x", "done", "error"], around, depth, loop=True)}

    def library(self, name: str, around: Around, depth: int) -> Any:
        """A node of the library, perhaps as a loop."""
        node = self.pick("log", "empty", "logic", "math", "switch", "logic...", "logic...")
        edges = {"log": ["success"], "empty": ["nothing"], "logic": ["true", "false", "error"], "math": ["success", "error"],
                 "switch": ["x", "y"]}  # fmt: skip
        if node == "logic...":
            asked = {"operation": "less", "values": ["$.n", 3]}
            bodies = self.routes(["true"], around, depth, body=True)
            return {
                f"{name}...": {"$node": "logic"} | asked | bodies | self.routes(["false"], around, depth, loop=True)
            }
        config: dict[str, Any] = {"$node": node} | self.options()
        match node:
            case "log":
                config |= self.pick(
                    {}, {"message": "at {{ loop.index }}: {{ $.n }}"}, {"message": "$.none", "by": "{{ error }}"}
                )
            case "logic":
                config |= {
                    "operation": self.pick("equal", "notEqual", "and", "or"),
                    "values": ["$.k0", self.pick(1, "$.none")],
                }
            case "math":
                config |= {"operation": "add", "values": [1, self.pick(2, "$.k0", "{{ loop.index }}")]}
            case "switch":
                config |= {"mode": "expression", "expression": "item", "item": self.pick("x", "y", "$.k0", "{{ input }}"),
                           "fallbackOutput": "y"}  # fmt: skip
        return {name: config | self.routes(edges[node], around, depth)}

    def parallel(self, name: str, around: Around, depth: int) -> Any:
        """Branches, and what they join to."""
        own: dict[str, Any] = {"$node": "parallel"} | self.options() | self.pick({}, {"onError": "collect"})
        own |= self.pick({}, {}, {"mode": "any"}, {"mode": 2}, {"mode": "{{ $.n }}"})
        edges = self.pick(["p"], ["p", "q"], ["p", "q", "r"], ["loop", "done"])
        branches = {f"{edge}?": self.branch(around, depth) for edge in edges}
        return {name: own | branches | self.routes(["joined", "error"], around, depth)}

    def together(self, name: str, around: Around, depth: int) -> Any:
        """A loop over a list whose passes run beside one another."""
        own = {"$node": "each", "items": self.items(), "$concurrency": self.pick(2, 3)}
        original = self.pick("loop", "loop", "current-item")
        bodies = {f"{edge}?": self.branch(around, depth) for edge in dict.fromkeys(("loop", original))}
        exits = self.routes(["done", "error"], around, depth, loop=True)
        return {f"{name}...": own | bodies | {edge: None if to == "$continue" else to for edge, to in exits.items()}}

    def branch(self, around: Around, depth: int) -> Any:
        """What runs beside something else: it jumps nowhere outside, and knows no loop around it."""
        kinds = ["null", "empty", "node", "$end", "$fail"] + ["block"] * 9 * (depth < MAX_DEPTH and self.left > 0)
        match self.pick(*kinds):
            case "block":
                return self.block(Around(), depth + 1, form=self.pick("list", "object"))
            case "null":
                return None
            case "empty":
                return self.pick({}, [])
            case "node":
                return self.pick("empty", "log", *LETTERS)
            case special:
                return special

    def iterator(self, node: str, name: str, around: Around, depth: int) -> Any:
        """An iterator, perhaps in the original's words."""
        dots = self.pick(True, True, False)
        original = {"each": "current-item", "range": "current_step", "while": "do", "batch": "loop"}[node]
        own: dict[str, Any] = {"$node": node}
        own |= self.pick({}, {}, {}, {"$maxIterations": 1})
        match node:
            case "each":
                own |= {"items": self.items()} | self.pick({}, {}, {"as": "k1"}, {"as": "currentIndex", "indexAs": "n"})
            case "range":
                own |= {"stop": self.pick(0, 2, 3, "$.n")} | self.pick(
                    {}, {}, {"start": 1}, {"start": 3, "step": -1, "stop": 0}
                )
            case "while":
                own |= {"condition": self.pick(*CONDITIONS)}
            case _:
                own |= {"items": self.items(), "size": 2}
        bodies = self.routes(
            [self.pick("loop", "loop", "loop", original) if dots else "loop"], around, depth, body=True
        )
        ends = self.pick(["done"], ["complete"], ["done", "complete"], ["done", "error"])
        exits = self.routes(ends, around, depth, loop=True)
        if own.get("items") == "{{ input }}":
            # Entered by a `$continue`, it has asked for no pass and resolves them again, when `input` is its own {count}.
            exits = {edge: None if to == "$continue" else to for edge, to in exits.items()}
        return {f"{name}..." if dots else name: own | bodies | exits}

    def routes(
        self,
        edges: list[str],
        around: Around,
        depth: int,
        *,
        body: bool = False,
        loop: bool = False,
        some: bool = False,
    ) -> dict[str, Any]:
        """Routes for some of the edges; a body's for all, mostly blocks; a loop step's own `$break` is always allowed."""
        if body:
            return {f"{edge}?": self.body(around, depth) for edge in edges}
        drawn = [edge for edge in edges if some or self.pick(True, edge == "error", False)]
        return {f"{edge}?": self.route(around, depth, loop=loop) for edge in drawn}

    def body(self, around: Around, depth: int) -> Any:
        """What a pass runs."""
        if self.pick(*[True] * 7, False) and depth < MAX_DEPTH:
            return self.block(Around(around.names, True), depth + 1, form=self.pick("list", "list", "object"))
        return self.route(around, depth, loop=True, inner=True)

    def route(self, around: Around, depth: int, *, loop: bool, inner: bool = False) -> Any:
        """Any route."""
        kinds = ["node", "empty", "null", "$end", "$fail"] + ["block"] * 6 * (depth < MAX_DEPTH and self.left > 0)
        kinds += ["jump"] * 3 * bool(around.targets) + ["$break", "$continue"] * (around.looping or loop)
        match self.pick(*kinds):
            case "block":
                return self.block(
                    Around(around.names, inner or around.looping), depth + 1, form=self.pick("list", "object")
                )
            case "jump":
                return self.pick(*around.targets)
            case "node":
                return self.pick("empty", "log", *(letter for letter in LETTERS if letter not in around.taken))
            case "empty":
                return self.pick({}, [])
            case "null":
                return None
            case special:
                return special


def build(chance: Random) -> Case:
    """A workflow and its script, as chance has it."""
    builder = Builder(chance)
    steps = builder.block(Around(), 0)
    state = {"n": chance.randint(0, 2), "items": builder.several(3, builder.small), "k0": builder.small()}
    if builder.pick(True, False):
        state |= {"currentItem": "before", "rangeIndex": None, "whileIteration": 7}
    again = builder.pick(0, 0, 1, 2) if builder.retries else 0
    most = builder.pick(60, 60, 9) // (again + 1)  # a value that a loop nests deeper each time must not get too deep
    settings: dict[str, Any] = {"maxSteps": most, "maxIterations": builder.pick(3, 5)}
    if builder.retries and builder.pick(True, False, False):
        settings["retry"] = builder.policy()
    definition = {
        "id": "random",
        "name": "Random",
        "version": "1.0.0",
        "initialState": state,
        "settings": settings,
        "workflow": steps,
    }
    script = {name: builder.several(8, builder.act) for name in NAMES}
    mail = builder.several(12, builder.letter) if builder.parks else []
    return Case(definition, script, mail, again)


cases = st.builds(build, st.randoms(use_true_random=False))
"""Shrinkable cases."""
