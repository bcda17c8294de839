"""Events to bytes and back: tags, upcasts, damage, compression and encryption."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import pytest
from eventsourcing.persistence import Cipher, Compressor, StoredEvent

from application.ports import StoreUnavailable
from domain.events import Completed, SignalReceived
from infrastructure.event_mapper import EventMapper, StreamEvent, UnreadableEvent, Upcast
from tests.histories.v1 import EVENTS

if TYPE_CHECKING:
    from eventsourcing.utils import Environment


def stored(tag: str, state: bytes) -> StoredEvent:
    """A row."""
    return StoredEvent(originator_id="x", originator_version=7, topic=tag, state=state)


class Zlib(Compressor):
    """Any compressor of the persistence layer will do."""

    def compress(self, data: bytes) -> bytes:
        """Smaller."""
        return zlib.compress(data)

    def decompress(self, data: bytes) -> bytes:
        """As before."""
        return zlib.decompress(data)


class Mirror(Cipher):
    """Any cipher of the persistence layer will do."""

    def __init__(self, environment: Environment | None = None) -> None:
        """No key."""

    def encrypt(self, plaintext: bytes) -> bytes:
        """Unreadable."""
        return plaintext[::-1]

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Readable."""
        return ciphertext[::-1]


def test_an_event_is_stored_as_its_tag_and_compact_json() -> None:
    """No import path, no blanks, no field at its default, no field of the place."""
    row = EventMapper().to_stored_event(StreamEvent("x", 7, SignalReceived(time=5, name="go", payload={"a": [1, 2]})))
    assert row == stored("signal_received", b'{"time":5,"name":"go","payload":{"a":[1,2]}}')


def test_rows_become_events_at_their_place() -> None:
    """Stream and version come from the row."""
    event = EventMapper().to_domain_event(stored("completed", b'{"time":5}'))
    assert event == StreamEvent("x", 7, Completed(time=5))


def test_only_events_at_their_place_can_be_stored() -> None:
    """Anything else is a mistake of the program."""
    with pytest.raises(TypeError, match="Only a StreamEvent"):
        EventMapper().to_stored_event(Completed(time=5))  # type: ignore[arg-type]


def test_every_event_survives_compression_and_encryption() -> None:
    """The hooks of the persistence layer are honoured: compressed first, as what is encrypted doesn't compress."""
    mapper = EventMapper(compressor=Zlib(), cipher=Mirror())
    for event in EVENTS:
        state = mapper.encode(event)
        assert zlib.decompress(state[::-1]) == EventMapper().encode(event)
        assert mapper.decode(stored(event.tag, state)) == event


def test_a_field_of_a_newer_clew_is_passed_over() -> None:
    """A field with a default may be added without a new tag."""
    assert EventMapper().decode(stored("completed", b'{"time":5,"mood":"good"}')) == Completed(time=5)


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    return {"time": fields["when"], "name": fields["called"]}


def _with_payload(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "payload": {"from": "before"}}


MADE_UP: dict[str, Upcast] = {
    "bell_rang": ("signal_received@0", _named),
    "signal_received@0": ("signal_received", _with_payload),
}


def test_a_tag_of_the_past_is_upcast_step_by_step() -> None:
    """Through every tag between, to today's event; also compressed."""
    mapper = EventMapper(compressor=Zlib(), upcasts=MADE_UP)
    state = zlib.compress(b'{"when":5,"called":"go"}')
    assert mapper.decode(stored("bell_rang", state)) == SignalReceived(time=5, name="go", payload={"from": "before"})


def test_a_chain_may_be_entered_anywhere() -> None:
    """What was stored under a tag of the middle takes the rest of the way."""
    event = EventMapper(upcasts=MADE_UP).decode(stored("signal_received@0", b'{"time":5,"name":"go"}'))
    assert event == SignalReceived(time=5, name="go", payload={"from": "before"})


@pytest.mark.parametrize(
    "upcasts",
    [
        {"old": ("nowhere", _named)},
        {"old": ("older", _named), "older": ("old", _named)},
        {"old": ("old", _named)},
        {"completed": ("cancelled", _named)},
    ],
)
def test_an_upcast_that_leads_nowhere_is_refused_at_once(upcasts: dict[str, Upcast]) -> None:
    """To a tag that nobody knows, round in a circle, or away from a tag that is still written."""
    with pytest.raises(ValueError, match="doesn't lead to an event of today"):
        EventMapper(upcasts=upcasts)


def test_an_unknown_tag_is_a_newer_clews() -> None:
    """The message names the event, and says what to do; whoever handles an unavailable store handles this."""
    with pytest.raises(StoreUnavailable, match=r"Version 7 of x .* unknown kind 'teleported'. A newer Clew") as refusal:
        EventMapper().decode(stored("teleported", b"{}"))
    assert refusal.value.code == "UNREADABLE_EVENT"
    assert refusal.value.details == {"stream": "x", "version": 7}


@pytest.mark.parametrize(
    "state", [b"", b"{", b"[]", b"{}", b'{"time":"noon"}', b'{"time":5,"actor":3}', b'{"time":5,"actor":"\xff"}']
)
def test_damaged_bytes_are_named(state: bytes) -> None:
    """Not a crash somewhere in the decoder."""
    with pytest.raises(UnreadableEvent, match="Version 7 of x can't be read: it is damaged"):
        EventMapper().decode(stored("completed", state))


def test_a_failing_upcast_is_named() -> None:
    """Fields that an upcast needs and doesn't find are damage as well."""
    with pytest.raises(UnreadableEvent, match="damaged"):
        EventMapper(upcasts=MADE_UP).decode(stored("bell_rang", b"{}"))


def test_what_is_searched_for_by_its_tag_may_be_stored_under_one_of_the_past() -> None:
    """Whatever leads to it, in however many steps."""
    older: dict[str, Upcast] = {"b": ("completed", dict), "a": ("b", dict), "c": ("failed", dict)}
    mapper = EventMapper(upcasts=older)
    assert set(mapper.stored_tags(["completed", "paused"])) == {"completed", "paused", "a", "b"}
    assert mapper.stored_tags([]) == ()
