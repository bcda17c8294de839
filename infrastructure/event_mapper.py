"""Events to stored bytes and back: short tags, compact JSON, and upcasts of the tags of the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from eventsourcing.persistence import Cipher, Compressor, Mapper, StoredEvent, Transcoder

from application.ports import StoreUnavailable
from domain.events import EVENT_TYPES, AnyEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from eventsourcing.domain import DomainEventProtocol

Upcast = tuple[str, "Callable[[dict[str, Any]], dict[str, Any]]"]
"""(the tag that took over, old fields -> its fields)."""

UPCASTS: Final[Mapping[str, Upcast]] = {}
"""Every tag that is no longer written, and how what it said is said now. Entries are only ever added."""


class UnreadableEvent(StoreUnavailable):
    """A stored event that this version of Clew can't read."""

    code = "UNREADABLE_EVENT"


class StreamEvent(msgspec.Struct, frozen=True):
    """An event at its place in a stream: what the mapper maps."""

    originator_id: str
    originator_version: int
    event: AnyEvent


class JsonTranscoder(Transcoder):
    """JSON as `domain.json` has it: compact, keys in their order."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder().decode

    def encode(self, obj: Any) -> bytes:
        """The JSON of a value or Struct."""
        return self._encode(obj)

    def decode(self, data: bytes) -> Any:
        """The plain JSON value."""
        return self._decode(data)


class EventMapper(Mapper[str]):
    """Maps events to their tag and the JSON of their fields. Compresses and encrypts if it was given the means."""

    def __init__(
        self,
        transcoder: Transcoder | None = None,
        compressor: Compressor | None = None,
        cipher: Cipher | None = None,
        *,
        upcasts: Mapping[str, Upcast] = UPCASTS,
    ) -> None:
        super().__init__(transcoder or JsonTranscoder(), compressor, cipher)
        _refuse_dead_ends(upcasts)
        self._upcasts = upcasts
        # Making a decoder costs more than a hundred uses of it.
        self._decoders = {tag: msgspec.json.Decoder(kind).decode for tag, kind in EVENT_TYPES.items()}

    def encode(self, event: AnyEvent) -> bytes:
        """The bytes to store: what the hash chain covers."""
        state = self.transcoder.encode(event)
        if self.compressor:
            state = self.compressor.compress(state)
        if self.cipher:
            state = self.cipher.encrypt(state)
        return state

    def decode(self, stored_event: StoredEvent) -> AnyEvent:
        """The event that was stored, in today's terms. Raises UnreadableEvent, naming stream and version."""
        tag = stored_event.topic
        if tag not in self._decoders and tag not in self._upcasts:
            raise _unreadable(stored_event, f"of the unknown kind {tag!r}. A newer Clew wrote it: use that one.")
        try:
            state = self._plain(stored_event.state)
            decoder = self._decoders.get(tag)
            return decoder(state) if decoder is not None else self._upcast(tag, state)
        except Exception as error:  # ciphers, compressors and upcasts raise what they like
            raise _unreadable(stored_event, f"damaged ({error}). Restore the store from a backup.") from error

    def stored_tags(self, tags: Iterable[str]) -> tuple[str, ...]:
        """The tags under which the events of these tags may be stored: themselves, and those of the past that lead there."""
        found = dict.fromkeys(tags)
        while older := [tag for tag, (newer, _) in self._upcasts.items() if newer in found and tag not in found]:
            found.update(dict.fromkeys(older))
        return tuple(found)

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The row of a StreamEvent."""
        if not isinstance(domain_event, StreamEvent):
            raise TypeError(f"Only a StreamEvent can be stored, not a {type(domain_event).__name__}.")
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=domain_event.event.tag,
            state=self.encode(domain_event.event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> StreamEvent:
        """The StreamEvent of a row."""
        return StreamEvent(str(stored_event.originator_id), stored_event.originator_version, self.decode(stored_event))

    def _plain(self, state: bytes) -> bytes:
        if self.cipher:
            state = self.cipher.decrypt(state)
        if self.compressor:
            state = self.compressor.decompress(state)
        return state

    def _upcast(self, tag: str, state: bytes) -> AnyEvent:
        """Translate step by step until the tag is one of today's. A chain is as long as its tag is old."""
        fields = self.transcoder.decode(state)
        while tag in self._upcasts:
            tag, function = self._upcasts[tag]
            fields = function(fields)
        return msgspec.convert(fields, EVENT_TYPES[tag])


def _refuse_dead_ends(upcasts: Mapping[str, Upcast]) -> None:
    """Every tag of the past must lead, through others or at once, to one that is written today."""
    for old in upcasts:
        tag, passed = old, {old}
        while tag in upcasts and tag not in EVENT_TYPES:
            tag = upcasts[tag][0]
            if tag in passed:
                break
            passed.add(tag)
        if old in EVENT_TYPES or tag not in EVENT_TYPES:
            raise ValueError(f"The upcast of {old!r} doesn't lead to an event of today.")


def _unreadable(stored_event: StoredEvent, why: str) -> UnreadableEvent:
    return UnreadableEvent(
        f"Version {stored_event.originator_version} of {stored_event.originator_id} can't be read: it is {why}",
        details={"stream": stored_event.originator_id, "version": stored_event.originator_version},
    )
