"""The filters and tests of expressions: minijinja's own, given nothing but JSON text, and bounded before they start.

Values reach the engine as literals in its source. It reads JSON faster than it asks Python for elements, and a value
that is text can't offer it a method (`map(attribute='pop')` on a Python list finds one).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import minijinja

from domain.bounds import MAX_RESULT, MAX_WORK, Meter, check_size, cost_of, too_large
from domain.comparison import kind
from domain.expression_errors import expression_error, undefined_reference
from domain.operators import finish
from domain.paths import MISSING

MAX_FUEL: Final = 1_000_000  # steps of the engine for one filter; a literal element is about one
MAX_COUNT: Final = 10_000  # the largest number that may say how wide, deep or many something gets
FACTOR: Final = 3  # handing a value to the engine and back costs more than making it here
UNIQUE_FACTOR: Final = 16  # `unique` compares whole elements, many times each
PER_ELEMENT: Final = frozenset(
    {"map", "select", "reject", "selectattr", "rejectattr", "sort", "unique", "groupby", "sum", "min", "max"}
)

_ENGINE = minijinja.Environment(undefined_behavior="strict", fuel=MAX_FUEL, pycompat=False, debug=False)
_NOTHING = object()  # what the engine gives back for an undefined result, which it would turn into null
_WIDTH = re.compile(r"%[^%a-zA-Z]*?([0-9]{1,12})")
_literal = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

# fmt: off
_FILTER_NAMES = (
    "abs", "attr", "batch", "bool", "capitalize", "chain", "count", "d", "default", "dictsort", "e", "escape",
    "filesizeformat", "first", "float", "format", "groupby", "indent", "int", "items", "join", "last", "length",
    "lines", "list", "lower", "map", "max", "min", "pprint", "pluralize", "reject", "rejectattr", "replace",
    "reverse", "round", "safe", "select", "selectattr", "slice", "sort", "split", "string", "striptags", "sum",
    "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordwrap", "zip",
)
# fmt: on
# fmt: off
_TEST_NAMES = (
    "boolean", "defined", "divisibleby", "endingwith", "eq", "equalto", "escaped", "even", "false", "filter",
    "float", "ge", "gt", "greaterthan", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping",
    "ne", "none", "number", "odd", "safe", "sameas", "sequence", "startingwith", "string", "test", "true",
    "undefined", "upper",
)
# fmt: on

FILTERS: Final = frozenset(name for name in _FILTER_NAMES if _ENGINE.eval_expr("name is filter", name=name))
TESTS: Final = frozenset(name for name in _TEST_NAMES if _ENGINE.eval_expr("name is test", name=name))


def run_filter(name: str, value: Any, args: list[Any], named: Mapping[str, Any], *, meter: Meter) -> Any:
    """`value | name(args)`: JSON, or MISSING where the engine has nothing. EXPRESSION_ERROR says what does not fit."""
    if not args and not named:
        quick = _QUICK.get(name)
        found = quick(value) if quick else _NOTHING
        if found is not _NOTHING:
            return found
    every = [*args, *named.values()]
    cost = check_size([value, *every])
    _check_growth(name, value, args, named)
    meter.spend(cost * (UNIQUE_FACTOR if name == "unique" else FACTOR))
    call = f"({_write(value)})|{name}({_arguments(args, named)})"
    tail = "map('default', nothing)" if name == "map" else "default(nothing)"
    return meter.made(_normal(_evaluate(f"{call}|{tail}", name)))


def run_test(name: str, value: Any, args: list[Any], *, meter: Meter) -> bool:
    """`value is name(args)`; EXPRESSION_ERROR says what does not fit."""
    if not args and isinstance(value, list | Mapping):
        value = [] if isinstance(value, list) else {}  # tests without arguments ask for the type only
    if name == "divisibleby" and args == [0]:
        raise expression_error("`is divisibleby` can't divide by zero.")
    meter.spend(check_size([value, *args]))
    return bool(_evaluate(f"({_write(value)}) is {name}({_arguments(args, {})})", name))


def _evaluate(source: str, name: str) -> Any:
    try:
        return _ENGINE.eval_expr(source, nothing=_NOTHING, null=None)  # it has no word for null, but `none`
    except minijinja.TemplateError as error:
        reason = (error.detail or error.message or error.kind).split(" (in <expression>")[0]
        if error.kind == "UndefinedError":
            raise undefined_reference(f"`{name}` met something undefined: {reason}.") from error
        raise expression_error(f"`{name}` does not work here: {reason}.") from error
    except (ValueError, OverflowError, RecursionError) as error:  # a lone surrogate has no UTF-8
        raise expression_error(f"`{name}` can't take this value: {error}.") from error


def _write(value: Any) -> str:
    try:
        return _literal(dict(value) if isinstance(value, Mapping) else value)
    except (ValueError, TypeError, RecursionError) as error:
        raise expression_error(f"A filter can't take this value: {error}.") from error


def _arguments(args: list[Any], named: Mapping[str, Any]) -> str:
    return ", ".join([*map(_write, args), *(f"{name}={_write(value)}" for name, value in named.items())])


def _normal(value: Any) -> Any:
    """Plain JSON: tuples and the engine's own list and text types become ours."""
    if value is _NOTHING:
        return MISSING
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return finish(value, "filter")
    if isinstance(value, float):
        if value - value != 0:
            raise expression_error("The result is not a number that JSON has.")
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _present(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [each if type(each) is str else _present(each) for each in value]
    raise expression_error(f"The result is {kind(value)}.")


def _present(value: Any) -> Any:
    if value is _NOTHING:
        raise undefined_reference("`map` found nothing in an element. Give `default=` for elements that lack it.")
    return _normal(value)


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, str | list | Mapping) else _NOTHING


def _first(value: Any) -> Any:
    return (value[0] if value else MISSING) if isinstance(value, str | list) else _NOTHING


def _last(value: Any) -> Any:
    return (value[-1] if value else MISSING) if isinstance(value, str | list) else _NOTHING


# What the engine would answer, for lists too large to hand over.
_QUICK: Final[Mapping[str, Callable[[Any], Any]]] = {
    "length": _length,
    "count": _length,
    "first": _first,
    "last": _last,
}


def _check_growth(name: str, value: Any, args: list[Any], named: Mapping[str, Any]) -> None:
    """Refuse before it starts what would make far more than it is given."""
    every = [*args, *named.values()]
    if any(isinstance(arg, int | float) and abs(arg) > MAX_COUNT for arg in every) and name in _COUNTING:
        raise expression_error(f"`{name}` takes numbers up to {MAX_COUNT}.")
    if name in PER_ELEMENT and isinstance(value, list | Mapping | str):
        _check_work(len(value) * cost_of(every, most=MAX_WORK))
    if name == "map" and args and isinstance(value, list):
        if args[0] in _GROWING:
            _check_total(sum(_growth(args[0], each, args[1:], {}) for each in value))
    elif name in _GROWING:
        _check_total(_growth(name, value, args, named))


_GROWING: Final = (
    "replace",
    "list",
    "split",
    "join",
    "indent",
    "tojson",
    "batch",
    "slice",
    "wordwrap",
    "format",
    "trim",
)
_COUNTING: Final = frozenset({"batch", "slice", "indent", "tojson", "wordwrap", "truncate", "round", "map"})


def _check_work(cost: int) -> None:
    if cost > MAX_WORK:
        raise expression_error(
            "The filter has too much to compare for each element. Use a node made for lists instead."
        )


def _check_total(cost: int) -> None:
    if cost > 2 * MAX_RESULT:
        raise too_large()


def _growth(name: str, value: Any, args: list[Any], named: Mapping[str, Any]) -> int:
    """About how large the result of a filter that repeats something can get."""
    every = [*args, *named.values()]
    size = cost_of(every, most=MAX_RESULT)
    count = max((int(arg) for arg in every if isinstance(arg, int | float)), default=0)
    length = len(value) if isinstance(value, str | list | Mapping) else 1
    match name:
        case "replace":
            old = str(args[0]) if args else ""
            return _replaced(value, old, size) if isinstance(value, str) else length * size
        case "list" | "split":
            return 4 * length if isinstance(value, str) and (name == "list" or args == [""]) else 0
        case "join":
            return length * size
        case "indent" | "tojson":
            lines = value.count("\n") + 1 if isinstance(value, str) else cost_of(value, most=MAX_RESULT)
            return lines * count
        case "batch" | "slice":
            return count * size
        case "wordwrap":
            return length * max(size - 16, 0)
        case "format":
            return _formatted(value, size) if isinstance(value, str) else 0
        case "trim":
            return length * size // 64  # tries every character against each of its argument
        case _:
            return 0


def _replaced(text: str, old: str, size: int) -> int:
    return (text.count(old) if old else len(text) + 1) * size


def _formatted(text: str, size: int) -> int:
    if "*" in text:
        raise expression_error("`format` takes no `*` for a width.")
    return sum(int(width) for width in _WIDTH.findall(text)) + text.count("%") * size + text.count(".") * 16
