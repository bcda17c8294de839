"""Every operation of the interface, once: what is sent for it, and what its answer means.

To add one: a function here that returns a Call, and a method of its name in `client.Client` and `async_client.AsyncClient`
that sends it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from application.ports import Status
from application.requests import Accepted, Done, Published
from domain.durations import microseconds
from domain.errors import InvalidDefinition
from domain.events import WorkflowPublished
from domain.problems import Problem
from interfaces.client.refusals import problems_of
from interfaces.client.requests import KEY, Answer, Call, Request
from interfaces.forks import ForkOptions, fork_body

Object = dict[str, Any]
Direction = Literal["back", "forward"]
OnConflict = Literal["fail", "use"]
Order = Literal["asc", "desc"]
Assume = Mapping[str, Mapping[str, Any]] | Literal["recorded"]
Every = Literal["version", "change"]
ALL_PAGE: Final = 1_000
"""Events on a page when all are read."""

# Building them


def question(path: str, params: Mapping[str, Any] | None = None, *, wait_s: int = 0) -> Call[Object]:
    """A GET that is answered with an object."""
    return Call(Request(method="GET", path=path, params=params or {}, wait_s=wait_s), Answer.json)


def change(
    path: str,
    body: Any,
    *,
    key: str | None,
    method: Literal["POST", "PATCH"] = "POST",
    params: Mapping[str, Any] | None = None,
    if_version: int | None = None,
) -> Request:
    """A POST or PATCH of JSON (bytes: the text itself), under this idempotency key or one of its own.

    With `if_version` it is carried out only at that version of the execution.
    """
    headers = {KEY: key if key is not None else uuid.uuid4().hex}
    if if_version is not None:
        headers["If-Match"] = f'"v{if_version}"'
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Request(method=method, path=path, params=params or {}, body=text, headers=headers)


def command(
    execution_id: str,
    name: str,
    body: Mapping[str, Any] | None = None,
    *,
    reason: str,
    key: str | None,
    if_version: int | None,
) -> Call[Done]:
    """A command on an execution that is answered with how it stands then."""
    sent = {**(body or {}), **given(reason=reason or None)}
    return Call(change(of(execution_id, name), sent, key=key, if_version=if_version), done)


def of(execution_id: str, *more: str) -> str:
    """The path of an execution, or of something of it."""
    return _path("executions", execution_id, *more)


def given(**members: Any) -> Object:
    """Those members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def done(answer: Answer) -> Done:
    """What a command came to."""
    body = answer.json()
    return Done(
        execution_id=body["executionId"],
        status=body["status"],
        version=body["version"],
        position=answer.position,
        changed=answer.status == 202,
        replayed=answer.replayed,
    )


def _path(*segments: str) -> str:
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


# Starting


def submit(
    definition: Mapping[str, Any],
    *,
    initial_state: Mapping[str, Any] | None = None,
    execution_id: str | None = None,
    on_conflict: OnConflict = "fail",
    labels: Mapping[str, str] | None = None,
    priority: int | None = None,
    key: str | None = None,
) -> Call[Accepted]:
    """Begin an execution. A definition goes alone when nothing is said beside it."""
    extras = given(
        initialState=initial_state,
        executionId=execution_id,
        onConflict=on_conflict if on_conflict != "fail" else None,
        labels=labels or None,
        priority=priority,
    )
    body = {"definition": definition, **extras} if extras else definition
    return Call(change("/workflows", body, key=key), _accepted_inside if extras else _accepted)


def start(
    workflow_id: str,
    version: str,
    *,
    initial_state: Mapping[str, Any] | None,
    execution_id: str | None,
    on_conflict: OnConflict,
    labels: Mapping[str, str] | None,
    priority: int | None,
    key: str | None,
) -> Call[Accepted]:
    """Begin an execution of a published version."""
    body = given(
        version=version,
        initialState=initial_state,
        executionId=execution_id,
        onConflict=on_conflict,
        labels=labels,
        priority=priority,
    )
    return Call(change(_path("workflows", workflow_id, "executions"), body, key=key), _accepted)


def publish(definition: Mapping[str, Any]) -> Call[Published]:
    """Publish a definition under its own id and version."""
    path = _path("workflows", str(definition.get("id")), "versions", str(definition.get("version")))
    return Call(Request(method="PUT", path=path, body=msgspec.json.encode(definition)), _published)


def _accepted(answer: Answer) -> Accepted:
    body = answer.json()
    return Accepted(
        execution_id=body["executionId"],
        status=body["status"],
        position=answer.position,
        replayed=answer.replayed,
        warnings=tuple(problems_of(body.get("warnings"), "warning")),
    )


def _accepted_inside(answer: Answer) -> Accepted:
    """Like `_accepted`, of a definition that was sent inside a larger body."""
    try:
        accepted = _accepted(answer)
    except InvalidDefinition as error:
        raise InvalidDefinition(_unwrapped(error.problems)) from None
    return msgspec.structs.replace(accepted, warnings=_unwrapped(accepted.warnings))


def _unwrapped(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems with pointers into the definition, which was sent as a part of a larger body.

    Lines and columns of that body mean nothing to who has only the definition, and are dropped.
    """
    return tuple(
        msgspec.structs.replace(
            problem, path=problem.path.removeprefix("/definition"), line=None, column=None, end_column=None
        )
        for problem in problems
    )


def _published(answer: Answer) -> Published:
    body = answer.json()
    event = WorkflowPublished(
        time=microseconds(datetime.fromisoformat(body["publishTime"])),
        actor=body["actor"] or "",
        workflow=body["workflowId"],
        workflow_version=body["workflowVersion"],
        name=body["name"],
        definition_hash=body["definitionHash"],
        nodes=dict(body["nodes"]),
    )
    return Published(
        event=event,
        position=answer.position,
        new=answer.status == 201,
        warnings=tuple(problems_of(body.get("warnings"), "warning")),
    )


# Reading


def execution(execution_id: str, *, wait_s: int = 0) -> Call[Object]:
    """An execution as it is now, or, within some seconds, as it is when it has settled."""
    return question(of(execution_id), wait_s=wait_s)


def state(execution_id: str, at: str | int | None, fields: Sequence[str] | None) -> Call[Object]:
    """The state at a version, or parts of it. Commas may be in the pointers, and so these go as an array."""
    return question(of(execution_id, "state"), {"at": at, "fields": _array(fields) if fields is not None else None})


def definition_of(execution_id: str) -> Call[Object]:
    """The definition that an execution runs."""
    return question(of(execution_id, "definition"))


def events(execution_id: str, *, after: int, limit: int, order: Order, lineage: bool) -> Call[Object]:
    """A page of the history."""
    return question(
        of(execution_id, "events"), {"after": after, "limit": limit, "order": order, **_lineage(asked=lineage)}
    )


def _lineage(*, asked: bool) -> dict[str, Any]:
    """The parameter that goes on into what an execution was forked off."""
    return {"lineage": "true"} if asked else {}


def executions(*, status: Sequence[Status], workflow: str | None, limit: int, cursor: str | None) -> Call[Object]:
    """A page of executions."""
    params = {"status": list(status), "workflow": workflow, "limit": limit, "cursor": cursor}
    return Call(Request(method="GET", path="/executions", params=params, seen=True), Answer.json)


def workflows() -> Call[list[Object]]:
    """Every workflow that is known."""
    return Call(Request(method="GET", path="/workflows", seen=True), Answer.json)


def versions(workflow_id: str) -> Call[Object]:
    """What is published of a workflow."""
    return question(_path("workflows", workflow_id, "versions"))


def definition(workflow_id: str, version: str) -> Call[Object]:
    """The definition of a published version."""
    return question(_path("workflows", workflow_id, "versions", version))


def nodes() -> Call[list[Object]]:
    """All nodes."""
    return Call(Request(method="GET", path="/nodes"), Answer.json)


def node(node_id: str) -> Call[Object]:
    """One node."""
    return question(_path("nodes", node_id))


def validate(definition: Mapping[str, Any] | bytes) -> Call[tuple[Problem, ...]]:
    """Everything that is to say about a definition."""
    return Call(change("/workflows/validate", definition, key=None), _problems)


def _problems(answer: Answer) -> tuple[Problem, ...]:
    try:
        return tuple(problems_of(answer.json().get("warnings"), "warning"))
    except InvalidDefinition as error:
        return error.problems


# Acting


def signal(
    execution_id: str,
    name: str,
    payload: Any,
    *,
    reason: str,
    address: str,
    visit: int,
    key: str | None,
    if_version: int | None,
) -> Call[Done]:
    """Send a signal; the body is its payload."""
    params = {"reason": reason, "address": address, "visit": visit or None}
    request = change(
        of(execution_id, "signals", name),
        msgspec.json.encode(payload),
        key=key,
        params=params,
        if_version=if_version,
    )
    return Call(request, done)


# What if


def what_if(
    execution_id: str,
    *,
    at: str | int | None,
    patch: Sequence[Mapping[str, Any]],
    definition: Mapping[str, Any] | str | None,
    assume: Assume | None,
) -> Call[Object]:
    """An execution walked again."""
    body = given(at=at, patch=list(patch) or None, definition=definition, assume=assume)
    return Call(change(of(execution_id, "what-if"), body, key=None), Answer.json)


def what_if_many(
    workflow_id: str,
    *,
    last: int,
    status: Sequence[Status],
    patch: Sequence[Mapping[str, Any]],
    definition: Mapping[str, Any] | str | None,
    assume: Assume | None,
) -> Call[Object]:
    """The last executions of a workflow walked again."""
    body = given(
        last=last, status=list(status) or None, patch=list(patch) or None, definition=definition, assume=assume
    )
    request = change(_path("workflows", workflow_id, "what-if"), body, key=None)
    return Call(msgspec.structs.replace(request, seen=True), Answer.json)


# Forks


def fork(execution_id: str, options: ForkOptions, *, key: str | None) -> Call[Accepted]:
    """Begin a fork."""
    body = fork_body(options)
    return Call(change(of(execution_id, "forks"), body, key=key), _accepted_inside)


def retry(
    execution_id: str,
    definition: Mapping[str, Any] | str,
    *,
    reason: str,
    key: str | None,
    if_version: int | None,
) -> Call[Done]:
    """Try a failed execution again."""
    body = given(definition=definition if definition != "same" else None)
    return command(execution_id, "retry", body, reason=reason, key=key, if_version=if_version)


def preview_fork(execution_id: str, options: ForkOptions) -> Call[Object]:
    """Ask what a fork would do."""
    body = {**fork_body(options), "dryRun": True}
    return Call(change(of(execution_id, "forks"), body, key=None), Answer.json)


# Going back, editing and naming


def rollback(execution_id: str, to: str | int, *, reason: str, key: str | None, if_version: int | None) -> Call[Done]:
    """Put an execution back to a version."""
    return command(execution_id, "rollback", {"to": to}, reason=reason, key=key, if_version=if_version)


def rollback_preview(execution_id: str, to: str | int) -> Call[Object]:
    """What a rollback would do."""
    return question(of(execution_id, "rollback"), {"to": to})


def edit(
    execution_id: str, patch: Sequence[Mapping[str, Any]], *, reason: str, key: str | None, if_version: int | None
) -> Call[Done]:
    """Change the state by a JSON Patch."""
    body = {"patch": list(patch), **given(reason=reason or None)}
    request = change(of(execution_id, "state"), body, key=key, method="PATCH", if_version=if_version)
    return Call(request, _edited)


def _edited(answer: Answer) -> Done:
    changed = not answer.replayed and "Clew-Unchanged" not in answer.headers
    return msgspec.structs.replace(done(answer), changed=changed)


def snapshot(execution_id: str, name: str, *, reason: str, key: str | None, if_version: int | None) -> Call[Done]:
    """Name the newest version."""
    return command(execution_id, "snapshots", {"name": name}, reason=reason, key=key, if_version=if_version)


def snapshots(execution_id: str) -> Call[Object]:
    """The versions that have a name."""
    return question(of(execution_id, "snapshots"))


# Explaining


def diff(execution_id: str, from_: str | int | None, to: str | int | None) -> Call[Object]:
    """What has changed between two versions."""
    return question(of(execution_id, "diff"), {"from": from_, "to": to})


def blame(execution_id: str, pointer: str, at: str | int | None, *, limit: int | None, lineage: bool) -> Call[Object]:
    """Who wrote what is at a pointer."""
    params = {"pointer": pointer, "at": at, "limit": limit, **_lineage(asked=lineage)}
    return question(of(execution_id, "blame"), params)


def step(execution_id: str, at: str | int | None, *, dir: Direction, by: str, lineage: bool) -> Call[Object]:
    """The next event of a kind, or the one before."""
    return question(of(execution_id, "step"), {"at": at, "dir": dir, "by": by, **_lineage(asked=lineage)})


def _array(texts: Sequence[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()


# Measuring


def path(execution_id: str, *, after: int, limit: int | None) -> Call[Object]:
    """An execution with a page of its path."""
    return question(of(execution_id), {"include": "path", "after": after, "limit": limit})


def timeline(execution_id: str, *, after: int, limit: int | None, lineage: bool) -> Call[Object]:
    """The visits as columns."""
    return question(of(execution_id, "timeline"), {"after": after, "limit": limit, **_lineage(asked=lineage)})


def metrics(execution_id: str) -> Call[Object]:
    """What an execution took."""
    return question(of(execution_id, "metrics"))


def lineage(execution_id: str, *, after: int, limit: int | None, depth: int | None) -> Call[Object]:
    """The tree around an execution."""
    return question(of(execution_id, "lineage"), {"after": after, "limit": limit, "depth": depth})


def probe(execution_id: str, expr: str, *, every: Every, from_: str | int | None, to: str | int | None) -> Request:
    """What an expression gives, as a stream of lines."""
    params = {"expr": expr, "every": every, "from": from_, "to": to}
    return Request(method="GET", path=of(execution_id, "probe"), params=params)


def compare(left: str, right: str) -> Call[Object]:
    """Two executions side by side."""
    return question("/diff", {"left": left, "right": right})


# The service itself


def version() -> Call[Object]:
    """What the server says of its version."""
    return question("/version")


def ready() -> Call[bool]:
    """Whether the server can do its work."""
    return Call(Request(method="GET", path="/readyz"), lambda answer: answer.status == 200)
