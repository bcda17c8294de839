"""What an OpenAI-compatible endpoint answers: completions, and refusals by their status."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from domain import json
from domain.errors import ErrorInfo, StepFailure
from infrastructure.nodes.exchange import Response
from infrastructure.system import check_schema

_CODES: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "REQUEST_TOO_LARGE",
    422: "UNPROCESSABLE",
    429: "RATE_LIMITED",
    503: "UNAVAILABLE",
}
_MAX_REASON: Final = 500
_FENCE: Final = "```"


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a model. Counts are None where the endpoint does not give them."""

    id: str | None
    model: str
    text: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Wire(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None


def completion(text: str) -> Completion:
    """The first choice of a response body. Raises `INVALID_ANSWER`, recoverable."""
    try:
        wire = msgspec.json.decode(text, type=_Wire)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _unusable(f"the endpoint answered with what is no chat completion: {error}") from error
    if not wire.choices:
        raise _unusable("the endpoint answered without a choice")
    choice = wire.choices[0]
    if choice.message.content is None:
        raise _unusable("the model answered without text", finishReason=choice.finish_reason)
    usage = wire.usage or _Usage()
    return Completion(
        id=wire.id,
        model=wire.model or "",
        text=choice.message.content,
        finish_reason=choice.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )


def checked(found: Completion, schema: Any) -> Any:
    """The JSON value that a model wrote (a fence around it is taken off), held to a schema if there is one.

    Raises `INVALID_ANSWER`, recoverable: asked again, a model may do better.
    """
    details = {"finishReason": found.finish_reason, "answer": found.text[:_MAX_REASON]}
    try:
        value = json.normal(msgspec.json.decode(_unfenced(found.text)), "the answer")
    except (msgspec.DecodeError, RecursionError, StepFailure) as error:
        cut = ": it was cut off at maxTokens" if found.finish_reason == "length" else ""
        raise _unusable(f"the model's answer is not JSON{cut}", **details) from error
    problems = check_schema(schema, value) if schema is not None else []
    if problems:
        first = f"{problems[0].path or 'it'}: {problems[0].message}"[:_MAX_REASON]
        listed = [{"path": problem.path, "message": problem.message[:_MAX_REASON]} for problem in problems]
        raise _unusable(f"the model's answer breaks the schema at {first}", **details, problems=listed)
    return value


def _unfenced(text: str) -> str:
    """What is between a first line such as ```json and a last ```, else the whole text."""
    stripped = text.strip()
    head, _, rest = stripped.partition("\n")
    language = head.removeprefix(_FENCE).strip()
    if not head.startswith(_FENCE) or not rest.endswith(_FENCE) or not (language.isalnum() or not language):
        return stripped
    return rest.removesuffix(_FENCE)


def refusal(response: Response, text: str) -> StepFailure:
    """The error of a status that is no success. `text` is the body, without the key."""
    status = response.status
    code = _CODES.get(status) or ("SERVER_ERROR" if status >= 500 else f"HTTP_{status}")
    details: dict[str, Any] = {"status": status, "reason": _reason(text)}
    if "retry-after" in response.headers:
        details["retryAfter"] = response.headers["retry-after"][:40]
    return StepFailure(
        ErrorInfo(
            type="configuration" if status in (401, 402, 403) else "runtime",
            code=code,
            message=f"the AI endpoint answered {status}: {details['reason'] or response.reason}",
            recoverable=status in (408, 429) or 500 <= status < 600,
            details=details,
        )
    )


def _reason(text: str) -> str:
    """What `{error: {message}}` says, else the beginning of the text."""
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        said = None
    error = said.get("error") if isinstance(said, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return (message if isinstance(message, str) else text).strip()[:_MAX_REASON]


def _unusable(message: str, **details: Any) -> StepFailure:
    return StepFailure(ErrorInfo(code="INVALID_ANSWER", message=message, recoverable=True, details=details or None))
