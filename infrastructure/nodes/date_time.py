"""`dateTime`: dates read, written, compared and moved, in any time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, bad_parameter, example, notes, taken
from infrastructure.nodes.date_arithmetic import EXTRACTS, ROUNDINGS, UNITS, WEEKDAYS
from infrastructure.nodes.date_operations import COMPARISONS, OPERATIONS, NoDate, Outcome, Request
from infrastructure.nodes.date_values import check_format, zone
from infrastructure.nodes.needs import need
from infrastructure.nodes.state_fields import FieldNode, path_of, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.context import ExecutionContext

_DATE: Final = ("string", "number")
_OF_A_DATE: Final = tuple(name for name in OPERATIONS if name not in ("now", "diff"))
_KEYS: Final = {"extract": "dateTimeExtracted", "compare": "dateTimeCompared", "is_valid": "dateTimeValid"}
_ANSWERS: Final = tuple(f"is_{no}{name[3:]}" for name in COMPARISONS for no in ("", "not_"))


def _text(description: str) -> Parameter:
    return Parameter(types=("string",), description=description)


def _choice(values: Iterable[str], default: str) -> Parameter:
    return Parameter(types=("string",), default=default, enum=tuple(values))


class DateTime(FieldNode):
    """Does one operation on one date, or on now."""

    metadata = NodeMetadata(
        id="dateTime",
        name="Date and time",
        version=LIBRARY_VERSION,
        description="Date arithmetic. Dates are ISO 8601 text or epoch milliseconds, or read by inputFormat.",
        example=example(
            {
                "dateTime": {
                    "operation": "add",
                    "value": "$.ordered",
                    "amount": 14,
                    "unit": "days",
                    "outputField": "due",
                }
            },
            ordered="2026-11-22",
        ),
        outputs=("dateTimeResult", *_KEYS.values()),
        edges=("success", *_ANSWERS, "is_valid", "is_invalid"),
        effect="none",
        edge_info={
            "success": taken(
                "whenever the step does not route an edge below that is meant",
                "result operation outputField? date1? date2?",
            ),
            "is_before": taken("`compare`: so it is, and the step routes this edge", "result date1 date2 operation"),
            "is_not_before": taken(
                "`compare`: so it is not, and the step routes this edge", "result date1 date2 operation"
            ),
            "is_after": taken("as is_before", "result date1 date2 operation"),
            "is_not_after": taken("as is_not_before", "result date1 date2 operation"),
            "is_same": taken("as is_before", "result date1 date2 operation"),
            "is_not_same": taken("as is_not_before", "result date1 date2 operation"),
            "is_between": taken("as is_before", "result date1 date2 operation"),
            "is_not_between": taken("as is_not_before", "result date1 date2 operation"),
            "is_valid": taken(
                "`is_valid`: it is a date, and the step routes this edge", "result operation outputField"
            ),
            "is_invalid": taken(
                "`is_valid`: it is none, and the step routes this edge", "result operation outputField"
            ),
        },
        output_info={
            "<outputField>": "The result.",
            "dateTimeResult": "The result.",
            "dateTimeExtracted": "Of `extract`.",
            "dateTimeCompared": "Of `compare`.",
            "dateTimeValid": "Of is_valid.",
        },
        notes=notes(
            """
            `now`; `format` writes by outputFormat; `parse` reads by inputFormat and gives ISO text, and
            so does `to_iso`; `add` and `subtract` move by `amount` of `unit`; `round` goes to roundTo;
            `extract` takes a part; `diff` counts whole units of diffUnit; `compare`, `convert_timezone`
            and `is_valid` do what they say.

            Texts without an offset are in `timezone`. Months clamp: 31 January plus a month is the end
            of February. is_between includes its ends.

            onError is about what is no date: `stop` is the error, `skip` writes null to dateTimeResult
            only, `use_default` gives defaultValue.

            `extract`: dayOfWeek counts from 0 (Sunday), weekOfYear is the ISO week, `timestamp` is in
            milliseconds.
            """
        ),
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=tuple(OPERATIONS)),
            "field": _text("The path of the date in the state."),
            "value": Parameter(description="The date itself."),
            "outputField": Parameter(
                types=("string",), default="dateTimeResult", description="The path of the result in the state."
            ),
            "inputFormat": _text("Such as DD.MM.YYYY; default: ISO 8601."),
            "outputFormat": _text("YYYY YY MM M DD D HH H mm m ss s SSS; [text] is itself. Default: ISO 8601."),
            "amount": Parameter(types=("number",), description="Of add and subtract."),
            "unit": Parameter(types=("string",), enum=UNITS, description="Of add and subtract."),
            "roundTo": Parameter(types=("string",), enum=ROUNDINGS, description="Of round."),
            "weekStart": _choice(WEEKDAYS, "sunday"),
            "extract": Parameter(types=("string",), enum=tuple(EXTRACTS), description="Of extract: which part."),
            "compareWith": Parameter(types=_DATE, description="The other date of compare and diff."),
            "compareOperation": _choice(COMPARISONS, "is_before"),
            "startDate": Parameter(types=_DATE, description="Of is_between and diff."),
            "endDate": Parameter(types=_DATE, description="Of is_between and diff."),
            "diffUnit": _choice(UNITS, "days"),
            "signed": Parameter(types=("boolean",), default=False, description="Negative if the end is earlier."),
            "timezone": Parameter(types=("string",), default="UTC", description="An IANA name."),
            "fromTimezone": _text("Of convert_timezone: the zone of a text without an offset. Default: timezone."),
            "toTimezone": _text("Of convert_timezone."),
            "onError": _choice(("stop", "skip", "use_default"), "stop"),
            "defaultValue": Parameter(description="Of use_default."),
        },
    )

    needs = (
        need("outputFormat", operation="format"),
        need("amount", operation=("add", "subtract")),
        need("unit", operation=("add", "subtract")),
        need("roundTo", operation="round"),
        need("extract", operation="extract"),
        need("toTimezone", operation="convert_timezone"),
        need("compareWith", operation="compare", compareOperation=("is_before", "is_after", "is_same")),
        need("startDate", operation="compare", compareOperation="is_between"),
        need("endDate", operation="compare", compareOperation="is_between"),
        need("compareWith", "startDate", "endDate", operation="diff"),
        need("field", "value", operation=_OF_A_DATE),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Operate."""
        operation, target = config["operation"], path_of(config["outputField"], "outputField")
        if "inputFormat" in config:
            check_format(config["inputFormat"], "inputFormat", reads=True)
        if "outputFormat" in config:
            check_format(config["outputFormat"], "outputFormat")
        outcome = _outcome(Request(context=context, config=config, zone=zone(config["timezone"], "timezone")))
        if outcome.kept:
            store(context, target, outcome.result)
        for key in self.result_keys(config):
            context.state[key] = outcome.result
        edge = outcome.edge if outcome.edge in context.step.routed else "success"
        about = {"result": outcome.result, "operation": operation, "outputField": config["outputField"]}
        return Edge(edge, about if outcome.data is None else outcome.data)

    def result_keys(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """`dateTimeResult`, and the key of the operation if it has one."""
        operation = config.get("operation")
        own = _KEYS.get(operation) if isinstance(operation, str) else None
        return ("dateTimeResult",) if own is None else ("dateTimeResult", own)


def _outcome(request: Request) -> Outcome:
    """What the operation gives; of what is no date, what `onError` says."""
    try:
        return _in_range(request)
    except NoDate:
        how = request.config["onError"]
        if how == "stop":
            raise
        return Outcome(request.config.get("defaultValue")) if how == "use_default" else Outcome(None, kept=False)


def _in_range(request: Request) -> Outcome:
    try:
        return OPERATIONS[request.config["operation"]](request)
    except OverflowError as error:
        message = f"{request.config['operation']} leaves the years 1 to 9999"
        raise NoDate(bad_parameter(message, parameter="value")) from error
