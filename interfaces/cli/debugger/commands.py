"""The commands of the debugger, and the keys that they are on."""

from __future__ import annotations

from typing import Final, NamedTuple


class Command(NamedTuple):
    """A command. `question` is asked when it needs to know something; `optional`: it does without an argument."""

    name: str
    keys: tuple[str, ...]
    says: str
    question: str = ""
    optional: bool = False


COMMANDS: Final = (
    Command("forward", ("right", "down", "n", " "), "to the next event, or so many", optional=True),
    Command("back", ("left", "up", "p"), "to the event before, or so many", optional=True),
    Command("page-forward", ("pagedown",), "ten events forward"),
    Command("page-back", ("pageup",), "ten events back"),
    Command("first", ("home", "g"), "to the first event"),
    Command("last", ("end", "G"), "to the newest event"),
    Command("step", (".",), "to where the next visit of a step begins"),
    Command("step-back", (",",), "to where the visit before begins"),
    Command("error", ("e",), "to the next error"),
    Command("error-back", ("E",), "to the error before"),
    Command("write", ("w",), "to the next write under a pointer", "Next write to"),
    Command("write-back", ("W",), "to the write before", "Write before to"),
    Command("jump", ("v", ":"), "to a version: 17, head~3, a time, node:/address@visit", "Version"),
    Command("blame", ("b",), "who wrote what stands under a pointer", "Blame"),
    Command("diff", ("d",), "what changed from another version to this one", "Changes since version"),
    Command("fork", ("f",), "a new execution from here, with a value changed", "Fork with pointer=value (or nothing)"),
    Command("edit", ("x",), "change the state of a parked execution", "Change pointer=value"),
    Command("rollback", ("r",), "take a parked execution back to here"),
    Command("scroll", ("]",), "the state further down"),
    Command("scroll-back", ("[",), "the state further up"),
    Command("refresh", ("u",), "look for what has happened since"),
    Command("help", ("?", "f1"), "these keys"),
    Command("quit", ("q", "eof"), "leave"),
)
BY_NAME: Final = {command.name: command for command in COMMANDS}
BY_KEY: Final = {key: command for command in COMMANDS for key in command.keys}
_SHOWN: Final = {
    "right": "→",
    "left": "←",
    "up": "↑",
    "down": "↓",
    " ": "space",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "f1": "F1",
    "eof": "Ctrl-D",
}


def help_lines() -> tuple[str, ...]:
    """All commands, with their keys."""
    rows = [(" ".join(_SHOWN.get(key, key) for key in each.keys), each.name, each.says) for each in COMMANDS]
    keys_wide = max(len(keys) for keys, _, _ in rows)
    names_wide = max(len(name) for _, name, _ in rows)
    return tuple(f"{keys:<{keys_wide}}  {name:<{names_wide}}  {says}" for keys, name, says in rows)
