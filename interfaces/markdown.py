"""What nodes say of themselves, as Markdown: names and codes set as such, and nothing else that means anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from domain.node import NodeMetadata

_GROUP: Final = r"\{\w+\??(?:, \w+\??)*\}"
_HOLE: Final = r"<\w+>(?:_?<\w+>|\w+)*"
_WORD: Final = re.compile(rf"(`[^`]*`|{_GROUP}|{_HOLE}|\$?[A-Za-z][\w-]*)")
_CODE: Final = re.compile(rf"{_GROUP}|{_HOLE}|\$\w+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")


def codes(names: Iterable[str]) -> str:
    """Each set as code, with commas between them."""
    return ", ".join(f"`{name}`" for name in names)


def marked(node: NodeMetadata, text: str) -> str:
    """A sentence, in which names and codes are set as such, and nothing else means anything to Markdown."""
    known = _names(node)
    pieces = _WORD.split(text)  # every other piece may be a name, or is between back quotes
    for at, word in enumerate(pieces):
        name = word in known or _CODE.fullmatch(word) is not None
        pieces[at] = f"`{word}`" if name else word if word.startswith("`") else _escaped(word)
    return "".join(pieces)


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "<*_|`[" else char for char in text)


def _names(node: NodeMetadata) -> set[str]:
    """What the node calls things, as far as no other word looks like it."""
    parameters = node.parameters or {}
    found = {*parameters, *node.output_info, *(node.edges or ()), *node.edge_info}
    for parameter in parameters.values():
        found |= {*parameter.aliases, *map(str, parameter.enum)}
    for info in node.edge_info.values():
        found |= {field.removesuffix("?") for field in info.data}
    return {name for name in found if name != name.lower() or "_" in name or "-" in name}
