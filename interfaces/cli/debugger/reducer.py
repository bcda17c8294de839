"""The whole behaviour of the debugger, as a function of what it knows and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, assert_never

import msgspec
from msgspec.structs import replace

from interfaces.cli.debugger.changes import is_there
from interfaces.cli.debugger.commands import BY_KEY, BY_NAME, Command, help_lines
from interfaces.cli.debugger.model import Ask, Grown, Key, Kind, Landed, Line, Message, Model, Prompt, Said, Tick

PAGE: Final = 10
"""Events that PgUp and PgDn go past."""
SCROLL: Final = 5
"""Lines of the state that are scrolled past at once."""
NO: Final = "Nothing was done."
GOING_ON: Final = frozenset({"running", "suspended"})
Next = tuple[Model, Ask | None]


def after(model: Model, message: Message) -> Next:
    """The debugger when it was told something, and what it wants to know then."""
    match message:
        case Key():
            return _prompted(model, model.prompt, message.name) if model.prompt else _pressed(model, message.name)
        case Line():
            prompt = model.prompt
            return (
                _answered(model, prompt, message.text.strip() or prompt.text) if prompt else _given(model, message.text)
            )
        case Tick():
            waits = model.prompt is None and model.execution["status"] in GOING_ON
            return model, Ask(kind="refresh", at=model.at) if waits else None
        case Landed():
            return replace(
                model,
                execution=message.execution,
                at=message.at,
                page=message.page,
                state=message.state,
                before=message.before,
                said=message.said,
                wrong=False,
                top=0,
            ), None
        case Grown():
            return replace(model, execution=message.execution, page=message.page), None
        case Said():
            return replace(model, said=message.lines, wrong=message.wrong, place=message.place or model.place), None
        case _:
            assert_never(message)


def _say(model: Model, *lines: str, wrong: bool = False) -> Next:
    return replace(model, said=lines, wrong=wrong, prompt=None), None


# Commands


def _pressed(model: Model, key: str) -> Next:
    command = BY_KEY.get(key)
    if command is None:
        return _say(model, f"No command is on {key!r}: ? shows all.", wrong=True)
    return _commanded(model, command, None)


def _given(model: Model, line: str) -> Next:
    """A command by its name or key, perhaps with its argument; a number alone is a version."""
    word, _, argument = line.strip().partition(" ")
    if not word or word.startswith("#"):
        return model, None
    command = BY_NAME.get(word) or BY_KEY.get(word)
    if word.isdecimal():
        command, argument = BY_NAME["jump"], word
    if command is None:
        return _say(model, f"There is no command {word!r}: help shows all.", wrong=True)
    return _commanded(model, command, argument.strip() or None)


def _commanded(model: Model, command: Command, argument: str | None) -> Next:
    if argument is not None and not (command.question or command.optional):
        return _say(model, f"{command.name} takes nothing after it.", wrong=True)
    if command.question and argument is None:
        prompt = Prompt(command=command.name, question=command.question, text=_suggested(model, command.name))
        return replace(model, prompt=prompt, said=(), wrong=False), None
    return _ACTIONS[command.name](replace(model, said=(), wrong=False), argument or "")


def _suggested(model: Model, command: str) -> str:
    match command:
        case "write" | "write-back" | "blame":
            return model.pointer or next((str(op["path"]) for op in model.patch), "")
        case "jump":
            return model.place
        case "diff":
            return str(max(model.at - 1, 1))
        case _:
            return ""


def _move(by: int) -> Callable[[Model, str], Next]:
    def act(model: Model, argument: str) -> Next:
        if argument and not (argument.isascii() and argument.isdecimal() and len(argument) < 10):
            return _say(model, f"{argument!r} is not how many.", wrong=True)
        to = min(max(model.at + by * int(argument or 1), 1), model.head)
        if to == model.at:
            return _say(model, "That is the newest event." if by > 0 else "That is the first event.")
        return model, Ask(kind="go", at=model.at, text=str(to))

    return act


def _to(place: str) -> Callable[[Model, str], Next]:
    return lambda model, argument: (model, Ask(kind="go", at=model.at, text=argument or place))


def _find(how: str) -> Callable[[Model, str], Next]:
    return lambda model, argument: (model, Ask(kind="find", at=model.at, text=how))


def _find_write(direction: str) -> Callable[[Model, str], Next]:
    def act(model: Model, pointer: str) -> Next:
        return replace(model, pointer=pointer), Ask(kind="find", at=model.at, text=f"{direction} write:{pointer}")

    return act


def _about(kind: Kind) -> Callable[[Model, str], Next]:
    def act(model: Model, text: str) -> Next:
        known = replace(model, pointer=text) if kind == "blame" else model
        return known, Ask(kind=kind, at=model.at, text=text)

    return act


def _scroll(by: int) -> Callable[[Model, str], Next]:
    return lambda model, argument: (replace(model, top=max(model.top + by, 0)), None)


def _refresh(model: Model, argument: str) -> Next:
    return model, Ask(kind="refresh", at=model.at)


def _help(model: Model, argument: str) -> Next:
    return _say(model, *help_lines())


def _quit(model: Model, argument: str) -> Next:
    return replace(model, over=True), None


def _fork(model: Model, text: str) -> Next:
    """Also without a change: the same again from here."""
    if not text:
        return _confirm(model, "fork", "Fork this version as it is", ())
    return _changing(model, "fork", text, "Fork this version with")


def _edit(model: Model, text: str) -> Next:
    return _changing(model, "edit", text, f"Change the state of {model.execution['executionId']}:")


def _rollback(model: Model, argument: str) -> Next:
    return _confirm(model, "rollback", f"Take {model.execution['executionId']} back to version {model.at}", ())


def _changing(model: Model, kind: Kind, text: str, question: str) -> Next:
    pointer, separator, value = text.partition("=")
    if not separator or not pointer.startswith("/"):
        return _say(model, f"{text!r} is not of the form /pointer=value.", wrong=True)
    op = {"op": "replace" if is_there(model.state, pointer) else "add", "path": pointer, "value": _value(value)}
    told = msgspec.json.encode(op["value"]).decode()
    return _confirm(model, kind, f"{question} {op['op']} {pointer} = {told}", (op,))


def _confirm(model: Model, kind: Kind, question: str, patch: tuple[dict[str, Any], ...]) -> Next:
    ask = Ask(kind=kind, at=model.at, patch=patch)
    return replace(model, prompt=Prompt(command=kind, question=f"{question}? [y/N]", ask=ask)), None


def _value(text: str) -> Any:
    """JSON if it parses, else text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


_ACTIONS: Final[dict[str, Callable[[Model, str], Next]]] = {
    "forward": _move(1),
    "back": _move(-1),
    "page-forward": lambda model, argument: _move(1)(model, str(PAGE)),
    "page-back": lambda model, argument: _move(-1)(model, str(PAGE)),
    "first": _to("1"),
    "last": _to("head"),
    "step": _find("forward node"),
    "step-back": _find("back node"),
    "error": _find("forward error"),
    "error-back": _find("back error"),
    "write": _find_write("forward"),
    "write-back": _find_write("back"),
    "jump": _to("head"),
    "blame": _about("blame"),
    "diff": _about("diff"),
    "fork": _fork,
    "edit": _edit,
    "rollback": _rollback,
    "scroll": _scroll(SCROLL),
    "scroll-back": _scroll(-SCROLL),
    "refresh": _refresh,
    "help": _help,
    "quit": _quit,
}


# Questions to the person


def _prompted(model: Model, prompt: Prompt, key: str) -> Next:
    match key:
        case "enter":
            return _answered(model, prompt, prompt.text)
        case "escape" | "eof":
            return _say(model, NO)
        case "backspace":
            return replace(model, prompt=replace(prompt, text=prompt.text[:-1])), None
        case "clear":
            return replace(model, prompt=replace(prompt, text="")), None
        case _ if len(key) > 1:
            return model, None
        case _ if prompt.ask is not None:  # yes or no is one key
            return _answered(model, prompt, key)
        case _:
            return replace(model, prompt=replace(prompt, text=prompt.text + key)), None


def _answered(model: Model, prompt: Prompt, text: str) -> Next:
    without = replace(model, prompt=None)
    text = text.strip()
    if prompt.ask is not None:
        return (without, prompt.ask) if text.lower() in ("y", "yes") else _say(without, NO)
    if not text and prompt.command not in ("fork", "write", "write-back", "blame"):
        return _say(without, NO)
    return _ACTIONS[prompt.command](without, text)
