"""Patterns with flags on the linear-time engine: all matches of a text, and replacements with `$1` in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from domain.errors import ErrorInfo, StepFailure
from infrastructure.nodes.base import invalid, shown
from infrastructure.nodes.conditions import pattern_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PATTERN: Final = 4_096  # characters
MAX_TEXT: Final = 4_194_304  # characters of a text that is made: what a state may hold altogether
MAX_FILLED: Final = 1_000_000  # matches times the pieces of a replacement
MAX_MATCHES: Final = 200_000  # of one pattern in one text
MAX_SCAN: Final = 536_870_912  # characters that the matches of one text may be looked for in, at worst
FLAGS: Final = "gims"

# A repetition that is not the last thing in the pattern: it may run far ahead and then settle for a short match, so that
# every further match may cost a look at the whole rest of the text.
_LOOKS_FAR: Final = re.compile(r"[*+{](?![)?$]*\Z)")
_REFERENCE: Final = re.compile(r"\$(\$|&|[0-9]{1,2}|<\w{1,64}>)")


class Budget:
    """Counts down what may still be done for matches: characters looked at, if nothing else is said; and the matches."""

    def __init__(self, most: int = MAX_SCAN) -> None:
        self._most = self._left = most
        self._matches = MAX_MATCHES

    def spend(self, work: int) -> None:
        """Take it off. Raises `WORK_LIMIT` when there is not so much left."""
        self._left -= work
        self._matches -= 1
        if self._left < 0 or self._matches < 0:
            message = (
                "the pattern has too many matches in too long a text, each of which may cost a look at all of it: split "
                "the text, or end the pattern with its only repetition"
            )
            raise StepFailure(ErrorInfo(code="WORK_LIMIT", message=message, details={"limit": self._most}))


class Pattern:
    """A compiled pattern; `once` says that only the first match counts (no flag `g`)."""

    def __init__(self, text: Any, flags: str, where: str, *, proven: bool = False) -> None:
        """`proven` says that all matches of the pattern together are known to cost linear time."""
        if isinstance(text, str) and len(text) > MAX_PATTERN:
            raise invalid(f"{where} has at most {MAX_PATTERN} characters, not {len(text)}", parameter=where)
        chosen = "".join(sorted(set(flags) - {"g"}))
        self.once = "g" not in flags
        self._far = not proven and isinstance(text, str) and _LOOKS_FAR.search(text) is not None
        self._compiled = pattern_of(f"(?{chosen}){text}" if chosen and isinstance(text, str) else text, where)
        self.groups: int = self._compiled.groups

    def matches(self, text: str) -> Iterator[Any]:
        """The matches, from the left, without overlap. Raises `WORK_LIMIT` past MAX_SCAN."""
        scanned = Budget()
        before = None
        for match in self._compiled.finditer(text):
            if match.span() == before:  # the engine finds an empty match again if it was not where it began to look
                continue
            before = match.span()
            yield match
            if self.once:
                return
            scanned.spend(len(text) - match.end() if self._far else 0)

    def replace(self, text: str, replacement: str) -> str:
        """The text with its matches replaced; in `replacement` `$1` is group 1, `$<name>` a named one, `$&` the match,
        `$$` a dollar. Raises `RESULT_LIMIT` past MAX_TEXT, and `WORK_LIMIT`.
        """
        pieces = self._pieces(replacement)
        made: list[str] = []
        size = at = 0
        filled = Budget(MAX_FILLED)
        for match in self.matches(text):
            filled.spend(len(pieces))
            inserted = "".join(piece if isinstance(piece, str) else _group(match, piece[0]) for piece in pieces)
            made += (text[at : match.start()], inserted)
            size += match.start() - at + len(inserted)
            check_size(size)
            at = match.end()
        made.append(text[at:])
        check_size(size + len(text) - at)
        return "".join(made)

    def _pieces(self, replacement: str) -> list[str | tuple[int]]:
        """Literal text, and the numbers of groups in tuples. What names no group stays as it is written."""
        pieces: list[str | tuple[int]] = []
        at = 0
        for match in _REFERENCE.finditer(replacement):
            pieces.append(replacement[at : match.start()])
            pieces += self._referred(match[1], match[0])
            at = match.end()
        return [*pieces, replacement[at:]]

    def _referred(self, name: str, written: str) -> list[str | tuple[int]]:
        if name in ("$", "&"):
            return ["$"] if name == "$" else [(0,)]
        if name.startswith("<"):
            number = self._compiled.groupindex.get(name[1:-1])
            return [written] if number is None else [(number,)]
        if 1 <= int(name) <= self.groups:
            return [(int(name),)]
        if len(name) == 2 and 1 <= int(name[0]) <= self.groups:
            return [(int(name[0]),), name[1]]  # `$12` of one group is group 1 and a 2
        return [written]


def _group(match: Any, number: int) -> str:
    return match.group(number) or ""


def flags_of(flags: Any, where: str = "flags") -> str:
    """The flags, each one of `g`, `i`, `m` and `s`. Raises `INVALID_PARAMETER`."""
    if not isinstance(flags, str) or not set(flags) <= set(FLAGS):
        raise invalid(f"{where} can't be {shown(flags)}", parameter=where, allowed=FLAGS)
    return flags


def check_size(size: int) -> None:
    """Raise `RESULT_LIMIT` for a text of more than MAX_TEXT characters, before it is made."""
    if size > MAX_TEXT:
        message = f"the text that this makes has more than {MAX_TEXT:,} characters, which no state can hold"
        raise StepFailure(ErrorInfo(code="RESULT_LIMIT", message=message, details={"limit": MAX_TEXT}))
