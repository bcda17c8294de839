"""LANGUAGE, sections 1, 2 and 4: the document, what is a step, and what a node is given and gives."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from domain.compiler import compile_definition
from domain.context import ExecutionContext
from domain.events import EdgeTaken, NodeStarted, StateUpdated
from domain.node import Edge, Parameter
from domain.patches import Op
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
    scripted,
    walked,
    workflow,
)
from tests.support.worlds import node, run, world

# Section 1


@pytest.mark.parametrize("value", ["text", 5, None, ["$.x", {"{{": 1}]], ids=["text", "number", "null", "anything"])
@pytest.mark.parametrize("key", ["description", "$schema", "x-mine"])
def test_what_is_not_interpreted_is_kept(key: str, value: Any) -> None:
    """`description`, `$schema` and keys that mean nothing are part of the definition, and of its hash, as they are."""
    definition = {**workflow("a"), key: value}
    program = compile_definition(definition, nodes_of(Script()))
    assert program.hash != compile_definition(workflow("a"), nodes_of(Script())).hash
    assert [problem.code for problem in program.warnings] == (["UNKNOWN_KEY"] if key == "x-mine" else [])


# Section 2


def test_a_string_is_that_node_with_no_configuration() -> None:
    """The same as the name with an empty object."""
    script = Script()
    ran = walked(workflow("a", {"a": {}}), nodes_of(script))
    assert script.configs == [{}, {}]
    assert [event.node for event in ran.events if isinstance(event, NodeStarted)] == ["a", "a"]


@pytest.mark.parametrize("place", ["a parameter", "a list", "a setter", "an initial value"])
def test_null_is_a_value(place: str) -> None:
    """A parameter that is null is there, and so is a key of the state."""
    script = Script()
    steps = {"a parameter": {"a": {"p": None}}, "a list": {"a": {"p": [None]}}, "a setter": {"$.n": None}}
    ran = walked(workflow(steps.get(place, "a"), {"b": {"seen": "$.n"}}, state={"n": None}), nodes_of(script))
    assert ran.execution.status == "completed"
    assert script.configs[-1] == {"seen": None}
    if place in ("a parameter", "a list"):
        assert script.configs[0] == {"p": None if place == "a parameter" else [None]}


def test_everything_that_is_no_edge_and_no_option_is_a_parameter() -> None:
    """A name that begins with `_` is a comment, but where the node knows a parameter of that name."""
    script = Script()
    nested = {"$deep": 1, "edge?": "x", "$.p": "$$.q"}
    config = {"z": 1, "x?": [], "$timeout": "1s", "a": nested, "_why": "$.x is not there"}
    walked(workflow({"a": config}), nodes_of(script))
    assert script.configs == [{"z": 1, "a": {**nested, "$.p": "$.q"}}]
    marked = scripted("marked", script, parameters={"_id": Parameter()})
    walked(workflow({"marked": {"_id": 1, "_other": 2}}), nodes_of(script, marked))
    assert script.configs[-1] == {"_id": 1}


def test_a_visit_is_one_walk_address_and_pass() -> None:
    """Whatever loops, jumps and blocks there are, no two visits of a walk share address and pass."""
    body = [{"a": {"again?": "a", "deep?": [{"range...": {"stop": 2, "loop?": ["c"]}}, "d"]}}, "b"]
    acts: dict[str, list[Act]] = {"a": ["again", "deep", "deep", "again", "again", "deep"], "e": ["back", "back"]}
    script = Script(acts)
    ran = walked(workflow({"each...": {"items": [1, 2], "loop?": body}}, {"e": {"back?": "each"}}), nodes_of(script))
    begun = [event for event in ran.events if isinstance(event, NodeStarted)]
    assert len({(event.address, event.pass_) for event in begun}) == len(begun) > 40
    assert len({(event.address, event.visit) for event in begun}) == len(begun)
    passes = [event.pass_ for event in begun if event.step == "c"][:4]
    assert passes == ["1.0/1.0/1", "1.0/1.1/1", "1.1/1.0/1", "1.1/1.1/1"]


@pytest.mark.parametrize("key", ["$.a", "$['a']", "$.a.b[0]['c d']"])
def test_a_setter_has_no_name(key: str) -> None:
    """No route leads to it, no edge data comes from it, and it is in no history but by its address."""
    ran = walked(workflow({key: "$.n + 1"}, state={"n": 1}), nodes_of(Script()))
    (event,) = [event for event in ran.events if isinstance(event, NodeStarted)]
    assert (event.step, event.node, event.address) == ("", "", "/workflow/0/" + key.replace("~", "~0"))
    (taken,) = [event for event in ran.events if isinstance(event, EdgeTaken)]
    assert (taken.edge, taken.output, ran.execution.outputs.whole()) == (None, taken.output, {})
    assert ran.state.keys() == {"n", "a"}


# Section 4: what a node gives


def ended(act: Any, state: dict[str, Any]) -> Ran:
    """Run one scripted visit."""
    script = Script({"a": [act]})
    return walked(workflow("a", state=state), nodes_of(script))


def change(context: ExecutionContext, config: Any) -> Edge:
    """Write, delete and change in place."""
    context.state["new"] = 1
    context.state["list"].append(3)
    context.state["deep"]["a"]["b"] = 2
    del context.state["gone"]
    context.state["same"] = 5
    return Edge("x", 7)


def test_all_that_a_node_changes_is_one_state_updated() -> None:
    """Writes, deletes and nested changes, and with them the data of its edge; what is the same is no change."""
    before = {"list": [1, 2], "deep": {"a": {"b": 1, "c": 1}}, "gone": 1, "same": 5, "other": [1]}
    ran = ended(change, before)
    (updated,) = [event for event in ran.events if isinstance(event, StateUpdated)]
    assert set(updated.patch) == {
        Op("remove", "/gone"),
        Op("add", "/new", 1),
        Op("add", "/list/2", 3),
        Op("replace", "/deep/a/b", 2),
        Op("add", "/a_output", 7),
    }
    assert ran.state == {
        "list": [1, 2, 3], "deep": {"a": {"b": 2, "c": 1}}, "same": 5, "other": [1], "new": 1, "a_output": 7
    }  # fmt: skip


def test_the_state_of_a_node_is_a_mapping() -> None:
    """Iterating, asking, getting with a default and counting work as on any."""

    def look(context: ExecutionContext, config: Any) -> Edge:
        state = context.state
        state["z"] = 1
        del state["b"]
        seen = [sorted(state), len(state), "a" in state, "b" in state, state.get("b", "none"), dict(state.items())]
        with pytest.raises(KeyError):
            state["b"]
        with pytest.raises(KeyError):
            del state["b"]
        return Edge("x", seen)

    ran = ended(look, {"a": {"deep": 1}, "b": 2})
    assert ran.execution.outputs["a"] == [["a", "z"], 2, True, False, "none", {"a": {"deep": 1}, "z": 1}]


def test_inputs_come_from_the_parameters_else_the_edge_data_else_the_state() -> None:
    """What `metadata.inputs` names, and nothing else; a parameter that is null is one."""
    script = Script()
    looker = scripted("looker", script, inputs=("p", "q", "r", "s", "t"))
    script._acts["looker"] = [lambda context, config: Edge("x", dict(context.inputs))]
    before = {name: f"state {name}" for name in "pqru"}
    script._acts["a"] = [("x", {"p": "data p", "q": "data q", "s": "data s", "u": "data u"})]
    ran = walked(workflow("a", {"looker": {"p": None, "other": 1}}, state=before), nodes_of(script, looker))
    assert ran.execution.outputs["looker"] == {"p": None, "q": "data q", "r": "state r", "s": "data s"}


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_a_lenient_node_takes_null_for_what_is_missing(runner: Runner) -> None:
    """`metadata.lenient`: each parameter, and each element of one, with a warning in the event; others still fail."""
    script = Script()
    typed = {"n": Parameter(types=("integer",)), "list": Parameter(types=("array",)), "any": Parameter()}
    mild = scripted("mild", script, lenient=True, parameters=typed)
    step = {"mild": {"n": "$.none", "list": ["$.here", "$.none", {"k": "{{$.none.deeper}}"}], "any": "{{output.x}}"}}
    ran = runner(workflow(step, state={"here": 1}), nodes_of(script, mild))
    assert ran.execution.status == "completed"
    assert script.configs == [{"n": None, "list": [1, None, {"k": None}], "any": None}]
    (begun,) = [event for event in ran.events if isinstance(event, NodeStarted)]
    assert len(begun.warnings) == 4 and all("It is null here." in warning for warning in begun.warnings)
    ran = runner(workflow({"a": step["mild"]}, state={"here": 1}), nodes_of(script, mild))
    assert ran.error.code == "UNDEFINED_REFERENCE"
    ran = runner(workflow({"mild": {"n": "{{ 1 / 0 }}"}}), nodes_of(script, mild))
    assert ran.error.code == "EXPRESSION_ERROR"


def test_log_and_the_values_of_logic_are_lenient() -> None:
    """A log line must not fail a run, and a guard may ask for what was never set; the operation of logic may not be."""
    ran = walked(
        workflow(
            {"log": {"message": "$.none", "field": "$.none"}}, {"logic": {"operation": "or", "values": ["$.none"]}}
        ),
        nodes_of(Script()),
    )
    assert (ran.state["lastLoggedMessage"], ran.state["logicResult"]) == (None, False)
    ran = walked(workflow({"logic": {"operation": "$.none", "values": [1]}}), nodes_of(Script()))
    assert ran.error.code == "UNDEFINED_REFERENCE"


def test_now_is_the_time_of_the_visit() -> None:
    """The same however often it is asked, and whatever the clock does meanwhile."""

    async def test() -> None:
        async def look(context: Any, config: Any) -> Edge:
            first = context.now()
            here.clock.time += 5_000_000
            return Edge("x", [first.isoformat(), context.now().isoformat()])

        async with world(nodes_of(Script(), node("look", look))) as here:
            ended = await here.run("look")
            (begun,) = [event for event in here.events(ended.id) if isinstance(event, NodeStarted)]
            assert ended.outputs["look"] == ["2026-11-22T12:00:00+00:00"] * 2
            assert begun.time == NOON

    run(test())


@pytest.mark.parametrize("beats", [True, False])
def test_a_node_in_a_thread_may_beat_too(beats: bool) -> None:
    """Its time begins anew from another thread as well."""

    def work(context: Any, config: Any) -> Edge:
        for _ in range(6):
            threading.Event().wait(0.1)
            if beats:
                context.heartbeat()
        return Edge("x")

    ran = engined(workflow({"work": {"$timeout": 400}}), nodes_of(Script(), node("work", work)))
    assert ran.execution.status == ("completed" if beats else "failed")
    assert ran.execution.failure is None or ran.error.code == "NODE_TIMEOUT"


@pytest.mark.parametrize("data", [0, False, "", [], {}], ids=str)
def test_every_data_but_none_is_kept(data: Any) -> None:
    """As `output.<step>`, in the state and as `input`."""
    script = Script({"a": [("x", data)]})
    look = {"b": {"output": "{{output.a}}", "state": "$.a_output", "input": "{{input}}"}}
    walked(workflow("a", look), nodes_of(script))
    assert script.configs[-1] == {"output": data, "state": data, "input": data}


# Section 4: routes that a definition can't have


@pytest.mark.parametrize(
    ("steps", "code", "nearest"),
    [
        ([{"a": {"x?": "hanlder"}}, {"other": {"$node": "b"}}], "UNKNOWN_TARGET", "handler"),
        ([{"a": {"x?": "othr"}}, {"other": {"$node": "b"}}], "UNKNOWN_TARGET", "other"),
        ([{"a": {"x?": [{"deep": {"$node": "b"}}]}}, {"b": {"y?": "deep"}}], "UNKNOWN_TARGET", None),
        ([{"a": {"x?": "t"}}, {"t": {"$node": "b"}}, {"t": {"$node": "c"}}], "AMBIGUOUS_TARGET", None),
        ([{"a": {"x?": ["$end"]}}], "SCHEMA", None),
        ([{"a": {"x?": [None]}}], "SCHEMA", None),
        ([{"a": {"x?": True}}], "SCHEMA", None),
        ([{"a": {"x?": "$stop"}}], "UNKNOWN_TARGET", None),
    ],
    ids=["no such name: a node was meant", "a step was meant", "a step in a block that is not around", "two of a name",
         "a directive in a list", "null in a list", "no route at all", "no such directive"],
)  # fmt: skip
def test_a_route_that_leads_nowhere_is_a_compile_error(steps: list[Any], code: str, nearest: str | None) -> None:
    """At the edge, with the nearest name of a step or a node."""
    errors = [problem for problem in problems_of(workflow(*steps), nodes_of(Script())) if problem.severity == "error"]
    assert [(problem.code, problem.nearest) for problem in errors] == [(code, nearest)]


def test_two_of_a_name_further_out_do_not_matter() -> None:
    """The first block from the inside that has one decides."""
    script = Script({"a": ["x"], "b": ["y"]})
    steps = [
        {"a": {"x?": [{"b": {"y?": "t"}}, "c", {"t": {"$node": "d"}}]}},
        {"t": {"$node": "e"}},
        {"t": {"$node": "f"}},
    ]
    walked(workflow(*steps), nodes_of(script))
    assert script.order == "a b t t t"
    assert [context.node_id for context in script.contexts] == ["a", "b", "d", "e", "f"]


def test_a_continuation_is_fixed_when_it_is_compiled() -> None:
    """A block that was entered by a jump into its middle goes on like any other: past its owner."""
    script = Script({"a": ["x", None], "c": ["back", None], "d": [None]})
    steps = [{"a": {"x?": ["b", {"c": {"back?": "b"}}, "d"]}}, "e"]
    walk = Walk(workflow(*steps), nodes_of(script)).run()
    assert walk.execution.status == "completed"
    assert script.order == "a b c b c d e"
