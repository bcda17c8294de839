"""The checks of `validateData`: each a function from data to the errors in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from domain.bounds import cost_of
from domain.comparison import kind, number
from domain.errors import ErrorInfo, StepFailure
from domain.paths import MISSING, Path, get
from infrastructure.nodes.base import invalid, shown
from infrastructure.nodes.conversions import scalar_text
from infrastructure.nodes.patterns import Budget, Pattern
from infrastructure.nodes.state_fields import path_of

ROOT: Final = "__root__"
MAX_CHECKS: Final = 200_000  # rules times items of one visit
MAX_VALUE: Final = 1_024  # characters of JSON; null stands for a larger value in an error

Failure = dict[str, Any]
"""{field, error, value}."""
Check = Callable[[dict[str, Any]], Iterator[Failure]]
"""Of one object."""


class _Rule(NamedTuple):
    """An entry of a list parameter: which field it is about, and where it stands in the parameter."""

    field: str
    path: Path
    entry: Mapping[str, Any]
    where: str


def failure(field: str, error: str, value: Any = None) -> Failure:
    """One error; of a value that is missing or large only null is shown."""
    return {"field": field, "error": error, "value": value if value is not MISSING and _is_small(value) else None}


def _is_small(value: Any) -> bool:
    try:
        return cost_of(value, most=MAX_VALUE) <= MAX_VALUE
    except StepFailure:  # nested deeper than can be measured
        return False


def required_fields(config: Mapping[str, Any]) -> Check:
    """Each path of `requiredFields` holds something: not missing, null or the empty text."""
    names = _entries(config, "requiredFields")
    paths = [(str(name), path_of(name, f"requiredFields[{place}]")) for place, name in enumerate(names)]

    def check(data: dict[str, Any]) -> Iterator[Failure]:
        for name, path in paths:
            value = get(data, path)
            if value is MISSING or value is None or value == "":
                yield failure(name, f"{name} is required", value)

    return check


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def type_check(config: Mapping[str, Any]) -> Check:
    """Each field of `typeChecks` has its JSON type."""
    rules = _rules(config, "typeChecks")
    for rule in rules:
        wanted = rule.entry.get("expectedType")
        if not isinstance(wanted, str) or wanted not in _TYPES:
            where = f"{rule.where}.expectedType"
            raise invalid(f"{where} can't be {shown(wanted)}", parameter=where, allowed=_TYPES)

    def check(data: dict[str, Any]) -> Iterator[Failure]:
        for rule in rules:
            value, wanted = get(data, rule.path), rule.entry["expectedType"]
            if value is MISSING or not _TYPES[wanted](value):
                yield failure(rule.field, f"{rule.field} is {_found(value)}, not of type {wanted}", value)

    return check


def range_check(config: Mapping[str, Any]) -> Check:
    """Each field of `rangeValidations` is a number, or numeric text, from `min` to `max`, ends included."""
    rules = [(rule, _bound(rule, "min"), _bound(rule, "max")) for rule in _rules(config, "rangeValidations")]
    for rule, least, most in rules:
        if least is None and most is None:
            raise invalid(f"{rule.where} needs min, max or both", parameter=rule.where)

    def check(data: dict[str, Any]) -> Iterator[Failure]:
        for rule, least, most in rules:
            value = get(data, rule.path)
            found = number(value)
            if found is None:
                yield failure(rule.field, f"{rule.field} is {_found(value)}, not a number", value)
            elif least is not None and found < least:
                yield failure(rule.field, f"{rule.field} is less than {least}", value)
            elif most is not None and found > most:
                yield failure(rule.field, f"{rule.field} is greater than {most}", value)

    return check


def _bound(rule: _Rule, name: str) -> int | float | None:
    value = rule.entry.get(name)
    bound = number(value)
    if value is not None and bound is None:
        raise invalid(f"{rule.where}.{name} is a number, not {shown(value)}", parameter=f"{rule.where}.{name}")
    return bound


def pattern_check(config: Mapping[str, Any]) -> Check:
    """Each field of `patternValidations` is a text (or number, or boolean) with a match of `pattern` in it."""
    rules = [
        (rule, Pattern(rule.entry.get("pattern"), "", f"{rule.where}.pattern"), _message(rule))
        for rule in _rules(config, "patternValidations")
    ]

    scanned = Budget()

    def check(data: dict[str, Any]) -> Iterator[Failure]:
        for rule, pattern, message in rules:
            value = get(data, rule.path)
            text = scalar_text(value)
            scanned.spend(len(text or ""))
            if text is None or next(pattern.matches(text), None) is None:
                yield failure(rule.field, message, value)

    return check


def _message(rule: _Rule) -> str:
    message = rule.entry.get("errorMessage")
    if message is None:
        return f"{rule.field} does not match {shown(rule.entry['pattern'])}"
    if not isinstance(message, str):
        raise invalid(
            f"{rule.where}.errorMessage is a text, not {shown(message)}", parameter=f"{rule.where}.errorMessage"
        )
    return message


FIELD_CHECKS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Check]]]] = {
    "required_fields": ("requiredFields", required_fields),
    "type_check": ("typeChecks", type_check),
    "range": ("rangeValidations", range_check),
    "pattern": ("patternValidations", pattern_check),
}
"""By validation type: the parameter with its rules, and from the parameters to the check.

These raise `INVALID_PARAMETER` and `INVALID_PATTERN`.
"""


def check_fields(config: Mapping[str, Any], data: Any) -> Iterator[Failure]:
    """The errors of a validation type of FIELD_CHECKS. A list is checked item by item; what is no object is wrong itself.

    Raises `WORK_LIMIT` for more than MAX_CHECKS rules times items.
    """
    name, compiled = FIELD_CHECKS[config["validationType"]]
    check = compiled(config)
    if not isinstance(data, list):
        return check(data) if isinstance(data, dict) else iter((_no_object(data),))
    if len(config[name]) * len(data) > MAX_CHECKS:
        message = (
            f"{len(config[name])} {name} for {len(data)} items are more than {MAX_CHECKS:,} checks: split the list"
        )
        raise StepFailure(ErrorInfo(code="WORK_LIMIT", message=message, details={"limit": MAX_CHECKS}))
    return _check_items(check, data)


def _check_items(check: Check, items: list[Any]) -> Iterator[Failure]:
    for index, item in enumerate(items):
        for found in check(item) if isinstance(item, dict) else (_no_object(item),):
            yield {**found, "index": index}


def _no_object(value: Any) -> Failure:
    return failure(ROOT, f"{kind(value)} has no fields", value)


def _entries(config: Mapping[str, Any], name: str) -> list[Any]:
    entries = config.get(name)
    if not isinstance(entries, list) or not entries:
        message = f"{config['validationType']} needs {name}, a list of at least one entry"
        raise invalid(message, parameter=name)
    return entries


def _rules(config: Mapping[str, Any], name: str) -> list[_Rule]:
    rules = []
    for place, entry in enumerate(_entries(config, name)):
        where = f"{name}[{place}]"
        field = entry.get("field") if isinstance(entry, dict) else None
        if not isinstance(field, str) or not field:
            raise invalid(f"{where} is an object with the name of a field, not {shown(entry)}", parameter=where)
        rules.append(_Rule(field, path_of(field, f"{where}.field"), entry, where))
    return rules


def _found(value: Any) -> str:
    return "missing" if value is MISSING else kind(value)
