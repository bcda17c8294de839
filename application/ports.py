"""What the application asks of the outside, in the domain's words. Each port has an in-memory twin and a contract."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from domain.errors import ClewError
from domain.events import AnyEvent, WorkflowPublished
from domain.node import NodeCatalog, NodeMetadata, WorkflowNode

if TYPE_CHECKING:
    from domain.problems import Problem

Status = Literal["running", "suspended", "paused", "completed", "failed", "cancelled"]


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the log has it: `version` counts from 1 in its stream, `position` grows over the whole log.

    `hash` is SHA-256(hash of the version before, stream, version, tag, stored bytes): 32 bytes. `size` is that of the
    event as it is stored, in bytes.
    """

    position: int
    stream: str
    version: int
    event: AnyEvent
    hash: bytes
    size: int = 0


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """Events to put after version `after` of a stream (0: the stream must not exist)."""

    stream: str
    after: int
    events: tuple[AnyEvent, ...]


class VersionConflict(ClewError):
    """The stream is not at the version that the append was decided on. Read its tail, fold it, and decide again."""

    code = "VERSION_CONFLICT"


class StoreUnavailable(ClewError):
    """The store can't be read or written now. Nothing of what was being appended may be taken as recorded."""

    code = "STORE_UNAVAILABLE"


class StoreHeld(ClewError):
    """Another process holds the store for writing."""

    code = "STORE_HELD"


class EventLog(ABC):
    """The append-only log of all streams. Thread-safe; calls block until done."""

    commits_inline: int = sys.maxsize
    """The most streams whose appends are better committed by the thread that has them than handed to another one.

    It says what committing mostly is: computing in this process (however many), waiting for a disk (what one execution has
    waiting, which would only wait longer), or for a network (none).
    """

    @abstractmethod
    def append(self, batch: Sequence[Append]) -> list[tuple[Recorded, ...] | VersionConflict]:
        """Record all of the batch's appends that fit, in one durable transaction, and answer each in order.

        Appends of one batch see those before them. One that conflicts is answered with the conflict and records none of
        its events; the others are recorded all the same. Raises StoreUnavailable if nothing could be made durable.
        """

    @abstractmethod
    def read(
        self,
        stream: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """The events of a stream with `after` < version <= `upto`, oldest first unless asked, at most `limit`."""

    @abstractmethod
    def search(
        self,
        stream: str,
        *,
        tags: Sequence[str],
        texts: Sequence[Sequence[bytes]] = (),
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Recorded]:
        """Those of the events that `read` would give whose tag is among `tags` and whose JSON has one of each of `texts`.

        A text is a piece of an event as it is stored: of what `domain.json` makes of it. It may stand there for something
        else than is meant, so that whoever searches looks at what is found. A tag stands for those of the past, too.
        """

    @abstractmethod
    def follow(self, after: int, limit: int) -> list[Recorded]:
        """The events of all streams behind a position, in order of position, at most `limit`.

        What a follower has passed is complete: no event ever appears at a position before one already returned.
        """

    @abstractmethod
    def version(self, stream: str) -> int:
        """The number of events in a stream; 0 when there is no such stream."""

    @abstractmethod
    def position(self) -> int:
        """The position of the newest event; 0 when the log is empty."""

    def check(self) -> None:
        """Raise StoreUnavailable if it is known that nothing could be read or appended now."""
        self.position()

    def probe(self) -> None:
        """Make sure, as far as that goes without recording anything, that something could be recorded again now.

        Raises StoreUnavailable.
        """
        self.check()

    @abstractmethod
    def close(self) -> None:
        """Release the store. Nothing can be read or appended afterwards."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An execution folded up to a version, encoded (`fold`). `time` and `hash` are those of that version's event."""

    execution_id: str
    version: int
    time: int
    hash: bytes
    fold: bytes


class Checkpoints(ABC):
    """Folds of executions at some of their versions: a cache, which may be gone, or somebody else's, at any time.

    Whoever uses a checkpoint must hold it against the log. A store is opened for one format of folds, and shows no
    others. Thread-safe; calls block until done. Raises StoreUnavailable when it can't be read or written now.
    """

    @abstractmethod
    def put(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Keep checkpoints, each in the place of the one that there was of its execution and version."""

    @abstractmethod
    def nearest(self, execution_id: str, *, upto: int | None = None, time: int | None = None) -> Checkpoint | None:
        """The newest of an execution with version <= `upto`, and not after `time` (microseconds)."""

    @abstractmethod
    def forget(self, execution_id: str) -> None:
        """Throw away those of an execution."""

    @abstractmethod
    def close(self) -> None:
        """Release the store."""


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One execution's row in the lists. Times are microseconds since the epoch.

    `started_position` is the position of its first event, by which lists are ordered. `due` is when its next wait ends
    by itself (None: never, or while paused); `paused_at` when a pause began. `parked` holds the branches that are
    parked, be the execution paused or not, each with its due time (a pause moves it by its whole length at its end),
    `children` those that wait for a child, with its id; `parent` is the execution that it is itself a child of, `source` the
    one that it was forked off; `branches` counts all that are open.
    """

    execution_id: str
    workflow_id: str
    workflow_version: str
    status: Status
    version: int
    position: int
    started_position: int
    start_time: int
    update_time: int
    end_time: int | None = None
    current_address: str | None = None
    due: int | None = None
    paused_at: int | None = None
    branches: int = 1
    parked: dict[str, int | None] = {}
    children: dict[str, str] = {}
    parent: str | None = None
    source: str | None = None
    error_code: str | None = None
    labels: dict[str, str] = {}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of a list, newest execution first, and the opaque cursor of the rest (None: there is no more)."""

    items: tuple[Summary, ...]
    next: str | None = None


class Views(ABC):
    """The lists: folds of the log that may be thrown away and built again at any time. Thread-safe."""

    @abstractmethod
    def position(self) -> int:
        """How far into the log the views have come."""

    @abstractmethod
    def get(self, execution_ids: Sequence[str]) -> dict[str, Summary]:
        """The rows of those executions that have one."""

    @abstractmethod
    def put(self, rows: Sequence[Summary], position: int, *, published: Sequence[WorkflowPublished] = ()) -> None:
        """Store rows, newly published versions, and the position that they bring the views to, in one transaction."""

    @abstractmethod
    def clear(self) -> None:
        """Throw all rows away and begin again at position 0, in one transaction."""

    @abstractmethod
    def executions(
        self,
        *,
        status: Sequence[Status] = (),
        workflow: str | None = None,
        source: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """A page of executions, newest first; those that were forked off `source`, if that is given.

        Raises Unacceptable for a cursor that it did not make.
        """

    @abstractmethod
    def workflows(self) -> list[dict[str, Any]]:
        """Every workflow id seen, in order: `{workflowId, workflowVersion, publishedVersion, executions, lastStart}`.

        That is its newest version seen, run or published, the newest published one, the number of its executions, and
        when one last started (microseconds). What there is none of is null.
        """

    @abstractmethod
    def published(self) -> list[str]:
        """The id of every workflow that has a published version, in order."""

    @abstractmethod
    def close(self) -> None:
        """Release the store."""


class NodeListing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A registered node as people see it, with where it came from."""

    metadata: NodeMetadata
    source: str


class LoadProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A node file or entry point that could not be loaded, while the others were."""

    source: str
    line: int | None
    message: str


class Nodes(NodeCatalog):
    """The node registry."""

    @abstractmethod
    def borrow(self, node_id: str) -> AbstractContextManager[WorkflowNode]:
        """An instance for one visit: new, the singleton, or one of a pool, given back at the end."""

    @abstractmethod
    def register(self, node_class: type[WorkflowNode]) -> None:
        """Add a node. Raises ClewError when it is ill-formed or its id is taken."""

    @abstractmethod
    def listing(self) -> list[NodeListing]:
        """All nodes, by id."""

    @abstractmethod
    def problems(self) -> list[LoadProblem]:
        """What could not be loaded, and why."""


class Clock(Protocol):
    """The time."""

    def now(self) -> int:
        """Microseconds since the epoch."""
        ...


class Ids(Protocol):
    """Identity."""

    def new(self, prefix: str) -> str:
        """A new id that sorts by time of making."""
        ...


class Secrets(Protocol):
    """Secrets by reference."""

    def __getitem__(self, name: str) -> str: ...


SchemaCheck = Callable[[Any, Any], "list[Problem]"]
"""(JSON Schema, value) -> what breaks the schema, as pointers into the value. Raises Unacceptable for a bad schema."""

Locate = Callable[[bytes, "Sequence[Problem]"], "tuple[Problem, ...]"]
"""(source text, problems) -> the problems with line and column."""
