"""Taking secrets out of texts, also where they are encoded as texts usually are."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape
from json import dumps
from typing import Any, Final
from urllib.parse import quote, quote_plus

from domain.secrets import GivenSecrets

_MIN_ENCODED: Final = 8
"""Characters of an encoded form that is looked for: a shorter one stands in other text by chance."""


class Redactor:
    """Takes secrets out of texts: `[secret:name]` stands in their place, also of their usual encodings.

    It is the second line behind references, not a wall: a node that cuts a secret up or enciphers it gets it through.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        labels = {form: f"[secret:{name}]" for name, value in values.items() for form in _forms(value)}
        self._labels = {**labels, **{value: f"[secret:{name}]" for name, value in values.items()}}
        ordered = sorted(self._labels, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(self._label, text) if self._pattern is not None else text

    def json(self, value: Any) -> Any:
        """The JSON value without them, in keys too. A number that is written as a secret is one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.json(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(each) for each in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._labels.get(str(value), value)
        return value

    def _label(self, match: re.Match[str]) -> str:
        return self._labels[match[0]]


def redactor_of(secrets: GivenSecrets) -> Redactor:
    """What takes those that a visit has read so far out of texts."""
    return _redactor(secrets.read_values)


@lru_cache(maxsize=64)
def _redactor(secrets: tuple[tuple[str, str], ...]) -> Redactor:
    """Made once for those that go together."""
    return Redactor(dict(secrets))


def _forms(value: str) -> set[str]:
    """How the value looks in JSON, HTML, a URL, base64 and a header that was read as Latin-1, where that differs."""
    misread = value.encode().decode("latin-1")
    return {*_written(value), *_written(misread), misread} - {value}


def _written(value: str) -> set[str]:
    urls = {quote(value, safe=""), quote(value), quote(value, safe="!$&'()*+,;=:@/?"), quote_plus(value)}
    lowered = {re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), url) for url in urls}
    marked_up = {dumps(value)[1:-1], dumps(value, ensure_ascii=False)[1:-1], escape(value), escape(value, quote=False)}
    encoded = {value.encode().hex(), value.encode().hex().upper(), *_base64(value.encode())}
    return {*urls, *lowered, *marked_up, *(form for form in encoded if len(form) >= _MIN_ENCODED)}


def _base64(value: bytes) -> Iterator[str]:
    """What base64 makes of the bytes at each of the three places where they can begin, whatever stands around them."""
    for ahead in range(3):
        first, last = -(-ahead * 8 // 6), (ahead + len(value)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * ahead + value).decode()[first:last]
