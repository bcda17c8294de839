"""Secrets by reference: how a definition names one, and how what is recorded is kept free of their values.

`{"$secret": "name"}` in a parameter that takes secrets stands for the value that the server has under that name, with
the texts `before` and `after` around it if they are given. It is a reference only where the definition itself says so:
the same object found in the state is data, so that nobody's input can name a secret.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape
from json import dumps
from typing import Any, Final
from urllib.parse import quote, quote_plus

import msgspec

from domain.errors import ErrorInfo, StepFailure
from domain.problems import nearest

REFERENCE: Final = "$secret"
AROUND: Final = ("before", "after")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
MIN_LENGTH: Final = 4
"""Characters of a secret: one that is shorter could not be told from other text, and so not be kept out of it."""
MAX_LENGTH: Final = 65_536
_MIN_ENCODED: Final = 8
"""Characters of an encoded form that is looked for: a shorter one stands in other text by chance."""
_CREDENTIAL: Final = re.compile(r"(?i)authorization|proxy-authorization|cookie|.*(?:api[-_]?key|secret|password|token)")


class SecretRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reference in resolved parameters: what it names is put in its place just before the node runs."""

    name: str = msgspec.field(name=REFERENCE)
    before: str = ""
    after: str = ""


class UnknownSecret(StepFailure, KeyError):
    """The server has no secret of that name."""


class GivenSecrets(Mapping[str, str]):
    """The server's secrets as one visit sees them; remembers which of them it has read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        if name not in self._values:
            raise UnknownSecret(unknown_secret(name, self._values))
        self.read.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"GivenSecrets({', '.join(self._values)})"

    @property
    def redactor(self) -> Redactor:
        """What takes those that were read so far out of texts."""
        return redactor_of(tuple((name, self._values[name]) for name in sorted(self.read)))


def unknown_secret(name: str, known: Mapping[str, Any] | frozenset[str]) -> ErrorInfo:
    """The error of a visit that asks for a secret which is not there."""
    close = nearest(name, known)
    hint = f" Did you mean {close!r}?" if close is not None else ""
    message = (
        f"This server has no secret {name!r}: it is set as CLEW_SECRET_{name}, or in the file of CLEW_SECRETS.{hint}"
    )
    return ErrorInfo(type="configuration", code="UNKNOWN_SECRET", message=message, details={"secret": name})


def reveal(value: Any, secrets: Mapping[str, str]) -> Any:
    """Resolved parameters with the secrets in place of their references. Raises UnknownSecret."""
    if isinstance(value, SecretRef):
        return value.before + secrets[value.name] + value.after
    if isinstance(value, dict):
        return {key: reveal(each, secrets) for key, each in value.items()}
    if isinstance(value, list):
        return [reveal(each, secrets) for each in value]
    return value


def unusable(name: str, value: str) -> str | None:
    """Why a secret can't be kept under that name with that value, without repeating it; None: it can."""
    if not NAME.fullmatch(name):
        return f"{name[:80]!r} is no name of a secret: those are letters, digits, _ and -"
    if not MIN_LENGTH <= len(value) <= MAX_LENGTH:
        return f"the secret {name} has fewer than {MIN_LENGTH} or more than {MAX_LENGTH:,} characters"
    return None if value.encode(errors="replace").decode() == value else f"the secret {name} is not UTF-8"


def looks_like_credential(key: str) -> bool:
    """Whether what stands under such a key is usually a credential."""
    return _CREDENTIAL.fullmatch(key) is not None


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


@lru_cache(maxsize=64)
def redactor_of(secrets: tuple[tuple[str, str], ...]) -> Redactor:
    """The redactor of (name, value) pairs; made once for those that go together."""
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
