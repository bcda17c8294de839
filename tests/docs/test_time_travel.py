"""docs/time-travel.md is true: its files are written, its commands are typed one after the other against a real server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.consoles import Typed, output_of, typed
from tests.support.pages import DOCS, fences
from tests.support.process import ServerProcess

PAGE = DOCS / "time-travel.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with a store of its own."""
    (tmp_path / "nodes").mkdir()
    process = ServerProcess(tmp_path, nodes=tmp_path / "nodes")
    try:
        process.start()
        yield process
    finally:
        process.close()


def test_the_page_prints_what_it_says(tmp_path: Path, server: ServerProcess) -> None:
    """From the first command to the last, in a folder with the files of the page."""
    commands = Path(sys.executable).parent
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLEW_")}
    environment = {**clean, "CLEW_URL": str(server.http.base_url), "PATH": f"{commands}:{os.environ['PATH']}"}
    done = 0
    for fence in fences(PAGE):
        if fence.mark.startswith("file: "):
            (tmp_path / fence.mark.removeprefix("file: ")).write_text(fence.source)
        if fence.language != "console":
            continue
        for each in typed(fence.source):
            output = output_of(each.command, tmp_path, environment)
            assert each.matches(output), f"line {fence.line}: {each.command}\n{output}"
            done += 1
    assert done > 10


@pytest.mark.parametrize(
    ("printed", "output", "fits"),
    [
        (("a", "b"), "a\nb\n", True),
        (("a", "b"), "a\nb\nc\n", False),
        (("a", "…"), "a\nb\nc\n", True),
        (("a", "…"), "a\n", True),
        (("a … c",), "a b c  \n", True),
        (("a … c",), "a b\nc\n", False),
        (("a.c",), "abc\n", False),
        ((), "a\n", False),
    ],
)
def test_what_is_left_out(printed: tuple[str, ...], output: str, fits: bool) -> None:
    """A line of its own leaves out lines, within a line only a part of that."""
    assert Typed("x", printed).matches(output) is fits


def test_commands_of_several_lines() -> None:
    """Go on behind the second prompt."""
    assert typed("$ a \\\n> b\nout\n$ c\n") == [Typed("a \\\nb", ("out",)), Typed("c", ())]
