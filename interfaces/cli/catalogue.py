"""Nodes as people read of them: the list, and a page for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import click
from rich.text import Text

from interfaces.cli.tables import card_of, draw, table_of
from interfaces.cli.wording import plain
from interfaces.layout import laid_out

EFFECTS: Final = {
    "none": "none: it computes, and may be run again at will",
    "reads": "reads: it looks outside, and its result is recorded",
    "writes": "writes: it may change things outside",
}
ALWAYS_EXITS: Final = ("done", "complete", "false", "error")
LONGEST: Final = 500
"""Characters of a sentence."""


def print_nodes(nodes: Iterable[Mapping[str, Any]]) -> None:
    """The list of nodes."""
    table = table_of("NODE", "VERSION", "EFFECT", "EDGES", "DESCRIPTION")
    for node in nodes:
        edges = node.get("edges")
        shown = "any" if edges is None else plain(", ".join(edges))
        described = plain(node.get("description", ""))
        table.add_row(plain(node["id"]), plain(node["version"]), plain(node["effect"]), shown, described)
    draw(table)


def print_node(node: Mapping[str, Any]) -> None:
    """One node: what it says of itself, its parameters, and an example of its use."""
    draw(card_of(_facts(node)))
    click.echo()
    parameters = node.get("parameters")
    if parameters:
        _print_parameters(parameters)
    else:
        draw(Text("It takes any parameters." if parameters is None else "It has no parameters."))
    if node.get("extra") is not None:
        draw(Text(f"Any other parameter: {_sentence(node['extra'].get('description')) or 'it is taken too.'}"))
    _print_edges(node.get("edgeInfo") or {})
    _print_state(node.get("outputInfo") or {})
    for note in node.get("notes") or ():
        draw(Text(f"\n{_sentence(note)}"))
    if node.get("example"):
        draw(Text("\nExample", style="bold"))
        for line in laid_out(node["example"], width=100).splitlines():
            click.echo("  " + plain(line, longest=len(line)))


def _facts(node: Mapping[str, Any]) -> list[tuple[str, str | Text]]:
    facts = [
        ("node", f"{plain(node['id'])} {plain(node['version'])}"),
        ("name", plain(node["name"])),
        ("description", _sentence(node.get("description"))),
        ("effect", EFFECTS.get(node["effect"], plain(node["effect"]))),
        ("but", _effects(node.get("effects") or {})),
        ("inputs", _names(node.get("inputs"))),
        ("edges", _edges(node.get("edges"))),
        ("leave a loop", _names(_exits(node))),
        ("writes", _written(node)),
        ("source", _sentence(node["source"])),
    ]
    return [(name, text) for name, text in facts if text]


def _print_parameters(parameters: Mapping[str, Mapping[str, Any]]) -> None:
    """A row for each, in columns of which each has something to say."""
    rows = [_row(name, parameter) for name, parameter in parameters.items()]
    used = [heading for heading in rows[0] if any(row[heading] for row in rows)]
    table = table_of(*used)
    for row in rows:
        table.add_row(*(row[heading] for heading in used))
    draw(table)


def _print_edges(edges: Mapping[str, Mapping[str, Any]]) -> None:
    """When each is taken, and the fields of its data."""
    if not edges:
        return
    table = table_of("EDGE", "TAKEN", "DATA")
    for name, info in edges.items():
        table.add_row(plain(name), _sentence(info.get("when")), _names(info.get("data")))
    click.echo()
    draw(table)


def _print_state(keys: Mapping[str, str]) -> None:
    """What each state key holds."""
    if not keys:
        return
    table = table_of("STATE KEY", "HOLDS")
    for name, holds in keys.items():
        table.add_row(plain(name), _sentence(holds))
    click.echo()
    draw(table)


def _effects(effects: Mapping[str, str]) -> str:
    """The operations whose effect is another one: `reads for read, list`."""
    found = dict.fromkeys(effects.values())
    return "; ".join(
        f"{plain(one)} for {_names(name for name, each in effects.items() if each == one)}" for one in found
    )


def _row(name: str, parameter: Mapping[str, Any]) -> dict[str, str]:
    return {
        "PARAMETER": plain(name),
        "ALSO": _names(parameter.get("aliases")),
        "TYPE": plain(" or ".join(parameter.get("types") or ["any"])),
        "REQUIRED": " or ".join(["yes", *parameter.get("instead", ())]) if parameter.get("required") else "",
        "DEFAULT": plain(_as_json(parameter["default"])) if "default" in parameter else "",
        "KNOWN VALUES": _names(parameter.get("enum")),
        "DESCRIPTION": _sentence(parameter.get("description")),
    }


def _exits(node: Mapping[str, Any]) -> list[str]:
    """Of the edges it can take, those that leave a `name...` loop."""
    own = node.get("exitEdges") or []
    edges = node.get("edges")
    takes = [*edges, "error"] if edges is not None else [*own, *ALWAYS_EXITS]
    return list(dict.fromkeys(edge for edge in takes if edge in ALWAYS_EXITS or edge in own))


def _edges(edges: Iterable[str] | None) -> str:
    return "any" if edges is None else _names([*edges, "error"])


def _written(node: Mapping[str, Any]) -> str:
    """Its state keys; its edge data goes into another, unless it is an iterator."""
    kept = [] if node.get("iterates") else ["<step>_output"]
    if node.get("outputs") is None:
        return ", ".join(["state keys that depend on its parameters", *kept])
    return _names([*node["outputs"], *kept])


def _names(names: Iterable[Any] | None) -> str:
    return plain(", ".join(name if isinstance(name, str) else _as_json(name) for name in names or ()), longest=LONGEST)


def _sentence(text: Any) -> str:
    return plain(str(text or ""), longest=LONGEST)


def _as_json(value: Any) -> str:
    return laid_out(value, width=10_000)
