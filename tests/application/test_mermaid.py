"""A workflow is drawn as Mermaid: the picture has every step and every way that the engine can take, and parses."""

from __future__ import annotations

import re
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from application.mermaid import flowchart
from domain.compiler import compile_definition
from domain.errors import InvalidDefinition
from domain.events import BranchesOpened, EdgeTaken
from domain.program import Program, Step
from tests.reference.strategies import Case, cases
from tests.reference.test_against_reference import act_of
from tests.support.workflows import Script, nodes_of, walked, workflow

NODES = nodes_of(Script())

_TEXT = r'"(?:[^"#<>&`%\\]|#\d+;|<br/>)*"'
_SHAPES = (r"\(\[T\]\)", r"\[T\]", r"\[\[T\]\]", r"\[/T/\]", r"\{\{T\}\}", r"\(\(T\)\)")
_NODE = re.compile(r"(\w+)(?:" + "|".join(shape.replace("T", f"({_TEXT})") for shape in _SHAPES) + ")")
_SUBGRAPH = re.compile(rf"subgraph (\w+)\[({_TEXT})\]")
_ARROW = re.compile(rf"(\w+) (-->|-\.->)(?:\|({_TEXT})\|)? (\w+)")


class Picture(NamedTuple):
    """What a flowchart shows: labels by id, ids by the subgraph they are in, and arrows with their labels and style."""

    title: str
    labels: dict[str, str]
    inside: dict[str, str]
    arrows: dict[tuple[str, str], list[tuple[str, str]]]

    def leads(self, source: str, edge: str | None, target: str) -> bool:
        """Whether an arrow shows this way: by the name of its edge, as one of those not routed, or without a label."""
        found = self.arrows.get((source, target), [])
        return any(label == "" or {edge, "otherwise"} & set(label.split(" / ")) for label, _ in found)


def unescaped(label: str) -> str:
    """A label as it is read."""
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label[1:-1].replace("<br/>", "\n"))


def read(text: str) -> Picture:
    """Take a flowchart apart; any line that is not of the form, and any arrow to nothing, fails the test."""
    head, title, rule, kind, *lines = text.splitlines()
    assert (head, rule, kind) == ("---", "---", "flowchart TD")
    assert text.endswith("\n")
    picture = Picture(title.removeprefix("title: "), {}, {}, {})
    open_ones: list[str] = []
    for line in (line.strip() for line in lines):
        if line == "end":
            open_ones.pop()
        elif found := _SUBGRAPH.fullmatch(line) or _NODE.fullmatch(line):
            name, label = [group for group in found.groups() if group is not None]
            assert name not in picture.labels
            picture.labels[name] = unescaped(label)
            if open_ones:
                picture.inside[name] = open_ones[-1]
            if line.startswith("subgraph"):
                open_ones.append(name)
        else:
            arrow = _ARROW.fullmatch(line)
            assert arrow is not None, line
            source, style, label, target = arrow.groups()
            picture.arrows.setdefault((source, target), []).append((unescaped(label or '""'), style))
    assert open_ones == []
    assert {end for arrow in picture.arrows for end in arrow} <= picture.labels.keys()
    return picture


def drawn(*steps: Any, **state: Any) -> Picture:
    """The picture of these steps."""
    return read(flowchart(compile_definition(workflow(*steps, state=state), NODES), NODES))


def arrows(picture: Picture) -> dict[str, list[str]]:
    """The arrows by the labels of what they join."""
    shown: dict[str, list[str]] = {}
    for (source, target), found in picture.arrows.items():
        for label, style in found:
            way = f"{picture.labels[source]} {'..' if style == '-.->' else '->'} {picture.labels[target]}"
            shown.setdefault(way.replace("\n", ":"), []).append(label)
    return shown


def test_steps_follow_one_another() -> None:
    """From the start to the end, each with its name and node, setters with their path."""
    picture = drawn("a", {"first": {"$node": "b"}}, {"$.total['x y']": 1}, {"c": {"x?": []}})
    assert picture.title == '"Tested 1.0.0"'
    assert [*picture.labels.values()] == ["start", "a", "first\nb", "$.total['x y']", "c", "end"]
    assert arrows(picture) == {
        "start -> a": [""],
        "a -> first:b": [""],
        "first:b -> $.total['x y']": [""],
        "$.total['x y'] -> c": [""],
        "c -> end": ["x / otherwise"],
    }


def test_routes_are_arrows_with_the_names_of_their_edges() -> None:
    """Blocks, nodes that are run, jumps (dotted), null and the words of `$`; edges to one place share an arrow."""
    picture = drawn(
        {
            "a": {
                "block?": ["b", "c"],
                "node?": "empty",
                "jump?": "d",
                "nothing?": None,
                "over?": "$end",
                "no?": "$fail",
            }
        },
        "d",
        {"log": {"message": 1, "error?": "$fail"}},
        {"fail": {"message": "x"}},
    )
    assert arrows(picture) == {
        "start -> a": [""],
        "a -> b": ["block"],
        "a -> empty": ["node"],
        "a .. d": ["jump"],
        "a -> end": ["nothing / over"],
        "a -> failed": ["no"],
        "a -> d": ["otherwise"],
        "b -> c": [""],
        "c -> d": [""],
        "empty -> d": [""],
        "d -> log": [""],
        "log -> failed": ["error"],
        "log -> fail": [""],
        "fail -> failed": [""],
    }


def test_the_edge_that_is_left_is_named() -> None:
    """Where a node lists its edges, one that is not routed leads on; where all are routed, nothing else does."""
    assert arrows(drawn({"logic": {"operation": "and", "values": [], "true?": "$fail"}}, "a"))["logic -> a"] == [
        "false"
    ]
    logic = {"logic": {"operation": "and", "values": [], "true?": "$fail", "false?": "b"}}
    assert "logic -> a" not in arrows(drawn({"c": {"x?": "a"}}, logic, "a", "b"))
    over = drawn({"a": {"x?": "b"}}, {"stop": {"$node": "end"}}, "b")
    assert arrows(over)["stop:end -> end"] == [""]
    assert "stop:end -> b" not in arrows(over)


def test_the_body_of_a_loop_is_a_subgraph_that_leads_back() -> None:
    """Nested ones inside one another; `$break`, `null` and the exits leave it."""
    picture = drawn(
        {
            "orders...": {
                "$node": "each",
                "items": [],
                "loop?": [
                    {"a": {"x?": "$break", "y?": "$continue", "z?": None}},
                    {"while...": {"condition": True, "loop?": ["b"]}},
                ],
            }
        },
        "c",
    )
    names = {label: name for name, label in picture.labels.items()}
    outer, inner = names["orders: loop"], names["while: loop"]
    assert picture.inside == {names["a"]: outer, names["while..."]: outer, inner: outer, names["b"]: inner}
    assert arrows(picture) == {
        "start -> orders:each...": [""],
        "orders:each... -> a": ["loop"],
        "orders:each... -> c": ["done"],
        "a -> c": ["x / z"],
        "a -> orders:each...": ["y"],
        "a -> while...": ["otherwise"],
        "while... -> b": ["loop"],
        "while... -> orders:each...": ["done"],
        "b -> while...": [""],
        "c -> end": [""],
    }


def test_branches_are_subgraphs_that_come_together() -> None:
    """Each ends in the circle of its own `parallel`, from which `joined` leads on; an empty one goes there at once."""
    picture = drawn(
        {
            "parallel": {
                "left?": [{"a": {"x?": "$end"}}, {"inner": {"$node": "parallel", "one?": ["b"], "two?": ["c"]}}],
                "right?": {"d": {"y?": None}},
                "idle?": None,
                "error?": "$fail",
            }
        },
        "e",
    )
    names = {label: name for name, label in picture.labels.items()}
    assert picture.inside[names["inner: one"]] == names["parallel: left"]
    assert picture.inside[names["b"]] == names["inner: one"]
    assert picture.inside[names["d"]] == names["parallel: right"]
    shown = arrows(picture)
    assert shown["parallel -> joined"] == ["idle"]
    assert shown["joined -> e"] == [""]
    assert shown["joined -> failed"] == ["error"]
    assert shown["a -> end"] == ["x"]
    assert shown["d -> joined"] == ["y / otherwise"]
    joints = [name for name, label in picture.labels.items() if label == "joined"]
    assert len(joints) == 2
    assert {target for source, target in picture.arrows if source in (names["b"], names["c"])} == {joints[1]}
    assert (joints[1], joints[0]) in picture.arrows
    routed = drawn({"parallel": {"a?": ["b"], "joined?": ["c"]}}, "d")
    assert arrows(routed)["joined -> c"] == ["joined"]
    assert "joined -> d" not in arrows(routed)


def test_passes_beside_one_another_say_how_many() -> None:
    """A concurrent `each...` has one body, which leads back to it."""
    picture = drawn({"each...": {"items": [], "$concurrency": 4, "loop?": [{"a": {"x?": None}}]}}, "b")
    assert "each: loop, 4 at once" in picture.labels.values()
    assert arrows(picture)["a -> each..."] == ["x / otherwise"]
    assert arrows(picture)["each... -> b"] == ["done"]


@pytest.mark.parametrize(
    "name",
    [
        '"]; click a',
        "x%%{init: {}}%%",
        "<script>",
        "`md`",
        "$$x$$",
        "#quot;",
        "a|b",
        "--> s0",
        "日本",
        "\u202e",
        "\x1b[2J",
    ],
)
def test_no_name_is_markup(name: str) -> None:
    """Whatever an edge, a key of the state or a workflow is called, it is read as that, and nothing else is drawn."""
    definition = workflow({"a": {f"{name}?": ["b"]}}, {f"$[{name!r}]": 1} if "\x1b" not in name else "c")
    text = flowchart(compile_definition({**definition, "name": name}, NODES), NODES)
    picture = read(text)
    shown = "".join(char if char.isprintable() else " " for char in name)
    assert [label for label, _ in picture.arrows["s0", "s1"]] == [shown]
    assert len(picture.labels) == 5
    assert "$$" not in "".join(text.splitlines()[3:])


def test_long_names_are_cut() -> None:
    """A picture is for people."""
    assert [label for label, _ in drawn({"a": {"x" * 200 + "?": ["b"]}}).arrows["s0", "s1"]] == ["x" * 79 + "…"]


def test_the_same_workflow_is_the_same_text() -> None:
    """Nothing in it depends on anything else."""
    definition = workflow({"a": {"x?": ["b"], "y?": "c"}}, "c")
    texts = {flowchart(compile_definition(definition, NODES), nodes_of(Script())) for _ in range(3)}
    assert len(texts) == 1


def compiled(case: Case) -> Program:
    """The program of a random workflow; one that does not compile is passed over."""
    try:
        return compile_definition(case.definition, NODES)
    except InvalidDefinition:
        assume(False)
        raise


def ends_of(program: Program, step: Step) -> list[str]:
    """Where a step may lead whose branch is then at its end: an end of the execution, or what gathers the branches."""
    for block in reversed(step.blocks[1:]):
        address, _, edge = block.rpartition("/")
        owner = program.at(address)
        if edge.replace("~1", "/").replace("~0", "~").removesuffix("?") in owner.branches:
            return ["done", "failed", f"{'s' if owner.loop else 'j'}{owner.index}"]
    return ["done", "failed"]


def assert_opened(picture: Picture, program: Program, event: BranchesOpened) -> None:
    """An arrow leads into each branch that has steps."""
    for branch in event.branches:
        if branch.first is not None:
            assert picture.leads(f"s{program.index[event.address]}", branch.edge, f"s{program.index[branch.first]}")


@settings(deadline=None, max_examples=100)
@given(cases)
def test_every_way_that_a_run_takes_is_drawn(case: Case) -> None:
    """Of random workflows: each step is there, in the subgraphs of its loops, and each edge taken has its arrow."""
    program = compiled(case)
    picture = read(flowchart(program, NODES))
    steps = {f"s{step.index}" for step in program.steps}
    assert steps == {name for name in picture.labels if name.startswith("s") and name != "start"}
    script = Script({name: [act_of(does) for does in acts] for name, acts in case.script.items()})
    for event in walked(case.definition, nodes_of(script)).events:
        if isinstance(event, EdgeTaken):
            step = program.at(event.address)
            targets = [f"s{program.index[event.target]}"] if event.target is not None else ends_of(program, step)
            sources = [f"s{step.index}", f"j{step.index}"]
            assert any(picture.leads(source, event.edge, target) for source in sources for target in targets), event
        if isinstance(event, BranchesOpened):
            assert_opened(picture, program, event)


@settings(deadline=None, max_examples=50)
@given(st.randoms(use_true_random=False))
def test_every_branch_that_a_run_opens_is_drawn(chance: Random) -> None:
    """Of random nestings: an arrow leads into each branch that has steps, and from its last step to where it ends."""

    def steps(depth: int) -> list[Any]:
        kinds = ["a", "b", {"$.n": 1}] + (["parallel", "each"] if depth else [])
        chosen = [chance.choice(kinds) for _ in range(chance.randint(1, 3))]
        return [step(kind, depth - 1) if kind in ("parallel", "each") else kind for kind in chosen]

    def step(kind: Any, depth: int) -> dict[str, Any]:
        if kind == "each":
            return {"each...": {"items": [1, 2], "$concurrency": 2, "loop?": steps(depth)}}
        edges = {f"{edge}?": chance.choice([steps(depth), None]) for edge in ("x", "y")}
        return {"parallel": {**edges, **({"joined?": steps(depth)} if chance.random() < 0.5 else {})}}

    definition = workflow(*steps(3))
    program = compile_definition(definition, NODES)
    picture = read(flowchart(program, NODES))
    for event in walked(definition, NODES).events:
        if isinstance(event, BranchesOpened):
            assert_opened(picture, program, event)
    ends = {source for source, target in picture.arrows if target == "done"}
    last = program.steps[-1] if not program.steps[-1].blocks[1:] else None
    assert ends
    assert last is None or ends & {f"s{last.index}", f"j{last.index}"}


def test_nodes_that_are_named_twice_are_told_apart() -> None:
    """Ids come from the order of the steps, not from their names."""
    assert [label for label in drawn("log", "log").labels.values() if label == "log"] == ["log", "log"]
