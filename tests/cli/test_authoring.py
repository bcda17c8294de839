"""`clew graph` and `clew schema`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs

from tests.cli.running import COUNTING, clew, written

ROOT = Path(__file__).parents[2]
NODES = ROOT / "examples" / "nodes"
GRAPH = """\
---
title: "Counting 1.0.0"
---
flowchart TD
  start(["start"])
  s0{{"while..."}}
  subgraph b0_0["while: do"]
    s1[/"$.n"/]
  end
  s2["end"]
  done(["end"])
  start --> s0
  s0 -->|"do"| s1
  s0 -->|"done"| s2
  s1 --> s0
  s2 --> done
"""


def test_graph_prints_a_flowchart(tmp_path: Path) -> None:
    """Nothing but that on stdout, from a file and from stdin."""
    assert clew("graph", written(tmp_path, COUNTING)) == (0, GRAPH, "")
    assert clew("graph", "-", stdin=json.dumps(COUNTING)) == (0, GRAPH, "")


def test_graph_knows_the_nodes_of_folders() -> None:
    """The example of the demo has its own."""
    ran = clew("graph", str(ROOT / "examples" / "licence-audit.json"), "--nodes", str(NODES))
    assert (ran.code, ran.err) == (0, "")
    assert "installed-licences" in ran.out


def test_graph_shows_what_is_wrong_instead(tmp_path: Path) -> None:
    """As validate does, and with its code."""
    path = written(tmp_path, {**COUNTING, "workflow": [{"logic": {"operation": "and", "values": 5}}]})
    ran = clew("graph", path)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == clew("validate", path).err
    assert clew("graph", "-", stdin="{").err.startswith("<stdin>:1:2: error[NOT_JSON]: ")
    assert clew("graph", "-", stdin='{"id": "a", "id": "a"}').code == 3


def test_schema_prints_what_is_published() -> None:
    """With the library's nodes it is the file of that name."""
    ran = clew("schema")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (ROOT / "schemas" / "workflow.schema.json").read_text()


def test_schema_has_the_nodes_of_folders() -> None:
    """So that an editor completes them too, and refuses what they do not take."""
    ran = clew("schema", "--nodes", str(NODES))
    assert ran.code == 0
    schema = ran.json
    assert "installed-licences" in schema["definitions"]["node"]["anyOf"][0]["enum"]
    validator = jsonschema_rs.Draft7Validator(schema)
    assert validator.is_valid(json.loads((ROOT / "examples" / "licence-audit.json").read_text()))


def test_schema_tells_of_nodes_that_do_not_load(tmp_path: Path) -> None:
    """On stderr; the rest is printed."""
    (tmp_path / "broken.py").write_text("1 +\n")
    ran = clew("schema", "--nodes", str(tmp_path))
    assert ran.code == 0
    assert f"{tmp_path / 'broken.py'}:1 is not loaded: SyntaxError" in ran.err
    assert ran.json["title"] == "Clew workflow"
