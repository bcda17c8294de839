"""`extractText`."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.nodes.extract_text import ExtractText
from tests.support.nodes import run

PRODUCTS = "Product: ABC123 - Price: $29.99 | Product: XYZ789 - Price: $49.99"


@pytest.mark.parametrize(
    ("config", "text", "found"),
    [
        ({"method": "regex", "pattern": "Product: ([A-Z0-9]+)"}, PRODUCTS, ["ABC123", "XYZ789"]),
        ({"method": "regex", "pattern": r"\$([0-9.]+)", "flags": ""}, PRODUCTS, ["29.99"]),
        ({"method": "regex", "pattern": "(?:a)b", "flags": "gi"}, "ab AB", ["ab", "AB"]),
        ({"method": "regex", "pattern": "a"}, "aa", ["a", "a"]),
        ({"method": "regex", "pattern": "a(b)?"}, "a ab", ["b"]),
        ({"method": "regex", "pattern": "ERROR: (.+)$", "flags": "gm"}, "ERROR: x\nINFO: y\nERROR: z", ["x", "z"]),
        ({"method": "between", "startDelimiter": "[", "endDelimiter": "]"}, "[a] b [c\nd][] [e", ["a", "c\nd", ""]),
        ({"method": "between", "startDelimiter": "|", "endDelimiter": "|"}, "|a|b|c|", ["a", "c"]),
        ({"method": "extractAll", "pattern": "[0-9]+"}, "1 22 1 3", ["1", "22", "3"]),
        ({"method": "extractAll", "pattern": "([0-9])x", "flags": ""}, "1x 2x 1x", ["1", "2"]),
    ],
)
def test_lists(config: dict[str, Any], text: str, found: list[str]) -> None:
    """Group 1 if there is one; `extractAll` drops repeats and always looks at the whole text."""
    visit = run(ExtractText(), {"text": text, **config})
    assert visit.edge == "success"
    assert visit.data == {"extracted": found, "matches": len(found), "field": None, "method": config["method"]}
    assert visit.state == {"extractedText": found}


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("email", "Write to a.b+c@x-y.example.com, or d@e.org. Not f@g", ["a.b+c@x-y.example.com", "d@e.org"]),
        ("email", "UPPER@EXAMPLE.COM", ["UPPER@EXAMPLE.COM"]),
        ("url", "See https://a.example/b?c=d#e, (http://f.example). ftp://no", ["https://a.example/b?c=d#e", "http://f.example"]),
        ("url", "<a href='https://a.example/x'>", ["https://a.example/x"]),
        ("phone", "555-1234 or (555) 678-9012; +1-555-999-8888", ["555-1234", "(555) 678-9012", "+1-555-999-8888"]),
        ("phone", "1-800-555-0199, 5551234567, +442079460958, 555.123.4567", None),
        ("phone", "order 1234567, 12-12, 2026-11-22", []),
    ],
)  # fmt: skip
def test_known_types(kind: str, text: str, found: list[str] | None) -> None:
    """E-mail addresses, links and telephone numbers, without the punctuation of the sentence around them."""
    expected = text.split(", ") if found is None else found
    visit = run(ExtractText(), {"method": "extractAll", "extractType": kind, "text": text})
    assert visit.state["extractedText"] == expected


@pytest.mark.parametrize(("occurrence", "text"), [(0, "a1"), (1, "a2"), (2, "a2")])
def test_specific_gives_one_text(occurrence: int, text: str) -> None:
    """Counted from 0, repeats too, whatever the flags are."""
    config = {"method": "extractSpecific", "pattern": "a[0-9]", "occurrence": occurrence, "flags": "i"}
    visit = run(ExtractText(), {"text": "a1 a2 a2", **config})
    assert visit.data == {"extracted": text, "matches": 1, "field": None, "method": "extractSpecific"}
    assert visit.state == {"extractedText": text}


@pytest.mark.parametrize(
    ("config", "stored"),
    [
        ({"method": "regex", "pattern": "z"}, []),
        ({"method": "between", "startDelimiter": "a", "endDelimiter": "z"}, []),
        ({"method": "extractAll", "extractType": "email"}, []),
        ({"method": "extractSpecific", "pattern": "a", "occurrence": 3}, None),
    ],
)
def test_nothing_found(config: dict[str, Any], stored: Any) -> None:
    """The edge says so, and the keys hold nothing old."""
    state = {"text": "abc", "extractedText": "old", "out": "old"}
    visit = run(ExtractText(), {"field": "text", "outputField": "out", **config}, state=state)
    assert visit.edge == "not_found"
    assert visit.data == {"field": "text", "method": config["method"], "count": 0}
    assert visit.state == {"text": "abc", "extractedText": stored, "out": stored}


def test_field_and_output_are_paths() -> None:
    """And the fixed key is written beside the output."""
    config = {"method": "regex", "field": "mails[0].body", "pattern": "b", "outputField": "found.here"}
    visit = run(ExtractText(), config, state={"mails": [{"body": "abc"}]})
    assert visit.state["found"] == {"here": ["b"]}
    assert visit.state["extractedText"] == ["b"]
    assert visit.data["field"] == "mails[0].body"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({}, "INVALID_PARAMETER"),
        ({"method": "guess", "text": "x"}, "INVALID_PARAMETER"),
        ({"method": "regex", "pattern": "x"}, "INVALID_PARAMETER"),
        ({"method": "regex", "pattern": "x", "text": None}, "INVALID_PARAMETER"),
        ({"method": "regex", "pattern": "x", "text": "x", "field": "a"}, "INVALID_PARAMETER"),
        ({"method": "regex", "pattern": "x", "field": "missing"}, "INVALID_PARAMETER"),
        ({"method": "regex", "text": "x"}, "INVALID_PARAMETER"),
        ({"method": "regex", "text": "x", "pattern": ""}, "INVALID_PARAMETER"),
        ({"method": "regex", "text": "x", "pattern": "(?!a)"}, "INVALID_PATTERN"),
        ({"method": "regex", "text": "x", "pattern": "a", "flags": "u"}, "INVALID_PARAMETER"),
        ({"method": "between", "text": "x", "startDelimiter": "a"}, "INVALID_PARAMETER"),
        ({"method": "between", "text": "x", "startDelimiter": "a", "endDelimiter": ""}, "INVALID_PARAMETER"),
        ({"method": "extractAll", "text": "x"}, "INVALID_PARAMETER"),
        ({"method": "extractAll", "text": "x", "extractType": "iban"}, "INVALID_PARAMETER"),
        ({"method": "extractSpecific", "text": "x", "extractType": "url", "occurrence": -1}, "INVALID_PARAMETER"),
        ({"method": "extractSpecific", "text": "x", "extractType": "url", "occurrence": 0.5}, "INVALID_PARAMETER"),
        ({"method": "extractAll", "text": "a" * 1_000_000, "pattern": "a.*z|a"}, "WORK_LIMIT"),
    ],
)
def test_misuse_is_an_error_with_null_results(config: dict[str, Any], code: str) -> None:
    """The output as well as the fixed key."""
    visit = run(ExtractText(), {"outputField": "out", **config}, state={"out": "old", "extractedText": "old"})
    assert visit.code == code
    assert visit.state == {"out": None, "extractedText": None}


@pytest.mark.parametrize("occurrence", [1, 10**18, 2**64 - 1, 1e308])
def test_a_very_large_number_finds_nothing(occurrence: float) -> None:
    """An occurrence past everything is not found, not an exception."""
    config = {"method": "extractSpecific", "text": "x", "pattern": "x", "occurrence": occurrence}
    assert run(ExtractText(), config).edge == "not_found"
