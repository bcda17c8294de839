"""Secrets by reference: how a definition names one, and how a visit is given it.

`{"$secret": "name"}` in a parameter that takes secrets stands for the value that the server has under that name, with
the texts `before` and `after` around it if they are given. It is a reference only where the definition itself says so:
the same object found in the state is data, so that nobody's input can name a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from domain.errors import ErrorInfo, StepFailure
from domain.problems import nearest

REFERENCE: Final = "$secret"
AROUND: Final = ("before", "after")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
MIN_LENGTH: Final = 4
"""Characters of a secret: one that is shorter could not be told from other text, and so not be kept out of it."""
MAX_LENGTH: Final = 65_536
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
    def read_values(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of those that were read so far."""
        return tuple((name, self._values[name]) for name in sorted(self.read))


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
