"""`calculateField`: fields computed from formulas."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from domain.comparison import number
from domain.errors import ErrorInfo, StepFailure
from domain.expressions import InvalidExpression
from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.operators import finish, is_number
from domain.patches import apply, assignment
from domain.paths import MISSING, Path, get
from domain.rounding import rounded
from domain.scope import NOTHING, Scope
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, WritesNothing, example, invalid, notes, shown, taken
from infrastructure.nodes.formulas import Formula, compile_formula
from infrastructure.nodes.rounding import precision_of
from infrastructure.nodes.state_fields import path_of
from infrastructure.nodes.trials import trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

MAX_CALCULATIONS: Final = 1_000
MAX_FORMULAS: Final = 131_072  # characters of all formulas of a step together


class _Calculation(NamedTuple):
    """An entry of `calculations`, checked."""

    name: str
    path: Path
    formula: str
    places: int | None


class CalculateField(LibraryNode):
    """Computes fields one after the other; each formula sees what those before it computed."""

    metadata = NodeMetadata(
        id="calculateField",
        name="Calculate field",
        version=LIBRARY_VERSION,
        description="Computes fields from formulas such as `({price} - {cost}) / {price} * 100`.",
        example=example(
            {
                "calculateField": {
                    "calculations": [
                        {"outputField": "margin", "formula": "({price} - {cost}) / {price} * 100", "precision": 1}
                    ]
                }
            },
            price=80,
            cost=60,
        ),
        edges=("success",),
        effect="none",
        edge_info={
            "success": taken(
                "the fields are computed",
                "result calculatedFields errors totalCalculations successfulCalculations failedCalculations",
            )
        },
        output_info={
            "<outputField>": "Each field.",
            "calculatedFields": "The fields by their names as written.",
            "calculationResult": "The fields as an object.",
            "calculationErrors": "What went wrong, with onError skip or use_default.",
        },
        notes=notes(
            """
            In a formula {path} is a number of the state, or one computed earlier in the list. There are
            `+ - * / % **`, brackets, and the functions `sqrt`, `abs`, `round`, `ceil`, `floor`, `min`,
            `max`, `pow`, with or without `Math.` before them.

            With onError `stop`, an error leaves the state as it was.
            """
        ),
        parameters={
            "calculations": Parameter(
                types=("array",), required=True, description="Each {outputField, formula, precision}."
            ),
            "onError": Parameter(
                types=("string",),
                default="stop",
                enum=("stop", "skip", "use_default"),
                description="stop writes nothing; skip leaves the field out; use_default writes defaultValue.",
            ),
            "defaultValue": Parameter(default=None, description="Of use_default."),
        },
    )

    trials = (trial("calculations", attempt=lambda config: _try(_calculations(config)), onError="stop"),)

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Calculate."""
        calculations = _calculations(config)
        draft = _Draft(context)
        errors: list[dict[str, Any]] = []
        for calculation in calculations:
            try:
                draft.put(calculation, _result(calculation, draft))
            except StepFailure as failure:
                if config["onError"] == "stop":
                    raise WritesNothing(_located(failure.error, calculation)) from failure
                errors.append(_noted(failure.error, calculation))
                if config["onError"] == "use_default":
                    _put_default(draft, calculation, config["defaultValue"])
        return _answered(context, draft, errors, total=len(calculations))

    def result_keys(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The three keys that are always written."""
        del config
        return ("calculatedFields", "calculationResult", "calculationErrors")

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The top-level keys of the fields, if their names are literals."""
        calculations = config.get("calculations")
        try:
            names = [_calculation(entry, "").path[0] for entry in calculations or ()]
        except (StepFailure, TypeError):
            return None
        return None if calculations is None else frozenset({*map(str, names), *self.result_keys(config)})


class _Draft:
    """The state as the formulas so far leave it, and the fields that they computed."""

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context
        self.changed: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        self.result: dict[str, Any] = {}

    def find(self, path: Path) -> Any:
        """What a formula sees at a path, or MISSING."""
        self._fetch(path)
        return get(self.changed, path)

    def whole(self) -> Mapping[str, Any]:
        """All of it."""
        return {**self._context.state.whole(), **self.changed}

    def put(self, calculation: _Calculation, value: Any) -> None:
        """Set a field. Raises a `state` error where the state has no place for it."""
        path = calculation.path
        self._fetch(path)
        self.changed = apply(self.changed, (assignment(self.changed, path, value),))
        self.fields[calculation.name] = value
        where: Path = (calculation.name,) if any(isinstance(key, int) for key in path) else path
        self.result = apply(self.result, (assignment(self.result, where, value),))

    def _fetch(self, path: Path) -> None:
        key = str(path[0])
        if key not in self.changed and key in self._context.state:
            self.changed[key] = self._context.state[key]


def _answered(context: ExecutionContext, draft: _Draft, errors: list[dict[str, Any]], *, total: int) -> Edge:
    context.state.update(draft.changed)
    context.state["calculatedFields"] = draft.fields
    context.state["calculationResult"] = draft.result
    context.state["calculationErrors"] = errors
    return Edge(
        "success",
        {
            "result": draft.result,
            "calculatedFields": draft.fields,
            "errors": errors,
            "totalCalculations": total,
            "successfulCalculations": total - len(errors),
            "failedCalculations": len(errors),
        },
    )


def _calculations(config: Mapping[str, Any]) -> list[_Calculation]:
    """All of them, checked before one is computed."""
    entries = config["calculations"]
    if len(entries) > MAX_CALCULATIONS:
        message = f"calculations has at most {MAX_CALCULATIONS:,} entries, not {len(entries):,}"
        raise invalid(message, parameter="calculations")
    found = [_calculation(entry, f"calculations[{place}]") for place, entry in enumerate(entries)]
    if sum(len(each.formula) for each in found) > MAX_FORMULAS:
        raise invalid(f"the formulas have at most {MAX_FORMULAS:,} characters together", parameter="calculations")
    return found


def _calculation(entry: Any, where: str) -> _Calculation:
    if not isinstance(entry, dict):
        raise invalid(f"{where} is an object {{outputField, formula, precision}}, not {shown(entry)}", parameter=where)
    name, formula = entry.get("outputField"), entry.get("formula")
    if not isinstance(name, str) or not name:
        raise invalid(f"{where} needs an outputField, not {shown(name)}", parameter=f"{where}.outputField")
    if not isinstance(formula, (str, int, float)) or isinstance(formula, bool):
        raise invalid(f"{where} needs a formula, not {shown(formula)}", parameter=f"{where}.formula")
    places = precision_of(entry.get("precision"), f"{where}.precision")
    return _Calculation(name, path_of(name, f"{where}.outputField"), str(formula), places)


def _result(calculation: _Calculation, draft: _Draft) -> int | float:
    """What the formula gives. Raises StepFailure for one that does not compile, a field that is no number, and so on."""
    formula = _formula(calculation)
    names = {name: _operand(written, draft.find(path)) for name, written, path in formula.fields}
    state = draft.whole() if formula.expression.static_reads() else NOTHING
    result = formula.expression.evaluate(Scope(state=state, names=names))
    if not is_number(result):
        raise invalid(f"the formula gives {shown(result)}, which is not a number", parameter="formula")
    return finish(result, "formula") if calculation.places is None else rounded(result, calculation.places)


def _try(calculations: list[_Calculation]) -> None:
    for each in calculations:
        try:
            _formula(each)
        except StepFailure as failure:
            raise StepFailure(_located(failure.error, each)) from failure


def _formula(calculation: _Calculation) -> Formula:
    try:
        return compile_formula(calculation.formula)
    except InvalidExpression as error:
        details = {**(error.details or {}), "formula": calculation.formula}
        info = ErrorInfo(type="validation", code="INVALID_EXPRESSION", message=error.message, details=details)
        raise StepFailure(info) from error


def _operand(written: str, value: Any) -> int | float:
    found = number(value)
    if found is None:
        what = "missing" if value is MISSING else f"{shown(value)}, which is not a number"
        raise invalid(f"{{{written}}} is {what}", parameter="formula")
    return finish(found, written)


def _located(error: ErrorInfo, calculation: _Calculation) -> ErrorInfo:
    """The error, saying which field could not be computed."""
    return replace(error, message=f"{calculation.name}: {error.message}")


def _noted(error: ErrorInfo, calculation: _Calculation) -> dict[str, Any]:
    return {"field": calculation.name, "formula": calculation.formula, "error": error.message}


def _put_default(draft: _Draft, calculation: _Calculation, value: Any) -> None:
    with suppress(StepFailure):  # where nothing can be computed to, no default can stand either; the error is noted
        draft.put(calculation, value)
