"""The published description is what is served, and what is served is what is described."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.http import ROOT, definition


@pytest.fixture(scope="module")
def document(http: TestClient) -> dict[str, Any]:
    """The description as it is served."""
    found: dict[str, Any] = http.get("/openapi.json").json()
    return found


def test_the_published_file_is_what_is_served(http: TestClient) -> None:
    """If not: `python -m interfaces.http.openapi > schemas/openapi.json`."""
    assert (ROOT / "schemas" / "openapi.json").read_bytes() == http.get("/openapi.json").content


def test_every_route_is_described(http: TestClient, document: dict[str, Any]) -> None:
    """With all its methods; and nothing is described that is not there."""
    served = {
        (route.path.replace(":path", ""), method.lower())
        for route in http.app.routes  # type: ignore[attr-defined]
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert served == described
    assert ("/executions/{id}/signals/{name}", "post") in served


def test_references_and_names(document: dict[str, Any]) -> None:
    """Every reference leads somewhere, every schema is used, and every operation has a name of its own."""
    assert document["openapi"] == "3.1.0"
    text = str(document)
    used = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert used == set(document["components"]["schemas"])
    names = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(names) == len(set(names))


def test_every_get_answers_with_a_described_status(http: TestClient, document: dict[str, Any]) -> None:
    """On an execution that is there."""
    described = definition("empty", id="described")
    http.post("/workflows", json={"definition": described, "executionId": "described"})
    http.put("/workflows/described/versions/1.0.0", json=described)
    names = {"{id}": "described", "{nodeId}": "empty", "{workflowId}": "described", "{version}": "1.0.0"}
    asked = {"left": "described", "right": "described@1", "expr": "1 + 1", "pointer": "/n"}
    for path, methods in document["paths"].items():
        if "get" in methods:
            needed = [
                each["name"] for each in methods["get"]["parameters"] if each["in"] == "query" and each.get("required")
            ]
            params = {name: asked[name] for name in needed}
            answer = http.get(re.sub(r"\{\w+\}", lambda name: names[name[0]], path), params=params)
            assert answer.status_code == 200, path
            kinds = methods["get"]["responses"]["200"]["content"]
            assert answer.headers["content-type"].split(";")[0] in kinds, path


def test_the_page_needs_nothing_from_elsewhere(http: TestClient) -> None:
    """No address but its own, and a policy that would forbid any other."""
    answer = http.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.findall(r"https?://[^\s\"']+|src=|@import|innerHTML", answer.text) == []
    assert '"/openapi.json"' in answer.text
