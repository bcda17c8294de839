"""The rules of LANGUAGE 2, 4, 5 and 6, each in a test that names it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import ErrorInfo, StepFailure
from domain.events import EdgeTaken, Failed, NodeFailed, NodeStarted
from domain.limits import Limits
from domain.node import Edge
from tests.support.workflows import RUNNERS, Act, Ran, Script, engined, nodes_of, scripted, walked, workflow

WHOLE_ERROR = {
    "type": "state",
    "code": "OUT_OF_STOCK",
    "message": "None left.",
    "recoverable": True,
    "severity": "error",
    "details": {"sku": 7},
}


def play(
    *steps: Any,
    acts: dict[str, list[Act]] | None = None,
    state: dict[str, Any] | None = None,
    limits: Limits | None = None,
    **settings: Any,
) -> tuple[Script, Ran]:
    """Run the steps by decide and evolve alone."""
    script = Script(acts)
    return script, walked(workflow(*steps, state=state, **settings), nodes_of(script), limits=limits)


def seen(script: Script, step: str) -> list[dict[str, Any]]:
    """The resolved parameters of each visit of a step."""
    return [config for name, config in zip(script.ran, script.configs, strict=True) if name == step]


# Section 2: steps


def test_several_keys_are_several_steps_in_document_order() -> None:
    """One object of two keys is two steps."""
    script, _ = play({"a": {}, "b": {}}, "c")
    assert script.order == "a b c"


def test_node_option_names_the_type_and_the_key_only_the_step() -> None:
    """Routes, outputs and events use the step's name."""
    script, ran = play({"charge": {"$node": "a", "x?": "ship"}}, "b", {"ship": {"$node": "c"}},
                       acts={"charge": [("x", 5)]})  # fmt: skip
    assert script.order == "charge ship"
    assert ran.state == {"charge_output": 5}
    started = [(event.step, event.node) for event in ran.events if isinstance(event, NodeStarted)]
    assert started == [("charge", "a"), ("ship", "c")]


@pytest.mark.parametrize(
    ("state", "key", "value", "after"),
    [
        ({}, "$.a", 1, {"a": 1}),
        ({"a": 1}, "$.a", None, {"a": None}),
        ({}, "$.a.b.c", 1, {"a": {"b": {"c": 1}}}),
        ({"a": None}, "$.a.b", 1, {"a": {"b": 1}}),
        ({}, "$.a[0]", 1, {"a": [1]}),
        ({}, "$.a[0].b", 1, {"a": [{"b": 1}]}),
        ({"a": [1]}, "$.a[1]", 2, {"a": [1, 2]}),
        ({"a": [1, 2]}, "$.a[0]", 3, {"a": [3, 2]}),
        ({"a": None}, "$.a[0]", 1, {"a": [1]}),
        ({}, "$['a key']['b/c~d']", 1, {"a key": {"b/c~d": 1}}),
        ({"p": 2, "q": 3}, "$.total", "$.p * $.q", {"p": 2, "q": 3, "total": 6}),
        ({"p": {"x": 1}}, "$.copy", {"of": "$.p", "list": ["$.p.x"]}, {"p": {"x": 1}, "copy": {"of": {"x": 1}, "list": [1]}}),
        ({"a": {"b": 1}}, "$.a.b", 1, {"a": {"b": 1}}),
    ],
    ids=["new", "null", "missing parents", "null parent", "missing list", "object in a list", "append", "element",
         "null before an index", "any keys", "computes", "any JSON", "the same value"],
)  # fmt: skip
def test_a_setter_stores_its_value_at_its_path(state: dict[str, Any], key: str, value: Any, after: Any) -> None:
    """Parents that are missing or null are made."""
    _, ran = play({key: value}, state=state)
    assert (ran.execution.status, ran.state) == ("completed", after)


@pytest.mark.parametrize(
    ("state", "key"),
    [
        ({"a": [1]}, "$.a[2]"),
        ({}, "$.a[1]"),
        ({"a": 5}, "$.a.b"),
        ({"a": "text"}, "$.a[0]"),
        ({"a": True}, "$.a.b"),
        ({"a": {}}, "$.a[0]"),
        ({"a": []}, "$.a.b"),
    ],
    ids=["past the end", "missing list from 1", "through a number", "through a text", "through a boolean",
         "index on an object", "key on a list"],
)  # fmt: skip
def test_a_setter_through_what_has_no_such_place_is_a_state_error(state: dict[str, Any], key: str) -> None:
    """It writes nothing, and the execution fails with what it had."""
    _, ran = play({key: 1}, "b", state=state)
    assert (ran.execution.status, ran.error.type, ran.error.code) == ("failed", "state", "STATE_PATH")
    assert ran.state == state


def test_initial_state_is_taken_literally() -> None:
    """Nothing in it is resolved."""
    script, _ = play({"a": {"seen": "$.text"}}, state={"text": "$.other {{1 + 1}}"})
    assert script.configs == [{"seen": "$.other {{1 + 1}}"}]


def test_question_marks_deep_inside_a_parameter_are_plain_data() -> None:
    """Only the keys of the configuration itself are edges."""
    script, _ = play({"a": {"form": {"ready?": True}}})
    assert script.configs == [{"form": {"ready?": True}}]


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ({"a": {}}, {"a_output": {"n": 1}}),
        ({"a-b": {"$node": "a"}}, {"a_b_output": {"n": 1}}),
        ({"a": {"$output": "kept"}}, {"kept": {"n": 1}}),
        ({"a": {"$output": False}}, {}),
    ],
    ids=["default", "hyphens become underscores", "renamed", "left alone"],
)
def test_output_option_says_where_edge_data_is_kept(step: dict[str, Any], after: dict[str, Any]) -> None:
    """`output.<step>` has it in every case."""
    name = next(iter(step))
    script, ran = play(step, {"b": {"data": f"{{{{output['{name}'].n}}}}"}}, acts={name: [("x", {"n": 1})]})
    assert ran.state == after
    assert seen(script, "b") == [{"data": 1}]


def test_an_edge_without_data_keeps_no_output() -> None:
    """The output of the visit before stays."""
    _, ran = play("a", {"$.again": 1}, {"second": {"$node": "a"}}, acts={"a": [("x", 1)], "second": ["x"]})
    assert ran.state == {"a_output": 1, "again": 1}
    assert ran.execution.outputs == {"a": 1}


def test_steps_of_one_name_share_their_output() -> None:
    """The last one counts."""
    script, ran = play("a", "a", {"b": {"was": "{{output.a}}"}}, acts={"a": [("x", 1), ("x", 2)]})
    assert seen(script, "b") == [{"was": 2}]
    assert ran.state == {"a_output": 2}


# Section 3: the roots


@pytest.mark.parametrize(
    ("steps", "acts", "inputs"),
    [
        ([{"b": {"in": "{{input}}"}}], {}, [None]),
        (["a", {"b": {"in": "{{input}}"}}], {"a": [("x", 1)]}, [1]),
        (["a", "c", {"b": {"in": "{{input}}"}}], {"a": [("x", 1)], "c": ["x"]}, [None]),
        (["a", "c", {"b": {"in": "{{input}}"}}], {"a": [("x", 1)], "c": [None]}, [None]),
        (["a", {"$.n": 1}, {"log": {}}, {"b": {"in": "{{input}}"}}], {"a": [("x", 1)]}, [1]),
        ([{"a": {"x?": [{"b": {"in": "{{input}}"}}]}}], {"a": [("x", 1)]}, [1]),
        (["a", {"log": {"message": "hi", "success?": [{"b": {"in": "{{input.message}}"}}]}}], {"a": [("x", 1)]}, ["hi"]),
        ([{"a": {"x?": "b"}}, "c", {"b": {"in": "{{input}}"}}], {"a": [("x", 1)]}, [1]),
        ([{"range...": {"stop": 2, "loop?": [{"b": {"in": "{{input.value}}"}}, "c"]}}], {"c": [("x", 9)] * 2}, [0, 1]),
        ([{"a": {"x?": {"c": {}}}}, {"b": {"in": "{{input}}"}}], {"a": [("x", 1)], "c": [("y", 2)]}, [2]),
        ([{"a": {"x?": {}}}, {"b": {"in": "{{input}}"}}], {"a": [("x", 1)]}, [1]),
    ],
    ids=["before any has run", "the node before", "after an edge without data", "after no edge", "setters and log",
         "first of a route", "first of log's route", "the target of a jump", "first of a body", "in whatever block",
         "an empty block"],
)  # fmt: skip
def test_input_is_the_data_of_the_node_that_ran_last(steps: list[Any], acts: dict[str, list[Act]], inputs: Any) -> None:
    """The first step of a route gets the data of the edge that led there."""
    script, _ = play(*steps, acts=acts)
    assert [config["in"] for config in seen(script, "b")] == inputs


def test_output_of_a_step_that_has_not_run_is_an_undefined_reference() -> None:
    """Never a silent null."""
    _, ran = play({"a": {"x": "{{output.b}}"}}, "b")
    assert ran.error.code == "UNDEFINED_REFERENCE"


def test_loop_root_is_the_innermost_body_and_outside_any_undefined() -> None:
    """In a loop step's own parameters and exits it is the enclosing loop's."""
    look = {"index": "{{loop.index}}", "item": "{{loop.item}}"}
    inner = {"c...": {"$node": "each", "items": ["{{loop.index}}"], "loop?": [{"a": look}], "done?": [{"b": look}]}}
    script, _ = play({"each...": {"items": ["x", "y"], "loop?": [inner]}})
    assert seen(script, "a") == [{"index": 0, "item": 0}, {"index": 0, "item": 1}]
    assert seen(script, "b") == [{"index": 0, "item": "x"}, {"index": 1, "item": "y"}]
    _, ran = play({"a": look})
    assert ran.error.code == "UNDEFINED_REFERENCE"


def test_execution_root_names_id_workflow_and_version() -> None:
    """What it runs as."""
    script, _ = play({"a": {"x": "{{execution.id}} {{execution.workflow}} {{execution.version}}"}})
    assert script.configs == [{"x": "walked tested 1.0.0"}]


def test_an_undefined_reference_is_an_error_that_a_route_can_take() -> None:
    """Parameters that can't be resolved fail the visit, not the engine."""
    script, ran = play({"a": {"x": "$.nothing", "error?": [{"b": {"code": "{{error.code}}"}}]}}, "c")
    assert script.order == "b c"
    assert (seen(script, "b"), ran.execution.status) == ([{"code": "UNDEFINED_REFERENCE"}], "completed")


# Section 4: routes


@pytest.mark.parametrize("empty", [{}, []], ids=["object", "array"])
def test_an_empty_block_runs_nothing_and_goes_on(empty: Any) -> None:
    """Of an `error` route it takes the error away."""
    script, ran = play({"a": {"x?": empty, "error?": empty}}, {"b": {"x?": empty}}, "c", acts={"a": [ValueError("no")]})
    assert (script.order, ran.execution.status) == ("a b c", "completed")


def test_an_empty_body_goes_round() -> None:
    """Nothing runs, as often as the loop says."""
    script, ran = play({"a...": {"go?": {}, "done?": []}}, "b", acts={"a": ["go", "go", "done"]})
    assert (script.order, ran.execution.branches[""].frames) == ("a a a b", ())


@pytest.mark.parametrize(
    ("steps", "acts", "order"),
    [
        ([{"a": {"x?": [{"b": {"y?": "d"}}, "c", "d"]}}, "d"], {"a": ["x"], "b": ["y"]}, "a b d d"),
        (
            [{"a": {"x?": [{"b": {"y?": "c"}}]}}, "d", {"c": {"z?": "d"}}],
            {"a": ["x"], "b": ["y"], "c": [None]},
            "a b c",
        ),
        (["a", {"b": {"back?": "a"}}, "c"], {"b": ["back", "on"]}, "a b a b c"),
        ([{"a": {"again?": "a"}}, "b"], {"a": ["again", "again"]}, "a a a b"),
        ([{"a": {"x?": "b"}}, "c", {"b": {}}], {"a": ["x"]}, "a b"),
    ],
    ids=["the inside first", "an outer block", "backward", "to itself", "JUMP_NOT_RUN: a step before a node"],
)
def test_a_named_route_jumps_to_the_first_block_from_the_inside_that_has_it(
    steps: list[Any], acts: dict[str, list[Act]], order: str
) -> None:
    """And goes on from there."""
    script, _ = play(*steps, acts=acts)
    assert script.order == order


def test_a_string_in_a_list_runs_the_node_even_if_a_step_has_that_name() -> None:
    """`["b"]` is a block with a step of its own."""
    script, _ = play({"a": {"x?": ["b"]}}, "c", "b", acts={"a": ["x"]})
    assert script.order == "a b c b"


@pytest.mark.parametrize(
    ("steps", "acts", "order", "status"),
    [
        (["a", {"b": {"x?": None}}, "c"], {"b": ["x"]}, "a b", "completed"),
        ([{"a": {"x?": [{"b": {"y?": None}}, "c"]}}, "d"], {"a": ["x"], "b": ["y"]}, "a b d", "completed"),
        ([{"a...": {"go?": [{"b": {"y?": None}}, "c"]}}, "d"], {"a": ["go"], "b": ["y"]}, "a b d", "completed"),
        ([{"a...": {"go?": None}}, "d"], {"a": ["go"]}, "a d", "completed"),
        ([{"a...": {"go?": ["b"], "error?": None}}, "d"], {"a": ["go", "error"]}, "a b a d", "completed"),
        ([{"a": {"loop?": ["b"], "x?": None}}, "d"], {"a": ["loop", "x"]}, "a b a d", "completed"),
        ([{"a": {"error?": None}}, "d"], {"a": [ValueError("no")]}, "a", "completed"),
        ([{"a...": {"go?": [{"b...": {"on?": [{"c": {"z?": None}}]}}, "d"]}}, "e"],
         {"a": ["go"], "b": ["on"], "c": ["z"]}, "a b c d a e", "completed"),
        ([{"a...": {"go?": ["b"], "done?": [{"c": {"z?": None}}, "d"]}}, "e"],
         {"a": ["go", "done"], "c": ["z"]}, "a b a c e", "completed"),
    ],
    ids=["top level", "a block", "a body", "a loop's own edge", "a loop's own error", "the original loop's edge",
         "an error at the top", "the inner of two loops", "an exit's block"],
)  # fmt: skip
def test_null_ends_the_block_that_the_step_stands_in(
    steps: list[Any], acts: dict[str, list[Act]], order: str, status: str
) -> None:
    """On a loop step's own edge it leaves that loop."""
    script, ran = play(*steps, acts=acts)
    assert (script.order, ran.execution.status, ran.execution.branches[""].frames) == (order, status, ())


@pytest.mark.parametrize(
    ("steps", "acts", "order", "status"),
    [
        ([{"a": {"x?": [{"b": {"y?": "$end"}}]}}, "c"], {"a": ["x"], "b": ["y"]}, "a b", "completed"),
        ([{"range...": {"stop": 2, "loop?": [{"b": {"y?": "$end"}}]}}, "c"], {"b": ["y"]}, "b", "completed"),
        ([{"a": {"x?": "$fail"}}, "c"], {"a": ["x"]}, "a", "failed"),
        ([{"range...": {"stop": 3, "loop?": [{"b": {"y?": "$break"}}, "c"], "done?": ["d"]}}, "e"],
         {"b": [None, "y"]}, "b c b e", "completed"),
        ([{"range...": {"stop": 3, "loop?": [{"b": {"y?": "$continue"}}, "c"], "done?": ["d"]}}, "e"],
         {"b": [None, "y"]}, "b c b b c d e", "completed"),
        ([{"a...": {"go?": ["b"], "skip?": "$continue", "stop?": "$break", "done?": ["d"]}}, "e"],
         {"a": ["skip", "go", "stop"]}, "a a b a e", "completed"),
        ([{"a": {"loop?": ["b"], "skip?": "$continue", "stop?": "$break"}}, "e"],
         {"a": ["skip", "loop", "stop"]}, "a a b a e", "completed"),
        ([{"range...": {"stop": 2, "loop?": [{"b": {"x?": [{"c": {"y?": "$break"}}]}}, "d"]}}, "e"],
         {"b": ["x"], "c": ["y"]}, "b c e", "completed"),
    ],
    ids=["$end", "$end in a loop", "$fail", "$break", "$continue", "own edges of a loop", "own edges, original form",
         "$break from a block in the body"],
)  # fmt: skip
def test_directives(steps: list[Any], acts: dict[str, list[Act]], order: str, status: str) -> None:
    """`$break` does not run `done?`; `$continue` is the next pass of the same frame."""
    script, ran = play(*steps, acts=acts)
    assert (script.order, ran.execution.status) == (order, status)


def test_continue_keeps_the_frame_and_moves_its_index() -> None:
    """The passes of a loop that is continued are counted like any other."""
    script, _ = play({"range...": {"stop": 3, "loop?": [{"b": {"i": "{{loop.index}}", "y?": "$continue"}}, "c"]}},
                     acts={"b": ["y", None, "y"]})  # fmt: skip
    assert [config["i"] for config in seen(script, "b")] == [0, 1, 2]
    assert script.order == "b b c b"


def test_fail_without_an_error_names_step_and_edge() -> None:
    """`FAILED`, not recoverable."""
    _, ran = play({"a": {"x?": "$fail"}}, acts={"a": ["x"]})
    assert (ran.error.code, ran.error.recoverable) == ("FAILED", False)
    assert "a" in ran.error.message and "x" in ran.error.message


@pytest.mark.parametrize(
    "steps",
    [
        [{"a": {"error?": "$fail"}}],
        [{"a": {"error?": [{"b": {"x?": "$fail"}}]}}],
        [{"a": {"error?": "handler"}}, "c", {"handler": {"x?": "$fail"}}],
        [{"a": {"error?": [{"c": {"y?": [{"b": {"x?": "$fail"}}]}}]}}],
        [{"a": {"error?": [{"range...": {"stop": 1, "loop?": [{"b": {"x?": "$fail"}}]}}]}}],
    ],
    ids=["at once", "in the route's block", "after a jump", "deeper in the block", "in a loop in the block"],
)
def test_fail_uses_the_error_that_is_bound(steps: list[Any]) -> None:
    """An error route that ends in `$fail` fails with the error that led there."""
    raised = StepFailure(ErrorInfo(type="state", code="ORIGINAL", message="it began here", details={"n": 1}))
    _, ran = play(*steps, acts={"a": [raised], "b": ["x"], "handler": ["x"], "c": ["y"]})
    assert (ran.execution.status, ran.error) == ("failed", raised.error)


# Section 5: errors


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (WHOLE_ERROR, ErrorInfo(type="state", code="OUT_OF_STOCK", message="None left.", recoverable=True, details={"sku": 7})),
        ({"code": "C", "message": "m"}, ErrorInfo(code="C", message="m")),
        ({"code": "C", "message": "m", "type": "odd", "recoverable": "yes"}, ErrorInfo(code="C", message="m")),
        ("no such order", ErrorInfo(code="NODE_ERROR", message="no such order")),
        (None, ErrorInfo(code="NODE_ERROR", message="a took error")),
        ("", ErrorInfo(code="NODE_ERROR", message="a took error")),
        ({"code": "C"}, ErrorInfo(code="NODE_ERROR", message="a took error", details={"code": "C"})),
        ({"code": 5, "message": "m"}, ErrorInfo(code="NODE_ERROR", message="a took error", details={"code": 5, "message": "m"})),
        ([1], ErrorInfo(code="NODE_ERROR", message="a took error", details=[1])),
    ],
    ids=["an error object", "its defaults", "fields of no known value", "a text", "nothing", "an empty text",
         "no message", "a code that is no text", "anything else"],
)  # fmt: skip
@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_the_shape_of_a_returned_error(data: Any, error: ErrorInfo, run: Any) -> None:
    """Unrouted it fails the execution with that error; routed, `error` is bound to it."""
    script = Script({"a": [("error", data)]})
    ran = run(workflow("a", "b"), nodes_of(script))
    assert (ran.execution.status, ran.error, script.order) == ("failed", error, "a")
    script = Script({"a": [("error", data)]})
    ran = run(workflow({"a": {"error?": [{"b": {"error": "{{error}}"}}]}}), nodes_of(script))
    assert seen(script, "b") == [{"error": error.as_json()}]


@pytest.mark.parametrize(
    ("raised", "message", "kind"),
    [
        (ValueError("bad value"), "bad value", "ValueError"),
        (KeyError("k"), "'k'", "KeyError"),
        (ZeroDivisionError(), "ZeroDivisionError", "ZeroDivisionError"),
        (StopIteration("over"), "over", "StopIteration"),
        (SystemExit(3), "the node called sys.exit(3)", "SystemExit"),
        (TimeoutError("theirs"), "theirs", "TimeoutError"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
def test_the_shape_of_a_raised_error(raised: BaseException, message: str, kind: str, inline: bool) -> None:
    """`NODE_ERROR`, recoverable, with the class as details."""
    script = Script({"raiser": [raised]})
    raiser = scripted("raiser", script)
    raiser.inline = inline
    ran = engined(workflow("raiser"), nodes_of(script, raiser))
    expected = ErrorInfo(code="NODE_ERROR", message=message, recoverable=True, details={"class": kind})
    assert (ran.execution.status, ran.error) == ("failed", expected)


def test_severity_is_critical_for_what_nothing_can_help_with() -> None:
    """Not recoverable, and runtime or system."""
    severity = {
        (kind, recoverable): ErrorInfo(type=kind, code="C", message="m", recoverable=recoverable).severity
        for kind in ("validation", "configuration", "state", "runtime", "system")
        for recoverable in (True, False)
    }
    critical = {key for key, value in severity.items() if value == "critical"}
    assert critical == {("runtime", False), ("system", False)}


def test_writes_of_a_node_that_raises_are_dropped_and_of_one_that_returns_an_error_kept() -> None:
    """Returning is the way to say what has been done so far."""

    def write_and(act: Any) -> Any:
        def run(context: Any, config: Any) -> Any:
            context.state["wrote"] = True
            if isinstance(act, BaseException):
                raise act
            return act

        return run

    _, ran = play("a", acts={"a": [write_and(ValueError("no"))]})
    assert ran.state == {}
    _, ran = play({"a": {"$output": False}}, acts={"a": [write_and(Edge("error", "no"))]})
    assert ran.state == {"wrote": True}
    _, ran = play({"a": {"$output": False, "error?": []}}, acts={"a": [write_and(Edge("error", "no"))]})
    assert (ran.execution.status, ran.state) == ("completed", {"wrote": True})


def test_an_unrouted_error_fails_with_one_end_of_the_visit_and_keeps_the_state() -> None:
    """`NodeFailed` ends the visit, `Failed` the execution, both with the address."""
    _, ran = play({"$.n": 1}, "a", acts={"a": ["error"]})
    failed, ended = ran.events[-2:]
    assert isinstance(failed, NodeFailed) and isinstance(ended, Failed)
    assert (failed.address, ended.address, ended.visit, ran.state) == ("/workflow/1", "/workflow/1", 1, {"n": 1})


LOOK = {"code": "{{error.code | default('none')}}"}


@pytest.mark.parametrize(
    ("steps", "acts", "codes"),
    [
        ([{"a": {"error?": [{"b": LOOK}, {"b": LOOK}]}}, {"b": LOOK}], {"a": ["error"]}, ["NODE_ERROR", "NODE_ERROR", "none"]),
        ([{"a": {"error?": [{"c": {"x?": [{"b": LOOK}]}}]}}, {"b": LOOK}], {"a": ["error"], "c": ["x"]}, ["NODE_ERROR", "none"]),
        ([{"a": {"error?": "handler"}}, {"handler": {}}, {"b": LOOK}], {"a": ["error"]}, ["NODE_ERROR"]),
        ([{"c": {"x?": [{"a": {"error?": "handler"}}, {"handler": {}}, {"b": LOOK}]}}, {"b": LOOK}],
         {"c": ["x"], "a": ["error"]}, ["NODE_ERROR", "none"]),
        ([{"a": {"error?": [{"c": {"error?": [{"b": LOOK}]}}, {"b": LOOK}]}}],
         {"a": [("error", {"code": "OUTER", "message": "m"})], "c": [("error", {"code": "INNER", "message": "m"})]},
         ["INNER", "OUTER"]),
        ([{"a": {"error?": "handler"}}, {"handler": {}}, {"c": {"error?": [{"b": LOOK}]}}, {"b": LOOK}],
         {"a": [("error", {"code": "JUMPED", "message": "m"})], "c": [("error", {"code": "NEXT", "message": "m"})]},
         ["NEXT", "none"]),
        ([{"a": {"error?": "b"}}, "c", {"b": {**LOOK, "again?": "c"}}],
         {"a": ["error"], "b": ["again"]}, ["NODE_ERROR", "NODE_ERROR"]),
        ([{"range...": {"stop": 2, "loop?": [{"a": {"error?": "handler"}}, {"b": LOOK}, {"handler": {}}, {"b": LOOK}]}},
          {"b": LOOK}], {"a": ["error", None]}, ["NODE_ERROR", "none", "none", "none"]),
        ([{"a": {"error?": []}}, {"b": LOOK}], {"a": ["error"]}, ["none"]),
        ([{"a": {"error?": [{"c": {"x?": "b"}}]}}, "d", {"b": LOOK}], {"a": ["error"], "c": ["x"]}, ["none"]),
    ],
    ids=["to the end of its block", "in blocks inside", "a jump: to the end of the target's block",
         "a jump: not past that block", "an inner one, and then the outer again",
         "a jump's ends when another is bound, and does not come back", "a jump back keeps it", "not past a pass",
         "an empty block binds nothing", "a jump out of the block ends it"],
)  # fmt: skip
def test_where_error_is_bound(steps: list[Any], acts: dict[str, list[Act]], codes: list[str]) -> None:
    """In whatever an `error` route leads to."""
    script, ran = play(*steps, acts=acts)
    assert ran.execution.status == "completed"
    assert [config["code"] for config in seen(script, "b")] == codes


def test_error_is_bound_in_the_one_node_that_a_route_runs() -> None:
    """`$.error` means it where the state has no such key: the node itself has no parameters, so a template shows it."""
    script, _ = play({"a": {"error?": [{"b": {"text": "$.error.message"}}]}}, acts={"a": [("error", "declined")]})
    assert seen(script, "b") == [{"text": "declined"}]
    script, _ = play({"a": {"error?": [{"b": {"text": "$.error"}}]}}, acts={"a": ["error"]}, state={"error": "mine"})
    assert seen(script, "b") == [{"text": "mine"}]


# Limits


def test_max_steps_counts_every_visit_and_is_never_routed() -> None:
    """Setters too, and so it bounds backward jumps; the limit is inclusive."""
    _, ran = play({"$.n": 1}, "a", {"b": {}}, maxSteps=3)
    assert ran.execution.status == "completed"
    _, ran = play({"$.n": 1}, {"a": {"again?": "a", "error?": ["b"]}}, acts={"a": ["again"] * 9}, maxSteps=3)
    assert (ran.execution.status, ran.error.code, ran.error.recoverable) == ("failed", "STEP_LIMIT", False)
    assert sum(isinstance(event, NodeStarted) for event in ran.events) == 3


def _lots(size: int) -> str:
    return "x" * size


@pytest.mark.parametrize(
    "act",
    [
        ("big", {"text": _lots(60_000)}),
        lambda context, config: context.state.update(text=_lots(150_000)),
        ("error", {"text": _lots(60_000)}),
    ],
    ids=["edge data", "writes", "error data"],
)
@pytest.mark.parametrize("routed", [True, False], ids=["routed", "unrouted"])
def test_state_limit_fails_at_once_and_is_never_routed(act: Any, routed: bool) -> None:
    """State, outputs and frames are counted; the step that goes past the limit is the one that fails."""
    routes = {"error?": ["b"]} if routed else {}
    script, ran = play({"a": routes}, "c", acts={"a": [act]}, limits=Limits(state_bytes=100_000))
    if isinstance(act, tuple) and act[0] == "error" and not routed:
        assert ran.error.code == "NODE_ERROR"  # nothing of it is kept in the state
    else:
        assert (ran.error.code, script.order, ran.state) == ("STATE_LIMIT", "a", {})


def test_state_limit_counts_edge_data_that_the_state_does_not_have() -> None:
    """`"$output": false` does not get around it."""
    script, ran = play({"a": {"$output": False}}, "c", acts={"a": [("x", _lots(120_000))]},
                       limits=Limits(state_bytes=100_000))  # fmt: skip
    assert (ran.execution.status, script.order) == ("failed", "a")
    assert (ran.error.code, ran.execution.failure and ran.execution.failure.address) == ("STATE_LIMIT", "/workflow/0/a")


def test_state_limit_is_inclusive() -> None:
    """Exactly the limit is allowed, one byte more is not."""
    room = 100_000 - len('[{"t":""},{},[[]]]')
    _, ran = play({"$.t": _lots(room)}, limits=Limits(state_bytes=100_000))
    assert ran.execution.status == "completed"
    _, ran = play({"$.t": _lots(room + 1)}, limits=Limits(state_bytes=100_000))
    assert ran.error.code == "STATE_LIMIT"


def test_node_timeout_is_recoverable_and_routed() -> None:
    """`NODE_TIMEOUT` is one of the errors that `error?` can take."""
    script = Script({"slow": [lambda context, config: _forever()]})
    slow = scripted("slow", script)
    definition = workflow({"slow": {"$timeout": 10, "error?": [{"b": {"error": "{{error}}"}}]}})
    ran = engined(definition, nodes_of(script, slow))
    assert ran.execution.status == "completed"
    (config,) = seen(script, "b")
    assert (config["error"]["code"], config["error"]["recoverable"]) == ("NODE_TIMEOUT", True)


async def _forever() -> None:
    import asyncio

    await asyncio.Event().wait()


# Section 6: loops


def test_every_entry_into_a_loop_is_a_frame_of_its_own() -> None:
    """A loop entered again begins again at its first pass."""
    script, _ = play({"range...": {"stop": 2, "loop?": [{"a": {"i": "{{loop.index}}"}}]}}, {"b": {"back?": "range"}},
                     acts={"b": ["back", None]})  # fmt: skip
    assert [config["i"] for config in seen(script, "a")] == [0, 1, 0, 1]


def test_a_jump_to_a_loop_step_from_its_own_body_enters_it_anew() -> None:
    """The frame that it leaves is gone."""
    script, ran = play({"range...": {"stop": 2, "loop?": [{"a": {"i": "{{loop.index}}", "back?": "range"}}]}},
                       acts={"a": [None, "back"]})  # fmt: skip
    assert [config["i"] for config in seen(script, "a")] == [0, 1, 0, 1]
    assert ran.execution.branches[""].frames == ()


@pytest.mark.parametrize(
    ("loop", "acts", "order"),
    [
        ({"a...": {"go?": ["b"], "more?": ["c"]}}, {"a": ["go", "more", "go"]}, "a b a c a b a d"),
        ({"a...": {"go?": ["b"]}}, {"a": ["go", "other"]}, "a b a d"),
        ({"a...": {"go?": ["b"]}}, {"a": ["go", None]}, "a b a d"),
        ({"a...": {"go?": ["b"], "done?": ["c"]}}, {"a": ["go", "done"]}, "a b a c d"),
        ({"a...": {"go?": ["b"], "complete?": ["c"]}}, {"a": ["go", "complete"]}, "a b a c d"),
        ({"a...": {"true?": ["b"], "false?": ["c"]}}, {"a": ["true", "false"]}, "a b a c d"),
        ({"a...": {"go?": ["b"], "error?": ["c"]}}, {"a": ["go", "error"]}, "a b a c d"),
        ({"a...": {"$node": "gate", "go?": ["b"], "shut?": ["c"]}}, {"a": ["go", "shut"]}, "a b a c d"),
        ({"a": {"loop?": ["b"], "go?": ["c"]}}, {"a": ["loop", "go"]}, "a b a c d"),
        ({"a...": {"go?": "b"}}, {"a": ["go", "go"]}, "a b a b a d"),
    ],
    ids=["any edge is a body", "an unrouted edge leaves", "no edge leaves", "done", "complete", "false", "error",
         "metadata.exit_edges", "the original form: only loop is", "a node that a route runs"],
)  # fmt: skip
def test_which_edges_run_a_body_and_which_leave(loop: Any, acts: dict[str, list[Act]], order: str) -> None:
    """A routed exit runs once and leaves."""
    script = Script(acts)
    walked(workflow(loop, "d"), nodes_of(script, scripted("gate", script, exit_edges=("shut",))))
    assert script.order == order


def test_an_unrouted_error_of_a_loop_step_fails_the_execution() -> None:
    """It does not merely leave."""
    _, ran = play({"a...": {"go?": ["b"]}}, "d", acts={"a": ["go", "error"]})
    assert (ran.execution.status, ran.error.code) == ("failed", "NODE_ERROR")


@pytest.mark.parametrize("state", [{}, {"currentItem": "mine", "currentIndex": None}], ids=["absent", "present"])
@pytest.mark.parametrize(
    ("body", "acts"),
    [
        ([], {}),
        ([{"a": {"x?": "$break"}}], {"a": ["x"]}),
        ([{"a": {"x?": None}}], {"a": ["x"]}),
        ([{"a": {"x?": "out"}}], {"a": ["x"]}),
        ([{"a": {"x?": "$end"}}], {"a": ["x"]}),
        ([{"a": {"error?": "out"}}], {"a": [ValueError("no")]}),
        ([{"range...": {"stop": 2, "loop?": [{"a": {"x?": "out"}}]}}], {"a": ["x"]}),
        ([{"inner...": {"$node": "each", "items": [8, 9], "loop?": [{"a": {"x?": "out"}}]}}], {"a": ["x"]}),
        ([{"a": {"x?": "each"}}], {"a": ["x"]}),
        ([{"end": {}}], {}),
    ],
    ids=["its end", "$break", "null", "a jump", "$end", "an error route", "out of two loops", "out of two that share keys",
         "a jump to the loop itself", "the node end"],
)  # fmt: skip
def test_position_keys_are_put_back_on_every_way_out(state: dict[str, Any], body: Any, acts: dict[str, Any]) -> None:
    """What they held at entry is what they hold afterwards, were it nothing."""
    steps = [{"each...": {"items": [1, 2], "loop?": body}}, "b", {"out": {"$node": "c"}}]
    _, ran = play(*steps, acts=acts, state=state)
    assert ran.execution.status == "completed"
    assert {key: value for key, value in ran.state.items() if key.startswith("current")} == state


def test_position_keys_are_put_back_when_the_first_pass_is_not_the_first_visit() -> None:
    """An exit routed to `$continue` enters the loop before the iterator has asked for a pass."""
    late = {"condition": "$.whileIteration == 1", "loop?": [{"b": {"x?": "$break"}}], "done?": "$continue"}
    _, ran = play({"while...": late}, acts={"b": ["x"]}, state={"whileIteration": "before"})
    assert (ran.execution.status, ran.state) == ("completed", {"whileIteration": "before"})


def test_a_failure_leaves_position_and_frames_for_a_retry() -> None:
    """Failing is no way out of a loop: a retry goes on in the pass that failed."""
    _, ran = play({"each...": {"items": [1, 2], "loop?": [{"a": {}}]}}, acts={"a": [None, ValueError("no")]})
    assert (ran.execution.status, ran.state["currentItem"]) == ("failed", 2)
    (frame,) = ran.execution.branches[""].frames
    assert frame.index == 1


def test_the_result_of_end_outlives_position_keys_of_its_name() -> None:
    """`end` stores its result after the loops around it are left."""
    _, ran = play({"each...": {"items": [1, 2], "as": "result", "loop?": [{"end": {"result": "{{$.result + 1}}"}}]}})
    assert ran.state == {"result": 2}


def test_parameters_of_each_are_resolved_once() -> None:
    """The list may change under the loop."""
    script, ran = play({"each...": {"items": "$.list", "loop?": [{"$.list": []}, "a"]}}, state={"list": [1, 2]})
    assert (script.order, ran.state) == ("a a", {"list": []})


def test_while_resolves_its_condition_each_time() -> None:
    """Against the state as it is then."""
    script, _ = play({"while...": {"condition": "$.go", "loop?": ["a", {"$.go": False}]}}, state={"go": True})
    assert script.order == "a"


@pytest.mark.parametrize("limit", [1, 3])
def test_pass_number_limit_plus_one_is_loop_limit(limit: int) -> None:
    """Which `error?` can catch."""
    step = {"a...": {"$maxIterations": limit, "go?": ["b"], "error?": [{"c": {"code": "{{error.code}}"}}]}}
    script, ran = play(step, "d", acts={"a": ["go"] * 9})
    assert script.order == " ".join([*["a b"] * limit, "a c d"])
    assert seen(script, "c") == [{"code": "LOOP_LIMIT"}]
    assert ran.execution.status == "completed"


def test_a_loop_may_make_as_many_passes_as_its_limit() -> None:
    """The limit is inclusive, and settings give the default."""
    _, ran = play({"a...": {"go?": ["b"]}}, "d", acts={"a": ["go"] * 3}, maxIterations=3)
    assert ran.execution.status == "completed"
    _, ran = play({"a...": {"go?": ["b"]}}, "d", acts={"a": ["go"] * 4}, maxIterations=3)
    assert ran.error.code == "LOOP_LIMIT"


def test_an_error_route_that_continues_is_bounded_too() -> None:
    """`$continue` on the loop's own `error` is a pass like any other."""
    _, ran = play({"a...": {"$maxIterations": 3, "go?": ["b"], "error?": "$continue"}}, acts={"a": ["error"] * 9})
    assert (ran.execution.status, ran.error.code) == ("failed", "LOOP_LIMIT")


@pytest.mark.parametrize(
    ("loop", "items"),
    [
        ({"range...": {"stop": 0}}, 0),
        ({"range...": {"start": 3, "stop": 0, "step": -1}}, 3),
        ({"each...": {"items": []}}, 0),
        ({"batch...": {"items": [1, 2, 3], "size": 2}}, 2),
    ],
    ids=["range of none", "range down", "each of none", "batch"],
)
def test_iterators_run_in_full_and_then_done(loop: dict[str, Any], items: int) -> None:
    """`done?` runs once, also after no pass."""
    (key,) = loop
    script, _ = play({key: {**loop[key], "loop?": ["a"], "done?": ["b"]}}, "c", limits=Limits(iterations=1))
    assert script.order == " ".join([*["a"] * items, "b c"])


def test_setters_and_iterators_end_their_visits_like_any_step() -> None:
    """Exactly one end for each visit."""
    _, ran = play({"$.n": 1}, {"range...": {"stop": 1, "loop?": ["a"]}})
    started = [(event.address, event.visit) for event in ran.events if isinstance(event, NodeStarted)]
    ended = [(event.address, event.visit) for event in ran.events if isinstance(event, EdgeTaken)]
    assert started == ended
