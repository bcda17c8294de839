"""Passwords as salted scrypt hashes, in a text that says how it was made (the PHC string format)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Final

LOG_COST: Final = 15
BLOCKS: Final = 8
LANES: Final = 1
"""32 MiB and about a tenth of a second for one hash (RFC 7914; at least what OWASP asks for beside other lanes)."""
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
MAX_MEMORY_BYTES: Final = 128 * 1_048_576
"""What a hash that comes from elsewhere may ask for; it could ask for everything there is."""
MAX_LANES: Final = 16

_FORM: Final = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,3}),p=([0-9]{1,3})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{22,128})"
)


class NotAHash(ValueError):
    """The text is no hash of `hashed`, or one that asks for more than a check may cost. Never quotes the text."""


def hashed(password: str) -> str:
    """A hash with a new salt: `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`."""
    salt = secrets.token_bytes(SALT_BYTES)
    found = _scrypt(password, salt, log_cost=LOG_COST, blocks=BLOCKS, lanes=LANES, length=HASH_BYTES)
    return f"$scrypt$ln={LOG_COST},r={BLOCKS},p={LANES}${_text(salt)}${_text(found)}"


def matches(password: str, known: str) -> bool:
    """Whether the hash is of the password, in constant time. Raises NotAHash."""
    form = _FORM.fullmatch(known)
    if form is None:
        raise NotAHash("it is not a text that operation hash made")
    log_cost, blocks, lanes = (int(part) for part in form.groups()[:3])
    affordable = log_cost and blocks and lanes and 128 * blocks << log_cost <= MAX_MEMORY_BYTES and lanes <= MAX_LANES
    if not affordable:
        raise NotAHash(f"it asks for more than {MAX_MEMORY_BYTES:,} bytes or {MAX_LANES} lanes, or for nothing")
    try:
        salt, expected = _bytes(form[4]), _bytes(form[5])
        found = _scrypt(password, salt, log_cost=log_cost, blocks=blocks, lanes=lanes, length=len(expected))
    except ValueError as error:
        raise NotAHash("its numbers or its base64 can't be used") from error
    return hmac.compare_digest(found, expected)


def _scrypt(password: str, salt: bytes, *, log_cost: int, blocks: int, lanes: int, length: int) -> bytes:
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=1 << log_cost,
        r=blocks,
        p=lanes,
        maxmem=2 * MAX_MEMORY_BYTES,  # the library counts some more than 128 * n * r
        dklen=length,
    )


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
