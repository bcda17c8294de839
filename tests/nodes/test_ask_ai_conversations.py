"""`ask-ai` in conversations: messages, tools that the model calls, and an agent that is written in the language alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.problems import Problem
from infrastructure.nodes.ask_ai import AskAi
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.outside import Outside
from tests.support.models import calling, endpoint_of, model, said
from tests.support.nodes import Visit, run
from tests.support.outside import Asked, ran
from tests.support.workflows import problems_of, workflow

MULTIPLY = {
    "name": "multiply",
    "description": "The product of two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"values": {"type": "array", "items": {"type": "number"}, "minItems": 2}},
        "required": ["values"],
    },
}
TOOLS = [MULTIPLY, {"name": "look_up", "parameters": {"type": "object", "properties": {"key": {"type": "string"}}}}]
USAGE = {"promptTokens": 1_000, "completionTokens": 500, "totalTokens": 1_500, "cost": 0.006}
KEYS = {"aiResponse": None, "aiResponseData": None}


def ask(answer: Any, **config: Any) -> tuple[Visit, list[Asked]]:
    """One visit, and what the stand-in was asked."""
    with model(answer) as server:
        visit = run(AskAi(endpoint_of(server)), config, routed=("tool_calls",))
    return visit, server.asked


def test_the_conversation_so_far_is_sent() -> None:
    """The system's prompt first, then the messages as they are, then what the user says now."""
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}]},
    ]
    _, (asked,) = ask(said("A cat."), messages=history, systemPrompt="Be brief.", userPrompt="And this?")
    assert json.loads(asked.body)["messages"] == [
        {"role": "system", "content": "Be brief."},
        *history,
        {"role": "user", "content": "And this?"},
    ]
    visit, (asked,) = ask(said("A cat."), messages=history)
    assert visit.edge == "success"
    assert json.loads(asked.body)["messages"] == history


def test_a_tool_call_takes_an_edge_of_its_own() -> None:
    """With the calls taken apart, and the model's message as the next request needs it."""
    visit, (asked,) = ask(
        calling(("multiply", {"values": [6, 7]}), ("look_up", {}), content="Let me see."),
        userPrompt="6 * 7?",
        tools=TOOLS,
    )
    assert visit.edge == "tool_calls"
    assert visit.data == {
        "content": "Let me see.",
        "toolCalls": [
            {"id": "id-0", "name": "multiply", "arguments": {"values": [6, 7]}},
            {"id": "id-1", "name": "look_up", "arguments": {}},
        ],
        "message": {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "id-0", "type": "function", "function": {"name": "multiply", "arguments": '{"values": [6, 7]}'}},
                {"id": "id-1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}},
            ],
        },
        "model": "m-2026",
        "usage": USAGE,
    }
    assert visit.state["aiResponse"] == "Let me see."
    assert visit.state["aiResponseData"]["toolCalls"] == visit.data["toolCalls"]
    assert visit.state["aiResponseData"]["finishReason"] == "tool_calls"
    sent = json.loads(asked.body)
    assert sent["tools"] == [
        {"type": "function", "function": MULTIPLY},
        {"type": "function", "function": TOOLS[1]},
    ]
    assert "tool_choice" not in sent


def test_a_call_alone_has_no_content() -> None:
    """It says null for it, whatever the endpoint writes; JSON is asked of texts only."""
    for content in (None, ""):
        wire = calling(("look_up", "{}"), content=content)
        visit, _ = ask(wire, userPrompt="x", tools=TOOLS, responseFormat="json")
        assert visit.data["content"] is None
        assert visit.data["message"]["content"] is None
        assert visit.state["aiResponse"] is None


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("multiply", {"type": "function", "function": {"name": "multiply"}}),
    ],
)
def test_the_choice_of_a_tool(choice: str, wire: Any) -> None:
    """By word or by name."""
    _, (asked,) = ask(said("ok"), userPrompt="x", tools=TOOLS, toolChoice=choice)
    assert json.loads(asked.body)["tool_choice"] == wire


def test_a_tool_without_parameters_takes_none() -> None:
    """The endpoint is told so; missing arguments and ids are made up for."""
    wire = calling(("ping", ""))
    del wire["choices"][0]["message"]["tool_calls"][0]["id"]
    visit, (asked,) = ask(wire, userPrompt="x", tools=[{"name": "ping"}])
    assert json.loads(asked.body)["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert visit.data["toolCalls"] == [{"id": "call_0", "name": "ping", "arguments": {}}]


@pytest.mark.parametrize(
    ("calls", "says"),
    [
        ([("divide", {})], "no tool that it was given (multiply, look_up)"),
        ([("multiply", "{not json")], "the arguments of multiply are not JSON"),
        ([("multiply", {"values": [1]})], "break its schema at /values"),
        ([("multiply", {"values": ["a", "b"]})], "break its schema at /values/0"),
        ([("look_up", {}), ("multiply", {})], "break its schema at it"),
        ([("look_up", "9" * 400)], "not JSON"),
        ([("", {})], "names no tool"),
        ([("look_up", {})] * 129, "129 tool calls; at most 128"),
    ],
)
def test_calls_that_can_not_be_used(calls: list[tuple[str, Any]], says: str) -> None:
    """Recoverable: asked again, the model may do better. The call itself is paid for."""
    visit, _ = ask(calling(*calls), userPrompt="x", tools=TOOLS)
    assert visit.code == "INVALID_ANSWER"
    assert visit.data["recoverable"] is True
    assert says in visit.data["message"]
    assert visit.state == KEYS


def test_a_call_without_tools_is_none_that_was_asked_for() -> None:
    """Nothing of it is taken."""
    visit, _ = ask(calling(("look_up", {})), userPrompt="x")
    assert visit.code == "INVALID_ANSWER"
    assert "(none)" in visit.data["message"]


def test_arguments_that_were_cut_off_say_so() -> None:
    """The remedy is another number."""
    wire = calling(("look_up", '{"key": "a'))
    wire["choices"][0]["finish_reason"] = "length"
    assert "maxTokens" in ask(wire, userPrompt="x", tools=TOOLS)[0].data["message"]


def test_a_model_that_refuses() -> None:
    """Is not asked again."""
    visit, _ = ask(said(None, refusal="I can't help with that."), userPrompt="x")
    assert visit.code == "REFUSED"
    assert visit.data["recoverable"] is False
    assert "I can't help" in visit.data["message"]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"messages": []},
        {"messages": ["hi"]},
        {"messages": [{"content": "hi"}]},
        {"messages": [{"role": "owner", "content": "hi"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": "hi", "tool_calls": [{}]}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]},
        {"messages": [{"role": "tool", "content": "42"}]},
        {"messages": [{"role": "user", "content": "x"}] * 1_001},
        {"userPrompt": "x", "tools": ["multiply"]},
        {"userPrompt": "x", "tools": [{}]},
        {"userPrompt": "x", "tools": [{"name": "two words"}]},
        {"userPrompt": "x", "tools": [{"name": "a", "describtion": "b"}]},
        {"userPrompt": "x", "tools": [{"name": "a", "description": 5}]},
        {"userPrompt": "x", "tools": [{"name": "a", "parameters": []}]},
        {"userPrompt": "x", "tools": [{"name": "a", "parameters": {"type": "nothing"}}]},
        {"userPrompt": "x", "tools": [{"name": "a"}, {"name": "a"}]},
        {"userPrompt": "x", "tools": [{"name": f"a{at}"} for at in range(129)]},
        {"userPrompt": "x", "tools": [{"name": "a"}], "toolChoice": "b"},
        {"userPrompt": "x", "toolChoice": "auto"},
        {"userPrompt": "x", "stream": "yes"},
    ],
)
def test_bad_parameters(config: dict[str, Any]) -> None:
    """Told with their place; nothing is asked in vain."""
    visit, asked = ask(said("ok"), **config)
    assert visit.code == "INVALID_PARAMETER"
    assert visit.data["details"]["parameter"]
    assert asked == []
    assert visit.state == KEYS


def warnings(config: dict[str, Any]) -> list[Problem]:
    """What validation says of a step."""
    registry = standard_registry(files_root=None, entry_points=False)
    found = problems_of(workflow({"ask-ai": {"error?": {}, **config}}), registry)
    return [problem for problem in found if problem.code != "NO_ERROR_ROUTE"]


def test_what_validation_can_see() -> None:
    """A prompt or messages are needed; calls that lead nowhere and a schema that is not asked for are warned of."""
    assert [(one.code, one.severity) for one in warnings({})] == [("MISSING_PARAMETER", "error")]
    assert warnings({"messages": "$.m"})[0].code == "NEVER_WRITTEN"
    assert warnings({"prompt": "x"}) == []
    [found] = warnings({"prompt": "x", "tools": TOOLS})
    assert (found.code, found.path) == ("WILL_FAIL", "/workflow/0/ask-ai/tools")
    assert warnings({"prompt": "x", "tools": TOOLS, "toolChoice": "none"}) == []
    assert warnings({"prompt": "x", "tools": TOOLS, "tool_calls?": {}}) == []
    [found] = warnings({"prompt": "x", "schema": {}})
    assert (found.code, found.path) == ("WILL_FAIL", "/workflow/0/ask-ai/schema")
    assert warnings({"prompt": "x", "schema": {}, "responseFormat": "json"}) == []


AGENT = [
    {"$.messages": [{"role": "user", "content": "{{$.question}}"}]},
    {
        "agent...": {
            "$node": "ask-ai",
            "messages": "$.messages",
            "tools": TOOLS,
            "$maxIterations": 5,
            "tool_calls?": [
                {"$.messages": "{{ $.messages + [input.message] }}"},
                {
                    "each...": {
                        "items": "{{ output.agent.toolCalls }}",
                        "as": "call",
                        "loop?": [
                            {
                                "tool": {
                                    "$node": "switch",
                                    "mode": "expression",
                                    "expression": "$.call.name",
                                    "multiply?": [
                                        {
                                            "math": {
                                                "operation": "multiply",
                                                "values": "$.call.arguments.values",
                                                "success?": {"$.answer": "$.mathResult"},
                                                "error?": {"$.answer": "{{error.message}}"},
                                            }
                                        }
                                    ],
                                    "look_up?": [
                                        {
                                            "jsonExtract": {
                                                "path": "{{$.call.arguments.key}}",
                                                "data": "$.facts",
                                                "fallbackValue": "unknown",
                                                "outputField": "answer",
                                            }
                                        }
                                    ],
                                }
                            },
                            {
                                "$.messages": "{{ $.messages + [{'role': 'tool', 'tool_call_id': $.call.id, "
                                "'content': $.answer | string}] }}"
                            },
                        ],
                    }
                },
            ],
            "error?": "$fail",
        }
    },
    {"end": {"result": "{{output.agent.content}}"}},
]


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_is_written_in_the_language(*, stream: bool) -> None:
    """It calls tools, two of them at once, reads their answers, and ends with a text."""
    steps = json.loads(json.dumps(AGENT))
    steps[1]["agent..."]["stream"] = stream
    answers = [
        calling(("look_up", {"key": "width"}), ("look_up", {"key": "height"}), content="First the sides."),
        calling(("multiply", {"values": [6, 7]})),
        said("It is 42 square metres."),
    ]
    state = {"question": "How large is the room?", "facts": {"width": 6, "height": 7}}
    definition = {"id": "a", "name": "a", "version": "1.0.0", "workflow": steps}
    with model(answers) as server:
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint_of(server)))
        assert [
            one for one in problems_of({**definition, "initialState": state}, nodes) if one.severity == "error"
        ] == []
        found = ran(definition, nodes, initial_state=state)
    assert found.execution["status"] == "completed", found.execution["error"]
    assert found.state["result"] == "It is 42 square metres."
    assert found.execution["spent"] == {"cost": 0.018, "tokens": 4_500}
    sent = [json.loads(asked.body)["messages"] for asked in server.asked]
    assert [len(each) for each in sent] == [1, 4, 6]
    assert [message["role"] for message in sent[2]] == ["user", "assistant", "tool", "tool", "assistant", "tool"]
    assert [(one["tool_call_id"], one["content"]) for one in sent[2] if one["role"] == "tool"] == [
        ("id-0", "6"), ("id-1", "7"), ("id-0", "42"),
    ]  # fmt: skip
    assert sent[2][1]["tool_calls"][1]["function"] == {"name": "look_up", "arguments": '{"key": "height"}'}
    assert [visit for visit in found.visits if visit.startswith("agent")] == [
        "agent tool_calls", "agent tool_calls", "agent success",
    ]  # fmt: skip
    keys = {asked.headers["idempotency-key"] for asked in server.asked}
    assert len(keys) == 3, "each question is one of its own"


def test_an_agent_that_never_ends_is_bounded() -> None:
    """By the passes of its loop, like any; its error can be routed."""
    definition = {"id": "a", "name": "a", "version": "1.0.0", "workflow": AGENT}
    state = {"question": "?", "facts": {}}
    with model(calling(("look_up", {"key": "x"}))) as server:
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint_of(server)))
        found = ran(definition, nodes, initial_state=state)
    assert found.execution["error"]["code"] == "LOOP_LIMIT"
    assert len(server.asked) == 6


def test_an_answer_that_breaks_its_schema_is_asked_for_again() -> None:
    """`$retry` helps, and every try is counted."""
    schema = {"type": "object", "required": ["n"]}
    step = {"prompt": "x", "responseFormat": "json", "schema": schema, "$retry": {"maxAttempts": 3, "delay": 1}}
    definition = {"id": "a", "name": "a", "version": "1.0.0", "workflow": [{"ask-ai": step}]}
    with model([said("{}"), said("no json"), said('{"n": 1}')]) as server:
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(ai=endpoint_of(server)))
        found = ran(definition, nodes)
    assert found.execution["status"] == "completed"
    assert found.state["aiResponseData"]["content"] == {"n": 1}
    assert found.execution["spent"] == {"cost": 0.018, "tokens": 4_500}
