"""Problems are placed in the text they came from, and shown with a caret."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.document import parse, parse_definition
from domain.problems import Problem, pointer
from infrastructure.sources import EXCERPT_CHARACTERS, excerpt, locate

if TYPE_CHECKING:
    from random import Random

Place = tuple[int | None, int | None]


def places(text: str, *paths: str) -> list[Place]:
    found = locate(text.encode(), [Problem(code="X", path=path, message="m") for path in paths])
    assert [each.path for each in found] == list(paths)
    return [(each.line, each.column) for each in found]


DEFINITION = """\
{
  "id": "é😀", "name": "日本語", "workflow": [
    "notify",
    {"charge": {"a/b": 1, "m~n": [10, [20, {"x": null}]], "\\u0065rror?": {}}},
\t\t{ "日本" : { "" : "y" } }
  ]
}
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", (1, 1)),
        ("/id", (2, 3)),
        ("/name", (2, 15)),
        ("/workflow", (2, 30)),
        ("/workflow/0", (3, 5)),
        ("/workflow/1", (4, 5)),
        ("/workflow/1/charge", (4, 6)),
        ("/workflow/1/charge/a~1b", (4, 17)),
        ("/workflow/1/charge/m~0n", (4, 27)),
        ("/workflow/1/charge/m~0n/1", (4, 39)),
        ("/workflow/1/charge/m~0n/1/1/x", (4, 45)),
        ("/workflow/1/charge/error?", (4, 59)),
        ("/workflow/2/日本", (5, 5)),
        ("/workflow/2/日本/", (5, 14)),
    ],
)
def test_a_pointer_has_the_place_of_its_key_or_element(path: str, place: Place) -> None:
    """Columns count characters, whatever stands before, and escapes in keys and pointers are understood."""
    assert places(DEFINITION, path) == [place]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/nothing", (1, 1)),
        ("/id/deeper/still", (2, 3)),
        ("/workflow/3", (2, 30)),
        ("/workflow/-", (2, 30)),
        ("/workflow/01", (2, 30)),
        ("/workflow/one", (2, 30)),
        ("/workflow/" + "9" * 5_000, (2, 30)),
        ("/workflow/²", (2, 30)),
        ("/workflow/1/charge/missing", (4, 6)),
        ("/workflow/1/charge/m~0n/0/x", (4, 35)),
        ("/~2", (1, 1)),
        ("workflow", (1, 1)),
    ],
)
def test_a_pointer_beyond_the_document_has_the_deepest_place_there_is(path: str, place: Place) -> None:
    """A missing key is shown at the object that lacks it."""
    assert places(DEFINITION, path) == [place]


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ('{"a": 1, "a": 2}', "/a", (1, 10)),
        ('{"a": {"x": 1},\n "\\u0061": {"y": 2}}', "/a", (2, 2)),
        ('{"a": {"x": 1},\n "a": {"y": 2}}', "/a/y", (2, 8)),
        ('{"a": {"x": 1},\n "a": {"y": 2}}', "/a/x", (2, 2)),
    ],
)
def test_of_a_repeated_key_the_last_is_meant(text: str, path: str, place: Place) -> None:
    """The later occurrence is pointed at, as it is the one whose value counts."""
    problem = Problem(code="DUPLICATE_KEY", path=path, message="m")
    (found,) = locate(text.encode(), [problem])
    assert (found.line, found.column) == place


def test_problems_that_have_a_place_keep_it() -> None:
    """Of a key that stands three times each repetition keeps its own place, and nothing but places is changed."""
    text = b'{"a": 1,\n "a": 2,\n "a": 3}'
    _, repeated = parse_definition(text)
    other = Problem(code="X", path="/a", message="m", severity="warning", nearest="b")
    located = locate(text, [*repeated, other])
    assert [(each.line, each.column) for each in located] == [(2, 2), (3, 2), (3, 2)]
    placed = Problem(code="X", path="/a", message="m", severity="warning", nearest="b", line=3, column=2, end_column=5)
    assert located[2] == placed


def test_no_problems_have_no_places() -> None:
    """Nothing to say costs nothing, whatever the text."""
    assert locate(b"not even JSON", []) == ()


@pytest.mark.parametrize("text", ["", "[[[[", '}{:"', '{"a": }', '{"a": [1,, {"b": 2}', "[1, /* 2 */ 3]", '{"\\x": 1}'])
def test_a_broken_text_still_gives_some_place(text: str) -> None:
    """Whoever asks about a text that is no JSON gets places within it, not an error."""
    for line, column in places(text, "", "/a", "/a/1/b", "/0/0", "/2"):
        assert line == 1
        assert column is not None
        assert 1 <= column <= len(text) + 1


def keyed(key: str, chance: Random) -> str:
    """The key as JSON, some of its characters escaped without need."""
    units = [
        "".join(f"\\u{unit:04x}" for unit in memoryview(char.encode("utf-16-le")).cast("H"))
        if chance.random() < 0.2
        else json.dumps(char, ensure_ascii=False)[1:-1]
        for char in key
    ]
    return '"' + "".join(units) + '"'


class Writer:
    """Writes a document with random whitespace, and knows where it put every key and element."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.text = ""
        self.places: dict[str, Place] = {"": (1, 1)}

    def put(self, piece: str) -> None:
        gaps = ["", "", " ", "  ", "\t", "\n", "\n   ", "\r\n "]
        self.text += piece + self.chance.choice(gaps)

    def mark(self, path: str) -> None:
        last = self.text.rsplit("\n", 1)[-1]
        self.places[path] = (self.text.count("\n") + 1, len(last) + 1)

    def write(self, value: Any, *path: str | int) -> None:
        if not isinstance(value, dict | list):
            self.put(json.dumps(value, ensure_ascii=False))
            return
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        self.put(opening)
        for count, (key, each) in enumerate(value.items() if isinstance(value, dict) else enumerate(value)):
            if count:
                self.put(",")
            self.mark(pointer(*path, key))
            if isinstance(key, str):
                self.put(keyed(key, self.chance))
                self.put(":")
            self.write(each, *path, key)
        self.put(closing)


texts = st.text(st.sampled_from('aé日😀/~"\\0 \t{[,:'), max_size=4)
documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=25,
)


@settings(deadline=None)  # the machine may be busy
@given(documents, st.randoms(use_true_random=False))
def test_every_pointer_of_any_document_is_found(document: Any, chance: Random) -> None:
    """However a document is indented and escaped, all its keys and elements are found where they were written."""
    writer = Writer(chance)
    writer.put("")
    writer.write(document)
    assert parse(writer.text.encode()) == document
    paths = list(writer.places)
    assert places(writer.text, *paths) == list(writer.places.values())
    assert places(writer.text, *(f"{path}/-/x" for path in paths)) == list(writer.places.values())


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("[" * 50_000 + "]" * 50_000, "/0" * 49_999, id="deep"),
        pytest.param("[" * 100_000, "/0/0", id="never closed"),
    ],
)
def test_deep_documents_do_not_overflow(text: str, path: str) -> None:
    """Neither nesting nor long pointers recurse."""
    ((line, column),) = places(text, path)
    assert (line, column) == (1, path.count("/") + 1)


def test_many_problems_on_one_huge_line_take_one_pass() -> None:
    """Half a mebibyte on one line with ten thousand problems is placed at once, not once for each problem."""
    text = "[" + '"é",' * 100_000 + "0]"
    started = time.perf_counter()
    found = places(text, *(f"/{index * 10}" for index in range(10_000)))
    assert found == [(1, 2 + 40 * count) for count in range(10_000)]
    assert time.perf_counter() - started < 5


# -- excerpts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column", "shown"),
    [
        ('{\n  "lgo": {}\n}', 2, 3, ['2 |   "lgo": {}', "  |   ^^^^^"]),
        ('\t{"a": 1}\r\n', 1, 2, ['1 |  {"a": 1}', "  |  ^"]),
        ('{"日本": x}', 1, 8, ['1 | {"日本": x}', "  |          ^"]),
        ('{"e\u0301": x}', 1, 8, ['1 | {"e\u0301": x}', "  |       ^"]),
        ('"\x1b[31m\u202e" x', 1, 10, ['1 | "·[31m·" x', "  |          ^"]),
        ("\n" * 11 + "[1", 12, 3, ["12 | [1", "   |   ^"]),
        ("", 1, 1, ["1 |", "  | ^"]),
        ("[1]", 7, 40, ["1 | [1]", "  |    ^"]),
        ("[1]", 0, 0, ["1 | [1]", "  | ^"]),
    ],
)
def test_the_caret_stands_under_the_column(text: str, line: int, column: int, shown: list[str]) -> None:
    """Tabs, wide and combining characters, control codes and places outside the text don't move the caret away."""
    assert excerpt(text.encode(), line, column).split("\n") == shown


@pytest.mark.parametrize(
    ("text", "column", "end", "carets"),
    [
        ('\t\t"lgo": {}', 3, 8, "  ^^^^^"),
        ('"日本": 1', 1, 5, "^^^^^^"),
        ('{"日本": 12}', 8, 10, " " * 9 + "^^"),
        ('"e\u0301a": 1', 1, 6, "^^^^"),
        ('"\U0001f600": 1', 1, 4, "^^^^"),
        ('"a\ufe0f\x1b": 1', 1, 6, "^^^^"),
        ("12345", 2, 2, " ^"),
        ("12345", 2, 99, " ^^^^"),
        ("12", 3, None, "  ^"),
        ('{"a": nul}', 7, None, " " * 6 + "^^^"),
        ('"never closed', 1, None, "^"),
        ('"a\\"b": 1', 1, None, "^^^^^^"),
    ],
)
def test_carets_are_as_wide_as_what_they_mean(text: str, column: int, end: int | None, carets: str) -> None:
    """Tabs are one column, wide characters two, marks none; without an end, the word or quoted text at the place."""
    assert excerpt(text.encode(), 1, column, end).split("\n")[1] == "  | " + carets


def test_carets_stay_within_the_excerpt() -> None:
    """A quoted text of a megabyte is underlined as far as it is shown."""
    source, carets = excerpt(b'{"a": "' + b"x" * 1_000_000 + b'"}', 1, 7, 1_000_009).split("\n")
    assert (len(carets), carets.count("^")) == (len(source) - 1, EXCERPT_CHARACTERS - 6)


# -- places inside texts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "offset", "meant"),
    [
        ('{"a": "$.x + foo"}', "/a", 6, "foo"),
        ('{"a": "$.x + foo"}', "/a", 0, "$.x"),
        ('{"a": "$.x[0].y > 1"}', "/a", 0, "$.x[0].y"),
        ('{"a": "$.x && 1"}', "/a", 4, "&&"),
        ('{"a": ["one", "at {{ $.n | nope }}"]}', "/a/1", 12, "nope"),
        ('{"a": "日本 {{ é! }}"}', "/a", 6, "é"),
        (r'{"a": "\u0024.x \"+\" foo"}', "/a", 8, "foo"),
        (r'{"a": "\ud83d\ude00\n{{ foo }}"}', "/a", 5, "foo"),
        (r'{"a": "$.x == \"y"}', "/a", 7, r"\""),
        (r'{"a": "$.x \u00e9"}', "/a", 4, r"\u00e9"),
        (r'{"a": "$.x \\ y"}', "/a", 4, r"\\"),
        ('{"a": "$.x +"}', "/a", 5, '"'),
        ('{"a": "$.x +"}', "/a", 99, '"'),
        ('{"a": ""}', "/a", 0, '"'),
        ('{"a": 5}', "/a", 2, '"a"'),
        ('{"a": 5}', "/a/b", 2, '"a"'),
        ("[1, null]", "/1", 1, "null"),
    ],
)
def test_a_place_inside_a_text_is_found_as_it_is_written(text: str, path: str, offset: int, meant: str) -> None:
    """Columns are those of the source, whatever is escaped before the character, and the whole word is meant."""
    (found,) = locate(text.encode(), [Problem(code="X", path=path, message="m", offset=offset)])
    assert found.column is not None
    assert found.end_column is not None
    assert text[found.column - 1 : found.end_column - 1] == meant
    assert (found.line, found.offset) == (1, offset)


@settings(deadline=None)
@given(st.text(st.sampled_from('aé日😀"\\\t\n/$'), max_size=12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_any_character_of_any_text_is_found(text: str, offset: int, chance: Random) -> None:
    """However it is escaped: what stands there is that character, and what stands before it is what comes before it."""
    source = "[" + keyed(text, chance) + "]"
    (found,) = locate(source.encode(), [Problem(code="X", path="/0", message="m", offset=offset)])
    assert found.column is not None
    before, after = source[2 : found.column - 1], source[found.column - 1 : -2]
    assert json.loads(f'"{before}"') == text[:offset]
    assert json.loads(f'"{after}"') == text[offset:]


def test_many_places_inside_one_huge_text_take_one_pass() -> None:
    """A hundred problems at the end of a megabyte of escapes are found at once."""
    text = '["' + "\\n" * 500_000 + '"]'
    started = time.perf_counter()
    problems = [Problem(code="X", path="/0", message="m", offset=499_900 + at) for at in range(100)]
    found = locate(text.encode(), problems)
    assert [each.column for each in found] == [3 + 2 * (499_900 + at) for at in range(100)]
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("column", [1, 40, 500, 980, 1000, 1001])
def test_a_long_line_is_cut_around_the_column(column: int) -> None:
    """What is shown of a long line is bounded, holds the column, and says where it was cut."""
    line = "".join(chr(ord("a") + index % 26) for index in range(1_000))
    source, caret = excerpt(line.encode(), 1, column).split("\n")
    assert len(source) <= len("1 | ……") + EXCERPT_CHARACTERS
    assert source[caret.index("^") :][:1] == line[column - 1 : column]
    assert source.startswith("1 | …") == (column > EXCERPT_CHARACTERS)
    assert source.endswith("…") == (column < 1_000 - EXCERPT_CHARACTERS)


def test_an_excerpt_of_text_that_is_not_utf8_is_shown() -> None:
    """The line that was refused for its bytes can be shown too."""
    assert excerpt(b'["\xe9"]', 1, 3) == '1 | ["\ufffd"]\n  |   ^'
