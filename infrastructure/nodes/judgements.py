"""The checks of `validateData` that look at data as a whole: a JSON Schema, and an expression of the author's own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from domain.errors import ErrorInfo, StepFailure
from domain.expressions import Expression, InvalidExpression, compile_expression, javascript
from domain.scope import NOTHING, Scope
from infrastructure.json_schemas import UnusableSchema, schema_of
from infrastructure.nodes.base import as_text, invalid, shown
from infrastructure.nodes.validations import ROOT, Failure, failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.context import ExecutionContext

_DATA: Final = frozenset({"data"})


def by_schema(config: Mapping[str, Any], data: Any, *, most: int) -> Iterator[Failure]:
    """What breaks the JSON Schema `schema`, at most so many errors. Raises `INVALID_PARAMETER` if it can't be used."""
    if "schema" not in config:
        raise invalid("json_schema needs schema", parameter="schema")
    try:
        schema = schema_of(config["schema"])
    except UnusableSchema as error:
        raise invalid(error.message, parameter="schema") from error
    for broken in schema.broken(data, most=most):
        yield failure(_field(list(broken.path)), broken.message, broken.value)


def _field(path: list[str | int]) -> str:
    """As fields are written: `a.b[0]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".") or ROOT


def by_expression(context: ExecutionContext, config: Mapping[str, Any], data: Any) -> Iterator[Failure]:
    """What `customValidator` has against the data: true is nothing, a text or a list says what, false only that.

    Raises `INVALID_EXPRESSION` for what does not compile, `INVALID_PARAMETER` for any other result.
    """
    if "customValidator" not in config:
        raise invalid("custom needs customValidator, an expression over data", parameter="customValidator")
    result = config["customValidator"]
    if isinstance(result, str):  # any other value is the result already: the engine resolves `$.` forms
        result = _evaluated(context, result, data)
    if result is False:
        yield failure(ROOT, "customValidator does not hold")
    elif isinstance(result, str):
        yield failure(ROOT, result or "customValidator does not hold")
    elif isinstance(result, list):
        yield from map(_reported, result)
    elif result is not True:
        message = f"customValidator gives true, false, a text or a list of errors, not {shown(result)}"
        raise invalid(message, parameter="customValidator")


def _evaluated(context: ExecutionContext, source: str, data: Any) -> Any:
    expression = custom_validator(source)
    state = context.state.whole() if expression.static_reads() else NOTHING
    return expression.evaluate(Scope(state=state, input=context.previous, names={"data": data}))


def custom_validator(source: str) -> Expression:
    """The expression over `data`, compiled. Raises `INVALID_EXPRESSION`."""
    try:
        return _compiled(source)
    except InvalidExpression as error:
        message = f"customValidator: {error.message}"
        info = ErrorInfo(type="validation", code="INVALID_EXPRESSION", message=message, details=error.details)
        raise StepFailure(info) from error


@lru_cache(maxsize=256)
def _compiled(source: str) -> Expression:
    return compile_expression(javascript(source), names=_DATA)


def _reported(error: Any) -> Failure:
    """An error as the expression gives it: a text, or an object with some of field, error and value."""
    if not isinstance(error, dict):
        return failure(ROOT, as_text(error))
    return failure(as_text(error.get("field", ROOT)), as_text(error.get("error", "is not valid")), error.get("value"))
