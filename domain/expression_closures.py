"""From the parts of an expression to closures that evaluate it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from domain.bounds import Meter
from domain.comparison import kind, truth
from domain.expression_errors import expression_error, undefined_reference
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
)
from domain.filters import run_filter, run_test
from domain.operators import BINARY, COMPARISONS, cut, index, negate, numbers
from domain.paths import MISSING
from domain.references import look_up, required

if TYPE_CHECKING:
    from domain.scope import Scope

Run = Callable[["Scope", Meter], Any]

DEFAULTS: Final = ("default", "d")


def emit(node: Node) -> Run:
    """A function of scope and meter that gives the value; UNDEFINED_REFERENCE where there is none."""
    match node:
        case Literal():
            return _literal(node.value)
        case Reference():
            find = required(node.root, node.path)
            return lambda scope, meter: find(scope)
        case Index() | Conditional() | Filter():
            return _present(emit_optional(node), node.text)
        case Logic():
            return _logic(node.operator, tuple(map(emit, node.operands)))
        case Binary():
            return _binary(node)
        case Comparison():
            return _comparison(node)
        case _:
            return _emit_other(node)


def emit_optional(node: Node) -> Run:
    """The same, for the places that may meet something undefined: MISSING where there is no value."""
    match node:
        case Reference():
            find = look_up(node.root, node.path)
            return lambda scope, meter: find(scope)
        case Index():
            return _index(emit_optional(node.base), emit(node.key))
        case Conditional():
            return _conditional(node)
        case Filter() if node.name in DEFAULTS:
            return _default(node)
        case Filter():
            return _filter(node)
        case Logic():
            return _logic(node.operator, (*map(emit, node.operands[:-1]), emit_optional(node.operands[-1])))
        case _:
            return emit(node)


def _emit_other(node: Node) -> Run:
    match node:
        case Negation():
            operand = emit(node.operand)
            return lambda scope, meter: negate(operand(scope, meter))
        case Not():
            operand = emit(node.operand)
            return lambda scope, meter: not truth(operand(scope, meter))
        case Slice():
            return _slice(node)
        case ListOf():
            return _list(tuple(map(emit, node.items)))
        case ObjectOf():
            return _object(tuple(map(emit, node.keys)), tuple(map(emit, node.values)))
        case Range():
            bounds = tuple(map(emit, node.bounds))
            return lambda scope, meter: numbers([bound(scope, meter) for bound in bounds], meter)
        case Test():
            return _test(node)
        case _:
            raise AssertionError(node)  # `emit` takes the rest


def _literal(value: Any) -> Run:
    return lambda scope, meter: value


def _present(find: Run, text: str) -> Run:
    def run(scope: Scope, meter: Meter) -> Any:
        found = find(scope, meter)
        if found is MISSING:
            raise undefined_reference(f"`{text}` is undefined.", details={"reference": text})
        return found

    return run


def _index(base: Run, key: Run) -> Run:
    def run(scope: Scope, meter: Meter) -> Any:
        value = base(scope, meter)
        return MISSING if value is MISSING else index(value, key(scope, meter))

    return run


def _conditional(node: Conditional) -> Run:
    chosen, condition = emit_optional(node.chosen), emit(node.condition)
    otherwise = emit_optional(node.otherwise) if node.otherwise is not None else _literal(MISSING)

    def run(scope: Scope, meter: Meter) -> Any:
        return chosen(scope, meter) if truth(condition(scope, meter)) else otherwise(scope, meter)

    return run


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


def _binary(node: Binary) -> Run:
    operate, left, right = BINARY[node.operator], emit(node.left), emit(node.right)
    return lambda scope, meter: operate(left(scope, meter), right(scope, meter), meter)


def _comparison(node: Comparison) -> Run:
    first, *operands = map(emit, node.operands)
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


def _slice(node: Slice) -> Run:
    base = emit(node.base)
    first, last, step = map(emit, node.parts)

    def run(scope: Scope, meter: Meter) -> Any:
        value = base(scope, meter)
        return cut(value, (first(scope, meter), last(scope, meter), step(scope, meter)), meter)

    return run


def _list(items: tuple[Run, ...]) -> Run:
    return lambda scope, meter: meter.made([item(scope, meter) for item in items])


def _object(keys: tuple[Run, ...], values: tuple[Run, ...]) -> Run:
    def run(scope: Scope, meter: Meter) -> Any:
        found = {}
        for key, value in zip(keys, values, strict=True):
            name = key(scope, meter)
            if not isinstance(name, str):
                raise expression_error(f"A key of an object is a text, not {kind(name)}.")
            found[name] = value(scope, meter)
        return meter.made(found)

    return run


def _default(node: Filter) -> Run:
    """`value | default(other, boolean)`: the other is evaluated only when it is needed, and may itself be undefined."""
    value = emit_optional(node.value)
    given = dict(zip(node.keys, node.named, strict=True))
    arguments = [*node.args]
    other = arguments[0] if arguments else given.get("default_value", Literal(""))
    falsy = arguments[1] if len(arguments) > 1 else given.get("boolean", Literal(value=False))
    instead, also_falsy = emit_optional(other), emit(falsy)

    def run(scope: Scope, meter: Meter) -> Any:
        found = value(scope, meter)
        if found is MISSING or (not truth(found) and truth(also_falsy(scope, meter))):
            return instead(scope, meter)
        return found

    return run


def _filter(node: Filter) -> Run:
    name, value, args = node.name, emit(node.value), tuple(map(emit, node.args))
    named = tuple(zip(node.keys, map(emit, node.named), strict=True))

    def run(scope: Scope, meter: Meter) -> Any:
        return run_filter(
            name,
            value(scope, meter),
            [arg(scope, meter) for arg in args],
            {key: arg(scope, meter) for key, arg in named},
            meter=meter,
        )

    return run


def _test(node: Test) -> Run:
    if node.name in ("defined", "undefined"):
        wanted, find = node.name == "defined", emit_optional(node.value)
        return lambda scope, meter: (find(scope, meter) is not MISSING) is wanted
    name, value, args = node.name, emit(node.value), tuple(map(emit, node.args))
    return lambda scope, meter: run_test(name, value(scope, meter), [arg(scope, meter) for arg in args], meter=meter)
