"""LANGUAGE 7: branches, passes beside one another, and locks, by decide and evolve alone and by a real engine."""

from __future__ import annotations

from typing import Any

import pytest

from domain import json
from domain.commands import Begin, FireDue, Recover, Retry, Signal
from domain.errors import ErrorInfo, StepFailure
from domain.events import BranchClosed, BranchesOpened, EdgeTaken, NodeFailed, NodeStarted, Resumed, Suspended
from domain.limits import Limits
from domain.node import Edge
from tests.support.workflows import (
    NOON,
    RUNNERS,
    Act,
    Ran,
    Runner,
    Script,
    Walk,
    engined,
    nodes_of,
    problems_of,
    walked,
    workflow,
)

BOTH = pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS.keys())


def play(
    *steps: Any,
    acts: dict[str, list[Act]] | None = None,
    state: dict[str, Any] | None = None,
    limits: Limits | None = None,
    run: Runner = walked,
) -> tuple[Script, Ran]:
    """Run the steps."""
    script = Script(acts)
    return script, run(workflow(*steps, state=state), nodes_of(script), limits=limits)


class Walking(Walk):
    """The walk of an execution that has begun, and the script that its nodes play."""

    def __init__(self, definition: dict[str, Any], script: Script) -> None:
        self.script = script
        super().__init__(definition, nodes_of(script))

    @property
    def status(self) -> str:
        """What it is doing."""
        return self.execution.status


def walk(*steps: Any, acts: dict[str, list[Act]] | None = None, state: dict[str, Any] | None = None) -> Walking:
    """Begin an execution of these steps."""
    return Walking(workflow(*steps, state=state), Script(acts))


def closings(ran: Ran) -> list[tuple[str, str]]:
    """(branch, outcome) of every branch that closed, in order."""
    return [(event.branch, event.outcome) for event in ran.events if isinstance(event, BranchClosed)]


def passes(ran: Ran, step: str) -> list[str]:
    """The pass of each visit of a step."""
    return [event.pass_ for event in ran.events if isinstance(event, NodeStarted) and event.step == step]


def errors_of(*steps: Any) -> list[tuple[str, str]]:
    """(code, place) of what the compiler refuses."""
    found = problems_of(workflow(*steps), nodes_of(Script()))
    return [(problem.code, problem.path) for problem in found if problem.severity == "error"]


def raising(code: str) -> StepFailure:
    """An error that a node raises."""
    return StepFailure(ErrorInfo(code=code, message=f"{code} it is", recoverable=True))


# parallel: each routed edge except `joined` and `error` is a branch, all start together


@BOTH
def test_every_branch_runs_to_its_end_and_then_joined(run: Runner) -> None:
    """The edge data of `joined` has each branch's last edge data; what comes behind runs once."""
    script, ran = play(
        {"parallel": {"x?": ["a", "b"], "y?": ["c"], "joined?": ["d"]}},
        "e",
        acts={"a": [("k", 1)], "b": [("k", 2)], "c": [("k", 3)]},
        run=run,
    )
    assert sorted(script.ran[:3]) == ["a", "b", "c"]
    assert script.ran[3:] == ["d", "e"]
    assert ran.state["parallel_output"] == {"results": {"x": 2, "y": 3}, "errors": {}, "cancelled": []}
    assert ran.execution.status == "completed"
    assert list(ran.execution.branches) == [""]


def test_a_branch_gets_the_input_of_the_step() -> None:
    """The edge of a branch carries the step's own `input`; a setter does not count as having edge data."""
    script, ran = play(
        "a",
        {"parallel": {"x?": [{"b": {"got": "{{input}}"}}], "y?": [{"$.y": "{{input}}"}]}},
        {"c": {"got": "{{input.results.x}}"}},
        acts={"a": [("k", "in")], "b": [("k", "out")]},
    )
    assert [config.get("got") for config in script.configs] == [None, "in", "out"]
    assert ran.state["y"] == "in"
    assert ran.state["parallel_output"]["results"] == {"x": "out", "y": None}


def test_a_branch_routed_to_null_is_an_empty_one() -> None:
    """So is one that is `{}`; a name that is a registered node runs it."""
    script, ran = play({"parallel": {"x?": None, "y?": {}, "z?": "h", "joined?": ["b"]}}, acts={"h": [("k", 1)]})
    assert script.order == "h b"
    assert ran.state["parallel_output"]["results"] == {"x": None, "y": None, "z": 1}


def test_parallel_without_branches_joins_at_once() -> None:
    """And validation has a doubt."""
    script, ran = play({"parallel": {"joined?": ["a"]}}, "b")
    assert script.order == "a b"
    assert ran.state["parallel_output"] == {"results": {}, "errors": {}, "cancelled": []}
    found = problems_of(workflow({"parallel": {"joined?": ["a"]}}), nodes_of(Script()))
    assert [problem.code for problem in found] == ["WILL_FAIL"]


def test_branches_share_the_state_in_the_order_of_the_log() -> None:
    """Each node's writes land whole."""

    def add(context: Any, config: dict[str, Any]) -> Any:
        context.state["n"] = context.state.get("n", 0) + 1
        context.state.setdefault("who", []).append(context.step.name)
        return None

    _, ran = play({"parallel": {"x?": ["a", "b"], "y?": ["c"]}}, acts={"a": [add], "b": [add], "c": [add]})
    assert (ran.state["n"], sorted(ran.state["who"])) == (3, ["a", "b", "c"])


def test_branches_within_branches_and_loops_within_them() -> None:
    """Each has a pass of its own, by the names of the branches and the indexes of the loops around it."""
    _, ran = play(
        {"range...": {"stop": 2, "loop?": [
            {"parallel": {"x?": [{"split": {"$node": "parallel", "i?": ["a"], "j?": ["b"]}}, "c"],
                          "y?": [{"each...": {"items": [7, 8], "loop?": [{"$.seen": "$.currentItem"}, "d"]}}]}}]}},
    )  # fmt: skip
    assert ran.execution.status == "completed"
    assert passes(ran, "a") == ["1.0/1.x/1.i/1", "1.1/1.x/1.i/1"]
    assert passes(ran, "c") == ["1.0/1.x/1", "1.1/1.x/1"]
    assert passes(ran, "d") == [f"1.{i}/1.y/1.{j}/1" for i in (0, 1) for j in (0, 1)]
    assert "currentItem" not in ran.state
    assert "rangeValue" not in ran.state


def test_the_loop_around_a_branch_is_seen_inside() -> None:
    """`loop` is the innermost loop whose body the step is in, also through branches."""
    script, _ = play(
        {"each...": {"items": ["p", "q"], "loop?": [{"parallel": {"x?": [{"a": {"at": "{{loop.item}}"}}]}}]}}
    )
    assert [config["at"] for config in script.configs] == ["p", "q"]


def test_an_error_that_is_bound_around_the_branches_is_bound_in_them() -> None:
    """What is bound in a branch stays in it."""
    script, ran = play(
        {"a": {"error?": [
            {"parallel": {"x?": [{"b": {"error?": [{"c": {"of": "{{error.code}}"}}]}}], "y?": [{"d": {"of": "{{error.code}}"}}]}},
            {"e": {"of": "{{error.code}}"}}]}},
        acts={"a": [raising("OUTER")], "b": [raising("INNER")]},
    )  # fmt: skip
    seen = {name: config.get("of") for name, config in zip(script.ran, script.configs, strict=True)}
    assert (seen["c"], seen["d"], seen["e"]) == ("INNER", "OUTER", "OUTER")
    assert ran.execution.status == "completed"


# mode


@BOTH
def test_losers_of_any_are_cancelled(run: Runner) -> None:
    """The first branch that ends well is enough; one that waits is cancelled."""
    script, ran = play(
        {"parallel": {"mode": "any", "x?": ["a"], "y?": [{"signal": {"name": "never"}}, "b"], "joined?": ["c"]}},
        acts={"a": [("k", 1)]},
        run=run,
    )
    assert script.ran[-1] == "c"
    assert "b" not in script.ran
    assert closings(ran) == [("x", "ended"), ("y", "cancelled")]
    assert ran.state["parallel_output"] == {"results": {"x": 1}, "errors": {}, "cancelled": ["y"]}


def test_a_number_of_branches_is_enough() -> None:
    """`"mode": 2` of three."""
    _, ran = play({"parallel": {"mode": 2, "x?": ["a"], "y?": ["b"], "z?": [{"wait": {"for": "1h"}}]}})
    assert ran.state["parallel_output"]["cancelled"] == ["z"]
    assert set(ran.state["parallel_output"]["results"]) == {"x", "y"}


@pytest.mark.parametrize("mode", [0, 3, -1, "some", True])
def test_a_mode_that_no_number_of_branches_fulfils_is_a_bad_parameter(mode: Any) -> None:
    """The message names what there is."""
    _, ran = play({"parallel": {"mode": f"{{{{{json.encode(mode).decode()}}}}}", "x?": {}, "y?": {}}})
    assert ran.error.code == "INVALID_PARAMETER"


def test_a_cancelled_branch_leaves_its_loops() -> None:
    """On every way of leaving a loop the position keys get back what they held."""
    _, ran = play(
        {"parallel": {"mode": "any", "y?": [{"each...": {"items": [1, 2], "loop?": [{"signal": {"name": "s"}}]}}],
                      "x?": ["a", "b", "c"]}},
        "d",
        state={"currentItem": "mine"},
    )  # fmt: skip
    assert ran.execution.status == "completed"
    assert ran.state["currentItem"] == "mine"
    assert "currentIndex" not in ran.state


# failure of a branch


@BOTH
def test_a_branch_that_fails_fails_the_step_after_the_others_are_cancelled(run: Runner) -> None:
    """With the branch's error, which the step's `error?` can take."""
    script, ran = play(
        {
            "parallel": {
                "x?": ["a"],
                "y?": [{"signal": {"name": "never"}}],
                "error?": [{"b": {"why": "{{error.code}}"}}],
            }
        },
        "c",
        acts={"a": [raising("BROKEN")]},
        run=run,
    )
    assert script.configs[-2:] == [{"why": "BROKEN"}, {}]
    assert sorted(closings(ran)) == [("x", "failed"), ("y", "cancelled")]
    assert ran.execution.status == "completed"


def test_a_failure_that_nobody_deals_with_fails_the_execution_where_it_happened() -> None:
    """The positions of the other branches stay, for a retry: what had ended does not run again."""
    walking = walk(
        {"parallel": {"x?": ["a", "b"], "y?": ["c"], "z?": [{"signal": {"name": "go"}}, "e"]}},
        "d",
        acts={"b": [raising("BROKEN"), ("k", "mended")], "a": [("k", 1)], "c": [("k", 3)], "e": [("k", 5)]},
    )
    walking.run()
    failure = walking.execution.failure
    assert failure is not None
    assert (failure.branch, failure.address) == ("x", "/workflow/0/parallel/x?/1")
    assert [event.branch for event in walking.events if isinstance(event, NodeFailed)] == ["x"]
    walking.decide(Retry(now=walking.now))
    walking.decide(Signal(now=walking.now, name="go"))
    walking.run()
    visits = [event.step for event in walking.events if isinstance(event, NodeStarted)]
    assert [visits.count(step) for step in ("a", "b", "c", "d", "e")] == [1, 2, 1, 1, 1]
    assert walking.execution.state["parallel_output"]["results"] == {"x": "mended", "y": 3, "z": 5}


def test_the_innermost_step_that_deals_with_an_error_does() -> None:
    """An inner `parallel` without `error?` fails with it, and so its branch."""
    inner = {"inner": {"$node": "parallel", "i?": ["a"], "j?": [{"wait": {"for": "1h"}}]}}
    script, ran = play(
        {"parallel": {"x?": [inner, "b"], "y?": [{"wait": {"for": "1h"}}], "error?": ["c"]}},
        acts={"a": [raising("BROKEN")]},
    )
    assert script.order == "a c"
    assert closings(ran) == [("x/i", "failed"), ("x/j", "cancelled"), ("x", "failed"), ("y", "cancelled")]
    failed = [event.address for event in ran.events if isinstance(event, NodeFailed)]
    assert failed == ["/workflow/0/parallel/x?/0/inner/i?/0", "/workflow/0/parallel/x?/0/inner"]


def test_collect_lets_the_others_go_on() -> None:
    """`all` then means all ended; the errors are in the data of `joined`."""
    script, ran = play(
        {"parallel": {"onError": "collect", "x?": ["a", "b"], "y?": ["c"], "joined?": ["d"]}},
        acts={"a": [raising("BROKEN")], "c": [("k", 3)]},
    )
    assert sorted(script.ran[:2]) == ["a", "c"]
    assert script.ran[2:] == ["d"]
    joined = ran.state["parallel_output"]
    assert (joined["results"], joined["errors"]["x"]["code"], joined["cancelled"]) == ({"y": 3}, "BROKEN", [])


@pytest.mark.parametrize(("mode", "cancelled"), [("any", []), (2, ["z"])])
def test_a_number_that_can_no_longer_be_reached_is_branch_failed(mode: Any, cancelled: list[str]) -> None:
    """Its details are the errors by branch."""
    third: Any = [{"wait": {"for": "1h"}}] if cancelled else ["c"]
    script, ran = play(
        {"parallel": {"mode": mode, "onError": "collect", "x?": ["a"], "y?": ["b"], "z?": third, "error?": ["d"]}},
        acts={"a": [raising("A")], "b": [raising("B")], "c": [raising("C")]},
    )
    assert script.ran[-1] == "d"
    bound = ran.state["parallel_output"]
    assert (bound["code"], bound["recoverable"]) == ("BRANCH_FAILED", False)
    assert {edge: error["code"] for edge, error in bound["details"].items()} == (
        {"x": "A", "y": "B"} if cancelled else {"x": "A", "y": "B", "z": "C"}
    )
    assert [branch for branch, outcome in closings(ran) if outcome == "cancelled"] == cancelled


def test_a_retry_of_the_step_runs_its_branches_again_as_other_visits() -> None:
    """`$retry` of `parallel`: another attempt of its visit, with passes of their own."""
    walking = walk(
        {"parallel": {"$retry": {"maxAttempts": 2, "delay": 0}, "x?": ["a"], "y?": ["b"]}},
        acts={"a": [raising("BROKEN"), ("k", 1)], "b": [("k", 2), ("k", 2)]},
    )
    walking.run()
    ran = Ran(walking.execution, walking.events)
    assert ran.execution.status == "completed"
    assert passes(ran, "a") == ["1.x/1", "1~2.x/1"]
    assert len(set(passes(ran, "b"))) == len(passes(ran, "b"))


def test_limits_are_never_collected() -> None:
    """STEP_LIMIT ends the execution, whatever is around."""
    _, ran = play(
        {
            "parallel": {
                "onError": "collect",
                "x?": [{"while...": {"condition": "{{true}}", "loop?": ["a"]}}],
                "error?": ["b"],
            }
        },
        limits=Limits(steps=20),
    )
    assert (ran.execution.status, ran.error.code) == ("failed", "STEP_LIMIT")


def test_a_retry_begins_a_step_again_that_was_failed_by_a_route() -> None:
    """The branches that it had opened are gone with its visit."""
    walking = walk({"parallel": {"x?": ["a"], "y?": "$fail", "z?": [{"parallel": {"i?": ["b"]}}]}})
    walking.run()
    assert walking.status == "failed"
    walking.decide(Retry(now=walking.now))
    assert list(walking.execution.branches) == [""]
    walking.run()
    assert walking.status == "failed"


# leaving


@BOTH
def test_end_and_fail_in_a_branch_end_the_execution(run: Runner) -> None:
    """Whatever the other branches are at, and whatever is routed."""
    _, ended = play({"parallel": {"x?": [{"a": {"go?": "$end"}}], "y?": [{"wait": {"for": "1h"}}]}},
                    "b", acts={"a": ["go"]}, run=run)  # fmt: skip
    assert ended.execution.status == "completed"
    _, failed = play({"parallel": {"x?": [{"a": {"go?": "$fail"}}], "error?": ["h"]}}, acts={"a": ["go"]}, run=run)
    assert (failed.execution.status, failed.error.code) == ("failed", "FAILED")


def test_end_in_a_branch_leaves_the_loops_of_all_branches() -> None:
    """The position keys of the loop around, and of one in the other branch, are what they were."""
    _, ran = play(
        {"range...": {"stop": 5, "loop?": [{"parallel": {
            "y?": [{"each...": {"items": [1], "loop?": [{"signal": {"name": "s"}}]}}],
            "x?": ["b", "c", {"a": {"go?": "$end"}}]}}]}},
        acts={"a": ["go"]},
        state={"rangeValue": "mine"},
    )  # fmt: skip
    assert ran.execution.status == "completed"
    assert ran.state["rangeValue"] == "mine"
    assert not {"rangeIndex", "currentItem", "currentIndex"} & set(ran.state)


def test_null_ends_the_branch() -> None:
    """At its outermost level; deeper it ends the block."""
    script, _ = play({"parallel": {"x?": [{"a": {"k?": None}}, "b"], "y?": [{"c": {"k?": [{"d": {"k?": None}}, "e"]}}, "f"]}},
                     acts={"a": ["k"], "c": ["k"], "d": ["k"]})  # fmt: skip
    assert sorted(script.ran) == ["a", "c", "d", "f"]


def test_a_jump_within_a_branch_is_a_jump() -> None:
    """Also back, with an entry of its own."""
    script, ran = play({"parallel": {"x?": ["a", {"b": {"again?": "a"}}, "c"]}}, acts={"b": ["again"]})
    assert script.order == "a b a b c"
    assert passes(ran, "a") == ["1.x/1", "1.x/2"]


@pytest.mark.parametrize(
    ("steps", "places"),
    [
        ([{"parallel": {"x?": [{"a": {"k?": "out"}}]}}, {"out": {"$node": "b"}}], ["/workflow/0/parallel/x?/0/a/k?"]),
        ([{"parallel": {"x?": "out"}}, {"out": {"$node": "b"}}], ["/workflow/0/parallel/x?"]),
        ([{"range...": {"stop": 2, "loop?": [{"parallel": {"x?": [{"a": {"k?": "$break"}}]}}]}}],
         ["/workflow/0/range.../loop?/0/parallel/x?/0/a/k?"]),
        ([{"range...": {"stop": 2, "loop?": [{"parallel": {"x?": "$continue"}}]}}],
         ["/workflow/0/range.../loop?/0/parallel/x?"]),
        ([{"each...": {"items": [1], "$concurrency": 2, "loop?": [{"a": {"k?": "$break", "l?": "$continue"}}]}}],
         ["/workflow/0/each.../loop?/0/a/k?", "/workflow/0/each.../loop?/0/a/l?"]),
        ([{"each...": {"items": [1], "$concurrency": 2, "loop?": [{"a": {"k?": "out"}}]}}, {"out": {"$node": "b"}}],
         ["/workflow/0/each.../loop?/0/a/k?"]),
        ([{"each...": {"items": [1], "$concurrency": 2, "loop?": "$break"}}], ["/workflow/0/each.../loop?"]),
    ],
)  # fmt: skip
def test_what_would_leave_a_branch_is_refused(steps: list[Any], places: list[str]) -> None:
    """LEAVES_BRANCH, at the route."""
    assert errors_of(*steps) == [("LEAVES_BRANCH", place) for place in places]


def test_a_name_outside_the_branch_that_is_also_a_node_runs_the_node() -> None:
    """It is no jump, because it could not be one."""
    script, _ = play({"parallel": {"x?": [{"a": {"k?": "h"}}]}}, {"h": {"$node": "b"}}, acts={"a": ["k"]})
    assert script.order == "a h h"


def test_a_loop_in_a_branch_can_be_broken_in_the_branch() -> None:
    """`$break` and `$continue` mean the loop that is inside."""
    script, ran = play(
        {
            "parallel": {
                "x?": [{"range...": {"stop": 5, "loop?": [{"a": {"out?": "$break", "on?": "$continue"}}, "b"]}}]
            }
        },
        acts={"a": ["on", None, "out"]},
    )
    assert script.order == "a a b a"
    assert ran.execution.status == "completed"


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ({"a": {"$concurrency": 2}}, "/workflow/0/a/$concurrency"),
        ({"range...": {"stop": 2, "$concurrency": 2, "loop?": {}}}, "/workflow/0/range.../$concurrency"),
        ({"each...": {"items": [], "$concurrency": 0, "loop?": {}}}, "/workflow/0/each.../$concurrency"),
        ({"each...": {"items": [], "$concurrency": "2", "loop?": {}}}, "/workflow/0/each.../$concurrency"),
        ({"a": {"$locks": "$.x"}}, "/workflow/0/a/$locks"),
        ({"a": {"$locks": ["$.x + 1"]}}, "/workflow/0/a/$locks/0"),
        ({"parallel...": {"x?": {}}}, "/workflow/0/parallel..."),
    ],
)
def test_options_of_branches_are_checked(step: Any, place: str) -> None:
    """Each at its place."""
    assert errors_of(step) == [("INVALID_OPTION", place)]


# each... with $concurrency


@BOTH
def test_every_item_has_a_pass_and_at_most_so_many_run_together(run: Runner) -> None:
    """`loop.item` and `loop.index` are the pass's own; there are no position keys; `done` counts."""
    script, ran = play(
        {"each...": {"items": ["p", "q", "r", "s", "t"], "$concurrency": 2,
                     "loop?": [{"a": {"item": "{{loop.item}}", "at": "{{loop.index}}", "of": "{{input.total}}"}}, "b"],
                     "done?": [{"c": {"n": "{{input.count}}"}}]}},
        "d",
        state={"currentItem": "mine"},
        run=run,
    )  # fmt: skip
    given = [config for name, config in zip(script.ran, script.configs, strict=True) if name == "a"]
    assert [(config["item"], config["at"], config["of"]) for config in sorted(given, key=lambda each: each["at"])] == [
        (item, index, 5) for index, item in enumerate("pqrst")
    ]
    assert script.ran[-2:] == ["c", "d"]
    assert script.configs[-2] == {"n": 5}
    assert ran.state["currentItem"] == "mine"
    assert sorted(passes(ran, "b")) == [f"1.{index}/1" for index in range(5)]
    assert most_open(ran) == 2


def most_open(ran: Ran) -> int:
    """How many branches were open at most, at once."""
    now, most = 0, 0
    for event in ran.events:
        if isinstance(event, BranchesOpened):
            now += len(event.branches)
        if isinstance(event, BranchClosed):
            now -= 1
        most = max(most, now)
    return most


def test_the_passes_of_a_concurrent_loop_align_with_those_of_a_plain_one() -> None:
    """The same addresses and passes, whatever `$concurrency` is."""
    loop = {"items": [1, 2, 3], "loop?": ["a", {"range...": {"stop": 2, "loop?": ["b"]}}]}
    (_, plain), (_, together) = (play({"each...": {**loop, "$concurrency": n}}) for n in (1, 3))
    assert sorted(passes(plain, "b")) == sorted(passes(together, "b"))
    assert sorted(passes(plain, "a")) == sorted(passes(together, "a"))


def test_an_empty_list_and_an_empty_body() -> None:
    """No pass, or passes in which nothing runs."""
    script, ran = play(
        {"each...": {"items": [], "$concurrency": 3, "loop?": ["a"], "done?": ["b"]}},
        {"more...": {"$node": "each", "items": [1, 2, 3], "$concurrency": 2, "loop?": {}, "complete?": ["c"]}},
    )
    assert script.order == "b c"
    assert ran.execution.status == "completed"


def test_a_pass_that_fails_fails_the_step() -> None:
    """The other passes are cancelled, none begins any more; `error?` of the loop takes it."""
    script, ran = play(
        {"each...": {"items": [1, 2, 3, 4], "$concurrency": 2, "loop?": ["a", "b"], "error?": ["c"]}},
        acts={"a": [None, raising("BROKEN")]},
    )
    assert script.ran[-1] == "c"
    assert ran.execution.status == "completed"
    assert sorted(closings(ran)) == [("0", "cancelled"), ("1", "failed")]


def test_a_failed_concurrent_loop_goes_on_with_the_passes_that_are_left() -> None:
    """After a retry: what had ended before the failure is not run again."""
    walking = walk(
        {"each...": {"items": [1, 2, 3, 4], "$concurrency": 2, "loop?": [{"a": {"item": "{{loop.item}}"}}]}},
        acts={"a": [None, None, raising("BROKEN")]},
    )
    walking.run()
    assert walking.status == "failed"
    walking.decide(Retry(now=walking.now))
    walking.run()
    assert walking.execution.status == "completed"
    began = [one.pass_.partition("/")[0] for one in walking.events if isinstance(one, NodeStarted) and one.step == "a"]
    assert sorted(began) == ["1.0", "1.1", "1.1", "1.2", "1.3"]


def test_too_many_open_branches_are_an_error() -> None:
    """BRANCH_LIMIT, a limit with a name."""
    _, ran = play({"parallel": {"x?": ["a"], "y?": ["b"], "z?": ["c"]}}, limits=Limits(branches=2))
    assert (ran.error.code, ran.error.details) == ("BRANCH_LIMIT", {"limit": 2})


def test_a_large_list_is_counted_once() -> None:
    """The frames of the passes share it; the limit on the state does not count it for each."""
    items = ["x" * 100] * 100
    _, ran = play({"each...": {"items": items, "$concurrency": 50, "loop?": ["a"]}}, limits=Limits(state_bytes=40_000))
    assert ran.execution.status == "completed"


# Parking inside branches


def test_an_execution_is_suspended_when_every_branch_is_parked() -> None:
    """And not before; a signal wakes the branch that waits for it."""
    walking = walk(
        {"parallel": {"x?": [{"signal": {"name": "s"}}, "a"], "y?": ["b", {"wait": {"for": "1h"}}, "c"]}}, "d"
    )
    walking.run()
    assert walking.status == "suspended"
    walking.decide(Signal(now=walking.now, name="s"))
    assert walking.status == "running"
    walking.run()
    assert walking.status == "suspended"
    walking.decide(FireDue(now=walking.execution.due or 0))
    walking.run()
    assert walking.status == "completed"


def test_a_timeout_ends_a_slow_branch() -> None:
    """`any` of some work and a `wait` is a time limit for it."""
    walking = walk(
        {
            "parallel": {
                "mode": "any",
                "x?": [{"signal": {"name": "s"}}],
                "late?": [{"wait": {"for": "1s"}}],
                "joined?": ["a"],
            }
        }
    )
    walking.run()
    walking.decide(FireDue(now=walking.execution.due or 0))
    walking.run()
    assert walking.execution.status == "completed"
    assert walking.execution.state["parallel_output"]["cancelled"] == ["x"]


def test_timers_of_branches_that_are_due_together_fire_in_order() -> None:
    """The one that wins by being due first cancels the other, though both are due when the engine comes to it."""
    walking = walk({"parallel": {"mode": "any", "x?": [{"wait": {"for": "2s"}}], "y?": [{"wait": {"for": "1s"}}]}})
    walking.run()
    walking.decide(FireDue(now=NOON + 60_000_000))
    assert walking.execution.state["parallel_output"]["cancelled"] == ["x"]


def test_a_crash_in_the_middle_of_five_branches() -> None:
    """Each goes on where it was: only visits in flight are tried again, those that are parked stay so."""
    branches = {f"{name}?": [name, {f"{name}2": {"$node": "h"}}] for name in "abcd"}
    walking = walk({"parallel": {**branches, "e?": [{"signal": {"name": "s"}}]}})
    walking.visit()
    for name in "ab":
        walking.decide(Begin(now=walking.now, branch=name))
    events = walking.decide(Recover(now=walking.now, worker="w"))
    assert [getattr(event, "branch", None) for event in events] == ["a", "b"]
    walking.run()
    walking.decide(Signal(now=walking.now, name="s"))
    attempts = {event.step: event.attempt for event in walking.events if isinstance(event, NodeStarted)}
    assert {step: attempts[step] for step in "abcd"} == {"a": 2, "b": 2, "c": 1, "d": 1}
    assert walking.execution.status == "completed"


# $locks


def locked(*path: str) -> dict[str, Any]:
    """A step's configuration that locks these paths."""
    return {"$locks": list(path)}


def test_steps_that_name_the_same_path_wait_for_each_other() -> None:
    """The second parks, and goes on when the first has ended; its parameters are resolved only then."""
    walking = walk(
        {"parallel": {"x?": [{"a": locked("$.stock")}], "y?": [{"b": {**locked("$.stock"), "n": "{{$.stock}}"}}]}},
        state={"stock": 5},
        acts={"a": [lambda context, config: context.state.__setitem__("stock", 4)]},
    )
    walking.visit()
    walking.decide(Begin(now=walking.now, branch="x"))
    walking.decide(Begin(now=walking.now, branch="y"))
    (wait,) = [wait for _, _, wait in walking.execution.waits() if wait.kind == "lock"]
    assert wait.about == {"locks": ["$.stock"]}
    walking.finish("x")
    resumed = [event for event in walking.events if isinstance(event, Resumed)]
    assert [(event.cause, event.branch) for event in resumed] == [("lock", "y")]
    walking.run()
    assert walking.script.configs[-1] == {"n": 4}
    assert [event.attempt for event in walking.events if isinstance(event, NodeStarted) and event.step == "b"] == [1]


@pytest.mark.parametrize(
    ("left", "right", "waits"),
    [
        ("$.a", "$.a", True),
        ("$.a", "$.a.b", True),
        ("$.a[0]", "$.a", True),
        ("$.a.b", "$.a.c", False),
        ("$", "$.x", True),
    ],
)
def test_a_path_is_taken_with_all_that_is_in_it(left: str, right: str, waits: bool) -> None:
    """One that is inside the other, or the same."""
    walking = walk({"parallel": {"x?": [{"a": locked(left)}], "y?": [{"b": locked(right)}]}})
    walking.visit()
    for name in "xy":
        walking.decide(Begin(now=walking.now, branch=name))
    assert any(wait.kind == "lock" for _, _, wait in walking.execution.waits()) == waits


def test_a_lock_that_is_not_free_in_time_is_an_error() -> None:
    """LOCK_TIMEOUT, recoverable, after the step's `$timeout`."""
    walking = walk(
        {"parallel": {"x?": [{"signal": {"name": "s", "$locks": ["$.n"]}}],
                      "y?": [{"b": {"$locks": ["$.n"], "$timeout": "1s", "error?": [{"c": {"why": "{{error.code}}"}}]}}]}}
    )  # fmt: skip
    walking.run()
    assert walking.execution.status == "suspended"
    walking.decide(FireDue(now=walking.execution.due or 0))
    walking.run()
    assert walking.script.configs[-1] == {"why": "LOCK_TIMEOUT"}
    error = next(event for event in walking.events if isinstance(event, EdgeTaken) and event.edge == "error")
    assert walking.execution.state["b_output"]["recoverable"] is True, error


def test_locks_are_given_to_who_waits_longest() -> None:
    """A later one that would fit does not overtake one that waits for more."""
    walking = walk(
        {"parallel": {"x?": [{"a": locked("$.p")}], "y?": [{"b": locked("$.p", "$.q")}], "z?": [{"c": locked("$.q")}]}}
    )
    walking.visit()
    for name in "xyz":
        walking.now += 1
        walking.decide(Begin(now=walking.now, branch=name))
    assert [name for name, _, wait in walking.execution.waits() if wait.kind == "lock"] == ["y", "z"]
    walking.finish("x")
    assert [name for name, _, wait in walking.execution.waits() if wait.kind == "lock"] == ["z"]
    walking.finish("y")
    assert not [wait for _, _, wait in walking.execution.waits() if wait.kind == "lock"]
    walking.run()
    assert walking.execution.status == "completed"


def test_a_step_in_a_branch_does_not_wait_for_the_step_around_it() -> None:
    """What that holds, it holds for its branches; it takes their locks too, so nobody waits in a circle."""
    crossed = {
        "x?": [{"one": {"$node": "parallel", "$locks": ["$.p"], "i?": ["a", {"b": locked("$.q")}]}}],
        "y?": [{"two": {"$node": "parallel", "$locks": ["$.q"], "i?": ["c", {"d": locked("$.p")}]}}],
    }
    walking = walk({"parallel": crossed})
    walking.run()
    assert walking.execution.status == "completed"
    waited = [event for event in walking.events if isinstance(event, Suspended) and event.wait.kind == "lock"]
    assert len(waited) == 1


def test_a_retry_that_is_due_later_holds_no_lock() -> None:
    """The visit takes it again for its next attempt."""
    walking = walk(
        {
            "parallel": {
                "x?": [{"a": {**locked("$.n"), "$retry": {"maxAttempts": 2, "delay": "1h"}}}],
                "y?": [{"b": locked("$.n")}],
            }
        },
        acts={"a": [raising("BUSY")]},
    )
    walking.visit()
    walking.visit_branch("x")
    walking.visit_branch("y")
    assert [event.step for event in walking.events if isinstance(event, NodeStarted)] == ["parallel", "a", "b"]
    assert not [wait for _, _, wait in walking.execution.waits() if wait.kind == "lock"]


# The whole, by a real engine


def test_a_wide_and_deep_workflow_ends_the_same_either_way() -> None:
    """The order in which branches run may differ; where each ends, and what it leaves, does not."""
    body = {"range...": {"stop": 3, "as": "{{'x' ~ loop.index}}", "indexAs": "{{'i' ~ loop.index}}", "loop?": ["a"]}}
    branches = {"parallel": {"x?": [body], "y?": [{"b": locked("$.sum")}]}}
    steps = [{"each...": {"items": list(range(12)), "$concurrency": 4, "loop?": [branches]}}, {"$.end": True}]

    def count(context: Any, config: dict[str, Any]) -> Any:
        context.state["sum"] = context.state.get("sum", 0) + 1
        return Edge("k")

    ended = [play(*steps, acts={"b": [count] * 12}, run=run)[1] for run in (walked, engined)]
    assert [ran.state["sum"] for ran in ended] == [12, 12]
    assert len({str(sorted(passes(ran, "a"))) for ran in ended}) == 1
    assert all(ran.execution.status == "completed" for ran in ended)
