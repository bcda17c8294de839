"""What the debugger knows, what it is told, and what it asks for."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Object = dict[str, Any]
Kind = Literal["go", "find", "blame", "diff", "fork", "edit", "rollback", "refresh"]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of the source, at the version of the cursor.

    `text` is where to `go`, how to `find` (`back error`, `forward write:/total`), the pointer to `blame`, or the other end
    of a `diff`. `patch` is what a `fork` begins with or an `edit` does.
    """

    kind: Kind
    at: int
    text: str = ""
    patch: tuple[Object, ...] = ()


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the person. `text` is what is typed so far; with `ask` it is a yes or no about that."""

    command: str
    question: str
    text: str = ""
    ask: Ask | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """All that is on the screen.

    `at` is the version of the cursor, `page` the events around it, `state` and `before` the states at it and at the version
    before. `said` answers the last command; `wrong`: it is a refusal. `pointer` and `place` are what was last asked about
    or come upon, for the next question. `top`: so many lines of the state are scrolled past.
    """

    execution: Object
    definition: Object
    at: int
    page: tuple[Object, ...]
    state: Object
    before: Object
    said: tuple[str, ...] = ()
    wrong: bool = False
    prompt: Prompt | None = None
    pointer: str = ""
    place: str = ""
    top: int = 0
    over: bool = False

    @property
    def head(self) -> int:
        """The newest version."""
        return int(self.execution["version"])

    @property
    def event(self) -> Object:
        """The event at the cursor."""
        first = int(self.page[0]["version"])
        return self.page[self.at - first]

    @property
    def patch(self) -> tuple[Object, ...]:
        """What the event at the cursor did to the state."""
        return tuple(self.event.get("data", {}).get("patch") or ())

    @property
    def address(self) -> str:
        """The step at the cursor: that of its event, else of the nearest one before it."""
        shown = (event for event in reversed(self.page) if event["version"] <= self.at)
        return next((str(event["address"]) for event in shown if event.get("address")), "")


class Key(msgspec.Struct, frozen=True):
    """A key was pressed: a character, or a name such as `left`."""

    name: str


class Line(msgspec.Struct, frozen=True):
    """A line was given: a command, or the answer to a question."""

    text: str


class Tick(msgspec.Struct, frozen=True):
    """Some time has passed without a key."""


class Landed(msgspec.Struct, frozen=True, kw_only=True):
    """The cursor stands at a version, perhaps with something to say of it."""

    execution: Object
    at: int
    page: tuple[Object, ...]
    state: Object
    before: Object
    said: tuple[str, ...] = ()


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """The execution has gone on; the cursor stays."""

    execution: Object
    page: tuple[Object, ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `place` is a version that it speaks of."""

    lines: tuple[str, ...]
    wrong: bool = False
    place: str = ""


Message = Key | Line | Tick | Landed | Grown | Said
