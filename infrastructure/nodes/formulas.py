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

# name: (least and most arguments, from the arguments to an expression)
_FUNCTIONS: Final[Mapping[str, tuple[int, int, Callable[[list[str]], str]]]] = {
    "sqrt": (1, 1, lambda args: f"(({args[0]}) ** 0.5)"),
    "abs": (1, 1, lambda args: f"(({args[0]}) | abs)"),
    "round": (1, 1, lambda args: f"(({args[0]}) | round)"),
    "ceil": (1, 1, lambda args: f"(-(-({args[0]}) // 1))"),
    "floor": (1, 1, lambda args: f"(({args[0]}) // 1)"),
    "min": (1, 64, lambda args: f"([{', '.join(args)}] | min)"),
    "max": (1, 64, lambda args: f"([{', '.join(args)}] | max)"),
    "pow": (2, 2, lambda args: f"(({args[0]}) ** ({args[1]}))"),
}


class Formula(NamedTuple):
    """A compiled formula, and the fields that it reads: (name in the expression, name as written, path)."""

    expression: Expression
    fields: tuple[tuple[str, str, Path], ...]


@lru_cache(maxsize=512)
def compile_formula(source: str) -> Formula:
    """Compile. Raises InvalidExpression for what is no formula."""
    if len(source) > MAX_SOURCE:
        raise InvalidExpression(f"A formula has at most {MAX_SOURCE} characters; this one has {len(source)}.", position=0)
    names: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        return names.setdefault(match[1].strip(), _NAME.format(len(names)))

    text = _FIELD.sub(named, source)
    if "{" in text or "}" in text:
        raise InvalidExpression("A field is written `{path}`: a bracket is missing.", position=0)
    fields = tuple((name, written, _path(written)) for written, name in names.items())
    rewritten = _Calls(javascript(text)).whole()
    return Formula(compile_expression(rewritten, names=frozenset(names.values())), fields)


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
        if self.token.kind != "end":
            raise self.unexpected()
        return text

    def _until(self, closing: frozenset[str], depth: int) -> str:
        """Everything up to one of the signs, which is not read, or to the end."""
        parts: list[str] = []
        open_brackets = 0
        while self.token.kind != "end" and (open_brackets or self.token.text not in closing):
            called = self._called()
            if called is not None:
                parts.append(self._call(called, depth))
                continue
            token = self.next()
            open_brackets += (token.text in ("(", "[")) - (token.text in (")", "]"))
            parts.append(token.text)
        return " ".join(parts)

    def _called(self) -> str | None:
        """Read `name (` or `Math.name (`; None, with nothing read, if something else comes next."""
        words = [word.text for word in self.words[self.at : self.at + 4]]
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
        return write(args)
