"""Values of a definition: told apart and compiled, in the order that LANGUAGE section 3 gives."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from domain.expression_errors import InvalidExpression
from domain.expressions import MAX_SOURCE, Expression, compiled
from domain.paths import path_or_none
from domain.plain import Search, is_plain_text
from domain.problems import Problem, pointer
from domain.reporting import Report
from domain.room import MAX_WORDS, SPLIT_IT, Room
from domain.templates import Hole, bare_paths, split_template
from domain.value_forms import Computed, Constant, Lenient, Referring, Template, Value, combined

__all__ = ["Value", "compile_value"]

REFERENCE_WORDS: Final = 3  # of any text with a `$` in it
TEXT_WORDS: Final = 4
WORD_CHARACTERS: Final = 4  # of a text that does not compile
MAX_VALUE_DEPTH: Final = 128  # lists and objects inside one another; a definition may have 64
MAX_NAMED: Final = 5  # paths that one warning names

DOLLAR_IN_TEXT: Final = "DOLLAR_IN_TEXT"
OPENINGS: Final = ("$.", "$[")
ESCAPES: Final = ("$$.", "$$[")


def compile_value(
    value: Any, *, path: str, report: Report, room: Room | None = None, lenient: bool = False, fill_bare: bool = False
) -> Value:
    """Compile any JSON value. `path` is its JSON Pointer; what is wrong inside is reported. `room` is what it may cost.

    With `lenient`, what is undefined anywhere inside is null with a warning. With `fill_bare`, a bare `$.path` in a
    text that is neither a reference nor an expression is filled in as `{{$.path}}` would be.
    """
    part = _Compiler(path, report, room or Room(), lenient=lenient, fill_bare=fill_bare).part(value)
    return part if isinstance(part, Value) else Constant(part)


class _Compiler:
    """Compiles one value and all that is in it. `place` are the keys on the way to where it is."""

    def __init__(self, path: str, report: Report, room: Room, *, lenient: bool, fill_bare: bool) -> None:
        self.path = path
        self.place: list[str | int] = []
        self.report = report
        self.room = room
        self.lenient = lenient
        self.fill_bare = fill_bare
        self.search = Search()

    def part(self, value: Any) -> Any:
        """A Value where there is something to resolve, else the plain JSON that is meant, itself."""
        if isinstance(value, str):
            return value if is_plain_text(value) else self.text(value)
        if not isinstance(value, list | dict) or not value:  # a Value is one already
            return value
        if len(self.place) >= MAX_VALUE_DEPTH:
            self.refuse(f"Lists and objects may be at most {MAX_VALUE_DEPTH} deep in a value.", code="TOO_DEEP")
            return None
        elements = list(value.values()) if isinstance(value, dict) else value
        keys = list(value) if isinstance(value, dict) else range(len(value))
        holes: list[tuple[Any, Value]] = []
        changed: dict[Any, Any] = {}
        for at in self.search.doubtful(elements):
            if self.stopped:
                break
            self.place.append(keys[at])
            part = self.part(elements[at])
            self.place.pop()
            if isinstance(part, Value):
                holes.append((keys[at], part))
            elif part is not elements[at]:
                changed[keys[at]] = part
        return combined(value, holes, changed)

    @property
    def stopped(self) -> bool:
        """Whether it makes no difference any more what stands there."""
        return self.room.without_words or self.report.full

    def text(self, text: str) -> Value | str:
        if self.stopped:
            return text
        try:
            found = self.compiled(text)
        except InvalidExpression as error:
            self.refuse_text(text, error)
            return text
        return Lenient(found) if self.lenient and isinstance(found, Referring | Computed) else found

    def refuse_text(self, text: str, error: InvalidExpression) -> None:
        if self.room.without_words:
            message = (
                f"The expressions of the workflow up to here have more than {MAX_WORDS:,} words (names, numbers, signs), "
                f"and no more are allowed. {SPLIT_IT}"
            )
            self.refuse(message, code="TOO_LARGE")
        else:
            message = f"{error.message} {_advice(text, error)}"
            self.refuse(message, meant=error.meant, known=error.known, offset=error.position)

    def compiled(self, text: str) -> Value | str:
        """The rules of LANGUAGE 3, in their order."""
        if "{{" in text:
            return self.template(text)
        self.room.spend_words(REFERENCE_WORDS)
        if not text.startswith(OPENINGS):
            return self.plain(text)
        path = path_or_none(text)
        if path is not None:
            return Referring(path)
        try:
            return Computed(self.expression(text))
        except InvalidExpression:
            if self.room.without_words or not self.fill_bare or not bare_paths(text):
                raise
        return self.plain(text)

    def template(self, text: str) -> Value:
        try:
            pieces = split_template(text)
        except InvalidExpression:
            self.room.spend_words(min(len(text), MAX_SOURCE) // WORD_CHARACTERS)
            raise
        self.room.spend_words(len(pieces))
        if len(pieces) == 1 and isinstance(pieces[0], Hole):
            return Computed(self.hole(pieces[0]))
        parts: list[str | Expression] = []
        for at, piece in enumerate(pieces):
            parts += [self.hole(piece)] if isinstance(piece, Hole) else self.literal(piece, first=at == 0)
        return Template(tuple(parts))

    def plain(self, text: str) -> Value | str:
        """A text outside `{{…}}` that is itself, but for the escape at its start."""
        parts = self.literal(text, first=True)
        if all(isinstance(part, str) for part in parts):
            return "".join(part for part in parts if isinstance(part, str))
        return Template(tuple(parts))

    def literal(self, text: str, *, first: bool) -> list[str | Expression]:
        """The parts of a piece of text: itself, with a warning for bare paths, which `fill_bare` makes expressions."""
        escaped = first and text.startswith(ESCAPES)
        body = text[1:] if escaped else text
        found = [span for span in bare_paths(body) if not (escaped and span[0] == 0)] if "$" in body else []
        if found:
            self.warn(body, found)
        if not self.fill_bare or not found:
            return [body]
        parts: list[str | Expression] = []
        at = 0
        for start, end in found:
            parts += [body[at:start], self.expression(body[start:end])]
            at = end
        return [part for part in (*parts, body[at:]) if part != ""]

    def hole(self, hole: Hole) -> Expression:
        if not hole.source.strip():
            raise InvalidExpression("`{{ }}` is empty: an expression is missing.", position=hole.start)
        try:
            return self.expression(hole.source)
        except InvalidExpression as error:
            error.position += hole.start
            raise

    def expression(self, source: str) -> Expression:
        try:
            found = compiled(source)
        except InvalidExpression:
            self.room.spend_words(TEXT_WORDS + len(source) // WORD_CHARACTERS)
            raise
        self.room.spend_words(TEXT_WORDS + found.words)
        return found

    def refuse(
        self,
        message: str,
        *,
        code: str = "INVALID_EXPRESSION",
        meant: str = "",
        known: Collection[str] = (),
        offset: int | None = None,
    ) -> None:
        if self.report.skips("error"):
            return
        path = self.path + pointer(*self.place)
        self.report(Problem(code=code, path=path, message=message, offset=offset), meant=meant, known=known)

    def warn(self, text: str, found: list[tuple[int, int]]) -> None:
        """Name the `{{…}}` that was probably meant."""
        self.room.spend_words(TEXT_WORDS)
        if self.report.skips("warning"):
            return
        named = [_shortened(name) for name in dict.fromkeys(text[start:end] for start, end in found[:MAX_NAMED])]
        paths = ", ".join(f"`{name}`" for name in named)
        meant = ", ".join(f"`{{{{{name}}}}}`" for name in named)
        message = f"A text is taken as it is, {paths} in it too. To fill it in, write {meant}."
        if self.fill_bare:
            message = f"{paths} in a text is filled in here, but in no other place. Write {meant}, which works in all."
        path = self.path + pointer(*self.place)
        self.report(Problem(code=DOLLAR_IN_TEXT, path=path, message=message, severity="warning"))


def _shortened(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:80]}…"


def _advice(text: str, error: InvalidExpression) -> str:
    where = f"(At character {error.position + 1} of the text.)"
    if "{{" in text:
        return f"{where} A literal `{{{{` is written `{{{{ '{{{{' }}}}`."
    spans = bare_paths(text)
    start, end = spans[0] if spans else (0, 0)
    meant = f"`{{{{{_shortened(text[start:end])}}}}}`" if spans else "`{{…}}`"
    return f"{where} In a text, write {meant} around what is to be filled in; a literal `$.` at the start is `$$.`."
