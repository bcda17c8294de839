"""The compiler: every error and warning by its code and place, all at once, and what a program knows."""

from __future__ import annotations

from typing import Any

import pytest

from domain.budget import Budget
from domain.compiler import compile_definition
from domain.errors import InvalidDefinition
from domain.limits import Limits
from domain.node import Parameter
from domain.problems import Problem
from domain.reporting import MAX_PROBLEMS
from tests.support.workflows import Catalog, Script, problems_of, scripted, workflow

SCRIPT = Script()
TYPED = {
    "count": Parameter(types=("integer",), required=True, aliases=("number",)),
    "mode": Parameter(types=("string",), enum=("fast", "slow")),
    "any": Parameter(),
}
NODES = Catalog(
    *[scripted(letter, SCRIPT) for letter in "abch"],
    scripted("typed", SCRIPT, parameters=TYPED, gone=("old",)),
    scripted("picky", SCRIPT, edges=("yes", "no"), outputs=()),
    scripted("writer", SCRIPT, effect="writes", outputs=()),
    scripted(
        "keeper",
        SCRIPT,
        effect="writes",
        effects={"get": "reads"},
        outputs=(),
        parameters={"operation": Parameter(types=("string",), default="get")},
    ),
    scripted("rounds", SCRIPT, iterates=True, outputs=(), parameters={"maxIterations": Parameter(types=("integer",))}),
    scripted("end", SCRIPT, edges=(), outputs=()),
    scripted("fail", SCRIPT, edges=(), outputs=()),
)


def found(*steps: Any, limits: Limits | None = None, **kwargs: Any) -> list[tuple[str, str]]:
    """(code, path) of everything about these steps."""
    return [(one.code, one.path) for one in problems_of(workflow(*steps, **kwargs), NODES, limits=limits)]


def errors_of(*steps: Any) -> list[tuple[str, str]]:
    """(code, path) of the errors alone."""
    listed = problems_of(workflow(*steps), NODES)
    return [(one.code, one.path) for one in listed if one.severity == "error"]


GOOD: dict[str, Any] = {"id": "w", "name": "W", "version": "1.0.0", "workflow": ["a"]}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": None}, "/id"),
        ({"id": "a b"}, "/id"),
        ({"id": ""}, "/id"),
        ({"id": "a\n"}, "/id"),
        ({"id": "a" * 256}, "/id"),
        ({"name": ""}, "/name"),
        ({"name": 5}, "/name"),
        ({"version": "1.0"}, "/version"),
        ({"version": "1.0.0-beta"}, "/version"),
        ({"version": "١.0.0"}, "/version"),
        ({"workflow": []}, "/workflow"),
        ({"workflow": {"a": {}}}, "/workflow"),
        ({"initialState": []}, "/initialState"),
        ({"settings": 5}, "/settings"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_top_level_values_that_can_not_be(change: dict[str, Any], path: str) -> None:
    """`SCHEMA`, at the value."""
    problems = problems_of({**GOOD, **change}, NODES)
    assert [(one.code, one.path, one.severity) for one in problems] == [("SCHEMA", path, "error")]


@pytest.mark.parametrize("key", ["id", "name", "version", "workflow"])
def test_top_level_keys_that_are_required(key: str) -> None:
    """`SCHEMA`, at the document."""
    (problem,) = problems_of({name: value for name, value in GOOD.items() if name != key}, NODES)
    assert (problem.code, problem.path) == ("SCHEMA", "")
    assert key in problem.message


@pytest.mark.parametrize("definition", [None, [], "text", 5], ids=str)
def test_a_definition_that_is_no_object(definition: Any) -> None:
    """One problem, not an exception of Python's."""
    assert [(one.code, one.path) for one in problems_of(definition, NODES)] == [("SCHEMA", "")]


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ([5], [("SCHEMA", "/workflow/0")]),
        ([None], [("SCHEMA", "/workflow/0")]),
        ([{}], [("SCHEMA", "/workflow/0")]),
        (["a b"], [("SCHEMA", "/workflow/0")]),
        (["$end"], [("SCHEMA", "/workflow/0")]),
        (["a..."], [("SCHEMA", "/workflow/0")]),
        ([{"a b": {}}], [("SCHEMA", "/workflow/0/a b")]),
        ([{"a/b": {}}], [("SCHEMA", "/workflow/0/a~1b")]),
        ([{"a": 5}], [("SCHEMA", "/workflow/0/a")]),
        ([{"a": None}], [("SCHEMA", "/workflow/0/a")]),
        ([{"a": {"x?": 5}}], [("SCHEMA", "/workflow/0/a/x?")]),
        ([{"a": {"x?": [5]}}], [("SCHEMA", "/workflow/0/a/x?/0")]),
        ([{"a": {"?": "b"}}], [("SCHEMA", "/workflow/0/a/?")]),
        (["missing"], [("UNKNOWN_NODE", "/workflow/0")]),
        ([{"x": {"$node": "missing"}}], [("UNKNOWN_NODE", "/workflow/0/x/$node")]),
        ([{"a": {"x?": "missing"}}], [("UNKNOWN_TARGET", "/workflow/0/a/x?")]),
        ([{"a": {"x?": "$emd"}}], [("UNKNOWN_TARGET", "/workflow/0/a/x?")]),
        ([{"c": {"x?": "b"}}, "b", "b"], [("AMBIGUOUS_TARGET", "/workflow/0/c/x?")]),
        ([{"a": {"$retri": {}}}], [("UNKNOWN_OPTION", "/workflow/0/a/$retri")]),
        ([{"a": {"$breaker": True}}], [("INVALID_OPTION", "/workflow/0/a/$breaker")]),
        ([{"a": {"$breaker": {"failure": 3}}}], [("INVALID_OPTION", "/workflow/0/a/$breaker/failure")]),
        ([{"a": {"$breaker": {"failures": 0}}}], [("INVALID_OPTION", "/workflow/0/a/$breaker/failures")]),
        ([{"a": {"$breaker": {"cooldown": "soon"}}}], [("INVALID_OPTION", "/workflow/0/a/$breaker/cooldown")]),
        ([{"a": {"$retry": 3}}], [("INVALID_OPTION", "/workflow/0/a/$retry")]),
        ([{"a": {"$retry": {"attempts": 3}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/attempts")]),
        ([{"a": {"$retry": {"maxAttempts": 0}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/maxAttempts")]),
        ([{"a": {"$retry": {"maxAttempts": 2.5}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/maxAttempts")]),
        ([{"a": {"$retry": {"delay": "soon"}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/delay")]),
        ([{"a": {"$retry": {"backoff": "wild"}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/backoff")]),
        ([{"a": {"$retry": {"backoff": 0.5}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/backoff")]),
        ([{"a": {"$retry": {"jitter": 2}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/jitter")]),
        ([{"a": {"$retry": {"nonRetryable": "X"}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/nonRetryable")]),
        ([{"a": {"$retry": {"exhausted": "cry"}}}], [("INVALID_OPTION", "/workflow/0/a/$retry/exhausted")]),
        ([{"a": {"$node": 5}}], [("INVALID_OPTION", "/workflow/0/a/$node")]),
        ([{"a": {"$timeout": "soon"}}], [("INVALID_OPTION", "/workflow/0/a/$timeout")]),
        ([{"a": {"$timeout": "31s"}}], [("INVALID_OPTION", "/workflow/0/a/$timeout")]),
        ([{"a": {"$timeout": 0}}], [("INVALID_OPTION", "/workflow/0/a/$timeout")]),
        ([{"a": {"$output": 5}}], [("INVALID_OPTION", "/workflow/0/a/$output")]),
        ([{"a": {"$output": ""}}], [("INVALID_OPTION", "/workflow/0/a/$output")]),
        ([{"a": {"$output": True}}], [("INVALID_OPTION", "/workflow/0/a/$output")]),
        ([{"a": {"$onCrash": "retry"}}], [("INVALID_OPTION", "/workflow/0/a/$onCrash")]),
        ([{"a...": {"$maxIterations": 0}}], [("INVALID_OPTION", "/workflow/0/a.../$maxIterations")]),
        ([{"a...": {"$maxIterations": 100_001}}], [("INVALID_OPTION", "/workflow/0/a.../$maxIterations")]),
        ([{"a...": {"$maxIterations": True}}], [("INVALID_OPTION", "/workflow/0/a.../$maxIterations")]),
        ([{"rounds...": {"maxIterations": 100_001}}], [("INVALID_OPTION", "/workflow/0/rounds.../$maxIterations")]),
        ([{"x?": "a"}], [("ROUTE_OUTSIDE_NODE", "/workflow/0/x?")]),
        ([{"a": {"x?": {"y?": "b"}}}], [("ROUTE_OUTSIDE_NODE", "/workflow/0/a/x?/y?")]),
        ([{"$.a b": 1}], [("INVALID_PATH", "/workflow/0/$.a b")]),
        ([{"$.a?": 1}], [("INVALID_PATH", "/workflow/0/$.a?")]),
        ([{"$['a": 1}], [("INVALID_PATH", "/workflow/0/$['a")]),
        ([{"a": {"p": "$.x +"}}], [("INVALID_EXPRESSION", "/workflow/0/a/p")]),
        ([{"a": {"p": {"q": ["{{nope(1)}}"]}}}], [("INVALID_EXPRESSION", "/workflow/0/a/p/q/0")]),
        ([{"$.n": "{{wrong.root}}"}], [("INVALID_EXPRESSION", "/workflow/0/$.n")]),
        ([{"picky": {"maybe?": "a"}}], [("UNKNOWN_EDGE", "/workflow/0/picky/maybe?")]),
        ([{"typed": {}}], [("MISSING_PARAMETER", "/workflow/0/typed")]),
        ([{"typed": {"count": 1, "modus": "fast"}}], [("UNKNOWN_PARAMETER", "/workflow/0/typed/modus")]),
        ([{"typed": {"count": "1"}}], [("PARAMETER_TYPE", "/workflow/0/typed/count")]),
        ([{"typed": {"count": None}}], [("PARAMETER_TYPE", "/workflow/0/typed/count")]),
        ([{"typed": {"count": 1.5}}], [("PARAMETER_TYPE", "/workflow/0/typed/count")]),
        ([{"typed": {"count": True}}], [("PARAMETER_TYPE", "/workflow/0/typed/count")]),
        ([{"typed": {"count": 1, "number": 2}}], [("DUPLICATE_PARAMETER", "/workflow/0/typed/number")]),
        ([{"a": {"x?": "$break"}}], [("OUTSIDE_LOOP", "/workflow/0/a/x?")]),
        ([{"a": {"x?": "$continue"}}], [("OUTSIDE_LOOP", "/workflow/0/a/x?")]),
        ([{"a...": {"done?": [{"b": {"x?": "$break"}}]}}], [("OUTSIDE_LOOP", "/workflow/0/a.../done?/0/b/x?")]),
        (["end", "a"], [("UNREACHABLE_STEP", "/workflow/1")]),
    ],
    ids=lambda value: str(value[0])[:60] if value and not isinstance(value[0], tuple) else "",
)
def test_errors_by_code_and_place(steps: list[Any], problems: list[tuple[str, str]]) -> None:
    """Each where it stands."""
    assert errors_of(*steps) == problems


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ([{"a": {}, "b": {}}], [("SEVERAL_STEPS", "/workflow/0")]),
        ([{"a": {"x?": {"b": {}, "c": {}}}}], []),
        ([{"c": {"x?": "b"}}, "b"], [("JUMP_NOT_RUN", "/workflow/0/c/x?")]),
        (["rounds"], [("NOT_A_LOOP", "/workflow/0")]),
        ([{"rounds...": {}}, {"rounds": {"loop?": []}}], []),
        (["writer"], [("NO_ERROR_ROUTE", "/workflow/0")]),
        ([{"keeper": {"operation": "put"}}], [("NO_ERROR_ROUTE", "/workflow/0/keeper")]),
        ([{"keeper": {"operation": "get"}}], []),
        (["keeper"], []),
        ([{"keeper": {"operation": "{{execution.id}}"}}], [("NO_ERROR_ROUTE", "/workflow/0/keeper")]),
        ([{"writer": {"error?": "$fail"}}], []),
        ([{"a": {"text": "costs $.price"}}], [("DOLLAR_IN_TEXT", "/workflow/0/a/text")]),
        ([{"typed": {"count": 1, "mode": "fats"}}], [("UNKNOWN_VALUE", "/workflow/0/typed/mode")]),
        ([{"typed": {"count": 1, "old": 2}}], [("PARAMETER_GONE", "/workflow/0/typed/old")]),
        ([{"typed": {"count": 1, "_note": "$.x +"}}], []),
        ([{"picky": {"yes?": [{"$.n": "$.nothing"}]}}], [("NEVER_WRITTEN", "/workflow/0/picky/yes?/0/$.n")]),
        (["picky", {"$.n": "$.picky_output"}], []),
        (["a", {"$.n": "$.nothing"}], []),
        ([{"a": {"x?": [{"a": {"x?": [{"a": {"x?": [{"a": {"x?": [{"a": {"x?": ["b"]}}]}}]}}]}}]}}],
         [("DEEP_NESTING", "/workflow/0/a/x?/0/a/x?/0/a/x?/0/a/x?/0/a/x?/0")]),
    ],
    ids=["several keys", "several keys in a route", "a jump to what is a node too", "an iterator that is no loop",
         "iterators that are", "a node that writes", "one by its operation", "one that reads", "one that reads by default",
         "one of which nobody knows yet", "with its error route", "a path in a text", "an unknown value",
         "a parameter that is gone", "a comment", "a read of what nothing writes", "a read of an output",
         "some step may write anything", "deep nesting"],
)  # fmt: skip
def test_warnings_by_code_and_place(steps: list[Any], problems: list[tuple[str, str]]) -> None:
    """A definition with warnings alone compiles, and the program has them."""
    program = compile_definition(workflow(*steps), NODES)
    assert [(one.code, one.path) for one in program.warnings] == problems
    assert {one.severity for one in program.warnings} <= {"warning"}


@pytest.mark.parametrize(
    ("key", "value", "code", "severity"),
    [
        ("maxSteps", 0, "INVALID_OPTION", "error"),
        ("maxSteps", 100_001, "INVALID_OPTION", "error"),
        ("maxIterations", 100_001, "INVALID_OPTION", "error"),
        ("timeout", "31s", "INVALID_OPTION", "error"),
        ("timeout", "never", "INVALID_OPTION", "error"),
        ("budget", {}, "INVALID_OPTION", "error"),
        ("budget", 0, "INVALID_OPTION", "error"),
        ("budget", -1.5, "INVALID_OPTION", "error"),
        ("budget", True, "INVALID_OPTION", "error"),
        ("budget", None, "INVALID_OPTION", "error"),
        ("budget", "1.5", "INVALID_OPTION", "error"),
        ("concurrencyKey", "k", "NOT_SUPPORTED", "error"),
        ("onCriticalError", "explode", "INVALID_OPTION", "error"),
        ("maxStep", 5, "UNKNOWN_SETTING", "warning"),
    ],
)
def test_settings_that_can_not_be(key: str, value: Any, code: str, severity: str) -> None:
    """A workflow may lower limits, and raise its passes up to the server's cap."""
    (problem,) = problems_of({**GOOD, "settings": {key: value}}, NODES)
    assert (problem.code, problem.path, problem.severity) == (code, f"/settings/{key}", severity)


@pytest.mark.parametrize(
    ("value", "path", "close"),
    [
        ({"cost": 0}, "/cost", None),
        ({"cost": "1"}, "/cost", None),
        ({"tokens": 0}, "/tokens", None),
        ({"tokens": 1.5}, "/tokens", None),
        ({"tokens": None, "cost": 1}, "/tokens", None),
        ({"tokens": 5, "token": 5}, "/token", "tokens"),
    ],
)
def test_budgets_that_can_not_be(value: Any, path: str, close: str | None) -> None:
    """Each told with its place."""
    (problem,) = problems_of({**GOOD, "settings": {"budget": value}}, NODES)
    assert (problem.code, problem.path) == ("INVALID_OPTION", f"/settings/budget{path}")
    assert problem.nearest == close


def test_budgets() -> None:
    """A number is a cost; either alone, or both."""

    def budget(value: Any) -> Budget | None:
        return compile_definition({**GOOD, "settings": {"budget": value}}, NODES).budget

    assert compile_definition(GOOD, NODES).budget is None
    assert budget(1.5) == Budget(cost=1.5)
    assert budget(2) == Budget(cost=2.0)
    assert budget({"tokens": 100_000}) == Budget(tokens=100_000)
    assert budget({"cost": 0.001, "tokens": 1}) == Budget(cost=0.001, tokens=1)


def test_settings_are_defaults_that_a_step_may_overrule() -> None:
    """Up to what the server allows."""
    steps = ["a", {"b": {"$timeout": "20s"}}, {"c...": {"$maxIterations": 100_000}}]
    program = compile_definition(workflow(*steps, timeout="5s", maxIterations=7, maxSteps=9), NODES)
    assert [step.options.timeout_ms for step in program.steps] == [5_000, 20_000, 5_000]
    assert [step.options.max_iterations for step in program.steps] == [7, 7, 100_000]
    assert program.max_steps == 9


def test_unknown_top_level_keys_are_kept_with_a_warning() -> None:
    """With the nearest one that means something."""
    (problem,) = compile_definition({**GOOD, "initialstate": {}, "description": "d", "$schema": "s"}, NODES).warnings
    assert (problem.code, problem.path, problem.nearest) == ("UNKNOWN_KEY", "/initialstate", "initialState")


@pytest.mark.parametrize(
    ("steps", "close"),
    [
        (["tiped"], "typed"),
        ([{"a": {"x?": "chargee"}}, {"charge": {"$node": "b"}}], "charge"),
        ([{"a": {"$timeot": 5}}], "$timeout"),
        ([{"a": {"x?": "$brake"}}], "$break"),
        ([{"picky": {"yess?": []}}], "yes"),
        ([{"typed": {"count": 1, "mod": "fast"}}], "mode"),
    ],
    ids=["node", "target", "option", "directive", "edge", "parameter"],
)
def test_the_nearest_valid_name_is_suggested(steps: list[Any], close: str) -> None:
    """A typo is answered with what was probably meant."""
    assert problems_of(workflow(*steps), NODES)[0].nearest == close


@pytest.mark.parametrize(
    ("steps", "unreachable"),
    [
        (["end", "b"], True),
        ([{"c": {"x?": "b"}}, "end", "b"], False),
        (["fail", "b"], True),
        ([{"fail": {"error?": []}}, "b"], False),
        ([{"picky": {"yes?": "$end", "no?": "$fail"}}, "b"], True),
        ([{"picky": {"yes?": "$end", "no?": None}}, "b"], True),
        ([{"picky": {"yes?": "$end"}}, "b"], False),
        ([{"picky": {"yes?": "$end", "no?": []}}, "b"], False),
        ([{"picky": {"yes?": "$end", "no?": "h"}}, "b"], False),
        ([{"picky": {"yes?": "$end", "no?": "$end", "error?": "$fail"}}, "b"], True),
        ([{"picky": {"yes?": "$end", "no?": "$end", "error?": []}}, "b"], False),
        ([{"picky": {"yes?": "c", "no?": "c"}}, "b", "c"], True),
        ([{"picky...": {"yes?": None, "no?": "$break"}}, "b"], False),
        ([{"picky...": {"yes?": "$end", "no?": "$fail"}}, "b"], True),
        ([{"a...": {"go?": [{"picky": {"yes?": "$break", "no?": "$continue"}}, "b"]}}], True),
        ([{"a...": {"go?": [{"picky": {"yes?": None, "no?": None}}, "b"]}}], True),
        ([{"a": {"x?": "$end"}}, "b"], False),
        ([{"$.n": 1}, "b"], False),
    ],
    ids=["end", "a jump names it", "fail", "fail that is caught", "every edge ends", "null at the top ends",
         "an edge is not routed", "a block comes back", "a node that runs comes back", "error is routed too",
         "error comes back", "every edge jumps on", "a loop's null and $break go on", "a loop's edges end",
         "$break and $continue of the loop around", "null ends a body", "edges that are not listed", "a setter"],
)  # fmt: skip
def test_which_steps_nothing_leads_to(steps: list[Any], unreachable: bool) -> None:
    """LANGUAGE, section 9: unreachable steps are errors."""
    assert ("UNREACHABLE_STEP" in [code for code, _ in errors_of(*steps)]) is unreachable


def test_everything_is_told_at_once_errors_first() -> None:
    """A person need not send a definition again and again to hear of the next problem."""
    definition = {"id": "w w", "name": "", "version": "1", "wrokflow": [], "workflow": ["nope", {"a": {"x?": "$.b"}}]}
    problems = problems_of(definition, NODES)
    assert [one.code for one in problems] == ["SCHEMA"] * 3 + ["UNKNOWN_TARGET", "UNKNOWN_NODE", "UNKNOWN_KEY"]


@pytest.mark.parametrize(("count", "severity"), [(150, "warning"), (0, "error")])
def test_hundreds_of_problems_are_cut_and_said_to_be(count: int, severity: str) -> None:
    """What is left out keeps its severity: warnings alone are no error."""
    keys = {f"key{index}": 1 for index in range(count)}
    steps = ["a"] if count else [f"none{index}" for index in range(150)]
    problems = problems_of({**GOOD, **keys, "workflow": steps}, NODES)
    assert len(problems) == MAX_PROBLEMS + 1
    assert (problems[-1].code, problems[-1].severity) == ("MORE", severity)


def test_too_many_steps() -> None:
    """The limit is inclusive, and counts the nodes that routes run."""
    limits = Limits(definition_steps=3)
    assert found("a", {"a": {"x?": "h"}}, limits=limits) == []
    assert found("a", {"a": {"x?": "h"}}, "a", limits=limits) == [("TOO_MANY_STEPS", "/workflow")]


def test_too_deep() -> None:
    """Before anything recurses into it."""
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    problems = problems_of({**GOOD, "initialState": {"deep": deep}}, NODES)
    assert [one.code for one in problems] == ["TOO_DEEP"]


def test_known_problems_are_told_with_the_rest() -> None:
    """Duplicate keys are found in the text, which the compiler never sees."""
    known = Problem(code="DUPLICATE_KEY", path="/id", message="Twice.")
    with pytest.raises(InvalidDefinition) as invalid:
        compile_definition({**GOOD, "workflow": ["nope"]}, NODES, known=(known,))
    assert [one.code for one in invalid.value.problems] == ["DUPLICATE_KEY", "UNKNOWN_NODE"]


def test_addresses_are_pointers_into_the_source() -> None:
    """Of a string step the string's own; of a node that a route runs, the route's."""
    steps = ["a", {"b": {"x?": "h", "y?": ["c", {"a": {}}], "z?": {"c": {}, "$.n": 1}}}]
    program = compile_definition(workflow(*steps), NODES)
    assert {step.address for step in program.steps} == {
        "/workflow/0",
        "/workflow/1/b",
        "/workflow/1/b/x?",
        "/workflow/1/b/y?/0",
        "/workflow/1/b/y?/1/a",
        "/workflow/1/b/z?/c",
        "/workflow/1/b/z?/$.n",
    }
    assert all(program.at(step.address) is step for step in program.steps)


def test_a_program_is_known_by_the_hash_of_its_definition() -> None:
    """Equal definitions have one hash, and any difference another."""
    first, again = compile_definition(GOOD, NODES), compile_definition(dict(GOOD), NODES)
    other = compile_definition({**GOOD, "name": "V"}, NODES)
    assert first.hash == again.hash != other.hash
    assert (first.id, first.name, first.version, first.initial_state) == ("w", "W", "1.0.0", {})


def test_literals_that_hold_a_reference_are_not_checked() -> None:
    """Their type is known only when they are resolved."""
    for value in ("$.n", "{{1 + 1}}", "$.n + 1"):
        assert errors_of({"typed": {"count": value}}) == []


def test_an_unknown_target_says_nothing_of_what_is_behind_it() -> None:
    """A route that leads nowhere is one problem: where it was meant to lead decides whether the next step is reached."""
    assert errors_of({"picky": {"yes?": "nowhere", "no?": "nowhere"}}, "a") == [
        ("UNKNOWN_TARGET", "/workflow/0/picky/yes?"),
        ("UNKNOWN_TARGET", "/workflow/0/picky/no?"),
    ]


def test_an_output_of_null_is_refused() -> None:
    """`$output` is a key or false; null says neither."""
    assert errors_of({"a": {"$output": None}}) == [("INVALID_OPTION", "/workflow/0/a/$output")]


def test_a_node_id_that_is_to_be_resolved_is_refused_at_its_place() -> None:
    """`$node` is a literal."""
    (problem,) = [one for one in problems_of(workflow({"a": {"$node": "{{$.x}}"}}), NODES) if one.severity == "error"]
    assert (problem.path, "literal" in problem.message) == ("/workflow/0/a/$node", True)
