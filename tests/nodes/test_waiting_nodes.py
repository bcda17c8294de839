"""`wait`, `signal` and `approval`."""

from __future__ import annotations

from typing import Any

import pytest

from domain.node import Park, WorkflowNode
from infrastructure.nodes.waiting import Approval, Signal, Wait
from tests.support.nodes import NOON_US, run

DURATIONS = [
    (1_500, 1_500),
    (0, 0),
    (0.5, 0),
    ("250ms", 250),
    ("90s", 90_000),
    ("5m", 300_000),
    ("2h", 7_200_000),
    ("1d", 86_400_000),
    ("PT5M", 300_000),
    ("P1DT12H", 129_600_000),
]
BAD_DURATIONS = ["soon", "", "5", "-5s", -1, "P1Y", "PT", 1e18]


@pytest.mark.parametrize(("duration", "milliseconds"), DURATIONS)
def test_wait_parks_for_a_duration(duration: Any, milliseconds: int) -> None:
    """A number is milliseconds, text a duration; the due time counts from the visit's own time."""
    visit = run(Wait(), {"for": duration})
    assert visit.answer == Park(kind="timer", due=NOON_US + milliseconds * 1_000)
    assert visit.patch == ()


@pytest.mark.parametrize(
    ("until", "due"),
    [
        ("2026-11-22T12:00:01Z", NOON_US + 1_000_000),
        ("2026-11-22T13:00:00.5+01:00", NOON_US + 500_000),
        ("2026-11-22T12:00:01", NOON_US + 1_000_000),
        ("2026-11-23", NOON_US + 43_200_000_000),
        (1_795_348_800_001, NOON_US + 1_000),
        ("2020-01-01T00:00:00Z", NOON_US),
        (0, NOON_US),
    ],
)
def test_wait_parks_until_a_time(until: Any, due: int) -> None:
    """ISO 8601 text, in UTC unless it says otherwise, or epoch milliseconds; the past is now."""
    assert run(Wait(), {"until": until}).answer == Park(kind="timer", due=due)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"for": 1, "until": "2026-11-23"},
        {"for": None},
        {"for": True},
        {"until": "tomorrow"},
        {"until": 1e30},
        {"until": "2026-13-01"},
        {"until": [1]},
        *({"for": duration} for duration in BAD_DURATIONS),
    ],
)
def test_wait_refuses_what_is_no_time(config: dict[str, Any]) -> None:
    """Exactly one of the two, and one that can be understood."""
    assert run(Wait(), config).code == "INVALID_PARAMETER"


def test_signal_parks_for_a_name() -> None:
    """Without a timeout it waits for ever, and takes any payload."""
    visit = run(Signal(), {"name": "paid"})
    assert visit.answer == Park(kind="signal", name="paid")
    assert visit.patch == ()


def test_signal_has_a_schema_and_a_timeout() -> None:
    """Both go with the wait."""
    schema = {"type": "object", "required": ["amount"]}
    answer = run(Signal(), {"name": "paid", "schema": schema, "timeout": "1d"}).answer
    assert answer == Park(kind="signal", name="paid", schema=schema, due=NOON_US + 86_400_000_000)


def test_approval_parks_for_a_person() -> None:
    """Its name is the step's, for the answer to be sent to; approve and reject are the default choices."""
    visit = run(Approval(), {"title": "Ship it?"}, step="ask-anna")
    assert visit.answer == Park(
        kind="approval",
        name="ask-anna",
        choices=("approve", "reject"),
        about={"title": "Ship it?", "description": None, "assignees": []},
    )


def test_approval_says_all_that_it_is_told() -> None:
    """Choices become edges; the form and the people go with the wait."""
    form = {"type": "object"}
    config = {
        "title": "Which?",
        "description": "Choose one.",
        "choices": ["keep", "drop", "ask again"],
        "assignees": ["anna"],
        "schema": form,
        "timeout": 1_000,
    }
    assert run(Approval(), config).answer == Park(
        kind="approval",
        name="step",
        choices=("keep", "drop", "ask again"),
        schema=form,
        due=NOON_US + 1_000_000,
        about={"title": "Which?", "description": "Choose one.", "assignees": ["anna"]},
    )


def test_the_default_choices_can_not_be_changed_by_a_visit() -> None:
    """The metadata's own lists stay out of the answer."""
    answer = run(Approval(), {"title": "t"}).answer
    assert isinstance(answer, Park)
    answer.about["assignees"].append("eve")
    assert run(Approval(), {"title": "t"}).answer == Park(
        kind="approval", name="step", choices=("approve", "reject"),
        about={"title": "t", "description": None, "assignees": []},
    )  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"title": ""},
        {"title": 5},
        {"title": "t", "choices": []},
        {"title": "t", "choices": "yes"},
        {"title": "t", "choices": ["a", "a"]},
        {"title": "t", "choices": ["a", ""]},
        {"title": "t", "choices": [1]},
        {"title": "t", "choices": ["a", "timeout"]},
        {"title": "t", "choices": ["error"]},
        {"title": "t", "assignees": [None]},
        {"title": "t", "assignees": "anna"},
    ],
)
def test_approval_refuses_what_nobody_could_answer(config: dict[str, Any]) -> None:
    """A title, and choices that are edges of their own."""
    assert run(Approval(), config).code == "INVALID_PARAMETER"


@pytest.mark.parametrize(("node", "config"), [(Signal(), {"name": "n"}), (Approval(), {"title": "t"})])
@pytest.mark.parametrize(
    "extra",
    [
        {"schema": {"type": "strin"}},
        {"schema": "x"},
        {"schema": {"$ref": "http://127.0.0.1:9/schema.json"}},
        {"schema": {"$ref": "#/nowhere"}},
        {"schema": {"pattern": "("}},
        *({"timeout": duration} for duration in BAD_DURATIONS),
    ],
)
def test_a_bad_schema_or_timeout_is_refused_before_the_wait(
    node: WorkflowNode, config: dict[str, Any], extra: dict[str, Any]
) -> None:
    """Not when the answer comes; and nothing is fetched for it."""
    assert run(node, {**config, **extra}).code == "INVALID_PARAMETER"


def test_signal_needs_a_name() -> None:
    """An empty one can't be sent to."""
    assert run(Signal(), {}).code == "INVALID_PARAMETER"
    assert run(Signal(), {"name": ""}).code == "INVALID_PARAMETER"


def test_their_edges() -> None:
    """`timeout` leaves a loop; an approval's edges are its choices."""
    assert Wait.metadata.edges == ("done",)
    assert Signal.metadata.edges == ("received", "timeout")
    assert Signal.metadata.exit_edges == ("timeout",)
    assert Approval.metadata.edges is None
    assert Approval.metadata.exit_edges == ("timeout",)
