"""Stored resources: named contents with what is known about them, in the table store."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

import msgspec

from domain import json


class Resource(NamedTuple):
    """What is known about a resource (JSON), and its content."""

    about: dict[str, Any]
    content: bytes


def find(connection: sqlite3.Connection, *, path: str | None = None, identity: str | None = None) -> Resource | None:
    """The resource at a path, or of an id; None when there is none."""
    column, value = ("path", path) if path is not None else ("id", identity)
    row = connection.execute(f"SELECT about, content FROM resources WHERE {column} = ?", (value,)).fetchone()  # noqa: S608 - one of two names
    return None if row is None else Resource(msgspec.json.decode(row[0]), bytes(row[1]))


def put(connection: sqlite3.Connection, resource: Resource) -> None:
    """Insert, or put in the place of the one of the same id. Its path must not be another's."""
    about = resource.about
    connection.execute(
        "INSERT INTO resources (id, path, about, content) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET path = excluded.path, about = excluded.about, content = excluded.content",
        (about["id"], about["path"], json.encode(about).decode(), resource.content),
    )


def catalogue(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """What is known about all resources, by path."""
    return [msgspec.json.decode(row[0]) for row in connection.execute("SELECT about FROM resources ORDER BY path")]
