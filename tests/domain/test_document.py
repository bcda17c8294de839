"""JSON is read strictly, within limits, and every refusal says where it is and what to do."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.document import (
    DUPLICATE_KEY,
    DUPLICATES_REPORTED,
    LARGEST_INTEGER,
    SMALLEST_INTEGER,
    TOO_DEEP,
    TOO_LARGE,
    JsonLimits,
    parse,
    parse_definition,
)
from domain.errors import NotJson
from domain.problems import pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_JSON = "NOT_JSON"
MEBIBYTE = 1_048_576

scalars = (
    st.none()
    | st.booleans()
    | st.integers(SMALLEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
documents: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def refusal(text: bytes, *, limits: JsonLimits | None = None) -> NotJson:
    with pytest.raises(NotJson) as caught:
        parse(text, limits=limits or JsonLimits())
    return caught.value


# -- what is taken ----------------------------------------------------------------------------------------------------


@settings(deadline=None)  # the machine may be busy
@given(documents, st.booleans(), st.none() | st.integers(0, 3))
def test_valid_documents_mean_what_the_standard_decoder_says(
    document: Any, ascii_only: bool, indent: int | None
) -> None:
    """Whatever a JSON encoder writes is read back as the same values of the same types."""
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    assert json.dumps(parse(text.encode())) == json.dumps(json.loads(text))


@settings(deadline=None)  # the machine may be busy
@given(documents, st.data())
def test_damaged_documents_are_refused_or_mean_the_same(document: Any, data: st.DataObject) -> None:
    """A changed character never makes a text mean what the standard decoder does not, nor points outside of it."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    at = data.draw(st.integers(0, len(text)))
    inserted = data.draw(
        st.sampled_from(["", "[", "}", '"', "\\", ",", ":", "e9", "-", "x", "\n", "\0", "\\ud800", "NaN"])
    )
    damaged = text[:at] + inserted + text[at + 1 :]
    try:
        value = parse(damaged.encode())
    except NotJson as error:
        lines = damaged.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    else:
        assert json.dumps(value) == json.dumps(json.loads(damaged))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1" + "0" * 61 + "e1", 1e62),
        ("0." + "3" * 62, 1 / 3),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("1e-400", 0.0),
        (' \t\r\n"x"\n', "x"),
        (r'"\ud83d\ude00\u0000\\ud800"', "😀\0\\ud800"),
        ('"1e400 NaN [[[ {{{"', "1e400 NaN [[[ {{{"),
    ],
)
def test_values_at_the_limits_are_taken(text: str, value: Any) -> None:
    """The largest numbers, the oddest escapes and things that only look wrong are read."""
    assert parse(text.encode()) == value


def test_limits_are_inclusive() -> None:
    """A document exactly as deep and as large as allowed is taken, one more is not."""
    limits = JsonLimits(depth=3, size=12)
    assert parse(b'[{"a":[1]}] ', limits=limits) == [{"a": [1]}]
    assert refusal(b'[{"a":[[]]}]', limits=limits).code == TOO_DEEP
    assert refusal(b'[{"a":[1]}]  ', limits=limits).code == TOO_LARGE


def test_brackets_in_texts_and_beside_each_other_are_not_depth() -> None:
    """Only nesting counts as depth, however many brackets there are."""
    wide = b"[" + b'["[[[[\\"[[\\\\", {}],' * 200 + b"[]]"
    assert len(parse(wide, limits=JsonLimits(depth=3))) == 201


def test_the_deepest_limit_can_be_used() -> None:
    """The decoder reaches the greatest depth that may be configured, with room on the stack."""
    assert parse(b"[" * 128 + b"]" * 128, limits=JsonLimits(depth=128)) != []


@pytest.mark.parametrize("depth", [0, -1, 501])
def test_a_depth_limit_that_could_not_be_kept_is_refused(depth: int) -> None:
    """The decoder recurses, so that no limit may allow more than the stack does."""
    with pytest.raises(ValueError, match="depth limit"):
        JsonLimits(depth=depth)


# -- what is refused, and where ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "empty"),
        (" \n ", 1, 1, "empty"),
        ("[1,", 1, 4, "not the end of the text"),
        ('{"a":', 1, 6, "A value is expected here, not the end of the text"),
        ('{"a":1', 1, 7, "A comma or the closing bracket"),
        ("{", 1, 2, "A key in double quotes"),
        ("[1,]", 1, 4, "a comma too many before it"),
        ('{"a":1,}', 1, 8, "a comma too many"),
        ('{"é": 1\n "b": 2}', 2, 2, 'not `"`'),
        ('{"😀":😀}', 1, 6, "not `😀`"),
        ('{"a" 1}', 1, 6, "A colon is expected"),
        ("{'a': 1}", 1, 2, "double quotes"),
        ("{a: 1}", 1, 2, "A key in double quotes is expected here, not `a`"),
        ("[1] [2]", 1, 5, "The document should end here"),
        ('["a]', 1, 2, "no closing quote"),
        ('["a\n"]', 1, 4, "line break"),
        ('["a\tb"]', 1, 4, "control character"),
        (r'["\x41"]', 1, 3, "no such escape"),
        (r'["é\u12G4"]', 1, 4, "Four hexadecimal digits"),
        ('[\n  // why\n  1]', 2, 3, "no comments"),
        ("[True]", 1, 2, "small letters"),
        ("[None]", 1, 2, "Write null"),
        ("[NaN]", 1, 2, "NaN is not JSON"),
        ('["Infinity", Infinity]', 1, 14, "Infinity is not JSON"),
        ('["-Infinity", -Infinity]', 1, 15, "-Infinity is not JSON"),
        ("[012]", 1, 3, "Numbers look like"),
        ("[1.]", 1, 3, "Numbers look like"),
        ("[.5]", 1, 2, "Numbers look like"),
        ("[+1]", 1, 2, "Numbers look like"),
        ('{"a": "say "hi""}', 1, 13, r"Write \" for a quote"),
        ("[\0]", 1, 2, "the character U+0000"),
        ('["é\\"1e400", [1e400]]', 1, 15, "too large for a 64-bit float"),
        ('{"1e400": 1,\n "x": -1e400}', 2, 7, "too large for a 64-bit float"),
        ("[18446744073709551616e-9, 18446744073709551616]", 1, 27, "fit in 64 bits"),
        ('["1e900", 1e900.0]', 1, 11, "too large for a 64-bit float"),
        ("[18446744073709551616.x]", 1, 2, "fit in 64 bits"),
        ("[NaN5]", 1, 2, "NaN is not JSON"),
        ("[-9223372036854775809]", 1, 2, "fit in 64 bits"),
        ('["\\\\", ' + "1" * 65 + "]", 1, 8, "65 characters"),
        ("[1." + "0" * 80 + "]", 1, 2, "82 characters"),
        (r'["\ud83d\ude00", "\ud83dx"]', 1, 19, r"\ud83d is half of a surrogate pair"),
        (r'{"\\\uDC00": 1}', 1, 5, r"\uDC00 is half of a surrogate pair"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused_at_its_place(text: str, line: int, column: int, words: str) -> None:
    """Line and column count characters from 1, and the message names what stands there or what to write."""
    error = refusal(text.encode())
    assert (error.code, error.line, error.column) == (NOT_JSON, line, column)
    assert words in error.message


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        (b"\xef\xbb\xbf{}", 1, 1, "byte order mark"),
        ("{}".encode("utf-16"), 1, 1, "UTF-16"),
        (b'["\xc3\xa9",\n "\xc3\xa9\xe9"]', 2, 4, "0xe9"),
        (b'"\xed\xa0\x80"', 1, 2, "0xed"),
        (b'"\xc0\xaf"', 1, 2, "0xc0"),
        (b'"\xf0\x9f', 1, 2, "0xf0"),
    ],
)
def test_only_utf8_is_taken(text: bytes, line: int, column: int, words: str) -> None:
    """Other encodings, byte order marks, encoded surrogates and cut characters are refused where they are."""
    error = refusal(text)
    assert (error.code, error.line, error.column) == (NOT_JSON, line, column)
    assert words in error.message


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (b"[" * 10_000, 65),
        (b"[" * 100_000 + b"]" * 100_000, 65),
        (b'{"a":' * 10_000, 1 + 5 * 64),
        ('["é[\\"[",'.encode() + b"[" * 64, 10 + 63),
        (b"[" * 65, 65),
    ],
)
def test_deep_nesting_is_refused_at_the_first_bracket_too_many(text: bytes, column: int) -> None:
    """No depth overflows a stack, and the place is that of the container that is one too deep."""
    error = refusal(text)
    assert (error.code, error.line, error.column) == (TOO_DEEP, 1, column)
    assert "64 deep" in error.message


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (b'{"a": "say "hi ' + b"[" * 70 + b'"}', 13),
        (b"[1 " + b"[" * 70, 4),
        (b'["x", 1e400, ' + b"[" * 70, 7),
    ],
)
def test_an_error_before_the_depth_is_the_one_reported(text: bytes, column: int) -> None:
    """A forgotten quote that turns text into brackets is told as what it is, not as deep nesting."""
    error = refusal(text)
    assert (error.code, error.column) == (NOT_JSON, column)


# -- keys that stand twice --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{"a": 1, "a": 2}', [("/a", 1, 10)]),
        ('{"a": 1,\n "é": 0, "\\u0061" : 2}', [("/a", 2, 10)]),
        ('{"a": 1, "a": 2, "a": 3}', [("/a", 1, 10), ("/a", 1, 18)]),
        ('{"a": {"x": 1, "x": 2}, "a": 3}', [("/a/x", 1, 16), ("/a", 1, 25)]),
        ('[0, 1, [], {}, "a,b", [2, 3], {"k": 1, "k": 2}]', [("/6/k", 1, 40)]),
        ('{"l": [{}, {"~/": [1, 2], "~/": {"b": 1}}, 7, {"": 1, "": 2}]}', [("/l/1/~0~1", 1, 27), ("/l/3/", 1, 55)]),
        ('{"a": {"a": {"a": 1}}, "b": ["a", "a", {"a": "\\"a\\": 1"}]}', []),
    ],
)
def test_each_repeated_key_is_a_problem_with_its_pointer(text: str, places: list[tuple[str, int, int]]) -> None:
    """Every occurrence after the first is reported in document order, escapes understood; others are not."""
    value, problems = parse_definition(text.encode())
    assert value == json.loads(text)
    assert [(each.path, each.line, each.column) for each in problems] == places
    assert all(each.code == DUPLICATE_KEY and each.severity == "error" for each in problems)


def test_the_problem_names_the_key_and_where_it_stood_first() -> None:
    """A person is told the key, its first place and what to do."""
    _, (problem,) = parse_definition(b'{\n "log": 1,\n "log": 2\n}')
    assert problem.message.startswith('The key "log" stands in this object already, at line 2, column 2;')


def test_parse_refuses_a_repeated_key_at_its_place() -> None:
    """Bodies other than definitions stop at the first repeated key."""
    error = refusal(b'{"a": [1],\n "b": {"c": 1, "c": 2}, "a": 3}')
    assert (error.code, error.line, error.column) == (DUPLICATE_KEY, 2, 16)


def test_a_syntax_error_counts_more_than_a_repeated_key() -> None:
    """What can't be read at all is told first."""
    assert refusal(b'{"a": 1, "a": 2, }').code == NOT_JSON


def test_long_pointers_are_not_sent_back_a_hundred_times() -> None:
    """A huge key above many repeated ones does not multiply the size of the answer."""
    text = b'{"' + b"k" * 100_000 + b'": {' + b", ".join([b'"a": 0'] * 500) + b"}}"
    _, problems = parse_definition(text)
    assert len(problems) == 1


class Pairs(list[tuple[str, Any]]):
    """An object with all its keys, repeated ones too."""


keys = st.sampled_from(["a", "b", "", "a/b", "~1", "é", '"', "\\", "[,{"])
repetitive: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([0, 1.5, "x", ', "a":', None]),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(keys, inner), max_size=4).map(Pairs),
    max_leaves=25,
)


def written(value: Any, gap: str) -> str:
    if isinstance(value, Pairs):
        return "{" + f",{gap}".join(f"{json.dumps(key)}{gap}:{written(each, gap)}" for key, each in value) + gap + "}"
    if isinstance(value, list):
        return "[" + f"{gap},".join(written(each, gap) for each in value) + gap + "]"
    return json.dumps(value)


def repeated(value: Any, *above: str | int) -> Iterator[str]:
    seen: set[str] = set()
    entries: Any = value if isinstance(value, Pairs) else enumerate(value) if isinstance(value, list) else ()
    for key, each in entries:
        if isinstance(value, Pairs):
            if key in seen:
                yield pointer(*above, key)
            seen.add(key)
        yield from repeated(each, *above, key)


@settings(deadline=None)  # the machine may be busy
@given(repetitive, st.sampled_from(["", " ", "\n\t"]))
def test_repeated_keys_are_found_wherever_they_are(document: Any, gap: str) -> None:
    """In any document the reported pointers are those of a plain recursive search, each at a key of that name."""
    text = written(document, gap)
    _, problems = parse_definition(text.encode())
    assert [each.path for each in problems] == list(repeated(document))
    lines = text.split("\n")
    for problem in problems:
        assert problem.line is not None
        assert problem.column is not None
        key, _ = json.JSONDecoder().raw_decode(lines[problem.line - 1], problem.column - 1)
        assert problem.path.endswith(pointer(key))


# -- hostile texts ----------------------------------------------------------------------------------------------------


def filled(start: str, unit: str, end: str) -> bytes:
    return (start + unit * ((MEBIBYTE - len(start) - len(end)) // len(unit)) + end).encode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(filled("", "[", ""), TOO_DEEP, id="deep"),
        pytest.param(filled("[", "[],", "[" * 70), TOO_DEEP, id="deep at the end"),
        pytest.param(filled("", "9", ""), NOT_JSON, id="a number of a million digits"),
        pytest.param(filled("[0.", "9", "]"), NOT_JSON, id="a fraction of a million digits"),
        pytest.param(filled("[1e", "9", "]"), NOT_JSON, id="an exponent of a million digits"),
        pytest.param(filled("", "-", ""), NOT_JSON, id="signs"),
        pytest.param(filled('"', r"\n", r'\x"'), NOT_JSON, id="escapes, one wrong"),
        pytest.param(filled('"', r"\n", r'\udc00"'), NOT_JSON, id="escapes, half a pair"),
        pytest.param(filled('["', r"\"", '", 1e999]'), NOT_JSON, id="quotes, a float too large"),
        pytest.param(filled("[", '"",', "1e999]"), NOT_JSON, id="texts, a float too large"),
        pytest.param(filled("", '"', ""), NOT_JSON, id="quotes"),
        pytest.param(filled("", "\\", ""), NOT_JSON, id="backslashes"),
        pytest.param(filled("", "\n", "x"), NOT_JSON, id="lines"),
        pytest.param(filled("{", '"a":1,', '"a":1}'), DUPLICATE_KEY, id="one key"),
        pytest.param(filled("[", "[],", '{"x":1,"x":2}]'), DUPLICATE_KEY, id="a repeated key at the end"),
        pytest.param(b" " * (MEBIBYTE + 1), TOO_LARGE, id="too large"),
    ],
)
def test_hostile_texts_are_refused_without_delay(text: bytes, code: str) -> None:
    """A mebibyte made to hurt costs linear time: far under a second, where a quadratic reader takes minutes."""
    started = time.process_time()
    assert refusal(text).code == code
    assert time.process_time() - started < 2


def test_only_so_many_repeated_keys_are_reported() -> None:
    """The number of problems is bounded whatever the document."""
    _, problems = parse_definition(filled("{", '"a":1,', '"a":1}'))
    assert len(problems) == DUPLICATES_REPORTED
