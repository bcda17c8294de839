"""LANGUAGE, section 8: what ends a wait, and who wins when several things would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from domain.commands import Cancel, Command, FireDue, Pause, Resume, Retry, Rules, Signal
from domain.compiler import compile_definition
from domain.decide import decide
from domain.errors import Refused, Unacceptable
from domain.events import NodeStarted, Resumed, SignalReceived, Suspended
from domain.evolve import fold
from domain.execution import Execution
from domain.layers import Layers
from domain.limits import Limits
from domain.position import Branch, Visit, WaitFor
from infrastructure.json_schemas import check_schema
from tests.support.workflows import NOON, Script, Walk, nodes_of, workflow

SECOND = 1_000_000
MINUTE = 60 * SECOND
ASK: dict[str, Any] = {
    "ask": {"$node": "signal", "name": "go", "timeout": "1m", "received?": ["a"], "timeout?": ["b"]},
}
PLAIN = {"$node": "signal", "name": "go"}
HOLD = {"hold": {"$node": "signal", "name": "hold"}}


class Played:
    """A workflow whose waits are played against each other; times count in seconds from when the first one parked."""

    def __init__(self, *steps: Any, limits: Limits | None = None) -> None:
        self.script = Script()
        self.walk = Walk(workflow(*steps), nodes_of(self.script), limits=limits)
        self.walk.rules = msgspec.structs.replace(self.walk.rules, check_schema=check_schema)
        self.walk.run()
        suspended = next((event for event in self.walk.events if isinstance(event, Suspended)), None)
        self.start = suspended.time if suspended is not None else NOON

    def at(self, second: float, kind: Callable[..., Command], **fields: Any) -> Played:
        """Something is asked, and whatever can go on does."""
        self.walk.now = self.start + round(second * SECOND)
        self.walk.decide(kind(now=self.walk.now, **fields))
        self.walk.run()
        return self

    @property
    def ended_by(self) -> str:
        """The step that ran last, or the status."""
        return self.script.ran[-1] if self.script.ran else self.walk.execution.status


RACES: dict[str, tuple[list[tuple[float, type[Any]]], str]] = {
    "a signal before the timeout": ([(59, Signal), (60, FireDue)], "a"),
    "the timeout": ([(60, FireDue)], "b"),
    "not a microsecond before": ([(59.999_999, FireDue)], "suspended"),
    "both in one instant, the signal first": ([(60, Signal), (60, FireDue)], "a"),
    "both in one instant, the timeout first": ([(60, FireDue), (60, Signal)], "b"),
    "a signal after a timeout that nobody has noticed": ([(90, Signal), (90, FireDue)], "a"),
    "a signal in a pause": ([(10, Pause), (20, Signal), (30, Resume)], "a"),
    "a signal in a pause does not end it": ([(10, Pause), (20, Signal), (25, FireDue)], "paused"),
    "a signal in a pause, past the timeout": ([(10, Pause), (90, Signal), (100, Resume)], "a"),
    "a timeout in a pause does not come": ([(10, Pause), (90, FireDue)], "paused"),
    "a timeout in a pause comes as much later": ([(10, Pause), (90, Resume), (139, FireDue)], "suspended"),
    "and then it comes": ([(10, Pause), (90, Resume), (140, FireDue)], "b"),
    "a timeout that was not noticed before the pause": ([(70, Pause), (90, Resume)], "b"),
    "the same with a signal in the pause": ([(70, Pause), (80, Signal), (90, Resume)], "a"),
    "a signal after the resume": ([(10, Pause), (90, Resume), (91, Signal)], "a"),
    "a signal in a second pause": ([(10, Pause), (20, Resume), (30, Pause), (90, Signal), (95, Resume)], "a"),
    "cancelled in a pause with its signal": ([(10, Pause), (20, Signal), (30, Cancel), (30, FireDue)], "cancelled"),
}


@pytest.mark.parametrize(("told", "end"), RACES.values(), ids=RACES)
def test_between_timeout_and_signal_the_first_in_the_log_wins(told: list[tuple[float, type[Any]]], end: str) -> None:
    """A pause holds both: a signal in it is taken at its end, and what was due moves by its length."""
    played = Played(ASK, HOLD)
    for second, kind in told:
        played.at(second, kind, **({"name": "go"} if kind is Signal else {}))
    assert played.ended_by == end
    ends = [
        event for event in played.walk.events if isinstance(event, Resumed) and event.cause in ("signal", "timeout")
    ]
    assert len(ends) == (end in ("a", "b"))


def test_a_signal_that_came_too_late_for_one_wait_is_early_for_the_next() -> None:
    """It is not lost."""
    again = {"again": {**PLAIN, "received?": ["c"]}}
    assert Played(ASK, again).at(60, FireDue).at(60, Signal, name="go").ended_by == "c"
    apart = Played(ASK, {"wait": {"for": "1m"}}, again).at(60, FireDue).at(61, Signal, name="go")
    assert apart.at(130, FireDue).script.order == "b c"


def test_the_payload_is_the_edge_data() -> None:
    """Whatever JSON it is; of an answer the choice is the edge."""
    for payload in (None, 0, "text", [1], {"a": {"b": 1}}):
        played = Played({"ask": PLAIN}, {"a": {"got": "{{input}}"}}).at(1, Signal, name="go", payload=payload)
        assert played.script.configs == [{"got": payload}]


def test_early_signals_are_taken_oldest_first_by_the_waits_of_their_name() -> None:
    """Each by one wait; those of other names stay."""
    steps = [{f"ask{n}": {**PLAIN, "received?": [{"a": {"got": "{{input}}"}}]}} for n in range(3)]
    played = Played(HOLD, *steps)
    for n, name in enumerate(["go", "other", "go"]):
        played.at(n, Signal, name=name, payload=n)
    played.at(9, Signal, name="hold")
    assert [config["got"] for config in played.script.configs] == [0, 2]
    assert played.walk.execution.status == "suspended"
    assert {name: [kept.payload for kept in each] for name, each in played.walk.execution.kept.items()} == {
        "other": [1]
    }


def test_an_early_signal_that_breaks_the_schema_is_dropped_with_a_warning() -> None:
    """When the wait begins; those behind it are looked at, and one behind the first that fits stays kept."""
    ask = {"ask": {**PLAIN, "schema": {"type": "integer"}, "received?": [{"a": {"got": "{{input}}"}}]}}
    played = Played(HOLD, ask, HOLD)
    for n, payload in enumerate(["text", None, 7, "later"]):
        played.at(n, Signal, name="go", payload=payload)
    played.at(9, Signal, name="hold")
    assert played.script.configs == [{"got": 7}]
    suspended = [event for event in played.walk.events if isinstance(event, Suspended)][1]
    received = [event for event in played.walk.events if isinstance(event, SignalReceived)]
    assert [played.walk.events[version - 1] for version in suspended.dropped] == received[:2]
    assert len(suspended.warnings) == 2 and all("was dropped" in warning for warning in suspended.warnings)
    assert [kept.payload for kept in played.walk.execution.kept["go"]] == ["later"]


def test_an_early_answer_that_is_no_choice_is_dropped_too() -> None:
    """Approvals take early answers as signals do."""
    played = Played(HOLD, {"ask": {"$node": "approval", "title": "?", "approve?": ["a"]}})
    for answer in ({"choice": "perhaps"}, "yes", {"choice": "approve"}):
        played.at(1, Signal, name="ask", payload=answer)
    assert played.at(2, Signal, name="hold").script.order == "a"


def test_the_hundred_and_first_early_signal_of_a_name_is_refused() -> None:
    """In a pause as well as outside one; a wait that takes one makes room."""
    for pause in (False, True):
        played = Played(HOLD, {"ask": PLAIN}, HOLD)
        if pause:
            played.at(0, Pause)
        for n in range(100):
            played.at(n, Signal, name="go", payload=n)
        with pytest.raises(Refused) as refused:
            played.at(101, Signal, name="go")
        assert refused.value.code == "SIGNAL_LIMIT"
        played.at(101, Signal, name="other")
        played.at(102, Signal, name="hold")
        if pause:
            played.at(103, Resume)
        assert len(played.walk.execution.kept["go"]) == 99
        played.at(104, Signal, name="go")


@pytest.mark.parametrize("pause", [False, True], ids=["suspended", "paused"])
def test_a_payload_that_breaks_the_schema_of_a_wait_in_progress_is_its_senders_error(pause: bool) -> None:
    """And nothing is recorded: the wait goes on."""
    asked = [
        ({"ask": {**PLAIN, "schema": {"type": "integer"}}}, "go", "text"),
        ({"ask": {"$node": "approval", "title": "?"}}, "ask", {"choice": "perhaps"}),
    ]
    for step, name, payload in asked:
        played = Played(step)
        if pause:
            played.at(0, Pause)
        before = played.walk.execution
        with pytest.raises(Unacceptable) as refused:
            played.at(1, Signal, name=name, payload=payload)
        assert refused.value.code == "INVALID_PAYLOAD"
        assert played.walk.execution is before


def test_a_retry_of_a_timeout_waits_anew() -> None:
    """The wait that timed out is visited again, with a due time of its own."""
    played = Played({"ask": {**PLAIN, "timeout": "1m"}}, "a").at(60, FireDue)
    assert played.walk.execution.failure is not None and played.walk.execution.failure.error.code == "SIGNAL_TIMEOUT"
    played.at(100, Retry)
    assert played.walk.execution.status == "suspended"
    due = played.walk.execution.due
    assert due is not None and due >= played.start + 160 * SECOND
    assert played.at(110, Signal, name="go").ended_by == "a"


# Two waits of one name at once: branches stand side by side in one execution.

X, Y = "/workflow/0/x", "/workflow/2/y"


class Side:
    """Two branches that wait for signals of one name: x since noon, y a second later."""

    def __init__(self, **of_y: Any) -> None:
        x = {"x": {**PLAIN, "schema": {"type": "integer"}}}
        definition = workflow(x, {"hold": PLAIN}, {"y": {**PLAIN, **of_y}}, {"$.end": True})
        program = compile_definition(definition, nodes_of(Script()))
        self.rules = Rules(program=program, limits=Limits(), check_schema=check_schema)
        waits = {X: WaitFor(kind="signal", since=NOON, name="go", schema={"type": "integer"})}
        waits[Y] = WaitFor(kind="signal", since=NOON + SECOND, name="go", schema=of_y.get("schema"))
        visits = {
            address: Visit(address=address, pass_="1", number=1, attempt=1, started=NOON, wait=wait)
            for address, wait in waits.items()
        }
        branches = {"later": Branch(address=Y, visit=visits[Y]), "": Branch(address=X, visit=visits[X])}
        self.execution = Execution(id="e", status="suspended", branches=branches, visits=Layers({X: 1, Y: 1}))
        self.taken: list[tuple[str, Any]] = []

    def told(self, kind: type[Any], **fields: Any) -> Side:
        """Something is asked; which wait takes which payload is noted."""
        command = kind(now=NOON + MINUTE, **fields)
        before = self.execution
        events = decide(before, command, self.rules)
        self.execution = fold(events, before)
        received = {each.version: each.payload for kept in before.kept.values() for each in kept}
        for at, event in enumerate(events, before.version + 1):
            if isinstance(event, SignalReceived):
                received[at] = event.payload
            elif isinstance(event, Resumed) and event.cause == "signal":
                self.taken.append((event.address, received[event.signal]))
        return self


def test_a_signal_goes_to_the_oldest_wait_of_its_name() -> None:
    """However the branches are named; the next one to the next."""
    assert Side().told(Signal, name="go", payload=1).told(Signal, name="go", payload=2).taken == [(X, 1), (Y, 2)]


def test_or_to_the_one_that_is_addressed() -> None:
    """By address, and by visit too; one that is not open is refused and keeps nothing."""
    side = Side().told(Signal, name="go", payload=1, address=Y)
    assert side.taken == [(Y, 1)]
    for address, visit in ((Y, 0), (X, 2), ("/workflow/9", 0)):
        with pytest.raises(Refused) as refused:
            side.told(Signal, name="go", payload=1, address=address, visit=visit)
        assert refused.value.code == "NO_SUCH_WAIT"
    assert side.told(Signal, name="go", payload=2, address=X, visit=1).taken == [(Y, 1), (X, 2)]


def test_the_schema_is_that_of_the_wait_which_the_signal_is_for() -> None:
    """Not that of an older one."""
    side = Side(schema={"type": "string"})
    with pytest.raises(Unacceptable):
        side.told(Signal, name="go", payload="text")
    side.told(Signal, name="go", payload="text", address=Y)
    assert side.taken == [(Y, "text")]


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ([(1, ""), (2, "")], [(X, 1), (Y, 2)]),
        ([(1, Y)], [(Y, 1)]),
        ([(1, Y), (2, "")], [(X, 2), (Y, 1)]),
        ([(1, X), (2, "")], [(X, 1), (Y, 2)]),
        ([(1, ""), (2, ""), (3, "")], [(X, 1), (Y, 2)]),
    ],
    ids=["in order", "addressed", "addressed, then any", "addressed to the oldest", "one too many is kept"],
)
def test_signals_in_a_pause_are_for_the_waits_they_would_have_ended(
    sent: list[tuple[int, str]], taken: list[tuple[str, int]]
) -> None:
    """Each wait takes its own when the pause is over, the oldest wait first."""
    side = Side().told(Pause)
    for payload, address in sent:
        side.told(Signal, name="go", payload=payload, address=address)
    assert side.taken == []
    side.told(Resume)
    assert side.taken == taken
    assert len(side.execution.kept.get("go", ())) == len(sent) - len(taken)


def test_in_a_pause_a_wait_takes_one_signal_and_no_second() -> None:
    """A second one for the same visit would be for nobody."""
    side = Side().told(Pause).told(Signal, name="go", payload=1, address=Y)
    with pytest.raises(Refused) as refused:
        side.told(Signal, name="go", payload=2, address=Y)
    assert refused.value.code == "NO_SUCH_WAIT"


def test_what_is_kept_for_one_wait_is_no_other_waits_early_signal() -> None:
    """A wait of the same name that begins before the pause is over does not take it."""
    side = Side().told(Pause).told(Signal, name="go", payload=1, address=Y)
    ((kept,),) = side.execution.kept.values()
    other = Visit(address="/workflow/1/hold", pass_="1", number=1, attempt=1, started=NOON)
    assert (kept.is_for(other), kept.is_promised(other), kept.address, kept.visit) == (False, False, Y, 1)


def test_a_wait_that_has_ended_leaves_nothing_to_fire() -> None:
    """The timer of a wait that a signal has ended finds nothing, whenever it comes."""
    played = Played(ASK, HOLD).at(10, Signal, name="go")
    version = played.walk.execution.version
    for second in (60, 61, 10_000):
        played.at(second, FireDue)
    assert played.walk.execution.version == version
    assert played.walk.execution.due is None


def test_parking_needs_no_other_begin() -> None:
    """What ends a wait ends the visit: the step is begun once, however long it waited."""
    played = Played(ASK).at(30, Signal, name="go")
    begun = [event.address for event in played.walk.events if isinstance(event, NodeStarted)]
    assert begun == ["/workflow/0/ask", "/workflow/0/ask/received?/0"]
