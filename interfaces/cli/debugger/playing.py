"""The debugger at work: on a terminal, or line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from interfaces.cli.debugger.changes import change_lines
from interfaces.cli.debugger.desk import Desk
from interfaces.cli.debugger.model import Key, Line, Message, Model, Tick
from interfaces.cli.debugger.reducer import after
from interfaces.cli.wording import gist, names_in, plain, step_of

TICK_S: Final = 1.0
"""How often a terminal shows what has happened since, where something may."""


def settled(desk: Desk, model: Model, message: Message) -> Model:
    """The debugger when it was told something, and has been answered all that it wanted to know then."""
    model, ask = after(model, message)
    while ask is not None:
        model, ask = after(model, desk.answer(ask))
    return model


def on_terminal(desk: Desk, model: Model) -> None:
    """By keys, on a whole screen, until the person leaves."""
    from interfaces.cli.debugger.screen import painted
    from interfaces.cli.debugger.terminal import Terminal

    with Terminal() as terminal:
        while not model.over:
            terminal.paint(painted(model, *terminal.size))
            keys = terminal.keys(TICK_S)
            if keys is None:
                return
            if "redraw" in keys:
                terminal.forget()
            told: list[Message] = [Key(key) for key in keys if key not in ("redraw", "unknown")]
            for message in told or [Tick()]:
                model = settled(desk, model, message)


def line_by_line(desk: Desk, model: Model, lines: Iterable[str], tell: Callable[[str], None]) -> bool:
    """By one command a line. False when one of them was refused."""
    well = True
    for line in _place(model):
        tell(line)
    for given in lines:
        before, model = model, settled(desk, model, Line(given))
        if model.over:
            break
        for line in _news(before, model):
            tell(line)
        well = well and not model.wrong
    return well


def _news(before: Model, model: Model) -> Iterator[str]:
    if model.at != before.at:
        yield from _place(model)
    if model.said is not before.said:
        yield from (f"! {plain(line, longest=1_000)}" if model.wrong else line for line in model.said)
    if model.prompt is not None and model.prompt is not before.prompt:
        suggested = f" [{model.prompt.text}]" if model.prompt.text else ""
        yield f"{model.prompt.question}{suggested}"


def _place(model: Model) -> Iterator[str]:
    """Where the cursor is, and what happened there."""
    event = model.event
    step = step_of(event, names_in(model.page)) if event.get("address") else ""
    told = f"{model.at} of {model.head}  {event['time']}  {event['type']}  {step}  {gist(event)}"
    yield "  ".join(part for part in told.split("  ") if part)
    for line in change_lines(model.patch, model.before):
        yield f"    {line}"
