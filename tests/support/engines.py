"""Real services on a log of the test's choosing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from application.engine import Engine, EngineSettings
from application.folds import Folds
from application.ports import Append, Clock, EventLog, Nodes, Recorded
from application.programs import Programs
from application.service import Service
from domain.limits import Limits
from infrastructure.json_schemas import check_schema
from infrastructure.memory_log import MemoryLog
from infrastructure.memory_views import MemoryViews
from infrastructure.system import SystemClock, TimeSortedIds

WORKER = "test:1"


@contextmanager
def service_on(
    log: EventLog,
    nodes: Nodes,
    *,
    clock: Clock | None = None,
    limits: Limits | None = None,
    folds: Folds | None = None,
) -> Iterator[Service]:
    """A started service on `log`, stopped at the end."""
    programs = Programs(log, nodes, limits or Limits())

    def make_engine(committed: Callable[[int], None]) -> Engine:
        return Engine(
            log=log,
            nodes=nodes,
            clock=clock or SystemClock(),
            ids=TimeSortedIds(),
            check_schema=check_schema,
            programs=programs,
            settings=EngineSettings(limits=limits or Limits(), worker=WORKER),
            committed=committed,
            folds=folds,
        )

    service = Service(
        log=log, views=MemoryViews(), nodes=nodes, programs=programs, make_engine=make_engine, folds=folds
    )
    try:
        service.start()
        yield service
    finally:
        service.stop()


def everything(log: EventLog) -> list[Recorded]:
    """All events of a log, in order."""
    return log.follow(0, 1_000_000)


def log_with(events: list[Recorded]) -> MemoryLog:
    """A log that holds just these events."""
    log = MemoryLog()
    for recorded in events:
        log.append([Append(stream=recorded.stream, after=recorded.version - 1, events=(recorded.event,))])
    return log
