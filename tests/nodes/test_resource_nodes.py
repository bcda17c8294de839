"""`resource-write`, `resource-read`, `resource-list` and `resource-interpolate`."""

from __future__ import annotations

import base64
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infrastructure.nodes import resource_write
from infrastructure.nodes.resource_interpolate import ResourceInterpolate
from infrastructure.nodes.resource_list import ResourceList
from infrastructure.nodes.resource_read import ResourceRead
from infrastructure.nodes.resource_write import ResourceWrite
from infrastructure.table_store import TableStore
from tests.support.nodes import NOON, Visit, run

AT = "2026-11-22T12:00:00.000000Z"
KEYS = count()


class Resources:
    """The four nodes on one store; every visit is one of its own, a minute after the one before."""

    def __init__(self, store: TableStore) -> None:
        self.store = store
        self.minutes = count()

    def write(self, path: str = "a/b.txt", content: Any = "hello", *, key: str = "", **config: Any) -> Visit:
        """A write at the next minute."""
        full = {"path": path, "content": content, **config}
        now = NOON + timedelta(minutes=next(self.minutes))
        return run(
            ResourceWrite(self.store),
            {name: value for name, value in full.items() if value != "-"},
            key=key or f"visit {next(KEYS)}",
            now=now,
            state={"writtenResource": "old"},
        )

    def read(self, **config: Any) -> Visit:
        """A read."""
        return run(ResourceRead(self.store), config, state={"resourceContent": "old"})

    def list(self, **config: Any) -> Visit:
        """A list."""
        return run(ResourceList(self.store), config)

    def fill(self, text: str, *, state: dict[str, Any] | None = None, **config: Any) -> Visit:
        """The text, stored and filled in."""
        self.write("template", text)
        return run(ResourceInterpolate(self.store), {"path": "template", **config}, state=state)


@pytest.fixture
def resources() -> Any:
    """On a store in memory."""
    store = TableStore()
    yield Resources(store)
    store.close()


def test_a_written_resource_is_read_again(resources: Resources) -> None:
    """With everything that is known about it."""
    written = resources.write("/docs//a.md", "häl", name="A", description="d", tags=["x"], isPublic=True, type="prompt")
    about = written.data["resource"]
    assert written.edge == "created"
    assert about == {
        "id": about["id"], "name": "A", "path": "docs/a.md", "type": "prompt", "mimeType": "text/markdown", "size": 4,
        "checksum": sha256("häl".encode()).hexdigest(), "tags": ["x"], "description": "d", "isPublic": True,
        "authorType": "workflow", "createdAt": AT, "updatedAt": AT,
    }  # fmt: skip
    assert written.data == {"resource": about, "resourceId": about["id"], "previousChecksum": None}
    assert written.state == {"writtenResource": about, "writtenResourceId": about["id"]}
    for named in ({"path": "docs/a.md"}, {"path": "/docs/a.md"}, {"resourceId": about["id"]}):
        visit = resources.read(**named)
        assert visit.edge == "success"
        assert visit.data == {"content": "häl", "resource": about, "mimeType": "text/markdown", "size": 4}
        assert visit.state == {"resourceContent": "häl", "resourceMetadata": about}


def test_an_update_keeps_what_it_does_not_name(resources: Resources) -> None:
    """Id, birth, and the texts about it; the checksum before is on the edge."""
    first = resources.write(tags=["x"], description="d", name="N").data["resource"]
    visit = resources.write(content={"a": 1}, description="e")
    about = visit.data["resource"]
    assert visit.edge == "updated"
    assert visit.data["previousChecksum"] == first["checksum"]
    assert (about["id"], about["createdAt"], about["tags"], about["name"]) == (first["id"], AT, ["x"], "N")
    assert (about["description"], about["updatedAt"]) == ("e", "2026-11-22T12:01:00.000000Z")
    assert resources.read(path="a/b.txt").data["content"] == '{"a":1}'
    by_id = resources.write("-", "new", mode="update", resourceId=first["id"])
    assert by_id.edge == "updated"
    assert resources.read(path="a/b.txt").data["content"] == "new"


def test_modes(resources: Resources) -> None:
    """What must be new, and what must be there."""
    missing = resources.write(mode="update")
    assert missing.code == "RESOURCE_NOT_FOUND"
    assert missing.state == {"writtenResource": None, "writtenResourceId": None}
    assert resources.write("-", mode="update", resourceId="nobody").code == "RESOURCE_NOT_FOUND"
    assert resources.write(mode="create").edge == "created"
    assert resources.write(mode="create", content="other").code == "RESOURCE_EXISTS"
    assert resources.read(path="a/b.txt").data["content"] == "hello"
    assert resources.write(mode="upsert").edge == "updated"


def test_a_second_attempt_is_the_same_write(tmp_path: Path) -> None:
    """In another process after a crash: created stays created, and there is one resource."""
    first = Resources(TableStore(tmp_path / "tables.db")).write(mode="create", key="visit")
    again = Resources(TableStore(tmp_path / "tables.db"))
    assert again.write(mode="create", key="visit").answer == first.answer
    assert again.list().data["count"] == 1


@pytest.mark.parametrize(
    ("path", "content", "more", "mime", "stored"),
    [
        ("a", "x", {}, "text/plain", b"x"),
        ("a", {"b": [1]}, {}, "application/json", b'{"b":[1]}'),
        ("a", None, {}, "application/json", b"null"),
        ("a.JSON", "{}", {}, "application/json", b"{}"),
        ("a.csv", "x", {"type": "data"}, "text/csv", b"x"),
        ("a.png", base64.b64encode(b"\x89\xff").decode(), {"type": "image"}, "image/png", b"\x89\xff"),
        ("a", base64.b64encode(b"\x89\xff").decode(), {"type": "audio"}, "application/octet-stream", b"\x89\xff"),
    ],
)
def test_kinds_of_content(
    resources: Resources, path: str, content: Any, more: dict[str, Any], mime: str, stored: bytes
) -> None:
    """By what the path ends in, else by what was given; media are stored as their bytes."""
    about = resources.write(path, content, **more).data["resource"]
    assert (about["mimeType"], about["size"]) == (mime, len(stored))
    assert base64.b64decode(resources.read(path=path, responseType="binary").data["content"]) == stored


def test_response_types(resources: Resources) -> None:
    """JSON is parsed; what is none, or no text, says so."""
    resources.write("a.json", {"b": 1})
    assert resources.read(path="a.json", responseType="json").state["resourceContent"] == {"b": 1}
    resources.write("a.txt", "{")
    refused = resources.read(path="a.txt", responseType="json")
    assert refused.code == "NOT_JSON"
    assert refused.state == {"resourceContent": None, "resourceMetadata": None}
    resources.write("deep", "[" * 100_000)
    assert resources.read(path="deep", responseType="json").code == "NOT_JSON"
    resources.write("a.png", "/w==", type="image")
    assert resources.read(path="a.png").code == "NOT_UTF8"
    assert resources.read(path="a.png", responseType="json").code == "NOT_JSON"


def test_what_is_not_there(resources: Resources) -> None:
    """An edge of its own, with null results."""
    for config, data in [
        ({"path": "/no"}, {"path": "no", "resourceId": None}),
        ({"resourceId": "no"}, {"path": None, "resourceId": "no"}),
    ]:
        visit = resources.read(**config)
        assert (visit.edge, visit.data) == ("not_found", data)
        assert visit.state == {"resourceContent": None, "resourceMetadata": None}
        filled = run(ResourceInterpolate(resources.store), config)
        assert (filled.edge, filled.data) == ("not_found", data)
        assert filled.state == {"interpolatedContent": None, "interpolationStats": None}


@pytest.fixture
def library(resources: Resources) -> Resources:
    """Four resources, a minute apart."""
    resources.write("b", "four", name="Beta", tags=["x", "y"], type="prompt", description="The first")
    resources.write("a", "seven..", name="alpha", tags=["y"], type="data")
    resources.write("c", "1", name="Gamma", tags=["z"], type="data", description="first of all")
    resources.write("b", "longest of all", mode="update")
    return resources


@pytest.mark.parametrize(
    ("config", "names", "total"),
    [
        ({}, ["Gamma", "alpha", "Beta"], 3),
        ({"sortBy": "name"}, ["alpha", "Beta", "Gamma"], 3),
        ({"sortBy": "size"}, ["Beta", "alpha", "Gamma"], 3),
        ({"sortBy": "updatedAt"}, ["Beta", "Gamma", "alpha"], 3),
        ({"type": "data"}, ["Gamma", "alpha"], 2),
        ({"tags": ["x", "z"]}, ["Gamma", "Beta"], 2),
        ({"tags": []}, ["Gamma", "alpha", "Beta"], 3),
        ({"search": "FIRST"}, ["Gamma", "Beta"], 2),
        ({"search": "alph"}, ["alpha"], 1),
        ({"authorType": "workflow", "limit": 2}, ["Gamma", "alpha"], 3),
        ({"limit": 2, "offset": 2}, ["Beta"], 3),
        ({"offset": 9}, [], 3),
        ({"authorType": "user"}, [], 0),
        ({"search": "no such"}, [], 0),
    ],
)
def test_list(library: Resources, config: dict[str, Any], names: list[str], total: int) -> None:
    """A page of all that match; `empty` for a page without any."""
    visit = library.list(**config)
    offset, limit = config.get("offset", 0), config.get("limit", 50)
    assert visit.edge == ("success" if names else "empty")
    assert [about["name"] for about in visit.data["items"]] == names
    assert visit.data["count"] == total
    more = offset + len(names) < total
    assert visit.data["pagination"] == {
        "limit": limit,
        "offset": offset,
        "total": total,
        "hasMore": more and offset < total,
    }
    assert visit.state == {"resourceList": visit.data["items"], "resourceCount": total}
    assert all("content" not in about for about in visit.data["items"])


STATE = {"user": {"name": "Ann", "tags": ["x"]}, "n": 2, "none": None, "first-name": "A"}


@pytest.mark.parametrize(
    ("text", "content", "unresolved"),
    [
        ("Hi {{ user.name }}, {{n}}", "Hi Ann, 2", []),
        ("{{ $.user.name }} {{user.tags[0]}} {{user}}", 'Ann x {"name":"Ann","tags":["x"]}', []),
        ("{{first-name}} {{none}}", "A null", []),
        ("<{{missing}}> <{{ user.no.way }}> <{{$.gone}}>", "<> <> <>", ["missing", "user.no.way", "$.gone"]),
        ("{{ $.user.name | upper }} {{ $.n + 1 }} {{ $['user'].name }}", "ANN 3 Ann", []),
        ("{{ $.gone | default('x') }}{{ $.gone | upper }}", "x", ["$.gone | upper"]),
        ("{{n}}{{n}}{{m}}{{m}}", "22", ["m"]),
        ("nothing to fill", "nothing to fill", []),
        ("", "", []),
    ],
)
def test_interpolate(resources: Resources, text: str, content: str, unresolved: list[str]) -> None:
    """Paths with or without `$.`, and expressions; each place is listed once."""
    visit = resources.fill(text, state=STATE)
    found = visit.data["placeholders"]
    assert visit.edge == "success"
    assert (visit.data["content"], visit.data["originalContent"]) == (content, text)
    assert found["unresolved"] == unresolved
    assert found["replaced"] == [source for source in found["found"] if source not in unresolved]
    assert len(set(found["found"])) == len(found["found"])
    assert {key: visit.state[key] for key in ("interpolatedContent", "interpolationStats")} == {
        "interpolatedContent": content,
        "interpolationStats": found,
    }


def test_given_values_lie_over_the_state(resources: Resources) -> None:
    """Or are all there is."""
    given = {"n": 3}
    assert resources.fill("{{n}} {{user.name}}", state=STATE).data["content"] == "2 Ann"
    over = run(ResourceInterpolate(resources.store), {"path": "template", "state": given}, state=STATE)
    assert over.data["content"] == "3 Ann"
    alone = {"path": "template", "state": given, "includeAllState": False}
    visit = run(ResourceInterpolate(resources.store), alone, state=STATE)
    assert visit.data["content"] == "3 "
    assert visit.data["placeholders"]["unresolved"] == ["user.name"]


@pytest.mark.parametrize("text", ["{{ open", "{{ }}", "{{ 1 + }}", "{{ $.n | nofilter }}", "{{ upper(x) }}"])
def test_what_can_not_be_filled_in_is_an_error(resources: Resources, text: str) -> None:
    """With the place, and null results."""
    visit = resources.fill(text, state={"n": 1})
    assert visit.code == "INVALID_EXPRESSION"
    assert (visit.state["interpolatedContent"], visit.state["interpolationStats"]) == (None, None)


def test_an_expression_that_fails_is_an_error(resources: Resources) -> None:
    """Other than one that misses something."""
    assert resources.fill("{{ $.n + 'x' }}", state={"n": 1}).code == "EXPRESSION_ERROR"


@pytest.mark.parametrize(
    ("node", "config", "says"),
    [
        (ResourceRead, {}, "path of the resource, or its resourceId"),
        (ResourceRead, {"path": ""}, "path is names"),
        (ResourceRead, {"path": "a/../b"}, "without . and .."),
        (ResourceRead, {"path": "a\0"}, "path is names"),
        (ResourceRead, {"path": "a" * 1_025}, "1024"),
        (ResourceRead, {"path": "a", "responseType": "xml"}, "text, json, binary"),
        (ResourceRead, {"path": 5}, "path is a string"),
        (ResourceInterpolate, {"includeAllState": False}, "path of the resource"),
        (ResourceInterpolate, {"path": "a", "state": []}, "state is an object"),
        (ResourceWrite, {"content": "x"}, "path of the resource"),
        (ResourceWrite, {"path": "a"}, "needs the parameter content"),
        (ResourceWrite, {"resourceId": "a", "content": "x"}, "mode upsert needs the parameter path"),
        (ResourceWrite, {"path": "a", "content": "x", "mode": "append"}, "create, update, upsert"),
        (ResourceWrite, {"path": "a", "content": "x", "type": "video"}, "prompt, document, data, image, audio"),
        (ResourceWrite, {"path": "a", "content": "x", "tags": [1]}, "tags[0]"),
        (ResourceWrite, {"path": "a", "content": "ü?", "type": "image"}, "base64"),
        (ResourceWrite, {"path": "a", "content": {"a": 1}, "type": "audio"}, "base64"),
        (ResourceList, {"limit": 0}, "limit is at least 1"),
        (ResourceList, {"limit": 101}, "limit is at most 100"),
        (ResourceList, {"offset": -1}, "offset is at least 0"),
        (ResourceList, {"sortBy": "path"}, "name, createdAt, size, updatedAt"),
        (ResourceList, {"tags": "x"}, "tags is an array"),
    ],
)
def test_bad_input_is_an_error_with_null_results(
    resources: Resources, node: Any, config: dict[str, Any], says: str
) -> None:
    """Before the store is asked."""
    visit = run(node(resources.store), config)
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert visit.state == dict.fromkeys(node.metadata.outputs)
    assert resources.list().edge == "empty"


def test_what_is_too_large_is_refused(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, and before it is stored."""
    monkeypatch.setattr(resource_write, "MAX_RESOURCE_BYTES", 3)
    assert resources.write(content="ääa").code == "RESOURCE_TOO_LARGE"
    assert resources.write(content="äa").edge == "created"


@pytest.mark.parametrize("node", [ResourceRead, ResourceWrite, ResourceList, ResourceInterpolate])
def test_without_a_store_they_say_so(node: Any) -> None:
    """A registry of the library alone has none."""
    assert run(node(), {"path": "a", "content": "x"}).code == "TABLES_NOT_CONFIGURED"


def test_effects_and_exits() -> None:
    """Only writing writes; what is not found leaves a loop."""
    readers = (ResourceRead, ResourceList, ResourceInterpolate)
    assert [node.metadata.effect for node in readers] == ["reads"] * 3
    assert [node.metadata.exit_edges for node in readers] == [("not_found",), ("empty",), ("not_found",)]
    assert ResourceWrite.metadata.effect == "writes"
