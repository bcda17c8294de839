"""Arrays as PostgreSQL has them on the wire: the driver's own way with lists takes three times as long.

The types are fixed, too. The driver takes the smallest integer that fits a list, and so a statement would be prepared anew
for every combination of them.
"""

from __future__ import annotations

from struct import Struct, pack
from typing import TYPE_CHECKING, Final

from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg.abc import AdaptContext

BYTEA, INT8, TEXT = 17, 20, 25
BYTEA_ARRAY, INT8_ARRAY, TEXT_ARRAY = 1001, 1016, 1009
_length: Final = Struct(">i").pack


class Bytes(bytes):
    """A packed `bytea[]`."""


class Integers(bytes):
    """A packed `bigint[]`."""


class Texts(bytes):
    """A packed `text[]`."""


def bytes_array(values: Sequence[bytes]) -> Bytes:
    """Pack bytes."""
    return Bytes(_packed(BYTEA, values))


def texts_array(values: Iterable[str]) -> Texts:
    """Pack texts, which must be without NUL."""
    return Texts(_packed(TEXT, [value.encode() for value in values]))


def integers_array(values: Sequence[int]) -> Integers:
    """Pack integers of 64 bits."""
    body = [part for value in values for part in (8, value)]
    return Integers(_header(INT8, len(values)) + pack(">" + "iq" * len(values), *body))


def _packed(element: int, values: Sequence[bytes]) -> bytes:
    parts = [_header(element, len(values))]
    for value in values:
        parts.append(_length(len(value)))
        parts.append(value)
    return b"".join(parts)


def _header(element: int, count: int) -> bytes:
    """Dimensions, whether there are nulls, the type of elements; and of the one dimension its length and lower bound."""
    return pack(">iiiii", 1, 0, element, count, 1) if count else pack(">iii", 0, 0, element)


class _Packed(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        """It is packed already."""
        return obj


class _BytesDumper(_Packed):
    oid = BYTEA_ARRAY


class _IntegersDumper(_Packed):
    oid = INT8_ARRAY


class _TextsDumper(_Packed):
    oid = TEXT_ARRAY


def register(context: AdaptContext) -> None:
    """Let a connection take packed arrays as parameters."""
    adapters = context.adapters
    adapters.register_dumper(Bytes, _BytesDumper)
    adapters.register_dumper(Integers, _IntegersDumper)
    adapters.register_dumper(Texts, _TextsDumper)
