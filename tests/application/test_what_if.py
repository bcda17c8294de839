"""What would be, asked of real executions: verdicts, what is needed, what is assumed, and how many would end otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import pytest

from clew import Engine
from domain.context import ExecutionContext
from domain.errors import InvalidDefinition, NotFound, Unacceptable
from domain.node import Edge, NodeMetadata, WorkflowNode
from tests.reference.strategies import LETTERS, build
from tests.reference.test_against_reference import act_of, is_refused, live
from tests.support.workflows import Script, scripted

ENGINED = 300 if os.environ.get("CLEW_TORTURE") == "1" else 40
CHARGED: list[Any] = []
CHARGE, DONE = "/workflow/1/charge", "/workflow/1/charge/success?/0/$.done"


class Charge(WorkflowNode):
    """Charges an amount, and keeps count; above 100 it refuses."""

    metadata = NodeMetadata(id="charge", name="Charge", version="1.0.0", effect="writes")
    inline = True

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Take it."""
        CHARGED.append(config["amount"])
        if config["amount"] > 100:
            raise ValueError("too much")
        context.state["charged"] = config["amount"]
        return Edge("success", {"id": len(CHARGED)})


class Look(WorkflowNode):
    """Looks at a key of the state by itself."""

    metadata = NodeMetadata(id="look", name="Look", version="1.0.0", effect="reads")

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Read it."""
        CHARGED.append("looked")
        return Edge("success", context.state["customer"])


def order(**state: Any) -> dict[str, Any]:
    """A workflow that computes, charges, and computes again."""
    steps: list[Any] = [
        {"$.vat": "$.total * 2"},
        {"charge": {"amount": "$.total", "success?": [{"$.done": True}]}},
        {"each": {"items": "$.list", "loop?": [{"$.sum": "$.sum + $.currentItem"}]}},
    ]
    first = {"total": 5, "list": [1, 2], "sum": 0, **state}
    return {"id": "order", "name": "Order", "version": "1.0.0", "initialState": first, "workflow": steps}


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine with these nodes."""
    CHARGED.clear()
    with Engine(nodes=[Charge, Look]) as running:
        yield running


def ran(engine: Engine, definition: dict[str, Any], status: str = "completed") -> str:
    """The id of a run that came to that."""
    result = engine.run(definition)
    assert result["status"] == status, result["error"]
    return str(result["executionId"])


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    """The last verdict of each address."""
    return {step["address"]: step["verdict"] for step in answer["steps"]}


def setting(pointer: str, value: Any) -> list[dict[str, Any]]:
    """A patch that puts a value there."""
    return [{"op": "add", "path": pointer, "value": value}]


def test_nothing_changed_is_all_the_same(engine: Engine) -> None:
    """What computes is computed again, what has an effect is taken from the record."""
    name = ran(engine, order())
    answer = engine.what_if(name)
    assert answer["counts"] == {"same": 7, "reused": 1}
    assert verdicts(answer)[CHARGE] == "reused"
    assert (answer["divergence"], answer["needs"], answer["status"]) == (None, [], "completed")
    assert answer["finalState"] == engine.execution(name)["finalState"]
    assert answer["recorded"] == {"status": "completed", "version": engine.execution(name)["version"]}
    assert CHARGED == [5]


def test_an_effect_on_other_parameters_is_not_known(engine: Engine) -> None:
    """Its branch stops there, and it is said why."""
    answer = engine.what_if(ran(engine, order()), patch=setting("/total", 6))
    assert (answer["status"], answer["counts"]) == ("unknown", {"changed": 1, "unknown": 1, "dropped": 6})
    assert answer["divergence"]["address"] == "/workflow/0/$.vat"
    assert answer["divergence"]["values"] == ["/vat"]
    (need,) = answer["needs"]
    assert (need["address"], need["reason"]) == (CHARGE, "its parameter amount is different")
    assert need["recorded"] == {"ending": "taken", "edge": "success"}
    assert answer["finalState"] == {"total": 6, "list": [1, 2], "sum": 0, "vat": 12}
    assert CHARGED == [5]


def test_what_an_effect_did_not_see_does_not_matter(engine: Engine) -> None:
    """A change beside it leaves its record good; the rest is computed anew."""
    answer = engine.what_if(ran(engine, order()), patch=setting("/list", [10]))
    assert answer["status"] == "completed"
    assert answer["finalState"]["sum"] == 10
    assert verdicts(answer)[CHARGE] == "reused"
    assert answer["divergence"]["address"] == "/workflow/2/each"
    assert answer["counts"]["dropped"] == 2


def test_what_was_recorded_may_be_assumed(engine: Engine) -> None:
    """Whatever the steps see now."""
    answer = engine.what_if(ran(engine, order()), patch=setting("/total", 6), assume="recorded")
    assert (answer["status"], answer["needs"]) == ("completed", [])
    assert answer["finalState"]["charged"] == 5
    assert verdicts(answer)[CHARGE] == "reused"


def test_anything_may_be_assumed_of_a_step(engine: Engine) -> None:
    """An edge, its data, and what it writes."""
    name = ran(engine, order())
    paid = {"edge": "success", "output": {"id": 9}, "patch": setting("/charged", 6)}
    answer = engine.what_if(name, patch=setting("/total", 6), assume={CHARGE: paid})
    assert (answer["status"], answer["finalState"]["charged"]) == ("completed", 6)
    assert verdicts(answer)[CHARGE] == "changed"
    declined = {"edge": "error", "output": {"code": "DECLINED", "message": "No."}}
    answer = engine.what_if(name, assume={CHARGE: declined})
    assert (answer["status"], answer["error"]["code"]) == ("failed", "DECLINED")
    assert answer["divergence"]["now"] == {"ending": "failed", "edge": None, "error": "DECLINED"}
    assert verdicts(answer)[DONE] == "dropped"
    assert CHARGED == [5]


def test_what_a_node_read_by_itself_counts(engine: Engine) -> None:
    """Beyond its parameters: another value there, and its record is not good any more."""
    definition = order(customer="ann") | {"workflow": ["look", {"$.end": True}]}
    name = ran(engine, definition)
    assert engine.what_if(name, patch=setting("/total", 6))["counts"] == {"reused": 1, "same": 1}
    (need,) = engine.what_if(name, patch=setting("/customer", "bob"))["needs"]
    assert need["reason"] == "its state key customer is different"
    assert CHARGED == ["looked"]


def test_another_definition(engine: Engine) -> None:
    """What it has more is new, what it does otherwise is changed, and what it has no more is dropped."""
    name = ran(engine, order())
    other = deepcopy(order())
    other["workflow"][2:] = [{"$.sum": "$.total + 1"}, {"$.more": 1}]
    answer = engine.what_if(name, definition=other)
    assert answer["status"] == "completed"
    assert verdicts(answer) == {
        "/workflow/0/$.vat": "same",
        CHARGE: "reused",
        DONE: "same",
        "/workflow/2/$.sum": "new",
        "/workflow/3/$.more": "new",
        "/workflow/2/each": "dropped",
        "/workflow/2/each/loop?/0/$.sum": "dropped",
    }
    assert (answer["finalState"]["sum"], answer["finalState"]["more"]) == (6, 1)


def test_a_published_definition(engine: Engine) -> None:
    """The latest, or one by its version."""
    name = ran(engine, order())
    newer = deepcopy(order()) | {"version": "1.1.0"}
    newer["workflow"][0] = {"$.vat": "$.total * 3"}
    engine.publish(newer)
    assert engine.what_if(name, definition="latest")["finalState"]["vat"] == 15
    assert engine.what_if(name, definition="1.1.0")["divergence"]["values"] == ["/vat"]
    with pytest.raises(NotFound):
        engine.what_if(name, definition="2.0.0")


def test_from_a_version_on(engine: Engine) -> None:
    """What came before stays as it was; the middle of a completion means its end."""
    name = ran(engine, order())
    events = engine.events(name)["items"]
    taken = next(event for event in events if event["type"] == "EdgeTaken" and event["address"] == CHARGE)
    at = taken["version"] - 1
    answer = engine.what_if(name, at=at, patch=setting("/list/-", 10))
    assert answer["from"] == taken["version"]
    assert CHARGE not in verdicts(answer)
    assert (answer["status"], answer["finalState"]["sum"], answer["finalState"]["charged"]) == ("completed", 13, 5)
    assert engine.what_if(name, at=at)["counts"] == {"same": 6}
    # In flight there, with another total: its parameters are read again.
    begun = next(event for event in events if event["type"] == "NodeStarted" and event["address"] == CHARGE)
    answer = engine.what_if(name, at=begun["version"], patch=setting("/total", 6))
    assert answer["needs"][0]["reason"] == "its parameter amount is different"


def test_a_failure_that_would_not_have_been(engine: Engine) -> None:
    """The record of a failed charge is good for the same amount only."""
    name = ran(engine, order(total=200), status="failed")
    answer = engine.what_if(name)
    assert (answer["status"], answer["counts"]) == ("failed", {"same": 1, "reused": 1})
    paid = {"edge": "success", "output": {"id": 1}}
    answer = engine.what_if(name, patch=setting("/total", 7), assume={CHARGE: paid})
    assert (answer["status"], answer["recorded"]["status"]) == ("completed", "failed")
    assert answer["counts"] == {"changed": 2, "new": 6}


def test_a_parked_execution(engine: Engine) -> None:
    """It stays parked where nothing is different, and what would be different is walked on."""
    definition = order() | {"workflow": [{"charge": {"amount": 1}}, {"signal": {"name": "go"}}, {"$.end": 1}]}
    name = ran(engine, definition, status="suspended")
    answer = engine.what_if(name)
    assert (answer["status"], answer["counts"]) == ("suspended", {"reused": 1, "same": 1})
    received = {"/workflow/1/signal": {"edge": "received", "output": 3}}
    answer = engine.what_if(name, assume=received)
    assert (answer["status"], answer["finalState"]["end"]) == ("completed", 1)
    engine.signal(name, "go", {"n": 1})
    engine.wait(name)
    assert engine.what_if(name)["counts"] == {"reused": 2, "same": 1}


def test_a_timer_that_is_longer(engine: Engine) -> None:
    """It ends when it is due, without anybody waiting for that; a recorded one as it did."""
    definition = order() | {"workflow": [{"wait": {"for": 20}}, {"charge": {"amount": 1}}]}
    name = ran(engine, definition, status="suspended")
    while engine.execution(name)["status"] != "completed":
        engine.wait(name)
    assert engine.what_if(name)["counts"] == {"same": 1, "reused": 1}
    longer = deepcopy(definition)
    longer["workflow"][0] = {"wait": {"for": "30d"}}
    answer = engine.what_if(name, definition=longer)
    assert (answer["status"], answer["counts"]) == ("completed", {"changed": 1, "reused": 1})
    assert answer["divergence"]["data"] == ["/dueAt", "/resumedAt"]


def test_children_are_taken_as_they_ended(engine: Engine) -> None:
    """None is begun: one that would be another is not known."""
    child: dict[str, Any] = {"id": "child", "name": "Child", "version": "1.0.0", "initialState": {"n": 1}}
    child |= {"workflow": [{"charge": {"amount": "$.n"}}, {"end": {"result": "$.n"}}]}
    steps = [
        {"run-workflow": {"definition": child, "initialState": {"n": "$.total"}}},
        {"$.got": "$.runWorkflowResult"},
    ]
    name = ran(engine, order() | {"workflow": steps})
    known = len(engine.executions()["items"])
    answer = engine.what_if(name)
    assert (answer["counts"], answer["finalState"]["got"]) == ({"reused": 1, "same": 1}, 5)
    answer = engine.what_if(name, patch=setting("/total", 6))
    assert answer["needs"][0]["reason"] == "its parameter initialState is different"
    assert len(engine.executions()["items"]) == known
    assert CHARGED == [5]


def test_branches_that_are_not_known_do_not_stop_the_others(engine: Engine) -> None:
    """Each goes as far as it can."""
    steps = [{"parallel": {"p?": [{"charge": {"amount": "$.total"}}, {"$.p": 1}], "q?": [{"$.q": "$.total"}]}}]
    answer = engine.what_if(ran(engine, order() | {"workflow": steps}), patch=setting("/total", 6))
    assert (answer["status"], answer["finalState"]["q"]) == ("unknown", 6)
    assert [need["branch"] for need in answer["needs"]] == ["p"]
    assert "p" not in answer["finalState"]


def test_a_fork_is_walked_from_where_it_was_forked_off(engine: Engine) -> None:
    """Its own beginning is the version of its source; what waits there comes to its end as it did."""
    steps = [{"charge": {"amount": 1}}, {"signal": {"name": "go"}}, {"again": {"$node": "charge", "amount": "$.total"}}]
    source = ran(engine, order() | {"workflow": steps}, status="suspended")
    name = engine.fork(source, patch=setting("/total", 8)).execution_id
    assert engine.what_if(name)["counts"] == {"same": 1}
    engine.signal(name, "go", 1)
    engine.wait(name)
    answer = engine.what_if(name)
    assert (answer["status"], answer["counts"]) == ("completed", {"reused": 2})
    assert answer["finalState"] == engine.execution(name)["finalState"]
    answer = engine.what_if(name, patch=setting("/total", 9))
    assert [need["address"] for need in answer["needs"]] == ["/workflow/2/again"]
    assert CHARGED == [1, 8]


def test_how_many_would_end_otherwise(engine: Engine) -> None:
    """Of the last ones, where they first differ, and in a sentence."""
    definition = order() | {"workflow": [{"big": {"$node": "logic", "operation": "greater", "values": ["$.total", 3],
                                                  "true?": [{"$.fee": 1}]}}]}  # fmt: skip
    for total in range(10):
        engine.run(definition, initial_state={"total": total})
    engine.run(order() | {"id": "another"})
    other = deepcopy(definition)
    other["workflow"][0]["big"]["values"] = ["$.total", 6]
    found = engine.what_if_many("order", definition=other)
    assert (found["walked"], found["same"], found["otherwise"], found["unknown"]) == (10, 7, 3, 0)
    assert found["summary"] == "3 of 10 would end otherwise, 3 of them from /workflow/0/big on."
    (group,) = found["divergences"]
    assert (group["address"], group["step"], group["count"]) == ("/workflow/0/big", "big", 3)
    wrong = {each["executionId"] for each in found["executions"] if each["verdict"] == "otherwise"}
    assert set(group["executions"]) == wrong
    assert engine.what_if_many("order", last=4, definition=other)["walked"] == 4
    assert engine.what_if_many("order", status=["failed"])["summary"] == "There is no such execution."
    # A changed value that nothing comes of is no other end.
    assert engine.what_if_many("order", patch=setting("/unused", 1))["same"] == 10


def test_many_of_which_some_are_not_known(engine: Engine) -> None:
    """They are counted apart, each with the reason."""
    for total in (5, 6):
        engine.run(order(), initial_state={"total": total, "list": [], "sum": 0})
    found = engine.what_if_many("order", patch=setting("/total", 6))
    assert (found["walked"], found["same"], found["unknown"]) == (2, 1, 1)
    reason = next(each["reason"] for each in found["executions"] if each["verdict"] == "unknown")
    assert reason == f"{CHARGE}: its parameter amount is different"
    assert found["summary"] == "0 of 2 would end otherwise; of 1 it is not known."


@pytest.mark.parametrize(
    ("asked", "code", "path"),
    [
        ({"patch": [{"op": "replace", "path": "/none", "value": 1}]}, "PATCH_FAILED", "/patch/0/path"),
        ({"patch": {"total": 1}}, "INVALID_PATCH", "/patch"),
        ({"assume": {"/workflow/1/chrge": {"edge": "x"}}}, "NO_SUCH_STEP", "/assume/~1workflow~11~1chrge"),
        ({"assume": {CHARGE: {"edge": "x?"}}}, "SCHEMA", "/assume/~1workflow~11~1charge/edge"),
        ({"assume": {CHARGE: {"egde": "x"}}}, "UNKNOWN_KEY", "/assume/~1workflow~11~1charge/egde"),
        ({"assume": "record"}, "SCHEMA", "/assume"),
        ({"definition": 3}, "SCHEMA", "/definition"),
        ({"at": 99}, "INVALID_VERSION", None),
        ({"at": [1]}, "SCHEMA", "/at"),
    ],
)
def test_a_question_that_can_not_be_asked(engine: Engine, asked: dict[str, Any], code: str, path: str | None) -> None:
    """It is refused, with the place."""
    name = ran(engine, order())
    with pytest.raises(Unacceptable) as refusal:
        engine.what_if(name, **asked)
    assert refusal.value.code == code
    assert path is None or refusal.value.details[0].path == path


def test_a_definition_that_is_none_or_that_it_can_not_be_in(engine: Engine) -> None:
    """Its problems are told with their places in the question; a position must be in it."""
    name = ran(engine, order())
    with pytest.raises(InvalidDefinition) as invalid:
        engine.what_if(name, definition=order() | {"workflow": ["nonsense"]})
    assert invalid.value.problems[0].path == "/definition/workflow/0"
    with pytest.raises(Unacceptable) as refusal:
        engine.what_if(name, at=6, definition=order() | {"workflow": [{"charge": {"amount": 5}}]})
    assert refusal.value.code == "NO_SUCH_POSITION"
    with pytest.raises(NotFound):
        engine.what_if("nobody")


def test_many_are_walked_quickly(tmp_path: Path) -> None:
    """A hundred executions of fifty steps in a second of the processor's time, five hundred in five: half as much again is
    allowed here, where the machine may have other things to do.
    """
    steps = [
        step for n in range(25) for step in ({f"c{n}": {"$node": "charge", "amount": 1}}, {f"$.k{n}": "$.total + 1"})
    ]
    definition = order() | {"workflow": steps}
    with Engine(f"sqlite:///{tmp_path / 'log.db'}", nodes=[Charge]) as engine:
        for total in range(100):
            engine.submit(definition, initial_state={"total": total})
        for item in engine.executions(limit=100)["items"]:
            engine.wait(item["executionId"])
        times = []
        asks: list[dict[str, Any]] = [{}, {}, {"patch": setting("/total", 7)}]
        for asked in asks:
            begun = process_time()
            found = engine.what_if_many("order", last=100, **asked)
            times.append(process_time() - begun)
            assert (found["walked"], found["unknown"]) == (100, 0)
            assert found["otherwise"] == (99 if asked else 0)
    assert min(times) < 1.5, times


@pytest.mark.parametrize("block", range(2))
def test_what_a_real_engine_did_is_walked_again_as_it_was(block: int) -> None:
    """Branches beside one another, locks, timers and retries, as its loop and its threads had them."""
    made = 0
    for seed in range(block * ENGINED, (block + 1) * ENGINED):
        case = build(Random(f"walked {seed}"))
        if is_refused(case):
            continue
        acts = {name: [act_of(does) for does in each] for name, each in case.script.items()}
        script = Script(acts)
        nodes = [scripted(letter, script, effect=("writes", "reads")[seed % 2]) for letter in LETTERS]
        with Engine(nodes=nodes) as engine:
            name = engine.submit(case.definition).execution_id
            live(engine, name, case)
            ran = len(script.ran)
            answer = engine.what_if(name)
            shown, state = engine.execution(name), engine.state(name)["state"]
        assert (answer["divergence"], answer["needs"]) == (None, []), (seed, answer["divergence"])
        assert (answer["status"], answer["finalState"]) == (shown["status"], state)
        assert len(script.ran) == ran
        made += 1
    assert made > ENGINED // 3
