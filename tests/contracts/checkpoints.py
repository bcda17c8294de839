"""The contract of the `Checkpoints` port. A store's tests inherit it and say how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from application.ports import Checkpoint, Checkpoints, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = "this"


def checkpoint(
    version: int, *, of: str = "e", time: int | None = None, fold: bytes = b"\x00fold\xff", hash_: bytes = b"\x01" * 32
) -> Checkpoint:
    """A checkpoint; its time is ten times its version unless it is said."""
    return Checkpoint(
        execution_id=of, version=version, time=10 * version if time is None else time, hash=hash_, fold=fold
    )


def version_of(found: Checkpoint | None) -> int | None:
    """Which one was found."""
    return None if found is None else found.version


class CheckpointsContract(ABC):
    """What any store of checkpoints must do."""

    @pytest.fixture
    def checkpoints(self) -> Iterator[Checkpoints]:
        """An empty store."""
        checkpoints = self.open()
        yield checkpoints
        checkpoints.close()

    @abstractmethod
    def open(self, format_: str = FORMAT) -> Checkpoints:
        """Open the store of this test for a format, empty the first time."""

    def test_an_empty_store_has_none(self, checkpoints: Checkpoints) -> None:
        """Whatever it is asked for; and there is nothing to forget."""
        assert checkpoints.nearest("e") is None
        assert checkpoints.nearest("e", upto=5) is None
        assert checkpoints.nearest("e", time=5) is None
        checkpoints.forget("e")

    def test_what_is_put_is_found_whole(self, checkpoints: Checkpoints) -> None:
        """Byte by byte, of any size, under ids and times of any kind."""
        odd = "ex_é/ü 🧵'\"%"
        put = [checkpoint(1, of=odd, fold=bytes(range(256)) * 400), checkpoint(2**53, of=odd, time=2**62, fold=b"")]
        checkpoints.put(put)
        assert checkpoints.nearest(odd, upto=1) == put[0]
        assert checkpoints.nearest(odd) == put[1]

    def test_the_nearest_by_version(self, checkpoints: Checkpoints) -> None:
        """The newest at or below it."""
        checkpoints.put([checkpoint(each) for each in (30, 10, 20)])
        found = [version_of(checkpoints.nearest("e", upto=upto)) for upto in (0, 9, 10, 19, 20, 29, 30, 10**12)]
        assert found == [None, None, 10, 10, 20, 20, 30, 30]
        assert version_of(checkpoints.nearest("e")) == 30

    def test_the_nearest_by_time(self, checkpoints: Checkpoints) -> None:
        """The newest that is not after it; of several at one time the newest version."""
        checkpoints.put([checkpoint(1, time=5), checkpoint(2, time=7), checkpoint(3, time=7), checkpoint(4, time=9)])
        found = [version_of(checkpoints.nearest("e", time=time)) for time in (4, 5, 6, 7, 8, 9, 10)]
        assert found == [None, 1, 1, 3, 3, 4, 4]

    def test_both_bounds_hold_together(self, checkpoints: Checkpoints) -> None:
        """By version and by time at once."""
        checkpoints.put([checkpoint(1, time=5), checkpoint(2, time=7), checkpoint(3, time=7), checkpoint(4, time=9)])
        assert version_of(checkpoints.nearest("e", upto=2, time=9)) == 2
        assert version_of(checkpoints.nearest("e", upto=4, time=6)) == 1
        assert checkpoints.nearest("e", upto=4, time=4) is None

    def test_executions_are_apart(self, checkpoints: Checkpoints) -> None:
        """Also where their ids begin alike, and when one is forgotten."""
        checkpoints.put([checkpoint(1), checkpoint(9, of="e1"), checkpoint(2, of="E")])
        assert version_of(checkpoints.nearest("e")) == 1
        checkpoints.forget("e")
        assert checkpoints.nearest("e") is None
        assert [version_of(checkpoints.nearest(each)) for each in ("e1", "E")] == [9, 2]

    def test_a_later_one_of_a_version_takes_its_place(self, checkpoints: Checkpoints) -> None:
        """In one call and in two."""
        checkpoints.put([checkpoint(1, fold=b"a"), checkpoint(1, fold=b"b")])
        checkpoints.put([checkpoint(1, fold=b"c", time=3)])
        assert checkpoints.nearest("e") == checkpoint(1, fold=b"c", time=3)
        assert checkpoints.nearest("e", time=2) is None

    def test_nothing_may_be_put(self, checkpoints: Checkpoints) -> None:
        """An empty batch is one."""
        checkpoints.put([])
        assert checkpoints.nearest("e") is None

    def test_threads_read_and_write_at_once(self, checkpoints: Checkpoints) -> None:
        """Whoever looks finds a whole one or none."""
        wrong: list[Checkpoint] = []

        def write(name: str) -> None:
            for version in range(1, 40):
                checkpoints.put([checkpoint(version, of=name, fold=name.encode() * 100)])

        def look(name: str) -> None:
            for version in range(1, 200):
                found = checkpoints.nearest(name, upto=version)
                if found is not None and (found.execution_id, found.fold) != (name, name.encode() * 100):
                    wrong.append(found)

        threads = [Thread(target=work, args=(name,)) for name in ("a", "b") for work in (write, look, look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert [version_of(checkpoints.nearest(name)) for name in ("a", "b")] == [39, 39]

    def test_a_closed_store_says_so(self) -> None:
        """It answers nothing, and loses nothing silently."""
        checkpoints = self.open()
        checkpoints.put([checkpoint(1)])
        checkpoints.close()
        with pytest.raises(StoreUnavailable):
            checkpoints.nearest("e")
        with pytest.raises(StoreUnavailable):
            checkpoints.put([checkpoint(2)])
        with pytest.raises(StoreUnavailable):
            checkpoints.forget("e")


class DurableCheckpointsContract(CheckpointsContract):
    """What a store must do that outlives the process."""

    def test_they_are_there_at_the_next_opening(self) -> None:
        """As long as they are of the same format."""
        first = self.open()
        first.put([checkpoint(1), checkpoint(2)])
        first.close()
        second = self.open()
        assert second.nearest("e") == checkpoint(2)
        second.close()

    def test_those_of_another_format_are_not_seen(self) -> None:
        """And take no place from those of this one."""
        other = self.open("another")
        other.put([checkpoint(1), checkpoint(3, fold=b"of another")])
        other.close()
        this = self.open()
        assert this.nearest("e") is None
        this.put([checkpoint(1), checkpoint(2)])
        assert version_of(this.nearest("e")) == 2
        assert this.nearest("e", upto=1) == checkpoint(1)
        this.close()
