"""The clock, identity and JSON Schema: small adapters of what the machine and libraries offer."""

from __future__ import annotations

import secrets
import time
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs
import msgspec

from domain.errors import Unacceptable
from domain.problems import Problem, pointer

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
MAX_SCHEMA_PROBLEMS: Final = 20


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000


class TimeSortedIds:
    """Ids that sort by the time they were made: 48 bits of milliseconds and 80 of chance, as 26 characters (like ULID)."""

    def new(self, prefix: str) -> str:
        """A new id."""
        number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def check_schema(schema: Any, value: Any) -> list[Problem]:
    """What breaks a JSON Schema, as pointers into the value. Raises Unacceptable when the schema itself is none."""
    validator = _validator(msgspec.json.encode(schema))
    problems: list[Problem] = []
    for error in validator.iter_errors(value):
        if len(problems) == MAX_SCHEMA_PROBLEMS:
            break
        problems.append(Problem(code="INVALID_PAYLOAD", path=pointer(*error.instance_path), message=error.message))
    return problems


@lru_cache(maxsize=1_000)
def _validator(schema: bytes) -> Any:
    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema),
            retriever=_refuse,
            pattern_options=jsonschema_rs.RegexOptions(),  # linear time, where the default can be made to backtrack
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Unacceptable(f"The JSON Schema can't be used: {reason}", code="INVALID_SCHEMA") from error


def _refuse(uri: str) -> Any:
    """Schemas come with the definition: none is ever fetched."""
    raise ValueError(f"{uri} is not fetched: put the schema itself there")
