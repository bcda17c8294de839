"""Finding what a reference names, from the roots that a scope has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain.comparison import kind
from domain.expression_errors import undefined_reference
from domain.layers import Layers
from domain.paths import MISSING, Path, format_path, get
from domain.problems import nearest

if TYPE_CHECKING:
    from domain.errors import StepFailure
    from domain.scope import Scope

Find = Callable[["Scope"], Any]

MISSING_COST: Final = 1_000  # of saying what is missing, and what was probably meant
LONGEST_SHOWN: Final = 300  # characters of a reference in a message
MAX_SUGGESTED: Final = 50  # keys looked through for one that was probably meant


def look_up(root: str, path: Path) -> Find:
    """A function that gives what the path finds below the root (`$` or a name), or MISSING."""
    if root == "$":
        return _in_state(path)
    if root in ("input", "output", "error", "loop", "execution"):

        def find_root(scope: Scope) -> Any:
            value = scope.names.get(root, MISSING) if scope.names else MISSING
            if value is MISSING:
                value = getattr(scope, root)
            if isinstance(value, Layers) and not path:
                return value.whole()
            return MISSING if value is msgspec.UNSET else get(value, path)

        return find_root
    return lambda scope: get(scope.names.get(root, MISSING), path)


def required(root: str, path: Path) -> Find:
    """The same, with UNDEFINED_REFERENCE for what is missing."""
    find = look_up(root, path)

    def run(scope: Scope) -> Any:
        found = find(scope)
        if found is MISSING:
            scope.meter.spend(MISSING_COST)
            raise undefined(root, path, scope)
        return found

    return run


def written(root: str, path: Path) -> str:
    """The reference as people write it."""
    return root + format_path(path)[1:]


def undefined(root: str, path: Path, scope: Scope) -> StepFailure:
    """What to tell about a reference that finds nothing: where it stops, and the key that was probably meant."""
    holder = look_up(root, ())(scope)
    if holder is MISSING:
        return _undefined(root, path, f"nothing is bound to `{root}` here")
    for length, key in enumerate(path):
        # not `get`, for the first key: `$.error` may be found outside of the state
        found = get(holder, (key,)) if length else look_up(root, (key,))(scope)
        if found is MISSING:
            where = "the state" if root == "$" and not length else f"`{_shortened(written(root, path[:length]))}`"
            return _undefined(root, path, _reason(where, key, holder), _meant(key, holder))
        holder = found
    raise AssertionError("a reference that finds nothing stops somewhere")


def _undefined(root: str, path: Path, reason: str, meant: str | None = None) -> StepFailure:
    text = _shortened(written(root, path))
    details = {"reference": text} if meant is None else {"reference": text, "nearest": meant}
    hint = f" Did you mean `{meant}`?" if meant else ""
    return undefined_reference(f"`{text}` is undefined: {reason}.{hint}", details=details)


def _reason(where: str, key: str | int, holder: Any) -> str:
    return f"{where} has no `{key}`" if isinstance(holder, Mapping | list) else f"{where} is {kind(holder)}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _meant(key: str | int, holder: Any) -> str | None:
    if not isinstance(key, str) or not isinstance(holder, Mapping) or len(holder) > MAX_SUGGESTED:
        return None
    return nearest(key[:64], [name for name in holder if len(name) <= 64])


def _in_state(path: Path) -> Find:
    if path and path[0] == "error":
        return lambda scope: _error_or_state(scope, path)
    if len(path) == 1 and isinstance(path[0], str):
        key = path[0]
        return lambda scope: scope.state.get(key, MISSING)
    return lambda scope: get(scope.state, path)


def _error_or_state(scope: Scope, path: Path) -> Any:
    """In an error route `$.error` means `error`, where the state has no such key."""
    if "error" not in scope.state and scope.error is not msgspec.UNSET:
        return get(scope.error, path[1:])
    return get(scope.state, path)
