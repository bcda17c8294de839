"""From the parts of an expression to closures that evaluate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from domain.bounds import Meter
from domain.comparison import kind, truth
from domain.expression_errors import InvalidExpression, expression_error, undefined_reference
from domain.expression_tokens import written
from domain.expression_tree import (
    Binary,
    Comparison,
    Conditional,
    Filter,
    Index,
    ListOf,
    Literal,
    Logic,
    Negation,
    Node,
    Not,
    ObjectOf,
    Range,
    Reference,
    Slice,
    Test,
    Words,
)
from domain.filters import run_filter, run_test
from domain.operators import BINARY, COMPARISONS, cut, index, negate, numbers
from domain.paths import MISSING
from domain.references import look_up, required

if TYPE_CHECKING:
    from domain.scope import Scope

Run = Callable[["Scope", Meter], Any]

DEFAULTS: Final = ("default", "d")
MAX_TREE_DEPTH: Final = 100  # parts inside one another, as in `1 + 1 + …`: each costs Python calls when it is evaluated


def emit(source: str, tree: Node) -> tuple[Run, frozenset[str]]:
    """(a function of scope and meter that gives the value of the source; the keys of the state it reads, `*`: any).

    It raises UNDEFINED_REFERENCE where there is no value. Raises InvalidExpression for parts too deep inside one another.
    """
    emitter = _Emitter(source)
    run = emitter.emit(tree)
    return run, frozenset(("*",)) if "*" in emitter.reads else frozenset(emitter.reads)


class _Emitter:
    """Makes closures of the parts of one source, and notes in `reads` which keys of the state they read (`*`: any)."""

    def __init__(self, source: str) -> None:
        self.reads: set[str] = set()
        self._source = source
        self._depth = 0

    def emit(self, node: Node) -> Run:
        """A function of scope and meter that gives the value; UNDEFINED_REFERENCE where there is none.

        Raises InvalidExpression for parts too deep inside one another.
        """
        return self._below(_EMITTED[type(node)], node)

    def emit_optional(self, node: Node) -> Run:
        """The same, for the places that may meet something undefined: MISSING where there is no value."""
        return self._below(_OPTIONAL.get(type(node)) or _EMITTED[type(node)], node)

    def _below(self, make: Callable[[_Emitter, Any], Run], node: Node) -> Run:
        self._depth += 1
        if self._depth > MAX_TREE_DEPTH:
            message = f"The expression has more than {MAX_TREE_DEPTH} parts inside one another."
            raise InvalidExpression(f"{message} Compute it in several steps.", position=0)
        run = make(self, node)
        self._depth -= 1
        return run

    def literal(self, node: Literal) -> Run:
        return _literal(node.value)

    def reference(self, node: Reference) -> Run:
        self._note(node)
        find = required(node.root, node.path)
        return lambda scope, meter: find(scope)

    def reference_or_missing(self, node: Reference) -> Run:
        self._note(node)
        find = look_up(node.root, node.path)
        return lambda scope, meter: find(scope)

    def _note(self, node: Reference) -> None:
        if node.root == "$":
            first = node.path[0] if node.path else "*"
            self.reads.add(first if isinstance(first, str) else "*")

    def index(self, node: Index) -> Run:
        return self._present(self.index_or_missing(node), node.words)

    def index_or_missing(self, node: Index) -> Run:
        base, key = self.emit_optional(node.base), self.emit(node.key)

        def run(scope: Scope, meter: Meter) -> Any:
            value = base(scope, meter)
            return MISSING if value is MISSING else index(value, key(scope, meter))

        return run

    def conditional(self, node: Conditional) -> Run:
        return self._present(self.conditional_or_missing(node), node.words)

    def conditional_or_missing(self, node: Conditional) -> Run:
        chosen, condition = self.emit_optional(node.chosen), self.emit(node.condition)
        otherwise = self.emit_optional(node.otherwise) if node.otherwise is not None else _literal(MISSING)

        def run(scope: Scope, meter: Meter) -> Any:
            return chosen(scope, meter) if truth(condition(scope, meter)) else otherwise(scope, meter)

        return run

    def filter(self, node: Filter) -> Run:
        return self._present(self.filter_or_missing(node), node.words)

    def filter_or_missing(self, node: Filter) -> Run:
        if node.name in DEFAULTS:
            return self._default(node)
        name, value, args = node.name, self.emit(node.value), tuple(map(self.emit, node.args))
        if not args and not node.named:
            return lambda scope, meter: run_filter(name, value(scope, meter), [], _NO_NAMES, meter=meter)
        named = tuple(zip(node.keys, map(self.emit, node.named), strict=True))

        def run(scope: Scope, meter: Meter) -> Any:
            return run_filter(
                name,
                value(scope, meter),
                [arg(scope, meter) for arg in args],
                {key: arg(scope, meter) for key, arg in named},
                meter=meter,
            )

        return run

    def _default(self, node: Filter) -> Run:
        """`value | default(other, boolean)`: the other is evaluated only when needed, and may itself be undefined."""
        value = self.emit_optional(node.value)
        given = dict(zip(node.keys, node.named, strict=True))
        other = node.args[0] if node.args else given.get("default_value", Literal(""))
        falsy = node.args[1] if len(node.args) > 1 else given.get("boolean", Literal(value=False))
        instead, also_falsy = self.emit_optional(other), self.emit(falsy)

        def run(scope: Scope, meter: Meter) -> Any:
            found = value(scope, meter)
            if found is MISSING or (not truth(found) and truth(also_falsy(scope, meter))):
                return instead(scope, meter)
            return found

        return run

    def _present(self, find: Run, words: Words) -> Run:
        source = self._source

        def run(scope: Scope, meter: Meter) -> Any:
            found = find(scope, meter)
            if found is MISSING:
                text = written(source, *words)
                raise undefined_reference(f"`{text}` is undefined.", details={"reference": text})
            return found

        return run

    def logic(self, node: Logic) -> Run:
        return _logic(node.operator, tuple(map(self.emit, node.operands)))

    def logic_or_missing(self, node: Logic) -> Run:
        most = map(self.emit, node.operands[:-1])
        return _logic(node.operator, (*most, self.emit_optional(node.operands[-1])))

    def binary(self, node: Binary) -> Run:
        operate, left, right = BINARY[node.operator], self.emit(node.left), self.emit(node.right)
        return lambda scope, meter: operate(left(scope, meter), right(scope, meter), meter)

    def comparison(self, node: Comparison) -> Run:
        first, *operands = map(self.emit, node.operands)
        links = tuple(zip((COMPARISONS[operator] for operator in node.operators), operands, strict=True))
        if len(links) == 1:
            compare, second = links[0]
            return lambda scope, meter: compare(first(scope, meter), second(scope, meter), meter)

        def run(scope: Scope, meter: Meter) -> bool:
            left = first(scope, meter)
            for compare, operand in links:
                right = operand(scope, meter)
                if not compare(left, right, meter):
                    return False
                left = right
            return True

        return run

    def negation(self, node: Negation) -> Run:
        operand = self.emit(node.operand)
        return lambda scope, meter: negate(operand(scope, meter))

    def not_(self, node: Not) -> Run:
        operand = self.emit(node.operand)
        return lambda scope, meter: not truth(operand(scope, meter))

    def slice(self, node: Slice) -> Run:
        base = self.emit(node.base)
        first, last, step = map(self.emit, node.parts)

        def run(scope: Scope, meter: Meter) -> Any:
            value = base(scope, meter)
            return cut(value, (first(scope, meter), last(scope, meter), step(scope, meter)), meter)

        return run

    def list_of(self, node: ListOf) -> Run:
        items = tuple(map(self.emit, node.items))
        return lambda scope, meter: meter.made([item(scope, meter) for item in items])

    def object_of(self, node: ObjectOf) -> Run:
        pairs = tuple(zip(map(self.emit, node.keys), map(self.emit, node.values), strict=True))

        def run(scope: Scope, meter: Meter) -> Any:
            found = {}
            for key, value in pairs:
                name = key(scope, meter)
                if not isinstance(name, str):
                    raise expression_error(f"A key of an object is a text, not {kind(name)}.")
                found[name] = value(scope, meter)
            return meter.made(found)

        return run

    def range(self, node: Range) -> Run:
        bounds = tuple(map(self.emit, node.bounds))
        return lambda scope, meter: numbers([bound(scope, meter) for bound in bounds], meter)

    def test(self, node: Test) -> Run:
        if node.name in ("defined", "undefined"):
            wanted, find = node.name == "defined", self.emit_optional(node.value)
            return lambda scope, meter: (find(scope, meter) is not MISSING) is wanted
        name, value, args = node.name, self.emit(node.value), tuple(map(self.emit, node.args))
        return lambda scope, meter: run_test(
            name, value(scope, meter), [arg(scope, meter) for arg in args], meter=meter
        )


_NO_NAMES: Final[Mapping[str, Any]] = {}

_EMITTED: Final[Mapping[type, Callable[[_Emitter, Any], Run]]] = {
    Literal: _Emitter.literal,
    Reference: _Emitter.reference,
    Index: _Emitter.index,
    Slice: _Emitter.slice,
    Negation: _Emitter.negation,
    Not: _Emitter.not_,
    Binary: _Emitter.binary,
    Comparison: _Emitter.comparison,
    Logic: _Emitter.logic,
    Conditional: _Emitter.conditional,
    ListOf: _Emitter.list_of,
    ObjectOf: _Emitter.object_of,
    Range: _Emitter.range,
    Filter: _Emitter.filter,
    Test: _Emitter.test,
}
_OPTIONAL: Final[Mapping[type, Callable[[_Emitter, Any], Run]]] = {
    Reference: _Emitter.reference_or_missing,
    Index: _Emitter.index_or_missing,
    Conditional: _Emitter.conditional_or_missing,
    Filter: _Emitter.filter_or_missing,
    Logic: _Emitter.logic_or_missing,
}


def _literal(value: Any) -> Run:
    return lambda scope, meter: value


def _logic(operator: str, operands: tuple[Run, ...]) -> Run:
    stops = operator == "or"
    *most, last = operands

    def run(scope: Scope, meter: Meter) -> Any:
        for operand in most:
            value = operand(scope, meter)
            if truth(value) is stops:
                return value
        return last(scope, meter)

    return run
