"""The parts that an expression consists of. None of them refers to itself, so that no collector need look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from domain.paths import Path

Words = tuple[int, int]
"""The first and the last word of a part, for messages."""


class Literal(msgspec.Struct, frozen=True, gc=False):
    """A number, text, boolean or null."""

    value: Any


class Reference(msgspec.Struct, frozen=True, gc=False):
    """What a fixed path finds below a root; `$` is the state."""

    root: str
    path: Path


class Index(msgspec.Struct, frozen=True, gc=False):
    """`base[key]` with a computed key or base."""

    base: Node
    key: Node
    words: Words


class Slice(msgspec.Struct, frozen=True, gc=False):
    """`base[first:last:step]`."""

    base: Node
    parts: tuple[Node, Node, Node]


class Negation(msgspec.Struct, frozen=True, gc=False):
    """`-operand`."""

    operand: Node


class Not(msgspec.Struct, frozen=True, gc=False):
    """`not operand`."""

    operand: Node


class Binary(msgspec.Struct, frozen=True, gc=False):
    """Arithmetic, or `~`."""

    operator: str
    left: Node
    right: Node


class Comparison(msgspec.Struct, frozen=True, gc=False):
    """`a < b < c`: each neighbour pair holds; every operand is evaluated at most once."""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


class Logic(msgspec.Struct, frozen=True, gc=False):
    """`a and b and c` or `a or b or c`; the result is the operand that decides."""

    operator: str
    operands: tuple[Node, ...]


class Conditional(msgspec.Struct, frozen=True, gc=False):
    """`chosen if condition else otherwise`; without `else` the result is undefined when the condition fails."""

    chosen: Node
    condition: Node
    otherwise: Node | None
    words: Words


class ListOf(msgspec.Struct, frozen=True, gc=False):
    """`[a, b]`."""

    items: tuple[Node, ...]


class ObjectOf(msgspec.Struct, frozen=True, gc=False):
    """`{key: value}`."""

    keys: tuple[Node, ...]
    values: tuple[Node, ...]


class Range(msgspec.Struct, frozen=True, gc=False):
    """`range(start, stop, step)`."""

    bounds: tuple[Node, ...]


class Filter(msgspec.Struct, frozen=True, gc=False):
    """`value | name(args, key=named)`."""

    name: str
    value: Node
    args: tuple[Node, ...]
    keys: tuple[str, ...]
    named: tuple[Node, ...]
    words: Words


class Test(msgspec.Struct, frozen=True, gc=False):
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
