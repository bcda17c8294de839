"""Texts with `{{ … }}` in them, taken apart and put together."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

from domain.expression_errors import InvalidExpression, expression_error
from domain.expression_tokens import MAX_SOURCE
from domain.paths import QUOTED, SEGMENTS

MAX_TEXT: Final = 4_194_304  # characters that one template may grow to: the largest state an execution may have

MAX_PIECES: Final = 2_000
MAX_BARE: Final = 4_000  # more bare paths in one text are not looked for

_INSIDE = re.compile(rf"""{QUOTED}|\{{|\}}|['"]""", re.DOTALL)
_BARE = re.compile(rf"(?<!\$)\${SEGMENTS}+", re.DOTALL)


class Hole(NamedTuple):
    """The expression between `{{` and `}}`, and where it begins in the text."""

    source: str
    start: int


def split_template(text: str) -> list[str | Hole]:
    """The text pieces and the holes between them, in order. Raises InvalidExpression for a `{{` never closed."""
    pieces: list[str | Hole] = []
    at = 0
    while (opening := text.find("{{", at)) >= 0:
        if opening > at:
            pieces.append(text[at:opening])
        if len(pieces) > MAX_PIECES:
            raise InvalidExpression(f"A text has at most {MAX_PIECES // 2} places to fill in.", position=opening)
        closing = _closing(text, opening)
        pieces.append(Hole(text[opening + 2 : closing], opening + 2))
        at = closing + 2
    if at < len(text):
        pieces.append(text[at:])
    return pieces


def bare_paths(text: str) -> list[tuple[int, int]]:
    """Where `$.path` stands in a text, as (start, end). After another `$` it is left out."""
    return [match.span() for match in islice(_BARE.finditer(text), MAX_BARE)]


def joined(pieces: list[str]) -> str:
    """The pieces as one text; EXPRESSION_ERROR past MAX_TEXT."""
    if sum(map(len, pieces)) > MAX_TEXT:
        raise expression_error(f"The text grows past {MAX_TEXT // 1_048_576} MiB.")
    return "".join(pieces)


def _closing(text: str, opening: int) -> int:
    """Where the `}}` of this `{{` is: not inside quotes, and not the end of an object written in the expression."""
    depth, at = 0, opening + 2
    last = at + MAX_SOURCE + 2  # no expression is longer
    while match := _INSIDE.search(text, at, last):
        found, at = match[0], match.end()
        if found == "{":
            depth += 1
        elif found == "}" and depth:
            depth -= 1
        elif found == "}" and text.startswith("}", at):
            return match.start()
        elif found in ("'", '"'):
            raise InvalidExpression("The quote is never closed.", position=match.start())
    reason = "`}}` is missing" if last >= len(text) else f"there is no `}}}}` within {MAX_SOURCE} characters"
    raise InvalidExpression(f"`{{{{` is never closed: {reason}.", position=opening)
