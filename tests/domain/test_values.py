"""Values of a definition: told apart, compiled and resolved (LANGUAGE, section 3)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import StepFailure
from domain.problems import Problem
from domain.reporting import Report
from domain.scope import Scope
from domain.values import Value, compile_value

STATE: dict[str, Any] = {
    "i": 3,
    "name": "Ann",
    "list": [1, {"a": None}],
    "null": None,
    "user": {"name": "Bo"},
    "f": 5.0,
}


def compiled(value: Any, *, lenient: bool = False, fill_bare: bool = False) -> tuple[Value, list[Problem]]:
    """The compiled value and what was reported."""
    report = Report()
    found = compile_value(value, path="/p", report=report, lenient=lenient, fill_bare=fill_bare)
    return found, list(report.problems())


def resolved(value: Any, *, lenient: bool = False, fill_bare: bool = False, **roots: Any) -> tuple[Any, list[str]]:
    """The resolved value and the warnings of its resolution; the value must compile without errors."""
    found, problems = compiled(value, lenient=lenient, fill_bare=fill_bare)
    assert [problem for problem in problems if problem.severity == "error"] == []
    warnings: list[str] = []
    return found.resolve(Scope(**({"state": STATE} | roots)), warnings), warnings


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # 1: templates
        ("{{ $.i }}", 3),
        ("{{$.list}}", [1, {"a": None}]),
        ("{{ $.i + 1 }}", 4),
        ("{{ null }}", None),
        ("i={{$.i}}", "i=3"),
        ("{{$.i}}{{$.name}}", "3Ann"),
        (" {{$.i}}", " 3"),
        ("{{$.list}}!", '[1,{"a":null}]!'),
        ("<{{$.null}}|{{true}}|{{$.user}}|{{'é'}}>", '<null|true|{"name":"Bo"}|é>'),
        ("{{ '{{' }}", "{{"),
        ("{{ '{{' }} and {{ '}}' }}", "{{ and }}"),
        ("{{ {'a': {'b': $.i}} }}", {"a": {"b": 3}}),
        ("{{ {'a': {'b': {}}}}} end", '{"a":{"b":{}}} end'),
        ("a }} b {{$.i}}", "a }} b 3"),
        # 2: references
        ("$.i", 3),
        ("$['user'].name", "Bo"),
        ("$.null", None),
        ("$.list.length", 2),
        # 3: expressions
        ("$.i + 1", 4),
        ("$.i > 2 and $.name == 'Ann'", True),
        ("$.missing | default('x')", "x"),
        ("$.list[-1].a", None),
        # 4: anything else
        ("text", "text"),
        ("", ""),
        ("$", "$"),
        ("$x", "$x"),
        ("{ x }", "{ x }"),
        ("(1 + $.i)", "(1 + $.i)"),
        (" $.i", " $.i"),
        (5, 5),
        (None, None),
        # the escape
        ("$$.i", "$.i"),
        ("$$['i']", "$['i']"),
        ("$$.i is {{$.i}}", "$.i is 3"),
        ("$$", "$$"),
        ("$$x", "$$x"),
        # inside
        ({"a": ["$.i", {"b": "{{$.name}}!"}], "$.k": 1, "c": "$$.x"}, {"a": [3, {"b": "Ann!"}], "$.k": 1, "c": "$.x"}),
    ],
)
def test_values_are_told_apart_in_this_order(value: object, expected: object) -> None:
    """Template, reference, expression, itself; typed where the text is one reference or one expression."""
    found, warnings = resolved(value)
    assert found == expected
    assert type(found) is type(expected)
    assert warnings == []


def test_an_undefined_piece_of_a_template_is_the_empty_text_with_a_warning() -> None:
    """A log line must not fail a run."""
    found, warnings = resolved("a{{$.missing}}b{{$.missing + 1}}c")
    assert found == "abc"
    assert len(warnings) == 2
    assert "`$.missing`" in warnings[0]


def test_other_failures_of_a_piece_are_failures() -> None:
    """Only what is undefined is let through."""
    found, _ = compiled("a{{ 1 / 0 }}")
    with pytest.raises(StepFailure) as failure:
        found.resolve(Scope(state=STATE), [])
    assert failure.value.code == "EXPRESSION_ERROR"


@pytest.mark.parametrize(
    "value", ["$.missing", "{{ $.missing }}", "$.null.x", "$.missing + 1", ["$.missing"], "$.error"]
)
def test_what_is_missing_is_undefined_reference(value: object) -> None:
    """A reference is never a silent null, and a string that is exactly one `{{…}}` is not lenient."""
    found, problems = compiled(value)
    assert problems == []
    with pytest.raises(StepFailure) as failure:
        found.resolve(Scope(state=STATE), [])
    assert failure.value.code == "UNDEFINED_REFERENCE"


def test_error_in_an_error_route() -> None:
    """`$.error` and `{{error.message}}` read the bound error."""
    error = {"code": "X", "message": "boom"}
    assert resolved("$.error.message", error=error) == ("boom", [])
    assert resolved("Failed: {{$.error}}", error=error) == ('Failed: {"code":"X","message":"boom"}', [])
    assert resolved("{{error.message}}", error=error) == ("boom", [])


@pytest.mark.parametrize(
    ("value", "expected", "warned"),
    [
        ("$.missing", None, 1),
        ("{{ $.missing }}", None, 1),
        (["$.missing", "$.i"], [None, 3], 1),
        ({"a": {"b": ["$.missing + 1"]}, "c": "$.missing"}, {"a": {"b": [None]}, "c": None}, 2),
        ("$.i", 3, 0),
    ],
)
def test_lenient_values_are_null_where_undefined(value: object, expected: object, warned: int) -> None:
    """The value or an element of it at any depth, with a warning each."""
    found, warnings = resolved(value, lenient=True)
    assert found == expected
    assert len(warnings) == warned


def test_lenient_values_still_fail_for_other_reasons() -> None:
    """Leniency is about what was never set."""
    found, _ = compiled("$.name + 1", lenient=True)
    with pytest.raises(StepFailure) as failure:
        found.resolve(Scope(state=STATE), [])
    assert failure.value.code == "EXPRESSION_ERROR"


@pytest.mark.parametrize(
    ("value", "expected", "warned"),
    [
        ("Result: $.i.", "Result: 3.", 0),
        ("$.name is great", "Ann is great", 0),
        ("$.i% of $.user.name", "3% of Bo", 0),
        ("[$.missing]", "[]", 1),
        ("{{$.i}} and $.name", "3 and Ann", 0),
        ("$$.i and $.i", "$.i and 3", 0),
        ("$.i", 3, 0),
        ("$.i + 1", 4, 0),
        ("costs $$.i", "costs $$.i", 0),
        ("plain", "plain", 0),
    ],
)
def test_fill_bare(value: str, expected: object, warned: int) -> None:
    """A bare path in a text that is neither a reference nor an expression is filled in as `{{…}}` would be."""
    found, warnings = resolved(value, fill_bare=True)
    assert found == expected
    assert len(warnings) == warned


@pytest.mark.parametrize("fill_bare", [False, True])
@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("Result: $.i", "{{$.i}}"),
        ("(1 + $.i)", "{{$.i}}"),
        ("{{$.i}} of $.list.length", "{{$.list.length}}"),
        ("$$.x but $.y", "{{$.y}}"),
        ("see $['a b'][0] there", "{{$['a b'][0]}}"),
    ],
)
def test_dollar_in_text_is_a_warning_that_names_what_was_meant(value: str, meant: str, fill_bare: bool) -> None:
    """Code DOLLAR_IN_TEXT, with the pointer of the text; also where it is filled in."""
    _, problems = compiled({"a/b": [value]}, fill_bare=fill_bare)
    assert [(each.code, each.severity, each.path) for each in problems] == [("DOLLAR_IN_TEXT", "warning", "/p/a~1b/0")]
    assert meant in problems[0].message


@pytest.mark.parametrize(
    "value", ["$.i", "$.i + 1", "$$.i", "$$.i {{$.i}}", "$5.00", "a $ b", "$", "{{ '$.x' }}", "US$$.x"]
)
def test_no_warning_where_no_path_is_lost(value: str) -> None:
    """References, expressions, escapes and dollar signs."""
    assert compiled(value)[1] == []


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("$.a is great", "{{$.a}}"),
        ("$.a | uper", "upper"),
        ("$.a.0", "[0]"),
        ("$.a, $.b", "{{$.a}}"),
        ("$..a", "{{…}}"),
        ("{{ foo + 1 }}", "foo"),
        ("{{ inptu.x }} is", "input"),
        ("x {{ $.a", "}}"),
        ("{{ }}", "empty"),
        ("{{ 'x }}", "quote"),
        ("{{}}", "empty"),
        ("$.a()", "filter"),
    ],
)
def test_what_does_not_compile_is_an_error_that_says_what_to_write(value: str, named: str) -> None:
    """INVALID_EXPRESSION at the pointer of the text, suggesting `{{…}}` or the nearest name."""
    found, problems = compiled([1, {"k": value}])
    assert [(each.code, each.severity, each.path) for each in problems] == [("INVALID_EXPRESSION", "error", "/p/1/k")]
    assert named in f"{problems[0].message} {problems[0].nearest}"
    assert found.constant


def test_every_problem_is_reported() -> None:
    """Not only the first; errors come before warnings."""
    _, problems = compiled(["$.a b", "text $.c", "{{", {"x": "$.a |"}])
    assert [each.path for each in problems] == ["/p/0", "/p/2", "/p/3/x", "/p/1"]


@pytest.mark.parametrize(
    ("value", "constant", "reads"),
    [
        ([1, {"a": "b"}], True, set()),
        ("$$.x", True, set()),
        (["$$.x"], True, set()),
        ("text $.x", True, set()),
        ("$.a.b", False, {"a"}),
        ("$['k']", False, {"k"}),
        ({"x": ["{{$.a}}-{{$.b.c}}", "$.d + 1"], "y": 1}, False, {"a", "b", "d"}),
        ("{{ $ }}", False, {"*"}),
        ("$[0]", False, {"*"}),
        ("{{ input.x }}", False, set()),
    ],
)
def test_constant_and_static_reads(value: object, constant: bool, reads: set[str]) -> None:
    """What is known before anything runs."""
    found, _ = compiled(value)
    assert found.constant is constant
    assert found.static_reads() == reads


@pytest.mark.parametrize("value", [{"a": [1]}, {"a": [1], "b": "$.i"}, [[1], "{{$.i}}"]])
def test_constants_are_fresh_each_time(value: Any) -> None:
    """A node that changes what it was given can't reach the definition, or the next visit."""
    found, _ = compiled(value)
    first = found.resolve(Scope(state=STATE), [])
    (first["a"] if isinstance(first, dict) else first[0]).append(2)
    second = found.resolve(Scope(state=STATE), [])
    assert (second["a"] if isinstance(second, dict) else second[0]) == [1]
    assert value in ({"a": [1]}, {"a": [1], "b": "$.i"}, [[1], "{{$.i}}"])


def test_keys_keep_their_order() -> None:
    """Resolved objects are written as the author wrote them."""
    found, _ = resolved({"z": "$.i", "a": 1, "m": "{{$.name}}"})
    assert list(found) == ["z", "a", "m"]


def test_a_template_is_bounded() -> None:
    """A text that repeats a large value ends with EXPRESSION_ERROR."""
    found, _ = compiled("{{$.big}}" * 500)
    with pytest.raises(StepFailure) as failure:
        found.resolve(Scope(state={"big": "x" * 1_000_000}), [])
    assert failure.value.code == "EXPRESSION_ERROR"


def nested(depth: int) -> list[Any]:
    """Lists inside one another."""
    found: list[Any] = ["$.i"]
    for _ in range(depth):
        found = [found]
    return found


def test_a_value_nested_too_deep_is_refused() -> None:
    """By a problem, not by Python's recursion limit."""
    assert compiled(nested(60))[1] == []
    assert [problem.code for problem in compiled(nested(5_000))[1]] == ["TOO_DEEP"]


@pytest.mark.parametrize(
    "value",
    [
        [f"$.a{number}" for number in range(80_000)],
        [f"$.a + {number}" for number in range(80_000)],
        [f"$.a + {number} +" for number in range(60_000)],
        ["{{"] * 150_000,
        "{{$.a}}" * 140_000,
        "{{" * 500_000,
        "{{ '" + "a" * 1_000_000,
        "$" + ".a" * 500_000,
        "$.a + '" + "x" * 1_000_000 + "'",
        "{{" + "{" * 1_000_000,
    ],
    ids=["references", "expressions", "refused", "unclosed", "holes", "braces", "quote", "path", "long", "objects"],
)
def test_a_hostile_value_is_refused_soon(value: Any) -> None:
    """Up to 1 MiB of expressions costs a bounded time, and at least one error says so."""
    begin = time.process_time()
    _, problems = compiled(value)
    assert time.process_time() - begin < 1.0
    assert any(problem.severity == "error" for problem in problems)


plain_text = st.text().filter(lambda text: "$" not in text and "{{" not in text)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | plain_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(plain_text, inner, max_size=5),
    max_leaves=20,
)


@given(json_values)
def test_json_without_dollars_and_braces_is_itself(value: Any) -> None:
    """Whatever holds no `$` and no `{{` resolves to an equal value, and is constant."""
    found, problems = compiled(value)
    assert problems == []
    assert found.constant
    assert found.resolve(Scope(state={}), []) == value


@given(st.text(alphabet="$.{}[]'\"ab 1+|\\"), st.booleans(), st.booleans())
def test_any_text_compiles_to_a_value_and_problems(text: str, lenient: bool, fill_bare: bool) -> None:
    """Never an exception when compiling, and none but StepFailure when resolving."""
    found, problems = compiled(text, lenient=lenient, fill_bare=fill_bare)
    assert all(problem.path == "/p" and problem.message for problem in problems)
    try:
        found.resolve(Scope(state={"a": {"b": [1]}}), [])
    except StepFailure as failure:
        assert failure.code in ("UNDEFINED_REFERENCE", "EXPRESSION_ERROR")
