"""LANGUAGE, section 6: frames, passes, exits and limits of loops, where test_language_rules leaves off."""

from __future__ import annotations

from typing import Any

import pytest

from domain.events import EdgeTaken, NodeStarted
from domain.limits import Limits
from tests.support.workflows import RUNNERS, Act, Ran, Runner, Script, nodes_of, problems_of, scripted, walked, workflow


def play(*steps: Any, acts: dict[str, list[Act]] | None = None, state: Any = None, **more: Any) -> tuple[Script, Ran]:
    """Run the steps by decide and evolve alone."""
    script = Script(acts)
    return script, walked(workflow(*steps, state=state), nodes_of(script), **more)


def look(name: str = "b", **more: Any) -> dict[str, Any]:
    """A step that sees where it is."""
    return {name: {"at": "{{loop.index}}", **more}}


def at(script: Script, name: str = "b") -> list[Any]:
    """The passes in which it was."""
    return [config["at"] for step, config in zip(script.ran, script.configs, strict=True) if step == name]


ITERATORS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "each": ({"items": "$.list"}, [7, 8, 9]),
    "range": ({"start": "$.list[0]", "stop": "{{ $.list[2] + 1 }}"}, [7, 8, 9]),
    "batch": ({"items": "$.list", "size": "{{ $.list | length - 2 }}"}, [[7], [8], [9]]),
}
KEYS = {"each": "currentItem", "range": "rangeValue", "batch": "currentBatch"}


@pytest.mark.parametrize("form", ["...", "loop?"])
@pytest.mark.parametrize("node", ITERATORS)
@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_what_an_iterator_goes_over_is_resolved_once_at_entry(node: str, form: str, runner: Runner) -> None:
    """Whatever its body does to where it came from, in either form; entered again, it is resolved again."""
    config, values = ITERATORS[node]
    step = {"it..." if form == "..." else "it": {"$node": node, **config, "loop?": [
        {"b": {"value": f"$.{KEYS[node]}"}}, {"$.list": [1, 2, 3]}
    ]}}  # fmt: skip
    script = Script({"c": ["again", None]})
    ran = runner(workflow(step, {"c": {"again?": "it"}}, state={"list": [7, 8, 9]}), nodes_of(script))
    assert ran.execution.status == "completed"
    seen = [config["value"] for name, config in zip(script.ran, script.configs, strict=True) if name == "b"]
    assert seen == [*values, *([[1], [2], [3]] if node == "batch" else [1, 2, 3])]


@pytest.mark.parametrize("node", ["range", "each", "batch"])
def test_an_iterator_is_bounded_by_its_count_alone(node: str) -> None:
    """Neither `$maxIterations` nor the setting ends it before."""
    configs: dict[str, dict[str, Any]] = {
        "range": {"stop": 9}, "each": {"items": [0] * 9}, "batch": {"items": [0] * 9, "size": 1}
    }  # fmt: skip
    step = {f"{node}...": {**configs[node], "$maxIterations": 2, "loop?": ["b"]}}
    script, ran = play(step, limits=Limits(iterations=3))
    assert (ran.execution.status, script.order) == ("completed", " ".join("b" * 9))


def test_while_is_bounded_by_its_limit_and_shows_its_index_to_the_condition() -> None:
    """`whileIteration` is that of the pass which is decided on; the test that ends the loop shows it to itself alone."""
    step = {"while...": {"condition": "$.whileIteration < 3", "loop?": [look(is_="$.whileIteration")]}}
    script, ran = play(step, {"c": {"after": "{{ $.whileIteration | default('gone') }}"}})
    assert [(config["at"], config["is_"]) for config in script.configs[:-1]] == [(0, 0), (1, 1), (2, 2)]
    assert script.configs[-1] == {"after": "gone"}
    _, ran = play({"while...": {"condition": True, "$maxIterations": 4, "loop?": []}})
    assert ran.error.code == "LOOP_LIMIT"
    _, ran = play({"while...": {"condition": True, "maxIterations": 4, "loop?": [], "error?": []}})
    assert ran.execution.status == "completed"


@pytest.mark.parametrize(
    ("steps", "acts", "passes"),
    [
        ([{"range...": {"stop": 2, "loop?": [{"a": {"x?": [look()], "y?": {}}}]}}], {"a": ["x", "x"]}, [0, 1]),
        ([{"range...": {"stop": 2, "loop?": [{"one...": {"$node": "range", "stop": 2, "loop?": [look()]}}]}}], {}, [0, 1, 0, 1]),
        ([{"range...": {"stop": 2, "loop?": [{"one...": {"$node": "range", "stop": 2, "loop?": {}}}, look()]}}], {}, [0, 1]),
        ([{"range...": {"stop": 2, "loop?": {}, "done?": [{"two...": {"$node": "range", "stop": 1, "loop?": [look()]}}]}}],
         {}, [0]),
        ([{"a": {"error?": [{"range...": {"stop": 2, "loop?": [look()]}}]}}], {"a": [ValueError()]}, [0, 1]),
        ([{"range...": {"stop": 3, "loop?": [{"a": {"error?": "h"}}, "c", {"h": {"$node": "b", "at": "{{loop.index}}"}}]}}],
         {"a": [None, ValueError(), ValueError()]}, []),
        ([{"a...": {"go?": [look()], "on?": [look()]}}], {"a": ["go", "on", "go", "off"]}, [0, 1, 2]),
    ],
    ids=["in a block of the body", "the inner of two", "the outer again after an inner", "in a loop of an exit",
         "in an error route", "after a jump in the body", "two bodies of one loop"],
)  # fmt: skip
def test_loop_is_the_frame_of_the_innermost_loop_whose_body_it_is(
    steps: list[Any], acts: dict[str, list[Act]], passes: list[int]
) -> None:
    """Nested, repeated, in blocks and after jumps, each loop keeps its own."""
    script, ran = play(*steps, acts=acts)
    assert (ran.execution.status, ran.execution.branches[""].frames) == ("completed", ())
    assert at(script) == passes


@pytest.mark.parametrize(
    ("body", "acts", "order"),
    [
        ([{"b": {"x?": "$continue"}}, "c"], {"b": ["x", None, "x"]}, "b b c b d e out"),
        ([{"b": {"x?": "$break"}}, "c"], {"b": [None, "x"]}, "b c b e out"),
        ([{"b": {"x?": [{"c": {"y?": "$continue"}}, "h"]}}], {"b": ["x"] * 3, "c": [None, "y", None]}, "b c h b c b c h d e out"),
        ([{"in...": {"$node": "range", "stop": 2, "loop?": [{"b": {"x?": "$break"}}], "done?": ["h"]}}, "c"],
         {"b": ["x", None, None, "x"]}, "b c b b h c b c d e out"),
        ([{"in...": {"$node": "range", "stop": 2, "loop?": [{"b": {"x?": "$continue"}}, "h"]}}, "c"],
         {"b": ["x", None, None, "x", "x", "x"]}, "b b h c b h b c b b c d e out"),
        ([{"in...": {"$node": "range", "stop": 2, "loop?": [], "done?": "$break"}}, "c"], {}, "c c c d e out"),
        ([{"in...": {"$node": "range", "stop": 1, "loop?": [], "done?": [{"b": {"x?": "$break"}}]}}, "c"],
         {"b": [None, "x"]}, "b c b e out"),
        ([{"b": {"x?": "out"}}], {"b": [None, "x"]}, "b b out"),
    ],
    ids=["$continue", "$break", "$continue in a block", "$break of an inner loop", "$continue of an inner loop",
         "$break on an inner loop's own exit", "$break in an inner loop's exit", "a jump out"],
)  # fmt: skip
def test_break_and_continue_mean_the_innermost_loop(body: Any, acts: dict[str, list[Act]], order: str) -> None:
    """`$break` leaves it without its `done?`, `$continue` begins its next pass; outside a body they mean the loop around."""
    loop = {"range...": {"stop": 3, "loop?": body, "done?": ["d"]}}
    script, ran = play(loop, "e", {"out": {"$node": "h"}}, acts=acts)
    assert ran.execution.status == "completed"
    assert script.order == order


def test_a_loop_that_is_jumped_into_from_outside_begins_anew() -> None:
    """A jump to a loop step, from before it, behind it or its own body, is an entry: a frame with index 0."""
    acts: dict[str, list[Act]] = {"c": ["again", None], "b": [None, "over", None, None, None, None]}
    script, _ = play(
        {"range...": {"stop": 2, "loop?": [look(**{"over?": "range"})]}}, {"c": {"again?": "range"}}, acts=acts
    )
    assert at(script) == [0, 1, 0, 1, 0, 1]


def test_exits_are_what_the_node_says_besides_the_four() -> None:
    """`timeout` of a signal leaves its loop, as `empty` of a list node does; any other routed edge is a body."""
    for node, edge in (
        ("splitOut", "empty"),
        ("filter", "filtered"),
        ("validateData", "valid"),
        ("jsonExtract", "not_found"),
    ):
        found = nodes_of(Script()).find(node)
        assert found is not None and edge in found.metadata.exit_edges
    script, ran = play(
        {"limit...": {"maxItems": 1, "items": [1], "success?": [look()], "$maxIterations": 2, "error?": ["c"]}}
    )
    assert (ran.execution.status, at(script), script.order) == ("completed", [0, 1], "b b c")
    step = {
        "jsonExtract...": {"path": "a[{{ $.n }}]", "data": "$.d", "success?": [{"$.n": "$.n + 1"}], "not_found?": ["c"]}
    }
    script, ran = play(step, "d", state={"n": 0, "d": {"a": [1, 2, 3]}})
    assert (script.order, ran.state["n"]) == ("c d", 3)


def test_an_exit_runs_once_and_leaves_whatever_it_does() -> None:
    """A step of its block that takes the name of a body's edge is another step."""
    script, ran = play({"a...": {"go?": ["b"], "done?": [{"c": {"go?": ["h"]}}, "d"]}}, "e",
                       acts={"a": ["go", "done"], "c": ["go"]})  # fmt: skip
    assert (script.order, ran.execution.branches[""].frames) == ("a b a c h d e", ())


def test_the_limit_counts_the_passes_of_one_entry() -> None:
    """Entered again, a loop has all of them again; inner and outer have their own."""
    inner = {"c...": {"go?": ["b"], "$maxIterations": 2}}
    outer = {"a...": {"go?": [inner], "$maxIterations": 3}}
    script, ran = play(outer, acts={"a": ["go", "go", "go", None], "c": ["go", "go", None] * 3})
    assert ran.execution.status == "completed"
    assert script.ran.count("b") == 6


def test_a_frame_keeps_what_its_loop_goes_over_once_in_the_log() -> None:
    """The list of a loop stands in the event of its entry, and in no other."""
    items = [f"item {n}" for n in range(20)]
    _, ran = play({"each...": {"items": items, "loop?": [{"$.last": "$.currentIndex"}]}})
    entries = [event.enter for event in ran.events if isinstance(event, EdgeTaken) and event.enter is not None]
    assert [entry.parameters for entry in entries] == [{"items": items, "as": "currentItem", "indexAs": "currentIndex"}]


def test_iterators_outside_a_loop_get_a_warning() -> None:
    """They would run no body."""
    steps = [{"each": {"items": [1]}}, {"range": {"stop": 1}}, {"while": {"condition": True}}, {"batch": {"items": []}}]
    problems = problems_of(workflow(*steps), nodes_of(Script()))
    assert [problem.code for problem in problems] == ["NOT_A_LOOP"] * 4
    assert all(problem.severity == "warning" for problem in problems)


def test_a_node_of_ones_own_is_a_loop_in_both_forms() -> None:
    """With its own exits, its own edges as bodies, and a frame that counts its passes."""
    for key, route in (("gate...", "open?"), ("gate", "loop?")):
        script = Script({"gate": [route[:-1], route[:-1], "shut"]})
        gate = scripted("gate", script, exit_edges=("shut",))
        ran = walked(workflow({key: {route: [look()], "shut?": ["c"]}}, "d"), nodes_of(script, gate))
        assert (script.order, at(script)) == ("gate b gate b gate c d", [0, 1])
        begun = [event.pass_ for event in ran.events if isinstance(event, NodeStarted) and event.step == "b"]
        assert begun == ["1.0/1", "1.1/1"]
