"""`clew validate`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import COUNTING, clew, written

ROOT = Path(__file__).parents[2]
BAD = """{
  "id": "bad", "name": "Bad", "version": "1",
  "workflow": [
    {"limit": {"items": [], "maxItem": 3, "x?": "nowhere"}},
    {"each": {"items": []}},
\t{"$.a": "日本 \\"{{ $.n | uper }}\\""}
  ]
}
"""
SHOWN = """\
bad.json:2:31: error[SCHEMA]: version is a text of three numbers such as 1.0.0.
    2 |   "id": "bad", "name": "Bad", "version": "1",
      |                               ^^^^^^^^^
bad.json:4:6: error[MISSING_PARAMETER]: limit needs the parameter 'maxItems'.
    4 |     {"limit": {"items": [], "maxItem": 3, "x?": "nowhere"}},
      |      ^^^^^^^
bad.json:4:29: error[UNKNOWN_PARAMETER]: limit has no parameter 'maxItem'; it has items, maxItems, keepFrom.
    4 |     {"limit": {"items": [], "maxItem": 3, "x?": "nowhere"}},
      |                             ^^^^^^^^^
      = did you mean 'maxItems'?
bad.json:4:43: error[UNKNOWN_TARGET]: There is no step 'nowhere' to jump to, and no node of that name to run.
    4 |     {"limit": {"items": [], "maxItem": 3, "x?": "nowhere"}},
      |                                           ^^^^
bad.json:4:43: error[UNKNOWN_EDGE]: limit never takes the edge 'x'; it takes all_items, error, success.
    4 |     {"limit": {"items": [], "maxItem": 3, "x?": "nowhere"}},
      |                                           ^^^^
bad.json:6:25: error[INVALID_EXPRESSION]: `uper` is not a filter. …
    6 |  {"$.a": "日本 \\"{{ $.n | uper }}\\""}
      |                           ^^^^
      = did you mean 'upper'?
bad.json:5:6: warning[NOT_A_LOOP]: each runs a body only as a loop: write its key as 'each...'.
    5 |     {"each": {"items": []}},
      |      ^^^^^^
6 errors, 1 warning.
"""


def bad(folder: Path) -> str:
    """The path of a definition with problems of many kinds."""
    path = folder / "bad.json"
    path.write_text(BAD)
    return str(path)


def warned(folder: Path) -> str:
    """The path of a definition with nothing but a warning."""
    return written(folder, {**COUNTING, "id": "warned", "author": "somebody"})


def test_a_valid_definition_is_said_to_be_so(tmp_path: Path) -> None:
    """Nothing but that, and 0."""
    path = written(tmp_path, COUNTING)
    assert clew("validate", path) == (0, f"{path} is valid.\n", "")


def test_problems_are_shown_as_a_compiler_does(tmp_path: Path) -> None:
    """Each with file, line, column and code, the line itself, carets under what is meant, and what was probably meant.

    Errors come before warnings, both in the order of the text. Inside an expression it is the very word that is shown,
    whatever is escaped or wide before it.
    """
    path = bad(tmp_path)
    ran = clew("validate", path)
    assert (ran.code, ran.out) == (3, "")
    lines = [line.replace(path, "bad.json") for line in ran.err.splitlines()]
    assert [line.partition(" (At character")[0] for line in lines] == SHOWN.replace(" …", "").splitlines()


def test_a_text_that_is_not_json_is_shown_at_its_place(tmp_path: Path) -> None:
    """A syntax error is a problem like the others, and the word that is wrong is underlined."""
    path = tmp_path / "broken.json"
    path.write_text('{"id": "a",\n "b": nul}')
    ran = clew("validate", str(path))
    assert ran.code == 3
    first, source, carets, *_ = ran.err.splitlines()
    assert first.startswith(f"{path}:2:7: error[NOT_JSON]: ")
    assert (source, carets) == ('    2 |  "b": nul}', "      |       ^^^")


def test_several_files_are_judged_at_once(tmp_path: Path) -> None:
    """Each by itself, standard input too, with one summary; one that is not valid is enough for 3."""
    good, wrong = written(tmp_path, COUNTING), bad(tmp_path)
    ran = clew("validate", wrong, good, "-", stdin=json.dumps(COUNTING))
    assert (ran.code, ran.out) == (3, f"{good} is valid.\n<stdin> is valid.\n")
    assert ran.err.splitlines()[-1] == "6 errors, 1 warning in 3 files."
    assert clew("validate", good, "-", stdin="{}").err.splitlines()[0].startswith("<stdin>:1:1: error[SCHEMA]: ")


def test_warnings_alone_leave_a_definition_valid(tmp_path: Path) -> None:
    """They are shown, and the code is 0, unless --strict is given."""
    path = warned(tmp_path)
    ran = clew("validate", path)
    assert (ran.code, ran.out) == (0, f"{path} is valid.\n")
    assert "warning[UNKNOWN_KEY]: 'author' is not a key" in ran.err
    assert ran.err.endswith("\n0 errors, 1 warning.\n")
    strict = clew("validate", "--strict", path)
    assert (strict.code, strict.out, strict.err) == (3, "", ran.err)


def test_json_lists_the_problems_for_programs(tmp_path: Path) -> None:
    """One document with all of them, places and files included."""
    wrong, good = bad(tmp_path), written(tmp_path, COUNTING)
    ran = clew("validate", "--json", wrong, good)
    assert (ran.code, ran.err) == (3, "")
    told = ran.json
    assert (told["valid"], told["errors"], told["warnings"]) == (False, 6, 1)
    assert told["files"] == [{"file": wrong, "valid": False}, {"file": good, "valid": True}]
    (found,) = [problem for problem in told["problems"] if problem["code"] == "INVALID_EXPRESSION"]
    message = found.pop("message")
    assert found == {
        "file": wrong,
        "severity": "error",
        "code": "INVALID_EXPRESSION",
        "path": "/workflow/2/$.a",
        "nearest": "upper",
        "offset": 13,
        "line": 6,
        "column": 25,
        "endColumn": 29,
    }
    assert message.startswith("`uper` is not a filter.")
    assert clew("validate", "--json", "--strict", warned(tmp_path)).json["valid"] is False


def seen_on_a_terminal(path: str, **environment: str) -> str:
    """What `clew validate` writes to a terminal."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [sys.executable, "-m", "clew", "validate", path],
        cwd=ROOT,
        env={**clean, **environment},
        stdout=theirs,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65_536):
                text += piece
        except OSError:  # on Linux, the end of what a terminal was told
            pass
        finally:
            os.close(ours)
    assert running.returncode == 3
    return text.decode()


def test_colours_are_for_terminals_and_for_who_wants_them(tmp_path: Path) -> None:
    """None in a pipe, none with NO_COLOR; the words are the same."""
    path = bad(tmp_path)
    coloured, plain = seen_on_a_terminal(path), seen_on_a_terminal(path, NO_COLOR="1")
    assert "\x1b[31m" in coloured
    assert "\x1b" not in plain
    assert plain.replace("\r\n", "\n") == clew("validate", path).err


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


def test_more_problems_than_are_listed_are_counted(tmp_path: Path) -> None:
    """After the last one, without a place of their own."""
    path = written(tmp_path, {**COUNTING, "workflow": [{"limit": {"maxItems": "x"}} for _ in range(120)]})
    lines = clew("validate", path).err.splitlines()
    assert lines[-2] == f"{path}: error[MORE]: 20 more problems are not listed."


def test_a_file_that_is_not_there_is_a_mistake_of_usage(tmp_path: Path) -> None:
    """Code 2; so is no file at all, or a folder."""
    assert clew("validate", str(tmp_path / "none.json")).code == 2
    assert clew("validate").code == 2
    assert clew("validate", str(tmp_path)).code == 2


def test_the_example_has_no_problems() -> None:
    """The workflow of the demo is without errors and warnings."""
    examples = ROOT / "examples"
    ran = clew("validate", str(examples / "licence-audit.json"), "--nodes", str(examples / "nodes"))
    assert (ran.code, ran.err) == (0, "")
