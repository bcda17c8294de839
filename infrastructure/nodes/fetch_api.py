"""`fetchApi`: an HTTP request."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import httpx2
import msgspec

from domain import json
from domain.errors import ErrorInfo, StepFailure
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.addresses import HostPatterns
from infrastructure.nodes.base import LIBRARY_VERSION, as_text, example, invalid, notes, taken
from infrastructure.nodes.connecting import ExchangeFailed, Resolve, resolve_host
from infrastructure.nodes.exchange import Door, Request, Response
from infrastructure.nodes.outward import OutwardNode, timeout_s
from infrastructure.nodes.trials import trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext

MAX_URL_LENGTH: Final = 8_192
_HEADROOM_S: Final = 0.1
_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_BASE64: Final = ("base64", "blob", "arrayBuffer")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_BAD_IN_HEADER: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "accept-encoding"}
)
"""Set by the client alone: with another `Host` or length, a request could be read as another one, or as two."""
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.ASCII)
_TEXT_CODEC: Final = re.compile(
    r"(?:us-)?ascii|utf-?(?:8|16|32)(?:-?[lb]e)?|iso-?8859-\d+|latin-?1|windows-\d+|koi8-[ru]"
    r"|shift_jis|euc-(?:jp|kr)|iso-2022-jp|big5|gb2312|gbk|gb18030",
    re.ASCII,
)


class FetchApi(OutwardNode):
    """Asks a server, and takes the edge that its status says."""

    metadata = NodeMetadata(
        id="fetchApi",
        name="Fetch API",
        version=LIBRARY_VERSION,
        description="Makes an HTTP request.",
        example=example(
            {
                "fetchApi": {
                    "url": "https://api.example.org/orders/{{$.id}}",
                    "$retry": {"maxAttempts": 3, "delay": "1s"},
                    "success?": [{"$.order": "$.apiResponse"}],
                    "error?": [{"log": {"message": "{{error.message}}", "level": "error"}}],
                }
            },
            id="a1",
        ),
        outputs=("fetchResponse", "fetchStatus", "fetchHeaders", "apiResponse", "apiStatus", "apiHeaders"),
        edges=("success", "clientError", "serverError"),
        effect="writes",
        edge_info={
            "success": taken("a status from 200 to 299", "data status statusText headers url redirected"),
            "clientError": taken(
                "400 to 499, if the step routes it", "data status statusText headers url redirected error"
            ),
            "serverError": taken(
                "500 to 599, if the step routes it", "data status statusText headers url redirected error"
            ),
        },
        output_info={
            "fetchResponse": "The body.",
            "fetchStatus": "The status; 0 if there was no response.",
            "fetchHeaders": "The headers.",
            "apiResponse": "As fetchResponse.",
            "apiStatus": "As fetchStatus.",
            "apiHeaders": "As fetchHeaders.",
        },
        notes=notes(
            """
            A status that is not routed is the error `HTTP_<status>`, recoverable for 408, 429 and from
            500: $retry works.

            Only public addresses, also after redirects, unless the service's settings allow others
            (CLEW_ALLOW_HOSTS).

            Unless the method is GET, HEAD or OPTIONS, the header Idempotency-Key is sent, the same in
            every attempt of a visit. An object or list as body is sent as JSON.
            """
        ),
        parameters={
            "url": Parameter(types=("string",), required=True, secrets=True, description="http or https."),
            "method": Parameter(types=("string",), default="GET", enum=_METHODS),
            "headers": Parameter(
                types=("object",), default={}, secrets=True, description="By name; null leaves one out."
            ),
            "query": Parameter(
                types=("object",), default={}, secrets=True, description="Added to the query of the URL."
            ),
            "body": Parameter(secrets=True, description="Text as it is; everything else as JSON."),
            "timeout": Parameter(types=("number", "string"), default=30_000, description="Of the whole request."),
            "responseType": Parameter(
                types=("string",),
                default="json",
                enum=("json", "text", *_BASE64),
                description="json that does not parse stays text; blob and arrayBuffer mean base64.",
            ),
        },
    )

    def __init__(self, allowed: HostPatterns | None = None, *, resolve: Resolve = resolve_host) -> None:
        self._door = Door(allowed if allowed is not None else HostPatterns(), resolve=resolve)

    trials = (*OutwardNode.trials, trial("url", attempt=lambda config: _url(config["url"], {})))

    async def reach(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Make one request."""
        response = await self._door.exchange(_request(context, config))
        result = _result(response, config["responseType"])
        self._keep(context, result["data"], result["status"], result["headers"])
        return _edge(context, response, result)

    def refused(self, context: ExecutionContext, failure: StepFailure) -> Edge:
        """As for every node; but where there was no response, the status is 0."""
        self._keep(context, None, 0 if isinstance(failure, ExchangeFailed) else None, None)
        return Edge("error", failure.error.as_json())

    def _keep(self, context: ExecutionContext, data: Any, status: int | None, headers: Any) -> None:
        for prefix in ("fetch", "api"):
            context.state[f"{prefix}Response"] = data
            context.state[f"{prefix}Status"] = status
            context.state[f"{prefix}Headers"] = headers


def _edge(context: ExecutionContext, response: Response, result: dict[str, Any]) -> Edge:
    """Where a status leads: its own edge if that is routed, else `error`, so that none is passed over in silence."""
    if 200 <= response.status < 300:
        return Edge("success", result)
    error = ErrorInfo(
        code=f"HTTP_{response.status}",
        message=f"{result['url'].partition('?')[0]} answered {response.status} {response.reason}".rstrip(),
        recoverable=response.status in (408, 429) or 500 <= response.status < 600,
        details=result,
    ).as_json()
    own = {4: "clientError", 5: "serverError"}.get(response.status // 100)
    if own in context.step.routed and own is not None:
        return Edge(own, {**result, "error": {**error, "details": None}})
    return Edge("error", error)


def _request(context: ExecutionContext, config: Mapping[str, Any]) -> Request:
    method = config["method"]
    headers = _headers(config["headers"])
    given = {name.lower() for name, _ in headers}
    content, content_type = _content(config.get("body"))
    if content_type and "content-type" not in given:
        headers.append(("Content-Type", content_type))
    if method not in _SAFE_METHODS and "idempotency-key" not in given:
        headers.append(("Idempotency-Key", context.idempotency_key))
    url = _url(config["url"], config["query"])
    return Request(method=method, url=url, headers=tuple(headers), content=content, timeout_s=_just_before(config))


def _just_before(config: Mapping[str, Any]) -> float | None:
    """The time of the request, a little less: where the step has the same, the request is the one to say so, since what
    a step writes is lost when its own time is up.
    """
    given = timeout_s(config)
    return None if given is None else given - min(_HEADROOM_S, given / 10)


def _url(text: str, query: Mapping[str, Any]) -> str:
    """The URL with the query added. A URL is never repeated in a message: it may hold what is nobody's business."""
    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise invalid("url is not a URL", parameter="url") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise invalid("url begins with http:// or https://, and a host", parameter="url")
    if url.port is not None and not 0 < url.port <= 65_535:
        raise invalid("url has a port that is none: from 1 to 65535", parameter="url")
    if url.userinfo:
        raise invalid("url holds a name or password: a definition never holds a credential", parameter="url")
    added = urlencode([pair for name, value in query.items() for pair in _pairs(name, value)]).encode()
    if added:
        url = url.copy_with(query=b"&".join(filter(None, (url.query, added))))
    found = str(url.copy_with(fragment=None))
    if len(found) > MAX_URL_LENGTH:
        raise invalid(f"url is longer than {MAX_URL_LENGTH} characters: send a body", parameter="url")
    return found


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    """A list repeats its name, null leaves it out."""
    values = value if isinstance(value, list) else [value]
    return [(name, as_text(item)) for item in values if item is not None]


def _headers(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name, value in given.items():
        if _HEADER_NAME.fullmatch(name) is None:
            raise invalid(f"headers: {name[:80]!r} is no name of a header", parameter="headers")
        if name.lower() in _OWN_HEADERS:
            raise invalid(f"headers: {name} is set by Clew alone", parameter="headers")
        if value is None:
            continue
        if isinstance(value, (list, dict)):
            raise invalid(f"headers: {name} is text, a number or a boolean", parameter="headers")
        text = as_text(value)
        if _BAD_IN_HEADER.search(text) is not None:
            raise invalid(f"headers: {name} holds a line break or another control character", parameter="headers")
        found.append((name, text.strip()))
    return found


def _content(body: Any) -> tuple[bytes | None, str]:
    if body is None:
        return None, ""
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return json.encode(body), "application/json"


def _result(response: Response, response_type: str) -> dict[str, Any]:
    return {
        "data": _data(response, response_type),
        "status": response.status,
        "statusText": response.reason,
        "headers": response.headers,
        "url": response.url,
        "redirected": response.redirected,
    }


def _data(response: Response, response_type: str) -> Any:
    if response_type in _BASE64:
        return base64.b64encode(response.body).decode()
    return _parsed(response) if response_type == "json" else _text(response)


def _parsed(response: Response) -> Any:
    """The JSON value of the body; what is no JSON (or none that a state can hold) stays text."""
    try:
        return json.normal(msgspec.json.decode(response.body), "the response")
    except (msgspec.DecodeError, StepFailure, RecursionError, UnicodeError):
        return _text(response)


def _text(response: Response) -> str:
    return response.body.decode(_codec(response.headers.get("content-type", "")), errors="replace")


def _codec(content_type: str) -> str:
    """The encoding that a response names, if it is one of texts: Python knows some that take quadratic time."""
    found = _CHARSET.search(content_type.lower())
    return found[1] if found is not None and _TEXT_CODEC.fullmatch(found[1]) is not None else "utf-8"
