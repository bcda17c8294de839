"""Which records of a table are meant: by equal fields, by conditions, in which order and how many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from domain.comparison import equal, number
from domain.errors import ErrorInfo, StepFailure
from domain.paths import MISSING
from infrastructure.nodes.allowance import Allowance
from infrastructure.nodes.base import invalid, shown
from infrastructure.nodes.companions import whole
from infrastructure.nodes.conditions import Test, compile_conditions
from infrastructure.nodes.fields import Field, field, listed
from infrastructure.table_records import Found, Records

MAX_RECORDS: Final = 10_000
"""Records that one operation gives or changes."""
MAX_ORDERED: Final = 100_000
"""Records that are put in order to give some of them."""
_DESCENDING: Final = {"ascending": False, "asc": False, "descending": True, "desc": True}

Order = tuple[Field, bool]
"""A field, and whether the largest comes first."""


class Selection(NamedTuple):
    """What `query`, `data.id`, `where`, `orderBy`, `offset` and `limit` ask for. All of them have to hold."""

    query: dict[str, Any]
    """Fields as written, and the values they equal."""
    test: Test | None
    orders: list[Order]
    offset: int
    limit: int | None

    @property
    def narrows(self) -> bool:
        """Whether anything says which records are meant."""
        return bool(self.query) or self.test is not None

    def of(self, records: Records) -> list[Found]:
        """The records, in order. Raises `TOO_MANY_RECORDS` and `RESULT_LIMIT` for more than one visit may hold."""
        most = MAX_RECORDS + 1 if self.limit is None else min(self.limit, MAX_RECORDS + 1)
        chosen = list(islice(self._ordered(self.matches(records)), self.offset, self.offset + most))
        if len(chosen) > MAX_RECORDS:
            raise _too_many(f"more than {MAX_RECORDS:,} records match")
        allowance = Allowance()
        for each in chosen:
            allowance.made(each.record)
        return chosen

    def matches(self, records: Records) -> Iterator[Found]:
        """All records that are meant, in the order of insertion."""
        equalities = {field(name, "query").path: value for name, value in self.query.items()}
        test = self.test
        found = records.where(equalities)
        return found if test is None else (each for each in found if test(each.record))

    def _ordered(self, found: Iterator[Found]) -> Iterator[Found]:
        if not self.orders:
            return found
        every = list(islice(found, MAX_ORDERED + 1))
        if len(every) > MAX_ORDERED:
            raise _too_many(f"more than {MAX_ORDERED:,} records would have to be put in order")
        for by, descending in reversed(self.orders):
            ranked = [(_rank(by.of(each.record)), each) for each in every]
            present = [pair for pair in ranked if pair[0] is not None]
            present.sort(key=lambda pair: pair[0] or (), reverse=descending)
            every = [each for _, each in present] + [each for rank, each in ranked if rank is None]
        return iter(every)


def selection_of(config: Mapping[str, Any]) -> Selection:
    """The selection of the parameters. Raises `INVALID_PARAMETER`."""
    data = config.get("data")
    query = {"id": data["id"]} if isinstance(data, dict) and data.get("id") is not None else {}
    for name, value in config.get("query", {}).items():
        field(name, "query")
        if name == "id" and query and not equal(value, query["id"]):
            raise invalid("query.id and data.id name two different records", parameter="query.id")
        query[name] = value
    where = config.get("where")
    return Selection(
        query=query,
        test=None if where is None else compile_conditions(where, where="where"),
        orders=_orders(config["orderBy"]) if "orderBy" in config else [],
        offset=whole(config, "offset", least=0),
        limit=whole(config, "limit", least=0) if "limit" in config else None,
    )


def _orders(written: Any) -> list[Order]:
    entries = written if isinstance(written, list) else [written]
    return [_order(entry, f"orderBy[{place}]") for place, entry in enumerate(listed(entries, "orderBy"))]


def _order(entry: Any, where: str) -> Order:
    if not isinstance(entry, dict):
        return field(entry, where), False
    order = entry.get("order", "ascending")
    if not isinstance(order, str) or order not in _DESCENDING:
        raise invalid(f"{where}.order can't be {shown(order)}", parameter=f"{where}.order", allowed=_DESCENDING)
    return field(entry.get("fieldName", entry.get("field")), f"{where}.fieldName"), _DESCENDING[order]


def _rank(value: Any) -> tuple[int, Any] | None:
    """Numbers before texts before all that has no order; None for null and missing, which stay behind either way.

    Texts count without their case; a numeric text stands among the numbers.
    """
    if value is MISSING or value is None:
        return None
    written = number(value)
    if written is not None:
        return 0, written
    return (1, value.casefold()) if isinstance(value, str) else (2, 0)


def _too_many(what: str) -> StepFailure:
    message = f"{what}: narrow them down with query or where, or take fewer at a time with limit"
    return StepFailure(ErrorInfo(code="TOO_MANY_RECORDS", message=message))
