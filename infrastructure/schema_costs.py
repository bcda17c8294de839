"""What a JSON Schema can cost at worst, found by following it through every kind of value that it tells apart.

A validator goes through a schema anew wherever it is referred to. So a few references to two references each, or a schema
that comes back to itself twice in the same value, can take longer than anybody waits; and while a validator runs, nothing
else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from domain import json

MAX_WEIGHT: Final = 2_000
"""Checks, more or less, that one value may be put through."""
MAX_STEPS: Final = 60_000
"""Parts that are looked at to find that out; and what a part costs beside those in it:"""
PART_STEPS: Final = 4
MAX_CHAIN: Final = 64
"""Schemas that refer to one another, or stand inside one another, for the same value."""
MAX_PATTERNS: Final = 100
MAX_PATTERN_TEXT: Final = 4_096
"""Characters of all patterns: each has to be compiled."""

_LISTS: Final = ("allOf", "anyOf", "oneOf")
_SINGLES: Final = ("not", "if", "then", "else")
_FOR_OTHERS: Final = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties"})
_FOR_ELEMENTS: Final = ("items", "additionalItems", "contains", "unevaluatedItems")
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_AGAIN: Final = 3
"""How often the parts of a schema are gone through that asks which properties they left over."""
_PATTERN: Final = 15
_UNIQUE: Final = 15
_DIVISION: Final = 1_000

Node = Mapping[str, Any]
Roots = dict[int, int]
"""How often each schema is applied to a value, by its number."""


class TooCostly(Exception):
    """The schema can't be used. The text says why."""


class Costs:
    """Follows a schema. `weight` is the most that one value may be put through, `patterns` how many it is matched with."""

    def __init__(self, schema: Node) -> None:
        self.weight = 0
        self.patterns = 0
        self._steps = MAX_STEPS
        self._nodes: list[Node] = []
        self._numbers: dict[int, int] = {}
        self._closures: dict[int, Roots] = {}
        self._schema = schema
        self._anchors = dict(_anchors(schema))
        _check_patterns(schema)
        self._follow({self._number(schema): 1})

    def _follow(self, roots: Roots) -> None:
        """Go through every kind of value, from the whole one down to its parts."""
        todo, seen = [roots], {_kind(roots)}
        while todo:
            applied = self._applied(todo.pop())
            self.weight = max(self.weight, sum(_weight(self._nodes[node]) * count for node, count in applied.items()))
            self.patterns = max(
                self.patterns, sum(count for node, count in applied.items() if "pattern" in self._nodes[node])
            )
            if self.weight > MAX_WEIGHT:
                raise TooCostly(f"one value would be checked in more than {MAX_WEIGHT:,} ways")
            for part in self._parts(applied):
                self._step(PART_STEPS)
                kind = _kind(part)
                if part and kind not in seen:
                    seen.add(kind)
                    todo.append(part)

    def _applied(self, roots: Roots) -> Roots:
        """All schemas that apply to a value to which these do."""
        applied: Roots = {}
        for root, count in roots.items():
            closure = self._closure(root, ())
            self._step(len(closure))
            for node, times in closure.items():
                applied[node] = applied.get(node, 0) + count * times
        return applied

    def _closure(self, root: int, above: tuple[int, ...]) -> Roots:
        """A schema with all that it consists of, for the same value, each as often as it is gone through."""
        known = self._closures.get(root)
        if known is not None:
            return known
        if root in above:
            raise TooCostly("it refers to itself without going into the value")
        if len(above) >= MAX_CHAIN:
            raise TooCostly(f"more than {MAX_CHAIN} schemas refer to one another")
        node = self._nodes[root]
        again = _AGAIN if "unevaluatedProperties" in node or "unevaluatedItems" in node else 1
        found: Roots = {root: 1}
        for part in self._for_same_value(node):
            closure = self._closure(self._number(part), (*above, root))
            self._step(len(closure))
            for inner, times in closure.items():
                found[inner] = found.get(inner, 0) + times * again
        if sum(found.values()) > MAX_WEIGHT:
            raise TooCostly(f"one value would be checked in more than {MAX_WEIGHT:,} ways")
        self._closures[root] = found
        return found

    def _for_same_value(self, node: Node) -> Iterator[Node]:
        for name in _LISTS:
            yield from _schemas(node.get(name))
        for name in _SINGLES:
            yield from _schemas([node.get(name)])
        for name in ("dependentSchemas", "dependencies"):
            yield from _schemas(_values(node.get(name)))
        for name in _REFERENCES:
            if isinstance(node.get(name), str):
                yield from self._referred(node[name])

    def _referred(self, reference: str) -> Iterator[Node]:
        if not reference.startswith("#"):
            raise TooCostly(f"{reference[:80]!r} is not fetched: put the schema itself there")
        if reference == "#" or not reference.startswith("#/"):
            yield from [self._schema] if reference == "#" else self._anchors.get(reference[1:], [])
            return
        found: Any = self._schema
        for token in unquote(reference[2:]).split("/"):
            found = _child(found, token.replace("~1", "/").replace("~0", "~"))
        yield from _schemas([found])

    def _parts(self, applied: Roots) -> Iterator[Roots]:
        """The schemas of every part that a value may have: properties by name, any others, names, elements by place."""
        nodes = [(self._nodes[number], count) for number, count in applied.items()]
        yield from self._properties(nodes)
        yield self._counted((_schemas([node.get("propertyNames")]), count) for node, count in nodes)
        places = max((len(_placed(node)) for node, _ in nodes), default=0)
        for place in range(places + 1):
            yield self._counted((_for_element(node, place), count) for node, count in nodes)

    def _properties(self, nodes: list[tuple[Node, int]]) -> Iterator[Roots]:
        by_name: dict[str, Roots] = {}
        named = [(node["properties"], count) for node, count in nodes if isinstance(node.get("properties"), dict)]
        for properties, count in named:
            self._step(len(properties))
            for name, schema in properties.items():
                if isinstance(schema, dict):
                    roots, number = by_name.setdefault(name, {}), self._number(schema)
                    roots[number] = roots.get(number, 0) + count
        others = [(node, count) for node, count in nodes if not _FOR_OTHERS.isdisjoint(node)]
        for name, roots in by_name.items():
            yield self._counted(((_for_other(node, name), count) for node, count in others), roots)
        yield self._counted((_for_other(node, None), count) for node, count in others)

    def _counted(self, parts: Iterable[tuple[Iterable[Node], int]], more: Roots | None = None) -> Roots:
        found: Roots = dict(more or {})
        for schemas, count in parts:
            self._step(1)
            for schema in schemas:
                number = self._number(schema)
                found[number] = found.get(number, 0) + count
        return found

    def _number(self, node: Node) -> int:
        number = self._numbers.setdefault(id(node), len(self._nodes))
        if number == len(self._nodes):
            self._nodes.append(node)
        return number

    def _step(self, count: int) -> None:
        self._steps -= count
        if self._steps < 0:
            raise TooCostly("it is too complicated: make it smaller, or its parts fewer")


def _kind(roots: Roots) -> frozenset[tuple[int, int]]:
    return frozenset(roots.items())


def _for_other(node: Node, name: str | None) -> Iterator[Node]:
    """What applies to a property of this name (None: one that nothing names) beside what `properties` says of it."""
    if name is None or name not in _named(node.get("properties")):
        yield from _schemas(node.get(other) for other in ("additionalProperties", "unevaluatedProperties"))
    yield from _schemas(_values(node.get("patternProperties")))


def _for_element(node: Node, place: int) -> Iterator[Node]:
    placed = _placed(node)
    yield from _schemas(placed[place : place + 1])
    for name in _FOR_ELEMENTS:
        yield from _schemas([node.get(name)])


def _placed(node: Node) -> list[Any]:
    """The schemas of the first elements, one by one."""
    for name in ("prefixItems", "items"):
        if isinstance(node.get(name), list):
            found: list[Any] = node[name]
            return found
    return []


def _weight(node: Node) -> int:
    """What one schema asks of a value, without those inside it."""
    weight = 1 + len(_named(node.get("required"))) // 4 + len(_named(node.get("patternProperties")))
    weight += sum(map(len, map(_named, _values(node.get("dependentRequired")))))
    for value in (*_named(node.get("enum")), node.get("const")):
        weight += len(json.encode(value)) // 4 if isinstance(value, list | dict) else 0
    weight += _PATTERN if "pattern" in node else 0
    weight += _UNIQUE if node.get("uniqueItems") is True else 0
    divisor = node.get("multipleOf")
    if isinstance(divisor, float) and not 1e-20 < abs(divisor) < 1e20:
        weight += _DIVISION
    return weight


def _check_patterns(schema: Node) -> None:
    patterns = [*_patterns(schema)]
    if len(patterns) > MAX_PATTERNS or sum(map(len, patterns)) > MAX_PATTERN_TEXT:
        raise TooCostly(
            f"it has more than {MAX_PATTERNS} patterns, or they have more than {MAX_PATTERN_TEXT:,} characters together"
        )


def _patterns(value: Any) -> Iterator[str]:
    for part in _inside(value):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        yield from _named(part.get("patternProperties"))


def _anchors(schema: Node) -> Iterator[tuple[str, list[Node]]]:
    found: dict[str, list[Node]] = {}
    for part in _inside(schema):
        for name in ("$anchor", "$dynamicAnchor", "$id", "id"):
            if isinstance(part.get(name), str):
                found.setdefault(part[name].removeprefix("#"), []).append(part)
    return iter(found.items())


def _inside(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a value, whether it is a schema or not."""
    todo = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            yield part
            todo += part.values()
        elif isinstance(part, list):
            todo += part


def _schemas(values: Iterable[Any] | Any) -> Iterator[Node]:
    """Those of the values that are schemas, true and false left out; of anything but a list none."""
    for value in values if isinstance(values, Iterable) and not isinstance(values, str | dict) else ():
        if isinstance(value, dict):
            yield value


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, dict) else []


def _named(value: Any) -> list[Any]:
    """The names of an object, or the elements of a list."""
    return list(value) if isinstance(value, list | dict) else []


def _child(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return value.get(token)
    return value[int(token)] if isinstance(value, list) and token.isdecimal() and int(token) < len(value) else None
