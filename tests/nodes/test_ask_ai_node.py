"""`ask-ai` against a stand-in of an OpenAI-compatible endpoint on 127.0.0.1."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from infrastructure.nodes.addresses import HostPatterns
from infrastructure.nodes.ai_endpoint import AiEndpoint, Price
from infrastructure.nodes.ask_ai import AskAi
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.outside import Outside
from tests.support.nodes import Visit, run
from tests.support.outside import Asked, Reply, Web, ran, web

KEY = "sk-s3cret-0123456789"
REPEATED = "Incorrect API key provided: [secret:CLEW_AI_KEY]."
KEYS = {"aiResponse": None, "aiResponseData": None}
SCHEMA = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


def says(content: str | None, **more: Any) -> Reply:
    """A chat completion."""
    usage = {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500}
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    wire = {"id": "c-1", "object": "chat.completion", "model": "m-2026", "choices": [choice], "usage": usage, **more}
    return Reply(body=json.dumps(wire).encode())


def endpoint_of(server: Web, **more: Any) -> AiEndpoint:
    """The settings for a stand-in."""
    return AiEndpoint(server.url("/v1"), key=KEY, model="m", **more)


def ask(answer: Callable[[Asked], Reply] | Reply, **config: Any) -> tuple[Visit, list[Asked]]:
    """One visit, and what the stand-in was asked."""
    with web(lambda asked: answer if isinstance(answer, Reply) else answer(asked)) as server:
        endpoint = endpoint_of(server, prices={"m": Price(2.0, 8.0)})
        visit = run(AskAi(endpoint), {"userPrompt": "Hi?", **config})
    return visit, server.asked


def test_a_question_and_its_answer() -> None:
    """Edge data and state; the key goes in the header, the idempotency key too."""
    visit, (asked,) = ask(says("Hello."))
    usage = {"promptTokens": 1_000, "completionTokens": 500, "totalTokens": 1_500, "cost": 0.006}
    assert visit.edge == "success"
    assert visit.data == {"content": "Hello.", "model": "m-2026", "usage": usage}
    assert visit.state["aiResponse"] == "Hello."
    duration = visit.state["aiResponseData"].pop("durationMs")
    assert 0 <= duration < 5_000
    assert visit.state["aiResponseData"] == {
        "id": "c-1",
        "model": "m-2026",
        "content": "Hello.",
        "finishReason": "stop",
        "usage": usage,
    }
    assert set(visit.state) == set(KEYS)
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["idempotency-key"] == "key"
    assert json.loads(asked.body) == {"model": "m", "messages": [{"role": "user", "content": "Hi?"}]}


def test_what_is_sent() -> None:
    """Every parameter under the endpoint's name for it."""
    config = {"model": "other", "systemPrompt": "Be brief.", "temperature": 0.5, "maxTokens": 9, "timeout": "5s"}
    visit, (asked,) = ask(says("Hello."), **config)
    assert json.loads(asked.body) == {
        "model": "other",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}],
        "temperature": 0.5,
        "max_tokens": 9,
    }
    assert visit.data["usage"]["cost"] is None, "the price of this model is not known"


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        (None, (None, None, None, None)),
        ({"prompt_tokens": 3}, (3, None, None, None)),
        ({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, (1, 1, 2, 0.00001)),
    ],
)
def test_usage_that_the_endpoint_does_not_give_is_null(usage: Any, found: tuple[Any, ...]) -> None:
    """Nothing is made up."""
    visit, _ = ask(says("a", usage=usage))
    assert tuple(visit.data["usage"].values()) == found


@pytest.mark.parametrize(
    ("status", "code", "recoverable"),
    [
        (400, "BAD_REQUEST", False),
        (401, "UNAUTHORIZED", False),
        (403, "FORBIDDEN", False),
        (404, "NOT_FOUND", False),
        (408, "REQUEST_TIMEOUT", True),
        (418, "HTTP_418", False),
        (429, "RATE_LIMITED", True),
        (500, "SERVER_ERROR", True),
        (503, "UNAVAILABLE", True),
        (302, "HTTP_302", False),
    ],
)
def test_errors_by_status(*, status: int, code: str, recoverable: bool, caplog: pytest.LogCaptureFixture) -> None:
    """With the endpoint's reason, but without the key that it repeats."""
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}.", "type": "x"}}).encode()
    with caplog.at_level(logging.DEBUG):
        visit, _ = ask(Reply(status, body, headers=(("Retry-After", "7"), ("Location", "http://127.0.0.1:1/"))))
    assert visit.code == code
    assert visit.data["recoverable"] is recoverable
    assert visit.data["details"] == {"status": status, "reason": REPEATED, "retryAfter": "7"}
    assert visit.state == KEYS
    assert KEY not in json.dumps(visit.data) + caplog.text


def test_a_refusal_that_is_no_json() -> None:
    """The beginning of it is the reason."""
    visit, _ = ask(Reply(502, b"<html>" + b"x" * 10_000))
    assert visit.code == "SERVER_ERROR"
    assert len(visit.data["details"]["reason"]) == 500


@pytest.mark.parametrize(
    "answer",
    [
        Reply(body=b"no json"),
        Reply(body=b"[]"),
        Reply(body=b"{}"),
        Reply(body=b'{"choices": []}'),
        Reply(body=b'{"choices": [{}]}'),
        Reply(body=b'{"choices": [{"message": {"content": 5}}]}'),
        Reply(body=b"[" * 100_000),
        says(None),
    ],
)
def test_answers_that_are_none(answer: Reply) -> None:
    """Whatever speaks there is no chat completion, or has no text: asked again it may."""
    visit, _ = ask(answer)
    assert visit.code == "INVALID_ANSWER"
    assert visit.data["recoverable"] is True
    assert visit.state == KEYS


def test_a_slow_answer() -> None:
    """The step's own time."""
    visit, _ = ask(Reply(wait_s=1.0), timeout=200)
    assert visit.code == "REQUEST_TIMEOUT"
    assert visit.data["recoverable"] is True


def test_an_answer_without_end() -> None:
    """Is cut."""
    assert ask(Reply(endless=True))[0].code == "RESPONSE_TOO_LARGE"


def test_an_endpoint_that_is_not_there() -> None:
    """A network error, recoverable."""
    with web(lambda asked: says("a")) as server:
        endpoint = endpoint_of(server)
    visit = run(AskAi(endpoint), {"userPrompt": "Hi?"})
    assert visit.code == "NETWORK_ERROR"
    assert visit.data["recoverable"] is True
    assert KEY not in json.dumps(visit.data)


@pytest.mark.parametrize(
    "text", ['{"name": "Ann"}', ' \n{"name":"Ann"}\n', '```json\n{"name": "Ann"}\n```', '```\n{"name": "Ann"}\n```\n']
)
def test_json_answers(text: str) -> None:
    """The content is the value, `aiResponse` the text; a fence around it does no harm."""
    visit, (asked,) = ask(says(text), responseFormat="json")
    assert visit.data["content"] == {"name": "Ann"}
    assert visit.state["aiResponse"] == text
    assert visit.state["aiResponseData"]["content"] == {"name": "Ann"}
    assert json.loads(asked.body)["response_format"] == {"type": "json_object"}


def test_a_schema_is_sent_and_held_to() -> None:
    """The endpoint is told, and its answer is checked all the same."""
    visit, (asked,) = ask(says('{"name": "Ann"}'), responseFormat="json", schema=SCHEMA)
    assert visit.data["content"] == {"name": "Ann"}
    form = json.loads(asked.body)["response_format"]
    assert form == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    broken, _ = ask(says('{"name": 5}'), responseFormat="json", schema=SCHEMA)
    assert broken.code == "INVALID_ANSWER"
    assert broken.data["recoverable"] is True
    assert broken.data["details"]["problems"][0]["path"] == "/name"
    assert broken.state == KEYS


@pytest.mark.parametrize("text", ["no json", "", '{"a": NaN}', '{"a": ', "[" * 1_000 + "]" * 1_000, "9" * 400])
def test_answers_that_are_not_json(text: str) -> None:
    """Recoverable, with the beginning of what was said."""
    visit, _ = ask(says(text), responseFormat="json")
    assert visit.code == "INVALID_ANSWER"
    assert visit.data["recoverable"] is True
    assert visit.data["details"]["answer"] == text[:500]


@pytest.mark.parametrize(
    "text",
    ["```" + "\n" * 900_000 + "x", "```json\n" * 100_000, "```\n" + "```" * 200_000 + "x"],
    ids=["lines", "openings", "fences"],
)
def test_fences_are_looked_for_in_linear_time(text: str) -> None:
    """A model may answer anything."""
    began = time.monotonic()
    assert ask(says(text), responseFormat="json")[0].code in ("INVALID_ANSWER", "RESPONSE_TOO_LARGE")
    assert time.monotonic() - began < 2.0


def test_an_answer_that_was_cut_off_says_so() -> None:
    """The remedy is another number, not another try."""
    choice = {"message": {"content": '{"a": '}, "finish_reason": "length"}
    visit, _ = ask(says("", choices=[choice]), responseFormat="json")
    assert "maxTokens" in visit.data["message"]


@pytest.mark.parametrize(
    "config",
    [
        {"userPrompt": ""},
        {"userPrompt": 5},
        {"temperature": 3},
        {"temperature": -1},
        {"maxTokens": 0},
        {"responseFormat": "xml"},
        {"schema": SCHEMA},
        {"responseFormat": "json", "schema": {"type": "nothing"}},
        {"responseFormat": "json", "schema": {"$ref": "http://127.0.0.1/other"}},
        {"timeout": "soon"},
    ],
)
def test_bad_parameters(config: dict[str, Any]) -> None:
    """Nothing is asked, and paid, in vain."""
    visit, asked = ask(says("a"), **config)
    assert visit.code == "INVALID_PARAMETER"
    assert asked == []
    assert visit.state == KEYS


def test_a_model_is_needed() -> None:
    """From the step or the settings."""
    with web(lambda asked: says("a")) as server:
        endpoint = AiEndpoint(server.url("/v1"))
        assert run(AskAi(endpoint), {"userPrompt": "Hi?"}).code == "INVALID_PARAMETER"
        assert run(AskAi(endpoint), {"userPrompt": "Hi?", "model": "m"}).edge == "success"
    assert "authorization" not in server.asked[0].headers


def test_a_service_without_an_endpoint() -> None:
    """Says what to set."""
    visit = run(AskAi(), {"userPrompt": "Hi?"})
    assert visit.code == "AI_NOT_CONFIGURED"
    assert "CLEW_AI_URL" in visit.data["message"]
    assert visit.state == KEYS


def test_a_base_url_is_used_only_if_settings_allow_its_host() -> None:
    """Else the key could be sent anywhere."""
    with web(lambda asked: says("own")) as server, web(lambda asked: says("other")) as other:
        config = {"userPrompt": "Hi?", "baseUrl": other.url("/v9/")}
        refused = run(AskAi(endpoint_of(server)), config)
        allowed = run(AskAi(endpoint_of(server, hosts=[f"127.0.0.1:{other.port}"])), config)
        same = run(AskAi(endpoint_of(server)), {"userPrompt": "Hi?", "baseUrl": server.url("/v1/")})
    assert refused.code == "BASE_URL_REFUSED"
    assert allowed.data["content"] == "other"
    assert same.data["content"] == "own"
    (asked,) = other.asked
    assert asked.path == "/v9/chat/completions"


@pytest.mark.parametrize("base", ["ftp://a/", "http://u:p@127.0.0.1/", "nothing", "http://127.0.0.1/v1?a=1", ""])
def test_base_urls_that_are_none(base: str) -> None:
    """Refused like one that is not allowed."""
    with web(lambda asked: says("a")) as server:
        endpoint = endpoint_of(server, hosts=["127.0.0.1", "a"])
        visit = run(AskAi(endpoint), {"userPrompt": "Hi?", "baseUrl": base})
    assert visit.code == "BASE_URL_REFUSED"


def test_a_redirect_is_not_followed() -> None:
    """The key goes to nobody else."""
    with web(lambda asked: says("other")) as other:
        visit, _ = ask(Reply(307, headers=(("Location", other.url()),)))
    assert visit.code == "HTTP_307"
    assert other.asked == []


def test_bad_settings() -> None:
    """Refused when the service starts; no key in any text made of an endpoint."""
    for url in ("", "ftp://a", "http://u:p@a/v1", "http://a/v1?key=1"):
        with pytest.raises(ValueError, match="URL of an AI endpoint"):
            AiEndpoint(url)
    with pytest.raises(ValueError, match="no HTTP header") as refused:
        AiEndpoint("http://a", key="s3cret\nX: y")
    assert "s3cret" not in str(refused.value)
    endpoint = AiEndpoint("http://[::1]:80/v1/", key=KEY)
    assert endpoint.url == "http://[::1]/v1"
    assert KEY not in f"{endpoint} {endpoint!r}"
    assert endpoint.allowed.address("::1", 80, "::1")


def test_a_short_key_is_a_word_and_stays_in_answers() -> None:
    """Local servers take any key: answers about `ollama` are to keep that word."""
    assert AiEndpoint("http://a", key="ollama").redactor.text("ask ollama") == "ask ollama"
    assert AiEndpoint("http://a", key=KEY).redactor.text(f"ask {KEY}") == "ask [secret:CLEW_AI_KEY]"


def test_the_key_is_nowhere_in_a_real_run() -> None:
    """Neither in the events of the answer that repeats it, nor in those of an error."""
    step = {"prompt": "Hi?", "error?": {"log": {"message": "{{error.message}}"}}}
    definition = {"id": "w", "name": "w", "version": "1.0.0", "workflow": [{"ask-ai": step}, {"ask-ai": step}]}
    replies = iter([says(f"your key is {KEY}"), Reply(401, KEY.encode())])
    with web(lambda asked: next(replies)) as server:
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint_of(server)))
        found = ran(definition, nodes)
    assert found.visits == ["ask-ai success", "ask-ai error", "log success"]
    assert found.state["lastLoggedMessage"].startswith("the AI endpoint answered 401")
    assert KEY not in found.log
    assert HostPatterns().name("127.0.0.1", server.port) is False
