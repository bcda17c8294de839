"""The contract of the `EventLog` port. A store's tests inherit it and say how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from secrets import token_hex
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest

from application.ports import Append, EventLog, Recorded, StoreUnavailable, VersionConflict
from domain import json
from tests.contracts.samples import append, must, node_started, said, started, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WRITERS = 20
APPENDS_PER_WRITER = 15


class EventLogContract(ABC):
    """What any store must do."""

    @pytest.fixture
    def log(self) -> Iterator[EventLog]:
        """An empty log."""
        log = self.open()
        yield log
        log.close()

    @abstractmethod
    def open(self) -> EventLog:
        """Open the log of this test, empty the first time."""

    def test_an_empty_log_has_nothing_to_say(self, log: EventLog) -> None:
        """No stream, no position, no event, and no error either."""
        assert log.position() == 0
        assert log.version("x") == 0
        assert log.read("x") == []
        assert log.follow(0, 10) == []

    def test_an_append_answers_with_what_is_then_read(self, log: EventLog) -> None:
        """Versions count from 1, positions grow, and reading gives equal events."""
        events = (started(), node_started(), said({"a": [1, 2.5, None, True, {"b": "c"}]}))
        recorded = must(log.append([Append(stream="x", after=0, events=events)])[0])
        assert [each.version for each in recorded] == [1, 2, 3]
        assert [each.event for each in recorded] == list(events)
        assert [each.position for each in recorded] == sorted({each.position for each in recorded})
        assert {each.stream for each in recorded} == {"x"}
        assert log.read("x") == list(recorded)
        assert log.follow(0, 10) == list(recorded)
        assert log.version("x") == 3
        assert log.position() == recorded[-1].position

    def test_streams_are_apart(self, log: EventLog) -> None:
        """Reading one stream gives nothing of another, even where names begin alike."""
        log.append([append("x", 0, "x1"), append("x1", 0, "other"), append("X", 0, "capital")])
        log.append([append("x", 1, "x2")])
        assert told(log.read("x")) == ["x1", "x2"]
        assert told(log.read("X")) == ["capital"]

    def test_after_zero_makes_a_stream_once(self, log: EventLog) -> None:
        """The second one to begin a stream is told so: (id, version 1) is the guard of idempotent starts."""
        log.append([append("x", 0, "first")])
        answer = log.append([append("x", 0, "second")])[0]
        assert isinstance(answer, VersionConflict)
        assert answer.details == {"stream": "x", "after": 0, "version": 1}
        assert told(log.read("x")) == ["first"]

    @pytest.mark.parametrize("after", [0, 1, 3, 99])
    def test_an_append_on_another_version_conflicts(self, log: EventLog, after: int) -> None:
        """Neither behind nor ahead of the head."""
        log.append([append("x", 0, 1, 2)])
        assert isinstance(log.append([append("x", after, "no")])[0], VersionConflict)
        assert log.version("x") == 2

    def test_the_same_append_twice_conflicts(self, log: EventLog) -> None:
        """Equal bytes are no excuse: two deciders may say the same at the same time."""
        log.append([append("x", 0, 1)])
        assert isinstance(log.append([append("x", 0, 1)])[0], VersionConflict)

    def test_a_conflict_in_a_batch_is_its_own_only(self, log: EventLog) -> None:
        """The others of the batch are recorded, whole and in order."""
        log.append([append("taken", 0, "t")])
        first, second, third = log.append([append("a", 0, 1, 2), append("taken", 0, "no", "no"), append("b", 0, 3)])
        assert isinstance(second, VersionConflict)
        assert told([*must(first), *must(third)]) == [1, 2, 3]
        assert told(log.follow(0, 10)) == ["t", 1, 2, 3]

    def test_a_batch_of_conflicts_records_nothing(self, log: EventLog) -> None:
        """And the log goes on afterwards."""
        assert [type(answer) for answer in log.append([append("a", 1, 1), append("b", 2, 1)])] == [VersionConflict] * 2
        assert log.position() == 0
        assert told(list(must(log.append([append("a", 0, "yes")])[0]))) == ["yes"]

    def test_appends_of_a_batch_see_those_before_them(self, log: EventLog) -> None:
        """Two that follow one another fit; two that were decided on the same version don't."""
        answers = log.append([append("x", 0, 1, 2), append("x", 2, 3), append("x", 2, "late"), append("x", 3, 4)])
        assert [isinstance(answer, VersionConflict) for answer in answers] == [False, False, True, False]
        assert told(log.read("x")) == [1, 2, 3, 4]

    def test_empty_requests_change_nothing(self, log: EventLog) -> None:
        """No appends, or one without events, which is answered with what it recorded."""
        assert log.append([]) == []
        assert log.append([Append(stream="x", after=0, events=())]) == [()]
        assert (log.version("x"), log.position()) == (0, 0)

    def test_reading_takes_bounds(self, log: EventLog) -> None:
        """`after` is exclusive, `upto` inclusive, and beyond the ends there is nothing."""
        log.append([append("x", 0, *range(1, 11))])
        assert told(log.read("x", after=7)) == [8, 9, 10]
        assert told(log.read("x", upto=3)) == [1, 2, 3]
        assert told(log.read("x", after=3, upto=5)) == [4, 5]
        assert told(log.read("x", limit=2)) == [1, 2]
        assert told(log.read("x", after=5, limit=2)) == [6, 7]
        assert told(log.read("x", limit=0)) == []
        assert told(log.read("x", after=10)) == []
        assert told(log.read("x", after=5, upto=5)) == []
        assert told(log.read("x", upto=99, limit=99)) == list(range(1, 11))

    def test_newest_first_takes_the_same_bounds(self, log: EventLog) -> None:
        """The limit then keeps the newest."""
        log.append([append("x", 0, *range(1, 11))])
        assert told(log.read("x", newest_first=True, limit=3)) == [10, 9, 8]
        assert told(log.read("x", after=4, upto=6, newest_first=True)) == [6, 5]

    def test_searching_finds_events_by_their_kind_and_what_they_say(self, log: EventLog) -> None:
        """Of the kinds that are asked for, those with one text of each group in their JSON; in another stream there are none."""
        log.append([Append(stream="x", after=0, events=(started(), *(node_started(visit=n) for n in (1, 2, 12))))])
        log.append([append("x", 4, "visit", {"visit": 2}), append("y", 0, {"visit": 2})])

        def found(*groups: Sequence[bytes], tags: Sequence[str] = ("node_started", "signal_received")) -> list[int]:
            return [each.version for each in log.search("x", tags=tags, texts=groups)]

        assert found() == [2, 3, 4, 5, 6]
        assert found([b'"visit":2']) == [3, 6]
        assert found([b'"visit":2', b'"visit":1']) == [2, 3, 4, 6]
        assert found([b'"visit":2', b'"visit":1'], [b'"node":"log"']) == [2, 3, 4]
        assert found([b'"visit":2'], tags=["node_started"]) == [3]
        assert found([b'"visit":2'], tags=["execution_started"]) == []
        assert found([b"nowhere"]) == found([]) == found(tags=[]) == []
        assert log.search("x", tags=["node_started"], texts=[[b'"visit":2']]) == log.read("x", after=2, limit=1)

    def test_searching_takes_the_bounds_of_reading(self, log: EventLog) -> None:
        """In either order; the limit counts what is found."""
        log.append([append("x", 0, *("odd" if n % 2 else "even" for n in range(1, 11)))])
        asked: dict[str, Any] = {"tags": ["signal_received"], "texts": [[b'"odd"']]}

        def found(**bounds: Any) -> list[int]:
            return [each.version for each in log.search("x", **asked, **bounds)]

        assert found() == [1, 3, 5, 7, 9]
        assert found(limit=2) == [1, 3]
        assert found(newest_first=True, limit=2) == [9, 7]
        assert found(after=3, upto=7) == [5, 7]
        assert found(after=3, upto=7, newest_first=True) == [7, 5]
        assert found(limit=0) == found(after=9) == found(upto=0) == []

    def test_searching_takes_any_text(self, log: EventLog) -> None:
        """Bytes are bytes: nothing in them is a pattern, or ends them."""
        odd = "100% _ \\ ' \" 🐎 ž \u0000"
        log.append([append("x", 0, odd, "100% of it", {odd: 1})])
        for text in (json.encode(odd), json.encode(odd)[1:9]):
            found = log.search("x", tags=["signal_received"], texts=[[text]])
            assert told(found) == [odd, {odd: 1}]

    def test_following_goes_by_position_over_all_streams(self, log: EventLog) -> None:
        """In the order of appending, page by page, without a gap or a repetition."""
        for n in range(10):
            log.append([append(f"s{n % 3}", n // 3, n)])
        seen: list[Recorded] = []
        while page := log.follow(seen[-1].position if seen else 0, 3):
            assert len(page) <= 3
            seen += page
        assert told(seen) == list(range(10))
        assert log.follow(log.position(), 3) == []
        assert log.follow(0, 0) == []

    def test_text_survives(self, log: EventLog) -> None:
        """Any text is itself again: in values, in keys and in names of streams."""
        text = "žluťoučký 🐎 \u0000 \u2028 \u202e \\ \" ' % ; DROP TABLE"
        log.append([append(text, 0, {text: text})])
        assert told(log.read(text)) == [{text: text}]
        assert log.version(text) == 1

    def test_a_name_may_be_long(self, log: EventLog) -> None:
        """As long as that of a workflow may be; what is alike at the beginning stays apart."""
        names = [random_text + end for random_text in [token_hex(20_000)] for end in ("", "\0", "\\", "x")]
        answers = log.append([append(name, 0, number) for number, name in enumerate(names)])
        assert [must(answer)[0].stream for answer in answers] == names
        assert [told(log.read(name)) for name in names] == [[0], [1], [2], [3]]
        assert [recorded.stream for recorded in log.follow(0, 10)] == names
        assert isinstance(log.append([append(names[1], 0, "again")])[0], VersionConflict)
        assert must(log.append([append(names[1], 1, "next")])[0])[0].version == 2

    def test_numbers_survive(self, log: EventLog) -> None:
        """At the ends of 64 bits, and where floats are short of digits."""
        numbers = [0, -1, 2**63, 2**64 - 1, -(2**63), 0.1, 1e308, 5e-324, -0.0, 1.0]
        log.append([append("x", 0, numbers)])
        read = told(log.read("x"))
        assert repr(read) == repr([numbers])

    def test_a_megabyte_survives(self, log: EventLog) -> None:
        """One event may be big, and its neighbours don't care."""
        big = "x" * 1_000_000
        log.append([append("x", 0, "before", big, "after")])
        assert told(log.read("x")) == ["before", big, "after"]

    def test_history_can_not_be_changed_through_what_was_read(self, log: EventLog) -> None:
        """Nor through what was appended."""
        payload = {"n": 1}
        log.append([append("x", 0, payload)])
        payload["n"] = 2
        read = told(log.read("x"))[0]
        assert isinstance(read, dict)
        read["n"] = 3
        assert told(log.read("x")) == [{"n": 1}]

    def test_hashes_chain_the_events_of_a_stream(self, log: EventLog) -> None:
        """Each depends on all before it, and on the stream; equal events at other places hash differently."""
        log.append([append("x", 0, "same", "same"), append("y", 0, "same", "same"), append("z", 0, "else", "same")])
        hashes = [recorded.hash for stream in "xyz" for recorded in log.read(stream)]
        assert len(set(hashes)) == 6
        assert {len(each) for each in hashes} == {32}

    def test_batching_does_not_change_history(self, log: EventLog) -> None:
        """The chain is the same however the events were grouped."""
        log.append([append("x", 0, 1, 2, 3)])
        together = [recorded.hash for recorded in log.read("x")]
        other = self.other()
        try:
            for n in (1, 2, 3):
                other.append([append("x", n - 1, n)])
            assert [recorded.hash for recorded in other.read("x")] == together
        finally:
            other.close()

    @abstractmethod
    def other(self) -> EventLog:
        """Open another, empty log."""

    def test_a_closed_log_says_so(self) -> None:
        """Rather than losing what it is given."""
        log = self.open()
        log.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            log.append([append("x", 0, 1)])
        with pytest.raises(StoreUnavailable, match="closed"):
            log.read("x")
        with pytest.raises(StoreUnavailable, match="closed"):
            log.follow(0, 1)
        with pytest.raises(StoreUnavailable, match="closed"):
            log.position()
        with pytest.raises(StoreUnavailable, match="closed"):
            log.version("x")
        log.close()

    def test_a_follower_of_many_writers_sees_every_event_once_and_in_order(self, log: EventLog) -> None:
        """Twenty threads append to streams of their own while one follows by position."""
        barrier = Barrier(WRITERS + 1)
        threads = [Thread(target=_write, args=(log, f"s{n}", barrier)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        barrier.wait()
        seen = _follow(log, WRITERS * APPENDS_PER_WRITER * 2)
        for thread in threads:
            thread.join()
        positions = [recorded.position for recorded in seen]
        assert positions == sorted(set(positions))
        for n in range(WRITERS):
            mine = [recorded for recorded in seen if recorded.stream == f"s{n}"]
            assert [recorded.version for recorded in mine] == list(range(1, APPENDS_PER_WRITER * 2 + 1))
        assert seen == log.follow(0, len(seen) + 1)

    def test_one_of_two_threads_that_want_the_same_version_wins(self, log: EventLog) -> None:
        """Each version is given to one of them, whatever the interleaving."""
        wins: list[int] = []
        barrier = Barrier(4)

        def contend() -> None:
            barrier.wait()
            for version in range(25):
                wins.extend(
                    version for answer in log.append([append("x", version, version)]) if isinstance(answer, tuple)
                )

        threads = [Thread(target=contend) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wins) == len(set(wins)) > 0
        assert told(log.read("x")) == sorted(wins)


class DurableEventLogContract(EventLogContract):
    """What a store that outlives its process must do besides."""

    def test_a_log_that_is_opened_again_is_the_same(self) -> None:
        """Events, hashes, versions, positions; and it goes on where it was."""
        log = self.open()
        log.append([append("x", 0, 1, 2), append("y", 0, 3)])
        before = (log.follow(0, 10), log.read("x"), log.version("y"), log.position())
        log.close()
        log = self.open()
        try:
            assert (log.follow(0, 10), log.read("x"), log.version("y"), log.position()) == before
            assert isinstance(log.append([append("x", 0, "no")])[0], VersionConflict)
            added = must(log.append([append("x", 2, 4)])[0])
            assert added[0].position > before[3]
            assert told(log.read("x")) == [1, 2, 4]
        finally:
            log.close()


def _write(log: EventLog, stream: str, barrier: Barrier) -> None:
    barrier.wait()
    for n in range(APPENDS_PER_WRITER):
        must(log.append([append(stream, 2 * n, n, n)])[0])


def _follow(log: EventLog, expected: int) -> list[Recorded]:
    """Follow until everything expected was seen; writers that stand still fail the test by its own time limit."""
    seen: list[Recorded] = []
    idle = 0
    while len(seen) < expected and idle < 200_000:
        page = log.follow(seen[-1].position if seen else 0, 7)
        idle = 0 if page else idle + 1
        seen += page
    return seen
