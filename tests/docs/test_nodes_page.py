"""docs/nodes.md is what the nodes of the library say of themselves, and they say enough; every example on it is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from application.examples import example_of
from clew import Engine
from domain.node import NodeMetadata
from infrastructure.nodes.addresses import HostPatterns
from infrastructure.nodes.ai_endpoint import AiEndpoint
from infrastructure.nodes.library import LIBRARY, standard_registry
from infrastructure.nodes.mail import MailServer
from infrastructure.nodes.outside import Outside
from interfaces.bootstrap import library_nodes
from interfaces.reference import ELSEWHERE, GROUPS, rendered
from tests.support.outside import Asked, Ran, Reply, mailbox, ran, web
from tests.support.pages import DOCS

NODES = library_nodes()
PAGE = (DOCS / "nodes.md").read_text()


def metadata(node_id: str) -> NodeMetadata:
    """What a node of the library says of itself."""
    node = NODES.find(node_id)
    assert node is not None, node_id
    return node.metadata


def test_the_page_is_what_make_docs_prints() -> None:
    """Whoever changes a node runs `make docs`. This runs the examples: their outcome is on the page."""
    assert rendered() == PAGE


def test_every_node_is_on_the_page_once() -> None:
    """In one of the groups, or as another name of one that is."""
    grouped = [node_id for ids in GROUPS.values() for node_id in ids]
    assert len(grouped) == len(set(grouped))
    assert sorted(re.findall(r"^## (\S+)$", PAGE, re.MULTILINE)) == sorted(LIBRARY)


@pytest.mark.parametrize("node_id", LIBRARY)
def test_a_node_tells_of_its_edges_and_state_keys(node_id: str) -> None:
    """Of every edge that it takes, when; of every state key that it writes, what it holds."""
    node = metadata(node_id)
    assert {*(node.edges or ()), *node.exit_edges} <= node.edge_info.keys()
    assert all(info.when for info in node.edge_info.values())
    if not node.iterates:  # the position keys are named by parameters
        assert set(node.outputs or ()) <= node.output_info.keys()
    assert node.description.endswith(".")


@pytest.mark.parametrize("node_id", LIBRARY)
def test_names_in_brackets_are_those_of_parameters(node_id: str) -> None:
    """`<outputField>` is a parameter, or a part of one that its description names; edges are called what they are."""
    node = metadata(node_id)
    written = " ".join((*(node.parameters or {}), *(each.description for each in (node.parameters or {}).values())))
    for name in node.output_info:
        assert name.strip("<>") in written or not name.startswith("<"), name
    assert {name for name in node.edge_info if name.startswith("<")} <= {"<edge>", "<choice>", "<branch>"}


def test_the_tables_have_their_cells() -> None:
    """No bar in a description splits a cell."""
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def definition(node_id: str, change: Callable[[str], str] = str) -> dict[str, Any]:
    """The node's example as a whole definition, with something in its text changed."""
    example = json.loads(change(json.dumps(dict(example_of(metadata(node_id))))))
    return {"id": "example", "name": "Example", "version": "1.0.0", **example}


def test_every_example_without_an_outcome_is_run_here() -> None:
    """The four tests below, each with a stand-in for who is elsewhere."""
    assert set(ELSEWHERE) == {"fetchApi", "ask-ai", "sendEmail", "send-email", "runWorkflow"}


def fetched(reply: Reply) -> Ran:
    """The example of `fetchApi`, with a server that answers so."""
    outside = Outside(allowed=HostPatterns(["127.0.0.1"]))
    with web(lambda asked: reply) as server:
        moved = definition("fetchApi", lambda text: text.replace("https://api.example.org", server.url().rstrip("/")))
        return ran(moved, standard_registry(files_root=None, entry_points=False, outside=outside))


def test_the_example_of_fetch_api() -> None:
    """It takes success for an answer of 200, and one of the routes it shows for a 404."""
    assert fetched(Reply(body=b'{"id": 7}')).visits[0] == "fetchApi success"
    missing = fetched(Reply(status=404))
    assert missing.visits[0] in ("fetchApi clientError", "fetchApi error")
    assert missing.state["fetchStatus"] == 404


def test_the_example_of_ask_ai() -> None:
    """The model's answer gets where the example puts it."""

    def answer(asked: Asked) -> Reply:
        return Reply(body=json.dumps({"choices": [{"message": {"content": "It keeps all."}}]}).encode())

    with web(answer) as server:
        outside = Outside(ai=AiEndpoint(server.url("/v1"), model="small"))
        done = ran(definition("ask-ai"), standard_registry(files_root=None, entry_points=False, outside=outside))
    assert (done.visits[0], done.state["summary"]) == ("ask-ai success", "It keeps all.")


@pytest.mark.parametrize("node_id", ["sendEmail", "send-email"])
def test_the_example_of_send_email(node_id: str) -> None:
    """The mail arrives."""
    with mailbox() as box:
        outside = Outside(mail=MailServer(f"smtp://127.0.0.1:{box.port}", "shop@example.org"))
        done = ran(definition(node_id), standard_registry(files_root=None, entry_points=False, outside=outside))
    assert done.visits[0] == f"{node_id} success"
    assert box.messages[0].recipients == ["ada@example.org"]


def test_the_example_of_run_workflow() -> None:
    """It runs what is published under the name it has."""
    charge = {"id": "charge", "name": "Charge", "version": "1.0.0", "workflow": [{"end": {"result": {"paid": True}}}]}
    with Engine() as engine:
        engine.publish(charge)
        state = engine.run(definition("runWorkflow"))["finalState"]
    assert state["runWorkflowResult"] == {"paid": True}
