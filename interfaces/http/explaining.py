"""Explanations: the state at any version, what has changed, who wrote what, and where to look next."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from application.explaining import BLAME_LIMIT
from application.places import is_fixed
from application.queries import MAX_PAGE
from domain.pointers import listed
from interfaces.http import wire, wire_explaining
from interfaces.http.api import ASK_AGAIN, FOREVER, Api, json_response, tagged
from interfaces.http.operations import get
from interfaces.http.parameters import Parameter, read

VERSION: Final = (
    "`17`, `head`, `head~3`, `start`, a time ending in `Z` (the last version not after it), `node:/address@visit` (after that "
    "visit; `:before`: before it), `mark:name`, or one of these in a walk: `walk:2/head`."
)
AT: Final = Parameter(name="at", description=f"The version: {VERSION} Default: head.")
STATE_PARAMETERS: Final = (
    AT,
    Parameter(
        name="fields",
        description="Only what is at these JSON Pointers, with commas between them: `/order/total,/customer`. A comma that "
        "no `/` follows is part of a key. For a key that ends in one: a JSON array of the pointers.",
    ),
)
DIFF_PARAMETERS: Final = (
    Parameter(name="from", description="The version to begin with, as for `at`. Default: the first."),
    Parameter(name="to", description="The version to end with, as for `at`. Default: head."),
)
LINEAGE: Final = Parameter(
    name="lineage",
    description="Go on into what it was forked off, and name the execution. `at` may then be `ID@17`, of one of those.",
    type="boolean",
    default=False,
)
BLAME_PARAMETERS: Final = (
    Parameter(name="pointer", description="A JSON Pointer into the state: `/order/total`.", required=True, empty=True),
    AT,
    LINEAGE,
    Parameter(
        name="limit",
        description="Most earlier writes; values of more than 8 MiB end the page sooner.",
        type="integer",
        default=BLAME_LIMIT,
        maximum=MAX_PAGE,
    ),
)
STEP_PARAMETERS: Final = (
    replace(AT, description=f"Where to begin; this version itself is not found. {VERSION} Default: head."),
    Parameter(
        name="dir", description="Towards the first version, or the head.", default="back", enum=("back", "forward")
    ),
    Parameter(
        name="by",
        description="What to look for: any `event`; a `node` that begins (each attempt); a `visit` that ends; an `error`, "
        "handled or not; `write:/pointer`, a write of what is there.",
        default="event",
    ),
    LINEAGE,
)


async def state(request: Request, api: Api) -> Response:
    """The state at a version, or parts of it."""
    asked = read(request.query_params, STATE_PARAMETERS)
    at, fields = asked["at"], listed(asked["fields"], "?fields") if asked["fields"] is not None else None
    execution_id = request.path_params["id"]
    body = await run_in_threadpool(lambda: api.service.queries.state(execution_id, at, fields=fields))
    return tagged(request, body, f'"v{body["version"]}"', _cache(at))


async def diff(request: Request, api: Api) -> Response:
    """What has changed between two versions."""
    asked = read(request.query_params, DIFF_PARAMETERS)
    execution_id, from_, to = request.path_params["id"], asked["from"], asked["to"]
    body = await run_in_threadpool(lambda: api.service.queries.diff(execution_id, from_, to))
    tag = f'"v{body["from"]}-v{body["to"]}"'
    return tagged(request, body, tag, _cache(*(each for each in (from_ or "1", to))))


async def blame(request: Request, api: Api) -> Response:
    """Who wrote what is at a pointer."""
    asked = read(request.query_params, BLAME_PARAMETERS)
    execution_id = request.path_params["id"]
    body = await run_in_threadpool(lambda: api.service.queries.blame(execution_id, **asked))
    return tagged(request, body, f'"v{body["at"]}"', _cache(asked["at"]))


async def step(request: Request, api: Api) -> Response:
    """The next event of a kind, or the one before."""
    asked = read(request.query_params, STEP_PARAMETERS)
    execution_id = request.path_params["id"]
    return json_response(await run_in_threadpool(lambda: api.service.queries.step(execution_id, **asked)))


def _cache(*places: str | None) -> str:
    """How long an answer is good that was asked for at these places."""
    return FOREVER if all(place is not None and is_fixed(place) for place in places) else ASK_AGAIN


def _question(
    name: str, endpoint: Any, summary: str, answer: Any, parameters: tuple[Parameter, ...], *headers: str
) -> Any:
    return get(
        f"/executions/{{id}}/{name}",
        endpoint,
        summary,
        tag="executions",
        answer=answer,
        refusals=(404, 422, 503),
        parameters=parameters,
        headers=headers,
    )


STATE: Final = replace(
    _question("state", state, "Read the state at any version", wire.StateBody, STATE_PARAMETERS, "If-None-Match"),
    answers={200: (wire.StateBody, wire_explaining.FieldsBody), 304: ()},
)
OPERATIONS: Final = (
    _question(
        "diff",
        diff,
        "Read what has changed between two versions, and who changed it",
        wire_explaining.DiffBody,
        DIFF_PARAMETERS,
        "If-None-Match",
    ),
    _question(
        "blame",
        blame,
        "Read who wrote what is at a pointer",
        wire_explaining.BlameBody,
        BLAME_PARAMETERS,
        "If-None-Match",
    ),
    _question(
        "step",
        step,
        "Find the next or previous event, node, visit, error or write",
        wire_explaining.StepBody,
        STEP_PARAMETERS,
    ),
)
