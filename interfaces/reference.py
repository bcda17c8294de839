"""Prints docs/nodes.md, the page of the node library: `python -m interfaces.reference`.

All of it is what the nodes say of themselves, but for the groups; the examples are run, and their outcome is shown.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from application.examples import example_of
from domain.node import NodeCatalog, NodeMetadata, Parameter
from domain.outline import ALWAYS_EXITS
from interfaces.bootstrap import library_nodes
from interfaces.layout import laid_out
from interfaces.markdown import codes, marked
from interfaces.outcomes import Outcome, outcome_of

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Flow": ("parallel", "wait", "signal", "approval", "snapshot", "runWorkflow", "fail", "end", "empty", "log"),
    "Decisions": ("logic", "switch"),
    "Loops": ("each", "range", "batch", "while"),
    "Fields and objects": ("editFields", "jsonExtract", "transformObject", "objectUtilities", "validateData"),
    "Numbers, texts and dates": (
        *("math", "mathOperations", "calculateField", "transform", "stringOperations", "extractText", "dateTime"),
    ),
    "Lists": (
        *("filter", "sort", "limit", "removeDuplicates", "summarize", "aggregate"),
        *("splitOut", "arrayUtilities", "compareDatasets"),
    ),
    "Outside": (
        *("fetchApi", "ask-ai", "sendEmail", "filesystem", "database", "auth"),
        *("resource-read", "resource-write", "resource-list", "resource-interpolate"),
    ),
}
ELSEWHERE: Final[Mapping[str, str]] = {
    "fetchApi": "What comes of it depends on who answers.",
    "ask-ai": "What comes of it depends on the model.",
    "sendEmail": "What comes of it depends on the mail server.",
    "send-email": "What comes of it depends on the mail server.",
    "runWorkflow": "What comes of it depends on the workflow that is published as `charge`.",
}
"""Nodes whose examples need somebody else: why they are shown without an outcome."""
SHORT: Final = 110
"""Characters of JSON that stand in a line."""
WIDTH: Final = 100
HEAD: Final = """\
<!-- Made by `make docs` from what the nodes say of themselves. Don't edit it. -->
# The nodes

The node library, as `clew nodes` lists it; `clew nodes ID` and `GET /nodes` show your own nodes alike.
[language.md](language.md) says how steps, values, edges and loops work.

- **Parameters.** Another one is an error, and so is a literal of the wrong type; a name that begins with `_` is a
  comment. A value that turns out to be wrong when the step runs (unknown, out of range, of the wrong type) is `error`
  with `INVALID_PARAMETER`.
- **Inputs.** A parameter that is an input may be left out: it then comes from the edge data before, else from the
  state. List nodes put `items` in their edge data, so that one feeds the next.
- **Edges.** Every node can also take `error`; its data is the error object. *Leaves a loop* marks edges that leave a
  `name...` loop, as `error`, `done`, `complete` and `false` always do. A field that ends in `?` is not always there.
- **State.** What a node writes, beside its edge data under `<step>_output`. A node that returns `error` writes its
  keys as `null`. A node that reads the whole state puts `null` in its place where it would write it.
- **Fields and paths** in parameters are written without `$.`: `order.lines[0].sku`. `disableDotNotation` takes a name
  as it is.
- **Durations** are milliseconds, `90s`, `5m`, `2h`, `1d` or ISO 8601. **Times** are UTC. **Regular expressions** run
  in linear time: no look-around, no back-references.
- **Effect.** `none`: it computes. `reads`: it looks outside, and its result is recorded. `writes`: it may change
  things outside; after a crash it runs again, under the same idempotency key.

Below each example stands what comes of it: the edge that the node took first, with its data, and what the state then
has beside the state before (without the `…_output` keys). `…` is another value in every run.
"""


def rendered() -> str:
    """The text of the page."""
    nodes = library_nodes()
    return "\n".join([HEAD, *_contents(nodes), *(line for ids in GROUPS.values() for line in _sections(nodes, ids))])


def _metadata(nodes: NodeCatalog, node_id: str) -> NodeMetadata:
    node = nodes.find(node_id)
    assert node is not None, f"there is no node {node_id} in the library"
    return node.metadata


def _contents(nodes: NodeCatalog) -> Iterator[str]:
    for group, ids in GROUPS.items():
        yield f"**{group}**\n\n| node | what it does |\n|---|---|"
        for node_id in ids:
            also = "".join(f", [`{twin.id}`](#{twin.id.lower()})" for twin in _twins(nodes, node_id))
            node = _metadata(nodes, node_id)
            yield f"| [`{node_id}`](#{node_id.lower()}){also} | {marked(node, node.description)} |"
        yield ""


def _twins(nodes: NodeCatalog, node_id: str) -> list[NodeMetadata]:
    """The same node under other names."""
    own = _metadata(nodes, node_id)
    others = [_metadata(nodes, other) for other in sorted(nodes.names()) if other != node_id]
    return [one for one in others if replace(one, id=own.id, name=own.name, example=own.example) == own]


def _sections(nodes: NodeCatalog, ids: Iterable[str]) -> Iterator[str]:
    for node_id in ids:
        yield from _section(_metadata(nodes, node_id))
        for twin in _twins(nodes, node_id):
            yield f"## {twin.id}\n\n[`{node_id}`](#{node_id.lower()}) under another name.\n"
            yield from _example(twin)


def _section(node: NodeMetadata) -> Iterator[str]:
    yield f"## {node.id}\n\n{marked(node, node.description)}\n"
    yield f"Effect: {_effect(node)}.{_inputs(node)}\n"
    yield from _parameters(node)
    yield from _edges(node)
    yield from _state(node)
    yield from (f"{marked(node, note)}\n" for note in node.notes)
    yield from _example(node)


def _effect(node: NodeMetadata) -> str:
    """`writes` (`read`, `list`: `reads`)."""
    found = dict.fromkeys(node.effects.values())
    others = [f"{codes(name for name, one in node.effects.items() if one == each)}: `{each}`" for each in found]
    return f"`{node.effect}`" + (f" ({'; '.join(others)})" if others else "")


def _inputs(node: NodeMetadata) -> str:
    return f" Input: {codes(node.inputs)}." if node.inputs else ""


def _parameters(node: NodeMetadata) -> Iterator[str]:
    if node.parameters is None or not (node.parameters or node.extra):
        yield "It has no parameters.\n"
        return
    yield "| parameter | type | default | what it is |\n|---|---|---|---|"
    for name, parameter in node.parameters.items():
        yield f"| `{name}` | {_types(parameter)} | {_default(parameter)} | {_described(node, parameter)} |"
    if node.extra is not None:
        yield f"| any other | {_types(node.extra)} | | {_described(node, node.extra)} |"
    if node.gone:
        yield f"\nNo longer used, and ignored with a warning: {codes(node.gone)}."
    yield ""


def _types(parameter: Parameter) -> str:
    return " or ".join(parameter.types) or "any"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return " or ".join(["**required**", *(f"`{name}`" for name in parameter.instead)])
    return "" if parameter.default is msgspec.UNSET else f"`{laid_out(parameter.default, width=10_000)}`"


def _described(node: NodeMetadata, parameter: Parameter) -> str:
    parts = [marked(node, parameter.description)]
    if not all(re.search(rf"(?:^|; ){re.escape(str(value))}\b", parameter.description) for value in parameter.enum):
        parts.append(f"{codes(map(str, parameter.enum))}.")
    if parameter.secrets:
        parts.append("Takes secrets.")
    if parameter.aliases:
        parts.append(f"Also {codes(parameter.aliases)}.")
    return " ".join(part for part in parts if part)


def _edges(node: NodeMetadata) -> Iterator[str]:
    if not node.edge_info:
        return
    yield "| edge | taken | data |\n|---|---|---|"
    for name, info in node.edge_info.items():
        leaves = name in node.exit_edges or (name in ALWAYS_EXITS and (node.iterates or name == "false"))
        mark = " *Leaves a loop.*" if leaves else ""
        yield f"| `{name}` | {marked(node, info.when)}{'.' if mark else ''}{mark} | {codes(info.data)} |"
    yield ""


def _state(node: NodeMetadata) -> Iterator[str]:
    if not node.output_info:
        return
    yield "| state key | what it holds |\n|---|---|"
    for name, holds in node.output_info.items():
        yield f"| `{name}` | {marked(node, holds)} |"
    yield ""


def _example(node: NodeMetadata) -> Iterator[str]:
    example = example_of(node)
    yield f"```json\n{laid_out(example, width=WIDTH)}\n```\n"
    if node.id in ELSEWHERE:
        yield f"{ELSEWHERE[node.id]}\n"
    else:
        yield from _told(outcome_of(example, node.id), example.get("initialState", {}))


def _told(outcome: Outcome, before: Mapping[str, Any]) -> Iterator[str]:
    changed = {key: value for key, value in outcome.state.items() if key not in before or before[key] != value}
    state = {key: value for key, value in changed.items() if not key.endswith("_output")}
    text = f"→ **{outcome.status}**"
    if outcome.edge is not None:
        text += f"; it took `{outcome.edge}`" + (f" with{_json(outcome.data)}" if outcome.data is not None else "")
    yield text + "\n"
    if state:
        yield f"The state then has{_json(state)}\n"


def _json(value: Any) -> str:
    """In the line, or as a block behind it."""
    line = laid_out(value, width=10_000)
    return f" `{line}`" if len(line) <= SHORT else f"\n\n```json\n{laid_out(value, width=WIDTH)}\n```"


if __name__ == "__main__":
    sys.stdout.write(rendered())
