"""The parts that an expression consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from domain.paths import Path


class Literal(msgspec.Struct, frozen=True):
    """A number, text, boolean or null."""

    value: Any


class Reference(msgspec.Struct, frozen=True):
    """What a fixed path finds below a root; `$` is the state."""

    root: str
    path: Path


class Index(msgspec.Struct, frozen=True):
    """`base[key]` with a computed key or base; `text` is how it is written."""

    base: Node
    key: Node
    text: str


class Slice(msgspec.Struct, frozen=True):
    """`base[first:last:step]`."""

    base: Node
    parts: tuple[Node, Node, Node]


class Negation(msgspec.Struct, frozen=True):
    """`-operand`."""

    operand: Node


class Not(msgspec.Struct, frozen=True):
    """`not operand`."""

    operand: Node


class Binary(msgspec.Struct, frozen=True):
    """Arithmetic, or `~`."""

    operator: str
    left: Node
    right: Node


class Comparison(msgspec.Struct, frozen=True):
    """`a < b < c`: each neighbour pair holds; every operand is evaluated at most once."""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


class Logic(msgspec.Struct, frozen=True):
    """`a and b and c` or `a or b or c`; the result is the operand that decides."""

    operator: str
    operands: tuple[Node, ...]


class Conditional(msgspec.Struct, frozen=True):
    """`chosen if condition else otherwise`; without `else` the result is undefined when the condition fails."""

    chosen: Node
    condition: Node
    otherwise: Node | None
    text: str


class ListOf(msgspec.Struct, frozen=True):
    """`[a, b]`."""

    items: tuple[Node, ...]


class ObjectOf(msgspec.Struct, frozen=True):
    """`{key: value}`."""

    keys: tuple[Node, ...]
    values: tuple[Node, ...]


class Range(msgspec.Struct, frozen=True):
    """`range(start, stop, step)`."""

    bounds: tuple[Node, ...]


class Filter(msgspec.Struct, frozen=True):
    """`value | name(args, key=named)`."""

    name: str
    value: Node
    args: tuple[Node, ...]
    keys: tuple[str, ...]
    named: tuple[Node, ...]
    text: str


class Test(msgspec.Struct, frozen=True):
    """`value is name(args)`."""

    name: str
    value: Node
    args: tuple[Node, ...]


Node = (
    Literal
    | Reference
    | Index
    | Slice
    | Negation
    | Not
    | Binary
    | Comparison
    | Logic
    | Conditional
    | ListOf
    | ObjectOf
    | Range
    | Filter
    | Test
)


def children(node: Node) -> Iterator[Node]:
    """The parts directly below, in the order they are written."""
    for name in node.__struct_fields__:
        part = getattr(node, name)
        if isinstance(part, tuple):
            yield from _nodes(part)
        else:
            yield from _nodes((part,))


def walk(tree: Node) -> Iterator[tuple[Node, int]]:
    """Every part with its depth from 1, by a worklist: the tree may be deeper than Python calls may be."""
    todo = [(tree, 1)]
    while todo:
        node, depth = todo.pop()
        yield node, depth
        todo.extend((child, depth + 1) for child in children(node))


def _nodes(parts: Iterable[object]) -> Iterator[Node]:
    for part in parts:
        if isinstance(part, Node):
            yield part
