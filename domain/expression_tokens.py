"""The words of an expression."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from domain.expression_errors import InvalidExpression
from domain.paths import NAME, QUOTED

Kind = Literal["number", "text", "name", "output", "sign", "end"]

MAX_SOURCE: Final = 8_192  # characters

_TOKEN = re.compile(
    rf"""[ \t\r\n]*(?:
        (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?!\w))
      | (?P<text>{QUOTED})
      | (?P<output>(?<![\w.$])output\.[\w-]+)
      | (?P<name>{NAME})
      | (?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%~|.,:()\[\]{{}}<>=$])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_HINTS: Final = {
    "&": "Write `and`.",
    "!": "Write `not`.",
    "?": "Write `a if condition else b`.",
    "'": "The quote is never closed.",
    '"': "The quote is never closed.",
    ";": "An expression is one value.",
}


class Token(NamedTuple):
    """A word, and where it begins and ends in the source."""

    kind: Kind
    text: str
    start: int
    end: int


def tokens(source: str) -> list[Token]:
    """All words of the source, then one of kind `end`. Raises InvalidExpression at a character that begins no word."""
    if len(source) > MAX_SOURCE:
        raise InvalidExpression(
            f"The expression has {len(source)} characters; it may have {MAX_SOURCE}. Compute it in several steps.",
            position=0,
        )
    found: list[Token] = []
    at = 0
    while not found or found[-1].kind != "end":
        match = _TOKEN.match(source, at)
        if match is None:
            raise _unreadable(source, at)
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        found.append(Token(kind, match[kind], match.start(kind), match.end(kind)))
        at = match.end()
    return found


def _unreadable(source: str, at: int) -> InvalidExpression:
    position = at + len(source[at:]) - len(source[at:].lstrip(" \t\r\n"))
    character = source[position]
    hint = _HINTS.get(character, "")
    return InvalidExpression(f"`{character}` means nothing here. {hint}".strip(), position=position)


class Cursor:
    """The words of a source, and the place of the one that comes next."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.words = tokens(source)
        self.at = 0

    @property
    def token(self) -> Token:
        """The word that comes next."""
        return self.words[self.at]

    def next(self) -> Token:
        """Read a word; the one of kind `end` stays."""
        token = self.words[self.at]
        self.at += token.kind != "end"
        return token

    def back(self, token: Token) -> None:
        """Stand before the word just read again."""
        self.at -= token.kind != "end"

    def take(self, sign: str) -> bool:
        """Read the sign or keyword if it comes next."""
        token = self.token
        taken = token.text == sign and token.kind in ("sign", "name")
        self.at += taken
        return taken

    def expect(self, sign: str) -> None:
        """Read the sign or keyword, which must come next."""
        if not self.take(sign):
            raise self.unexpected(f"`{sign}` is missing here")

    def unexpected(self, message: str = "") -> InvalidExpression:
        """The refusal of the word that comes next."""
        token = self.token
        found = f"`{token.text[:40]}`" if token.text else "the end of the expression"
        return InvalidExpression(f"{message or 'This is not expected'}: {found}.", position=token.start)

    def written(self, start: int) -> str:
        """The source from `start` to the last word read."""
        return self.source[start : self.words[self.at - 1].end]
