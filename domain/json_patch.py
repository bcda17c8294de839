"""JSON Patch (RFC 6902) as people send it: read with everything that is wrong at once, applied wholly or not at all."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from domain import json
from domain.errors import LONGEST_PLACE, Unacceptable
from domain.patches import ABSENT, tokens
from domain.problems import Problem, nearest

MAX_OPERATIONS: Final = 1_000
"""Operations of one patch: it is applied between two steps of whatever else runs."""
OPERATIONS: Final = ("add", "remove", "replace", "move", "copy", "test")
WITH_VALUE: Final = ("add", "replace", "test")
WITH_SOURCE: Final = ("move", "copy")
POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
INDEX: Final = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as it was sent. `source` is its `from`; `value` is UNSET where the operation has none."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    value: Any = msgspec.UNSET
    source: str = ""


class _Misfit(Exception):
    """Why an operation does not apply, and which member of it says so."""

    def __init__(self, reason: str, member: str = "path") -> None:
        super().__init__(reason)
        self.reason = reason
        self.member = member


def read_operations(sent: Any, *, at: str = "") -> tuple[Operation, ...]:
    """The operations of a decoded patch, which stands at the pointer `at` of what was sent.

    Raises Unacceptable (`INVALID_PATCH`) with everything that is wrong with their form.
    """
    if not isinstance(sent, list):
        message = 'A patch is a list of operations such as {"op": "replace", "path": "/total", "value": 3}.'
        raise _invalid([Problem(code="INVALID_PATCH", path=at, message=message)])
    if len(sent) > MAX_OPERATIONS:
        message = f"A patch has at most {MAX_OPERATIONS:,} operations; this one has {len(sent):,}."
        raise _invalid([Problem(code="INVALID_PATCH", path=at, message=message)])
    problems = [problem for index, each in enumerate(sent) for problem in _problems(each, f"{at}/{index}")]
    if problems:
        raise _invalid(problems)
    return tuple(_operation(each) for each in sent)


def _invalid(problems: list[Problem]) -> Unacceptable:
    return Unacceptable(problems[0].message, code="INVALID_PATCH", details=problems)


def _problems(sent: Any, at: str) -> list[Problem]:
    if not isinstance(sent, dict):
        message = "An operation is an object with op and path."
        return [Problem(code="INVALID_PATCH", path=at, message=message)]
    found: list[Problem] = []
    op = sent.get("op")
    if op not in OPERATIONS:
        meant = nearest(op, OPERATIONS) if isinstance(op, str) else None
        hint = f" Did you mean {meant!r}?" if meant else ""
        found.append(_bad(at, sent, "op", f"op is one of {', '.join(OPERATIONS)}.{hint}"))
    for name in ("path", *(("from",) if op in WITH_SOURCE else ())):
        where = sent.get(name)
        if not isinstance(where, str) or not POINTER.fullmatch(where):
            found.append(_bad(at, sent, name, f"{name} is a JSON Pointer such as /order/lines/0, or empty for all."))
    if op in WITH_VALUE and "value" not in sent:
        found.append(Problem(code="INVALID_PATCH", path=at, message=f"{op} needs a value."))
    return found


def _bad(at: str, sent: dict[str, Any], name: str, message: str) -> Problem:
    return Problem(code="INVALID_PATCH", path=f"{at}/{name}" if name in sent else at, message=message)


def _operation(sent: dict[str, Any]) -> Operation:
    return Operation(
        op=sent["op"],
        path=sent["path"],
        value=sent["value"] if sent["op"] in WITH_VALUE else msgspec.UNSET,
        source=sent["from"] if sent["op"] in WITH_SOURCE else "",
    )


def applied(document: dict[str, Any], operations: tuple[Operation, ...], *, most: int, at: str = "") -> dict[str, Any]:
    """The document after all of the operations; shares with the old one whatever did not change.

    Raises Unacceptable (`PATCH_FAILED`) with the index and the place of the first that does not apply; `most` bounds the
    bytes that are moved and copied in all.
    """
    patching = _Patching(document, most)
    for index, operation in enumerate(operations):
        try:
            patching.apply(operation)
        except _Misfit as misfit:
            where = _shown(operation.source if misfit.member == "from" else operation.path)
            message = f"Operation {index} ({operation.op} {where}) does not apply: {misfit.reason}."
            problem = Problem(code="PATCH_FAILED", path=f"{at}/{index}/{misfit.member}", message=message)
            raise Unacceptable(message, code="PATCH_FAILED", details=[problem]) from misfit
    return patching.document


def _shown(pointer: str) -> str:
    return pointer[:LONGEST_PLACE] + "…" if len(pointer) > LONGEST_PLACE else pointer or "''"


class _Patching:
    """A document while it is patched: what is in the way of a change is copied, once."""

    def __init__(self, document: dict[str, Any], most: int) -> None:
        self._holder: dict[str, Any] = {"": document}
        self._fresh = {id(self._holder)}
        self._left = most
        self._most = most

    @property
    def document(self) -> dict[str, Any]:
        """As it is now."""
        document: dict[str, Any] = self._holder[""]
        return document

    def apply(self, operation: Operation) -> None:
        match operation.op:
            case "add":
                self._add(operation.path, operation.value)
            case "replace":
                self._replace(operation.path, operation.value)
            case "remove":
                self._remove(operation.path)
            case "move":
                self._move(operation)
            case "copy":
                value = self._find(operation.source, "from")
                self._weigh(value)
                self._add(operation.path, json.copy(value))
            case "test":
                if not _equal(self._find(operation.path), operation.value):
                    raise _Misfit("another value is there", "value")

    def _move(self, operation: Operation) -> None:
        value = self._find(operation.source, "from")
        if operation.path == operation.source:
            return
        if operation.path.startswith(operation.source + "/"):
            raise _Misfit(f"it can't be moved into itself ({_shown(operation.source)})")
        self._weigh(value)
        self._remove(operation.source, "from")
        self._add(operation.path, value)

    def _weigh(self, value: Any) -> None:
        """Count what is moved or copied: a small patch could otherwise make a document that fits nowhere."""
        self._left -= len(json.encode(value))
        if self._left < 0:
            raise _Misfit(f"more than {self._most:,} bytes would be moved and copied by one patch", "from")

    def _add(self, path: str, value: Any) -> None:
        parent, key = self._place(path, value)
        if isinstance(parent, list):
            index = len(parent) if key == "-" else _index(key, len(parent), path)
            parent.insert(index, value)
        else:
            parent[key] = value

    def _replace(self, path: str, value: Any) -> None:
        self._find(path)
        parent, key = self._place(path, value)
        parent[int(key) if isinstance(parent, list) else key] = value

    def _remove(self, path: str, member: str = "path") -> None:
        if not path:
            raise _Misfit("the state itself can't be taken away: replace it by {}", member)
        self._find(path, member)
        parent, key = self._place(path, None)
        del parent[int(key) if isinstance(parent, list) else key]

    def _place(self, path: str, value: Any) -> tuple[Any, str]:
        """The container that a place is in, now one that may be changed, and the key of the place in it."""
        keys = tokens(path)
        if not keys and not isinstance(value, dict):
            raise _Misfit("the state itself is an object", "value")
        if len(keys) + _depth(value) > json.MAX_DEPTH:
            raise _Misfit(f"that would be nested deeper than {json.MAX_DEPTH} levels")
        parent: Any = self._holder
        key = ""
        for token in keys:
            child = _child(parent, key, path)
            if not isinstance(child, dict | list):
                raise _Misfit(f"what is around it is {_kind(child)}")
            if id(child) not in self._fresh:
                child = child.copy()
                self._fresh.add(id(child))
                parent[int(key) if isinstance(parent, list) else key] = child
            parent, key = child, token
        return parent, key

    def _find(self, path: str, member: str = "path") -> Any:
        found: Any = self._holder[""]
        try:
            for token in tokens(path):
                found = _child(found, token, path)
        except _Misfit as misfit:
            raise _Misfit(misfit.reason, member) from misfit
        return found


def _child(container: Any, token: str, path: str) -> Any:
    """What is under a token. Raises _Misfit where nothing is."""
    if isinstance(container, list):
        return container[_index(token, len(container) - 1, path)]
    found = container.get(token, ABSENT) if isinstance(container, dict) else ABSENT
    if found is ABSENT:
        where = "" if isinstance(container, dict) else f", for what is around it is {_kind(container)}"
        raise _Misfit(f"there is no {_shown(token)!r}{where}")
    return found


def _index(token: str, last: int, path: str) -> int:
    if not INDEX.fullmatch(token):
        raise _Misfit(f"{_shown(token)!r} is no index of a list")
    if int(token) > last:
        raise _Misfit(f"the index {token} is past the end of the list")
    return int(token)


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )


def _depth(value: Any) -> int:
    """How deep lists and objects are nested in a value, itself counted."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _equal(left: Any, right: Any) -> bool:
    """Equality of RFC 6902, 4.6: numbers by their values, everything else by its kind."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
