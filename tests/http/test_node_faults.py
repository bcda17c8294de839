"""Nodes that do what no node should: the execution fails with the step's address and a code, and the service goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.http import client, submit

NODES = """
from clew import Edge, NodeMetadata, WorkflowNode


class Raises(WorkflowNode):
    metadata = NodeMetadata(id="raises", name="Raises", version="1.0.0")

    async def execute(self, context, config):
        raise RuntimeError("on purpose")


class Exits(WorkflowNode):
    metadata = NodeMetadata(id="exits", name="Exits", version="1.0.0")

    def execute(self, context, config):
        raise SystemExit(3)


class ReturnsNoJson(WorkflowNode):
    metadata = NodeMetadata(id="returns-no-json", name="Returns no JSON", version="1.0.0")

    def execute(self, context, config):
        return Edge("success", {"a": [object()]})


class ReturnsNoEdges(WorkflowNode):
    metadata = NodeMetadata(id="returns-no-edges", name="Returns no edges", version="1.0.0")

    def execute(self, context, config):
        return 42


class MapsToNothing(WorkflowNode):
    metadata = NodeMetadata(id="maps-to-nothing", name="Maps to nothing", version="1.0.0")

    def execute(self, context, config):
        return {"success": "not a function"}


class WritesNoJson(WorkflowNode):
    metadata = NodeMetadata(id="writes-no-json", name="Writes no JSON", version="1.0.0")

    def execute(self, context, config):
        context.state["when"] = {1, 2}


class WritesNaN(WorkflowNode):
    metadata = NodeMetadata(id="writes-nan", name="Writes NaN", version="1.0.0")

    async def execute(self, context, config):
        context.state["deep"] = {"n": [float("nan")]}


class WritesItself(WorkflowNode):
    metadata = NodeMetadata(id="writes-itself", name="Writes itself", version="1.0.0")

    def execute(self, context, config):
        loop = []
        loop.append(loop)
        context.state["loop"] = loop
"""


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with a folder of bad nodes, one file of which does not even load."""
    folder: Path = tmp_path_factory.mktemp("nodes")
    (folder / "bad.py").write_text(NODES)
    (folder / "broken.py").write_text("import clew\n\nimport no_such_module\n")
    with client(nodes=[folder]) as found:
        yield found


@pytest.mark.parametrize(
    ("node", "code", "told"),
    [
        ("raises", "NODE_ERROR", "on purpose"),
        ("exits", "NODE_ERROR", "3"),
        ("returns-no-json", "NOT_JSON", "/a/0"),
        ("returns-no-edges", "INVALID_ANSWER", "int"),
        ("maps-to-nothing", "INVALID_ANSWER", "success"),
        ("writes-no-json", "NOT_JSON", "set"),
        ("writes-nan", "NOT_JSON", "/n/0 is the number nan"),
        ("writes-itself", "NOT_JSON", "contains itself"),
    ],
)
def test_a_bad_node(http: TestClient, node: str, code: str, told: str) -> None:
    """Fails its execution, keeping the state as it was, and nothing else."""
    failed = submit(http, {"$.kept": 1}, node, status="failed")
    error = failed["error"]
    assert (error["address"], error["step"], error["node"], error["visit"]) == ("/workflow/1", node, node, 1)
    assert error["code"] == code, error
    assert told in error["message"], error
    assert failed["finalState"] == {"kept": 1}
    submit(http, "empty", status="completed")


def test_an_error_route_gets_it(http: TestClient) -> None:
    """What a node raises is an error like any other."""
    steps = {"raises": {"error?": {"$.why": "{{error.message}}"}}}
    assert submit(http, steps, status="completed")["finalState"]["why"] == "on purpose"


def test_files_that_do_not_load_are_told(http: TestClient) -> None:
    """With the line, while the service is ready and the other nodes are there."""
    [warning] = http.get("/readyz").json()["warnings"]
    assert warning["source"].endswith("broken.py")
    assert warning["line"] == 3
    assert "no_such_module" in warning["message"]
    assert http.get("/nodes/raises").json()["source"].endswith("bad.py")
