"""What is measured from a log: timelines, metrics, paths, lineages, probes, and two executions side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from application.lineage import LINEAGE_DEEPEST, LINEAGE_DEPTH, LINEAGE_LIMIT, LINEAGE_MOST
from application.measuring_path import PATH_LIMIT
from application.measuring_timeline import TIMELINE_LIMIT, TIMELINE_MOST
from application.queries import MAX_PAGE
from domain.errors import Unacceptable
from domain.problems import Problem
from interfaces.http import executions, wire_measuring
from interfaces.http.api import ASK_AGAIN, Api, json_response, tagged
from interfaces.http.operations import get
from interfaces.http.parameters import Parameter, read

NDJSON: Final = "application/x-ndjson"
AFTER: Final = Parameter(
    name="after", description="Only visits that began behind this version.", type="integer", default=0
)


def _limit(description: str, default: int, most: int) -> Parameter:
    return Parameter(name="limit", description=description, type="integer", default=default, minimum=1, maximum=most)


PATH_PARAMETERS: Final = (
    Parameter(name="include", description="`path`: each visit with its parameters, edge and times.", enum=("path",)),
    AFTER,
    _limit("Most visits of the path; a page with parameters of more than 4 MiB ends sooner.", PATH_LIMIT, MAX_PAGE),
)
TIMELINE_PARAMETERS: Final = (
    AFTER,
    _limit("Most visits of the page.", TIMELINE_LIMIT, TIMELINE_MOST),
    replace(
        executions.LINEAGE, description=f"{executions.LINEAGE.description} A column `execution` says whose each is."
    ),
)
LINEAGE_PARAMETERS: Final = (
    Parameter(
        name="after", description="Only its own descendants that began behind this version.", type="integer", default=0
    ),
    _limit("Most descendants, the nearest generations first.", LINEAGE_LIMIT, LINEAGE_MOST),
    Parameter(
        name="depth",
        description="How many generations of descendants.",
        type="integer",
        default=LINEAGE_DEPTH,
        minimum=1,
        maximum=LINEAGE_DEEPEST,
    ),
)
PROBE_PARAMETERS: Final = (
    Parameter(name="expr", description="An expression of the language, such as `$.order.total`.", required=True),
    Parameter(
        name="every",
        description="`version`: a line for each; `change`: for the first, and wherever it gives something else.",
        default="version",
        enum=("version", "change"),
    ),
    Parameter(name="from", description="The first version, as for `at`. Default: 1."),
    Parameter(name="to", description="The last version, as for `at`. Default: head."),
)
COMPARED_PARAMETERS: Final = (
    Parameter(name="left", description="`ID` or `ID@VERSION`, the version as for `at`. Default: head.", required=True),
    Parameter(name="right", description="Likewise.", required=True),
)


class BrokenOff(Exception):
    """An answer that has begun can't be told to its end."""


async def one(request: Request, api: Api) -> Response:
    """An execution as the log has it, with its path if that is asked for."""
    asked = read(request.query_params, PATH_PARAMETERS)
    if asked.pop("include") is None:
        _alone(request)
        return await executions.one(request, api)
    execution_id = request.path_params["id"]
    body = await run_in_threadpool(lambda: api.service.queries.path(execution_id, **asked))
    return tagged(request, body, f'"v{body["version"]}"', ASK_AGAIN)


def _alone(request: Request) -> None:
    """Refuse what means nothing without `include=path`."""
    for name in ("after", "limit"):
        if name in request.query_params:
            message = f"{name} is about the path: ask for that with include=path."
            problem = Problem(code="INVALID_PARAMETER", path=f"?{name}", message=message)
            raise Unacceptable(message, code=problem.code, details=[problem])


async def timeline(request: Request, api: Api) -> Response:
    """The visits as columns."""
    asked, execution_id = read(request.query_params, TIMELINE_PARAMETERS), request.path_params["id"]
    return json_response(await run_in_threadpool(lambda: api.service.queries.timeline(execution_id, **asked)))


async def metrics(request: Request, api: Api) -> Response:
    """What it took."""
    read(request.query_params, ())
    return json_response(await run_in_threadpool(api.service.queries.metrics, request.path_params["id"]))


async def lineage(request: Request, api: Api) -> Response:
    """The tree around it."""
    asked, execution_id = read(request.query_params, LINEAGE_PARAMETERS), request.path_params["id"]
    return json_response(await run_in_threadpool(lambda: api.service.queries.lineage(execution_id, **asked)))


async def compare(request: Request, api: Api) -> Response:
    """Two executions side by side."""
    asked = read(request.query_params, COMPARED_PARAMETERS)
    return json_response(await run_in_threadpool(lambda: api.service.queries.compare(**asked)))


async def probe(request: Request, api: Api) -> Response:
    """An expression at every version, a line each. Whatever can be refused is so before the first line."""
    asked = read(request.query_params, PROBE_PARAMETERS)
    asked["from_"] = asked.pop("from")
    execution_id = request.path_params["id"]
    batches = await run_in_threadpool(lambda: api.service.queries.probe_batches(execution_id, **asked))
    if request.method == "HEAD":
        return Response(media_type=NDJSON)
    return StreamingResponse(_lines(api, batches), media_type=NDJSON, headers={"Cache-Control": "no-store"})


async def _lines(api: Api, batches: Iterator[list[dict[str, Any]]]) -> AsyncIterator[bytes]:
    """The lines as they come. Nobody reads on once the client has gone: a batch takes no longer than a moment.

    Raises BrokenOff, which breaks the connection, when the server is about to stop: else a part would look like all.
    """
    while (batch := await run_in_threadpool(next, batches, None)) is not None:
        if api.closing.is_set():
            raise BrokenOff("the server stops")
        if batch:
            yield _ENCODER.encode_lines(batch)


_ENCODER: Final = msgspec.json.Encoder()

OPERATIONS: Final = (
    get(
        "/executions/{id}/timeline",
        timeline,
        "Read the visits as columns, for plotting",
        tag="executions",
        answer=wire_measuring.TimelineBody,
        refusals=(404, 422, 503),
        parameters=TIMELINE_PARAMETERS,
    ),
    get(
        "/executions/{id}/metrics",
        metrics,
        "Read what it took, in all, by step and by node",
        tag="executions",
        answer=wire_measuring.MetricsBody,
        refusals=(404, 422, 503),
    ),
    get(
        "/executions/{id}/lineage",
        lineage,
        "Read what it came from, its walks, and what came from it",
        tag="executions",
        answer=wire_measuring.LineageBody,
        refusals=(404, 422, 503),
        parameters=LINEAGE_PARAMETERS,
    ),
    replace(
        get(
            "/executions/{id}/probe",
            probe,
            "Evaluate an expression at every version; the answer is a stream of lines",
            tag="executions",
            answer=wire_measuring.ProbeLine,
            refusals=(404, 422, 503),
            parameters=PROBE_PARAMETERS,
        ),
        media=NDJSON,
    ),
    get(
        "/diff",
        compare,
        "Compare two executions",
        tag="executions",
        answer=wire_measuring.ComparisonBody,
        refusals=(404, 422, 503),
        parameters=COMPARED_PARAMETERS,
    ),
)
