"""`stringOperations`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.string_operations import StringOperations
from infrastructure.nodes.text_operations import OPERATIONS
from tests.support.nodes import run

CASES: list[tuple[str, str, dict[str, Any], Any]] = [
    ("trim", "  a b\n", {}, "a b"),
    ("uppercase", "straße", {}, "STRASSE"),
    ("lowercase", "ÄBC", {}, "äbc"),
    ("capitalize", "hELLO wORLD", {}, "Hello world"),
    ("capitalize", "", {}, ""),
    ("titleCase", "the quick  bROWN o'neil", {}, "The Quick  Brown O'neil"),
    ("stripHTML", "<p>Hello <b>World</b></p>", {}, "Hello World"),
    ("stripHTML", "1 < 2 and 3 > 2 &amp; so", {}, "1 < 2 and 3 > 2 &amp; so"),
    ("stripHTML", "a<!-- <b> > -->b<br/>c<!DOCTYPE x>", {}, "abc"),
    ("stripHTML", "a<script src='x'>if (a<b) c()</script>b<STYLE>p>q {}</style >c", {}, "abc"),
    ("stripHTML", "never <closed", {}, "never <closed"),
    ("slugify", "  Hello, World! It's 5_o-clock ", {}, "hello-world-its-5-o-clock"),
    ("slugify", "Crème Brûlée", {}, "creme-brulee"),
    ("slugify", "---", {}, ""),
    ("slugify", "Привет мир", {}, "привет-мир"),
    ("replace", "a.b.c", {"searchValue": ".", "replaceValue": "-"}, "a-b.c"),
    ("replace", "abc", {"searchValue": "b"}, "ac"),
    ("replace", "abc", {"searchValue": "x", "replaceValue": "y"}, "abc"),
    ("replaceAll", "a.b.c", {"searchValue": ".", "replaceValue": "$1"}, "a$1b$1c"),
    ("replaceAll", "room 101", {"searchValue": 101, "replaceValue": 202}, "room 202"),
    ("replaceRegex", "2026-11-22", {"searchValue": r"(\d+)-(\d+)", "replaceValue": "$2/$1"}, "11/2026-22"),
    ("replaceRegex", "aXbxc", {"searchValue": "x", "replaceValue": "-", "flags": "gi"}, "a-b-c"),
    ("replaceRegex", "aaa", {"searchValue": "a", "replaceValue": "b", "flags": ""}, "baa"),
    ("replaceRegex", "a\nb", {"searchValue": "^", "replaceValue": "> ", "flags": "gm"}, "> a\n> b"),
    ("replaceRegex", "a\nb", {"searchValue": "a.b", "replaceValue": "x", "flags": "s"}, "x"),
    ("replaceRegex", "a\nb", {"searchValue": "a.b", "replaceValue": "x"}, "a\nb"),
    ("replaceRegex", "ab", {"searchValue": "(a)(c)?", "replaceValue": "[$1$2$3$&$$$0$12]"}, "[a$3a$$0a2]b"),
    ("replaceRegex", "ab", {"searchValue": "(?P<first>a)", "replaceValue": "$<first>$<other>"}, "a$<other>b"),
    ("replaceRegex", "äöü", {"searchValue": "ö", "replaceValue": "oe"}, "äoeü"),
    ("split", "a, b,c", {"separator": ","}, ["a", " b", "c"]),
    ("split", "äb", {"separator": ""}, ["ä", "b"]),
    ("split", "", {"separator": ","}, [""]),
    ("substring", "abcdef", {"start": 1, "end": 3}, "bc"),
    ("substring", "abcdef", {"start": 3, "end": 1}, "bc"),
    ("substring", "abcdef", {"start": -2, "end": 99}, "abcdef"),
    ("substring", "abcdef", {"start": 4}, "ef"),
    ("slice", "abcdef", {"start": -2}, "ef"),
    ("slice", "abcdef", {"start": 1, "end": -1}, "bcde"),
    ("slice", "abcdef", {"start": 4, "end": 2}, ""),
    ("concat", "a", {"values": ["b", 5, True, {"c": 1}]}, 'ab5true{"c":1}'),
    ("concat", "a", {"values": []}, "a"),
    ("pad", "7", {"length": 3, "padChar": "0", "side": "left"}, "007"),
    ("pad", "ab", {"length": 5}, "ab   "),
    ("pad", "ab", {"length": 5, "padChar": "xy", "side": "both"}, "xabxy"),
    ("pad", "abc", {"length": 2}, "abc"),
]


@pytest.mark.parametrize(("operation", "value", "more", "result"), CASES)
def test_operations(operation: str, value: str, more: dict[str, Any], result: Any) -> None:
    """Each of them, on a value, whose result goes to the fixed key."""
    visit = run(StringOperations(), {"operation": operation, "value": value, **more})
    assert visit.data == {"result": result, "field": None, "operation": operation, "originalValue": value}
    assert visit.edge == "success"
    assert visit.state == {"stringOperationResult": result}


def test_every_operation_is_tried() -> None:
    """None is forgotten in the table."""
    assert {case[0] for case in CASES} == set(OPERATIONS)


def test_a_field_is_changed_in_its_place() -> None:
    """Without `outputField`, and nothing else in the object."""
    config = {"operation": "trim", "field": "user.names[0]"}
    visit = run(StringOperations(), config, state={"user": {"names": [" a ", "b"], "id": 1}})
    assert visit.state["user"] == {"names": ["a", "b"], "id": 1}
    assert visit.data["originalValue"] == " a "
    assert visit.data["field"] == "user.names[0]"
    assert visit.reads == {"user"}


def test_or_the_result_goes_elsewhere() -> None:
    """The source stays."""
    config = {"operation": "uppercase", "field": "a", "outputField": "made.up"}
    visit = run(StringOperations(), config, state={"a": "x"})
    assert visit.state == {"a": "x", "made": {"up": "X"}, "stringOperationResult": "X"}


@pytest.mark.parametrize(("value", "result"), [(12, "12"), (True, "TRUE"), ([1], "[1]")])
def test_what_is_no_text_is_written_as_json_first(value: Any, result: str) -> None:
    """The original is handed on as it was."""
    visit = run(StringOperations(), {"operation": "uppercase", "value": value})
    assert visit.data["result"] == result
    assert visit.data["originalValue"] == value


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({}, "INVALID_PARAMETER"),
        ({"operation": "trim"}, "INVALID_PARAMETER"),
        ({"operation": "trim", "value": "x", "field": "a"}, "INVALID_PARAMETER"),
        ({"operation": "trim", "value": None}, "INVALID_PARAMETER"),
        ({"operation": "trim", "field": "missing"}, "INVALID_PARAMETER"),
        ({"operation": "trim", "field": "nothing"}, "INVALID_PARAMETER"),
        ({"operation": "trim", "field": "a["}, "INVALID_PARAMETER"),
        ({"operation": "shout", "value": "x"}, "INVALID_PARAMETER"),
        ({"operation": "replace", "value": "x"}, "INVALID_PARAMETER"),
        ({"operation": "replace", "value": "x", "searchValue": None}, "INVALID_PARAMETER"),
        ({"operation": "replaceAll", "value": "x", "searchValue": ["x"]}, "INVALID_PARAMETER"),
        ({"operation": "replaceRegex", "value": "x", "searchValue": "("}, "INVALID_PATTERN"),
        ({"operation": "replaceRegex", "value": "x", "searchValue": "(?=a)"}, "INVALID_PATTERN"),
        ({"operation": "replaceRegex", "value": "x", "searchValue": r"(a)\1"}, "INVALID_PATTERN"),
        ({"operation": "replaceRegex", "value": "x", "searchValue": "a", "flags": "gy"}, "INVALID_PARAMETER"),
        ({"operation": "replaceRegex", "value": "x", "searchValue": "a" * 5_000}, "INVALID_PARAMETER"),
        ({"operation": "split", "value": "x"}, "INVALID_PARAMETER"),
        ({"operation": "slice", "value": "x"}, "INVALID_PARAMETER"),
        ({"operation": "substring", "value": "x", "start": "1"}, "INVALID_PARAMETER"),
        ({"operation": "concat", "value": "x"}, "INVALID_PARAMETER"),
        ({"operation": "concat", "value": "x", "values": ["a", None]}, "INVALID_PARAMETER"),
        ({"operation": "pad", "value": "x"}, "INVALID_PARAMETER"),
        ({"operation": "pad", "value": "x", "length": -1}, "INVALID_PARAMETER"),
        ({"operation": "pad", "value": "x", "length": 2, "padChar": ""}, "INVALID_PARAMETER"),
        ({"operation": "pad", "value": "x", "length": 2, "side": "top"}, "INVALID_PARAMETER"),
        ({"operation": "pad", "value": "x", "length": 10**12}, "RESULT_LIMIT"),
        ({"operation": "trim", "value": "x", "outputField": "number.x"}, "STATE_PATH"),
    ],
)
def test_misuse_is_an_error_with_a_null_result(config: dict[str, Any], code: str) -> None:
    """The other keys of the state stay."""
    visit = run(StringOperations(), config, state={"nothing": None, "number": 5, "stringOperationResult": "old"})
    assert visit.code == code
    assert visit.state == {"nothing": None, "number": 5, "stringOperationResult": None}


def test_an_error_makes_an_output_of_its_own_null() -> None:
    """A result of an earlier step is not taken for this one's."""
    config = {"operation": "shout", "field": "a", "outputField": "b.c"}
    visit = run(StringOperations(), config, state={"a": "x", "b": {"c": "old"}})
    assert visit.state == {"a": "x", "b": {"c": None}, "stringOperationResult": None}


@pytest.mark.parametrize("output", [None, "a.b", "a"])
def test_an_error_leaves_a_source_that_was_to_be_changed_in_its_place(output: str | None) -> None:
    """A refused operation loses nobody's text."""
    config = {"operation": "shout", "field": "a.b", **({} if output is None else {"outputField": output})}
    assert run(StringOperations(), config, state={"a": {"b": "x"}}).state["a"] == {"b": "x"}


LONG = "a" * 1_000_000


@pytest.mark.parametrize(
    "config",
    [
        {"operation": "replaceAll", "searchValue": "a", "replaceValue": LONG},
        {"operation": "replaceRegex", "searchValue": "a", "replaceValue": LONG},
        {"operation": "concat", "values": [LONG] * 5},
        {"operation": "replaceRegex", "searchValue": "a", "replaceValue": "b"},
        {"operation": "replaceRegex", "searchValue": "a.*z|a", "replaceValue": "b"},
        {"operation": "replaceRegex", "searchValue": "(b)?a", "replaceValue": "$1" * 100_000},
    ],
)
def test_a_small_definition_can_not_make_or_search_without_measure(config: dict[str, Any]) -> None:
    """A text past 4 MiB is refused before it is made, a pattern that rescans the text before it has taken seconds."""
    assert run(StringOperations(), {"value": LONG, **config}).code in ("RESULT_LIMIT", "WORK_LIMIT")


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"field": "a.b"}, {"a"}),
        ({"field": "a.b", "outputField": "c"}, {"c"}),
        ({"value": "x"}, set()),
    ],
)
def test_the_state_keys_are_known(config: dict[str, Any], keys: set[str]) -> None:
    """Those that the parameters name, and the fixed one."""
    assert StringOperations().state_keys(config) == frozenset(keys | {"stringOperationResult"})
