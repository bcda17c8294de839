"""Events and appends for tests of stores: what matters is where they are, not what they say."""

from __future__ import annotations

from application.ports import Append, Recorded, VersionConflict
from domain.events import ExecutionStarted, NodeStarted, SignalReceived

START_TIME = 1_764_000_000_000_000


def started(*, workflow: str = "audit", version: str = "1.0.0", time: int = START_TIME) -> ExecutionStarted:
    """The first event of an execution."""
    return ExecutionStarted(
        time=time,
        workflow=workflow,
        workflow_version=version,
        definition_hash="c0ffee",
        initial_state={"n": 0},
        first="/workflow/0/a",
    )


def said(payload: object, *, time: int = START_TIME) -> SignalReceived:
    """An event with a text or any other JSON in it."""
    return SignalReceived(time=time, name="note", payload=payload)


def node_started(*, visit: int = 1) -> NodeStarted:
    """Another event."""
    return NodeStarted(
        time=START_TIME + visit, address="/workflow/0/a", step="a", node="log", pass_=str(visit), visit=visit
    )


def append(stream: str, after: int, *payloads: object) -> Append:
    """An append of one event for each payload."""
    return Append(stream=stream, after=after, events=tuple(said(payload) for payload in payloads))


def told(events: list[Recorded]) -> list[object]:
    """The payloads of events made by `said`."""
    return [recorded.event.payload for recorded in events if isinstance(recorded.event, SignalReceived)]


def must(answer: tuple[Recorded, ...] | VersionConflict) -> tuple[Recorded, ...]:
    """The recorded events of an append that fits."""
    assert not isinstance(answer, VersionConflict), answer.message
    return answer
