"""When checkpoints are written, by whom, and what becomes of those that can't be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from application import checkpointing
from application.checkpointing import APART, CheckpointWriter, Growth, checkpoint_of, fold_format, restored
from application.folds import Folds
from application.ports import Append, Checkpoint, Recorded, StoreUnavailable
from application.queries import Queries
from application.reading import PAGE
from domain.commands import Pause, Resume, Signal
from domain.errors import NotFound
from domain.events import CommandKey, DefinitionStored, EdgeTaken, SignalReceived
from domain.execution import Execution
from infrastructure.memory_checkpoints import MemoryCheckpoints
from infrastructure.memory_log import MemoryLog
from infrastructure.memory_views import MemoryViews
from tests.contracts.samples import said, started
from tests.support.workflows import Script, nodes_of
from tests.support.worlds import FailingLog, ManualClock, node, run, until, world

LONG_S = 30.0
KEY = CommandKey(key="k", request="r")


class Sick(MemoryCheckpoints):
    """A store that can be ill, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.ill = False
        self.puts: list[int] = []
        self.asked = 0

    def put(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Fail while it is ill."""
        if self.ill:
            raise StoreUnavailable("The disk is full.")
        self.puts += [each.version for each in checkpoints]
        super().put(checkpoints)

    def nearest(self, execution_id: str, *, upto: int | None = None, time: int | None = None) -> Checkpoint | None:
        """Fail while it is ill."""
        self.asked += 1
        if self.ill:
            raise StoreUnavailable("The disk is gone.")
        return super().nearest(execution_id, upto=upto, time=time)

    def forget(self, execution_id: str) -> None:
        """Fail while it is ill."""
        if self.ill:
            raise StoreUnavailable("The disk is gone.")
        super().forget(execution_id)


class CountingLog(MemoryLog):
    """A log that counts the events that are read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def read(
        self,
        stream: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """As ever."""
        found = super().read(stream, after=after, upto=upto, limit=limit, newest_first=newest_first)
        self.told += len(found)
        return found


def talkative(log: MemoryLog, events: int, *, of: str = "e") -> None:
    """An execution of that many events, the last of them a second later each."""
    said_ = [said("x" * 50, time=started().time + 1_000_000 * at) for at in range(1, events)]
    log.append([Append(stream=of, after=0, events=(started(), *said_))])


def signals(execution: Execution) -> int:
    """How many of them are kept."""
    return len(execution.kept["note"])


# What is written and believed


def test_a_checkpoint_is_believed_only_whole_and_of_its_event() -> None:
    """No bit of it may be another, and no other event may be in its place."""
    log = MemoryLog()
    talkative(log, 3)
    talkative(log, 3, of="other")
    execution, recorded = Folds(log).load("e"), log.read("e")[-1]
    checkpoint = checkpoint_of(execution, recorded.hash)
    assert (checkpoint.version, checkpoint.time, checkpoint.hash) == (3, recorded.event.time, recorded.hash)
    assert restored(checkpoint, recorded) == execution
    for at in range(len(checkpoint.fold)):
        damaged = bytearray(checkpoint.fold)
        damaged[at] ^= 4
        assert restored(replace(checkpoint, fold=bytes(damaged)), recorded) is None
    assert restored(replace(checkpoint, fold=checkpoint.fold[:-1]), recorded) is None
    assert restored(replace(checkpoint, fold=b""), recorded) is None
    for other in (log.read("e")[1], log.read("other")[-1], replace(recorded, hash=bytes(32))):
        assert restored(checkpoint, other) is None
        assert restored(replace(checkpoint, version=other.version, hash=other.hash), other) is None


def test_the_format_is_that_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another shape of an execution is another format, and so is another meaning of its fold."""
    now = fold_format()

    class Another(msgspec.Struct):
        id: str

    seen = {now}
    for name, value in (("MEANING", checkpointing.MEANING + 1), ("Execution", Another)):
        monkeypatch.setattr(checkpointing, name, value)
        fold_format.cache_clear()
        seen.add(fold_format())
    monkeypatch.undo()
    fold_format.cache_clear()
    assert (len(seen), fold_format()) == (3, now)


def test_it_is_time_when_enough_was_recorded() -> None:
    """At least so many events apart, and no sooner than they outweigh the checkpoint before."""
    log = MemoryLog()
    talkative(log, APART + 1)
    events = log.read("e")
    growth = Growth(size=sum(each.size for each in events[:-1]) + 1)
    growth.add(events[:-2])
    growth.add(events[-2:-1])
    assert (growth.events, growth.outweighs) == (APART, False)
    growth.add(events[-1:])
    assert growth.outweighs
    growth.restart(10)
    assert (growth.size, growth.outweighs) == (10, False)
    many = Growth(size=1)
    many.add(events[: APART - 1])
    assert not many.outweighs
    many.add(events[-1:])
    assert many.outweighs


# Reading


def test_whoever_folds_much_leaves_checkpoints_behind() -> None:
    """The next one to ask for any of those versions reads the few events since the nearest."""
    log, store = CountingLog(), Sick()
    talkative(log, 1_000)
    folds = Folds(log, store)
    assert signals(folds.load("e")) == 999
    assert folds.drain(LONG_S)
    assert store.puts[0] == APART
    assert all(later - before >= APART for before, later in zip(store.puts, store.puts[1:], strict=False))
    for version in (1, 130, 500, 999, 1_000):
        log.told = 0
        assert folds.load("e", upto=version).version == version
        apart = version - max((each for each in store.puts if each <= version), default=0)
        assert log.told == apart + (version >= APART)
    folds.close()


def test_checkpoints_never_weigh_more_than_the_history() -> None:
    """An execution that carries all it was ever told has few of them, at doubling distances."""
    log, store = MemoryLog(), Sick()
    talkative(log, 5_000)
    folds = Folds(log, store)
    folds.load("e")
    assert folds.drain(LONG_S)
    kept = [found for version in store.puts if (found := store.nearest("e", upto=version)) is not None]
    assert sum(len(each.fold) for each in kept[:-1]) <= sum(each.size for each in log.read("e"))
    assert 3 < len(store.puts) < 8


def test_the_version_at_a_time_is_found_by_the_checkpoints() -> None:
    """With reading few events, on both sides of a checkpoint, and before the first and after the last event."""
    log, store = CountingLog(), Sick()
    talkative(log, 1_000)
    folds = Folds(log, store)
    folds.load("e")
    assert folds.drain(LONG_S)
    begun = started().time
    for seconds in (0, 127, 128, 129, 700, 998):
        log.told = 0
        assert folds.version_at("e", begun + seconds * 1_000_000 + 1, upto=1_000) == seconds + 1
        assert log.told <= PAGE
    assert folds.version_at("e", begun - 1, upto=1_000) == 0
    assert folds.version_at("e", begun + 10**12, upto=1_000) == 1_000
    assert folds.version_at("e", begun + 10**12, upto=10) == 10


def test_a_store_that_is_ill_is_done_without() -> None:
    """Reading takes longer, and nothing else; what can't be thrown away is not believed either."""
    log, store = MemoryLog(), Sick()
    talkative(log, 300)
    folds = Folds(log, store)
    store.ill = True
    assert folds.load("e").version == 300
    assert folds.drain(LONG_S)
    assert folds.version_at("e", 10**18, upto=300) == 300
    store.ill = False
    assert store.nearest("e") is None
    folds.load("e")
    assert folds.drain(LONG_S)
    assert store.puts[0] == APART
    store.put([replace(checkpoint, fold=b"") for checkpoint in [store.nearest("e")] if checkpoint is not None])
    forget, store.forget = store.forget, _refuse  # type: ignore[method-assign]
    assert folds.load("e").version == 300
    store.forget = forget  # type: ignore[method-assign]
    assert folds.load("e").version == 300
    assert folds.drain(LONG_S)
    found = store.nearest("e")
    assert found is not None
    assert restored(found, log.read("e", after=found.version - 1)[0]) is not None


def _refuse(execution_id: str) -> None:
    raise StoreUnavailable(f"{execution_id} stays.")


def test_a_reader_that_keeps_none_writes_and_deletes_none() -> None:
    """It can look into a store that a server holds."""
    log, store = MemoryLog(), Sick()
    talkative(log, 300)
    folds = Folds(log, store, keeps=False)
    assert folds.load("e").version == 300
    assert store.puts == []
    wrong = Checkpoint(execution_id="e", version=200, time=0, hash=bytes(32), fold=b"")
    store.put([wrong])
    assert folds.load("e").version == 300
    assert store.nearest("e") == wrong
    folds.close()


def test_what_is_no_execution_is_not_found() -> None:
    """With a base and without, with checkpoints and without."""
    log = MemoryLog()
    log.append([Append(stream="d", after=0, events=(DefinitionStored(time=1, definition={}),))])
    for folds in (Folds(log), Folds(log, MemoryCheckpoints())):
        for name in ("none", "d"):
            with pytest.raises(NotFound):
                folds.load(name)


def test_a_long_tail_is_skipped_by_a_checkpoint() -> None:
    """Who comes back after many events need not fold them all from where they left."""
    log, store = CountingLog(), Sick()
    talkative(log, 5_000)
    folds = Folds(log, store)
    base = folds.load("e", upto=10)
    folds.load("e")
    assert folds.drain(LONG_S)
    log.told = 0
    assert folds.load("e", base=base) == folds.load("e")
    assert log.told < 2 * (5_000 - store.puts[-1]) + 2 * PAGE
    store.forget("e")
    assert folds.load("e", base=base) == folds.load("e")


def test_a_question_about_one_version_reads_little_of_a_long_history() -> None:
    """Once somebody has folded it."""
    log, store = CountingLog(), Sick()
    talkative(log, 3_000)
    folds = Folds(log, store)
    nodes = nodes_of(Script())
    queries = Queries(log, MemoryViews(), _programs(log, nodes), nodes, folds=folds)
    assert queries.state("e")["version"] == 3_000
    assert folds.drain(LONG_S)
    log.told = 0
    assert queries.state("e", "head~5")["version"] == 2_995
    assert queries.events("e", after=2_000, limit=10)["next"] == 2_010
    assert log.told < 3_000 - store.puts[-1] + 20


def _programs(log: MemoryLog, nodes: Any) -> Any:
    from application.programs import Programs
    from domain.limits import Limits

    return Programs(log, nodes, Limits())


# Writing


def offered(writer: CheckpointWriter, version: int, *, size: int = 1) -> bool:
    """Offer the writer a checkpoint of that version and size."""
    return writer.offer(Checkpoint(execution_id="e", version=version, time=0, hash=bytes(32), fold=bytes(size)))


class Held(Sick):
    """A store whose writing waits at a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.gate = threading.Event(), threading.Event()

    def put(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Wait to be let through."""
        self.reached.set()
        assert self.gate.wait(LONG_S)
        super().put(checkpoints)


def test_what_there_is_no_room_for_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by size, while nobody waits; one may always wait, however large."""
    monkeypatch.setattr(checkpointing, "MAX_WAITING", 3)
    monkeypatch.setattr(checkpointing, "MAX_WAITING_BYTES", 100)
    store = Held()
    writer = CheckpointWriter(store)
    assert offered(writer, 1)
    assert store.reached.wait(LONG_S)
    assert [offered(writer, version) for version in (2, 3, 4, 5)] == [True, True, True, False]
    store.gate.set()
    assert writer.drain(LONG_S)
    store.gate.clear()
    store.reached.clear()
    assert offered(writer, 6)
    assert store.reached.wait(LONG_S)
    assert [offered(writer, version, size=200) for version in (7, 8)] == [True, False]
    store.gate.set()
    assert writer.drain(LONG_S)
    assert store.puts == [1, 2, 3, 4, 6, 7]
    writer.stop()
    assert not offered(writer, 9)


def test_a_stop_writes_what_is_waiting_but_does_not_wait_for_a_hanging_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a cache."""
    store = Sick()
    writer = CheckpointWriter(store)
    offered(writer, 1)
    writer.stop()
    assert store.puts == [1]
    monkeypatch.setattr(checkpointing, "STOP_S", 0.01)
    held = Held()
    hanging = CheckpointWriter(held)
    offered(hanging, 1)
    hanging.stop()
    assert held.puts == []
    held.gate.set()


def _break(checkpoints: Sequence[Checkpoint]) -> None:
    raise ValueError("a fault")


def test_the_writer_outlives_what_it_can_not_write() -> None:
    """For whatever reason its store fails."""
    store = Sick()
    writer = CheckpointWriter(store)
    store.ill = True
    offered(writer, 1)
    assert writer.drain(LONG_S)
    store.ill = False
    put, store.put = store.put, _break  # type: ignore[method-assign]
    offered(writer, 2)
    assert writer.drain(LONG_S)
    store.put = put  # type: ignore[method-assign]
    offered(writer, 3)
    assert writer.drain(LONG_S)
    assert store.puts == [3]
    writer.stop()


# The engine


def test_a_running_execution_leaves_checkpoints_of_what_is_durable() -> None:
    """Each holds its version as the log has it; and its beginning is not read again at the next start."""

    async def test() -> None:
        log, store = CountingLog(), Sick()
        folds = Folds(log, store)
        async with world(nodes_of(Script()), log=log, folds=folds) as here:
            loop = {"range...": {"stop": 200, "loop?": ["a", {"$.n": "$.n + 1"}]}}
            ended = await here.run(loop, {"signal": {"name": "go"}}, state={"n": 0})
            assert ended.status == "suspended"
            assert folds.drain(LONG_S)
            assert len(store.puts) > 1
            for version in store.puts:
                found, recorded = store.nearest(ended.id, upto=version), log.read(ended.id, after=version - 1)[0]
                assert found is not None
                assert restored(found, recorded) == Folds(log).load(ended.id, upto=version)
        newest = store.puts[-1]
        async with world(nodes_of(Script()), log=log, folds=folds, unfinished=[here.row(ended.id)]) as again:
            log.told = 0
            await again.ask(ended.id, Signal(now=0, name="go"))
            assert log.told < ended.version - newest + 20
            assert (await again.settle(ended.id)).status == "completed"

    run(test())


def test_what_was_not_recorded_is_in_no_checkpoint() -> None:
    """A commit that fails takes its checkpoint with it."""

    async def test() -> None:
        log, store = FailingLog(), Sick()
        folds = Folds(log, store)
        log.when = lambda event: isinstance(event, EdgeTaken) and event.visit > 60
        log.failures = 3
        async with world(nodes_of(Script()), log=log, folds=folds) as here:
            ended = await here.run({"range...": {"stop": 200, "loop?": ["a", "b"]}})
            assert ended.status == "completed"
            assert log.failures == 0
            assert folds.drain(LONG_S)
            assert store.puts
            for version in store.puts:
                found, recorded = store.nearest(ended.id, upto=version), log.read(ended.id, after=version - 1)[0]
                assert found is not None
                assert restored(found, recorded) == Folds(log).load(ended.id, upto=version)

    run(test())


def test_a_command_sent_again_is_answered_without_reading_the_history() -> None:
    """From the checkpoint before it, however much has happened since."""

    async def test() -> None:
        log, store = CountingLog(), Sick()
        folds = Folds(log, store)

        clock = ManualClock()

        async def slow(context: Any, config: Any) -> None:
            await asyncio.sleep(0)
            clock.time += 1

        async with world(nodes_of(Script(), node("slow", slow)), log=log, folds=folds, clock=clock) as here:
            loop = {"range...": {"stop": 300, "loop?": ["slow", "a"]}}
            execution_id = await here.submit(loop, {"signal": {"name": "go"}})
            await until(lambda: log.version(execution_id) > 600)
            asked = Signal(now=0, name="early", payload=1, key=KEY)
            first = await here.engine.command(execution_id, asked)
            await here.settle(execution_id)
            assert folds.drain(LONG_S)
            log.told = 0
            again = await here.engine.command(execution_id, asked)
            assert (again.version, again.status, again.replayed) == (first.version, first.status, True)
            assert log.told < 512
            assert here.count(execution_id, SignalReceived) == 1

    run(test())


def test_a_command_sent_again_is_answered_with_all_that_it_led_to() -> None:
    """A signal that ends a wait is answered with the execution going on; then come others, and the answer stays."""

    async def test() -> None:
        async with world(nodes_of(Script())) as here:
            execution_id = await here.submit({"signal": {"name": "go"}}, {"later": {"$node": "signal", "name": "on"}})
            await here.settle(execution_id)
            first = await here.engine.command(execution_id, Signal(now=0, name="go", key=KEY))
            await here.settle(execution_id)
            here.clock.time += 1
            await here.ask(execution_id, Pause(now=0))
            await here.ask(execution_id, Resume(now=0))
            again = await here.engine.command(execution_id, Signal(now=0, name="go", key=KEY))
            assert (again.version, again.status) == (first.version, first.status)

    run(test())
