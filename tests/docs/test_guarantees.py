"""The page of guarantees names tests that are there, and none of its promises is without one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
PROMISES, NOT_PROMISED = PAGE.split("## What is not promised")


@cache
def functions_of(path: Path) -> frozenset[str]:
    """The functions of a file, those of its classes too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_test_that_is_named_is_there() -> None:
    """File and function; a test that moves takes its name on the page with it."""
    named = NAMED.findall(PAGE)
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or (name and name not in functions_of(ROOT / path))
    ]
    assert missing == []
    assert sum(bool(name) for _, name in named) > 40
    assert PAGE.count("`tests/") == len(named), "a path is written in a way that this test does not read"


def test_every_promise_names_its_tests() -> None:
    """Each of the paragraphs in bold, or those that follow one another, is followed by a list of them."""
    sections = PROMISES.split("\n## ")[1:]
    for section in sections:
        title, *groups = re.split(r"\n\n(?=\*\*)", section)
        assert groups, f"{title.splitlines()[0]} promises nothing"
        tested = [bool(NAMED.search(group)) for group in groups]
        assert tested[-1], f"{title.splitlines()[0]}: the last promise names no test"
    assert len(sections) >= 6


def test_the_readme_leads_here() -> None:
    """From its section on guarantees, and so does the page of contents."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## What is guaranteed")[1].split("\n## ")[0]
    assert "(docs/guarantees.md)" in section
    assert "(guarantees.md)" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
