"""The few JavaScript spellings that real expression texts use, rewritten into Clew's own (NODES, "Conventions")."""

from __future__ import annotations

import re
from typing import Final

MAX_SOURCE: Final = 8_192  # characters; a longer text is left as it is, for the compiler to refuse
MAX_DEPTH: Final = 60  # brackets, `!` and `?:` inside one another; deeper is left as it is, for the compiler to refuse

_PIECE = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|===|!==|!=|&&|\|\||[!?:,(){}\[\]]|\s+|\$?[\w.]+|.""", re.DOTALL
)
_SPELLED = {"===": "==", "!==": "!=", "&&": " and ", "||": " or "}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def javascript(source: str) -> str:
    """The same expression in Clew's spelling: `===`, `!==`, `&&`, `||`, `!x` and `a ? b : c`, outside quotes.

    Never raises: what can't be rewritten stays, and is refused where it is compiled.
    """
    if len(source) > MAX_SOURCE:
        return source
    pieces = [_SPELLED.get(piece, piece) for piece in _PIECE.findall(source)]
    if "!" not in pieces and "?" not in pieces:
        return "".join(pieces)
    try:
        return _Rewriter(pieces).whole()
    except _Unbalanced:
        return source


class _Unbalanced(Exception):
    """A bracket without its other half, `?` without `:`, or too much inside one another."""


class _Rewriter:
    """Walks the pieces once; every method leaves `at` behind what it has rewritten."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.at = 0

    def whole(self) -> str:
        text = self._items(0, "")
        if self.at < len(self.pieces):
            raise _Unbalanced
        return text

    def _peek(self) -> str:
        return self.pieces[self.at] if self.at < len(self.pieces) else ""

    def _next(self) -> str:
        piece = self._peek()
        self.at += 1
        return piece

    def _items(self, depth: int, opening: str) -> str:
        """Everything up to the bracket that closes, item by item."""
        items = []
        while self._peek() not in ("", ")", "]", "}"):
            items.append(self._next() if self._peek() in (",", ":") else self._choice(depth, key=opening == "{"))
        return "".join(items)

    def _choice(self, depth: int, *, key: bool = False) -> str:
        """`a ? b : c`, right-associative, or just `a`."""
        if depth > MAX_DEPTH:
            raise _Unbalanced
        condition = self._run(depth)
        if key and self._peek() == ":":
            return condition
        if self._peek() != "?":
            return condition
        self._next()
        chosen = self._choice(depth + 1)
        if self._next() != ":":
            raise _Unbalanced
        otherwise = self._choice(depth + 1)
        return f"(({chosen.strip()}) if ({condition.strip()}) else ({otherwise.strip()}))"

    def _run(self, depth: int) -> str:
        parts = []
        while self._peek() not in ("", "?", ":", ",", ")", "]", "}"):
            parts.append(self._one(depth))
        return "".join(parts)

    def _one(self, depth: int) -> str:
        piece = self._next()
        if piece in _CLOSING:
            return self._group(piece, depth)
        return f"(not {self._operand(depth + 1)})" if piece == "!" else piece

    def _group(self, opening: str, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise _Unbalanced
        inside = self._items(depth + 1, opening)
        if self._next() != _CLOSING[opening]:
            raise _Unbalanced
        return f"{opening}{inside}{_CLOSING[opening]}"

    def _operand(self, depth: int) -> str:
        """What `!` negates: one value with everything that is read out of it."""
        if depth > MAX_DEPTH:
            raise _Unbalanced
        while self._peek().isspace():
            self._next()
        if self._peek() in ("", "?", ":", ",", ")", "]", "}"):
            raise _Unbalanced
        operand = self._one(depth)
        while self._peek() in ("[", "(") or self._peek().startswith("."):
            operand += self._one(depth)
        return operand
