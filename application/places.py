"""Where in a history: how people name a version (`17`, `head~3`, `node:/workflow/1/charge@2`), and which one that is."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from application.searching import Searches, quoted
from domain.durations import iso, microseconds
from domain.errors import Unacceptable
from domain.events import EVENT_TYPES, Resumed, RolledBack, SnapshotTaken
from domain.problems import all_near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from application.folds import Folds
    from application.ports import EventLog, Recorded
    from domain.events import ExecutionEvent
    from domain.execution import Execution

SHOWN: Final = 80
"""Characters of what was given, in a message."""
COMPARED: Final = 48
"""Characters at the end of an address by which the nearest is found: steps differ there."""
ENDS: Final = ("edge_taken", "node_failed")
VISITING: Final = tuple(
    tag for tag, kind in EVENT_TYPES.items() if tag != "failed" and {"address", "visit"} <= {*kind.__struct_fields__}
)
"""The tags of events that can be part of a visit. That the execution fails comes after it."""
WALKS: Final = ("rolled_back", "resumed")
"""The tags of events that can begin a walk."""
WALK_TEXTS: Final = (b'"cause":"retry"', b'"to":')
"""What one of these says when it does."""

NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
HEAD: Final = re.compile(r"head(?:~([0-9]{1,15}))?", re.ASCII)
WALK: Final = re.compile(r"walk:([0-9]{1,9})/(.*)", re.ASCII | re.DOTALL)
NODE: Final = re.compile(r"node:(.*?)(?:@([0-9]{1,15}))?(:before)?", re.ASCII | re.DOTALL)


class Numbered(msgspec.Struct, frozen=True):
    """That version."""

    version: int


class Back(msgspec.Struct, frozen=True):
    """So many versions before the end."""

    count: int


class Beginning(msgspec.Struct, frozen=True):
    """The first version."""


class Moment(msgspec.Struct, frozen=True):
    """The last version that is not after a time (microseconds)."""

    time: int


class OfVisit(msgspec.Struct, frozen=True):
    """The end of a visit of the step at an address (0: its newest), or the version before it began."""

    address: str
    visit: int = 0
    before: bool = False


class Marked(msgspec.Struct, frozen=True):
    """The version that somebody named."""

    name: str


Spot = Numbered | Back | Beginning | Moment | OfVisit | Marked


class Place(msgspec.Struct, frozen=True):
    """What a text names: a spot in the whole history, or in one walk."""

    spot: Spot
    walk: int | None = None


def parse(text: str) -> Place:
    """The place that is named. Raises ValueError, with a sentence for a person, for a text that names none."""
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("half a character is none.")
    if inside := WALK.fullmatch(text):
        return Place(_spot(inside[2]), int(inside[1]))
    if text.startswith("walk:"):
        raise ValueError("what is meant in the walk is missing: its end is walk:2/head, its beginning walk:2/start.")
    return Place(_spot(text))


def is_fixed(text: str) -> bool:
    """Whether a text names the same version for ever, whatever else happens."""
    return NUMBER.fullmatch(text) is not None


def _spot(text: str) -> Spot:
    if NUMBER.fullmatch(text):
        return Numbered(int(text))
    if back := HEAD.fullmatch(text):
        return Back(int(back[1] or 0))
    if text == "start":
        return Beginning()
    if text.startswith("mark:"):
        return Marked(text.removeprefix("mark:"))
    if node := NODE.fullmatch(text):
        return _visit(node[1], node[2], before=node[3] is not None)
    if text.endswith("Z"):
        return Moment(_time(text))
    raise ValueError(
        "a version is a number, head, head~3, start, a time such as 2026-11-22T10:00:00Z, node:/workflow/0/name@1, "
        "mark:name, or one of these in a walk: walk:2/head."
    )


def _visit(address: str, visit: str | None, *, before: bool) -> OfVisit:
    if not address.startswith("/"):
        raise ValueError(
            "behind node: stands the address of a step, which begins with /, such as node:/workflow/0/name."
        )
    if visit is not None and int(visit) == 0:
        raise ValueError("visits count from 1.")
    return OfVisit(address, int(visit or 0), before)


def _time(text: str) -> int:
    try:
        return microseconds(datetime.fromisoformat(text))
    except ValueError as error:
        raise ValueError("this is not a time; one is written as 2026-11-22T10:00:00Z.") from error


class Places:
    """Finds the version that a place is, in the log."""

    def __init__(self, log: EventLog, folds: Folds) -> None:
        self._log = log
        self._folds = folds
        self._searches = Searches(log)

    def version(self, head: Execution, at: str, *, where: str = "?at") -> int:
        """The version that `at` names in an execution's history up to `head`; `where` is what it was given as.

        Raises Unacceptable for a text that names none, and for what there is not, naming the nearest.
        """
        asked = _Asked(head, at, where)
        try:
            place = parse(at)
        except ValueError as error:
            raise asked.refusal(f"names no version: {error}") from error
        first, last = (1, head.version) if place.walk is None else self._walk(asked, place.walk)
        version = self._resolved(asked, place, first, last)
        if not first <= version <= last:
            raise asked.outside(place, first, last)
        return version

    def walk_of(self, head: Execution, version: int) -> int:
        """The walk that a version is in. What begins a walk is in it."""
        return head.walk - sum(1 for _ in self._begun(head, after=version))

    def _resolved(self, asked: _Asked, place: Place, first: int, last: int) -> int:
        match place.spot:
            case Numbered(version):
                return version
            case Back(count):
                return last - count
            case Beginning():
                return first
            case Moment(time):
                return self._folds.version_at(asked.head.id, time, upto=last)
            case OfVisit():
                return self._visit(asked, place.spot, first, last)
            case Marked(name):
                return self._mark(asked, name, first, last, within=place.walk is not None)
            case _:
                assert_never(place.spot)

    def _walk(self, asked: _Asked, walk: int) -> tuple[int, int]:
        """The first and last version of a walk."""
        head = asked.head
        last = head.version
        number = head.walk
        for beginning in self._begun(head):
            if number == walk:
                return beginning.version, last
            last = beginning.version - 1
            number -= 1
        if number == walk:
            return 1, last
        raise asked.refusal(f"names no version: the walks of {head.id} are {number} to {head.walk}.")

    def _begun(self, head: Execution, *, after: int = 0) -> Iterator[Recorded]:
        """What began the walks of an execution, newest first; the one that it began with itself has no such event."""
        if head.walk == 1:
            return iter(())
        return self._searches.newest(
            head.id, tags=WALKS, texts=[WALK_TEXTS], meant=begins_walk, after=after, upto=head.version
        )

    def _visit(self, asked: _Asked, spot: OfVisit, first: int, last: int) -> int:
        """The end of a visit, or its newest event while it is open; or the version before it began."""
        stream = asked.head.id
        started = self._newest(stream, spot, ("node_started",), after=first - 1, upto=last, attempt=spot.visit == 0)
        ended = self._newest(stream, spot, ENDS, after=first - 1, upto=last) if started is None else None
        newest = started or ended  # one that was parked when the walk began has only its end in there
        if newest is None:
            raise self._no_visit(asked, spot, first, last)
        visit = OfVisit(spot.address, _visit_of(newest.event))
        if spot.before:
            begun = self._newest(stream, visit, ("node_started",), after=0, upto=newest.version, attempt=True)
            return (begun or newest).version - 1
        ended = ended or self._end(stream, visit, after=newest.version, upto=last)
        later = ended or self._newest(stream, visit, VISITING, after=newest.version, upto=last)
        return (later or newest).version

    def _newest(
        self, stream: str, spot: OfVisit, tags: tuple[str, ...], *, after: int, upto: int, attempt: bool = False
    ) -> Recorded | None:
        """The newest of a visit's events; with `attempt` only of those that concern the first attempt."""
        events = self._of_visit(stream, spot, tags, after=after, upto=upto)
        return next((each for each in events if not attempt or getattr(each.event, "attempt", 1) == 1), None)

    def _end(self, stream: str, visit: OfVisit, *, after: int, upto: int) -> Recorded | None:
        return next(self._of_visit(stream, visit, ENDS, after=after, upto=upto, newest_first=False), None)

    def _of_visit(
        self, stream: str, spot: OfVisit, tags: tuple[str, ...], *, after: int, upto: int, newest_first: bool = True
    ) -> Iterator[Recorded]:
        texts = [[quoted("address", spot.address)], *([[quoted("visit", spot.visit)]] if spot.visit else [])]

        def meant(event: ExecutionEvent) -> bool:
            number = _visit_of(event)
            return getattr(event, "address", "") == spot.address and number > 0 and spot.visit in (0, number)

        search = self._searches.newest if newest_first else self._searches.oldest
        return search(stream, tags=tags, texts=texts, meant=meant, after=after, upto=upto)

    def _no_visit(self, asked: _Asked, spot: OfVisit, first: int, last: int) -> Unacceptable:
        step = OfVisit(spot.address)
        there = self._newest(asked.head.id, step, ("node_started",), after=first - 1, upto=last, attempt=True)
        if there is not None:
            number = _visit_of(there.event)
            message = f"names no version: the newest visit of {spot.address} there is {number}."
            return asked.refusal(message, [f"node:{spot.address}@{number}"])
        near = near_addresses(spot.address, asked.head.step_names.keys())
        message = f"names no version: {cut(spot.address)} was not visited there."
        return asked.refusal(message, [f"node:{each}" for each in near])

    def _mark(self, asked: _Asked, name: str, first: int, last: int, *, within: bool) -> int:
        """The version of a mark. A step's snapshot is complete at the end of its visit."""
        taken = self._taken(asked.head, name, first, last, within=within)
        if taken is None:
            near = [f"mark:{each}" for each in all_near(name, asked.head.marks.keys())]
            raise asked.refusal("names no version: nothing has that name there.", near)
        snapshot = taken.event
        assert isinstance(snapshot, SnapshotTaken), taken
        if not snapshot.address:
            return taken.version
        visit = OfVisit(snapshot.address, snapshot.visit)
        ended = self._end(asked.head.id, visit, after=taken.version, upto=last)
        return (ended or taken).version

    def _taken(self, head: Execution, name: str, first: int, last: int, *, within: bool) -> Recorded | None:
        if not within:  # the fold has them all
            version = head.marks.get(name, 0)
            there = self._log.read(head.id, after=version - 1, limit=1) if version else []
            taken_there = there[0].event if there else None
            return there[0] if isinstance(taken_there, SnapshotTaken) and taken_there.name == name else None
        texts = [[quoted("name", name)]]
        taken = self._searches.newest(
            head.id,
            tags=("snapshot_taken",),
            texts=texts,
            meant=lambda event: isinstance(event, SnapshotTaken) and event.name == name,
            after=first - 1,
            upto=last,
        )
        return next(taken, None)


class _Asked(msgspec.Struct, frozen=True):
    """What somebody asked for, and of which execution: what refusals are made of."""

    head: Execution
    at: str
    where: str

    def refusal(self, why: str, near: Sequence[str] = ()) -> Unacceptable:
        """`at=zz names no version: …`; `near` is what may have been meant, the nearest first."""
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        message = f"{self.where.strip('?/')}={cut(self.at)} {why}{hint}"
        details = {"head": self.head.version, "path": self.where, **({"nearest": near[0]} if near else {})}
        return Unacceptable(message, code="INVALID_VERSION", details=details)

    def outside(self, place: Place, first: int, last: int) -> Unacceptable:
        """A version that is not there."""
        if isinstance(place.spot, Moment):
            return self.refusal(f"is before the first version, which is of {iso(self.head.started)}.")
        whose = self.head.id if place.walk is None else f"walk {place.walk} of {self.head.id}"
        return self.refusal(f"is not a version of {whose}: those are {first} to {last}.")


def begins_walk(event: ExecutionEvent) -> bool:
    """Whether a new walk begins with an event."""
    return isinstance(event, RolledBack) or (isinstance(event, Resumed) and event.cause == "retry")


def near_addresses(address: str, known: Iterable[str]) -> list[str]:
    """The known addresses that may have been meant, the nearest first."""
    by_end = {each[-COMPARED:]: each for each in known}
    return [by_end[end] for end in all_near(address[-COMPARED:], by_end)]


def _visit_of(event: object) -> int:
    number = getattr(event, "visit", 0)
    return number if isinstance(number, int) else 0


def cut(text: str) -> str:
    """What was given, as messages show it."""
    text = text.encode(errors="replace").decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
