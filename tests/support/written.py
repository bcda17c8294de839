"""Definitions that are written out somewhere in this repository: in tests, in examples, in the README and docs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.pages import DOCS, definition_text, fences

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parents[0] / "shared" / "workflows"
README_JSON = re.compile(r"```json\n(.*?)```", re.DOTALL)


def whole_definitions() -> Iterator[tuple[str, Any]]:
    """(where it stands, the definition) of the examples, the README's, the docs', and those that other people wrote."""
    for path in (*sorted((ROOT / "examples").glob("*.json")), *shared()):
        yield path.name, json.loads(path.read_text())
    for at, text in enumerate(README_JSON.findall((ROOT / "README.md").read_text())):
        definition = json.loads(text)
        if "workflow" in definition:  # else it is a step to be put into one
            yield f"README {at}", definition
    for page in sorted(DOCS.glob("*.md")):
        for fence in fences(page):
            refused = any("**refused**" in each for each in fence.told[:1])
            if fence.language == "json" and '"workflow": [' in fence.source and not refused:
                yield f"{page.name} {fence.line}", json.loads(definition_text(fence.source))


def shared() -> list[Path]:
    """The real definitions, where they are at hand."""
    near = (SHARED, ROOT.parents[1] / "shared" / "workflows")
    return next((sorted(folder.glob("*.json")) for folder in near if folder.is_dir()), [])


def literals() -> Iterator[tuple[str, Any]]:
    """(file and line, value) of every JSON object and list that a test writes out."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Dict, ast.List)):
                try:
                    text = json.dumps(ast.literal_eval(node), ensure_ascii=False, allow_nan=False)
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", json.loads(text.encode())
                except (ValueError, TypeError):  # it has something to compute in it, or is no JSON
                    continue
