"""How text becomes a JSON document: strictly (RFC 8259), within limits, and with a place for every refusal.

Decoders that are written in C do the reading: a fast one, and where it refuses, one that says at which place. What they
would take and we don't is looked for by patterns. Nothing here recurses in Python, and nothing takes more than linear
time, whatever is sent.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate, compress, count, islice
from typing import Any, NamedTuple, NoReturn

import msgspec

from domain.duplicates import Duplicate, duplicates
from domain.errors import NotJson
from domain.json import encode
from domain.json_text import Skeleton
from domain.problems import Problem, pointer

TOO_LARGE = "TOO_LARGE"
TOO_DEEP = "TOO_DEEP"
DUPLICATE_KEY = "DUPLICATE_KEY"

SMALLEST_INTEGER = -(2**63)
LARGEST_INTEGER = 2**64 - 1
NUMBER_CHARACTERS = 64
SUSPICIOUS_EXPONENT = 200  # no number of 64 characters is too large with a smaller one
SUSPICIOUS_DIGITS = 20  # an integer with fewer, the sign among them, fits in 64 bits
DUPLICATES_REPORTED = 100
KEY_SHOWN = 60
POINTERS_CHARACTERS = 65_536
DEEPEST_LIMIT = 128  # the decoder recurses in C, and patterns for brackets are as deep


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
        first = next(duplicates(decoded))
        raise _refusal(_twice(first, decoded), decoded, first.offset, code=DUPLICATE_KEY)
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
    for duplicate in islice(duplicates(decoded), DUPLICATES_REPORTED):
        path = pointer(*duplicate.tokens)
        line, column = _place(decoded, duplicate.offset)
        message = _twice(duplicate, decoded)
        problems.append(Problem(code=DUPLICATE_KEY, path=path, message=message, line=line, column=column))
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
    skeleton = Skeleton(source)
    unfit = [_first_too_deep(skeleton, limits.depth), _first_long_number(skeleton), _first_overflow(skeleton)]
    if any(unfit):
        _refuse([*unfit, _first_constant(skeleton)], source, text, skeleton)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_refusal(error.msg, text, error.pos) from None
    except _ConstantRefused:
        _refuse([_first_constant(skeleton)], source, text, skeleton)
    _check_surrogates(text)
    doubled = b"{" in skeleton.bones and skeleton.bones.count(b":") != Skeleton(encode(value)).bones.count(b":")
    return value, text if doubled else None


# -- what the decoder takes and we don't, or is not to meet ------------------------------------------------------------


class _Unfit(NamedTuple):
    """Something that stands outside of texts, at a byte of the bones, and is not taken."""

    at: int
    message: str
    code: str = NotJson.code


class _ConstantRefused(Exception):
    """A constant is not taken. The decoder says which, but not where."""


def _refuse_constant(literal: str) -> NoReturn:
    raise _ConstantRefused(literal)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _refuse(unfit: list[_Unfit | None], source: bytes, text: str, skeleton: Skeleton) -> NoReturn:
    """Refuse the first that is not taken, unless a syntax error comes before it."""
    found = min(filter(None, unfit))
    before = source[: skeleton.offset(found.at)].decode()
    try:
        _DECODER.decode(before + "0")  # what stands before is sound if the decoder gets past this value
    except json.JSONDecodeError as error:
        if error.pos <= len(before):
            raise _syntax_refusal(error.msg, text, error.pos) from None
    raise _refusal(found.message, text, len(before), code=found.code)


def _first_too_deep(skeleton: Skeleton, limit: int) -> _Unfit | None:
    """The first bracket that is nested too deep; the decoder recurses, and is not to meet it."""
    if not skeleton.deeper_than(limit):
        return None
    bones = skeleton.bones
    depths = accumulate(map(_STEPS.__getitem__, bones.translate(None, _NO_BRACKETS)))
    too_deep = next(compress(count(), map(limit.__lt__, depths)), None)
    if too_deep is None:  # some are only not closed
        return None
    brackets = re.match(rb"(?:[^\[\]{}]*+[\[\]{}]){%d}+[^\[\]{}]*+" % too_deep, bones)
    message = f"Containers are nested more than {limit} deep here; make the document flatter."
    return _Unfit(brackets.end() if brackets else 0, message, TOO_DEEP)


def _first_long_number(skeleton: Skeleton) -> _Unfit | None:
    """The first number that has too many digits."""
    if b"0" * SUSPICIOUS_DIGITS not in skeleton.bones.translate(_KINDS):
        return None
    for match in _LONG_NUMBER.finditer(skeleton.bones):
        if fault := _fault(match[0].decode()):
            return _Unfit(match.start(), fault)
    return None


def _first_overflow(skeleton: Skeleton) -> _Unfit | None:
    """The first number whose exponent is too large. All are converted at once: there may be very many."""
    exponents = map(int, _EXPONENT.findall(skeleton.bones)) if _may_have_exponents(skeleton) else ()
    if max(exponents, default=0) < SUSPICIOUS_EXPONENT:
        return None
    numbers = list(map(abs, map(float, _WITH_EXPONENT.findall(skeleton.bones))))
    if math.inf not in numbers:
        return None
    first = next(islice(_WITH_EXPONENT.finditer(skeleton.bones), numbers.index(math.inf), None))
    return _Unfit(first.start(), "The number is too large for a 64-bit float (about 1.8e308).")


def _may_have_exponents(skeleton: Skeleton) -> bool:
    return b"0e" in skeleton.bones.translate(_KINDS)


def _first_constant(skeleton: Skeleton) -> _Unfit | None:
    """The first constant that is not JSON."""
    bones = skeleton.bones
    found = _CONSTANT.search(bones) if b"NaN" in bones or b"Infinity" in bones else None
    if found is None:
        return None
    return _Unfit(found.start(), f"{found[0].decode()} is not JSON: write null, or a finite number.")


def _fault(literal: str) -> str:
    """What is wrong with a long number; nothing, mostly."""
    if len(literal) > NUMBER_CHARACTERS:  # the length comes first: reading decimal digits takes quadratic time
        return f"The number has {len(literal):,} characters; at most {NUMBER_CHARACTERS} are taken. Send it as a text."
    if not literal.lstrip("-").isdecimal() or SMALLEST_INTEGER <= int(literal) <= LARGEST_INTEGER:
        return ""
    return "The integer is out of range: it must fit in 64 bits (-2^63 to 2^64-1). Send it as a text instead."


_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_KINDS = bytes(ord("0") if byte in b"0123456789.+-" else ord("e") if byte in b"eE" else ord(" ") for byte in range(256))
_LONG_NUMBER = re.compile(
    rb"(?<![-+.\w])(?=[-+.0-9eE]{%d})-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?" % SUSPICIOUS_DIGITS
)
_EXPONENT = re.compile(rb"[eE]\+?([0-9]{1,62})")
_WITH_EXPONENT = re.compile(rb"(?<![-+.\w])-?(?:0|[1-9][0-9]{0,62})(?:\.[0-9]{1,62})?[eE][-+]?[0-9]{1,62}")
_CONSTANT = re.compile(rb"(?<![-+.\w])(?:NaN|-?Infinity)")


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


# -- keys that stand twice --------------------------------------------------------------------------------------------


def _twice(duplicate: Duplicate, text: str) -> str:
    line, column = _place(text, duplicate.first)
    key = str(duplicate.tokens[-1])
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
