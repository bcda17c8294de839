"""Clew from a Python program, over HTTP: the same words as `clew.Engine`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal
from urllib.parse import quote

import httpx2
import msgspec

from application.ports import Status
from application.requests import Accepted, Done, Published
from domain.errors import InvalidDefinition, NotFound
from domain.problems import Problem
from interfaces.client.wire import Wire, decoded, problems_of, published_of

FIRST_LOOK_S = 0.02
"""How long `wait` leaves an execution alone at first; each time half as long again, up to LONGEST_LOOK_S."""
LONGEST_LOOK_S = 0.5
ALL_PAGE = 1_000


class Client:
    """A client of one server. Use it as a context manager, from one thread.

    Each POST carries an `Idempotency-Key`, so that a broken connection or a `503` is tried again, `attempts` times in
    all, without doing anything twice. Raises the errors of `domain.errors`: NotFound, Refused, Unacceptable,
    InvalidDefinition (with `problems`), and Unavailable when no answer comes.

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
        headers = {"Clew-Actor": actor} if actor else {}
        self._wire = Wire(url, timeout_s=timeout_s, attempts=attempts, headers=headers, sleep=sleep)
        self._sleep = sleep
        self._position = 0  # of the newest change made here: lists are asked to have reached it

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The server's address."""
        return self._wire.url

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()

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
        extras = {
            "initialState": initial_state,
            "executionId": execution_id,
            "onConflict": on_conflict if on_conflict != "fail" else None,
            "labels": labels or None,
            "priority": priority,
        }
        given = {name: value for name, value in extras.items() if value is not None}
        body = {"definition": definition, **given} if given else definition
        try:
            response = self._wire.post("/workflows", msgspec.json.encode(body), headers=_key(key))
        except InvalidDefinition as error:
            raise InvalidDefinition(_unwrapped(error.problems) if given else error.problems) from None
        accepted = self._accepted(response)
        return msgspec.structs.replace(accepted, warnings=_unwrapped(accepted.warnings)) if given else accepted

    def publish(self, definition: Mapping[str, Any]) -> Published:
        """Publish a definition under its own id and version, for good; `new` is False when it was so already.

        Raises InvalidDefinition; Refused when another definition has that version.
        """
        path = f"/workflows/{_segment(str(definition.get('id')))}/versions/{_segment(str(definition.get('version')))}"
        response = self._wire.put(path, msgspec.json.encode(definition))
        answer = decoded(response)
        return Published(
            event=published_of(answer),
            position=self._noted(response),
            new=response.status_code == 201,
            warnings=tuple(problems_of(answer.get("warnings"), "warning")),
        )

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
        given = {
            "version": version,
            "initialState": initial_state,
            "executionId": execution_id,
            "onConflict": on_conflict,
            "labels": labels,
            "priority": priority,
        }
        body = msgspec.json.encode({name: value for name, value in given.items() if value is not None})
        response = self._wire.post(f"/workflows/{_segment(workflow_id)}/executions", body, headers=_key(key))
        return self._accepted(response)

    def run(
        self,
        definition: Mapping[str, Any],
        *,
        initial_state: Mapping[str, Any] | None = None,
        timeout_s: float = 60.0,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Begin an execution and wait until it ends, parks or pauses. Returns it; raises TimeoutError past the time."""
        accepted = self.submit(definition, initial_state=initial_state, key=key)
        if not self.wait(accepted.execution_id, timeout_s=timeout_s):
            raise TimeoutError(f"{accepted.execution_id} is still running after {timeout_s} s.")
        return self.execution(accepted.execution_id)

    def wait(self, execution_id: str, *, timeout_s: float = 60.0) -> bool:
        """Wait until an execution has ended, parked or paused. False when the time was not enough.

        One that waits for a child has parked when that has.
        """
        deadline = time.monotonic() + timeout_s
        pause_s = FIRST_LOOK_S
        while self._goes_on(self.execution(execution_id)):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            self._sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, LONGEST_LOOK_S)
        return True

    def _goes_on(self, execution: Mapping[str, Any]) -> bool:
        """Whether it runs, or waits for a child that does or whose end it has still to see."""
        if execution["status"] != "suspended":
            return bool(execution["status"] == "running")
        children = [wait["executionId"] for wait in execution.get("waiting", ()) if wait["kind"] == "child"]
        return any(self._child_goes_on(child) for child in children)

    def _child_goes_on(self, child: str) -> bool:
        try:
            execution = self.execution(child)
        except NotFound:  # it is to begin in a moment
            return True
        return "finalState" in execution or self._goes_on(execution)

    # Reading

    def execution(self, execution_id: str) -> dict[str, Any]:
        """An execution as it is now."""
        return self._object(f"/executions/{_segment(execution_id)}")

    def state(self, execution_id: str, at: str | int | None = None) -> dict[str, Any]:
        """`{executionId, version, state}` at a version: `17`, `head~3`, a time ending in `Z`; None: the newest."""
        return self._object(f"/executions/{_segment(execution_id)}/state", {"at": at})

    def events(
        self, execution_id: str, *, after: int = 0, limit: int = 100, order: Literal["asc", "desc"] = "asc"
    ) -> dict[str, Any]:
        """A page of the history: `{items, next}`, `next` being the `after` of the page behind it, or null."""
        params = {"after": after, "limit": limit, "order": order}
        return self._object(f"/executions/{_segment(execution_id)}/events", params)

    def all_events(self, execution_id: str, *, after: int = 0) -> Iterator[dict[str, Any]]:
        """The history behind a version, oldest first, page by page, up to where it ends now."""
        place: int | None = after
        while place is not None:
            page = self.events(execution_id, after=place, limit=ALL_PAGE)
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
        params = {"status": list(status), "workflow": workflow, "limit": limit, "cursor": cursor}
        return dict(decoded(self._wire.get("/executions", params, headers=self._seen())))

    def workflows(self) -> list[dict[str, Any]]:
        """Every workflow that has been run or published. What was done by this client is in it."""
        return list(decoded(self._wire.get("/workflows", headers=self._seen())))

    def versions(self, workflow_id: str) -> dict[str, Any]:
        """What is published of a workflow: `{workflowId, latest, items}`, the highest version first."""
        return self._object(f"/workflows/{_segment(workflow_id)}/versions")

    def definition(self, workflow_id: str, version: str = "latest") -> dict[str, Any]:
        """The definition of a published version."""
        return self._object(f"/workflows/{_segment(workflow_id)}/versions/{_segment(version)}")

    def nodes(self) -> list[dict[str, Any]]:
        """All nodes, by id."""
        return list(decoded(self._wire.get("/nodes")))

    def node(self, node_id: str) -> dict[str, Any]:
        """One node."""
        return self._object(f"/nodes/{_segment(node_id)}")

    def validate(self, definition: Mapping[str, Any] | bytes) -> tuple[Problem, ...]:
        """Everything the server has to say about a definition: errors, then warnings. Runs nothing.

        Given as bytes, the text itself is sent: the problems then have its lines and columns. Raises NotJson.
        """
        body = definition if isinstance(definition, bytes) else msgspec.json.encode(definition)
        try:
            answer = decoded(self._wire.post("/workflows/validate", body, headers=_key(None)))
        except InvalidDefinition as error:
            return error.problems
        return tuple(problems_of(answer.get("warnings"), "warning"))

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
    ) -> Done:
        """Send a signal to its oldest wait, or to the one at `address` (and `visit`, if not 0)."""
        path = f"/executions/{_segment(execution_id)}/signals/{_segment(name)}"
        params = {"reason": reason, "address": address, "visit": visit or None}
        return self._done(self._wire.post(path, msgspec.json.encode(payload), headers=_key(key), params=params))

    def pause(self, execution_id: str, *, reason: str = "", key: str | None = None) -> Done:
        """Let no further step begin."""
        return self._act(execution_id, "pause", reason, key)

    def resume(self, execution_id: str, *, reason: str = "", key: str | None = None) -> Done:
        """Go on after a pause, or try a failed execution again."""
        return self._act(execution_id, "resume", reason, key)

    def retry(self, execution_id: str, *, reason: str = "", key: str | None = None) -> Done:
        """Try a failed execution again from the step that failed."""
        return self._act(execution_id, "retry", reason, key)

    def cancel(self, execution_id: str, *, reason: str = "", key: str | None = None) -> Done:
        """End an execution now."""
        return self._act(execution_id, "cancel", reason, key)

    # The service itself

    def version(self) -> dict[str, Any]:
        """What the server says of its version."""
        return self._object("/version")

    def ready(self) -> bool:
        """Whether the server is there and can do its work; asks once."""
        response = self._wire.once("/readyz")
        return response is not None and response.is_success

    def _seen(self) -> dict[str, str]:
        """What asks a list to show all that was done here."""
        return {"Clew-Position": str(self._position)} if self._position else {}

    def _object(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return dict(decoded(self._wire.get(path, params)))

    def _act(self, execution_id: str, command: str, reason: str, key: str | None) -> Done:
        body = msgspec.json.encode({"reason": reason} if reason else {})
        return self._done(self._wire.post(f"/executions/{_segment(execution_id)}/{command}", body, headers=_key(key)))

    def _done(self, response: httpx2.Response) -> Done:
        answer = decoded(response)
        return Done(
            execution_id=answer["executionId"],
            status=answer["status"],
            version=answer["version"],
            position=self._noted(response),
            changed=response.status_code == 202,
            replayed=_replayed(response),
        )

    def _accepted(self, response: httpx2.Response) -> Accepted:
        answer = decoded(response)
        return Accepted(
            execution_id=answer["executionId"],
            status=answer["status"],
            position=self._noted(response),
            replayed=_replayed(response),
            warnings=tuple(problems_of(answer.get("warnings"), "warning")),
        )

    def _noted(self, response: httpx2.Response) -> int:
        """The position that a change was recorded at; 0 when the server doesn't say."""
        told = response.headers.get("Clew-Position", "")
        position = int(told) if told.isdecimal() else 0
        self._position = max(self._position, position)
        return position


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key if key is not None else uuid.uuid4().hex}


def _segment(text: str) -> str:
    return quote(text, safe="")


def _replayed(response: httpx2.Response) -> bool:
    return bool(response.headers.get("Idempotency-Replayed", "").lower() == "true")


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
