"""Fields of items, as the parameters of list nodes name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from domain.paths import MISSING, Path, get, parse_field
from infrastructure.nodes.allowance import MAX_FIELDS, check_lookups
from infrastructure.nodes.base import invalid, shown


class Field(NamedTuple):
    """A field under the name that it was written with."""

    name: str
    path: Path

    def of(self, item: Any) -> Any:
        """What an item has there, or MISSING."""
        return get(item, self.path)

    def column(self, items: Sequence[Any]) -> list[Any]:
        """What each item has there, or MISSING."""
        return [get(item, self.path) for item in items]


def field(name: Any, where: str, *, literal: bool = False) -> Field:
    """The field of that name; `literal` takes the name as one key. Raises `INVALID_PARAMETER` with `where` it stands."""
    if not isinstance(name, str) or not name:
        raise invalid(f"{where} needs the name of a field, not {shown(name)}", parameter=where)
    try:
        return Field(name, (name,) if literal else parse_field(name))
    except ValueError as error:
        raise invalid(f"{where}: {error}", parameter=where) from error


def fields(names: Any, where: str, *, literal: bool = False, empty: bool = False) -> list[Field]:
    """The fields of a list of names, of which there is at least one unless it may be `empty`."""
    return [
        field(name, f"{where}[{place}]", literal=literal)
        for place, name in enumerate(listed(names, where, empty=empty))
    ]


def objects(entries: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    """(where it stands, the entry) of each object in a list that has at least one."""
    found = []
    for place, entry in enumerate(listed(entries, where)):
        if not isinstance(entry, dict):
            raise invalid(f"{where}[{place}] is an object, not {shown(entry)}", parameter=f"{where}[{place}]")
        found.append((f"{where}[{place}]", entry))
    return found


def listed(entries: Any, where: str, *, empty: bool = False) -> list[Any]:
    """A list of at most MAX_FIELDS entries, and at least one unless it may be `empty`; else `INVALID_PARAMETER`."""
    if not isinstance(entries, list) or not (entries or empty):
        raise invalid(f"{where} is a list with at least one entry, not {shown(entries)}", parameter=where)
    if len(entries) > MAX_FIELDS:
        raise invalid(f"{where} has {len(entries)} entries; at most {MAX_FIELDS} are taken", parameter=where)
    return entries


def check_work(items: Sequence[Any], read: Iterable[Field]) -> None:
    """Raise `WORK_LIMIT` when reading these fields in these items is too much for one visit."""
    check_lookups(len(items), sum(len(each.path) for each in read))


def only(item: Any, kept: Sequence[Field]) -> Any:
    """An object with just these fields of an object, at their places; one inside a list stands under its name."""
    if not isinstance(item, dict):
        return item
    result: dict[str, Any] = {}
    for each in kept:
        value = each.of(item)
        if value is not MISSING:
            _set(result, each, value)
    return result


def _set(result: dict[str, Any], target: Field, value: Any) -> None:
    """Objects on the way are made, or copied: they may be a value of the item itself, kept under a shorter path."""
    if any(isinstance(key, int) for key in target.path):
        result[target.name] = value
        return
    for key in target.path[:-1]:
        inner = result.get(str(key))
        result[str(key)] = dict(inner) if isinstance(inner, dict) else {}
        result = result[str(key)]
    result[str(target.path[-1])] = value


def without(item: Any, path: Path) -> Any:
    """The value without what the path finds in it; itself where there is nothing. Copies only what lies on the way."""
    if get(item, path) is MISSING or not isinstance(item, dict | list):
        return item
    copied: Any = item.copy()
    key: Any = path[0]
    if len(path) > 1:
        copied[key] = without(copied[key], path[1:])
    elif not isinstance(key, str) or isinstance(copied, dict):  # a list has a length, which can't be taken from it
        del copied[key]
    return copied
