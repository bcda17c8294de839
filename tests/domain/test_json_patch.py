"""JSON Patch (RFC 6902) as people send it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.errors import Unacceptable
from domain.json_patch import MAX_OPERATIONS, applied, read_operations
from domain.patches import apply, diff
from domain.problems import Problem

MOST = 10_000


def patched(document: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    """The document after these operations, which leave the one before as it was."""
    before = json.dumps(document)
    after = applied(document, read_operations(list(operations)), most=MOST)
    assert json.dumps(document) == before
    assert apply(document, tuple(diff(document, after))) == after
    return after


def refused(sent: Any, *, document: dict[str, Any] | None = None, at: str = "") -> list[tuple[str, str]]:
    """(code, place) of each problem."""
    with pytest.raises(Unacceptable) as caught:
        applied(document or {}, read_operations(sent, at=at), most=MOST, at=at)
    assert isinstance(caught.value.details, list)
    assert all(isinstance(problem, Problem) for problem in caught.value.details)
    return [(problem.code, problem.path) for problem in caught.value.details]


APPENDIX: tuple[tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]], ...] = (
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ({"foo": [1, 2]}, [{"op": "add", "path": "/foo/1", "value": 9}], {"foo": [1, 9, 2]}),
    ({"foo": [1]}, [{"op": "add", "path": "/foo/-", "value": [2]}], {"foo": [1, [2]]}),
    ({"baz": 1, "foo": 2}, [{"op": "remove", "path": "/baz"}], {"foo": 2}),
    ({"foo": [1, 2, 3]}, [{"op": "remove", "path": "/foo/1"}], {"foo": [1, 3]}),
    ({"baz": 1}, [{"op": "replace", "path": "/baz", "value": None}], {"baz": None}),
    (
        {"foo": {"bar": 1, "waldo": 2}, "qux": {}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": 1}, "qux": {"thud": 2}},
    ),
    ({"foo": [1, 2, 3, 4]}, [{"op": "move", "from": "/foo/1", "path": "/foo/3"}], {"foo": [1, 3, 4, 2]}),
    ({"foo": {"a": [1]}}, [{"op": "copy", "from": "/foo/a", "path": "/b"}], {"foo": {"a": [1]}, "b": [1]}),
    ({"a": 1}, [{"op": "test", "path": "/a", "value": 1.0}], {"a": 1}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ({"a": 1}, [{"op": "add", "path": "", "value": {}}], {}),
    ({"a": {"b": 1}}, [{"op": "test", "path": "", "value": {"a": {"b": 1}}}], {"a": {"b": 1}}),
    ({"": 1}, [{"op": "replace", "path": "/", "value": 2}], {"": 2}),
    ({"a": 1}, [{"op": "add", "path": "/a", "value": 2, "note": "further members mean nothing"}], {"a": 2}),
)


@pytest.mark.parametrize(("document", "operations", "after"), APPENDIX)
def test_what_operations_do(document: dict[str, Any], operations: list[dict[str, Any]], after: dict[str, Any]) -> None:
    """As the examples of the RFC have it."""
    assert patched(document, *operations) == after


def test_a_copy_is_a_value_of_its_own() -> None:
    """Changing one place later changes nothing at the other."""
    after = patched(
        {"a": {"n": []}},
        {"op": "add", "path": "/a/n/-", "value": 1},
        {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "add", "path": "/a/n/-", "value": 2},
        {"op": "add", "path": "/b/n/-", "value": 3},
    )
    assert after == {"a": {"n": [1, 2]}, "b": {"n": [1, 3]}}


def test_a_value_that_is_added_stays_what_was_sent() -> None:
    """Later operations change the document, not the patch: it may have to be applied again."""
    operations = read_operations([{"op": "add", "path": "/a", "value": {}}, {"op": "add", "path": "/a/x", "value": 1}])
    assert applied({}, operations, most=MOST) == {"a": {"x": 1}}
    assert applied({}, operations, most=MOST) == {"a": {"x": 1}}


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ({"op": "add", "path": "/no/x", "value": 1}, "path"),
        ({"op": "add", "path": "/list/5", "value": 1}, "path"),
        ({"op": "add", "path": "/list/01", "value": 1}, "path"),
        ({"op": "add", "path": "/list/x", "value": 1}, "path"),
        ({"op": "add", "path": "/text/x", "value": 1}, "path"),
        ({"op": "replace", "path": "/no", "value": 1}, "path"),
        ({"op": "replace", "path": "/list/-", "value": 1}, "path"),
        ({"op": "replace", "path": "/list/2", "value": 1}, "path"),
        ({"op": "replace", "path": "", "value": [1]}, "value"),
        ({"op": "remove", "path": "/no"}, "path"),
        ({"op": "remove", "path": ""}, "path"),
        ({"op": "move", "from": "/no", "path": "/x"}, "from"),
        ({"op": "move", "from": "/deep", "path": "/deep/x"}, "path"),
        ({"op": "move", "from": "", "path": "/x"}, "path"),
        ({"op": "copy", "from": "/list/9", "path": "/x"}, "from"),
        ({"op": "test", "path": "/yes", "value": 1}, "value"),
        ({"op": "test", "path": "/text", "value": "other"}, "value"),
        ({"op": "test", "path": "/no", "value": None}, "path"),
    ],
)
def test_an_operation_that_does_not_apply(operation: dict[str, Any], member: str) -> None:
    """Says which one it is, and the member that says so; nothing of the patch happens."""
    document = {"list": [1, 2], "text": "t", "deep": {}, "yes": True}
    first = {"op": "add", "path": "/a", "value": 1}
    assert refused([first, operation], document=document) == [("PATCH_FAILED", f"/1/{member}")]
    assert refused([first, operation], document=document, at="/patch") == [("PATCH_FAILED", f"/patch/1/{member}")]


def test_what_is_no_patch() -> None:
    """All that is wrong with the form is told at once."""
    assert refused({"op": "add"}) == [("INVALID_PATCH", "")]
    assert refused([1, {"op": "ad", "path": "/a"}, {"op": "add", "path": "a", "value": 1}, {"op": "copy", "path": "/~2"}]) == [
        ("INVALID_PATCH", "/0"),
        ("INVALID_PATCH", "/1/op"),
        ("INVALID_PATCH", "/2/path"),
        ("INVALID_PATCH", "/3/path"),
        ("INVALID_PATCH", "/3"),
    ]  # fmt: skip
    assert refused([{"op": "add", "path": "/a"}], at="/patch") == [("INVALID_PATCH", "/patch/0")]
    assert refused([{"op": "remove", "path": "/a"}] * (MAX_OPERATIONS + 1)) == [("INVALID_PATCH", "")]


def test_a_small_patch_makes_no_document_that_fits_nowhere() -> None:
    """What is copied and moved is counted, and so is how deep it comes to lie."""
    doubling = [{"op": "copy", "from": "", "path": f"/{n}"} for n in range(40)]
    assert refused(doubling, document={"a": "x" * 100})[0][0] == "PATCH_FAILED"
    deeper = [{"op": "copy", "from": "/a", "path": "/a" + "/a" * n} for n in range(1, 200)]
    assert refused(deeper, document={"a": {}})[0][0] == "PATCH_FAILED"
    moving = [{"op": "move", "from": "/a", "path": "/b"}, {"op": "move", "from": "/b", "path": "/a"}] * 60
    assert refused(moving, document={"a": "x" * 100}) == [("PATCH_FAILED", "/98/from")]
