"""Real definitions that ask the outside, run whole by a real engine against stand-ins on 127.0.0.1."""

from __future__ import annotations

import json

import pytest

from infrastructure.nodes.addresses import HostPatterns
from infrastructure.nodes.ai_endpoint import AiEndpoint, Price
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.outside import Outside
from tests.support.outside import Ran, Reply, Web, ran, web
from tests.workflows.definitions import shared

ANN, BOB = {"id": 1, "name": "Ann", "email": "ann@example.com"}, {"id": 2, "name": "Bob", "email": None}
PERSON = {"name": "John Smith", "title": "CEO", "company": "Acme Corp", "email": "john@acme.com"}


def pipeline(reply: Reply, *, stopped: bool = False) -> tuple[Ran, Web]:
    """`api-guarded-pipeline` with its URL on a stand-in that answers so (or is gone)."""
    definition = shared("api-guarded-pipeline")
    nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(allowed=HostPatterns(["127.0.0.1"])))
    with web(lambda asked: reply) as server:
        definition["initialState"]["apiUrl"] = server.url("/users")
        if not stopped:
            return ran(definition, nodes), server
    return ran(definition, nodes), server


def extraction(reply: Reply) -> tuple[Ran, Web]:
    """`ai-json-guarded` with a stand-in for the model."""
    with web(lambda asked: reply) as server:
        prices = {"openai/gpt-4o-mini": Price(0.15, 0.6)}
        endpoint = AiEndpoint(server.url("/v1"), key="sk-s3cret-0123456789", prices=prices)
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint))
        return ran(shared("ai-json-guarded"), nodes), server


def says(content: str) -> Reply:
    """A chat completion."""
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    wire = {
        "id": "c-1",
        "model": "gpt-4o-mini-2026",
        "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        "usage": usage,
    }
    return Reply(body=json.dumps(wire).encode())


def test_records_are_fetched_and_filtered() -> None:
    """Fetched, found to be a list, filtered by e-mail."""
    found, server = pipeline(Reply(body=json.dumps({"data": [ANN, BOB]}).encode()))
    assert found.visits == [
        "validateData valid",
        "fetchApi success",
        "log success",
        "validateData valid",
        "logic true",
        "log success",
        "filter passed",
        "log success",
        "log success",
    ]
    assert found.execution["status"] == "completed"
    assert found.state["apiStatus"] == 200
    assert found.state["filterPassed"] == [ANN]
    assert found.state["lastLoggedMessage"] == "Pipeline complete. Processed 1 valid records."
    assert "pipelineError" not in found.state
    assert server.asked[0].headers["accept"] == "application/json"
    assert server.asked[0].path == "/users"


def test_no_records() -> None:
    """An empty list is a warning, and nothing passes the filter."""
    found, _ = pipeline(Reply(body=b'{"data": []}'))
    assert "logic false" in found.visits
    assert "filter filtered" in found.visits
    assert found.state["pipelineWarning"] == "API returned empty data array"
    assert found.state["lastLoggedMessage"] == "Pipeline complete. Processed 0 valid records."


@pytest.mark.parametrize(
    ("status", "edge", "error"),
    [(404, "clientError", "Client error (4xx)"), (503, "serverError", "Server error (5xx)")],
)
def test_a_status_takes_its_edge_and_is_kept(status: int, edge: str, error: str) -> None:
    """Then its body has no list either: the check after it says so, and the filter fails into its own route."""
    found, _ = pipeline(Reply(status, b'{"message": "sorry"}'))
    assert found.visits == [
        "validateData valid",
        f"fetchApi {edge}",
        "editFields success",
        "validateData invalid",
        "editFields success",
        "filter error",
        "editFields success",
        "log success",
    ]
    assert found.state["errorStatus"] == status
    assert found.state["apiResponse"] == {"message": "sorry"}
    assert found.state["pipelineError"] == "Filter operation failed"
    assert error in found.log


def test_a_server_that_is_gone() -> None:
    """The error route; the state says status 0."""
    found, _ = pipeline(Reply(), stopped=True)
    assert found.visits[:3] == ["validateData valid", "fetchApi error", "editFields success"]
    assert found.state["apiStatus"] == 0
    assert found.state["apiResponse"] is None
    assert "Network or timeout error" in found.log
    assert found.execution["status"] == "completed"


def test_a_person_is_extracted() -> None:
    """The model's text is parsed, checked for fields and form, and kept."""
    found, server = extraction(says(json.dumps(PERSON)))
    assert found.visits == [
        "ask-ai success",
        "validateData valid",
        "validateData valid",
        "validateData valid",
        "editFields success",
        "logic true",
        "log success",
    ]
    assert found.state["extractedPerson"] == PERSON
    assert found.state["extractionSuccess"] is True
    assert found.state["aiResponseData"]["usage"] == {
        "promptTokens": 100,
        "completionTokens": 50,
        "totalTokens": 150,
        "cost": 0.000045,
    }
    assert found.state["lastLoggedMessage"] == "Successfully extracted: John Smith (john@acme.com)"
    sent = json.loads(server.asked[0].body)
    assert sent["model"] == "openai/gpt-4o-mini"
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert "John Smith is the CEO of Acme Corp" in sent["messages"][1]["content"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("I can't.", "AI did not return valid JSON"),
        ('{"name": "John Smith"}', "Missing required fields in AI response"),
        ('{"name": "John Smith", "email": "none"}', "Email format invalid"),
    ],
)
def test_answers_that_do_not_pass_the_guards(answer: str, reason: str) -> None:
    """Each guard names its reason."""
    found, _ = extraction(says(answer))
    assert found.execution["status"] == "completed"
    assert found.state["failureReason"] == reason
    assert found.state["lastLoggedMessage"] == f"Extraction failed: {reason}"
    assert found.visits[-2:] == ["logic false", "log success"]


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_model_that_refuses(status: int) -> None:
    """The error route, and the guards after it see null."""
    found, _ = extraction(Reply(status, b'{"error": {"message": "no"}}'))
    assert found.visits == [
        "ask-ai error",
        "editFields success",
        "validateData invalid",
        "editFields success",
        "logic false",
        "log success",
    ]
    assert found.state["aiResponse"] is None
    assert found.state["extractionFailed"] is True
    assert "AI call failed" in found.log
