"""`clew nodes`: the list, and the page of one node."""

from __future__ import annotations

from pathlib import Path

from infrastructure.nodes.library import LIBRARY
from tests.cli.running import clew

OWN = """
from clew import Edge, EdgeInfo, NodeMetadata, Parameter, WorkflowNode

class Shout(WorkflowNode):
    metadata = NodeMetadata(
        id="shout", name="Shout", version="2.1.0", effect="none", inputs=("text",), exit_edges=("tired",),
        description="Says it\\x1b[2J loudly.",
        parameters={"text": Parameter(types=("string",), required=True, aliases=("words",), enum=("hey", "ho"))},
        edge_info={"success": EdgeInfo("it is heard", ("text", "echo?"))}, notes=("Not at night.",),
    )

    def execute(self, context, config):
        return Edge("success")
"""


def rows(text: str) -> dict[str, str]:
    """The facts at the top of a page, by name."""
    facts, _, _ = text.partition("\n\n")
    return {line[:14].strip(): line[14:].strip() for line in facts.splitlines()}


def table(text: str) -> list[list[str]]:
    """The table of parameters, by cells that stand two blanks apart."""
    lines = text.split("\n\n")[1].splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_a_page_tells_what_an_author_needs() -> None:
    """What it does, where it comes from, its edges, what it writes, each parameter, and an example to paste."""
    ran = clew("nodes", "each")
    assert (ran.code, ran.err) == (0, "")
    assert rows(ran.out) == {
        "node": "each 1.0.0",
        "name": "Each",
        "description": "Runs its body once per element of a list.",
        "effect": "none: it computes, and may be run again at will",
        "edges": "loop, current-item, done, complete, error",
        "leave a loop": "done, complete, error",
        "writes": "currentItem, currentIndex",
        "source": "library",
    }
    assert table(ran.out)[:3] == [
        ["PARAMETER", "ALSO", "TYPE", "REQUIRED", "DEFAULT", "DESCRIPTION"],
        ["items", "array", "yes", "The list, as it is when the loop is entered."],
        ["as", "itemKey", "string", '"currentItem"', "The state key that shows the element during a pass."],
    ]
    assert '"loop?": [{"log": {"message": "Order {{$.order.id}}"}}]' in ran.out


def test_edges_and_state_keys_are_told() -> None:
    """When each edge is taken and with what data, what each key holds, what operations do, and what else is to be known."""
    text = clew("nodes", "filesystem").out
    assert rows(text)["but"] == "reads for read, exists, list"
    _, _, edges, keys, note, *_ = text.split("\n\n")
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in edges.splitlines()]
    assert cells[:2] == [["EDGE", "TAKEN", "DATA"], ["success", "the operation is done", "path, content?, entries?"]]
    assert "fileWritten  Of `write` and `append`: the path." in keys
    assert note.startswith("Paths are inside one folder")


def test_known_values_and_further_parameters_are_told() -> None:
    """`log` has a parameter with known values, and takes any others."""
    text = clew("nodes", "log").out
    assert ["level", "string", '"info"', "debug, info, warn, error"] in table(text)
    assert "Any other parameter: A field of the line." in text


def test_what_may_stand_in_place_of_a_parameter_is_told() -> None:
    """A child is a published workflow or a definition."""
    rows_by_name = {row[0]: row for row in table(clew("nodes", "runWorkflow").out)}
    assert rows_by_name["workflowId"][2] == "yes or definition"


def test_a_node_of_ones_own_is_shown_alike(tmp_path: Path) -> None:
    """With an example made of its parameters, and nothing in it that a terminal would obey."""
    path = tmp_path / "shout.py"
    path.write_text(OWN)
    text = clew("nodes", "shout", "--nodes", str(tmp_path)).out
    facts = rows(text)
    assert facts["description"] == "Says it·[2J loudly."
    assert (facts["inputs"], facts["edges"], facts["source"]) == ("text", "any", str(path))
    assert facts["leave a loop"] == "tired, done, complete, false, error"
    assert facts["writes"] == "state keys that depend on its parameters, <step>_output"
    assert ["text", "words", "string", "yes", "hey, ho"] in table(text)
    assert "success  it is heard  text, echo?" in text
    assert "\n\nNot at night.\n" in text
    assert '{"shout": {"text": "hey"}}' in text


def test_json_has_all_of_it() -> None:
    """For programs: the metadata, the source and the example."""
    node = clew("nodes", "each", "--json").json
    assert node["parameters"]["as"] == {
        "types": ["string"],
        "default": "currentItem",
        "aliases": ["itemKey"],
        "description": "The state key that shows the element during a pass.",
    }
    assert (node["edges"], node["source"]) == (["loop", "current-item", "done", "complete"], "library")
    assert node["example"]["workflow"][0]["each..."]["as"] == "order"
    listed = clew("nodes", "--json").json
    assert {each["id"] for each in listed} >= set(LIBRARY)
    assert all(each["example"]["workflow"] for each in listed)


def test_an_unknown_id_ends_with_the_nearest() -> None:
    """Code 4, and what was probably meant."""
    ran = clew("nodes", "eech")
    assert (ran.code, ran.out, ran.err) == (4, "", "Error: There is no node 'eech'. Did you mean 'each'?\n")
    assert "Did you mean 'resource-read' or 'resource-write' or " in clew("nodes", "resource-raed").err
    assert clew("nodes", "qqqqqqqq").err == "Error: There is no node 'qqqqqqqq'.\n"


def test_every_page_can_be_shown() -> None:
    """Each node of the library has one."""
    for node_id in LIBRARY:
        ran = clew("nodes", node_id)
        assert ran.code == 0, ran.err
        assert rows(ran.out)["node"] == f"{node_id} 1.0.0"
        assert "Example\n" in ran.out
