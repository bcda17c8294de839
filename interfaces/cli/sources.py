"""Where answers come from: a server, or a store on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from interfaces.cli.options import DEFAULT_URL, Place

if TYPE_CHECKING:
    from application.ports import Status
    from interfaces.client.client import Client
    from interfaces.forks import ForkOptions

ATTEMPTS: Final = 3
"""Times a server is asked before a person is told that it does not answer."""
SETTLE_S: Final = 3_600.0
"""How long a command on a local store drives the execution at most, until it ends, parks or pauses."""


class Source(Protocol):
    """What can be read, in the form that is on the wire."""

    def execution(self, execution_id: str) -> dict[str, Any]:
        """One execution."""
        ...

    def state(self, execution_id: str, at: str | None = None, *, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """Its state at a version, or parts of it."""
        ...

    def diff(self, execution_id: str, from_: str | None = None, to: str | None = None) -> dict[str, Any]:
        """What has changed between two of its versions."""
        ...

    def blame(
        self, execution_id: str, pointer: str, at: str | None = None, *, limit: int = 100, lineage: bool = False
    ) -> dict[str, Any]:
        """Who wrote what is at a pointer."""
        ...

    def step(
        self,
        execution_id: str,
        at: str | None = None,
        *,
        dir: Literal["back", "forward"] = "back",
        by: str = "event",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """The next event of a kind, or the one before."""
        ...

    def events(
        self,
        execution_id: str,
        *,
        after: int = 0,
        limit: int = 100,
        order: Literal["asc", "desc"] = "asc",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """A page of its history, or of all that led to it."""
        ...

    def definition_of(self, execution_id: str) -> dict[str, Any]:
        """The definition that it runs."""
        ...

    def rollback_preview(self, execution_id: str, to: str) -> dict[str, Any]:
        """What a rollback would do."""
        ...

    def snapshots(self, execution_id: str) -> dict[str, Any]:
        """Its versions that have a name."""
        ...

    def executions(
        self, *, status: Sequence[Status] = (), workflow: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> dict[str, Any]:
        """A page of the list."""
        ...

    def path(self, execution_id: str, *, after: int = 0, limit: int = 100) -> dict[str, Any]:
        """One execution with a page of its path."""
        ...

    def timeline(
        self, execution_id: str, *, after: int = 0, limit: int = 1_000, lineage: bool = False
    ) -> dict[str, Any]:
        """Its visits as columns."""
        ...

    def metrics(self, execution_id: str) -> dict[str, Any]:
        """What it took."""
        ...

    def lineage(self, execution_id: str, *, after: int = 0, limit: int = 100, depth: int = 3) -> dict[str, Any]:
        """The tree around it."""
        ...

    def probe(
        self,
        execution_id: str,
        expr: str,
        *,
        every: Literal["version", "change"] = "version",
        from_: str | None = None,
        to: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What an expression gives at its versions."""
        ...

    def compare(self, left: str, right: str) -> dict[str, Any]:
        """Two executions side by side."""
        ...

    def workflows(self) -> list[dict[str, Any]]:
        """All workflows that are known."""
        ...

    def versions(self, workflow_id: str) -> dict[str, Any]:
        """What is published of one."""
        ...

    def definition(self, workflow_id: str, version: str = "latest") -> dict[str, Any]:
        """The definition of a published version."""
        ...

    def nodes(self) -> list[dict[str, Any]]:
        """All nodes."""
        ...

    def node(self, node_id: str) -> dict[str, Any]:
        """One node."""
        ...


def connect(place: Place) -> Client:
    """A client of the place's server, or of the default one."""
    from interfaces.client.client import Client

    return Client(place.url or DEFAULT_URL, attempts=ATTEMPTS)


def fork(place: Place, execution_id: str, options: ForkOptions) -> dict[str, Any]:
    """Fork an execution; gives the fork as it is then.

    On a local store an engine is started for it, which goes on until the fork has ended, parked or paused.
    """
    if place.store is None:
        with connect(place) as client:
            return client.execution(client.fork(execution_id, **options).execution_id)
    with reading(place) as source:  # an unknown execution, or no store at all, is told without making one
        source.execution(execution_id)
    from interfaces.embedded import Engine

    with Engine(settings=place.settings(place.store)) as engine:
        accepted = engine.fork(execution_id, **options)
        engine.wait(accepted.execution_id, timeout_s=SETTLE_S)
        return engine.execution(accepted.execution_id)


def preview_fork(place: Place, execution_id: str, options: ForkOptions) -> dict[str, Any]:
    """What a fork would do."""
    if place.store is None:
        with connect(place) as client:
            return client.preview_fork(execution_id, **options)
    from interfaces.bootstrap import open_reader
    from interfaces.forks import fork_of

    reader = open_reader(place.settings(place.store))
    try:
        return reader.queries.forks.preview(fork_of(execution_id, options))
    finally:
        reader.close()


@contextlib.contextmanager
def reading(place: Place) -> Iterator[Source]:
    """The place, to read from. A local store is opened for reading only, and may be held by a server."""
    if place.store is None:
        with connect(place) as client:
            yield client
        return
    from interfaces.bootstrap import open_reader

    reader = open_reader(place.settings(place.store))
    try:
        yield reader.queries
    finally:
        reader.close()


Action = Literal["signal", "pause", "resume", "retry", "cancel", "rollback", "edit", "snapshot"]


def act(place: Place, action: Action, execution_id: str, *, reason: str, **extra: Any) -> dict[str, Any]:
    """Ask something of an execution; gives `{executionId, status, version, changed}` as it is then.

    On a local store an engine is started for it, which goes on until the execution has ended, parked or paused.
    Raises StoreHeld while a server holds the store.
    """
    if place.store is None:
        with connect(place) as client:
            done = getattr(client, action)(execution_id, reason=reason, **extra)
        return {
            "executionId": done.execution_id,
            "status": done.status,
            "version": done.version,
            "changed": done.changed,
        }
    with reading(place) as source:  # an unknown execution, or no store at all, is told without making one
        source.execution(execution_id)
    from interfaces.embedded import Engine

    with Engine(settings=place.settings(place.store)) as engine:
        done = getattr(engine, action)(execution_id, reason=reason, **extra)
        changed = done if isinstance(done, bool) else done.changed
        engine.wait(execution_id, timeout_s=SETTLE_S)
        execution = engine.execution(execution_id)
    return {
        "executionId": execution_id,
        "status": execution["status"],
        "version": execution["version"],
        "changed": changed,
    }
