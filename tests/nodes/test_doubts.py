"""What validation warns of, because it shows in the literals of a step that it will not work."""

from __future__ import annotations

from typing import Any

import pytest

from domain.compiler import compile_definition
from domain.context import ExecutionContext
from domain.node import NodeMetadata, WorkflowNode
from interfaces.bootstrap import library_nodes
from tests.support.workflows import Catalog, problems_of, workflow

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
            {"signal": {"name": "", "schema": {"type": "strang"}}},
            ["/workflow/0/signal/name", "/workflow/0/signal/schema"],
        ),
        ({"signal": {"name": "go", "schema": {"type": "string", "pattern": "a+"}}}, []),
        ({"approval": {"title": "", "choices": []}}, ["/workflow/0/approval/title", "/workflow/0/approval/choices"]),
        ({"approval": {"title": "?", "choices": ["error"]}}, ["/workflow/0/approval/choices"]),
        ({"limit": {"items": [1], "maxItems": 0}}, ["/workflow/0/limit/maxItems"]),
        ({"limit": {"items": [1], "maxItems": "$.some"}}, []),
        ({"limit": {"items": [1], "maxItems": 1}}, []),
        ({"range...": {"stop": 3, "step": 0}}, ["/workflow/0/range.../step"]),
        ({"batch...": {"items": [1], "size": 0}}, ["/workflow/0/batch.../size"]),
        (
            {"arrayUtilities": {"items": [1], "operation": "chunk", "chunkSize": 0}},
            ["/workflow/0/arrayUtilities/chunkSize"],
        ),
        ({"arrayUtilities": {"items": [1], "operation": "first", "chunkSize": 0}}, []),
        ({"switch": {"mode": "expression", "expression": "item +"}}, ["/workflow/0/switch/expression"]),
        ({"switch": {"mode": "expression", "expression": "item >= 8 ? 'a' : 'b'"}}, []),
        ({"switch": {"mode": "expression", "expression": "high"}}, []),
        ({"switch": {"rules": [], "expression": "item +"}}, []),
        (
            {"calculateField": {"calculations": [{"outputField": "a", "formula": "{x} +* 2"}]}},
            ["/workflow/0/calculateField/calculations"],
        ),
        ({"calculateField": {"calculations": [{"outputField": "a", "formula": "{some} * 2"}]}}, []),
        ({"validateData": {"data": {}, "requiredFields": []}}, ["/workflow/0/validateData/requiredFields"]),
        (
            {"validateData": {"validationType": "type_check", "typeChecks": []}},
            ["/workflow/0/validateData/typeChecks"],
        ),
        (
            {"validateData": {"data": {}, "validationType": "custom", "customValidator": "data.a >"}},
            ["/workflow/0/validateData/customValidator"],
        ),
        (
            {"validateData": {"data": {}, "validationType": "range", "rangeValidations": [{"field": "a"}]}},
            ["/workflow/0/validateData/rangeValidations"],
        ),
        (
            {"filter": {"items": [], "conditions": [{"field": "a", "operation": "gtee", "value": 1}]}},
            ["/workflow/0/filter/conditions"],
        ),
        ({"filter": {"items": [], "conditions": [{"field": "a", "operation": "gt", "value": "$.some"}]}}, []),
        ({"fetchApi": {"url": "https://example.org", "timeout": "soon"}}, ["/workflow/0/fetchApi/timeout"]),
        ({"fetchApi": {"url": "ftp://example.org"}}, ["/workflow/0/fetchApi/url"]),
        ({"fetchApi": {"url": {"$secret": "HOOK"}}}, []),
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


@pytest.mark.parametrize("conditions", [[{"field": "a", "operation": "regex", "value": "("}], [{"f": "x" * 4_000}]])
def test_what_may_take_long_to_try_is_left_to_the_visit(conditions: list[Any]) -> None:
    """Patterns to compile, and large parameters: a definition full of them is validated as quickly as any other."""
    program = compile_definition(workflow({"filter": {"items": [], "conditions": conditions}}), NODES)
    assert [problem for problem in program.warnings if problem.code == "WILL_FAIL"] == []


@pytest.mark.parametrize("answer", [ZeroDivisionError("by nothing"), [("only a key",)], 7])
def test_a_node_whose_own_doubts_go_wrong(answer: Any) -> None:
    """Is told as a warning: the definition is taken, for the node may run all the same."""

    class Doubtful(WorkflowNode):
        metadata = NodeMetadata(id="doubtful", name="Doubtful", version="1.0.0")

        def doubts(self, literals: Any, *, given: frozenset[str], routed: frozenset[str]) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        def execute(self, context: ExecutionContext, config: dict[str, Any]) -> None:
            return None

    found = problems_of(workflow("doubtful"), Catalog(Doubtful))
    (warning,) = [problem for problem in found if problem.code == "DOUBTS_FAILED"]
    assert all(problem.severity == "warning" for problem in found)
    assert warning.path == "/workflow/0"
    assert "doubtful can't say what it thinks of its parameters" in warning.message
