"""How text becomes a JSON document: strictly (RFC 8259), within limits, and with a place for every refusal.

The standard decoder, which is written in C, does the reading; a place is only worked out once something is wrong.
Nothing here recurses in Python, and nothing takes more than linear time, whatever is sent.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate, compress, count, islice
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

from domain.errors import NotJson
from domain.problems import Problem, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

TOO_LARGE = "TOO_LARGE"
TOO_DEEP = "TOO_DEEP"
DUPLICATE_KEY = "DUPLICATE_KEY"

SMALLEST_INTEGER = -(2**63)
LARGEST_INTEGER = 2**64 - 1
NUMBER_CHARACTERS = 64
DUPLICATES_REPORTED = 100
KEY_SHOWN = 60
POINTERS_CHARACTERS = 65_536
DEEPEST_LIMIT = 500  # the decoder recurses in C, bounded by the interpreter's limit of 1,000 frames


class JsonLimits(msgspec.Struct, frozen=True):
    """How much JSON is taken: nested containers (`[[]]` is 2 deep) and bytes of text, both inclusive."""

    depth: int = 64
    size: int = 1_048_576

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= DEEPEST_LIMIT:
            raise ValueError(f"the depth limit must be from 1 to {DEEPEST_LIMIT}, not {self.depth}")


DEFAULT_LIMITS = JsonLimits()


def parse(text: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> Any:
    """The value that `text` stands for.

    Taken: UTF-8 without a byte order mark, integers of 64 bits (signed or unsigned), finite floats, numbers of at most
    64 characters, no half of a surrogate pair, no key twice. Raises NotJson at the first thing that is otherwise, with
    code TOO_LARGE, TOO_DEEP, DUPLICATE_KEY or NOT_JSON.
    """
    value, decoded = _read(text, limits)
    if decoded is not None:
        first = next(_duplicates(decoded))
        raise _refusal(first.message, decoded, first.offset, code=DUPLICATE_KEY)
    return value


def parse_definition(text: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> tuple[Any, tuple[Problem, ...]]:
    """As `parse`, but keys that stand twice are problems to report with all others, not a reason to stop.

    The problems are in document order, one for each occurrence after the first, with line and column; at most
    DUPLICATES_REPORTED of them. In the value the last occurrence counts.
    """
    value, decoded = _read(text, limits)
    if decoded is None:
        return value, ()
    problems: list[Problem] = []
    room = POINTERS_CHARACTERS  # each pointer may be as long as the document: don't send it back a hundred times
    for duplicate in islice(_duplicates(decoded), DUPLICATES_REPORTED):
        path = pointer(*duplicate.tokens)
        line, column = _place(decoded, duplicate.offset)
        problems.append(Problem(code=DUPLICATE_KEY, path=path, message=duplicate.message, line=line, column=column))
        room -= len(path)
        if room < 0:
            break
    return value, tuple(problems)


def _read(source: bytes, limits: JsonLimits) -> tuple[Any, str | None]:
    """The value; and the decoded text if some key stands twice in an object."""
    if len(source) > limits.size:
        raise NotJson(
            f"The text has {len(source):,} bytes; at most {limits.size:,} are taken.", line=1, column=1, code=TOO_LARGE
        )
    text = _utf8(source)
    try:
        if source.count(b"[") + source.count(b"{") > limits.depth:
            _check_depth(source, text, limits.depth)
        doubled: list[str] = []
        value = _decoder(doubled).decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_refusal(error.msg, text, error.pos) from None
    except _NumberRefused as refused:
        raise _refusal(refused.message, text, _number_offset(refused.literal, source)) from None
    except RecursionError:
        raise _refusal("Containers are nested too deep.", text, 0, code=TOO_DEEP) from None
    _check_surrogates(text)
    return value, text if doubled else None


# -- the decoder ------------------------------------------------------------------------------------------------------


class _NumberRefused(Exception):
    """A number is not taken. The decoder says which, but not where."""

    def __init__(self, literal: str, message: str) -> None:
        super().__init__(message)
        self.literal = literal
        self.message = message


def _decoder(doubled: list[str]) -> json.JSONDecoder:
    """A decoder that leaves a word in `doubled` when an object has a key twice: places are looked up afterwards."""

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs) and not doubled:
            doubled.append(DUPLICATE_KEY)
        return found

    return json.JSONDecoder(
        object_pairs_hook=as_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
    )


def _integer(literal: str) -> int:
    # The length comes first: reading decimal digits takes quadratic time.
    if len(literal) > NUMBER_CHARACTERS:
        raise _NumberRefused(literal, _too_long(literal))
    value = int(literal)
    if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
        raise _NumberRefused(
            literal, "The integer is out of range: it must fit in 64 bits (-2^63 to 2^64-1). Send it as a text instead."
        )
    return value


def _float(literal: str) -> float:
    if len(literal) > NUMBER_CHARACTERS:
        raise _NumberRefused(literal, _too_long(literal))
    value = float(literal)
    if not math.isfinite(value):
        raise _NumberRefused(literal, "The number is too large for a 64-bit float (about 1.8e308).")
    return value


def _too_long(literal: str) -> str:
    return f"The number has {len(literal):,} characters; at most {NUMBER_CHARACTERS} are taken. Send it as a text."


def _constant(literal: str) -> NoReturn:
    raise _NumberRefused(literal, f"{literal} is not JSON: write null, or a finite number.")


def _utf8(source: bytes) -> str:
    if source.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotJson("The text is UTF-16; send it as UTF-8.", line=1, column=1)
    if source.startswith(b"\xef\xbb\xbf"):
        raise NotJson("The text begins with a byte order mark; save it as UTF-8 without one.", line=1, column=1)
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        before = source[: error.start].decode()
        message = f"The byte 0x{source[error.start]:02x} is not UTF-8 here; send the text as UTF-8."
        raise _refusal(message, before, len(before)) from None


# A run of texts that are fine; it ends at the first escaped half of a surrogate pair, or at the end of the document.
_WHOLE_CHARACTERS = re.compile(
    r"(?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)*+"
)


def _check_surrogates(text: str) -> None:
    """Refuse `"\\ud800"` without its other half: no UTF-8 text can hold it. `text` is valid JSON otherwise."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    whole = _WHOLE_CHARACTERS.match(text)
    if whole is not None and whole.end() < len(text):
        half = text[whole.end() : whole.end() + 6]
        raise _refusal(f"{half} is half of a surrogate pair; write the character itself, or both halves.",
                       text, whole.end())  # fmt: skip


# -- what stands outside the texts: brackets and numbers --------------------------------------------------------------

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def _split(source: bytes) -> list[bytes]:
    """Pieces that stand outside (even places) and inside (odd places) of the quotes of `source`.

    Exact up to the first syntax error. Escapes are overwritten by as many bytes, so that lengths stay true.
    """
    return source.replace(b"\\\\", b"__").replace(b'\\"', b"__").split(b'"')


def _source_offset(pieces: list[bytes], outside: bytes, at: int) -> int:
    """Where the byte `at` of the pieces outside of texts, joined by one quote each, stands in the source."""
    texts_before = outside.count(b'"', 0, at)
    return at + texts_before + sum(map(len, pieces[1 : 2 * texts_before : 2]))


def _check_depth(source: bytes, text: str, limit: int) -> None:
    """Refuse deep nesting before the decoder, which recurses, can meet it; unless a syntax error comes first."""
    pieces = _split(source)
    outside = b'"'.join(pieces[::2])
    depths = accumulate(map(_STEPS.__getitem__, outside.translate(None, _NO_BRACKETS)))
    too_deep = next(compress(count(), map(limit.__lt__, depths)), None)
    if too_deep is None:
        return
    brackets = re.match(rb"(?:[^\[\]{}]*+[\[\]{}]){%d}+[^\[\]{}]*+" % too_deep, outside)
    at = brackets.end() if brackets else 0
    before = source[: _source_offset(pieces, outside, at)].decode()
    try:
        _decoder([]).decode(before + "0")  # what stands before is sound if the decoder gets past this value
    except json.JSONDecodeError as error:
        if error.pos <= len(before):
            raise _syntax_refusal(error.msg, text, error.pos) from None
    raise _refusal(
        f"Containers are nested more than {limit} deep here; make the document flatter.",
        text, len(before), code=TOO_DEEP,
    )  # fmt: skip


def _number_offset(literal: str, source: bytes) -> int:
    """The character at which the number or constant that the decoder refused stands."""
    pieces = _split(source)
    outside = b'"'.join(pieces[::2])
    if len(literal) > NUMBER_CHARACTERS:
        wanted = b"[-+.0-9eE]{%d}" % (NUMBER_CHARACTERS + 1)
    else:
        wanted = re.escape(literal.encode())
        if literal[-1].isdecimal() and "e" not in literal.lower():
            wanted += rb"(?!\d|\.\d|[eE][-+]?\d)"  # an integer, not the beginning of a float, which may stand before
    found = next(re.finditer(rb"(?<![-+.\w])" + wanted, outside))
    return len(source[: _source_offset(pieces, outside, found.start())].decode())


# -- keys that stand twice --------------------------------------------------------------------------------------------

# Texts and empty containers are taken with the colon or comma after them, and commas between scalars in one run: the
# fewer tokens, the faster. The numbered groups say what a token was (`lastindex`).
_TOKEN = re.compile(
    r"""(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|\[\s*+\]|\{\s*+\})\s*+(?:(:)|(,))?|([}\]])\s*+(,)?|([{\[])|((?:,[^"\[\]{},]*+)++)"""
)
_KEY, _ELEMENT, _CLOSE, _CLOSE_ELEMENT, _OPEN, _SCALARS = 1, 2, 3, 4, 5, 6


class _Container:
    """What the scan is in, at one depth: its keys so far and where they stand (None for a list), and how far it is."""

    __slots__ = ("at", "index", "keys")

    def __init__(self) -> None:
        self.keys: dict[str, int] | None = None
        self.at = ""
        self.index = 0


class _Duplicate(NamedTuple):
    tokens: tuple[str | int, ...]
    offset: int
    message: str


def _duplicates(text: str) -> Iterator[_Duplicate]:
    """Each key of `text`, which is valid JSON, that stands before in the same object; in document order."""
    here = _Container()  # what the document stands in
    levels, depth = [here], 0  # containers are used again: making one for each would take longer than all else here
    for token in _TOKEN.finditer(text):
        kind = token.lastindex
        if kind == _KEY:
            assert here.keys is not None
            here.at, start = _unquoted(token[0][:-1].rstrip()), token.start()
            first = here.keys.setdefault(here.at, start)
            if first != start:
                tokens = tuple(each.index if each.keys is None else each.at for each in levels[1 : depth + 1])
                yield _Duplicate(tokens, start, _twice(here.at, text, first))
        elif kind == _OPEN:
            depth += 1
            if depth == len(levels):
                levels.append(_Container())
            here = levels[depth]
            here.keys, here.index = {} if token[0] == "{" else None, 0
        elif kind == _ELEMENT:
            here.index += 1
        elif kind == _SCALARS:
            here.index += token[0].count(",")
        elif kind is not None:
            depth -= 1
            here = levels[depth]
            here.index += kind == _CLOSE_ELEMENT


def _unquoted(literal: str) -> str:
    return str(json.loads(literal)) if "\\" in literal else literal[1:-1]


def _twice(key: str, text: str, first: int) -> str:
    line, column = _place(text, first)
    shown = json.dumps(key if len(key) <= KEY_SHOWN else key[:KEY_SHOWN] + "…", ensure_ascii=False)
    return (
        f"The key {shown} stands in this object already, at line {line}, column {column}; "
        "only one of them can count. Rename one or take it out."
    )


# -- refusals, and where they point -----------------------------------------------------------------------------------

_SENTENCES = (  # how the decoder's message begins -> what we say
    ("Expecting value", "A value is expected here, not {found}."),
    ("Expecting property name", "A key in double quotes is expected here, not {found}."),
    ("Expecting ':'", "A colon is expected here, after the key, not {found}."),
    ("Expecting ','", "A comma or the closing bracket is expected here, not {found}."),
    ("Extra data", "The document should end here, not go on with {found}."),
    ("Illegal trailing comma", "There is a comma too many here; take it out."),
    ("Unterminated string", "The text that begins here has no closing quote."),
    ("Invalid control character", "A line break or control character can't stand in a text as it is: "
                                  "close the quote, or write it as \\n, \\t or \\u and four digits."),
    ("Invalid \\u", "Four hexadecimal digits are expected after \\u."),
    ("Invalid \\", "There is no such escape; write \\\\ for a backslash."),
)  # fmt: skip
_HINTS = (  # what stands around the place, which is marked by a NUL -> what was probably meant
    (r"\0'", "Texts and keys take double quotes."),
    (r"\0(?://|/\*|#)", "JSON has no comments; take this one out."),
    (r"\0(?i:true|false|null)\b", "Write it in small letters: true, false, null."),
    (r"\0(?:None|nil|undefined)\b", "Write null."),
    (r"\d\0[\w.]|\0[-+.]", "Numbers look like 0, -1.5 or 2e10."),
    (r'"\0\w', 'Write \\" for a quote inside a text.'),
    (r",\s*\0[\]},]", "There is a comma too many before it."),
)
_AROUND = 20  # characters that are looked at on both sides for a hint


def _syntax_refusal(said: str, text: str, offset: int) -> NotJson:
    if not text.strip():
        return _refusal("The text is empty; send a JSON document.", text, 0)
    if said.startswith("Invalid \\u"):
        offset = text.rfind("\\", 0, offset + 1)  # some versions point at the letter
    sentence = next((ours for theirs, ours in _SENTENCES if said.startswith(theirs)), "This is not JSON.")
    if "{found}" not in sentence:
        return _refusal(sentence, text, offset)
    around = text[max(offset - _AROUND, 0) : offset] + "\0" + text[offset : offset + _AROUND]
    hints = [hint for pattern, hint in _HINTS if re.search(pattern, around)]
    return _refusal(" ".join([sentence.format(found=_found(text, offset)), *hints[:1]]), text, offset)


def _found(text: str, offset: int) -> str:
    if offset >= len(text):
        return "the end of the text"
    word = re.compile(r"\w{1,20}|.", re.DOTALL | re.ASCII).match(text, offset)
    found = word[0] if word else text[offset]
    return f"`{found}`" if found.isprintable() else f"the character U+{ord(found):04X}"


def _refusal(message: str, text: str, offset: int, *, code: str | None = None) -> NotJson:
    line, column = _place(text, offset)
    return NotJson(message, line=line, column=column, code=code)


def _place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at `offset`."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
