"""Paths: how they are written, what they find."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.paths import MISSING, Path, format_path, get, parse_field, parse_path, path_or_none, pointer_of

VALUE: dict[str, Any] = {
    "a": {"b": [10, {"c": None}], "my key": 1, "it's": 2},
    "text": "hello",
    "null": None,
    "length": "own",
    "sized": {"length": 99},
}

keys = st.one_of(st.text(), st.integers(min_value=0, max_value=10**14))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("$.a", ("a",)),
        ("$._x1", ("_x1",)),
        ("$.a['b'][0]", ("a", "b", 0)),
        ("$['any key'].b", ("any key", "b")),
        ('$["double"]', ("double",)),
        (r"$['it\'s']", ("it's",)),
        (r"$['\u0041\n']", ("A\n",)),
        ("$['']", ("",)),
        ("$[0][12]", (0, 12)),
        ("$.größe", ("größe",)),
    ],
)
def test_a_path_is_read_as_written(text: str, path: Path) -> None:
    """Names, quoted keys and indexes after `$`, as LANGUAGE 3 rule 2 lists them."""
    assert parse_path(text) == path
    assert path_or_none(text) == parse_path(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "$a",
        "$.",
        "$..a",
        "$.1",
        "$.a.0",
        "$[-1]",
        "$[01]",
        "$[a]",
        "$['a]",
        "$.a b",
        "$.a + 1",
        " $.a",
        "$.a-b",
        r"$['\q']",
        "$" + ".a" * 5_000,
        "$[" + "9" * 30 + "]",
    ],
)
def test_what_is_no_path_is_refused_in_a_sentence(text: str) -> None:
    """ValueError with a sentence, and `path_or_none` gives none."""
    assert path_or_none(text) is None
    with pytest.raises(ValueError, match=r"\.$"):
        parse_path(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("name", ("name",)),
        ("order.items[0].id", ("order", "items", 0, "id")),
        ("['any key'].x", ("any key", "x")),
        ("[2].x", (2, "x")),
        ("first-name", ("first-name",)),
        ("$.a.b", ("a", "b")),
    ],
)
def test_a_field_is_a_path_without_its_beginning(text: str, path: Path) -> None:
    """NODES writes fields of items without `$.`."""
    assert parse_field(text) == path


@pytest.mark.parametrize("text", ["", ".", "a..b", "a.", "a[", "a[x]", "a]", "x" * 10_000])
def test_what_is_no_field_is_refused(text: str) -> None:
    """ValueError with a sentence."""
    with pytest.raises(ValueError, match=r"\.$"):
        parse_field(text)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.a.b[0]", 10),
        ("$.a.b[1].c", None),
        ("$.a['my key']", 1),
        ("$.null", None),
        ("$.text[1]", "e"),
        ("$.a.b.length", 2),
        ("$.text.length", 5),
        ("$.length", "own"),
        ("$.sized.length", 99),
    ],
)
def test_get_finds_the_value_itself(path: str, found: object) -> None:
    """Keys, indexes and the length of lists and texts that have no such key."""
    assert get(VALUE, parse_path(path)) == found


@pytest.mark.parametrize(
    "path", ["$.x", "$.null.x", "$.null[0]", "$.a.b[2]", "$.a.b.x", "$.a[0]", "$.text.x", "$.text[9]"]
)
def test_get_gives_missing_and_never_raises(path: str) -> None:
    """Also through null and through values that have no keys."""
    assert get(VALUE, parse_path(path)) is MISSING


def test_get_does_not_copy() -> None:
    """References may return the state's own object; whoever changes it copies it first."""
    assert get(VALUE, ("a",)) is VALUE["a"]


def test_pointer_of_escapes() -> None:
    """RFC 6901: `~` and `/` are escaped."""
    assert pointer_of(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"


@given(st.lists(keys).map(tuple))
def test_every_path_comes_back_from_its_text(path: Path) -> None:
    """`parse_path` undoes `format_path`, whatever the keys are."""
    assert parse_path(format_path(path)) == path


@given(st.text(alphabet="$.[]'\"\\ab0 u{}|"))
def test_reading_any_text_raises_nothing_but_value_error(text: str) -> None:
    """A text is a path or it is refused."""
    for read in (parse_path, parse_field):
        try:
            read(text)
        except ValueError as error:
            assert str(error)
