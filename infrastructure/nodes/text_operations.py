"""What `stringOperations` does to a text, operation by operation."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import re2

from infrastructure.nodes.base import as_text, invalid, shown
from infrastructure.nodes.companions import companion
from infrastructure.nodes.patterns import Pattern, check_size, flags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WORD: Final = re.compile(r"\S+")
_GAPS: Final = re.compile(r"[\s_-]+")
_NO_WORD: Final = re.compile(r"[^\w\s-]")
# One pattern after the other, not alternatives of one: a comment that is never closed would cost a look at the whole
# rest of the text at each place where one begins.
_MARKUP: Final = (
    re2.compile(r"(?is)<!--.*?-->"),
    re2.compile(r"(?is)<script\b[^>]*>.*?</script\s*>"),
    re2.compile(r"(?is)<style\b[^>]*>.*?</style\s*>"),
    re2.compile(r"(?s)</?[A-Za-z!?][^>]*>"),
)


def text_parameter(config: Mapping[str, Any], name: str) -> str:
    """A companion parameter as text. Raises `INVALID_PARAMETER` if it is missing or no text, number or boolean."""
    value = companion(config, name, config["operation"])
    if value is None or isinstance(value, (list, dict)):
        raise invalid(f"{name} is a text, not {shown(value)}", parameter=name)
    return as_text(value)


def _whole(config: Mapping[str, Any], name: str) -> int:
    return int(companion(config, name, config["operation"]))


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:].lower()


def _strip_html(text: str) -> str:
    for pattern in _MARKUP:
        text = pattern.sub("", text)
    return text


def _slug(text: str) -> str:
    """Accents fall away, and so does what is neither letter, digit, blank, `_` nor `-`; blanks become one `-`."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return _GAPS.sub("-", _NO_WORD.sub("", plain.lower())).strip("-")


def _replace_first(text: str, config: Mapping[str, Any]) -> str:
    return text.replace(text_parameter(config, "searchValue"), text_parameter(config, "replaceValue"), 1)


def _replace_all(text: str, config: Mapping[str, Any]) -> str:
    search, replacement = text_parameter(config, "searchValue"), text_parameter(config, "replaceValue")
    check_size(len(text) + text.count(search) * (len(replacement) - len(search)))
    return text.replace(search, replacement)


def _replace_pattern(text: str, config: Mapping[str, Any]) -> str:
    pattern = Pattern(text_parameter(config, "searchValue"), flags_of(config["flags"]), "searchValue")
    return pattern.replace(text, text_parameter(config, "replaceValue"))


def _split(text: str, config: Mapping[str, Any]) -> list[str]:
    separator = text_parameter(config, "separator")
    return text.split(separator) if separator else list(text)


def _substring(text: str, config: Mapping[str, Any]) -> str:
    """Between two places, whichever is first; places outside the text are its ends."""
    ends = (_whole(config, "start"), _whole(config, "end") if "end" in config else len(text))
    first, last = sorted(min(max(place, 0), len(text)) for place in ends)
    return text[first:last]


def _slice(text: str, config: Mapping[str, Any]) -> str:
    """From one place to before another; negative ones count from the end."""
    return text[_whole(config, "start") : _whole(config, "end") if "end" in config else None]


def _concat(text: str, config: Mapping[str, Any]) -> str:
    values = companion(config, "values", config["operation"])
    pieces = [text, *(_piece(value, place) for place, value in enumerate(values))]
    check_size(sum(map(len, pieces)))
    return "".join(pieces)


def _piece(value: Any, place: int) -> str:
    if value is None:
        raise invalid(f"values[{place}] is null, which is no text", parameter="values")
    return as_text(value)


def _pad(text: str, config: Mapping[str, Any]) -> str:
    length, filling, side = _whole(config, "length"), text_parameter(config, "padChar"), config["side"]
    if not filling:
        raise invalid("padChar can't be empty", parameter="padChar")
    if length < 0:
        raise invalid(f"length is a number of characters, not {length}", parameter="length")
    check_size(length)
    missing = max(length - len(text), 0)
    left = {"left": missing, "right": 0, "both": missing // 2}[side]
    return _filled(filling, left) + text + _filled(filling, missing - left)


def _filled(filling: str, length: int) -> str:
    return (filling * (length // len(filling) + 1))[:length]


OPERATIONS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Any]]] = {
    "trim": lambda text, _: text.strip(),
    "uppercase": lambda text, _: text.upper(),
    "lowercase": lambda text, _: text.lower(),
    "capitalize": lambda text, _: _capitalize(text),
    "titleCase": lambda text, _: _WORD.sub(lambda word: _capitalize(word[0]), text),
    "stripHTML": lambda text, _: _strip_html(text),
    "slugify": lambda text, _: _slug(text),
    "replace": _replace_first,
    "replaceAll": _replace_all,
    "replaceRegex": _replace_pattern,
    "split": _split,
    "substring": _substring,
    "slice": _slice,
    "concat": _concat,
    "pad": _pad,
}
"""By name: from the text and the parameters to the result. They raise `INVALID_PARAMETER` for a missing companion."""
