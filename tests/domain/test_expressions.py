"""Expressions, as LANGUAGE section 3 and NODES ("Conventions") have them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import StepFailure
from domain.expressions import InvalidExpression, compile_expression, javascript
from domain.scope import Scope

STATE: dict[str, Any] = {
    "i": 3,
    "n": 2.5,
    "ok": True,
    "no": False,
    "name": "Ann",
    "digits": "42",
    "null": None,
    "list": [10, 20, 30],
    "key": "b",
    "user": {"name": "Bo", "a-b": 1, "tags": ["x", "y"]},
    "map": {"a": 1, "b": 2},
    "items": [{"id": 1, "price": 5}, {"id": 2, "price": 3}],
}


def scope(**changes: Any) -> Scope:
    """The roots that the tests read."""
    values: dict[str, Any] = {
        "state": STATE,
        "input": {"total": 7},
        "output": {"charge": {"id": "c1"}, "my-step": {"x": 5}, "2nd": 2},
        "execution": {"id": "e1", "workflow": "w", "version": "1.0.0"},
    }
    return Scope(**(values | changes))


def evaluate(source: str, **changes: Any) -> Any:
    """Compile and evaluate once."""
    return compile_expression(source).evaluate(scope(**changes))


def code_of(source: str, **changes: Any) -> str:
    """The code that the evaluation fails with."""
    expression = compile_expression(source)
    with pytest.raises(StepFailure) as failure:
        expression.evaluate(scope(**changes))
    return failure.value.code


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'it\\'s'", "it's"),
        ('"a\\u0041\\n"', "aA\n"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("none", None),
        ("None", None),
        ("[1, 'a', [null],]", [1, "a", [None]]),
        ("{'a': {'b': $.i}, $.key: 1}", {"a": {"b": 3}, "b": 1}),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_literals(source: str, expected: object) -> None:
    """Numbers, texts, booleans, null, lists and objects."""
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$.i", 3),
        ("$['user'].name", "Bo"),
        ("$.user['a-b']", 1),
        ("$.list[0]", 10),
        ("$.list[-1]", 30),
        ("$.list[$.i - 2]", 20),
        ("$.map[$.key]", 2),
        ("$.list.length", 3),
        ("$.name.length", 3),
        ("$.name[0]", "A"),
        ("($.list + [1]).length", 4),
        ("$.list[1:]", [20, 30]),
        ("$.list[:-1]", [10, 20]),
        ("$.list[::2]", [10, 30]),
        ("$.name[::-1]", "nnA"),
        ("$.null", None),
        ("input.total", 7),
        ("output.charge.id", "c1"),
        ("output.my-step.x", 5),
        ("output['my-step'].x", 5),
        ("output.2nd", 2),
        ("execution.version", "1.0.0"),
        ("{'a': 1}.a", 1),
    ],
)
def test_roots_keys_indexes_and_slices(source: str, expected: object) -> None:
    """What an expression can read, and how."""
    assert evaluate(source) == expected


def test_dollar_is_the_whole_state() -> None:
    """The root itself is a value."""
    assert evaluate("$") == STATE


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("2 ** -1", 0.5),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("0.5 * 2", 1),
        ("9007199254740993 / 1", 9007199254740993),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("'ab' * 2", "abab"),
        ("2 * [0]", [0, 0]),
        ("'n: ' ~ 1 ~ null ~ true ~ [1, 'a']", 'n: 1nulltrue[1,"a"]'),
        ("1 + 2 == 3 and not false", True),
        ("- - 3", 3),
    ],
)
def test_arithmetic_and_text(source: str, expected: object) -> None:
    """Precedence as in mathematics; `~` joins texts as a template does."""
    found = evaluate(source)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'3' > 4", False),
        ("$.digits == 42", True),
        ("42 in [$.digits]", True),
        ("true == 1", False),
        ("1 == 1.0", True),
        ("'b' >= 'a'", True),
        ("1 < $.i < 5", True),
        ("1 < $.i < 3", False),
        ("20 in $.list", True),
        ("20 not in $.list", False),
        ("'nn' in $.name", True),
        ("'a' in $.map", True),
        ("$.null == null", True),
        ("$.i != 3", False),
        ("not $.i == 4", True),
    ],
)
def test_comparison_is_that_of_nodes(source: str, expected: bool) -> None:
    """Numeric text against a number as number, `true != 1`; a chain holds when every link does."""
    assert evaluate(source) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$.ok and $.i", 3),
        ("$.no and $.missing", False),
        ("$.ok or $.missing", True),
        ("'' or 'x'", "x"),
        ("1 if $.ok else $.missing", 1),
        ("$.missing if $.no else 2", 2),
        ("1 if $.no else 2 if $.no else 3", 3),
        ("not $.list", False),
    ],
)
def test_logic_gives_the_operand_that_decides(source: str, expected: object) -> None:
    """Sides that are not evaluated may be undefined."""
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$.missing | default('x')", "x"),
        ("$.missing | d", ""),
        ("$.user.missing.deep | default(1)", 1),
        ("$.null.deep | default(1)", 1),
        ("$.null | default('x')", None),
        ("$.null | default('x', true)", "x"),
        ("$.null | default('x', boolean=true)", "x"),
        ("$.i | default($.missing)", 3),
        ("$.missing | default($.missing2) | default(2)", 2),
        ("$.map[$.name] | default(0)", 0),
        ("[] | first | default(7)", 7),
        ("(1 if $.no) | default('none')", "none"),
        ("$.missing is defined", False),
        ("$.missing is undefined", True),
        ("$.missing is not defined", True),
        ("$.null is defined", True),
        ("error is defined", False),
        ("loop.index is undefined", True),
        ("not $.missing is defined", True),
    ],
)
def test_what_may_meet_something_undefined(source: str, expected: object) -> None:
    """Only `default`, `is defined`, `is undefined` and sides that are not evaluated."""
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "$.missing + 1",
        "$.missing == null",
        "$.missing or 1",
        "not $.missing",
        "[$.missing]",
        "{'a': $.missing}",
        "$.missing | upper",
        "$.i | default($.missing2) + $.missing",
        "$.missing is none",
        "$.list[$.missing]",
        "$.list[9] + 1",
        "$.null.x + 1",
        "1 if $.missing else 2",
        "1 if $.no",
        "[] | first",
        "$.items | map(attribute='nope')",
        "$.missing in $.list",
        "'x' ~ $.missing",
        "$.missing | default($.missing2)",
        "error.message",
        "loop.index",
        "output.nope",
        "input.nope",
        "range($.missing)",
    ],
)
def test_what_is_missing_is_undefined_reference(source: str) -> None:
    """Wherever its value is used, and as the result; never a silent null."""
    assert code_of(source) == "UNDEFINED_REFERENCE"


def test_undefined_reference_says_where_it_stops() -> None:
    """The message names the key that is missing and the one that was probably meant."""
    with pytest.raises(StepFailure) as failure:
        evaluate("$.user.nmae")
    assert failure.value.message == "`$.user.nmae` is undefined: `$.user` has no `nmae`. Did you mean `name`?"
    assert failure.value.error.type == "state"
    assert not failure.value.error.recoverable


@pytest.mark.parametrize(
    "source",
    [
        "null < 4",
        "'x' < 4",
        "true < false",
        "1 in 5",
        "1 in 'a1'",
        "true + 1",
        "'1' + 2",
        "null + 1",
        "1 / 0",
        "1 // 0",
        "1 % 0",
        "1.5 / 0",
        "0 ** -1",
        "(0 - 8) ** 0.5",
        "1e308 * 10",
        "9223372036854775807 + 1",
        "2 ** 63",
        "-'a'",
        "'a' * -1",
        "'a' * true",
        "$.list['a' == 'a']",
        "5[1:2]",
        "$.list[::0]",
        "$.list['x':]",
        "{1: 2}",
        "range(1.5)",
        "range(0, 1, 0)",
        "5 | length",
        "'x' | int",
        "'a' | upper(1)",
        "1 is divisibleby(0)",
        "['a'] | sum",
    ],
)
def test_values_that_do_not_fit_are_expression_error(source: str) -> None:
    """Also past 64 bits, NaN and infinity."""
    assert code_of(source) == "EXPRESSION_ERROR"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$.name | upper", "ANN"),
        ("-1 | abs", 1),
        ("1 + -1 | abs", 2),
        ("$.items | map(attribute='id') | join(', ')", "1, 2"),
        ("$.items | map(attribute='nope', default=0)", [0, 0]),
        ("$.items | sort(attribute='price') | first", {"id": 2, "price": 3}),
        ("$.items | selectattr('price', 'gt', 4) | map(attribute='id')", [1]),
        ("$.map | items", [["a", 1], ["b", 2]]),
        ("$.list | length", 3),
        ("$.list | last", 30),
        ("$.list | sum / 2", 30),
        ("'<' | escape", "&lt;"),
        ("{'a': [1]} | tojson", '{"a": [1]}'),
        ("$.list | batch(2)", [[10, 20], [30]]),
        ("2.567 | round(2)", 2.57),
        ("'a-b' | replace('-', '+')", "a+b"),
        ("range(3) | list", [0, 1, 2]),
        ("[null, 1] | map('default', 0)", [None, 1]),
        ("[null] | tojson", "[null]"),
        ("[[null]] | map('first') | list", [None]),
        ("{'a': null} | attr('a')", None),
        ("range(5, 1, -2)", [5, 3]),
        ("[{'items': 1}, {}] | map(attribute='items', default=0)", [1, 0]),
        ("'{{ $.i }}' | lower", "{{ $.i }}"),
        ("'\\ud83d\\ude00' | length", 1),
    ],
)
def test_filters_of_the_engine(source: str, expected: object) -> None:
    """Their results are plain JSON."""
    found = evaluate(source)
    assert found == expected
    assert msgspec.json.decode(msgspec.json.encode(found)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$.i is odd", True),
        ("$.i is not odd", False),
        ("$.i is divisibleby 3", True),
        ("$.i is divisibleby(2)", False),
        ("$.list is sequence", True),
        ("$.map is mapping", True),
        ("$.null is none", True),
        ("$.i is in [1, 3]", True),
        ("$.ok is true", True),
        ("$.name is string and $.i is number", True),
        ("'abc' is startingwith 'a'", True),
    ],
)
def test_tests_of_the_engine(source: str, expected: bool) -> None:
    """With and without arguments in brackets."""
    assert evaluate(source) is expected


@pytest.mark.parametrize("key", ["pop", "append", "items", "__class__", "keys"])
def test_no_method_of_a_host_object_can_be_reached(key: str) -> None:
    """A missing key is missing, even where a Python object has such a method."""
    for source in (f"$.list.{key}", f"[$.list] | map(attribute='{key}')", f"$.user | attr('{key}')"):
        assert code_of(source) == "UNDEFINED_REFERENCE"


def test_error_is_bound_in_an_error_route() -> None:
    """Both `error` and `$.error` mean it, unless the state has such a key."""
    bound = {"error": {"code": "X", "message": "boom"}}
    assert evaluate("error.message", **bound) == "boom"
    assert evaluate("$.error.code", **bound) == "X"
    assert evaluate("$.error", state={"error": "own"}, **bound) == "own"
    assert code_of("$.error") == "UNDEFINED_REFERENCE"


def test_loop_is_the_frame_of_the_innermost_loop() -> None:
    """Bound only inside a loop."""
    assert evaluate("loop.index + 1", loop={"index": 4, "item": "x"}) == 5
    assert code_of("loop.item") == "UNDEFINED_REFERENCE"


def test_input_is_null_before_any_node_has_run() -> None:
    """Null is a value; a key of it is undefined."""
    assert evaluate("input == null", input=None) is True
    assert code_of("input.x", input=None) == "UNDEFINED_REFERENCE"


def test_names_that_a_node_offers_are_roots() -> None:
    """`item` of `switch`, known at compile time only when it is offered."""
    expression = compile_expression("item.price > 3", names=frozenset({"item"}))
    assert expression.evaluate(scope(names={"item": {"price": 4}})) is True
    with pytest.raises(InvalidExpression):
        compile_expression("item.price > 3")


@pytest.mark.parametrize(
    ("source", "nearest"),
    [
        ("inptu.a", "input"),
        ("$.a | uper", "upper"),
        ("$.a is od", "odd"),
        ("$.a | map('uper')", "upper"),
        ("$.a | select('od')", "odd"),
        ("rnage(3)", "range"),
        ("foo + 1", None),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(source: str, nearest: str | None) -> None:
    """Filters, tests, functions and roots, at compile time."""
    with pytest.raises(InvalidExpression) as refusal:
        compile_expression(source)
    assert refusal.value.code == "INVALID_EXPRESSION"
    assert refusal.value.nearest == nearest


@pytest.mark.parametrize(
    ("source", "position"),
    [
        ("", 0),
        ("   ", 3),
        ("1 +", 3),
        ("(1", 2),
        ("1)", 1),
        ("1 2", 2),
        ("$.a.", 4),
        ("$.a.0", 4),
        ("$.a[]", 5),
        ("$.a[1:2:3:4]", 12),
        ("$.a && 1", 4),
        ("!$.a", 0),
        ("$.a ? 1 : 2", 4),
        ("$.a === 1", 6),
        ("'open", 0),
        ("$.a.upper()", 9),
        ("1 + not 2", 4),
        ("$.a | ", 6),
        ("[1,, 2]", 3),
        ("(1, 2)", 2),
        ("range()", 0),
        ("99999999999999999999", 0),
        ("1e999", 0),
        ("'\\q'", 0),
        ("$.a | default(x=1, 2)", 19),
        ("1 not 2", 2),
        ("if", 0),
        ("a.b", 0),
        ("1 = 1", 2),
        ("\u0000", 0),
    ],
)
def test_what_does_not_compile_says_where(source: str, position: int) -> None:
    """InvalidExpression with the offset in the source."""
    with pytest.raises(InvalidExpression) as refusal:
        compile_expression(source, path="/workflow/0/a")
    assert refusal.value.position == position
    assert refusal.value.details == {"path": "/workflow/0/a", "position": position}
    assert refusal.value.message


@pytest.mark.parametrize(
    "source",
    [
        "(" * 10_000 + ")" * 10_000,
        "(" * 100 + "1" + ")" * 100,
        "[" * 4_000,
        "-" * 8_000 + "1",
        "not " * 2_000 + "1",
        "+".join(["1"] * 4_000),
        "1 if 1 else " * 600 + "1",
        "$.a" + "[0" * 1_000,
        "$" + "[$.i]" * 1_500,
        "1" + "|abs" * 2_000,
        "x" * 1_000_000,
    ],
)
def test_deep_and_long_sources_are_refused_at_once(source: str) -> None:
    """InvalidExpression, not a RecursionError, and quickly."""
    begin = time.process_time()
    with pytest.raises(InvalidExpression):
        compile_expression(source)
    assert time.process_time() - begin < 0.5


BIG: dict[str, Any] = {
    "objects": [{"a": number, "b": "x" * 5} for number in range(9_000)],
    "huge": [{"a": number, "b": "x" * 50} for number in range(40_000)],
    "numbers": list(range(25_000)),
    "text": "a" * 200_000,
    "long": "ab," * 1_000_000,
}


@pytest.mark.parametrize(
    "source",
    [
        "'a' * 10 ** 9",
        "[0] * 10 ** 8",
        "range(10 ** 9) | list",
        "range(0, 0 - 10 ** 9, -1)",
        "9 ** 9 ** 9",
        "2 ** 10 ** 10",
        "'%1000000000d' | format(1)",
        "'%0*d' | format(99999999, 1)",
        "'a' | indent(10 ** 9)",
        "['%9999999d'] | map('format', 1)",
        "[1] | batch(10 ** 9, 0)",
        "[1] | slice(10 ** 9)",
        "$.text | replace('a', $.text)",
        "$.text | replace('', $.text)",
        "$.text | trim($.text)",
        "$.numbers | join($.text)",
        "$.numbers | select('in', $.numbers)",
        "$.objects | unique",
        "$.objects | tojson(indent=9999)",
        "$.huge | sort",
        "$.long ~ $.long",
        "[" + "$.objects," * 800 + "]",
        "$.objects == $.objects and " * 300 + "true",
        "$.long == $.long and " * 380 + "true",
        "'x' in $.long or " * 400 + "false",
        "$.objects in $.huge or " * 200 + "false",
    ],
)
def test_hostile_expressions_end_early(source: str) -> None:
    """EXPRESSION_ERROR before much time or memory is spent; each takes tens of milliseconds at most."""
    begin = time.process_time()
    assert code_of(source, state=BIG) == "EXPRESSION_ERROR"
    assert time.process_time() - begin < 0.5


def test_large_values_of_the_state_may_pass_through() -> None:
    """The limits are on what an expression makes, not on what it hands on."""
    assert evaluate("$.huge | default([])", state=BIG) is BIG["huge"]
    assert evaluate("$.huge if true else []", state=BIG) is BIG["huge"]
    assert evaluate("$.huge | length", state=BIG) == 40_000
    assert evaluate("$.huge is sequence", state=BIG) is True
    assert evaluate("$.huge[1:3] | map(attribute='a')", state=BIG) == [1, 2]


def test_a_value_nested_deep_is_refused() -> None:
    """By a clear error, not by Python's recursion limit."""
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    for source in ("$.deep | string", "$.deep == $.deep", "$.deep ~ ''", "[$.deep]"):
        assert code_of(source, state={"deep": deep}) == "EXPRESSION_ERROR"


def test_a_lone_surrogate_is_no_crash() -> None:
    """A text that has no UTF-8 can't go through a filter."""
    assert code_of("'\\ud83d' | upper") == "EXPRESSION_ERROR"


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("$.a + $.b.c", {"a", "b"}),
        ("$['x y'][0]", {"x y"}),
        ("$", {"*"}),
        ("$[$.k]", {"*"}),
        ("input.a + output.b", set()),
        ("$.a | default($.c) if $.d is defined else [$.e]", {"a", "c", "d", "e"}),
    ],
)
def test_static_reads_names_the_state_keys(source: str, reads: set[str]) -> None:
    """`*` when a key is computed or the whole state is read."""
    assert compile_expression(source).static_reads() == reads


@pytest.mark.parametrize(
    ("source", "rewritten"),
    [
        ("a === 1", "a == 1"),
        ("a !== 1", "a != 1"),
        ("a && b || c", "a  and  b  or  c"),
        ("!a", "(not a)"),
        ("!a.b[0].c == 1", "(not a.b[0].c) == 1"),
        ("!(a)", "(not (a))"),
        ("!!a", "(not (not a))"),
        ("a ? b : c", "((b) if (a) else (c))"),
        ("a ? b : c ? d : e", "((b) if (a) else (((d) if (c) else (e))))"),
        ("a != 1", "a != 1"),
        ("'a && b' === \"!c ? 1 : 2\"", "'a && b' == \"!c ? 1 : 2\""),
        ("$.a[1:2]", "$.a[1:2]"),
        ("a ? b", "a ? b"),
        ("(a ? b : c", "(a ? b : c"),
        ("!", "!"),
    ],
)
def test_javascript_spelling(source: str, rewritten: str) -> None:
    """The rewriting of NODES, outside quotes; what can't be rewritten stays."""
    assert javascript(source) == rewritten


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("item >= 8 ? 'critical' : 'low'", "critical"),
        ("item === 9 && !false", True),
        ("item !== 9 || !(item > 3)", False),
        ("{'k': item > 1 ? [1, 2] : 0}", {"k": [1, 2]}),
        ("item > 9 ? 'a' : item > 8 ? 'b' : 'c'", "b"),
        ("[item ? 1 : 2, !item]", [1, False]),
    ],
)
def test_rewritten_javascript_evaluates(source: str, expected: object) -> None:
    """Real expression texts mean what their authors meant."""
    expression = compile_expression(javascript(source), names=frozenset({"item"}))
    assert expression.evaluate(scope(names={"item": 9})) == expected


PIECES = st.sampled_from(
    [
        "$",
        ".a",
        "['k']",
        "[0]",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "1",
        "2.5",
        "'t'",
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "|",
        "default",
        "upper",
        "odd",
        "+",
        "-",
        "*",
        "**",
        "//",
        "%",
        "~",
        "==",
        "<",
        ",",
        ":",
        "range",
        "!",
        "input",
        "null",
        "?",
        "&&",
        '"',
        "\\",
        "=",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=25).map(" ".join), st.lists(PIECES, max_size=25).map("".join)))
def test_any_text_compiles_or_is_refused_and_evaluates_or_fails(source: str) -> None:
    """Compiling raises nothing but InvalidExpression, evaluating nothing but StepFailure; results are JSON."""
    for text in (source, javascript(source)):
        try:
            expression = compile_expression(text)
            msgspec.json.encode(expression.evaluate(scope()))
        except InvalidExpression as refusal:
            assert 0 <= refusal.position <= len(text)
        except StepFailure as failure:
            assert failure.code in ("UNDEFINED_REFERENCE", "EXPRESSION_ERROR")
