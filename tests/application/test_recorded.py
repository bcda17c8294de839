"""What the visits of a history came to, and when that may be taken again."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from application.decisions import decisions
from application.preparing import prepare_visit
from application.recorded import Attempt, Records, difference, fingerprint, usable
from domain.commands import Begin, Ended, Erred, Finish, Passed, Recover, Signal, Took
from domain.context import ExecutionContext
from domain.errors import ErrorInfo, StepFailure
from domain.events import EdgeTaken, SignalReceived
from domain.evolve import fold
from domain.execution import Execution
from domain.node import Answer, Edge, End, Pass
from domain.patches import Op
from domain.position import Visit
from infrastructure.nodes.registry import NodeRegistry
from tests.support.workflows import Act, Script, Walk, nodes_of, scripted, workflow

BASE = Execution(id="walked")


def doing(acts: dict[str, list[Act]], **metadata: Any) -> NodeRegistry:
    """The library, and scripted nodes `w` and `r` that have effects."""
    script = Script(acts)
    writing = scripted("w", script, effect="writes", **metadata)
    return nodes_of(script, writing, scripted("r", script, effect="reads", **metadata))


def records_of(walk: Walk) -> Records:
    """Those of its history."""
    return Records.of(walk.events, walk.program, walk.nodes, base=BASE)


def found(records: Records, address: str, pass_: str = "1", tries: int = 1) -> Attempt:
    """An attempt that must be there."""
    attempt = records.find(1, address, pass_, tries)
    assert attempt is not None, (address, pass_, tries)
    return attempt


def writing(edge: str, data: Any, **values: Any) -> Act:
    """An act that writes to the state."""

    def act(context: ExecutionContext, config: dict[str, Any]) -> Answer:
        context.state.update(values)
        return Edge(edge, data)

    return act


def test_an_attempt_holds_what_the_node_did_and_no_more() -> None:
    """The data that the engine keeps for people is none of the node's own writes."""
    walk = Walk(
        workflow({"s": {"$node": "w", "url": "$.at"}}, state={"at": "here"}), doing({"s": [writing("x", [1], k=2)]})
    )
    walk.run()
    attempt = found(records_of(walk), "/workflow/0/s")
    assert walk.execution.state["s_output"] == [1]
    assert (attempt.node, attempt.ran.outcome, attempt.ran.patch) == (
        "w",
        Took(edge="x", data=[1]),
        (Op("add", "/k", 2),),
    )
    assert attempt.parameters == {"url": b'"here"'}


def test_what_leaving_a_loop_put_back_is_not_the_nodes() -> None:
    """A step that breaks out of a loop wrote its own key, not the position keys."""
    steps = {"each...": {"items": [1, 2], "loop?": [{"s": {"$node": "w", "x?": "$break"}}]}}
    walk = Walk(workflow(steps, state={"currentItem": "before"}), doing({"s": [writing("x", None, k=2)]})).run()
    assert walk.execution.state["currentItem"] == "before"
    assert found(records_of(walk), "/workflow/0/each.../loop?/0/s", "1.0/1").ran.patch == (Op("add", "/k", 2),)


def test_every_try_is_kept_but_not_what_a_crash_cut_short() -> None:
    """The first failed, the second was lost, the third came through."""
    failing = StepFailure(ErrorInfo(code="NO", message="No.", recoverable=True))
    definition = workflow({"s": {"$node": "w", "$retry": {"maxAttempts": 3, "delay": 1}}})
    walk = Walk(definition, doing({"s": [failing, ("x", 1)]}))
    walk.visit()
    walk.decide(walk_begin(walk))
    walk.decide(recover(walk))
    walk.run()
    records = records_of(walk)
    first, second = found(records, "/workflow/0/s"), found(records, "/workflow/0/s", tries=2)
    assert isinstance(first.ran.outcome, Erred) and first.ran.outcome.error.code == "NO"
    assert second.ran.outcome == Took(edge="x", data=1)
    assert records.find(1, "/workflow/0/s", "1", 3) is None


def walk_begin(walk: Walk) -> Any:
    """The next attempt begins."""
    return Begin(now=walk.now)


def recover(walk: Walk) -> Any:
    """A worker takes over."""
    return Recover(now=walk.now, worker="other")


def test_passes_and_ends_are_found_again() -> None:
    """An iterator of somebody's own, and a node that ends all."""
    acts: dict[str, list[Act]] = {
        "loop": [lambda c, p: Pass(data={"item": 1}, bind={"at": 7}, bounded=False)],
        "s": [lambda c, p: End(result=[3])],
    }
    walk = Walk(workflow({"loop...": {"$node": "w", "loop?": [{"s": {"$node": "r"}}, "empty"]}}), doing(acts)).run()
    assert walk.execution.state["result"] == [3]
    records = records_of(walk)
    passed, ended = found(records, "/workflow/0/loop..."), found(records, "/workflow/0/loop.../loop?/0/s", "1.0/1")
    assert isinstance(passed.ran.outcome, Passed) and passed.ran.outcome.answer.bind == {"at": 7}
    assert passed.ran.patch == ()
    assert ended.ran.outcome == Ended(result=[3])


def test_nodes_without_an_effect_are_not_kept() -> None:
    """They are run again."""
    walk = Walk(workflow({"s": {"$node": "a"}}, {"$.k": 1}, "empty"), doing({})).run()
    assert records_of(walk).find(1, "/workflow/0/s", "1") is None


def test_an_attempt_is_usable_while_what_it_saw_is_the_same() -> None:
    """Parameters, the keys it read itself, the inputs that came along the edge, and the node."""
    nodes = doing({"b": [("x", {"who": "me"})], "s": [("x", 1)]}, inputs=("who",))
    walk = Walk(workflow({"b": {}}, {"s": {"$node": "w", "url": "$.at"}}, state={"at": "here", "read": 1}), nodes)
    walk.visit()
    walk.decide(walk_begin(walk))
    before = fold(walk.events[:-1], BASE)
    walk.decide(Finish(now=walk.now, outcome=Took(edge="x"), reads=("read",)))
    attempt = found(records_of(walk), "/workflow/1/s")
    step, metadata = walk.program.at("/workflow/1/s"), nodes.find("w").metadata  # type: ignore[union-attr]

    def why(execution: Execution) -> str:
        _, prepared = prepare_visit(execution, "", step, program=walk.program, nodes=nodes)
        told = difference(attempt, step, metadata, prepared, execution, "")
        assert usable(attempt, step, metadata, prepared, execution, "") is not bool(told)
        return told

    def with_state(**values: Any) -> Execution:
        return replace(before, state={**before.state, **values})

    def with_input(value: Any) -> Execution:
        root = replace(before.branches[""], input=value)
        return replace(before, branches={"": root})

    assert why(before) == ""
    assert why(with_state(other=1)) == ""
    assert why(with_state(at="there")) == "its parameter url is different"
    assert why(with_state(read=1.0)) == "its state key read is different"
    assert why(with_input({"who": "you"})) == "its input who is different"
    assert why(with_input({"who": "me", "more": 1})) == ""


def test_a_fingerprint_tells_values_apart_and_does_not_mind_the_order_of_keys() -> None:
    """Short values stand for themselves."""
    assert fingerprint({"a": 1, "b": [None]}) == fingerprint({"b": [None], "a": 1})
    values: list[Any] = [1, 1.0, True, "1", None, [], {}]
    assert len(set(map(fingerprint, values))) == len(values)
    assert len(fingerprint("x" * 1_000)) == 32


def test_decisions_are_cut_where_they_were_made() -> None:
    """Folding the events of each on what was before gives what was after, and nothing is left out."""
    walk = Walk(workflow({"signal": {"name": "go"}}, {"parallel": {"p?": ["b"], "q?": ["a"]}}), doing({})).run()
    walk.decide(Signal(now=walk.now, name="go"))
    walk.run()
    cut = list(decisions(walk.events, BASE))
    assert [event for decision in cut for event in decision.events] == walk.events
    assert all(fold(decision.events, decision.before) == decision.after for decision in cut)
    kinds = [decision.kind for decision in cut]
    assert kinds[:4] == ["start", "begin", "finish", "signal"]
    assert isinstance(cut[3].events[0], SignalReceived) and isinstance(cut[3].events[2], EdgeTaken)
    assert set(kinds[4:]) == {"begin", "finish"}
    assert isinstance(cut[-1].before.branches[cut[-1].branch].visit, Visit)
