"""Every node is shown in use: the library's examples are real, and a node that gives none gets one from its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from application.examples import example_of
from domain.compiler import compile_definition
from domain.errors import InvalidDefinition
from domain.events import EdgeTaken, NodeFailed
from domain.node import NodeMetadata, Parameter
from infrastructure.nodes.discovery import InvalidNode
from infrastructure.nodes.library import LIBRARY, standard_registry
from infrastructure.nodes.registry import NodeRegistry
from infrastructure.table_store import TableStore
from interfaces.bootstrap import library_nodes
from tests.support.workflows import Script, engined, scripted

NODES = library_nodes()
OUTSIDE = {"fetchApi", "ask-ai", "sendEmail", "send-email", "runWorkflow"}
"""Their examples name servers, or a published workflow, that are not there."""
ENDS = {"fail": "failed", "approval": "suspended", "signal": "suspended", "wait": "suspended"}
"""What becomes of an example that does not complete."""


def definition(example: dict[str, Any]) -> dict[str, Any]:
    """The example as a whole definition."""
    return {"id": "example", "name": "Example", "version": "1.0.0", **example}


def metadata(node_id: str) -> NodeMetadata:
    """What a node of the library says of itself."""
    node = NODES.find(node_id)
    assert node is not None, node_id
    return node.metadata


@pytest.mark.parametrize("node_id", LIBRARY)
def test_every_library_node_has_an_example_without_a_fault(node_id: str) -> None:
    """It uses the node itself, compiles, and has nothing that validation would warn of."""
    example = metadata(node_id).example
    assert example is not None
    program = compile_definition(definition(dict(example)), NODES)
    assert node_id in {step.node for step in program.steps}
    assert program.warnings == ()


@pytest.mark.parametrize("node_id", sorted(set(LIBRARY) - OUTSIDE))
def test_an_example_does_what_it_shows(node_id: str, tmp_path: Path) -> None:
    """It runs to its end, or parks, and its node takes an edge that is no error."""
    tables = TableStore(tmp_path / "tables.db")
    nodes = standard_registry(files_root=tmp_path / "files", tables=tables, entry_points=False)
    example = definition(example_of(metadata(node_id)))
    ran = engined(example, nodes)
    assert ran.execution.status == ENDS.get(node_id, "completed")
    index = {step.address: step.node for step in compile_definition(example, NODES).steps}
    taken = {event.edge for event in ran.events if isinstance(event, EdgeTaken) and index[event.address] == node_id}
    assert not [event for event in ran.events if isinstance(event, NodeFailed) and node_id != "fail"]
    assert "error" not in taken


def test_every_outside_node_is_one() -> None:
    """Only what looks outside may go without being run; what runs a workflow does so with another example."""
    assert all(metadata(node_id).effect == "writes" for node_id in OUTSIDE - {"runWorkflow"})
    assert "run-workflow" not in OUTSIDE


PARAMETERS = {
    "text": Parameter(types=("string",), required=True),
    "count": Parameter(types=("integer",), required=True),
    "mode": Parameter(types=("string",), required=True, enum=("slow", "fast")),
    "items": Parameter(types=("array", "null"), required=True),
    "size": Parameter(types=("number",), required=True, default=7),
    "any": Parameter(required=True),
    "more": Parameter(types=("object",)),
}


def test_a_node_without_an_example_gets_one() -> None:
    """With every parameter that it can't do without, each of a type that it takes."""
    made = example_of(NodeMetadata(id="own", name="Own", version="1.0.0", parameters=PARAMETERS))
    config = {"text": "text", "count": 1, "mode": "slow", "items": [], "size": 7, "any": "text"}
    assert made == {"workflow": [{"own": config}]}


@pytest.mark.parametrize(
    ("more", "steps"),
    [
        ({}, [{"own": {}}]),
        ({"iterates": True}, [{"own...": {"loop?": []}}]),
        ({"iterates": True, "edges": ("done", "next", "pass"), "exit_edges": ("next",)}, [{"own...": {"pass?": []}}]),
    ],
)
def test_a_made_example_compiles(more: dict[str, Any], steps: list[Any]) -> None:
    """Also that of an iterator, whose body stands on an edge that it can take."""
    own = scripted("own", Script(), **more)
    registry = NodeRegistry()
    registry.register(own)
    made = example_of(own.metadata)
    assert made["workflow"] == steps
    compile_definition(definition(made), registry)


def test_a_made_example_with_every_type_compiles() -> None:
    """Whatever the types are, the sample is one of them."""
    registry = NodeRegistry()
    own = scripted("own", Script(), parameters=PARAMETERS)
    registry.register(own)
    assert compile_definition(definition(example_of(own.metadata)), registry).warnings == ()
    with pytest.raises(InvalidDefinition):
        compile_definition(definition({"workflow": [{"own": {}}]}), registry)


@pytest.mark.parametrize(
    "example", [{}, {"workflow": {}}, {"workflow": [], "initialState": []}, {"workflow": [], "more": 1}], ids=str
)
def test_an_example_that_is_none_is_refused(example: dict[str, Any]) -> None:
    """Its author is told, rather than everybody who lists the nodes."""
    registry = NodeRegistry()
    with pytest.raises(InvalidNode, match=r"^The example of .*Scripted is"):
        registry.register(scripted("own", Script(), example=example))
