"""Real definitions that other people wrote, run whole by a real engine: which steps ran, and what the state was then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from domain.events import EdgeTaken
from infrastructure.nodes import passwords
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.registry import NodeRegistry
from infrastructure.table_records import Records
from infrastructure.table_store import TableStore
from tests.support.workflows import Ran, engined, problems_of
from tests.workflows.definitions import NAMES, folder, shared


class House:
    """The library with a folder for files and a table store, both new."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.tables = TableStore(folder / "tables.db")

    @property
    def nodes(self) -> NodeRegistry:
        """The registry."""
        return standard_registry(files_root=self.files, tables=self.tables, entry_points=False)

    def run(self, name: str, **state: Any) -> Ran:
        """A real definition, run to its end; `state` replaces keys of its initial state."""
        definition = shared(name)
        definition.setdefault("initialState", {}).update(state)
        return engined(definition, self.nodes)

    def fill(self, table: str, *records: Mapping[str, Any]) -> None:
        """Put records into a table."""
        with self.tables.writing() as connection:
            for record in records:
                Records(connection, table).add(dict(record))

    def table(self, name: str) -> list[dict[str, Any]]:
        """What a table has."""
        with self.tables.reading() as connection:
            return [found.record for found in Records(connection, name).where({})]


@pytest.fixture
def house(tmp_path: Path) -> Any:
    """For one test."""
    made = House(tmp_path)
    yield made
    made.tables.close()


def visits(ran: Ran) -> list[str]:
    """The steps that ran and the edges they took, of an execution that completed."""
    assert ran.execution.status == "completed", ran.execution.failure
    taken = [event for event in ran.events if isinstance(event, EdgeTaken)]
    return [f"{event.address.rpartition('/')[2]} {event.edge or ''}".rstrip() for event in taken]


def logged(ran: Ran) -> Any:
    """The last line that a workflow logged."""
    return ran.state["lastLoggedMessage"]


def test_none_is_left_out() -> None:
    """What stands beside the project is what the tests here run."""
    shared(NAMES[0])
    place = folder()
    assert place is not None
    assert {file.stem for file in place.glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_they_are_valid(house: House, name: str) -> None:
    """All of them, with warnings at most."""
    assert [problem for problem in problems_of(shared(name), house.nodes) if problem.severity == "error"] == []


def test_a_missing_user_is_logged(house: House) -> None:
    """Error-handling-flat: not found is no error, and every step after it runs."""
    ran = house.run("error-handling-flat")
    steps = ["database not_found", "log success", "validateData invalid", "log success", "log success"]
    assert visits(ran) == steps
    assert ran.state["dbRecord"] is None
    assert [problem["field"] for problem in ran.state["validationErrors"]] == ["email", "name"]
    assert logged(ran) == "User  is valid and ready"


def test_a_user_that_is_there_is_checked(house: House) -> None:
    """Error-handling-flat: the record is the data that the validation looks at."""
    house.fill("users", {"id": 123, "name": "Ann", "email": "a@b.cc"})
    ran = house.run("error-handling-flat")
    assert visits(ran) == ["database found", "validateData valid", "log success"]
    assert ran.state["dbRecord"] == {"id": 123, "name": "Ann", "email": "a@b.cc"}
    assert logged(ran) == "User Ann is valid and ready"


def test_a_broken_store_takes_the_error_route(house: House) -> None:
    """Error-handling-flat: the database's error is routed, and is in words."""
    (house.files.parent / "tables.db").write_text("no database " * 100)
    ran = house.run("error-handling-flat")
    assert visits(ran)[:2] == ["database error", "log success"]
    assert "tables.db is not an SQLite database" in repr(ran.events)
    assert str(house.files.parent) not in repr(ran.events)


def test_find_or_create(house: House) -> None:
    """The first run creates the user, the second finds it."""
    created = house.run("find-or-create")
    assert visits(created) == ["database not_found", "database success", "log success"]
    user = created.state["dbInserted"]
    assert user["email"] == "alice@example.com"
    assert created.state["dbRecord"] is None
    assert logged(created) == "Created new user: New User"
    found = house.run("find-or-create")
    assert visits(found) == ["database found", "log success"]
    assert found.state["dbRecord"] == user
    assert logged(found) == "Found existing user: New User"
    assert house.table("users") == [user]


REGISTERED = ["validateData valid", "validateData valid", "database not_found", "auth success", "database success",
              "editFields success", "log success"]  # fmt: skip
TAKEN = ["validateData valid", "validateData valid", "database found", "editFields success", "log success"]


@pytest.mark.parametrize(
    ("name", "says", "refuses"),
    [
        ("user-registration", "User registered successfully: {id}", "Registration failed: Email already registered"),
        ("validation-pipeline", "Registration result: success=true", "Registration result: success=false"),
    ],
)
def test_a_user_registers_once(house: House, name: str, says: str, refuses: str) -> None:
    """Nested or flat: the password is stored as a hash; the second time the e-mail is taken."""
    first = house.run(name)
    assert visits(first) == REGISTERED
    [user] = house.table("users")
    assert first.state["userId"] == user["id"]
    assert first.state["success"] is True
    assert (user["email"], user["name"]) == ("john@example.com", "John Doe")
    assert passwords.matches("secret123", user["password"])
    assert first.state["hashedPassword"] == user["password"]
    assert logged(first) == says.format(id=user["id"])
    second = house.run(name)
    assert visits(second) == TAKEN
    assert (second.state["success"], second.state["error"]) == (False, "Email already registered")
    assert logged(second) == refuses
    assert house.table("users") == [user]


def test_what_auth_and_the_database_record_has_no_password(house: House) -> None:
    """The definition has it in its initial state, and `validateData` hands its input on; from there on it is a hash."""
    ran = house.run("validation-pipeline")
    assert ran.execution.status == "completed"
    events = [event for event in ran.events if "/database" in getattr(event, "address", "")]
    assert any("hashedPassword" in repr(event) for event in events)
    assert "secret123" not in repr(events)
    assert "secret123" not in json.dumps([ran.state[key] for key in ("auth_output", "dbInserted", "hashedPassword")])


def test_a_wrong_address_is_told(house: House) -> None:
    """User-registration: the validation's error is logged, and nobody is registered."""
    ran = house.run("user-registration", input={"email": "john", "password": "x", "name": "John"})
    assert visits(ran) == ["validateData valid", "validateData invalid", "log success"]
    assert "Invalid email format" in logged(ran)
    assert house.table("users") == []


def test_a_missing_field_is_told(house: House) -> None:
    """User-registration: before anything else is looked at."""
    ran = house.run("user-registration", input={"email": "john@example.com"})
    assert visits(ran) == ["validateData invalid", "log success"]
    assert "password" in logged(ran)


def test_a_pipeline_without_a_stop_fails_as_written(house: House) -> None:
    """Validation-pipeline goes on after `invalid`, to an e-mail that is not there."""
    ran = house.run("validation-pipeline", input={"name": "John"})
    assert ran.execution.status == "failed"
    assert ran.error.code == "UNDEFINED_REFERENCE"


EVENTS = (
    {"id": 1, "eventId": "a", "status": "ok", "data": {"x": 1}, "timestamp": 1, "value": 10, "category": "k"},
    {"id": 2, "eventId": "a", "status": "ok", "data": {"x": 2}, "timestamp": 2, "value": 99, "category": "k"},
    {"id": 3, "eventId": "b", "status": "ok", "data": {"x": 3}, "timestamp": 3, "value": 5, "category": "l"},
    {"id": 4, "eventId": "c", "status": "invalid", "data": {"x": 4}, "timestamp": 4, "value": 7, "category": "l"},
    {"id": 5, "eventId": "d", "status": "ok", "data": {}, "timestamp": 5, "value": 8, "category": "l"},
)


def test_etl(house: House) -> None:
    """Of five records one is invalid, one empty and one a repeat; two are summed up."""
    house.fill("raw_events", *EVENTS)
    ran = house.run("etl-pipeline", timestamp="2026-11-22")
    assert visits(ran) == [
        "log success", "database success", "filter passed", "removeDuplicates kept", "sort success", "limit success",
        "summarize success", "editFields success", "log success",
    ]  # fmt: skip
    assert [record["id"] for record in ran.state["dbRecords"]] == [1, 2, 3, 4, 5]
    assert [record["id"] for record in ran.state["sortedItems"]] == [3, 1]
    assert (ran.state["totalValue"], ran.state["eventCount"]) == (15, 2)
    assert (ran.state["pipelineComplete"], ran.state["processedAt"]) == (True, "2026-11-22")
    assert logged(ran) == "ETL complete. Processed 2 events. Total value: 15"


def test_etl_of_nothing(house: House) -> None:
    """An unknown table is empty, which is no error."""
    ran = house.run("etl-pipeline")
    assert visits(ran) == ["log success", "database success", "filter filtered", "log success"]
    assert logged(ran) == "No valid records to process"


def test_etl_without_a_time_fails_as_written(house: House) -> None:
    """It reads `$.timestamp`, which nothing sets."""
    house.fill("raw_events", *EVENTS)
    ran = house.run("etl-pipeline")
    assert ran.execution.status == "failed"
    assert ran.error.code == "UNDEFINED_REFERENCE"
    assert "timestamp" in ran.error.message


def test_data_pipeline(house: House) -> None:
    """Two of three records are active."""
    ran = house.run("data-pipeline")
    steps = ["filter passed", "removeDuplicates kept", "sort success", "summarize success", "log success"]
    assert visits(ran) == steps
    assert ran.state["avgScore"] == 81.5
    assert logged(ran) == "Pipeline complete. Average score: 81.5"


def test_data_pipeline_of_nobody(house: House) -> None:
    """Nothing passes, so nothing after it runs."""
    ran = house.run("data-pipeline", rawData=[])
    assert visits(ran) == ["filter filtered", "log success"]
    assert logged(ran) == "No active records found"


def test_simple_math(house: House) -> None:
    """10 and 20."""
    ran = house.run("simple-math")
    assert visits(ran) == ["math success", "log success"]
    assert (ran.state["mathResult"], logged(ran)) == (30, "Result: 30")


@pytest.mark.parametrize(
    ("role", "edge", "permissions", "level"), [("admin", "true", "all", 10), ("x", "false", "limited", 1)]
)
def test_conditional_branch(house: House, role: str, edge: str, permissions: str, level: int) -> None:
    """Both ways come together again."""
    ran = house.run("conditional-branch", user={"name": "Alice", "role": role})
    assert visits(ran) == [f"logic {edge}", "editFields success", "log success"]
    assert (ran.state["permissions"], ran.state["accessLevel"]) == (permissions, level)
    assert logged(ran) == f"User Alice granted {permissions} permissions"


@pytest.mark.parametrize(
    ("priority", "edge", "queue"), [(9, "critical", "urgent"), (5, "normal", "standard"), (1, "low", "backlog")]
)
def test_multi_switch(house: House, priority: int, edge: str, queue: str) -> None:
    """A JavaScript expression picks the edge."""
    ran = house.run("multi-switch", ticket={"priority": priority})
    assert visits(ran) == [f"switch {edge}", "editFields success", "log success"]
    assert (ran.state["selectedEdge"], ran.state["queue"]) == (edge, queue)
    assert logged(ran) == f"Ticket routed to {queue} queue with {ran.state['sla']} SLA"


def test_loop_counter(house: House) -> None:
    """Five passes over a log and two setters; then once more `false`, which leaves the loop."""
    ran = house.run("loop-counter")
    one_pass = ["logic... true", "log success", "$.index", "$.processed"]
    assert visits(ran) == ["log success", *one_pass * 5, "logic... false", "log success"]
    assert (ran.state["index"], ran.state["processed"]) == (5, 5)
    assert logged(ran) == "Loop complete. Processed 5 items."


@pytest.mark.parametrize(
    ("total", "kind", "edges", "discount", "says"),
    [
        (1500, "premium", ("true", "true"), 20, "Premium high-value order: 20% discount, free shipping"),
        (1500, "new", ("true", "false"), 10, "Standard high-value order: 10% discount"),
        (1000, "premium", ("false", "true"), 5, "Premium regular order: 5% discount"),
        (1, "new", ("false", "false"), 0, "Standard order: no discount, standard shipping"),
    ],
)
def test_decision_tree(house: House, total: int, kind: str, edges: tuple[str, str], discount: int, says: str) -> None:
    """Every leaf."""
    ran = house.run("decision-tree", order={"total": total, "customerType": kind})
    assert visits(ran) == [f"logic {edges[0]}", f"logic {edges[1]}", "editFields success", "log success"]
    assert (ran.state["discount"], logged(ran)) == (discount, says)


def test_aggregate_examples(house: House) -> None:
    """None of its steps has items: nothing is aggregated nine times (the last logs that), and then the mode is wrong."""
    ran = house.run("aggregate-examples")
    assert visits(ran) == [
        *["aggregate empty"] * 9, "log success", "aggregate error", "log success", "log success",
    ]  # fmt: skip
    assert (ran.state["aggregatedData"], ran.state["itemCount"]) == (None, None)
    assert ran.state["aggregate_output"]["code"] == "INVALID_PARAMETER"
    assert logged(ran) == "All AggregateNode examples completed!"


def test_extract_text_examples(house: House) -> None:
    """Its first `success?` is the name of the last step, so two steps run."""
    ran = house.run("extract-text-examples")
    assert visits(ran) == ["extractText success", "log success"]
    assert ran.state["allEmails"] == ["support@example.com", "sales@example.com", "ceo@example.com"]
    assert "primaryEmail" not in ran.state
    assert logged(ran) == "All text extractions completed successfully!"


def test_file_processing(house: House) -> None:
    """Read, parsed, filtered, and written again."""
    source = house.files / "data/input.json"
    source.parent.mkdir(parents=True)
    source.write_text('[{"valid": true, "n": 1}, {"valid": false, "n": 2}]')
    ran = house.run("file-processing-flat")
    assert visits(ran) == [
        "filesystem success", "transform success", "filter passed", "transform success", "filesystem success",
        "log success",
    ]  # fmt: skip
    assert json.loads((house.files / "data/output.json").read_text()) == [{"valid": True, "n": 1}]
    assert logged(ran) == "Processed and saved to /data/output.json"


def test_file_processing_of_no_file_fails_as_written(house: House) -> None:
    """It goes on after `not_exists`, to a filter that has no list."""
    house.files.mkdir()
    ran = house.run("file-processing-flat")
    assert ran.execution.status == "failed"
    assert ran.error.code == "INVALID_PARAMETER"
