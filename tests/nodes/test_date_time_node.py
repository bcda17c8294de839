"""`dateTime`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from infrastructure.nodes.date_operations import OPERATIONS
from infrastructure.nodes.date_time import DateTime
from tests.support.nodes import NOON_US, run

BERLIN = {"timezone": "Europe/Berlin"}
SAO_PAULO = {"timezone": "America/Sao_Paulo"}
NEW_YORK = {"fromTimezone": "America/New_York"}
WHEN = "2026-01-31T22:30:15.250Z"

TEXTS: list[tuple[str, dict[str, Any], Any, str]] = [
    ("format", {"outputFormat": "YYYY-MM-DD HH:mm:ss.SSS"}, WHEN, "2026-01-31 22:30:15.250"),
    ("format", {"outputFormat": "D.M.YY H:m:s"}, "2026-02-03T04:05:06Z", "3.2.26 4:5:6"),
    ("format", {"outputFormat": "[Day] D [of] MM"}, WHEN, "Day 31 of 01"),
    ("format", {"outputFormat": "DD.MM.YYYY HH:mm", **BERLIN}, WHEN, "31.01.2026 23:30"),
    ("format", {"outputFormat": "YYYY"}, "0033-04-03", "0033"),
    ("parse", {}, "2026-11-22", "2026-11-22T00:00:00.000Z"),
    ("parse", {}, "2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00.000Z"),
    ("parse", {}, 1_795_348_800_123, "2026-11-22T12:00:00.123Z"),
    ("parse", BERLIN, "2026-07-01T12:00", "2026-07-01T12:00:00.000+02:00"),
    ("parse", {"inputFormat": "DD.MM.YYYY"}, " 22.11.2026 ", "2026-11-22T00:00:00.000Z"),
    ("parse", {"inputFormat": "D/M/YY H:mm"}, "1/2/68 3:04", "2068-02-01T03:04:00.000Z"),
    ("parse", {"inputFormat": "YY"}, "69", "1969-01-01T00:00:00.000Z"),
    ("parse", {"inputFormat": "[on] YYYYMMDD[T]HHmmssSSS"}, "on 20261122T010203004", "2026-11-22T01:02:03.004Z"),
    ("parse", {"inputFormat": "YYYY-MM-DD HH:mm", **BERLIN}, "2026-01-01 00:30", "2026-01-01T00:30:00.000+01:00"),
    ("parse", {"inputFormat": "(YYYY)+"}, "(2026)+", "2026-01-01T00:00:00.000Z"),
    ("to_iso", {}, 0, "1970-01-01T00:00:00.000Z"),
    ("to_iso", BERLIN, 0, "1970-01-01T01:00:00.000+01:00"),
    ("add", {"amount": 1, "unit": "months"}, "2026-01-31", "2026-02-28T00:00:00.000Z"),
    ("add", {"amount": 1, "unit": "years"}, "2024-02-29", "2025-02-28T00:00:00.000Z"),
    ("add", {"amount": -13, "unit": "months"}, "2026-03-31", "2025-02-28T00:00:00.000Z"),
    ("add", {"amount": 2, "unit": "weeks"}, "2026-12-25", "2027-01-08T00:00:00.000Z"),
    ("add", {"amount": 1.5, "unit": "hours"}, "2026-12-31T23:00Z", "2027-01-01T00:30:00.000Z"),
    ("add", {"amount": 250, "unit": "milliseconds"}, WHEN, "2026-01-31T22:30:15.500Z"),
    ("add", {"amount": 0, "unit": "days"}, WHEN, WHEN),
    ("add", {"amount": 1.0, "unit": "days", "outputFormat": "DD.MM."}, WHEN, "01.02."),
    ("subtract", {"amount": 90, "unit": "minutes"}, WHEN, "2026-01-31T21:00:15.250Z"),
    ("subtract", {"amount": 1, "unit": "days"}, "2026-03-01", "2026-02-28T00:00:00.000Z"),
    # daylight saving began at 2:00 on 29 March 2026 in Berlin, and ended at 3:00 on 25 October
    ("add", {"amount": 1, "unit": "days", **BERLIN}, "2026-03-28T12:00+01:00", "2026-03-29T12:00:00.000+02:00"),
    ("add", {"amount": 24, "unit": "hours", **BERLIN}, "2026-03-28T12:00+01:00", "2026-03-29T13:00:00.000+02:00"),
    ("add", {"amount": 1, "unit": "days", **BERLIN}, "2026-03-28T02:30", "2026-03-29T03:30:00.000+02:00"),
    ("add", {"amount": 1, "unit": "hours", **BERLIN}, "2026-10-25T02:30+02:00", "2026-10-25T02:30:00.000+01:00"),
    ("round", {"roundTo": "start_of_day"}, WHEN, "2026-01-31T00:00:00.000Z"),
    ("round", {"roundTo": "end_of_day"}, WHEN, "2026-01-31T23:59:59.999Z"),
    ("round", {"roundTo": "start_of_day", **BERLIN}, "2026-01-31T23:30Z", "2026-02-01T00:00:00.000+01:00"),
    ("round", {"roundTo": "end_of_day", **BERLIN}, "2026-10-25T00:00Z", "2026-10-25T23:59:59.999+01:00"),
    ("round", {"roundTo": "start_of_week"}, "2026-11-22", "2026-11-22T00:00:00.000Z"),
    ("round", {"roundTo": "start_of_week", "weekStart": "monday"}, "2026-11-22", "2026-11-16T00:00:00.000Z"),
    ("round", {"roundTo": "end_of_week", "weekStart": "monday"}, "2026-11-22", "2026-11-22T23:59:59.999Z"),
    ("round", {"roundTo": "start_of_month"}, WHEN, "2026-01-01T00:00:00.000Z"),
    ("round", {"roundTo": "end_of_month"}, "2024-02-10", "2024-02-29T23:59:59.999Z"),
    ("round", {"roundTo": "start_of_year"}, WHEN, "2026-01-01T00:00:00.000Z"),
    ("round", {"roundTo": "end_of_year"}, "9999-05-05", "9999-12-31T23:59:59.999Z"),
    # in São Paulo the clocks skipped midnight of that day
    ("round", {"roundTo": "start_of_day", **SAO_PAULO}, "2018-11-04T15:00Z", "2018-11-04T01:00:00.000-02:00"),
    ("convert_timezone", {"toTimezone": "Asia/Tokyo"}, WHEN, "2026-02-01T07:30:15.250+09:00"),
    ("convert_timezone", {"toTimezone": "UTC", **NEW_YORK}, "2026-07-01T12:00", "2026-07-01T16:00:00.000Z"),
    ("convert_timezone", {"toTimezone": "UTC", **NEW_YORK}, "2026-07-01T12:00Z", "2026-07-01T12:00:00.000Z"),
    ("convert_timezone", {"toTimezone": "Asia/Kolkata", "outputFormat": "HH:mm", **BERLIN}, "2026-07-01T12:00", "15:30"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "more", "value", "result"), TEXTS)
def test_operations_that_give_a_date(operation: str, more: dict[str, Any], value: Any, result: str) -> None:
    """ISO text with milliseconds, or by `outputFormat`; months clamp, days keep the local time, hours are elapsed time."""
    visit = run(DateTime(), {"operation": operation, "value": value, **more})
    assert visit.edge == "success", visit.data
    assert visit.data == {"result": result, "operation": operation, "outputField": "dateTimeResult"}
    assert visit.state == {"dateTimeResult": result}


@pytest.mark.parametrize(
    ("more", "result"),
    [
        ({}, "2026-11-22T12:00:00.000Z"),
        (BERLIN, "2026-11-22T13:00:00.000+01:00"),
        ({"outputFormat": "YYYY"}, "2026"),
    ],
)
def test_now_is_the_time_of_the_visit(more: dict[str, Any], result: str) -> None:
    """It is the same in a replay, and needs neither field nor value."""
    assert run(DateTime(), {"operation": "now", **more}).data["result"] == result


EXTRACTED = [
    ("year", 2026), ("month", 1), ("day", 31), ("hour", 22), ("minute", 30), ("second", 15), ("millisecond", 250),
    ("dayOfWeek", 6), ("dayOfYear", 31), ("weekOfYear", 5), ("quarter", 1), ("timestamp", 1_769_898_615_250),
]  # fmt: skip


@pytest.mark.parametrize(("part", "number"), EXTRACTED)
def test_extract(part: str, number: int) -> None:
    """Numbers, in a key of their own too."""
    visit = run(DateTime(), {"operation": "extract", "value": WHEN, "extract": part})
    assert visit.data["result"] == number
    assert visit.state == {"dateTimeResult": number, "dateTimeExtracted": number}


@pytest.mark.parametrize(
    ("part", "value", "zone", "number"),
    [
        ("dayOfWeek", "2026-11-22", "UTC", 0),
        ("weekOfYear", "2027-01-01", "UTC", 53),
        ("quarter", "2026-12-31", "UTC", 4),
        ("day", WHEN, "Asia/Tokyo", 1),
        ("timestamp", "1969-12-31T23:59:59.999Z", "Asia/Tokyo", -1),
    ],
)
def test_extract_works_in_the_zone(part: str, value: str, zone: str, number: int) -> None:
    """The local day may be another one; a timestamp is the same everywhere."""
    config = {"operation": "extract", "value": value, "extract": part, "timezone": zone}
    assert run(DateTime(), config).data["result"] == number


@pytest.mark.parametrize(
    ("start", "end", "unit", "count"),
    [
        ("2026-01-01", "2026-01-31", "days", 30),
        ("2026-01-01T12:00", "2026-01-03T11:59", "days", 1),
        ("2026-01-01", "2026-01-15", "weeks", 2),
        ("2026-01-31", "2026-02-28", "months", 1),
        ("2026-01-31", "2026-02-27", "months", 0),
        ("2024-02-29", "2025-02-28", "years", 1),
        ("2000-06-15", "2026-06-14", "years", 25),
        ("2026-01-01", "2026-01-02", "hours", 24),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:01:59.999Z", "minutes", 1),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01.500Z", "milliseconds", 1_500),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01.999Z", "seconds", 1),
    ],
)
def test_diff_counts_whole_units(start: str, end: str, unit: str, count: int) -> None:
    """In either direction; `signed` says which. Both ways to name the two dates are taken."""
    config = {"operation": "diff", "diffUnit": unit}
    assert run(DateTime(), {**config, "value": start, "compareWith": end}).data["result"] == count
    assert run(DateTime(), {**config, "value": end, "compareWith": start}).data["result"] == count
    both = {**config, "signed": True}
    assert run(DateTime(), {**both, "startDate": start, "endDate": end}).data["result"] == count
    assert run(DateTime(), {**both, "startDate": end, "endDate": start}).data["result"] == -count
    assert run(DateTime(), {**both, "value": start, "endDate": end}).data["result"] == count
    assert run(DateTime(), {**both, "startDate": start, "value": end}).data["result"] == count


def test_diff_counts_local_days() -> None:
    """A day of 23 hours is a day."""
    config = {"operation": "diff", "startDate": "2026-03-29T00:00", "endDate": "2026-03-30T00:00", **BERLIN}
    assert run(DateTime(), config).data["result"] == 1
    assert run(DateTime(), {**config, "diffUnit": "hours"}).data["result"] == 23


COMPARED = [
    ("is_before", {"compareWith": "2026-02-01"}, True),
    ("is_before", {"compareWith": WHEN}, False),
    ("is_after", {"compareWith": "2026-01-31T22:30:15.249Z"}, True),
    ("is_after", {"compareWith": "2026-02-01"}, False),
    ("is_same", {"compareWith": "2026-02-01T07:30:15.250+09:00"}, True),
    ("is_same", {"compareWith": "2026-01-31"}, False),
    ("is_between", {"startDate": WHEN, "endDate": WHEN}, True),
    ("is_between", {"startDate": "2026-01-01", "endDate": "2026-01-31"}, False),
]


@pytest.mark.parametrize(("comparison", "more", "holds"), COMPARED)
def test_compare(comparison: str, more: dict[str, Any], holds: bool) -> None:
    """The edge is named after the answer if the step routes that one, else it is `success`."""
    config = {"operation": "compare", "compareOperation": comparison, "field": "at", **more}
    answer = comparison if holds else comparison.replace("is_", "is_not_")
    routed = run(DateTime(), config, state={"at": WHEN}, routed=(answer,))
    plain = run(DateTime(), config, state={"at": WHEN}, routed=("is_valid",))
    assert routed.edge == answer
    assert plain.edge == "success"
    assert routed.data == plain.data
    assert set(plain.data) == {"result", "date1", "date2", "operation"}
    assert plain.data["result"] is holds
    assert plain.data["date1"] == WHEN
    assert plain.data["operation"] == "compare"
    assert plain.state == {"at": WHEN, "dateTimeResult": holds, "dateTimeCompared": holds}


@pytest.mark.parametrize(
    ("value", "more", "valid"),
    [
        (WHEN, {}, True),
        ("2026-02-29", {}, False),
        ("22.11.2026", {}, False),
        ("22.11.2026", {"inputFormat": "DD.MM.YYYY"}, True),
        ("31.02.2026", {"inputFormat": "DD.MM.YYYY"}, False),
        ("2.11.2026", {"inputFormat": "DD.MM.YYYY"}, False),
        (5, {"inputFormat": "YYYY"}, False),
        (None, {}, False),
        (True, {}, False),
        ([], {}, False),
        (10**30, {}, False),
        ("0001-01-01", {"timezone": "Asia/Tokyo"}, True),
        ("0001-01-01T00:00Z", {"timezone": "America/New_York"}, False),
        ("٢٠٢٦", {"inputFormat": "YYYY"}, False),
    ],
)
def test_is_valid(value: Any, more: dict[str, Any], valid: bool) -> None:
    """Anything that is no date is invalid, and no error; a missing field too."""
    answer = "is_valid" if valid else "is_invalid"
    config = {"operation": "is_valid", "value": value, **more}
    visit = run(DateTime(), config, routed=("is_valid", "is_invalid"))
    assert visit.edge == answer
    assert run(DateTime(), config).edge == "success"
    assert visit.data == {"result": valid, "operation": "is_valid", "outputField": "dateTimeResult"}
    assert visit.state == {"dateTimeResult": valid, "dateTimeValid": valid}


def test_a_missing_field_is_no_valid_date() -> None:
    """Asking is no error; working with it is."""
    assert run(DateTime(), {"operation": "is_valid", "field": "missing"}).data["result"] is False
    assert run(DateTime(), {"operation": "parse", "field": "missing"}).code == "INVALID_PARAMETER"


def test_every_operation_is_tried() -> None:
    """None is forgotten in the tables."""
    assert {case[0] for case in TEXTS} | {"now", "extract", "diff", "compare", "is_valid"} == set(OPERATIONS)


def test_field_and_output_are_paths() -> None:
    """And the fixed key is written beside the output."""
    config = {"operation": "parse", "field": "order.dates[0]", "outputField": "order.iso", "inputFormat": "D.M.YYYY"}
    visit = run(DateTime(), config, state={"order": {"dates": ["1.2.2026"]}})
    assert visit.state["order"] == {"dates": ["1.2.2026"], "iso": "2026-02-01T00:00:00.000Z"}
    assert visit.state["dateTimeResult"] == "2026-02-01T00:00:00.000Z"
    assert visit.data["outputField"] == "order.iso"


def test_the_other_date_may_have_the_format_too() -> None:
    """Or be ISO text."""
    config = {"operation": "diff", "value": "01.02.2026", "inputFormat": "DD.MM.YYYY"}
    assert run(DateTime(), {**config, "compareWith": "03.02.2026"}).data["result"] == 2
    assert run(DateTime(), {**config, "compareWith": "2026-02-03"}).data["result"] == 2
    assert run(DateTime(), {**config, "compareWith": "soon"}).code == "INVALID_PARAMETER"


NO_DATES = [
    {"operation": "parse", "value": "soon"},
    {"operation": "parse", "value": None},
    {"operation": "add", "amount": 10_000, "unit": "years", "value": WHEN},
    {"operation": "add", "amount": 1e300, "unit": "milliseconds", "value": WHEN},
    {"operation": "add", "amount": 10**18, "unit": "weeks", "value": WHEN},
    {"operation": "subtract", "amount": 3_000, "unit": "years", "value": WHEN},
    {"operation": "compare", "value": WHEN, "compareWith": "soon"},
    {"operation": "extract", "value": "soon", "extract": "year"},
    {"operation": "convert_timezone", "value": "9999-12-31T23:00Z", "toTimezone": "Asia/Tokyo"},
]


@pytest.mark.parametrize("config", NO_DATES)
def test_what_is_no_date_is_what_on_error_says(config: dict[str, Any]) -> None:
    """An error with null results, a null result that leaves the output alone, or the default."""
    state = {"out": "old", "dateTimeResult": "old"}
    target = {"outputField": "out"}
    stopped = run(DateTime(), {**config, **target}, state=state)
    assert stopped.code == "INVALID_PARAMETER"
    assert (stopped.state["out"], stopped.state["dateTimeResult"]) == (None, None)
    skipped = run(DateTime(), {**config, **target, "onError": "skip"}, state=state)
    assert (skipped.edge, skipped.data["result"]) == ("success", None)
    assert (skipped.state["out"], skipped.state["dateTimeResult"]) == ("old", None)
    replaced = run(DateTime(), {**config, **target, "onError": "use_default", "defaultValue": "never"}, state=state)
    assert (replaced.edge, replaced.data["result"]) == ("success", "never")
    assert (replaced.state["out"], replaced.state["dateTimeResult"]) == ("never", "never")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"operation": "guess", "value": WHEN},
        {"operation": "parse"},
        {"operation": "parse", "value": WHEN, "field": "at"},
        {"operation": "parse", "field": "a["},
        {"operation": "format", "value": WHEN},
        {"operation": "format", "value": WHEN, "outputFormat": ""},
        {"operation": "format", "value": WHEN, "outputFormat": "Y" * 300},
        {"operation": "parse", "value": "1", "inputFormat": "HH:mm"},
        {"operation": "parse", "value": "1", "inputFormat": "YYYY MM M"},
        {"operation": "add", "value": WHEN, "unit": "days"},
        {"operation": "add", "value": WHEN, "amount": 1},
        {"operation": "add", "value": WHEN, "amount": 1, "unit": "fortnights"},
        {"operation": "add", "value": WHEN, "amount": 1.5, "unit": "days"},
        {"operation": "add", "value": WHEN, "amount": "1", "unit": "days"},
        {"operation": "round", "value": WHEN},
        {"operation": "round", "value": WHEN, "roundTo": "start_of_hour"},
        {"operation": "round", "value": WHEN, "roundTo": "start_of_week", "weekStart": "someday"},
        {"operation": "extract", "value": WHEN},
        {"operation": "extract", "value": WHEN, "extract": "century"},
        {"operation": "convert_timezone", "value": WHEN},
        {"operation": "convert_timezone", "value": WHEN, "toTimezone": "Mars/Olympus"},
        {"operation": "convert_timezone", "value": WHEN, "toTimezone": "UTC", "fromTimezone": "../etc/passwd"},
        {"operation": "parse", "value": WHEN, "timezone": ""},
        {"operation": "parse", "value": WHEN, "timezone": "Europe"},
        {"operation": "parse", "value": WHEN, "timezone": "a\0b"},
        {"operation": "parse", "value": WHEN, "timezone": "x" * 5_000},
        {"operation": "diff", "value": WHEN},
        {"operation": "diff", "endDate": WHEN},
        {"operation": "diff", "value": WHEN, "compareWith": WHEN, "diffUnit": "moons"},
        {"operation": "compare", "value": WHEN},
        {"operation": "compare", "value": WHEN, "compareOperation": "is_between", "startDate": WHEN},
        {"operation": "compare", "value": WHEN, "compareWith": WHEN, "compareOperation": "is_near"},
        {"operation": "parse", "value": WHEN, "onError": "ignore"},
        {"operation": "parse", "value": WHEN, "outputField": "a["},
    ],
)
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_misuse_is_an_error_whatever_on_error_says(config: dict[str, Any], on_error: str) -> None:
    """It is the definition that is wrong, not the date."""
    visit = run(DateTime(), {"onError": on_error, **config}, state={"dateTimeResult": "old", "at": WHEN})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state["dateTimeResult"] is None
    assert visit.state["at"] == WHEN


@pytest.mark.parametrize(
    ("operation", "key"),
    [("extract", "dateTimeExtracted"), ("compare", "dateTimeCompared"), ("is_valid", "dateTimeValid")],
)
def test_an_error_makes_the_key_of_the_operation_null(operation: str, key: str) -> None:
    """Those of the other operations stay."""
    state = dict.fromkeys(("dateTimeExtracted", "dateTimeCompared", "dateTimeValid"), "old")
    visit = run(DateTime(), {"operation": operation}, state=state)
    assert visit.state == {**state, key: None, "dateTimeResult": None}


def test_an_error_leaves_a_date_that_was_to_be_changed_in_its_place() -> None:
    """A refused operation loses nobody's date."""
    config = {"operation": "add", "field": "at", "outputField": "at"}
    assert run(DateTime(), config, state={"at": WHEN}).state["at"] == WHEN


def test_the_clock_is_the_context() -> None:
    """Microseconds since the epoch in, milliseconds out."""
    late = datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC)
    assert run(DateTime(), {"operation": "now"}, now=late).data["result"] == "2026-11-22T12:00:00.999Z"
    config = {"operation": "extract", "extract": "timestamp", "value": NOON_US // 1_000}
    assert run(DateTime(), config).data["result"] == NOON_US // 1_000


@pytest.mark.parametrize(("config", "own"), [({}, set()), ({"outputField": "a.b"}, {"a"})])
def test_the_state_keys_are_known(config: dict[str, Any], own: set[str]) -> None:
    """Those that the parameters name, and the fixed ones."""
    fixed = {"dateTimeResult", "dateTimeExtracted", "dateTimeCompared", "dateTimeValid"}
    assert DateTime().state_keys(config) == frozenset(fixed | own)
