"""`runWorkflow` by itself: what it asks the engine for. What becomes of that is in test_children."""

from __future__ import annotations

from typing import Any

import pytest

from domain.node import Call, Edge
from infrastructure.nodes.run_workflow import RunWorkflow, RunWorkflowDashed
from tests.support.nodes import NOON_US, run

OWN = {"id": "own", "name": "Own", "version": "1.0.0", "workflow": ["empty"]}


def test_it_asks_for_a_published_workflow() -> None:
    """The newest, on the child's own state, without an end, unless it is told otherwise."""
    assert run(RunWorkflow(), {"workflowId": "kid"}).answer == Call(workflow="kid")
    config = {"workflowId": "kid", "version": "1.2.3", "initialState": {"a": [1]}, "timeout": "90s"}
    due = NOON_US + 90_000_000
    assert run(RunWorkflowDashed(), config).answer == Call(workflow="kid", version="1.2.3", state={"a": [1]}, due=due)


def test_it_asks_for_a_definition() -> None:
    """Instead of a published workflow."""
    assert run(RunWorkflow(), {"definition": OWN}).answer == Call(definition=OWN)


@pytest.mark.parametrize(
    ("config", "parameter"),
    [
        ({}, "workflowId"),
        ({"workflowId": 5}, "workflowId"),
        ({"workflowId": "kid", "definition": OWN}, "workflowId"),
        ({"definition": "own"}, "definition"),
        ({"workflowId": "kid", "version": "1.0"}, "version"),
        ({"workflowId": "kid", "version": "newest"}, "version"),
        ({"workflowId": "kid", "initialState": [1]}, "initialState"),
        ({"workflowId": "kid", "timeout": "soon"}, "timeout"),
        ({"workflowId": "kid", "timeout": True}, "timeout"),
    ],
)
def test_bad_parameters(config: dict[str, Any], parameter: str) -> None:
    """The error edge, naming what is wrong, with the result keys null."""
    visit = run(RunWorkflow(), config)
    assert isinstance(visit.answer, Edge)
    assert (visit.answer.name, visit.answer.data["code"]) == ("error", "INVALID_PARAMETER")
    assert visit.answer.data["details"]["parameter"] == parameter
    assert visit.state == dict.fromkeys(("runWorkflowResult", "runWorkflowExecutionId", "runWorkflowFinalState"))
