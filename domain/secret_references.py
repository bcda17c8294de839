"""References to secrets as a definition writes them: found, checked, and told where they mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain import json
from domain.problems import Problem, pointer
from domain.secrets import AROUND, NAME, REFERENCE, SecretRef, looks_like_credential
from domain.value_forms import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.reporting import Report
    from domain.scope import Scope

LARGE: Final = 65_536
"""Bytes of a value that is looked at part by part."""
_EXAMPLE: Final = '{"$secret": "name"}'


class SecretValue(Value):
    """A reference to a secret. It resolves to itself: its value is nobody's before the node runs."""

    __slots__ = ("ref",)

    def __init__(self, ref: SecretRef) -> None:
        self.ref = ref

    def resolve(self, scope: Scope, warnings: list[str]) -> Any:
        """The reference."""
        return self.ref


def with_references(value: Any, path: str, names: dict[str, str], report: Report) -> Any:
    """A parameter that takes secrets, its references made Values; `names` gets each with the place of its first one.

    What is no sound reference is reported, and so is what looks like a credential that is written out.
    """
    size, may_refer = _look(value)
    if size <= LARGE:
        return _with_references(value, path, names, report)
    if may_refer:
        message = f"A parameter that names secrets has at most {LARGE:,} bytes; this one has {size:,}."
        report(Problem(code="TOO_LARGE", path=path, message=message))
    return value


def _with_references(value: Any, path: str, names: dict[str, str], report: Report) -> Any:
    if isinstance(value, dict) and REFERENCE in value:
        ref = _reference(value, path, report)
        if ref is None:
            return None
        names.setdefault(ref.name, path)
        return SecretValue(ref)
    for key, inner in _inside(value):
        if isinstance(key, str):
            warn_of_credential(key, inner, path + pointer(key), report)
    if isinstance(value, dict):
        return {key: _with_references(each, path + pointer(key), names, report) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_references(each, f"{path}/{at}", names, report) for at, each in enumerate(value)]
    return value


def warn_of_references(value: Any, path: str, report: Report, *, where: str, takers: list[str]) -> None:
    """Say of what looks like a reference in a value that takes none that it is data there. `where` names the value.

    Not of one in a large value: it takes its time to look at all of it.
    """
    size, may_refer = _look(value)
    if may_refer and size <= LARGE:
        _warn_of_references(value, path, report, where=where, takers=takers)


def _warn_of_references(value: Any, path: str, report: Report, *, where: str, takers: list[str]) -> None:
    if isinstance(value, dict) and isinstance(value.get(REFERENCE), str):
        takes = f"; {', '.join(takers)} can name one" if takers else ""
        message = f"{where} takes no secrets{takes}. Here {REFERENCE} is a key like any other."
        report(Problem(code="SECRET_NOT_TAKEN", path=path, message=message, severity="warning"))
        return
    for key, inner in _inside(value):
        if isinstance(inner, dict | list):
            _warn_of_references(inner, path + pointer(key), report, where=where, takers=takers)


def warn_of_credential(key: str, value: Any, path: str, report: Report) -> None:
    """Say of a literal text under such a key that a definition is no place for it."""
    written = isinstance(value, str) and value and "{{" not in value and not value.startswith(("$.", "$["))
    if written and looks_like_credential(key):
        message = (
            f"{key} looks like a credential. Definitions are kept in the log, for everyone who may read it: name a secret "
            f"of the server instead ({_EXAMPLE})."
        )
        report(Problem(code="CREDENTIAL_IN_DEFINITION", path=path, message=message, severity="warning"))


def _look(value: Any) -> tuple[int, bool]:
    """(bytes of a value, whether it may hold a reference), at one glance."""
    if not isinstance(value, dict | list):
        return 0, False
    try:
        encoded = json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):  # no JSON, which is for others to say
        return 0, True
    return len(encoded), b'"%s"' % REFERENCE.encode() in encoded


def _inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _reference(value: dict[str, Any], path: str, report: Report) -> SecretRef | None:
    """The reference that an object writes, or None, with the reason reported."""
    name = value[REFERENCE]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        message = f"A secret is named by a literal text of letters, digits, _ and -, as in {_EXAMPLE}."
        report(Problem(code="INVALID_SECRET", path=path + pointer(REFERENCE), message=message))
        return None
    for key, text in value.items():
        if key not in (REFERENCE, *AROUND):
            message = f"A reference to a secret has {REFERENCE} and perhaps {' and '.join(AROUND)}, not {key!r}."
            unknown = Problem(code="INVALID_SECRET", path=path + pointer(key), message=message)
            report(unknown, meant=key, known=AROUND)
            return None
        if not isinstance(text, str) or "{{" in text:
            message = f"{key} is a literal text, which is put beside the secret as it is."
            report(Problem(code="INVALID_SECRET", path=path + pointer(key), message=message))
            return None
    return SecretRef(name, value.get("before", ""), value.get("after", ""))
