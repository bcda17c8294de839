"""`clew validate`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import COUNTING, clew, written

BAD = """{
  "id": "bad", "name": "Bad", "version": "1",
  "workflow": [
    {"log": {"mesage": "hi", "x?": "nowhere"}},
    {"each": {"items": []}}
  ]
}
"""


def test_a_valid_definition_is_said_to_be_so(tmp_path: Path) -> None:
    """Nothing but that, and 0."""
    path = written(tmp_path, COUNTING)
    assert clew("validate", path) == (0, f"{path} is valid.\n", "")


def test_problems_are_shown_as_a_compiler_does(tmp_path: Path) -> None:
    """Each with file, line and column, the line itself, and a caret; errors in the order of the text."""
    path = tmp_path / "bad.json"
    path.write_text(BAD)
    ran = clew("validate", str(path))
    assert (ran.code, ran.out) == (3, "")
    lines = ran.err.splitlines()
    places = [line.split(": ")[0] for line in lines if line.startswith(str(path))]
    assert places[0] == f"{path}:2:31"
    assert places.index(f"{path}:4:30") < places.index(f"{path}:5:6")
    at = lines.index('    4 |     {"log": {"mesage": "hi", "x?": "nowhere"}},')
    assert lines[at + 1] == "      |                              ^"
    assert "warning" in next(line for line in lines if line.startswith(f"{path}:5:6"))
    assert lines[-1].endswith("1 warning.")


def test_a_text_that_is_not_json_is_shown_at_its_place(tmp_path: Path) -> None:
    """A syntax error is a problem like the others."""
    path = tmp_path / "broken.json"
    path.write_text('{"id": "a",\n}')
    ran = clew("validate", str(path))
    assert ran.code == 3
    assert f"{path}:2:1: error: " in ran.err


def test_json_lists_the_problems_for_programs(tmp_path: Path) -> None:
    """One document with all of them, places included."""
    path = tmp_path / "bad.json"
    path.write_text(BAD)
    ran = clew("validate", "--json", str(path))
    assert (ran.code, ran.err) == (3, "")
    assert ran.json["valid"] is False
    assert {"code", "path", "message", "line", "column"} <= ran.json["problems"][0].keys()


@pytest.mark.parametrize(
    "text", ["", "\x00", "[" * 10_000, "9" * 1_000, "NaN"], ids=["empty", "nul", "deep", "long", "nan"]
)
def test_hostile_texts_are_refused_in_words(tmp_path: Path, text: str) -> None:
    """No traceback, whatever the file holds."""
    path = tmp_path / "hostile.json"
    path.write_text(text)
    ran = clew("validate", str(path))
    assert ran.code == 3
    assert "1 error, 0 warnings." in ran.err


def test_the_example_has_no_problems() -> None:
    """The workflow of the demo is without errors and warnings."""
    examples = Path(__file__).parents[2] / "examples"
    ran = clew("validate", str(examples / "licence-audit.json"), "--nodes", str(examples / "nodes"))
    assert (ran.code, ran.err) == (0, "")
