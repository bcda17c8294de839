"""Clew from a Python program, over HTTP: the same words as `clew.Engine`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar, Unpack, overload

import msgspec

from application.ports import Status
from application.requests import Accepted, Done, Published
from domain.problems import Problem
from interfaces.client import following, operations
from interfaces.client.requests import Call
from interfaces.client.wire import Server, Wire
from interfaces.forks import ForkOptions

T = TypeVar("T")


class Client:
    """A client of one server. Use it as a context manager, from one thread.

    Each POST carries an `Idempotency-Key`, so that a broken connection or a `503` is tried again, `attempts` times in
    all, without doing anything twice. A command with `if_version` is refused when the execution has another version by
    then. Raises the errors of `domain.errors`: NotFound, Refused, Unacceptable, InvalidDefinition (with `problems`), and
    Unavailable when no answer comes.

        with Client("http://127.0.0.1:8484") as client:
            result = client.run({"id": "hello", "name": "Hello", "version": "1.0.0", "workflow": ["empty"]})
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8484",
        *,
        timeout_s: float = 30.0,
        attempts: int = 5,
        actor: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = Server(url, timeout_s=timeout_s, attempts=attempts, actor=actor)
        self._wire = Wire(self._server, sleep=sleep)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The server's address."""
        return self._server.url

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()

    def _ask(self, call: Call[T]) -> T:
        return self._wire.carry(self._server.ask(call))

    # Starting and following

    def submit(
        self,
        definition: Mapping[str, Any],
        *,
        initial_state: Mapping[str, Any] | None = None,
        execution_id: str | None = None,
        on_conflict: Literal["fail", "use"] = "fail",
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        key: str | None = None,
    ) -> Accepted:
        """Begin an execution; durable when it returns. With the `key` of an earlier request: that one's answer again."""
        call = operations.submit(
            definition,
            initial_state=initial_state,
            execution_id=execution_id,
            on_conflict=on_conflict,
            labels=labels,
            priority=priority,
            key=key,
        )
        return self._ask(call)

    def publish(self, definition: Mapping[str, Any]) -> Published:
        """Publish a definition under its own id and version, for good; `new` is False when it was so already.

        Raises InvalidDefinition; Refused when another definition has that version.
        """
        return self._ask(operations.publish(definition))

    def start(
        self,
        workflow_id: str,
        version: str = "latest",
        *,
        initial_state: Mapping[str, Any] | None = None,
        execution_id: str | None = None,
        on_conflict: Literal["fail", "use"] = "fail",
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        key: str | None = None,
    ) -> Accepted:
        """Begin an execution of a published version; durable when it returns. Raises NotFound, or Refused when the
        nodes have changed since it was published.
        """
        call = operations.start(
            workflow_id,
            version,
            initial_state=initial_state,
            execution_id=execution_id,
            on_conflict=on_conflict,
            labels=labels,
            priority=priority,
            key=key,
        )
        return self._ask(call)

    def run(
        self,
        definition: Mapping[str, Any],
        *,
        initial_state: Mapping[str, Any] | None = None,
        timeout_s: float = 60.0,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Begin an execution and wait until it ends, parks or pauses. Returns it; raises TimeoutError past the time."""
        call = operations.submit(definition, initial_state=initial_state, key=key)
        return self._wire.carry(following.run(self._server, call, timeout_s))

    def wait(self, execution_id: str, *, timeout_s: float = 60.0) -> bool:
        """Wait until an execution has ended, parked or paused. False when the time was not enough.

        One that waits for a child has parked when that has.
        """
        return self._wire.carry(following.wait(self._server, execution_id, timeout_s))

    # Reading

    def execution(self, execution_id: str) -> dict[str, Any]:
        """An execution as it is now."""
        return self._ask(operations.execution(execution_id))

    def state(
        self, execution_id: str, at: str | int | None = None, *, fields: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """`{executionId, version, state}` at a version: `17`, `head~3`, a time ending in `Z`, `node:/address@visit`,
        `mark:name`, `walk:2/head`; None: the newest. With `fields`, JSON Pointers, `fields: {pointer: value}` of those that
        there are, in the place of `state`.
        """
        return self._ask(operations.state(execution_id, at, fields))

    def definition_of(self, execution_id: str) -> dict[str, Any]:
        """The definition that an execution runs, as it was given."""
        return self._ask(operations.definition_of(execution_id))

    def events(
        self,
        execution_id: str,
        *,
        after: int = 0,
        limit: int = 100,
        order: Literal["asc", "desc"] = "asc",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """A page of the history: `{items, next}`, `next` being the `after` of the page behind it, or null.

        With `lineage` it goes on into what the execution was forked off; `after` and `next` then count all of that.
        """
        call = operations.events(execution_id, after=after, limit=limit, order=order, lineage=lineage)
        return self._ask(call)

    def all_events(self, execution_id: str, *, after: int = 0, lineage: bool = False) -> Iterator[dict[str, Any]]:
        """The history behind a version (see `events`), oldest first, page by page, up to where it ends now."""
        place: int | None = after
        while place is not None:
            page = self.events(execution_id, after=place, limit=operations.ALL_PAGE, lineage=lineage)
            yield from page["items"]
            place = page["next"]

    def executions(
        self,
        *,
        status: Sequence[Status] = (),
        workflow: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """A page of executions, newest first: `{items, next}`. What was begun or changed by this client is in it."""
        return self._ask(operations.executions(status=status, workflow=workflow, limit=limit, cursor=cursor))

    def workflows(self) -> list[dict[str, Any]]:
        """Every workflow that has been run or published. What was done by this client is in it."""
        return self._ask(operations.workflows())

    def versions(self, workflow_id: str) -> dict[str, Any]:
        """What is published of a workflow: `{workflowId, latest, items}`, the highest version first."""
        return self._ask(operations.versions(workflow_id))

    def definition(self, workflow_id: str, version: str = "latest") -> dict[str, Any]:
        """The definition of a published version."""
        return self._ask(operations.definition(workflow_id, version))

    def nodes(self) -> list[dict[str, Any]]:
        """All nodes, by id."""
        return self._ask(operations.nodes())

    def node(self, node_id: str) -> dict[str, Any]:
        """One node."""
        return self._ask(operations.node(node_id))

    def validate(self, definition: Mapping[str, Any] | bytes) -> tuple[Problem, ...]:
        """Everything the server has to say about a definition: errors, then warnings. Runs nothing.

        Given as bytes, the text itself is sent: the problems then have its lines and columns. Raises NotJson.
        """
        return self._ask(operations.validate(definition))

    # Acting

    def signal(
        self,
        execution_id: str,
        name: str,
        payload: Any = None,
        *,
        reason: str = "",
        address: str = "",
        visit: int = 0,
        key: str | None = None,
        if_version: int | None = None,
    ) -> Done:
        """Send a signal to its oldest wait, or to the one at `address` (and `visit`, if not 0)."""
        call = operations.signal(
            execution_id,
            name,
            payload,
            reason=reason,
            address=address,
            visit=visit,
            key=key,
            if_version=if_version,
        )
        return self._ask(call)

    def pause(
        self, execution_id: str, *, reason: str = "", key: str | None = None, if_version: int | None = None
    ) -> Done:
        """Let no further step begin."""
        return self._ask(operations.command(execution_id, "pause", reason=reason, key=key, if_version=if_version))

    def resume(
        self, execution_id: str, *, reason: str = "", key: str | None = None, if_version: int | None = None
    ) -> Done:
        """Go on after a pause, or try a failed execution again."""
        return self._ask(operations.command(execution_id, "resume", reason=reason, key=key, if_version=if_version))

    def retry(
        self,
        execution_id: str,
        *,
        reason: str = "",
        definition: Mapping[str, Any] | Literal["same", "latest"] = "same",
        key: str | None = None,
        if_version: int | None = None,
    ) -> Done:
        """Try a failed execution again from the step that failed; by another definition, or the latest that is published."""
        call = operations.retry(execution_id, definition, reason=reason, key=key, if_version=if_version)
        return self._ask(call)

    def cancel(
        self, execution_id: str, *, reason: str = "", key: str | None = None, if_version: int | None = None
    ) -> Done:
        """End an execution now."""
        return self._ask(operations.command(execution_id, "cancel", reason=reason, key=key, if_version=if_version))

    # What if

    def what_if(
        self,
        execution_id: str,
        *,
        at: str | int | None = None,
        patch: Sequence[Mapping[str, Any]] = (),
        definition: Mapping[str, Any] | str | None = None,
        assume: Mapping[str, Mapping[str, Any]] | Literal["recorded"] | None = None,
    ) -> dict[str, Any]:
        """Walk an execution again, from `at` on (None: its beginning), on a state changed by a JSON Patch, under another
        definition (or a published version of it, such as `latest`), or with other answers: nothing that has an effect runs.
        """
        call = operations.what_if(execution_id, at=at, patch=patch, definition=definition, assume=assume)
        return self._ask(call)

    def what_if_many(
        self,
        workflow_id: str,
        *,
        last: int = 100,
        status: Sequence[Status] = (),
        patch: Sequence[Mapping[str, Any]] = (),
        definition: Mapping[str, Any] | str | None = None,
        assume: Mapping[str, Mapping[str, Any]] | Literal["recorded"] | None = None,
    ) -> dict[str, Any]:
        """The same of the last executions of a workflow: how many would end otherwise, and where they first differ."""
        call = operations.what_if_many(
            workflow_id, last=last, status=status, patch=patch, definition=definition, assume=assume
        )
        return self._ask(call)

    # Forks

    def fork(self, execution_id: str, *, key: str | None = None, **options: Unpack[ForkOptions]) -> Accepted:
        """Begin an execution that goes on from a version of this one (see `ForkOptions`); durable when it returns."""
        return self._ask(operations.fork(execution_id, options, key=key))

    def preview_fork(self, execution_id: str, **options: Unpack[ForkOptions]) -> dict[str, Any]:
        """What a fork would begin with, and what of this execution, behind the cut, would run again."""
        return self._ask(operations.preview_fork(execution_id, options))

    # Going back, editing and naming

    @overload
    def rollback(
        self,
        execution_id: str,
        to: str | int,
        *,
        dry_run: Literal[False] = False,
        reason: str = "",
        key: str | None = None,
        if_version: int | None = None,
    ) -> Done: ...

    @overload
    def rollback(self, execution_id: str, to: str | int, *, dry_run: Literal[True]) -> dict[str, Any]: ...

    def rollback(
        self,
        execution_id: str,
        to: str | int,
        *,
        dry_run: bool = False,
        reason: str = "",
        key: str | None = None,
        if_version: int | None = None,
    ) -> Done | dict[str, Any]:
        """Put an execution back to a version: `17`, `head~3`, a time, `mark:name`. What follows is a new walk.

        With `dry_run` nothing happens, and it says what would (see `rollback_preview`). Raises Refused when it is running
        or cancelled.
        """
        if dry_run:
            return self.rollback_preview(execution_id, to)
        call = operations.rollback(execution_id, to, reason=reason, key=key, if_version=if_version)
        return self._ask(call)

    def rollback_preview(self, execution_id: str, to: str | int = "head") -> dict[str, Any]:
        """What a rollback would do: `{to, refused, patch, repeats, waits, children, signals, …}`."""
        return self._ask(operations.rollback_preview(execution_id, to))

    def edit(
        self,
        execution_id: str,
        patch: Sequence[Mapping[str, Any]],
        *,
        reason: str = "",
        key: str | None = None,
        if_version: int | None = None,
    ) -> Done:
        """Change the state of an execution that stands still, by the operations of a JSON Patch (RFC 6902).

        Raises Refused while it runs and when it is over, Unacceptable for a patch that does not apply.
        """
        call = operations.edit(execution_id, patch, reason=reason, key=key, if_version=if_version)
        return self._ask(call)

    def snapshot(
        self, execution_id: str, name: str, *, reason: str = "", key: str | None = None, if_version: int | None = None
    ) -> Done:
        """Name the newest version, which is the answer's: `mark:name` from then on. A name used again moves."""
        call = operations.snapshot(execution_id, name, reason=reason, key=key, if_version=if_version)
        return self._ask(call)

    def snapshots(self, execution_id: str) -> dict[str, Any]:
        """The versions that have a name: `{items: [{name, version, time, actor, reason, address?}]}`."""
        return self._ask(operations.snapshots(execution_id))

    # Explaining

    def diff(self, execution_id: str, from_: str | int | None = None, to: str | int | None = None) -> dict[str, Any]:
        """What leads from the state at one version (the first) to that at another (the newest), and which event made
        each change: `{from, to, patch, changes}`.
        """
        return self._ask(operations.diff(execution_id, from_, to))

    def blame(
        self,
        execution_id: str,
        pointer: str,
        at: str | int | None = None,
        *,
        limit: int | None = None,
        lineage: bool = False,
    ) -> dict[str, Any]:
        """Who last wrote what is at a pointer, and who did before: `{pointer, at, value, written, earlier, next}`, `next`
        being the version to ask at for the rest, or null. With `lineage` it goes on into what the execution was forked off:
        each write names its `executionId`, and `at` and `next` may be `ID@VERSION`.
        """
        return self._ask(operations.blame(execution_id, pointer, at, limit=limit, lineage=lineage))

    def step(
        self,
        execution_id: str,
        at: str | int | None = None,
        *,
        dir: Literal["back", "forward"] = "back",
        by: str = "event",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """The nearest `event`, `node`, `visit`, `error` or `write:/pointer` before a version, or behind it:
        `{version, event}`, both null where there is none. With `lineage` it goes on into what the execution was forked off,
        the answer has the `executionId` of the event, and `at` may be `ID@VERSION`.
        """
        return self._ask(operations.step(execution_id, at, dir=dir, by=by, lineage=lineage))

    # Measuring

    def path(self, execution_id: str, *, after: int = 0, limit: int | None = None) -> dict[str, Any]:
        """An execution with a page of its `path`: each visit with the parameters that it ran with, its edge and times."""
        return self._ask(operations.path(execution_id, after=after, limit=limit))

    def timeline(
        self, execution_id: str, *, after: int = 0, limit: int | None = None, lineage: bool = False
    ) -> dict[str, Any]:
        """The visits of an execution as columns: `{executionId, version, columns, next}`. With `lineage` those of what it
        was forked off come first, a column `execution` says whose each is, and `after` and `next` count all of that.
        """
        return self._ask(operations.timeline(execution_id, after=after, limit=limit, lineage=lineage))

    def metrics(self, execution_id: str) -> dict[str, Any]:
        """What an execution took, in all, by step and by node."""
        return self._ask(operations.metrics(execution_id))

    def lineage(
        self, execution_id: str, *, after: int = 0, limit: int | None = None, depth: int | None = None
    ) -> dict[str, Any]:
        """The tree around an execution: its ancestors, its walks, and its descendants."""
        return self._ask(operations.lineage(execution_id, after=after, limit=limit, depth=depth))

    def probe(
        self,
        execution_id: str,
        expr: str,
        *,
        every: Literal["version", "change"] = "version",
        from_: str | int | None = None,
        to: str | int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What an expression gives at each version, or where that changes: `{version, time, value}` or, in its place,
        `error`, each as it comes. Closing the iterator ends it.
        """
        for line in self._wire.lines(operations.probe(execution_id, expr, every=every, from_=from_, to=to)):
            yield msgspec.json.decode(line)

    def compare(self, left: str, right: str) -> dict[str, Any]:
        """Two executions, each `ID` or `ID@VERSION`: where they first differ, where their ways part, and the patch from
        the state of the one to that of the other.
        """
        return self._ask(operations.compare(left, right))

    # The service itself

    def version(self) -> dict[str, Any]:
        """What the server says of its version."""
        return self._ask(operations.version())

    def ready(self) -> bool:
        """Whether the server is there and can do its work; asks once."""
        return self._wire.carry(following.ready(self._server))
