"""`ask-ai`: a completion from an OpenAI-compatible endpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from domain import json
from domain.errors import ErrorInfo, StepFailure, Unacceptable
from domain.node import Answer, Edge, NodeMetadata, Parameter
from infrastructure.nodes.ai_answers import Completion, checked, completion, refusal
from infrastructure.nodes.base import LIBRARY_VERSION, example, invalid
from infrastructure.nodes.exchange import Door, Request
from infrastructure.nodes.outward import OutwardNode, timeout_s
from infrastructure.system import check_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext
    from infrastructure.nodes.ai_endpoint import AiEndpoint

MAX_ANSWER_BYTES: Final = 1_048_576
_SCHEMA_NAME: Final = "answer"


class AskAi(OutwardNode):
    """Asks a language model, and waits for its whole answer."""

    metadata = NodeMetadata(
        id="ask-ai",
        name="Ask AI",
        version=LIBRARY_VERSION,
        description="Asks a language model (an OpenAI-compatible endpoint) for a completion.",
        example=example(
            {
                "ask-ai": {
                    "userPrompt": "Summarise in one sentence: {{$.text}}",
                    "temperature": 0,
                    "maxTokens": 200,
                    "success?": [{"$.summary": "$.aiResponse"}],
                    "error?": "$fail",
                }
            },
            text="Clew keeps every event of a run.",
        ),
        outputs=("aiResponse", "aiResponseData"),
        edges=("success",),
        effect="writes",
        gone=("JWT_token",),
        parameters={
            "userPrompt": Parameter(
                types=("string",), required=True, aliases=("prompt",), description="What is asked."
            ),
            "model": Parameter(types=("string",), description="The default is the service's."),
            "systemPrompt": Parameter(types=("string",), description="How the model is to behave."),
            "temperature": Parameter(types=("number",), description="0: as predictable as the model can be."),
            "maxTokens": Parameter(types=("integer",), description="Most tokens of the answer."),
            "responseFormat": Parameter(
                types=("string",), default="text", enum=("text", "json"), description="json: the answer is parsed."
            ),
            "schema": Parameter(types=("object",), description="JSON Schema of the answer, for responseFormat json."),
            "baseUrl": Parameter(types=("string",), description="Only where the service's settings allow that host."),
            "timeout": Parameter(types=("number", "string"), description="The default is the step's own $timeout."),
        },
    )

    def __init__(self, endpoint: AiEndpoint | None = None) -> None:
        self._endpoint = endpoint
        self._door = Door(endpoint.allowed) if endpoint is not None else None

    async def reach(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Ask once."""
        if self._endpoint is None or self._door is None:
            message = "this service has no AI endpoint: set CLEW_AI_URL"
            raise StepFailure(ErrorInfo(type="configuration", code="AI_NOT_CONFIGURED", message=message))
        _check(config)
        request = _request(self._endpoint, context, config)
        began = time.monotonic()
        response = await self._door.exchange(request)
        duration_ms = round((time.monotonic() - began) * 1000)
        text = self._endpoint.scrub(response.body.decode(errors="replace"))
        if not 200 <= response.status < 300:
            raise refusal(response, text)
        found = completion(text)
        content = checked(found, config.get("schema")) if config["responseFormat"] == "json" else found.text
        return _kept(context, found, content, usage=self._usage(found, config), duration_ms=duration_ms)

    def _usage(self, found: Completion, config: Mapping[str, Any]) -> dict[str, Any]:
        """Counts as the endpoint gives them, null where it does not; the price is of the model that was asked for."""
        endpoint = self._endpoint
        assert endpoint is not None
        counts = (found.prompt_tokens, found.completion_tokens)
        asked = endpoint.cost(config.get("model") or endpoint.model, *counts)
        return {
            "promptTokens": found.prompt_tokens,
            "completionTokens": found.completion_tokens,
            "totalTokens": found.total_tokens,
            "cost": asked if asked is not None else endpoint.cost(found.model, *counts),
        }


def _kept(
    context: ExecutionContext, found: Completion, content: Any, *, usage: dict[str, Any], duration_ms: int
) -> Edge:
    context.state["aiResponse"] = found.text
    context.state["aiResponseData"] = {
        "id": found.id,
        "model": found.model,
        "content": content,
        "finishReason": found.finish_reason,
        "usage": usage,
        "durationMs": duration_ms,
    }
    return Edge("success", {"content": content, "model": found.model, "usage": usage})


def _check(config: Mapping[str, Any]) -> None:
    """What can be wrong before anything is asked (and paid)."""
    if not config["userPrompt"].strip():
        raise invalid("userPrompt can't be empty", parameter="userPrompt")
    if config.get("maxTokens", 1) < 1:
        raise invalid("maxTokens is 1 or more", parameter="maxTokens")
    if not 0 <= config.get("temperature", 0) <= 2:
        raise invalid("temperature is from 0 to 2", parameter="temperature")
    if "schema" not in config:
        return
    if config["responseFormat"] != "json":
        raise invalid("schema needs responseFormat json", parameter="schema", allowed=("json",))
    try:
        check_schema(config["schema"], None)
    except Unacceptable as error:
        raise invalid(f"schema: {error.message}", parameter="schema") from error


def _request(endpoint: AiEndpoint, context: ExecutionContext, config: Mapping[str, Any]) -> Request:
    base = endpoint.base(config.get("baseUrl"))
    if base is None:
        message = (
            "the service's settings do not allow this baseUrl: leave it out, or have its host added (CLEW_AI_HOSTS)"
        )
        raise StepFailure(ErrorInfo(type="configuration", code="BASE_URL_REFUSED", message=message))
    headers = (
        ("Content-Type", "application/json"),
        ("Idempotency-Key", context.idempotency_key),
        *endpoint.headers(),
    )
    return Request(
        method="POST",
        url=f"{base}/chat/completions",
        headers=headers,
        content=json.encode(_body(config, config.get("model") or endpoint.model)),
        timeout_s=timeout_s(config),
        max_redirects=0,  # the key goes to nobody else
        max_bytes=MAX_ANSWER_BYTES,
    )


def _body(config: Mapping[str, Any], model: str) -> dict[str, Any]:
    if not model:
        raise invalid("ask-ai needs a model: the service has no default (CLEW_AI_MODEL)", parameter="model")
    messages = [{"role": "user", "content": config["userPrompt"]}]
    if config.get("systemPrompt"):
        messages.insert(0, {"role": "system", "content": config["systemPrompt"]})
    body: dict[str, Any] = {"model": model, "messages": messages}
    for name, key in (("temperature", "temperature"), ("maxTokens", "max_tokens")):
        if name in config:
            body[key] = config[name]
    if "schema" in config:
        form = {"name": _SCHEMA_NAME, "schema": config["schema"]}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    elif config["responseFormat"] == "json":
        body["response_format"] = {"type": "json_object"}
    return body
