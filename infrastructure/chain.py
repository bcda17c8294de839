"""The hash chain of a stream, and what an append adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from eventsourcing.persistence import Notification

from application.ports import Append, Recorded, VersionConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from domain.events import AnyEvent

GENESIS: Final = bytes(32)
"""What stands for the hash before version 1."""


@dataclass(frozen=True)
class ChainedEvent(Notification):
    """A stored event with its position (`id`) and its link in the chain of its stream."""

    hash: bytes


class Head(NamedTuple):
    """Where a stream ends."""

    version: int
    hash: bytes


EMPTY: Final = Head(0, GENESIS)
Answer = tuple[Recorded, ...] | VersionConflict


class Extension(NamedTuple):
    """What a batch adds to the log: one answer per append, the rows in order of position, and the heads that moved."""

    answers: list[Answer]
    rows: list[ChainedEvent]
    heads: dict[str, Head]


def link(previous: bytes, stream: str, version: int, tag: str, stored: bytes) -> bytes:
    """SHA-256 over the hash before, the stream, the version, the tag and the bytes as stored.

    Names are preceded by their length, so that no two histories give the same text.
    """
    place = f"{len(stream)}:{stream},{version},{len(tag)}:{tag},"
    return sha256(previous + place.encode() + stored).digest()


def broken_link(log_rows: Iterable[ChainedEvent]) -> int | None:
    """The first version of a stream that does not follow from the one before; None: the chain is whole.

    Takes all rows of one stream from version 1, oldest first. A tail that was cut off can't be seen from here: that
    takes a head that somebody kept.
    """
    head = EMPTY
    for row in log_rows:
        version = head.version + 1
        if type(row.state) is not bytes:  # whoever edits a row may leave anything in it
            return version
        expected = link(head.hash, str(row.originator_id), version, row.topic, row.state)
        if row.originator_version != version or row.hash != expected:
            return version
        head = Head(version, expected)
    return None


def conflict(append: Append, head: Head) -> VersionConflict:
    """The refusal of an append that was decided on another version than the stream has."""
    return VersionConflict(
        f"{append.stream} is at version {head.version}, not at {append.after}. "
        "Read what was recorded meanwhile and decide again.",
        details={"stream": append.stream, "after": append.after, "version": head.version},
    )


def extend(
    batch: Sequence[Append],
    encoded: Sequence[Sequence[bytes]],
    *,
    head_of: Callable[[str], Head],
    position: int,
    landed: Callable[[Append, Sequence[bytes]], tuple[Recorded, ...] | None] = lambda append, stored: None,
) -> Extension:
    """Chain the events of a batch behind their streams, from the position after the given one.

    An append sees those before it in the batch. One that does not fit its stream is answered with a conflict and adds
    nothing, unless `landed` knows it as recorded already.
    """
    answers: list[Answer] = []
    rows: list[ChainedEvent] = []
    heads: dict[str, Head] = {}
    for append, stored in zip(batch, encoded, strict=True):
        head = heads.get(append.stream) or head_of(append.stream)
        if append.after != head.version:
            answers.append(landed(append, stored) or conflict(append, head))
            continue
        first = len(rows)
        heads[append.stream] = _chain(append, stored, head=head, rows=rows, position=position)
        answers.append(tuple(recorded(row, event) for row, event in zip(rows[first:], append.events, strict=True)))
    return Extension(answers, rows, heads)


def _chain(append: Append, stored: Sequence[bytes], *, head: Head, rows: list[ChainedEvent], position: int) -> Head:
    stream = append.stream
    version, hash_ = head
    for event, state in zip(append.events, stored, strict=True):
        version += 1
        hash_ = link(hash_, stream, version, event.tag, state)
        rows.append(ChainedEvent(stream, version, event.tag, state, position + len(rows) + 1, hash_))
    return Head(version, hash_)


def recorded(row: ChainedEvent, event: AnyEvent) -> Recorded:
    """A row of the log in the domain's words."""
    return Recorded(
        position=row.id,
        stream=str(row.originator_id),
        version=row.originator_version,
        event=event,
        hash=row.hash,
        size=len(row.state),
    )
