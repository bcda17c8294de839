"""The parameters of queries (`?name=value`): what there is, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from starlette.datastructures import QueryParams

from domain.errors import Unacceptable
from domain.problems import Problem, nearest

NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter. A `repeated` one may stand several times, or have several values with commas between them."""

    name: str
    description: str
    type: Literal["string", "integer", "boolean"] = "string"
    default: Any = None
    minimum: int = 0
    maximum: int | None = None
    enum: tuple[str, ...] = ()
    repeated: bool = False
    required: bool = False
    empty: bool = False
    """Whether the empty text is a value of it."""

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        described: dict[str, Any] = {"type": self.type}
        if self.type == "integer":
            described["minimum"] = self.minimum
            if self.maximum is not None:
                described["maximum"] = self.maximum
        if self.enum:
            described["enum"] = list(self.enum)
        if self.default is not None:
            described["default"] = self.default
        return {"type": "array", "items": described} if self.repeated else described


def read(query: QueryParams, known: Sequence[Parameter]) -> dict[str, Any]:
    """The value of every known parameter, its default where it is absent.

    Raises Unacceptable with everything that is wrong at once; the path of a problem is `?name`.
    """
    by_name = {parameter.name: parameter for parameter in known}
    problems = [_unknown(name, by_name) for name in dict.fromkeys(query.keys()) if name not in by_name]
    values: dict[str, Any] = {}
    for parameter in known:
        try:
            values[parameter.name] = _value(parameter, query.getlist(parameter.name))
        except ValueError as error:
            message = f"{parameter.name} {error}"
            problems.append(Problem(code="INVALID_PARAMETER", path=f"?{parameter.name}", message=message))
    if problems:
        raise Unacceptable(problems[0].message, code=problems[0].code, details=problems)
    return values


def _unknown(name: str, known: dict[str, Parameter]) -> Problem:
    meant = nearest(name, known)
    message = f"There is no parameter {name!r} here."
    message += f" Did you mean {meant!r}?" if meant else f" There is {', '.join(known)}." if known else ""
    return Problem(code="UNKNOWN_PARAMETER", path=f"?{name}", message=message, nearest=meant)


def _value(parameter: Parameter, given: list[str]) -> Any:
    if parameter.repeated:
        parts = [part.strip() for text in given for part in text.split(",")]
        return tuple(_one(parameter, part) for part in parts if part)
    if parameter.required and not (given if parameter.empty else any(given)):
        raise ValueError(f"is needed: {parameter.description}")
    if not given:
        return parameter.default
    if len(given) > 1:
        raise ValueError("stands there more than once; give it one value.")
    return _one(parameter, given[0])


def _one(parameter: Parameter, text: str) -> Any:
    if parameter.type == "integer":
        number = int(text) if NUMBER.fullmatch(text) else -1
        if number < parameter.minimum or (parameter.maximum is not None and number > parameter.maximum):
            upto = f" to {parameter.maximum:,}" if parameter.maximum is not None else " on"
            raise ValueError(f"is a whole number from {parameter.minimum}{upto}, not {text[:60]!r}.")
        return number
    if parameter.type == "boolean":
        if text not in ("true", "false"):
            raise ValueError(f"is true or false, not {text[:60]!r}.")
        return text == "true"
    if parameter.enum and text not in parameter.enum:
        meant = nearest(text, parameter.enum)
        hint = f" Did you mean {meant!r}?" if meant else ""
        raise ValueError(f"is one of {', '.join(parameter.enum)}, not {text[:60]!r}.{hint}")
    return text
