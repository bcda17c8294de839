"""A step's parameters: named, checked against the node's own description, and compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import ErrorInfo, StepFailure
from domain.node import JsonType, NodeMetadata, Parameter
from domain.outline import StepOutline
from domain.problems import Problem, pointer
from domain.reporting import Report
from domain.room import Room
from domain.secret_references import SecretValue, warn_of_credential, warn_of_references, with_references
from domain.secrets import unknown_secret
from domain.value_forms import Constant
from domain.values import Value, compile_value

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANY = Parameter()


class Compiled(NamedTuple):
    """A step's parameters under their canonical names: `late` ones apart; `secrets` are the names that they refer to."""

    early: dict[str, Value]
    late: dict[str, Value]
    secrets: tuple[str, ...]


def compile_parameters(
    step: StepOutline, metadata: NodeMetadata, known_secrets: frozenset[str] | None, report: Report, room: Room
) -> Compiled:
    """Compile them. Everything that can be wrong as written is reported."""
    known = metadata.parameters
    early: dict[str, Value] = {}
    late: dict[str, Value] = {}
    secrets: dict[str, str] = {}
    for key, value in step.parameters.items():
        path = step.address + pointer(key)
        name, spec = _spec(key, path, metadata, report)
        if spec is None:
            continue
        if name in early or name in late:
            report(Problem(code="DUPLICATE_PARAMETER", path=path, message=f"{key} and another key both mean {name}."))
            continue
        if spec.definition and isinstance(value, dict):
            compiled: Value = Constant(value)
        else:
            prepared = _with_secrets(name, value, path, spec, metadata, secrets, report)
            lenient = spec.lenient or metadata.lenient
            compiled = compile_value(
                prepared, path=path, report=report, room=room, lenient=lenient, fill_bare=spec.fill_bare
            )
        if compiled.constant:
            _check_literal(value, name, path, spec, report)
        (late if spec.late else early)[name] = compiled
    for name, spec in (known or {}).items():
        if spec.required and {name, *spec.instead}.isdisjoint((*early, *late)):
            either = " or ".join(map(repr, (name, *spec.instead)))
            message = f"{step.node} needs the parameter {either}."
            report(Problem(code="MISSING_PARAMETER", path=step.address, message=message))
    for secret, path in secrets.items():
        if known_secrets is not None and secret not in known_secrets:
            error = unknown_secret(secret, known_secrets)
            unknown = Problem(code=error.code, path=path, message=error.message, severity="warning")
            report(unknown, meant=secret, known=known_secrets)
    return Compiled(early, late, tuple(secrets))


def _with_secrets(
    name: str,
    value: Any,
    path: str,
    spec: Parameter,
    metadata: NodeMetadata,
    secrets: dict[str, str],
    report: Report,
) -> Any:
    """The value with its references to secrets compiled, where the parameter takes any."""
    if not spec.secrets:
        takers = [each for each, other in (metadata.parameters or {}).items() if other.secrets]
        warn_of_references(value, path, report, where=f"{name} of {metadata.id}", takers=takers)
        return value
    warn_of_credential(name, value, path, report)
    found = with_references(value, path, secrets, report)
    if isinstance(found, SecretValue) and not has_type("", spec.types):
        message = f"{name} is {type_names(spec.types)}: a secret is a text, and can only stand inside it."
        report(Problem(code="PARAMETER_TYPE", path=path, message=message))
    return found


def _spec(key: str, path: str, metadata: NodeMetadata, report: Report) -> tuple[str, Parameter | None]:
    known = metadata.parameters
    if key.startswith("_") and key not in (known or {}):  # a comment
        return key, None
    if known is None:
        return key, _ANY
    if key in known:
        return key, known[key]
    for name, spec in known.items():
        if key in spec.aliases:
            return name, spec
    if metadata.extra is not None:
        return key, metadata.extra
    if key in metadata.gone:
        message = f"{metadata.id} no longer has the parameter {key!r}; it is ignored."
        report(Problem(code="PARAMETER_GONE", path=path, message=message, severity="warning"))
    else:
        names = [*known, *(alias for spec in known.values() for alias in spec.aliases)]
        message = f"{metadata.id} has no parameter {key!r}; it has {', '.join(known) or 'none'}."
        report(Problem(code="UNKNOWN_PARAMETER", path=path, message=message), meant=key, known=names)
    return key, None


def _check_literal(value: Any, name: str, path: str, spec: Parameter, report: Report) -> None:
    if not has_type(value, spec.types):
        message = f"{name} is {type_names(spec.types)}, not {kind_of(value)}."
        report(Problem(code="PARAMETER_TYPE", path=path, message=message))
    elif spec.enum and value not in spec.enum:
        known = [str(item) for item in spec.enum]
        shown = repr(value) if isinstance(value, str | int | float | None) else kind_of(value)
        message = f"{shown} is not one of the values that {name} knows: {', '.join(known)}."
        unknown = Problem(code="UNKNOWN_VALUE", path=path, message=message, severity="warning")
        report(unknown, meant=value if isinstance(value, str) else "", known=known)


def check_resolved(config: Mapping[str, Any], metadata: NodeMetadata) -> None:
    """Raise `INVALID_PARAMETER` for a resolved parameter whose type the node can't take."""
    for name, spec in (metadata.parameters or {}).items():
        if name in config and spec.types and not has_type(config[name], spec.types):
            if config[name] is None and (spec.lenient or metadata.lenient):
                continue
            found = kind_of(config[name])
            message = f"{metadata.id}: {name} is {type_names(spec.types)}, not {found}"
            details = {"parameter": name, "expected": list(spec.types), "found": found}
            raise StepFailure(ErrorInfo(type="validation", code="INVALID_PARAMETER", message=message, details=details))


def has_type(value: Any, types: tuple[JsonType, ...]) -> bool:
    """Whether a JSON value has one of the types (none: any)."""
    if not types or "any" in types:
        return True
    kind = kind_of(value)
    if kind in types:
        return True
    return (kind == "integer" and "number" in types) or (
        kind == "number" and "integer" in types and value == int(value)
    )


def kind_of(value: Any) -> JsonType:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "any"


def type_names(types: tuple[JsonType, ...]) -> str:
    """The types as a person says them: `a string or a number`."""
    return " or ".join(("an " if name[0] in "aeiou" else "a ") + name for name in types)
