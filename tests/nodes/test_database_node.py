"""`database`: records that are found, changed and kept."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infrastructure.nodes import allowance, selections
from infrastructure.nodes.database import Database
from infrastructure.table_store import TableStore
from tests.support.nodes import NOON, Visit, run

AT = "2026-11-22T12:00:00.000000Z"
LATER = "2026-11-22T13:00:00.000000Z"
KEYS = count()


class Table:
    """The table `people` as a workflow sees it; every visit is one of its own."""

    def __init__(self, store: TableStore) -> None:
        self.node = Database(store)

    def __call__(self, operation: str, *, key: str = "", state: dict[str, Any] | None = None, **config: Any) -> Visit:
        """One visit, at noon; of changes of what is there, an hour later."""
        now = NOON + timedelta(hours=1) if operation in ("update", "upsert") else NOON
        full = {"operation": operation, "table": "people", **config}
        return run(self.node, full, key=key or f"visit {next(KEYS)}", now=now, state=state)

    def names(self, operation: str = "list", **config: Any) -> list[Any]:
        """The names of the records that an operation gives."""
        return [record.get("name") for record in self(operation, **config).data["records"]]


@pytest.fixture
def people() -> Any:
    """Three people in memory."""
    store = TableStore()
    table = Table(store)
    table("insert", data={"id": 1, "name": "Ann", "age": 30, "home": {"city": "Ulm"}})
    table("insert", data={"id": "b", "name": "bob", "age": "25", "home": {"city": "Bonn"}, "vip": True})
    table("insert", data={"id": 3, "name": "Cid", "age": None, "tags": ["x"]})
    yield table
    store.close()


def test_insert_makes_an_id_and_times() -> None:
    """The whole record is in the state and on the edge."""
    visit = Table(TableStore())("insert", data={"name": "Ann"})
    record = visit.state["dbInserted"]
    assert visit.edge == "success"
    assert record == {"name": "Ann", "id": record["id"], "createdAt": AT, "updatedAt": AT}
    assert isinstance(record["id"], str)
    assert len(record["id"]) == 32
    assert visit.data == {"record": record, "items": [record], "records": [record], "count": 1, "table": "people"}
    assert set(visit.state) == {"dbInserted"}


def test_an_own_id_and_creation_time_stay() -> None:
    """What is brought from elsewhere keeps its age."""
    visit = Table(TableStore())("insert", data={"id": 7, "createdAt": "2020-01-01"})
    assert visit.state["dbInserted"] == {"id": 7, "createdAt": "2020-01-01", "updatedAt": AT}


@pytest.mark.parametrize(("first", "second", "taken"), [
    (1, 1, True), (1, 1.0, True), (1, "1", True), ("1", 1, True), ("a", "a", True), ("a" * 300, "a" * 300, True),
    ("1", "1.0", False), ("a", "A", False), (1, 2, False), ("a" * 300, "a" * 299 + "b", False),
])  # fmt: skip
def test_a_taken_id_is_a_conflict(first: Any, second: Any, taken: bool) -> None:
    """As JSON values compare; nothing is changed then."""
    table = Table(TableStore())
    table("insert", data={"id": first, "name": "first"})
    visit = table("insert", data={"id": second, "name": "second"}, state={"dbInserted": "old"})
    if taken:
        assert visit.code == "CONFLICT"
        assert visit.state == {"dbInserted": None}
        assert table.names() == ["first"]
    else:
        assert table.names() == ["first", "second"]


def test_a_second_attempt_is_the_same_record(tmp_path: Path) -> None:
    """After a crash, in a new process: with the outcome of the first, though the record was changed since."""
    path = tmp_path / "tables.db"
    for own in ({}, {"id": "mine"}):
        data = {"name": "Ann", **own}
        first = Table(TableStore(path))("insert", key=f"visit {own}", data=data)
        Table(TableStore(path))("update", data={"name": "Eve"}, query={"id": first.data["record"]["id"]})
        again = Table(TableStore(path))("insert", key=f"visit {own}", data=data)
        assert again.answer == first.answer
        assert again.state == first.state
    assert Table(TableStore(path)).names() == ["Eve", "Eve"]


def test_a_second_attempt_is_known_by_its_id_when_its_outcome_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The id comes from the visit, so however late it is, there is no second record."""
    monkeypatch.setattr("infrastructure.table_store.KEPT_OUTCOMES", 1)
    table = Table(TableStore())
    first = table("insert", key="visit", data={"name": "Ann"})
    table("insert", data={"name": "Bob"})
    assert table("insert", key="visit", data={"name": "Ann"}).answer == first.answer
    assert table.names() == ["Ann", "Bob"]


@pytest.mark.parametrize(
    ("operation", "config"),
    [
        ("update", {"query": {"age": 30}, "data": {"age": 31}}),
        ("delete", {"query": {"age": 30}}),
        ("upsert", {"query": {"name": "Dan"}, "data": {"age": 1}}),
        ("createMany", {"data": [{"name": "D"}, {"name": "E"}]}),
    ],
)
def test_a_second_attempt_takes_the_same_edge(people: Table, operation: str, config: dict[str, Any]) -> None:
    """Though what it looked for is changed or gone by then."""
    first = people(operation, key="visit", **config)
    before = people("list").data
    assert people(operation, key="visit", **config).answer == first.answer
    assert people("list").data == before


def test_threads_with_one_key_make_one_record() -> None:
    """A first attempt that was left behind, and the second."""
    table = Table(TableStore())
    visits: list[Visit] = []

    def attempt() -> None:
        visits.append(table("insert", key="visit", data={"name": "Ann"}))

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [visit.edge for visit in visits] == ["success", "success"]
    assert visits[0].answer == visits[1].answer
    assert table("count").data["count"] == 1


def test_of_two_threads_that_insert_one_id_one_conflicts() -> None:
    """Whichever is first."""
    table = Table(TableStore())
    visits: list[Visit] = []
    threads = [threading.Thread(target=lambda: visits.append(table("insert", data={"id": 1}))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(visit.edge for visit in visits) == ["error", "error", "error", "success"]
    assert {visit.code for visit in visits if visit.edge == "error"} == {"CONFLICT"}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"query": {"name": "bob"}}, "bob"),
        ({"query": {"id": "1"}}, "Ann"),
        ({"query": {"id": 1.0}}, "Ann"),
        ({"data": {"id": "b"}}, "bob"),
        ({"query": {"age": 25}}, "bob"),
        ({"query": {"home.city": "Ulm"}}, "Ann"),
        ({"query": {"home": {"city": "Ulm"}}}, "Ann"),
        ({"query": {"age": None}}, "Cid"),
        ({"query": {"tags": ["x"]}}, "Cid"),
        ({"query": {"tags[0]": "x"}}, "Cid"),
        ({"query": {"vip": True, "name": "bob"}}, "bob"),
        ({"where": [{"field": "age", "operation": "gt", "value": 26}]}, "Ann"),
        ({"where": [{"field": "home.city", "operation": "startsWith", "value": "B"}]}, "bob"),
        ({"query": {"vip": True}, "where": [{"field": "age", "operation": "gt", "value": 26}]}, None),
        ({"query": {"name": "BOB"}}, None),
        ({"query": {"vip": 1}}, None),
        ({"query": {"name": "bob", "age": 30}}, None),
        ({"query": {"missing": None}}, None),
        ({}, "Ann"),
        ({"orderBy": {"fieldName": "name", "order": "desc"}}, "Cid"),
        ({"offset": 1}, "bob"),
    ],
)
def test_find(people: Table, config: dict[str, Any], name: str | None) -> None:
    """By equal fields, by conditions, or both; the first that matches."""
    visit = people("find", **config)
    if name is None:
        assert visit.edge == "not_found"
        assert visit.data == {"table": "people", "query": config.get("query", {})}
        assert visit.state == {"dbRecord": None}
    else:
        record = visit.state["dbRecord"]
        assert visit.edge == "found"
        assert record["name"] == name
        assert visit.data == {"record": record, "data": record, "count": 1, "table": "people"}


def test_find_many(people: Table) -> None:
    """Its list feeds the next list node; none is `not_found`."""
    visit = people("findMany", query={"age": 25})
    assert visit.edge == "found"
    records = visit.state["dbRecords"]
    assert [record["name"] for record in records] == ["bob"]
    assert visit.data == {"records": records, "items": records, "count": 1, "table": "people"}
    nobody = people("findMany", query={"age": 99})
    assert (nobody.edge, nobody.state) == ("not_found", {"dbRecords": None})


def test_list_and_count(people: Table) -> None:
    """Both are `success` with whatever there is."""
    listed = people("list")
    assert listed.edge == "success"
    assert listed.state == {"dbRecords": listed.data["items"]}
    assert people.names() == ["Ann", "bob", "Cid"]
    counted = people("count", where=[{"field": "age", "operation": "exists"}], limit=1)
    assert counted.edge == "success"
    assert counted.data == {"record": None, "items": [], "records": [], "count": 2, "table": "people"}
    assert counted.state == {}


def test_an_unknown_table_is_empty(people: Table) -> None:
    """Nothing has to be made before it is asked."""
    assert people("find", table="nobody").edge == "not_found"
    assert people("list", table="nobody").data["items"] == []
    assert people("count", table="People").data["count"] == 0
    assert people("delete", table="nobody", query={"id": 1}).edge == "not_found"


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"orderBy": "name"}, ["Ann", "bob", "Cid"]),
        ({"orderBy": {"fieldName": "name", "order": "descending"}}, ["Cid", "bob", "Ann"]),
        ({"orderBy": "age"}, ["bob", "Ann", "Cid"]),
        ({"orderBy": [{"field": "age", "order": "desc"}]}, ["Ann", "bob", "Cid"]),
        ({"orderBy": ["vip", {"fieldName": "name", "order": "desc"}]}, ["bob", "Cid", "Ann"]),
        ({"orderBy": "home.city", "limit": 1}, ["bob"]),
        ({"orderBy": "name", "limit": 2, "offset": 1}, ["bob", "Cid"]),
        ({"limit": 0}, []),
        ({"offset": 5}, []),
    ],
)
def test_order_and_pages(people: Table, config: dict[str, Any], names: list[str]) -> None:
    """Numbers before texts without case; null and missing last either way; else the order of insertion."""
    assert people.names(**config) == names


def test_create_many_is_all_or_nothing(people: Table) -> None:
    """A list of new records, with ids of their own."""
    visit = people("createMany", data=[{"name": "D"}, {"name": "E"}])
    assert visit.state["dbInserted"] == visit.data["records"]
    assert len({record["id"] for record in visit.data["records"]}) == 2
    failed = people("createMany", data=[{"name": "F"}, {"id": 1}])
    assert failed.code == "CONFLICT"
    assert people.names() == ["Ann", "bob", "Cid", "D", "E"]
    assert people("createMany", data=[]).data["count"] == 0


def test_update(people: Table) -> None:
    """Lays fields over; id and birth stay; by query, where or data.id."""
    visit = people("update", query={"name": "Ann"}, data={"age": 31, "createdAt": "x"})
    record = {"id": 1, "name": "Ann", "age": 31, "home": {"city": "Ulm"}, "createdAt": AT, "updatedAt": LATER}
    assert visit.edge == "success"
    assert visit.data == {"record": record, "items": [record], "records": [record], "count": 1, "table": "people"}
    assert visit.state == {"dbUpdated": {"table": "people", "id": 1, "count": 1}}
    assert people("update", data={"id": "1", "age": 32}).data["record"]["id"] == 1
    assert people("find", query={"age": 31}).edge == "not_found"
    assert people("find", query={"age": 32}).edge == "found"
    assert people("update", where=[{"field": "name", "operation": "exists"}], data={"x": 1}).data["count"] == 3
    nobody = people("update", query={"name": "Zoe"}, data={"x": 1})
    assert (nobody.edge, nobody.state) == ("not_found", {"dbUpdated": None})


def test_upsert(people: Table) -> None:
    """Updates what is there; else inserts, with what was asked for, so that it is found the next time."""
    changed = people("upsert", query={"name": "Ann"}, data={"age": 31})
    assert changed.state == {"dbInserted": None, "dbUpdated": {"table": "people", "id": 1, "count": 1}}
    made = people("upsert", query={"name": "Dan", "home.city": "Köln"}, data={"age": 5}, state={"dbUpdated": "old"})
    record = made.state["dbInserted"]
    assert record["home"] == {"city": "Köln"}
    assert (record["name"], record["age"], made.state["dbUpdated"]) == ("Dan", 5, None)
    again = people("upsert", query={"name": "Dan", "home.city": "Köln"}, data={"age": 6})
    assert again.state["dbUpdated"]["id"] == record["id"]
    by_id = people("upsert", data={"id": "new", "name": "Eva"})
    assert by_id.state["dbInserted"]["id"] == "new"
    assert people("upsert", data={"id": "new", "name": "Eve"}).state["dbUpdated"]["count"] == 1
    assert people("upsert", data={"name": "Fay"}).state["dbInserted"]["name"] == "Fay"
    assert people.names() == ["Ann", "bob", "Cid", "Dan", "Eve", "Fay"]


def test_delete(people: Table) -> None:
    """What is gone is not found again, by no field."""
    visit = people("delete", data={"id": "b"})
    assert visit.edge == "success"
    assert visit.data["record"]["name"] == "bob"
    assert visit.state == {"dbDeleted": {"table": "people", "id": "b", "count": 1}}
    assert people("find", query={"name": "bob"}).edge == "not_found"
    again = people("delete", query={"id": "b"})
    assert (again.edge, again.state) == ("not_found", {"dbDeleted": None})
    assert people("delete", where=[{"field": "id", "operation": "exists"}], limit=1).data["count"] == 1
    assert people.names() == ["Cid"]
    assert people("insert", data={"id": "b"}).edge == "success"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"operation": "drop"}, "find, findMany, list, count"),
        ({"operation": "find", "table": "no-such"}, "letters, digits and _"),
        ({"operation": "find", "table": ""}, "letters, digits and _"),
        ({"operation": "find", "table": "a" * 65}, "1 to 64"),
        ({"operation": "find", "table": "a\n"}, "letters, digits and _"),
        ({"operation": "find", "table": 5}, "table is a string"),
        ({"operation": "insert"}, "insert needs the parameter data"),
        ({"operation": "insert", "data": [{}]}, "createMany"),
        ({"operation": "insert", "data": "x"}, "data is an object or an array"),
        ({"operation": "insert", "data": {"id": True}}, "a text or a number"),
        ({"operation": "insert", "data": {"id": ""}}, "a text or a number"),
        ({"operation": "insert", "data": {"id": [1]}}, "a text or a number"),
        ({"operation": "createMany", "data": [{}, 1]}, "data[1]"),
        ({"operation": "update", "data": {"x": 1}}, "needs query, where or data.id"),
        ({"operation": "update", "data": {"x": 1}, "query": {}}, "needs query, where or data.id"),
        ({"operation": "update", "query": {"id": 1}}, "update needs the parameter data"),
        ({"operation": "update", "query": {"id": 1}, "data": {"id": 2}}, "two different records"),
        ({"operation": "delete"}, "needs query, where or data.id"),
        ({"operation": "find", "query": [1]}, "query is an object"),
        ({"operation": "find", "query": {"a..b": 1}}, "query"),
        ({"operation": "find", "where": []}, "at least one condition"),
        ({"operation": "find", "where": [{"field": "a", "operation": "like", "value": 1}]}, "where[0].operation"),
        ({"operation": "list", "limit": -1}, "limit is at least 0"),
        ({"operation": "list", "offset": -1}, "offset is at least 0"),
        ({"operation": "list", "orderBy": []}, "orderBy"),
        ({"operation": "list", "orderBy": {"order": "asc"}}, "fieldName"),
        ({"operation": "list", "orderBy": {"fieldName": "a", "order": "up"}}, "ascending"),
    ],
)
def test_bad_input_is_an_error_with_null_results(people: Table, config: dict[str, Any], says: str) -> None:
    """And touches nothing."""
    visit = run(people.node, {"table": "people", **config})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert set(visit.state.values()) <= {None}
    assert set(visit.state) == set(people.node.result_keys(config))
    assert people.names() == ["Ann", "bob", "Cid"]


def test_what_is_too_large_is_refused(people: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records, lists of them, and what one visit gives."""
    assert people("insert", data={"x": "y" * 1_048_576}).code == "RECORD_TOO_LARGE"
    assert people("insert", data={str(n): n for n in range(1_001)}).code == "RECORD_TOO_LARGE"
    monkeypatch.setattr(selections, "MAX_RECORDS", 2)
    for visit in (people("list"), people("list", limit=3)):
        assert visit.code == "TOO_MANY_RECORDS"
        assert "limit" in visit.data["message"]
    assert people.names(limit=2) == ["Ann", "bob"]
    assert people.names(offset=1) == ["bob", "Cid"]
    monkeypatch.setattr(selections, "MAX_ORDERED", 2)
    assert people("list", orderBy="name", limit=1).code == "TOO_MANY_RECORDS"
    monkeypatch.setattr(allowance, "MAX_RESULT", 50)
    assert people("find").code == "RESULT_LIMIT"


def test_without_a_store_it_says_so() -> None:
    """A registry of the library alone has none."""
    visit = run(Database(), {"operation": "find", "table": "t"})
    assert visit.code == "TABLES_NOT_CONFIGURED"
    assert visit.state == {"dbRecord": None}


def test_a_store_that_fails_is_an_error_to_retry(tmp_path: Path) -> None:
    """Recoverable: the disk may come back."""
    (tmp_path / "tables.db").write_text("no database" * 200)
    visit = run(Database(TableStore(tmp_path / "tables.db")), {"operation": "insert", "table": "t", "data": {}})
    assert visit.code == "TABLES_DAMAGED"
    assert visit.data["recoverable"] is True
    assert str(tmp_path) not in str(visit.data)
    assert visit.state == {"dbInserted": None}


@pytest.mark.parametrize(
    ("operation", "effect"),
    [("find", "reads"), ("findMany", "reads"), ("list", "reads"), ("count", "reads"), ("insert", "writes"),
     ("createMany", "writes"), ("update", "writes"), ("upsert", "writes"), ("delete", "writes"), ("no", "writes")],
)  # fmt: skip
def test_effect_by_operation(operation: str, effect: str) -> None:
    """What reads may be asked again."""
    assert Database().effect({"operation": operation}) == effect


def test_state_keys_by_operation() -> None:
    """Known when the operation is a literal."""
    assert Database().state_keys({"operation": "count"}) == frozenset()
    assert Database().state_keys({"operation": "upsert"}) == frozenset({"dbInserted", "dbUpdated"})
    assert Database().state_keys({}) == frozenset({"dbRecord", "dbRecords", "dbInserted", "dbUpdated", "dbDeleted"})
