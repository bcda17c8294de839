"""The engine and a naive interpreter, written from LANGUAGE alone, agree on random workflows and on all of its cases."""

from __future__ import annotations

import json
import os
from collections import Counter
from copy import deepcopy
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings

from domain.compiler import compile_definition
from domain.context import ExecutionContext
from domain.errors import InvalidDefinition
from domain.events import EdgeTaken, NodeFailed
from domain.node import Answer, Edge
from interfaces.embedded import Engine
from tests.reference.interpreter import Reference
from tests.reference.nodes import Does
from tests.reference.strategies import LETTERS, Case, build, cases
from tests.support.workflows import Act, Script, nodes_of, scripted, walked, workflow

TORTURE = os.environ.get("CLEW_TORTURE") == "1"
PROFILE = settings(
    max_examples=3_000 if TORTURE else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
SEEDS = 30_000 if TORTURE else 1_600
EMBEDDED = 500 if TORTURE else 25
WORDED_BY_THE_ENGINE = frozenset(
    ("LOOP_LIMIT", "STEP_LIMIT", "INVALID_PARAMETER", "FAILED", "UNDEFINED_REFERENCE", "STATE_PATH", "BRANCH_FAILED")
)
"""LANGUAGE fixes these errors, but not their message and details."""


NODES = nodes_of(Script())


class Outcome(NamedTuple):
    """What can be seen of a run: `visits` are (address, edge or None), `seen` the parameters of the scripted nodes."""

    visits: Any
    seen: Any
    status: str
    error: Any
    state: Any


def blurred(value: Any) -> Any:
    """The value with the engine's own wording left out."""
    if isinstance(value, list | tuple):
        return [blurred(each) for each in value]
    if not isinstance(value, dict):
        return value
    if {"code", "message", "severity"} <= value.keys() and value["code"] in WORDED_BY_THE_ENGINE:
        return {"code": value["code"]}
    return {key: blurred(each) for key, each in value.items()}


def same(left: Outcome, right: Outcome) -> None:
    """Assert that both are the same, to the JSON type; the message names the first part in which they differ."""
    for part, mine, other in zip(Outcome._fields, left, right, strict=True):
        one, two = (json.dumps(blurred(each), sort_keys=True) for each in (mine, other))
        assert one == two, part


def act_of(does: Does) -> Act:
    """The same act for a real node."""

    def act(context: ExecutionContext, config: dict[str, Any]) -> Answer:
        if does.raises is not None:
            raise ValueError(does.raises)
        for key, value in does.writes.items():
            context.state[key] = deepcopy(value)
        return None if does.edge is None else Edge(does.edge, deepcopy(does.data))

    return act


def script_of(case: Case) -> Script:
    """The script for real nodes."""
    return Script({name: [act_of(does) for does in acts] for name, acts in case.script.items()})


def by_engine(case: Case) -> Outcome:
    """Run by decide and evolve."""
    script = script_of(case)
    ran = walked(case.definition, nodes_of(script), one_by_one=True)
    visits = [
        (event.address, event.edge if isinstance(event, EdgeTaken) else "error")
        for event in ran.events
        if isinstance(event, EdgeTaken | NodeFailed)
    ]
    failure = ran.execution.failure
    seen = list(zip(script.ran, script.configs, strict=True))
    return Outcome(visits, seen, ran.execution.status, failure and failure.error.as_json(), ran.state)


def by_embedded_engine(case: Case) -> Outcome:
    """Run by the engine that a program embeds, and read as its answers show it."""
    script = script_of(case)
    with Engine(nodes=[scripted(letter, script) for letter in LETTERS]) as engine:
        execution_id = engine.submit(case.definition).execution_id
        assert engine.wait(execution_id, timeout_s=20.0), "it does not come to an end"
        events = engine.events(execution_id, limit=1_000)["items"]
        shown = engine.execution(execution_id)
        state = engine.state(execution_id)["state"]
    visits = [
        (event["address"], event["data"].get("edge") if event["type"] == "EdgeTaken" else "error")
        for event in events
        if event["type"] in ("EdgeTaken", "NodeFailed")
    ]
    error = shown.get("error")
    fields = ("type", "code", "message", "recoverable", "severity", "details")
    kept = error and {field: error.get(field) for field in fields}
    return Outcome(visits, list(zip(script.ran, script.configs, strict=True)), shown["status"], kept, state)


def by_reference(case: Case) -> Outcome:
    """Run by the naive interpreter."""
    ran = Reference(deepcopy(case.definition), case.script).run()
    return Outcome(ran.visits, ran.seen, ran.status, ran.error, ran.state)


def has_branches(case: Case) -> bool:
    """Whether something in it may run beside something else."""
    text = json.dumps(case.definition)
    return '"parallel"' in text or "$concurrency" in text


def is_refused(case: Case) -> bool:
    """Whether the compiler refuses it; a strategy may only make steps that can't be reached."""
    try:
        compile_definition(case.definition, NODES)
    except InvalidDefinition as error:
        assert {each.code for each in error.problems if each.severity == "error"} == {"UNREACHABLE_STEP"}, str(error)
        return True
    return False


@PROFILE
@given(cases)
def test_the_engine_does_what_the_reference_does(case: Case) -> None:
    """Visits, edges, what the nodes saw, the end and the state are the same."""
    assume(not is_refused(case))
    same(by_engine(case), by_reference(case))


@pytest.mark.parametrize("block", range(4))
def test_the_engine_does_what_the_reference_does_in_wider_workflows(block: int) -> None:
    """Seeded chance makes larger workflows than hypothesis cares to; together they reach every kind of end."""
    ends: Counter[str] = Counter()
    for seed in range(block * SEEDS // 4, (block + 1) * SEEDS // 4):
        case = build(Random(seed))
        if is_refused(case):
            continue
        reference = by_reference(case)
        try:
            same(by_engine(case), reference)
        except AssertionError as error:
            error.add_note(f"build(Random({seed})): {json.dumps(case.definition)}")
            raise
        ends[(reference.error or {}).get("code", reference.status)] += 1
    assert {"completed", "LOOP_LIMIT", "STEP_LIMIT", "NODE_ERROR", "FAILED", "UNDEFINED_REFERENCE"} <= ends.keys()


def test_the_embedded_engine_does_what_the_reference_does() -> None:
    """With its log, its loop and its threads; but for branches, whose order is then a matter of luck."""
    drawn = (build(Random(f"embedded {seed}")) for seed in range(4 * EMBEDDED))
    made = [case for case in drawn if not has_branches(case) and not is_refused(case)]
    for case in made:
        same(by_embedded_engine(case), by_reference(case))
    assert len(made) > EMBEDDED // 2, "too few cases without branches"


def does(*edges: str | None) -> list[Does]:
    """A script of edges without data; `!` raises."""
    return [Does(raises="no") if edge == "!" else Does(edge) for edge in edges]


RANGES: list[Any] = [
    {"range...": {"stop": 2, "loop?": ["h"]}},
    {"range...": {"stop": 3, "loop?": ["i"]}},
]
NESTED: list[Any] = [
    {
        "each...": {
            "items": ["x", "y"],
            "loop?": [
                {
                    "range...": {
                        "stop": 2,
                        "loop?": [{"each...": {"items": [1, 2], "loop?": [{"a": {"is": "$.currentItem"}}]}}],
                    }
                },
                {"b": {"is": "$.currentItem"}},
            ],
        }
    }
]
COUNTING: list[Any] = [{"$.i": 0}, {"while...": {"condition": "$.i < 5", "loop?": [{"$.i": "$.i + 1"}]}}]
GO: dict[str, list[Does]] = {"a": does("go", "go", "done")}
CASES: dict[str, tuple[list[Any], dict[str, list[Does]], str]] = {
    "1": (["a", "b"], {}, "a b"),
    "2": ([{"a": {"x?": "h"}}, "b"], {"a": does("x")}, "a h b"),
    "3": ([{"a": {"x?": "h"}}, "b"], {"a": does("y")}, "a b"),
    "4": ([{"a": {"error?": {"h": {}}}}, "b"], {}, "a b"),
    "5": ([{"a": {"x?": ["h", "i"]}}, "b"], {"a": does("x")}, "a h i b"),
    "6": ([{"a": {"x?": {"h": {"y?": {"i": {}}}}}}, "b"], {"a": does("x"), "h": does("y")}, "a h i b"),
    "7": ([{"a": {"x?": "c"}}, "b", "c", "d"], {"a": does("x")}, "a c d"),
    "8": ([{"a": {"x?": None}}, "b"], {"a": does("x")}, "a"),
    "9": ([{"a": {"x?": {"h": {"y?": None}, "i": {}}}}, "b"], {"a": does("x"), "h": does("y")}, "a h b"),
    "10": ([{"a": {"x?": {"h": {"y?": "c"}}}}, "b", "c"], {"a": does("x"), "h": does("y")}, "a h c"),
    "11": ([{"a": {"x?": "$end"}}, "b"], {"a": does("x")}, "a"),
    "12": (["a", "b"], {"a": does("!")}, "a failed"),
    "13": ([{"a": {"error?": ["h"]}}, "b"], {"a": does("!")}, "a h b"),
    "14": (["a", "b"], {"a": does("error")}, "a failed"),
    "15": ([{"a...": {"go?": ["h"], "done?": None}}, "b"], GO, "a h a h a b"),
    "16": ([{"a...": {"go?": ["h"], "done?": {"i": {}}}}, "b"], GO, "a h a h a i b"),
    "17": ([{"a": {"loop?": ["h"]}}, "b"], {"a": does("loop", "loop", "x")}, "a h a h a b"),
    "18": (RANGES, {}, "h h i i i"),
    "19": (NESTED, {}, "a a a a b a a a a b"),
    "20": (COUNTING, {}, ""),
    "21": ([{"log": {}}, {"log": {}}], {}, ""),
    "24, the loop": (
        [{"range...": {"stop": 3, "loop?": [{"h": {"x?": None}}, "i"]}}, "b"],
        {"h": does(None, "x")},
        "h i h b",
    ),
    "24, one block deeper": (
        [{"range...": {"stop": 2, "loop?": [{"h": {"x?": [{"i": {"y?": None}}, "c"]}}, "d"]}}, "b"],
        {"h": does("x", "x"), "i": does("y", "y")},
        "h i d h i d b",
    ),
    "25": ([{"each...": {"items": list(range(1_500)), "loop?": [{"$.n": "$.currentItem"}]}}], {}, ""),
    "26": (
        [{"a": {"error?": "handler"}}, "b", {"handler": {"text": "{{error.message}}"}}],
        {"a": does("!")},
        "a handler",
    ),
    "27": ([{"$.i": 1}, {"a": {"text": "(1 + $.i)"}}], {}, "a"),
}


@pytest.mark.parametrize("number", CASES)
def test_both_do_what_the_case_says(number: str) -> None:
    """LANGUAGE section 10, but for the compile error of case 22 and the kills of case 23."""
    steps, script, order = CASES[number]
    case = Case(workflow(*steps), script)
    reference = by_reference(case)
    said = [*(name for name, _ in reference.seen), *(["failed"] if reference.status == "failed" else [])]
    assert " ".join(said) == order
    same(by_engine(case), reference)
