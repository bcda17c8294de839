"""The formulas of `calculateField`, rewritten into expressions of the language and compiled by its engine."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.expression_errors import InvalidExpression
from domain.expression_tokens import MAX_SOURCE, Cursor
from domain.expressions import Expression, compile_expression, javascript
from domain.paths import Path, parse_field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_CALLS: Final = 20  # functions inside one another
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = "field_{}"
_NAMED: Final = re.compile(r"field_[0-9]+")

# name: (least and most arguments, from the arguments to an expression)
_FUNCTIONS: Final[Mapping[str, tuple[int, int, Callable[[list[str]], str]]]] = {
    "sqrt": (1, 1, lambda args: f"(({args[0]}) ** 0.5)"),
    "abs": (1, 1, lambda args: f"(({args[0]}) | abs)"),
    "round": (1, 1, lambda args: _round(args[0])),
    "ceil": (1, 1, lambda args: f"(-(-({args[0]}) // 1))"),
    "floor": (1, 1, lambda args: f"(({args[0]}) // 1)"),
    "min": (1, 64, lambda args: f"([{', '.join(args)}] | min)"),
    "max": (1, 64, lambda args: f"([{', '.join(args)}] | max)"),
    "pow": (2, 2, lambda args: f"(({args[0]}) ** ({args[1]}))"),
}


def _round(arg: str) -> str:
    """Half away from zero, exactly: the whole part, one more from half of the next on, and the sign."""
    size = f"(({arg}) | abs)"
    return f"(({size} // 1 + {size} % 1 * 2 // 1) * (1 if ({arg}) >= 0 else -1))"


class Formula(NamedTuple):
    """A compiled formula, and the fields that it reads: (name in the expression, name as written, path)."""

    expression: Expression
    fields: tuple[tuple[str, str, Path], ...]


@lru_cache(maxsize=512)
def compile_formula(source: str) -> Formula:
    """Compile. Raises InvalidExpression for what is no formula."""
    if len(source) > MAX_SOURCE:
        raise InvalidExpression(
            f"A formula has at most {MAX_SOURCE} characters; this one has {len(source)}.", position=0
        )
    names: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        return f" {names.setdefault(match[1].strip(), _NAME.format(len(names)))} "

    text = _FIELD.sub(named, source)
    if "{" in text or "}" in text:
        raise InvalidExpression("A field is written `{path}`: a bracket is missing.", position=0)
    fields = tuple((name, written, _path(written)) for written, name in names.items())
    try:
        rewritten = _Calls(javascript(text)).whole()
        return Formula(compile_expression(rewritten, names=frozenset(names.values())), fields)
    except InvalidExpression as error:
        raise InvalidExpression(_as_written(error.message, names), position=0) from error


def _as_written(message: str, names: Mapping[str, str]) -> str:
    """The message about the fields as the author calls them."""
    known = {name: written for written, name in names.items()}
    return _NAMED.sub(lambda match: f"{{{known[match[0]]}}}" if match[0] in known else match[0], message)


def _path(written: str) -> Path:
    try:
        return parse_field(written)
    except ValueError as error:
        raise InvalidExpression(str(error), position=0) from error


class _Calls(Cursor):
    """Walks the words once and writes every call as an expression that means the same."""

    def whole(self) -> str:
        """The text without calls."""
        text = self._until(frozenset(), 0)
        if self.word:
            raise self.unexpected()
        return text

    def _until(self, closing: frozenset[str], depth: int) -> str:
        """Everything up to one of the signs, which is not read, or to the end."""
        parts: list[str] = []
        open_brackets = 0
        while self.word and (open_brackets or self.word not in closing):
            called = self._called()
            if called is not None:
                parts.append(self._call(called, depth))
                continue
            word = self.next()
            open_brackets += (word in ("(", "[")) - (word in (")", "]"))
            parts.append(word)
        return " ".join(parts)

    def _called(self) -> str | None:
        """Read `name (` or `Math.name (`; None, with nothing read, if something else comes next."""
        words = self.words[self.at : self.at + 4]
        skipped = 2 if words[:2] == ["Math", "."] else 0
        if words[skipped + 1 : skipped + 2] != ["("] or words[skipped] not in _FUNCTIONS:
            return None
        self.at += skipped + 2
        return words[skipped]

    def _call(self, name: str, depth: int) -> str:
        if depth == MAX_CALLS:
            raise self.unexpected(f"More than {MAX_CALLS} functions inside one another")
        args = [self._until(frozenset({",", ")"}), depth + 1)]
        while self.take(","):
            args.append(self._until(frozenset({",", ")"}), depth + 1))
        self.expect(")")
        least, most, write = _FUNCTIONS[name]
        if not least <= len(args) <= most or "" in args:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise self.unexpected(f"{name} takes {wanted} numbers, each of them written, before this")
        written = write(args)
        if len(written) > MAX_SOURCE:  # it may repeat what is inside it
            raise self.unexpected("The formula is too long where it is written out: compute it in several steps")
        return written
