"""Conditions on the fields of an item, as `filter` and the rules of `switch` write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import re2

from domain.comparison import equal, number
from domain.errors import ErrorInfo, StepFailure
from domain.paths import MISSING, Path, get, parse_field
from infrastructure.nodes.base import invalid, shown
from infrastructure.nodes.conversions import boolean, scalar_text
from infrastructure.nodes.instants import instant

Test = Callable[[Any], bool]
"""Of a field's value, or of an item."""

MATCH_MODES: Final = ("all", "any")
_COMBINATIONS: Final = ("AND", "OR")
_ABSENT: Final = object()


class _Kind(NamedTuple):
    """A data type: `convert` gives None for a value that can't be one; the operations take (field, operand)."""

    convert: Callable[[Any], Any]
    operations: Mapping[str, Callable[[Any, Any], bool]]


def _is_empty(field: Any) -> bool:
    return field is MISSING or field is None or (isinstance(field, (str, list, dict)) and not field)


def _between(field: Any, bounds: tuple[Any, Any]) -> bool:
    return bool(bounds[0] <= field <= bounds[1])


def _has_element(field: list[Any], element: Any) -> bool:
    return any(equal(each, element) for each in field)


def _has_property(field: dict[str, Any], name: str) -> bool:
    return name in field or get(field, _path(name, "value")) is not MISSING


_KINDS: Final[Mapping[str, _Kind]] = {
    "string": _Kind(
        scalar_text,
        {
            "contains": lambda field, part: part in field,
            "notContains": lambda field, part: part not in field,
            "startsWith": lambda field, start: field.startswith(start),
            "endsWith": lambda field, end: field.endswith(end),
            "regex": lambda field, pattern: pattern.search(field) is not None,
        },
    ),
    "number": _Kind(
        number,
        {
            "gt": lambda field, bound: field > bound,
            "gte": lambda field, bound: field >= bound,
            "lt": lambda field, bound: field < bound,
            "lte": lambda field, bound: field <= bound,
            "between": _between,
        },
    ),
    "boolean": _Kind(
        boolean,
        {"true": lambda field, _: field, "false": lambda field, _: not field},
    ),
    "date": _Kind(
        instant,
        {
            "before": lambda field, bound: field < bound,
            "after": lambda field, bound: field > bound,
            "between": _between,
        },
    ),
    "array": _Kind(
        lambda value: value if isinstance(value, list) else None,
        {
            "contains": _has_element,
            "notContains": lambda field, element: not _has_element(field, element),
            "lengthEquals": lambda field, length: len(field) == length,
            "lengthGt": lambda field, length: len(field) > length,
            "lengthLt": lambda field, length: len(field) < length,
        },
    ),
    "object": _Kind(
        lambda value: value if isinstance(value, dict) else None,
        {
            "hasProperty": _has_property,
            "notHasProperty": lambda field, name: not _has_property(field, name),
        },
    ),
}
_PRESENCE: Final[Mapping[str, Test]] = {
    "exists": lambda field: field is not MISSING and field is not None,
    "notExists": lambda field: field is MISSING or field is None,
    "isEmpty": _is_empty,
    "isNotEmpty": lambda field: not _is_empty(field),
}
_EQUALITIES: Final = ("equals", "notEquals")
_KIND_OF: Final = {name: kind for kind, of in _KINDS.items() for name in of.operations}
ANY_TYPE: Final = (*_PRESENCE, *_EQUALITIES)
OPERATIONS: Final = (*ANY_TYPE, *_KIND_OF)


def compile_conditions(conditions: Any, *, match_mode: str = "all", where: str = "conditions") -> Test:
    """One test of an item. Raises `INVALID_PARAMETER` or `INVALID_PATTERN`, naming the condition after `where`.

    If one has `combineWith`, the list is folded from the left, each joining the next; else `match_mode` decides.
    """
    if not isinstance(conditions, list) or not conditions:
        raise invalid(f"{where} is a list of at least one condition, not {shown(conditions)}", parameter=where)
    tests = [_compile(condition, f"{where}[{place}]") for place, condition in enumerate(conditions)]
    joins = [_joins(condition, f"{where}[{place}]") for place, condition in enumerate(conditions)]
    if any(joins):
        return _folded(tests, joins)
    decide = all if match_mode == "all" else any
    return lambda item: decide(test(item) for test in tests)


def try_conditions(conditions: Any, *, where: str = "conditions") -> None:
    """As `compile_conditions`, for what has no patterns in it: to compile them may take a while."""
    each = conditions if isinstance(conditions, list) else []
    if not any(isinstance(one, dict) and one.get("operation") == "regex" for one in each):
        compile_conditions(conditions, where=where)


def _folded(tests: list[Test], joins: list[str | None]) -> Test:
    def fold(item: Any) -> bool:
        result = tests[0](item)
        for join, test in zip(joins, tests[1:], strict=False):
            result = (result or test(item)) if join == "OR" else (result and test(item))
        return result

    return fold


def _joins(condition: Mapping[str, Any], where: str) -> str | None:
    join = condition.get("combineWith")
    if join is None or join in _COMBINATIONS:
        return join
    raise invalid(f"{where}.combineWith can't be {shown(join)}", parameter=where, allowed=_COMBINATIONS)


def _compile(condition: Any, where: str) -> Test:
    if not isinstance(condition, dict):
        raise invalid(f"{where} is an object {{field, operation, value}}, not {shown(condition)}", parameter=where)
    field = condition.get("field")
    if not isinstance(field, str) or not field:
        raise invalid(f"{where} needs the name of a field, not {shown(field)}", parameter=f"{where}.field")
    path = _path(field, f"{where}.field")
    test = _field_test(condition, where)
    return lambda item: test(get(item, path))


def _path(field: str, where: str) -> Path:
    try:
        return parse_field(field)
    except ValueError as error:
        raise invalid(f"{where}: {error}", parameter=where) from error


def _field_test(condition: Mapping[str, Any], where: str) -> Test:
    operation, data_type = condition.get("operation"), condition.get("dataType")
    if data_type is not None and (not isinstance(data_type, str) or data_type not in _KINDS):
        raise invalid(f"{where}.dataType can't be {shown(data_type)}", parameter=f"{where}.dataType", allowed=_KINDS)
    known = OPERATIONS if data_type is None else (*ANY_TYPE, *_KINDS[data_type].operations)
    if not isinstance(operation, str) or operation not in known:
        of_type = f" of {data_type}" if data_type else ""
        message = f"{where}.operation{of_type} can't be {shown(operation)}"
        raise invalid(message, parameter=f"{where}.operation", allowed=known)
    if operation in _PRESENCE:
        return _PRESENCE[operation]
    if operation in _EQUALITIES:
        return _equality(condition, data_type, where, wanted=operation == "equals")
    if data_type is None and operation in ("contains", "notContains"):
        return _containment(condition, where)
    return _typed(condition, data_type or _kind_for(operation, condition), where)


def _kind_for(operation: str, condition: Mapping[str, Any]) -> str:
    if operation == "between":
        return "date" if number(condition.get("value")) is None else "number"
    return _KIND_OF[operation]


def _equality(condition: Mapping[str, Any], data_type: str | None, where: str, *, wanted: bool) -> Test:
    """Null as `value` is compared as it is, whatever the type: no conversion makes one of anything."""
    value = _operand(condition, "value", where)
    if data_type is None or value is None:
        return lambda field: field is not MISSING and equal(field, value) is wanted
    convert = _KINDS[data_type].convert
    operand = _converted(value, data_type, f"{where}.value")

    def test(field: Any) -> bool:
        found = convert(field)
        return found is not None and equal(found, operand) is wanted

    return test


def _containment(condition: Mapping[str, Any], where: str) -> Test:
    """`contains` and `notContains` without a type: what the field is decides."""
    value = _operand(condition, "value", where)
    part = scalar_text(value)
    wanted = condition["operation"] == "contains"

    def test(field: Any) -> bool:
        if isinstance(field, list):
            return _has_element(field, value) is wanted
        text = scalar_text(field)
        return text is not None and part is not None and (part in text) is wanted

    return test


def _typed(condition: Mapping[str, Any], data_type: str, where: str) -> Test:
    kind = _KINDS[data_type]
    holds = kind.operations[condition["operation"]]
    operand = _typed_operand(condition, data_type, where)

    def test(field: Any) -> bool:
        found = kind.convert(field)
        return found is not None and holds(found, operand)

    return test


def _typed_operand(condition: Mapping[str, Any], data_type: str, where: str) -> Any:
    operation = condition["operation"]
    if operation in ("true", "false"):
        return None
    value = _operand(condition, "value", where)
    if operation == "between":
        other = _operand(condition, "value2", where)
        return _converted(value, data_type, f"{where}.value"), _converted(other, data_type, f"{where}.value2")
    if operation == "regex":
        return pattern_of(value, f"{where}.value")
    if operation.startswith("length"):
        return _converted(value, "number", f"{where}.value")
    if data_type == "array":
        return value
    name = _converted(value, "string" if data_type == "object" else data_type, f"{where}.value")
    if data_type == "object":
        _path(name, f"{where}.value")
    return name


def _operand(condition: Mapping[str, Any], name: str, where: str) -> Any:
    value = condition.get(name, _ABSENT)
    if value is _ABSENT:
        raise invalid(f"{where}: {condition['operation']} needs {name}", parameter=f"{where}.{name}")
    return value


def _converted(value: Any, data_type: str, where: str) -> Any:
    found = _KINDS[data_type].convert(value)
    if found is None:
        raise invalid(f"{where} is not a {data_type}: {shown(value)}", parameter=where)
    return found


def pattern_of(text: Any, where: str) -> Any:
    """A compiled pattern of the linear-time engine. Raises `INVALID_PATTERN`, with what that engine has to say."""
    if not isinstance(text, str):
        raise invalid(f"{where} is a pattern, not {shown(text)}", parameter=where)
    try:
        return _pattern(text)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        message = f"{where} is not a pattern that is taken (no lookaround, no back-references): {reason}"
        info = ErrorInfo(type="validation", code="INVALID_PATTERN", message=message, details={"pattern": text})
        raise StepFailure(info) from error


@lru_cache(maxsize=256)
def _pattern(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False  # the failure carries the reason; the engine would write it to standard error
    return re2.compile(text, options)
