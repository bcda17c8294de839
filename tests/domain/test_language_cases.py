"""The cases of LANGUAGE, section 10: steps, and the order in which their nodes run."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from domain.events import NodeStarted
from tests.support.workflows import RUNNERS, Act, Runner, Script, nodes_of, problems_of, workflow


class Case(NamedTuple):
    """Steps, what their nodes do, the order in which they run, and how the execution ends."""

    steps: list[Any]
    acts: dict[str, list[Act]]
    order: str
    status: str = "completed"


GO_LOOP: dict[str, list[Act]] = {"a": ["go", "go", "done"]}
CASES = {
    "1 one after the other": Case(["a", "b"], {}, "a b"),
    "2 a node is run and the block goes on": Case([{"a": {"x?": "h"}}, "b"], {"a": ["x"]}, "a h b"),
    "3 an unrouted edge goes on": Case([{"a": {"x?": "h"}}, "b"], {"a": ["y"]}, "a b"),
    "4 no error, no error route": Case([{"a": {"error?": [{"h": {}}]}}, "b"], {"a": ["ok"]}, "a b"),
    "4 with an object": Case([{"a": {"error?": {"h": {}}}}, "b"], {}, "a b"),
    "5 a block of several": Case([{"a": {"x?": ["h", "i"]}}, "b"], {"a": ["x"]}, "a h i b"),
    "6 a block in a block": Case([{"a": {"x?": {"h": {"y?": {"i": {}}}}}}, "b"], {"a": ["x"], "h": ["y"]}, "a h i b"),
    "7 a jump forward": Case([{"a": {"x?": "c"}}, "b", "c", "d"], {"a": ["x"]}, "a c d"),
    "8 null at the top completes": Case([{"a": {"x?": None}}, "b"], {"a": ["x"]}, "a"),
    "9 null ends its block": Case(
        [{"a": {"x?": {"h": {"y?": None}, "i": {}}}}, "b"], {"a": ["x"], "h": ["y"]}, "a h b"
    ),
    "10 a jump out of a block": Case([{"a": {"x?": {"h": {"y?": "c"}}}}, "b", "c"], {"a": ["x"], "h": ["y"]}, "a h c"),
    "11 $end": Case([{"a": {"x?": "$end"}}, "b"], {"a": ["x"]}, "a"),
    "12 raised, unrouted": Case(["a", "b"], {"a": [ValueError("no")]}, "a", "failed"),
    "13 raised, routed": Case([{"a": {"error?": ["h"]}}, "b"], {"a": [ValueError("no")]}, "a h b"),
    "14 returned, unrouted": Case(["a", "b"], {"a": ["error"]}, "a", "failed"),
    "15 a loop that leaves by null": Case([{"a...": {"go?": ["h"], "done?": None}}, "b"], GO_LOOP, "a h a h a b"),
    "16 a loop with an exit": Case([{"a...": {"go?": ["h"], "done?": {"i": {}}}}, "b"], GO_LOOP, "a h a h a i b"),
    "17 the original form of a loop": Case([{"a": {"loop?": ["h"]}}, "b"], {"a": ["loop", "loop", "x"]}, "a h a h a b"),
    "18 two loops after one another": Case(
        [{"range...": {"stop": 2, "loop?": ["h"]}}, {"range...": {"stop": 3, "loop?": ["i"]}}], {}, "h h i i i"
    ),
    "19 a loop in a loop runs in full": Case(
        [{"range...": {"stop": 2, "loop?": [{"each...": {"items": [1, 2], "loop?": ["h"]}}, "i"]}}],
        {},
        "h h i h h i",
    ),
    "24 null in a body leaves the loop": Case(
        [{"range...": {"stop": 3, "loop?": [{"h": {"x?": None}}, "i"]}}, "b"], {"h": [None, "x"]}, "h i h b"
    ),
    "24 null one block deeper ends that block": Case(
        [{"range...": {"stop": 2, "loop?": [{"h": {"x?": [{"i": {"y?": None}}, "c"]}}, "d"]}}, "b"],
        {"h": ["x", "x"], "i": ["y", "y"]},
        "h i d h i d b",
    ),
}


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nodes_run_in_the_order_that_the_case_says(case: Case, run: Runner) -> None:
    """The order of the nodes, and how the execution ends."""
    script = Script(case.acts)
    ran = run(workflow(*case.steps), nodes_of(script))
    assert (script.order, ran.execution.status) == (case.order, case.status)


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_19_the_item_of_an_outer_loop_is_itself_again_after_an_inner_one(run: Runner) -> None:
    """`$.currentItem` belongs to the innermost loop that is running."""
    script = Script()
    look = {"a": {"item": "$.currentItem"}}
    inner = {"inner...": {"$node": "each", "items": ["x", "y"], "loop?": [{"b": {"item": "$.currentItem"}}]}}
    run(workflow({"each...": {"items": [1, 2], "loop?": [look, inner, {"c": {"item": "$.currentItem"}}]}}),
        nodes_of(script))  # fmt: skip
    assert [config["item"] for config in script.configs] == [1, "x", "y", 1, 2, "x", "y", 2]


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_20_a_setter_counts_to_five(run: Runner) -> None:
    """A `while` loop whose body is a setter ends when its condition fails."""
    ran = run(
        workflow({"$.i": 0}, {"while...": {"condition": "$.i < 5", "loop?": [{"$.i": "$.i + 1"}]}}), nodes_of(Script())
    )
    assert ran.state == {"i": 5}


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_21_two_steps_of_one_name_have_two_addresses(run: Runner) -> None:
    """Addresses, not names, are a step's identity."""
    ran = run(workflow({"log": {}}, {"log": {}}), nodes_of(Script()))
    addresses = [event.address for event in ran.events if isinstance(event, NodeStarted)]
    assert addresses == ["/workflow/0/log", "/workflow/1/log"]


def test_case_22_a_route_to_nothing_is_a_compile_error_at_its_pointer() -> None:
    """The pointer is what line and column are looked up by (see tests/test_sources.py)."""
    (problem,) = problems_of(workflow({"a": {"x?": "missing"}}), nodes_of(Script()))
    assert (problem.code, problem.path, problem.severity) == ("UNKNOWN_TARGET", "/workflow/0/a/x?", "error")


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_25_a_list_is_not_bounded_by_the_limit_on_passes(run: Runner) -> None:
    """1,500 items are 1,500 passes, though loops that don't know their count end at 1,000."""
    ran = run(
        workflow({"each...": {"items": "$.items", "loop?": [{"$.n": "$.n + 1"}]}},
                 state={"n": 0, "items": list(range(1_500))}),
        nodes_of(Script()),
    )  # fmt: skip
    assert (ran.execution.status, ran.state["n"]) == ("completed", 1_500)


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_26_a_handler_that_is_jumped_to_reads_the_error(run: Runner) -> None:
    """`error` is bound where an `error` route leads."""
    script = Script({"a": [ValueError("the card was declined")]})
    run(workflow({"a": {"error?": "handler"}}, "b", {"handler": {"text": "{{error.message}}"}}), nodes_of(script))
    assert script.order == "a handler"
    assert script.configs[-1] == {"text": "the card was declined"}


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_27_a_text_with_a_path_in_it_is_taken_as_it_is(run: Runner) -> None:
    """With a warning that names what was probably meant."""
    script = Script()
    definition = workflow({"a": {"text": "(1 + $.i)"}}, state={"i": 1})
    run(definition, nodes_of(script))
    assert script.configs == [{"text": "(1 + $.i)"}]
    (problem,) = problems_of(definition, nodes_of(Script()))
    assert (problem.code, problem.severity, problem.path) == ("DOLLAR_IN_TEXT", "warning", "/workflow/0/a/text")
