"""Where a store in PostgreSQL is: the database, and the schema in it."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, Final, NamedTuple

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

DEFAULT_SCHEMA: Final = "clew"
SCHEMES: Final = ("postgresql://", "postgres://")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


class Address(NamedTuple):
    """What libpq connects to, the schema that is Clew's there, and how people are told of both: without a password."""

    conninfo: str
    schema: str
    shown: str

    def key(self, purpose: str) -> int:
        """The number of an advisory lock for a purpose. Locks are those of the database: schemas must not share them."""
        digest = sha256(f"clew {purpose} {self.schema}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


def parse(url: str) -> Address:
    """The address that a URL names: what libpq takes, and `schema=NAME` in the query. Raises ValueError."""
    if not url.startswith(SCHEMES):
        raise ValueError("it begins with postgresql://")
    rest, _, query = url.partition("?")
    parts = query.split("&") if query else []
    schemas = [part.removeprefix("schema=") for part in parts if part.startswith("schema=")]
    schema = schemas[-1] if schemas else DEFAULT_SCHEMA
    if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise ValueError(f"the schema {schema!r} is not a name of small letters, digits and _, 63 at most")
    others = "&".join(part for part in parts if not part.startswith("schema="))
    conninfo = f"{rest}?{others}" if others else rest
    return Address(conninfo, schema, _shown(conninfo, schema))


def _shown(conninfo: str, schema: str) -> str:
    found, reason = _parts(conninfo)
    if reason:
        raise ValueError(reason)
    host = found.get("host") or found.get("hostaddr") or ""
    port = f":{found['port']}" if found.get("port") else ""
    place = f"postgresql://{host}{port}/{found.get('dbname') or ''}"
    return place if schema == DEFAULT_SCHEMA else f"{place}?schema={schema}"


def _parts(conninfo: str) -> tuple[dict[str, Any], str]:
    """What libpq reads in it, and why it reads nothing. Its own words repeat the text, which may hold a password."""
    has_secret = "password" in conninfo or "@" in conninfo
    try:
        return dict(conninfo_to_dict(conninfo)), ""
    except Error as error:
        return {}, "libpq can't read it" if has_secret else str(error).strip()
