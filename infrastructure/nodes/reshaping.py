"""Objects in another shape: flat, nested, with fewer keys or with others. Sources are never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

from domain.json import MAX_DEPTH
from infrastructure.nodes.allowance import Allowance
from infrastructure.nodes.base import invalid

JsonObject = dict[str, Any]


def everywhere(reshape: Callable[[JsonObject], JsonObject], value: Any) -> Any:
    """Every object in the value reshaped, those inside lists and inside objects too, from the inside out."""
    if isinstance(value, list):
        return [everywhere(reshape, each) for each in value]
    if isinstance(value, dict):
        return reshape({key: everywhere(reshape, each) for key, each in value.items()})
    return value


def flatten(value: JsonObject, separator: str, depth: int | None, *, into_lists: bool) -> JsonObject:
    """One level of joined keys, of at most `depth` parts. Lists and empty objects are values.

    `into_lists` flattens the objects inside lists too. Raises `INVALID_PARAMETER` where two keys become one.
    """
    return _Flattening(separator, depth, Allowance(), into_lists=into_lists).flat(value)


class _Flattening:
    """One flattening and what it may still make: keys are joined from outer ones, which short data can repeat often."""

    def __init__(self, separator: str, depth: int | None, allowance: Allowance, *, into_lists: bool) -> None:
        self.separator = separator
        self.depth = depth
        self.allowance = allowance
        self.into_lists = into_lists

    def flat(self, value: JsonObject) -> JsonObject:
        result: JsonObject = {}
        for key, each in self.leaves(value, "", 1):
            _add(result, key, each)
        return result

    def leaves(self, value: JsonObject, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
        for key, each in value.items():
            joined = f"{prefix}{key}"
            self.allowance.spend(len(joined))
            if isinstance(each, dict) and each and (self.depth is None or depth < self.depth):
                yield from self.leaves(each, f"{joined}{self.separator}", depth + 1)
            else:
                yield joined, self.inside(each) if self.into_lists else each

    def inside(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [self.flat(each) if isinstance(each, dict) else self.inside(each) for each in value]


def unflatten(value: JsonObject, separator: str, depth: int | None) -> JsonObject:
    """Keys taken apart at the separator into at most `depth` parts. Raises `INVALID_PARAMETER` where two don't fit."""
    result: JsonObject = {}
    made: set[int] = {id(result)}  # objects of our own; all others belong to the source and are copied first
    for key, each in value.items():
        parts = key.split(separator) if depth is None else key.split(separator, depth - 1)
        if len(parts) >= MAX_DEPTH:
            raise invalid(f"a key has {len(parts)} parts; objects nest at most {MAX_DEPTH} deep", parameter="separator")
        inner = result
        for part in parts[:-1]:
            inner = _entered(inner, part, made, key)
        last = parts[-1]
        if isinstance(inner.get(last), dict) and isinstance(each, dict):
            inner = _entered(inner, last, made, key)
            for name, own in each.items():
                _add(inner, name, own)
        else:
            _add(inner, last, each)
    return result


def _entered(holder: JsonObject, key: str, made: set[int], whole: str) -> JsonObject:
    inner = holder.setdefault(key, {})
    if not isinstance(inner, dict):
        raise invalid(f"the key {whole!r} goes into {key!r}, which has a value of its own", parameter="data")
    if id(inner) not in made:
        inner = holder[key] = dict(inner)
        made.add(id(inner))
    return inner


def pick(value: JsonObject, ranks: Mapping[str, int]) -> JsonObject:
    """Just these keys, in the order of their ranks; those that are not there are left out.

    Goes over the object's keys, not over the wanted ones: there may be many small objects, and many keys to look for.
    """
    return {key: value[key] for key in sorted(value.keys() & ranks.keys(), key=ranks.__getitem__)}


def omit(value: JsonObject, keys: Set[str]) -> JsonObject:
    """All but these keys."""
    return {key: each for key, each in value.items() if key not in keys}


def rename(value: JsonObject, names: Mapping[str, str], allowance: Allowance) -> JsonObject:
    """The same values under new names, all at once. Raises `INVALID_PARAMETER` where two get the same."""
    result: JsonObject = {}
    for key, each in value.items():
        name = names.get(key, key)
        allowance.spend(len(name))
        _add(result, name, each)
    return result


def _add(result: JsonObject, key: str, value: Any) -> None:
    if key in result:
        raise invalid(f"two values would be called {key!r}, and one would be lost", parameter="data")
    result[key] = value
