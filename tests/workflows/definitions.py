"""Real definitions, which other people wrote: no part of the project, but tested against wherever they stand beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

NAMES = (
    "aggregate-examples", "ai-json-guarded", "api-guarded-pipeline", "conditional-branch", "data-pipeline",
    "decision-tree", "error-handling-flat", "etl-pipeline", "extract-text-examples", "file-processing-flat",
    "find-or-create", "loop-counter", "multi-switch", "simple-math", "user-registration", "validation-pipeline",
)  # fmt: skip


def folder() -> Path | None:
    """Where they are: `CLEW_REAL_WORKFLOWS`, else `shared/workflows` in the nearest folder around the project."""
    named = os.environ.get("CLEW_REAL_WORKFLOWS")
    if named:
        return Path(named)
    project = Path(__file__).resolve().parents[2]
    places = [parent / "shared" / "workflows" for parent in project.parents]
    return next((place for place in places if place.is_dir()), None)


def shared(name: str) -> dict[str, Any]:
    """One of them. Skips the test where there are none at all; one that is missing among the others is a failure."""
    place = folder()
    if place is None:
        pytest.skip("there are no real definitions beside the project: name their folder in CLEW_REAL_WORKFLOWS")
    definition: dict[str, Any] = json.loads((place / f"{name}.json").read_text())
    return definition
