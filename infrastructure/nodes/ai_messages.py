"""What `ask-ai` tells a model: the conversation so far and the tools it may call, checked and as the endpoint takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from domain.errors import Unacceptable
from domain.problems import nearest
from infrastructure.json_schemas import check_schema
from infrastructure.nodes.base import invalid, shown

MAX_MESSAGES: Final = 1_000
MAX_TOOLS: Final = 128
ROLES: Final = ("system", "developer", "user", "assistant", "tool")
CHOICES: Final = ("auto", "none", "required")
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOOL_KEYS: Final = ("name", "description", "parameters")
_NO_PARAMETERS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}

Tools = Mapping[str, Mapping[str, Any]]
"""By name, the JSON Schema of the arguments of each tool."""


def messages_of(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conversation: `systemPrompt`, then `messages`, then `userPrompt`. Raises `INVALID_PARAMETER`."""
    if "userPrompt" not in config and "messages" not in config:
        raise invalid("ask-ai needs userPrompt or messages", parameter="userPrompt")
    found: list[dict[str, Any]] = []
    if config.get("systemPrompt"):
        found.append({"role": "system", "content": config["systemPrompt"]})
    found += [_message(each, f"messages[{place}]") for place, each in enumerate(_history(config))]
    if "userPrompt" in config:
        if not config["userPrompt"].strip():
            raise invalid("userPrompt can't be empty", parameter="userPrompt")
        found.append({"role": "user", "content": config["userPrompt"]})
    return found


def _history(config: Mapping[str, Any]) -> list[Any]:
    history: list[Any] = config.get("messages", [])
    if not history and "userPrompt" not in config:
        raise invalid("messages is a list of at least one message, where there is no userPrompt", parameter="messages")
    if len(history) > MAX_MESSAGES:
        raise invalid(f"messages has {len(history):,} entries; at most {MAX_MESSAGES:,} are sent", parameter="messages")
    return history


def _message(message: Any, where: str) -> dict[str, Any]:
    """A message of the endpoint's own form, which is passed on as it is once it is known to be sound."""
    if not isinstance(message, dict):
        raise invalid(f"{where} is an object {{role, content}}, not {shown(message)}", parameter=where)
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in ROLES:
        raise invalid(f"{where}.role can't be {shown(role)}", parameter=f"{where}.role", allowed=ROLES)
    calls = message.get("tool_calls")
    if calls is not None and (role != "assistant" or not isinstance(calls, list) or not calls):
        raise invalid(f"{where}.tool_calls is a list of calls, of an assistant", parameter=f"{where}.tool_calls")
    if not isinstance(content, str | list) and not (content is None and calls):
        message_text = f"{where}.content is a text, or a list of parts, not {shown(content)}"
        raise invalid(message_text, parameter=f"{where}.content")
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise invalid(f"{where} needs tool_call_id: the call that it answers", parameter=f"{where}.tool_call_id")
    return message


def tools_of(config: Mapping[str, Any]) -> Tools:
    """The tools by name. Raises `INVALID_PARAMETER`."""
    given = config.get("tools", [])
    if len(given) > MAX_TOOLS:
        raise invalid(f"tools has {len(given)} entries; at most {MAX_TOOLS} are taken", parameter="tools")
    found: dict[str, Mapping[str, Any]] = {}
    for place, tool in enumerate(given):
        name, schema = _tool(tool, f"tools[{place}]")
        if name in found:
            raise invalid(f"tools: two are called {name}; give each its own name", parameter=f"tools[{place}].name")
        found[name] = schema
    choice = config.get("toolChoice")
    if choice is not None and choice not in (*CHOICES, *found):
        raise invalid(f"toolChoice can't be {shown(choice)}", parameter="toolChoice", allowed=(*CHOICES, *found))
    if choice is not None and not found:
        raise invalid("toolChoice needs tools", parameter="toolChoice")
    return found


def _tool(tool: Any, where: str) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(tool, dict):
        raise invalid(f"{where} is an object {{name, description, parameters}}, not {shown(tool)}", parameter=where)
    for key in tool:
        if key not in _TOOL_KEYS:
            close = nearest(key, _TOOL_KEYS)
            hint = f"; did you mean {close}?" if close else ""
            raise invalid(f"{where} has no {key}: it has {', '.join(_TOOL_KEYS)}{hint}", parameter=f"{where}.{key}")
    name, schema = tool.get("name"), tool.get("parameters", _NO_PARAMETERS)
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        raise invalid(f"{where}.name is 1 to 64 letters, digits, _ and -, not {shown(name)}", parameter=f"{where}.name")
    if not isinstance(tool.get("description", ""), str):
        raise invalid(f"{where}.description is a text", parameter=f"{where}.description")
    if not isinstance(schema, dict):
        raise invalid(f"{where}.parameters is a JSON Schema, not {shown(schema)}", parameter=f"{where}.parameters")
    try:
        check_schema(schema, None)
    except Unacceptable as error:
        raise invalid(f"{where}.parameters: {error.message}", parameter=f"{where}.parameters") from error
    return name, schema


def tools_on_the_wire(config: Mapping[str, Any], tools: Tools) -> dict[str, Any]:
    """The members of a request that offer the tools; none without any."""
    if not tools:
        return {}
    offered = [
        {"type": "function", "function": {**tool, "parameters": tools[tool["name"]]}} for tool in config["tools"]
    ]
    choice = config.get("toolChoice")
    if choice is None:
        return {"tools": offered}
    named = {"type": "function", "function": {"name": choice}}
    return {"tools": offered, "tool_choice": choice if choice in CHOICES else named}
