"""Values of a definition: told apart and compiled, in the order that LANGUAGE section 3 gives."""

from __future__ import annotations

from typing import Any, Final

from domain.expression_errors import InvalidExpression
from domain.expressions import MAX_SOURCE, Expression, compile_expression
from domain.paths import MAX_PATH, is_path, parse_path
from domain.problems import Problem, pointer
from domain.templates import Hole, bare_paths, split_template
from domain.value_forms import Computed, Constant, Lenient, Referring, Template, Value, list_of, object_of

__all__ = ["Value", "compile_value"]

MAX_DYNAMIC: Final = 32_768  # characters of expressions in one value, by the costs below
REFERENCE_COST: Final = 4
EXPRESSION_COST: Final = 16
MAX_VALUE_DEPTH: Final = 128  # lists and objects inside one another; a definition may have 64
MAX_NAMED: Final = 5  # paths that one warning names

DOLLAR_IN_TEXT: Final = "DOLLAR_IN_TEXT"
OPENINGS: Final = ("$.", "$[")
ESCAPES: Final = ("$$.", "$$[")


def compile_value(
    value: Any, *, path: str, problems: list[Problem], lenient: bool = False, fill_bare: bool = False
) -> Value:
    """Compile any JSON value. `path` is its JSON Pointer; what is wrong inside is appended to `problems`.

    With `lenient`, what is undefined anywhere inside is null with a warning. With `fill_bare`, a bare `$.path` in a
    text that is neither a reference nor an expression is filled in as `{{$.path}}` would be.
    """
    part = _Compiler(problems, lenient=lenient, fill_bare=fill_bare).part(value, path, 0)
    return part if isinstance(part, Value) else Constant(part)


class _Compiler:
    """Compiles one value and all that is in it, within MAX_DYNAMIC."""

    def __init__(self, problems: list[Problem], *, lenient: bool, fill_bare: bool) -> None:
        self.problems = problems
        self.lenient = lenient
        self.fill_bare = fill_bare
        self.left = MAX_DYNAMIC
        self.exhausted = False

    def part(self, value: Any, path: str, depth: int) -> Any:
        """A Value where there is something to resolve, else the plain JSON that is meant."""
        if isinstance(value, str):
            return self.text(value, path)
        if not isinstance(value, list | dict):
            return value
        if depth >= MAX_VALUE_DEPTH:
            self.refuse(path, f"Lists and objects may be at most {MAX_VALUE_DEPTH} deep in a value.", code="TOO_DEEP")
            return None
        if isinstance(value, list):
            return list_of(
                [
                    item if _is_plain(item) else self.part(item, f"{path}/{at}", depth + 1)
                    for at, item in enumerate(value)
                ]
            )
        return object_of(
            {
                key: each if _is_plain(each) else self.part(each, path + pointer(key), depth + 1)
                for key, each in value.items()
            }
        )

    def text(self, text: str, path: str) -> Value | str:
        if self.exhausted or _is_plain(text):
            return text
        try:
            compiled = self.compiled(text, path)
        except InvalidExpression as error:
            self.refuse(path, f"{error.message} {_advice(text, error)}", nearest=error.nearest, offset=error.position)
            return text
        return Lenient(compiled) if self.lenient and isinstance(compiled, Referring | Computed) else compiled

    def compiled(self, text: str, path: str) -> Value | str:
        """The rules of LANGUAGE 3, in their order."""
        if "{{" in text:
            return self.template(text, path)
        if not text.startswith(OPENINGS):
            return self.plain(text, path)
        if len(text) <= MAX_PATH and is_path(text):
            self.spend(REFERENCE_COST)
            return Referring(parse_path(text))
        try:
            return Computed(self.expression(text))
        except InvalidExpression:
            if self.exhausted or not self.fill_bare or not bare_paths(text):
                raise
        return self.plain(text, path)

    def template(self, text: str, path: str) -> Value:
        self.spend(EXPRESSION_COST)
        pieces = split_template(text)
        if len(pieces) == 1 and isinstance(pieces[0], Hole):
            return Computed(self.hole(pieces[0]))
        parts: list[str | Expression] = []
        for at, piece in enumerate(pieces):
            parts += [self.hole(piece)] if isinstance(piece, Hole) else self.literal(piece, path, first=at == 0)
        return Template(tuple(parts))

    def plain(self, text: str, path: str) -> Value | str:
        """A text outside `{{…}}` that is itself, but for the escape at its start."""
        parts = self.literal(text, path, first=True)
        if all(isinstance(part, str) for part in parts):
            return "".join(part for part in parts if isinstance(part, str))
        return Template(tuple(parts))

    def literal(self, text: str, path: str, *, first: bool) -> list[str | Expression]:
        """The parts of a piece of text: itself, with a warning for bare paths, which `fill_bare` makes expressions."""
        if not self.fill_bare and not self.room():
            return [text[1:] if first and text.startswith(ESCAPES) else text]
        escaped = first and text.startswith(ESCAPES)
        body = text[1:] if escaped else text
        found = bare_paths(body)
        found = [span for span in found if not (escaped and span[0] == 0)]
        if found:
            self.warn(body, found, path)
        if not self.fill_bare:
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
        self.spend(EXPRESSION_COST + (len(source) if len(source) <= MAX_SOURCE else 0))
        return compile_expression(source)

    def spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            self.exhausted = True
            raise InvalidExpression("This value has too many expressions. Split it over several steps.", position=0)

    def refuse(
        self,
        path: str,
        message: str,
        *,
        code: str = "INVALID_EXPRESSION",
        nearest: str | None = None,
        offset: int | None = None,
    ) -> None:
        self.problems.append(Problem(code=code, path=path, message=message, nearest=nearest, offset=offset))

    def room(self) -> bool:
        """Whether one more warning is of use to anyone."""
        return self.left >= EXPRESSION_COST

    def warn(self, text: str, found: list[tuple[int, int]], path: str) -> None:
        """Name the `{{…}}` that was probably meant; no more when one value has hundreds of such texts."""
        if not self.room():
            return
        self.left -= EXPRESSION_COST
        named = [_shortened(name) for name in dict.fromkeys(text[start:end] for start, end in found[:MAX_NAMED])]
        paths = ", ".join(f"`{name}`" for name in named)
        meant = ", ".join(f"`{{{{{name}}}}}`" for name in named)
        message = f"A text is taken as it is, {paths} in it too. To fill it in, write {meant}."
        if self.fill_bare:
            message = f"{paths} in a text is filled in here, but in no other place. Write {meant}, which works in all."
        self.problems.append(Problem(code=DOLLAR_IN_TEXT, path=path, message=message, severity="warning"))


def _is_plain(value: Any) -> bool:
    """Whether it means itself whatever surrounds it."""
    if isinstance(value, str):
        return "$" not in value and "{{" not in value
    return not isinstance(value, list | dict)


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
