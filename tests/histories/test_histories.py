"""New code reads what old code stored, and stores it the same."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent

from domain.events import EVENT_TYPES, AnyEvent
from infrastructure.event_mapper import EventMapper
from tests.histories.v1 import EVENTS, Golden

LINES = [
    msgspec.json.decode(line, type=Golden)
    for line in (Path(__file__).parent / "v1.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(("line", "event"), list(zip(LINES, EVENTS, strict=True)), ids=lambda value: "")
def test_a_stored_event_is_read_as_ever_and_stored_the_same(line: Golden, event: AnyEvent) -> None:
    """Decoding gives the event that was meant; encoding that gives the same bytes, so hashes hold."""
    mapper = EventMapper()
    stored = StoredEvent(originator_id="x", originator_version=1, topic=line.tag, state=line.stored.encode())
    assert mapper.decode(stored) == event
    assert event.tag == line.tag
    assert mapper.encode(event) == line.stored.encode()


def test_every_field_of_every_event_has_its_golden_line() -> None:
    """A new event or field is not done before a line of v1.jsonl, and its meaning in v1.py, pin its name for good."""
    pinned = {
        (line.tag, name) for line in LINES for name in msgspec.json.decode(line.stored, type=dict[str, msgspec.Raw])
    }
    written = {(tag, field.encode_name) for tag, kind in EVENT_TYPES.items() for field in msgspec.structs.fields(kind)}
    assert written - pinned == set()
