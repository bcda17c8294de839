"""JSON Schemas that come with definitions: compiled once, refused if they could take long, and held against values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final, NamedTuple

import jsonschema_rs
import msgspec

from domain import json
from domain.errors import ClewError, Unacceptable
from domain.json_text import Skeleton
from domain.paths import get
from domain.problems import Problem, pointer
from infrastructure.schema_costs import Costs, TooCostly

MAX_SCHEMA: Final = 65_536  # bytes
MAX_DEPTH: Final = 64
MAX_CHECKS: Final = 2_000_000  # of one value with all its parts; each takes some nanoseconds
MAX_MATCHED: Final = 16_000_000  # characters of one value, times the patterns they are matched with
MAX_LISTED: Final = 4_000  # checks of a value all of whose errors are listed: each error takes its time
MAX_PATTERN_BYTES: Final = 100_000  # of one pattern, compiled
MAX_PROBLEMS: Final = 20
LONGEST_MESSAGE: Final = 500


class UnusableSchema(ClewError):
    """What should be a JSON Schema is none, or one that could take too long."""

    code = "INVALID_SCHEMA"


class Broken(NamedTuple):
    """What breaks a schema: where in the value, why, and the part itself."""

    path: tuple[str | int, ...]
    message: str
    value: Any


class Schema:
    """A compiled schema."""

    def __init__(self, source: bytes) -> None:
        self._schema = msgspec.json.decode(source)
        costs = Costs(self._schema) if isinstance(self._schema, dict) else None
        self._weight = costs.weight if costs is not None else 1
        self._patterns = costs.patterns if costs is not None else 0
        self._quoting = self._made()
        self._masking = self._made(mask="the value")

    def broken(self, value: Any, *, most: int, quoting: bool = False) -> Iterator[Broken]:
        """What breaks the schema, at most so many; of a large value only the first, without quoting it."""
        encoded = json.encode(value)
        bones = Skeleton(encoded).bones
        checks = (bones.count(b",") + bones.count(b"[") + bones.count(b"{") + 1) * self._weight
        if checks > MAX_CHECKS or len(encoded) * self._patterns > MAX_MATCHED:
            yield Broken((), "is too large to be checked against this schema", value)
        elif not self._masking.is_valid(value):
            validator = self._quoting if quoting else self._masking
            for error in islice(validator.iter_errors(value), most) if checks <= MAX_LISTED else self._first(value):
                path = tuple(error.instance_path)
                yield Broken(path, error.message[:LONGEST_MESSAGE], get(value, path))

    def _first(self, value: Any) -> Iterator[Any]:
        try:
            self._masking.validate(value)
        except jsonschema_rs.ValidationError as error:
            yield error

    def _made(self, **options: Any) -> Any:
        return jsonschema_rs.validator_for(
            self._schema,
            offline=True,  # schemas come with the definition: none is ever fetched
            # linear time, where the default can be made to backtrack
            pattern_options=jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES),
            **options,
        )


def schema_of(schema: Any) -> Schema:
    """The compiled schema. Raises UnusableSchema."""
    if not isinstance(schema, dict | bool):
        raise UnusableSchema("The JSON Schema is an object, or true or false.")
    try:
        source = json.encode(schema)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnusableSchema("The JSON Schema is not JSON.") from error
    if len(source) > MAX_SCHEMA:
        raise UnusableSchema(f"The JSON Schema has {len(source):,} bytes; it may have {MAX_SCHEMA:,}.")
    return _compiled(source)


@lru_cache(maxsize=256)
def _compiled(source: bytes) -> Schema:
    if Skeleton(source).deeper_than(MAX_DEPTH):
        raise UnusableSchema(f"The JSON Schema is nested more than {MAX_DEPTH} deep.")
    try:
        return Schema(source)
    except TooCostly as error:
        raise UnusableSchema(f"The JSON Schema can't be used: {error}.") from error
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = str(error).partition("\n")[0][:LONGEST_MESSAGE]
        raise UnusableSchema(f"The JSON Schema can't be used: {reason}") from error


def check_schema(schema: Any, value: Any) -> list[Problem]:
    """What breaks a JSON Schema, as pointers into the value. Raises Unacceptable when the schema itself can't be used."""
    try:
        found = schema_of(schema)
    except UnusableSchema as error:
        raise Unacceptable(error.message, code=error.code) from error
    return [
        Problem(code="INVALID_PAYLOAD", path=pointer(*broken.path), message=broken.message)
        for broken in found.broken(value, most=MAX_PROBLEMS, quoting=True)
    ]
