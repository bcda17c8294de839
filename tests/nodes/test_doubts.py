"""What validation warns of, because it shows in the literals of a step that it will not work."""

from __future__ import annotations

from typing import Any

import pytest

from domain.compiler import compile_definition
from interfaces.bootstrap import library_nodes
from tests.support.workflows import workflow

NODES = library_nodes()


@pytest.mark.parametrize(
    ("step", "places"),
    [
        ({"wait": {"for": "zz"}}, ["/workflow/0/wait/for"]),
        ({"wait": {"until": "someday"}}, ["/workflow/0/wait/until"]),
        ({"wait": {}}, ["/workflow/0/wait"]),
        ({"wait": {"for": 1, "until": "2026-11-22T00:00:00Z"}}, ["/workflow/0/wait"]),
        ({"wait": {"for": "$.long"}}, []),
        ({"wait": {"for": "90s"}}, []),
        ({"signal": {"name": "go", "timeout": "soon"}}, ["/workflow/0/signal/timeout"]),
        ({"signal": {"name": "go", "timeout": "1h", "timeout?": None}}, []),
        ({"approval": {"title": "?", "approve?": {}, "aprove?": {}}}, ["/workflow/0/approval/aprove?"]),
        ({"approval": {"title": "?", "choices": ["a"], "a?": {}, "approve?": {}}}, ["/workflow/0/approval/approve?"]),
        ({"approval": {"title": "?", "choices": "$.some", "x?": {}}}, []),
        (
            {"approval": {"title": "?", "timeout": "never", "timeout?": {}, "error?": {}}},
            ["/workflow/0/approval/timeout"],
        ),
    ],
    ids=str,
)
def test_what_can_not_work_is_told_at_its_place(step: dict[str, Any], places: list[str]) -> None:
    """As a warning: a step may never be reached, or have a route for its error."""
    program = compile_definition(workflow(step, state={"long": "1s", "some": []}), NODES)
    found = [problem for problem in program.warnings if problem.code == "WILL_FAIL"]
    assert [problem.path for problem in found] == places
    assert all(problem.message.endswith(".") for problem in found)
