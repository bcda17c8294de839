"""What an operation of the interface is: its method, path, endpoint, and what it takes and answers."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from interfaces.http import wire
from interfaces.http.api import Endpoint
from interfaces.http.parameters import Parameter

BODY_REFUSALS: Final = (400, 413, 415)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path. `answers` are the types of bodies by status (none: no JSON), `refusals` the statuses of
    problems.

    `takes` are the types that the body may have; Any: any JSON. `headers` are the names of those that mean something here.
    """

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    tag: str
    answers: dict[int, tuple[Any, ...]]
    refusals: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[str, ...] = ()
    takes: tuple[Any, ...] = ()
    body_required: bool = False
    media: str = "application/json"
    """The media type of its answers that have a type. Of a stream of lines that type is one line's."""


def get(
    path: str,
    endpoint: Endpoint,
    summary: str,
    *,
    tag: str,
    answer: Any,
    refusals: tuple[int, ...] = (422, 503),
    parameters: tuple[Parameter, ...] = (),
    headers: tuple[str, ...] = (),
) -> Operation:
    """A question."""
    answers: dict[int, tuple[Any, ...]] = {200: (answer,) if answer is not None else ()}
    if "If-None-Match" in headers:
        answers[304] = ()
    return Operation(
        method="GET",
        path=path,
        endpoint=endpoint,
        summary=summary,
        tag=tag,
        answers=answers,
        refusals=refusals,
        parameters=parameters,
        headers=headers,
    )


def command(
    path: str, endpoint: Endpoint, summary: str, *, takes: tuple[Any, ...], parameters: tuple[Parameter, ...] = ()
) -> Operation:
    """A command on an execution."""
    return Operation(
        method="POST",
        path=f"/executions/{{id}}/{path}",
        endpoint=endpoint,
        summary=summary,
        tag="executions",
        answers={200: (wire.DoneBody, wire.ExecutionBody), 202: (wire.DoneBody,)},
        refusals=(*BODY_REFUSALS, 404, 409, 412, 422, 503),
        parameters=parameters,
        headers=("Idempotency-Key", "If-Match", "Prefer", "Clew-Actor"),
        takes=takes,
    )
