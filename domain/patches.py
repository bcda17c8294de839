"""Changes of a state, as RFC 6902 patches whose indexes never shift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from domain.errors import ErrorInfo, StepFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Op(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation. `value` is UNSET for `remove` only."""

    op: Literal["add", "replace", "remove"]
    path: str
    value: Any = msgspec.UNSET


Patch = tuple[Op, ...]
ABSENT: Final = object()


def tokens(pointer: str) -> list[str]:
    """The reference tokens of a JSON Pointer, unescaped."""
    if "~" not in pointer:
        return pointer.split("/")[1:]
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def escape(token: str) -> str:
    """A key as a reference token."""
    return token.replace("~", "~0").replace("/", "~1") if "~" in token or "/" in token else token


def find(document: Any, pointer: str) -> Any:
    """The value a JSON Pointer names, or ABSENT."""
    for token in tokens(pointer):
        if isinstance(document, dict):
            document = document.get(token, ABSENT)
        elif isinstance(document, list) and _is_index(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return ABSENT
    return document


def _is_index(part: str) -> bool:
    """Whether it is a number without leading zeros, and not too long to be looked for."""
    return part.isdecimal() and part.isascii() and len(part) < 16 and (part[0] != "0" or part == "0")


def apply(document: dict[str, Any], patch: Sequence[Op]) -> dict[str, Any]:
    """The document after the patch; shares with the old one whatever did not change.

    The patch must fit: patches are checked when they are recorded (`rebase`), and history is never refused.
    """
    if not patch:
        return document
    changing = _Changing(document)
    for op in patch:
        changing.apply(op)
    return changing.document


class _Changing:
    """A document while it is changed: what is in the way of a change is copied, once."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._holder: dict[str, Any] = {"": document}
        self._fresh = {id(self._holder)}

    @property
    def document(self) -> dict[str, Any]:
        """As it is now."""
        document: dict[str, Any] = self._holder[""]
        return document

    def apply(self, op: Op) -> None:
        parent: Any = self._holder
        key: Any = ""
        for token in tokens(op.path):
            child = parent[key]
            if id(child) not in self._fresh:
                child = child.copy()
                self._fresh.add(id(child))
                parent[key] = child
            parent = child
            key = int(token) if isinstance(child, list) else token
        _apply_at(parent, key, op)


def _apply_at(parent: Any, key: Any, op: Op) -> None:
    if op.op == "remove":
        del parent[key]
    elif op.op == "add" and isinstance(parent, list):
        parent.insert(key, op.value)
    else:
        parent[key] = op.value


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values would be stored alike (`1`, `1.0` and `true` are three values)."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def diff(old: Any, new: Any, path: str = "") -> Iterator[Op]:
    """The operations that turn `old` into `new`.

    Objects are compared by key. A list of the same length by element, one that grew or shrank at its end by what was
    added or removed there; any other change of a list replaces it, so that an index always means the same element.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _diff_objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _diff_lists(old, new, path)
    elif not same(old, new):
        yield Op("replace", path, new)


def _diff_objects(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Op]:
    for key in old:
        if key not in new:
            yield Op("remove", f"{path}/{escape(key)}")
    for key, value in new.items():
        here = f"{path}/{escape(key)}"
        if key not in old:
            yield Op("add", here, value)
        elif value is not old[key]:
            yield from diff(old[key], value, here)


def _diff_lists(old: list[Any], new: list[Any], path: str) -> Iterator[Op]:
    common = min(len(old), len(new))
    if len(old) == len(new):
        for index in range(common):
            yield from diff(old[index], new[index], f"{path}/{index}")
    elif not all(map(same, old[:common], new[:common])):
        yield Op("replace", path, new)
    elif len(new) > common:
        for index in range(common, len(new)):
            yield Op("add", f"{path}/{index}", new[index])
    else:
        for index in range(len(old) - 1, common - 1, -1):
            yield Op("remove", f"{path}/{index}")


def rebase(patch: Sequence[Op], state: dict[str, Any]) -> Patch:
    """The patch as it must be recorded against the state as it is now.

    A node's writes were made on the state that it saw; others may have been recorded since. Adding what exists becomes
    replacing it, an element added at the end of a list goes to the end that the list has now, removing what is gone and
    writing what is there already fall away. Raises `STATE_CONFLICT` where the parent of a written place is gone.
    """
    recorded: list[Op] = []
    changing = _Changing(state if len(patch) < 2 else _concerned(patch, state))
    for op in patch:
        fitted = _fit(op, changing.document)
        if fitted is not None:
            recorded.append(fitted)
            if len(patch) > 1:
                changing.apply(fitted)
    return tuple(recorded)


def changed_by(patch: Sequence[Op], state: dict[str, Any]) -> dict[str, Any]:
    """The top-level keys that a patch changes anything in, with their values after it, or ABSENT."""
    after = apply(_concerned(patch, state), patch)
    return {key: after.get(key, ABSENT) for key in _keys(patch)}


def _concerned(patch: Sequence[Op], state: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a state that a patch is about: a state may have many keys, and most patches change few."""
    return {key: state[key] for key in _keys(patch) if key in state}


def _keys(patch: Sequence[Op]) -> set[str]:
    return {tokens(op.path)[0] for op in patch}


def _fit(op: Op, state: dict[str, Any]) -> Op | None:
    parent_path, _, _ = op.path.rpartition("/")
    parent = find(state, parent_path)
    current = find(state, op.path)
    if op.op == "remove":
        return None if current is ABSENT else op
    if isinstance(parent, list):
        return _fit_element(op, parent, f"{parent_path}/{len(parent)}", current)
    if not isinstance(parent, dict):
        raise conflict(op.path)
    if current is ABSENT:
        return Op("add", op.path, op.value)
    return None if same(current, op.value) else Op("replace", op.path, op.value)


def _fit_element(op: Op, parent: list[Any], end: str, current: Any) -> Op | None:
    if op.op == "add":
        return Op("add", end, op.value)
    if current is ABSENT:
        raise conflict(op.path)
    return None if same(current, op.value) else op


def conflict(path: str) -> StepFailure:
    """The error of a write whose place another writer has taken away."""
    return StepFailure(
        ErrorInfo(
            type="state",
            code="STATE_CONFLICT",
            message=f"{path} can't be written: what it was part of has been changed by another step meanwhile",
            recoverable=True,
            details={"pointer": path},
        )
    )


def assignment(state: Mapping[str, Any], path: Sequence[str | int], value: Any) -> Op:
    """The one operation that stores `value` at a state path, as a setter means it (LANGUAGE, section 2).

    Missing or null parents become objects, or lists before an index; an index must exist or be the next one; going
    through a number or text, or an index on an object, raises a `state` error.
    """
    current: Any = state
    pointer = ""
    for depth, token in enumerate(path):
        existing = _child(current, token, path[: depth + 1])
        pointer = f"{pointer}/{escape(str(token))}"
        last = depth == len(path) - 1
        if last or existing is ABSENT or existing is None:
            built = value if last else _build(path[depth + 1 :], value, path)
            return Op("add" if existing is ABSENT else "replace", pointer, built)
        current = existing
    raise _unwritable("$ itself can't be replaced: set its keys", path)


def _child(container: Any, token: str | int, path: Sequence[str | int]) -> Any:
    if isinstance(container, dict) and isinstance(token, str):
        return container.get(token, ABSENT)
    if isinstance(container, list) and isinstance(token, int):
        if token > len(container):
            raise _unwritable(
                f"index {token} is past the end of a list of {len(container)}: append at its length", path
            )
        return container[token] if token < len(container) else ABSENT
    kind = {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}.get(type(container), "a number")
    wanted = "an index" if isinstance(token, int) else f"the key {token!r}"
    raise _unwritable(f"{kind} has no place for {wanted}", path)


def _build(path: Sequence[str | int], value: Any, whole: Sequence[str | int]) -> Any:
    for token in reversed(path):
        if isinstance(token, int) and token != 0:
            raise _unwritable(f"index {token} is past the end of a list that is not there yet: begin at 0", whole)
        value = [value] if isinstance(token, int) else {token: value}
    return value


def _unwritable(reason: str, path: Sequence[str | int]) -> StepFailure:
    pointer = "".join(f"/{escape(str(token))}" for token in path)
    return StepFailure(
        ErrorInfo(type="state", code="STATE_PATH", message=f"{pointer}: {reason}", details={"pointer": pointer})
    )
