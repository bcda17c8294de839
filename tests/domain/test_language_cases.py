"""The cases of LANGUAGE, section 10: each by decide and evolve alone, and by the engine. 23 is in tests/crash."""

from __future__ import annotations

import json

import pytest

from domain.document import parse_definition
from domain.events import NodeStarted
from infrastructure.sources import locate
from tests.support.language_cases import CASES, LanguageCase
from tests.support.workflows import RUNNERS, Runner, Script, nodes_of, problems_of, workflow


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nodes_run_in_the_order_that_the_case_says(case: LanguageCase, run: Runner) -> None:
    """The order of the nodes, what they are given, how the execution ends, and its state."""
    script = Script(case.acts)
    ran = run(workflow(*case.steps), nodes_of(script))
    assert (script.order, ran.execution.status) == (case.order, case.status)
    assert case.state is None or ran.state.items() >= case.state.items()
    if case.seen is not None:
        assert script.configs == case.seen


def test_every_case_of_the_section_is_here() -> None:
    """1 to 27, but for the compile error of 22 below and the kills of 23."""
    assert {int(name.split()[0]) for name in CASES} == set(range(1, 28)) - {22, 23}


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_21_two_steps_of_one_name_have_two_addresses(run: Runner) -> None:
    """Addresses, not names, are a step's identity."""
    ran = run(workflow(*CASES["21 two steps of one name"].steps), nodes_of(Script()))
    addresses = [event.address for event in ran.events if isinstance(event, NodeStarted)]
    assert addresses == ["/workflow/0/log", "/workflow/1/log"]


def test_case_22_a_route_to_nothing_is_a_compile_error_with_line_and_column() -> None:
    """At the edge that leads there."""
    text = json.dumps(workflow({"a": {"x?": "missing"}}), indent=1).encode()
    definition, duplicates = parse_definition(text)
    (problem,) = locate(text, list(problems_of(definition, nodes_of(Script()))))
    assert duplicates == ()
    assert (problem.code, problem.path, problem.severity) == ("UNKNOWN_TARGET", "/workflow/0/a/x?", "error")
    at = next(number for number, line in enumerate(text.decode().splitlines(), 1) if "x?" in line)
    assert (problem.line, problem.column) == (at, text.decode().splitlines()[at - 1].index('"x?"') + 1)


@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_case_25_every_item_is_a_pass(run: Runner) -> None:
    """Loops that don't know their count end at 1,000; a list of 1,500 in the state has 1,500."""
    step = {"each...": {"items": "$.items", "loop?": [{"$.n": "$.n + 1"}]}}
    ran = run(workflow(step, state={"n": 0, "items": list(range(1_500))}), nodes_of(Script()))
    assert (ran.execution.status, ran.state["n"]) == ("completed", 1_500)


def test_case_27_has_a_warning() -> None:
    """That names what was probably meant."""
    definition = workflow({"a": {"text": "(1 + $.i)"}}, state={"i": 1})
    (problem,) = problems_of(definition, nodes_of(Script()))
    assert (problem.code, problem.severity, problem.path) == ("DOLLAR_IN_TEXT", "warning", "/workflow/0/a/text")
    assert "{{$.i}}" in problem.message
