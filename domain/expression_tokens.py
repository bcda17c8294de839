"""The words of an expression."""

from __future__ import annotations

import re
from typing import Final

from domain.expression_errors import InvalidExpression
from domain.paths import NAME, QUOTED, SEGMENTS

MAX_SOURCE: Final = 8_192  # characters

_BLANKS: Final = r"[ \t\r\n]*"
_FORMS: Final = "|".join(
    (
        r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?!\w)",
        QUOTED,
        rf"\$(?:{SEGMENTS})*",
        r"(?<![\w.$])output\.[\w-]+",
        NAME,
        r"\*\*|//|==|!=|<=|>=|[-+*/%~|.,:()\[\]{}<>=]",
    )
)
_WORD: Final = re.compile(rf"{_BLANKS}({_FORMS}|\Z)", re.DOTALL)
_SOUND: Final = re.compile(rf"(?:{_BLANKS}(?:{_FORMS}))*+{_BLANKS}", re.DOTALL)
_NAMED: Final = re.compile(NAME)
_HINTS: Final = {
    "&": "Write `and`.",
    "!": "Write `not`.",
    "?": "Write `a if condition else b`.",
    "'": "The quote is never closed.",
    '"': "The quote is never closed.",
    ";": "An expression is one value.",
}


def words_of(source: str) -> list[str]:
    """All words of the source in order, then an empty one. A path of fixed keys, `$.a[0]`, is one word.

    Raises InvalidExpression at a character that begins no word.
    """
    if len(source) > MAX_SOURCE:
        raise InvalidExpression(
            f"The expression has {len(source)} characters; it may have {MAX_SOURCE}. Compute it in several steps.",
            position=0,
        )
    sound = _SOUND.match(source)
    if sound is None or sound.end() < len(source):
        raise _unreadable(source, sound.end() if sound is not None else 0)
    return _WORD.findall(source)


def is_name(word: str) -> bool:
    """Whether the word is a name, which may be a keyword."""
    return _NAMED.fullmatch(word) is not None


def _unreadable(source: str, position: int) -> InvalidExpression:
    character = source[position]
    hint = _HINTS.get(character, "")
    return InvalidExpression(f"`{character}` means nothing here. {hint}".strip(), position=position)


class Cursor:
    """The words of a source, and the place of the one that comes next."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.words = words_of(source)
        self.at = 0

    @property
    def word(self) -> str:
        """The word that comes next; empty at the end."""
        return self.words[self.at]

    def next(self) -> str:
        """Read a word; the empty one at the end stays."""
        word = self.words[self.at]
        self.at += word != ""
        return word

    def take(self, word: str) -> bool:
        """Read the word if it comes next."""
        taken = self.words[self.at] == word
        self.at += taken
        return taken

    def expect(self, word: str) -> None:
        """Read the word, which must come next."""
        if self.words[self.at] != word:
            raise self.unexpected(f"`{word}` is missing here")
        self.at += 1

    def unexpected(self, message: str = "") -> InvalidExpression:
        """The refusal of the word that comes next."""
        found = f"`{self.word[:40]}`" if self.word else "the end of the expression"
        return InvalidExpression(f"{message or 'This is not expected'}: {found}.", position=self.start(self.at))

    def start(self, at: int) -> int:
        """Where a word begins in the source."""
        return _span(self.source, at)[0]


def written(source: str, first: int, last: int) -> str:
    """The source from one word to another, both included."""
    return source[_span(source, first)[0] : _span(source, last)[1]]


def _span(source: str, wanted: int) -> tuple[int, int]:
    """Where a word stands: only looked for when there is something to say about it."""
    for at, match in enumerate(_WORD.finditer(source)):
        if at == wanted:
            return match.span(1)
    return len(source), len(source)
