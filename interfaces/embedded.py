"""Clew inside a Python program: the whole engine in this process, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Unpack, overload

from application.explaining import BLAME_LIMIT
from application.lineage import LINEAGE_DEPTH, LINEAGE_LIMIT
from application.measuring_path import PATH_LIMIT
from application.measuring_timeline import TIMELINE_LIMIT
from application.ports import LoadProblem, Status
from application.requests import Accepted, Done, Published, Submission, ToPublish
from domain import json
from domain.commands import Cancel, EditState, OutsideCommand, Pause, Resume, Retry, Signal, TakeSnapshot
from domain.errors import StepFailure, Unacceptable
from domain.json_patch import read_operations
from domain.node import WorkflowNode
from interfaces.bootstrap import make_service
from interfaces.forks import ForkOptions, fork_of
from interfaces.settings import Secret, Settings
from interfaces.what_if import Asking


class Engine:
    """An engine on a store of its own: `memory:` (the default) or `sqlite:///PATH`.

    `secrets` are what definitions may name (`{"$secret": "name"}`) and nodes read as `context.secrets["name"]`.
    Use it as a context manager. What was running in the store goes on at once. Answers are those of the HTTP API.

        with Engine() as engine:
            result = engine.run({"id": "hello", "name": "Hello", "version": "1.0.0", "workflow": ["empty"]})
    """

    def __init__(
        self,
        store: str = "memory:",
        *,
        nodes: Sequence[type[WorkflowNode]] = (),
        node_folders: Sequence[Path | str] = (),
        secrets: Mapping[str, str] | None = None,
        settings: Settings | None = None,
    ) -> None:
        base = settings or Settings(
            store=store,
            nodes=tuple(Path(folder) for folder in node_folders),
            secrets={name: Secret(text) for name, text in (secrets or {}).items()},
        )
        self._service = make_service(base)
        for node in nodes:
            self._service.nodes.register(node)

    def __enter__(self) -> Engine:
        try:
            self._service.start()
        except BaseException:
            self._service.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._service.stop()

    @property
    def node_problems(self) -> list[LoadProblem]:
        """Node files and installed nodes that could not be loaded, while the others were."""
        return self._service.nodes.problems()

    def submit(
        self,
        definition: dict[str, Any],
        *,
        initial_state: dict[str, Any] | None = None,
        execution_id: str | None = None,
        on_conflict: Literal["fail", "use"] = "fail",
    ) -> Accepted:
        """Begin an execution; durable when it returns. Raises InvalidDefinition, Refused or Unacceptable."""
        submission = Submission(
            definition=_json(definition, "the definition"),
            initial_state=_state(initial_state),
            execution_id=execution_id,
            on_conflict=on_conflict,
        )
        return self._service.submit_and_wait(submission)

    def publish(self, definition: dict[str, Any], *, actor: str = "") -> Published:
        """Publish a definition under its own id and version, for good; `new` is False when it was so already.

        Raises InvalidDefinition; Refused when another definition has that version.
        """
        return self._service.publish_and_wait(ToPublish(definition=_json(definition, "the definition"), actor=actor))

    def start(
        self,
        workflow_id: str,
        version: str = "latest",
        *,
        initial_state: dict[str, Any] | None = None,
        execution_id: str | None = None,
        on_conflict: Literal["fail", "use"] = "fail",
    ) -> Accepted:
        """Begin an execution of a published version; durable when it returns. Raises NotFound, or Refused when the
        nodes have changed since it was published, or the id is taken.
        """
        chosen = self._service.queries.startable(workflow_id, version)
        submission = Submission(
            definition_hash=chosen.definition_hash,
            initial_state=_state(initial_state),
            execution_id=execution_id,
            on_conflict=on_conflict,
        )
        return self._service.submit_and_wait(submission)

    def run(
        self, definition: dict[str, Any], *, initial_state: dict[str, Any] | None = None, timeout_s: float = 60.0
    ) -> dict[str, Any]:
        """Begin an execution and wait until it ends, parks or pauses. Returns it; raises TimeoutError past the time."""
        accepted = self.submit(definition, initial_state=initial_state)
        if not self.wait(accepted.execution_id, timeout_s=timeout_s):
            raise TimeoutError(f"{accepted.execution_id} is still running after {timeout_s} s.")
        return self.execution(accepted.execution_id)

    def wait(self, execution_id: str, *, timeout_s: float = 60.0) -> bool:
        """Wait until an execution has ended, parked or paused. False when the time was not enough."""
        return self._service.wait_settled(execution_id, timeout_s)

    def execution(self, execution_id: str) -> dict[str, Any]:
        """An execution as `GET /executions/{id}` shows it. Raises NotFound."""
        return self._service.queries.execution(execution_id)

    def state(
        self, execution_id: str, at: str | int | None = None, *, fields: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """`{executionId, version, state}` at a version (default: the newest); with `fields`, JSON Pointers,
        `fields: {pointer: value}` of those that there are, in the place of `state`. Raises NotFound or Unacceptable.
        """
        return self._service.queries.state(execution_id, at, fields=fields)

    def definition_of(self, execution_id: str) -> dict[str, Any]:
        """The definition that an execution runs, as it was given. Raises NotFound."""
        return self._service.queries.definition_of(execution_id)

    def events(
        self,
        execution_id: str,
        *,
        after: int = 0,
        limit: int = 100,
        order: Literal["asc", "desc"] = "asc",
        lineage: bool = False,
    ) -> dict[str, Any]:
        """A page of the history: `{items, next}`. Raises NotFound.

        With `lineage` it goes on into what the execution was forked off; `after` and `next` then count all of that.
        """
        return self._service.queries.events(execution_id, after=after, limit=limit, order=order, lineage=lineage)

    def executions(
        self, *, status: Sequence[Status] = (), workflow: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> dict[str, Any]:
        """A page of executions, newest first: `{items, next}`."""
        return self._service.queries.executions(status=status, workflow=workflow, limit=limit, cursor=cursor)

    def workflows(self) -> list[dict[str, Any]]:
        """Every workflow that has been run or published."""
        return self._service.queries.workflows()

    def versions(self, workflow_id: str) -> dict[str, Any]:
        """What is published of a workflow: `{workflowId, latest, items}`, the highest version first. Raises NotFound."""
        return self._service.queries.versions(workflow_id)

    def definition(self, workflow_id: str, version: str = "latest") -> dict[str, Any]:
        """The definition of a published version. Raises NotFound."""
        return self._service.queries.definition(workflow_id, version)

    def signal(
        self,
        execution_id: str,
        name: str,
        payload: Any = None,
        *,
        actor: str = "",
        reason: str = "",
        if_version: int | None = None,
    ) -> bool:
        """Send a signal. Raises Refused when the execution has ended, Unacceptable when its wait can't take it."""
        plain = _json(payload, "the payload")
        command = Signal(**_by(reason, actor, if_version), name=name, payload=plain)
        return self._do(execution_id, command)

    def pause(self, execution_id: str, *, actor: str = "", reason: str = "", if_version: int | None = None) -> bool:
        """Let no further step begin. False: it is paused already."""
        return self._do(execution_id, Pause(**_by(reason, actor, if_version)))

    def resume(self, execution_id: str, *, actor: str = "", reason: str = "", if_version: int | None = None) -> bool:
        """Go on after a pause, or try a failed execution again. False: it is running already."""
        return self._do(execution_id, Resume(**_by(reason, actor, if_version)))

    def retry(
        self,
        execution_id: str,
        *,
        actor: str = "",
        reason: str = "",
        definition: dict[str, Any] | Literal["same", "latest"] = "same",
        if_version: int | None = None,
    ) -> bool:
        """Try a failed execution again from the step that failed; by another definition, or the latest that is published."""
        plain = _json(definition, "the definition")
        command = Retry(**_by(reason, actor, if_version))
        return self._service.retry_and_wait(execution_id, command, plain).changed

    def cancel(self, execution_id: str, *, actor: str = "", reason: str = "", if_version: int | None = None) -> bool:
        """End an execution now."""
        return self._do(execution_id, Cancel(**_by(reason, actor, if_version)))

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

        Raises NotFound, Unacceptable, InvalidDefinition or Refused.
        """
        asking = Asking(self._service.what_if)
        return asking.what_if(execution_id, at=at, patch=patch, definition=definition, assume=assume)

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
        self._service.lists_catch_up()
        return Asking(self._service.what_if).what_if_many(
            workflow_id, last=last, status=status, patch=patch, definition=definition, assume=assume
        )

    # Forks

    def fork(self, execution_id: str, **options: Unpack[ForkOptions]) -> Accepted:
        """Begin an execution that goes on from a version of this one (see `ForkOptions`); durable when it returns.

        Raises NotFound, Unacceptable, InvalidDefinition, or Refused when the id is taken.
        """
        return self._service.fork_and_wait(fork_of(execution_id, options))

    def preview_fork(self, execution_id: str, **options: Unpack[ForkOptions]) -> dict[str, Any]:
        """What a fork would begin with, and what of this execution, behind the cut, would run again."""
        return self._service.queries.forks.preview(fork_of(execution_id, options))

    # Explaining

    def diff(self, execution_id: str, from_: str | int | None = None, to: str | int | None = None) -> dict[str, Any]:
        """What leads from the state at one version (the first) to that at another (the newest), and which event made
        each change: `{from, to, patch, changes}`.
        """
        return self._service.queries.diff(execution_id, from_, to)

    def blame(
        self,
        execution_id: str,
        pointer: str,
        at: str | int | None = None,
        *,
        limit: int = BLAME_LIMIT,
        lineage: bool = False,
    ) -> dict[str, Any]:
        """Who last wrote what is at a pointer, and who did before: `{pointer, at, value, written, earlier, next}`, `next`
        being the version to ask at for the rest, or null. With `lineage` it goes on into what the execution was forked off:
        each write names its `executionId`, and `at` and `next` may be `ID@VERSION`.
        """
        return self._service.queries.blame(execution_id, pointer, at, limit=limit, lineage=lineage)

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
        return self._service.queries.step(execution_id, at, dir=dir, by=by, lineage=lineage)

    # Measuring

    def path(self, execution_id: str, *, after: int = 0, limit: int = PATH_LIMIT) -> dict[str, Any]:
        """An execution with a page of its `path`: each visit with the parameters that it ran with, its edge and times."""
        return self._service.queries.path(execution_id, after=after, limit=limit)

    def timeline(
        self, execution_id: str, *, after: int = 0, limit: int = TIMELINE_LIMIT, lineage: bool = False
    ) -> dict[str, Any]:
        """The visits of an execution as columns: `{executionId, version, columns, next}`. With `lineage` those of what it
        was forked off come first, a column `execution` says whose each is, and `after` and `next` count all of that.
        Raises NotFound.
        """
        return self._service.queries.timeline(execution_id, after=after, limit=limit, lineage=lineage)

    def metrics(self, execution_id: str) -> dict[str, Any]:
        """What an execution took, in all, by step and by node. Raises NotFound."""
        return self._service.queries.metrics(execution_id)

    def lineage(
        self, execution_id: str, *, after: int = 0, limit: int = LINEAGE_LIMIT, depth: int = LINEAGE_DEPTH
    ) -> dict[str, Any]:
        """The tree around an execution: its ancestors, its walks, and its descendants. Raises NotFound."""
        return self._service.queries.lineage(execution_id, after=after, limit=limit, depth=depth)

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
        `error`. Raises NotFound or Unacceptable.
        """
        return self._service.queries.probe(execution_id, expr, every=every, from_=from_, to=to)

    def compare(self, left: str, right: str) -> dict[str, Any]:
        """Two executions, each `ID` or `ID@VERSION`: where they first differ, where their ways part, and the patch from
        the state of the one to that of the other. Raises NotFound or Unacceptable.
        """
        return self._service.queries.compare(left, right)

    # Going back, editing and naming

    @overload
    def rollback(
        self,
        execution_id: str,
        to: str | int,
        *,
        dry_run: Literal[False] = False,
        reason: str = "",
        actor: str = "",
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
        actor: str = "",
        if_version: int | None = None,
    ) -> Done | dict[str, Any]:
        """Put an execution back to a version: `17`, `head~3`, a time, `mark:name`. What follows is a new walk.

        With `dry_run` nothing happens, and it says what would (see `rollback_preview`). Raises Refused when it is running
        or cancelled, Outdated when `if_version` is given and is not the newest version.
        """
        if dry_run:
            return self.rollback_preview(execution_id, to)
        found = self._service.queries.rollback(execution_id, str(to))
        by = _by(reason, actor, if_version)
        return self._service.command_and_wait(execution_id, found.command(**by))

    def rollback_preview(self, execution_id: str, to: str | int = "head") -> dict[str, Any]:
        """What a rollback would do: `{to, refused, patch, repeats, waits, children, signals, …}`."""
        return self._service.queries.rollback_preview(execution_id, str(to))

    def edit(
        self,
        execution_id: str,
        patch: Sequence[Mapping[str, Any]],
        *,
        reason: str = "",
        actor: str = "",
        if_version: int | None = None,
    ) -> Done:
        """Change the state of an execution that stands still, by the operations of a JSON Patch (RFC 6902).

        Raises Refused while it runs and when it is over, Outdated, Unacceptable for a patch that does not apply.
        """
        operations = read_operations(_json(list(patch), "the patch"))
        edited = EditState(**_by(reason, actor, if_version), operations=operations)
        return self._service.command_and_wait(execution_id, edited)

    def snapshot(
        self, execution_id: str, name: str, *, reason: str = "", actor: str = "", if_version: int | None = None
    ) -> Done:
        """Name the newest version, which is the answer's: `mark:name` from then on. A name used again moves."""
        named = TakeSnapshot(**_by(reason, actor, if_version), name=_json(name, "the name"))
        return self._service.command_and_wait(execution_id, named)

    def snapshots(self, execution_id: str) -> dict[str, Any]:
        """The versions that have a name: `{items: [{name, version, time, actor, reason, address?}]}`."""
        return self._service.queries.snapshots(execution_id)

    def _do(self, execution_id: str, command: OutsideCommand) -> bool:
        return self._service.command_and_wait(execution_id, command).changed


def _by(reason: str, actor: str, if_version: int | None) -> dict[str, Any]:
    """What every command of a person has."""
    return {"now": 0, "reason": reason, "actor": actor, "expected": None if if_version is None else (if_version,)}


def _state(given: dict[str, Any] | None) -> Any:
    if given is not None and not isinstance(given, dict):
        raise Unacceptable(f"The initial state is an object, not a {type(given).__name__}.", code="SCHEMA")
    return _json(given, "the initial state")


def _json(value: Any, what: str) -> Any:
    """The value as plain JSON: a program can pass what no text could. Raises Unacceptable, naming the place."""
    try:
        return json.normal(value, what)
    except StepFailure as failure:
        raise Unacceptable(failure.message, code=failure.code, details=failure.details) from failure
