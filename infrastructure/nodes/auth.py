"""`auth`: hashes of passwords, tokens and signatures.

Nothing here puts a password, a message or a key into an error, an edge or the state: events keep those for ever.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.parameters import kind_of
from infrastructure.nodes import passwords
from infrastructure.nodes.base import LIBRARY_VERSION, OperationNode, example, invalid, taken
from infrastructure.nodes.companions import companion
from infrastructure.nodes.needs import need

if TYPE_CHECKING:
    from domain.context import ExecutionContext

TOKEN_BYTES: Final = 32
_KEYS: Final = {
    "hash": "hashedPassword",
    "verify": "authValid",
    "generate_token": "authToken",
    "sign": "signature",
    "verify_signature": "signatureValid",
}


class Auth(OperationNode):
    """Makes and checks hashes, tokens and signatures. Runs in a thread: a hash is meant to take its time."""

    inline: ClassVar[bool] = False
    keys_of: ClassVar = {operation: (key,) for operation, key in _KEYS.items()}
    metadata = NodeMetadata(
        id="auth",
        name="Auth",
        version=LIBRARY_VERSION,
        description="Hashes passwords (scrypt), makes tokens, and signs with HMAC-SHA256.",
        example=example({"auth": {"operation": "generate_token", "success?": [{"$.token": "$.authToken"}]}}),
        outputs=tuple(_KEYS.values()),
        edges=("success", "valid", "invalid"),
        effect="reads",
        edge_info={
            "success": taken("`hash`, `generate_token`, `sign`", "hash? token? signature?"),
            "valid": taken("`verify`, `verify_signature`: it holds", "valid"),
            "invalid": taken("it does not", "valid"),
        },
        output_info={
            "hashedPassword": "Of `hash`: a text that says itself how it was made.",
            "authToken": "Of generate_token.",
            "signature": "Of `sign`, in hex.",
            "authValid": "Of `verify`.",
            "signatureValid": "Of verify_signature.",
        },
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=tuple(_KEYS)),
            "data": Parameter(
                types=("string", "object"),
                secrets=True,
                description="Text to hash or sign; {password, hash} to verify; {message, signature} to verify_signature.",
            ),
            "secret": Parameter(
                types=("string",),
                aliases=("verifySecret",),
                secrets=True,
                description='The key of a signature; may be in data too. Give it as {"$secret": "name"}.',
            ),
        },
    )

    needs = (
        need("data", operation=("hash", "verify", "sign", "verify_signature")),
        need("secret", "data", operation=("sign", "verify_signature")),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Do one operation."""
        operation = config["operation"]
        edge, data, value = _OPERATIONS[operation](config)
        context.state[_KEYS[operation]] = value
        return Edge(edge, data)


Outcome = tuple[str, dict[str, Any], Any]
"""(edge, edge data, the value of the state key)."""


def _hash(config: Mapping[str, Any]) -> Outcome:
    found = passwords.hashed(_text(companion(config, "data", "hash"), "data"))
    return "success", {"hash": found}, found


def _verify(config: Mapping[str, Any]) -> Outcome:
    password, known = _parts(config, "password", "hash")
    try:
        return _verdict(passwords.matches(password, known))
    except passwords.NotAHash as error:
        raise invalid(f"data.hash can't be checked: {error}", parameter="data.hash") from error


def _generate_token(config: Mapping[str, Any]) -> Outcome:
    del config
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return "success", {"token": token}, token


def _sign(config: Mapping[str, Any]) -> Outcome:
    data = companion(config, "data", "sign")
    message = _part(data, "message") if isinstance(data, dict) else _text(data, "data", empty=True)
    signature = _signature(message, _secret(config))
    return "success", {"signature": signature}, signature


def _verify_signature(config: Mapping[str, Any]) -> Outcome:
    message, signature = _parts(config, "message", "signature")
    expected = _signature(message, _secret(config))
    return _verdict(hmac.compare_digest(expected.encode(), signature.strip().lower().encode()))


_OPERATIONS: Final[dict[str, Callable[[Mapping[str, Any]], Outcome]]] = {
    "hash": _hash,
    "verify": _verify,
    "generate_token": _generate_token,
    "sign": _sign,
    "verify_signature": _verify_signature,
}


def _verdict(valid: bool) -> Outcome:
    return "valid" if valid else "invalid", {"valid": valid}, valid


def _signature(message: str, secret: str) -> str:
    return hmac.new(secret.encode(), message.encode(), "sha256").hexdigest()


def _secret(config: Mapping[str, Any]) -> str:
    data = config.get("data")
    if "secret" in config:
        return _text(config["secret"], "secret")
    if isinstance(data, dict) and "secret" in data:
        return _text(data["secret"], "data.secret")
    raise invalid(f"{config['operation']} needs the parameter secret", parameter="secret")


def _parts(config: Mapping[str, Any], first: str, second: str) -> tuple[str, str]:
    data = companion(config, "data", config["operation"])
    if not isinstance(data, dict):
        message = f"{config['operation']} takes data as an object {{{first}, {second}}}, not {kind_of(data)}"
        raise invalid(message, parameter="data")
    return _part(data, first), _part(data, second)


def _part(data: Mapping[str, Any], name: str) -> str:
    return _text(data.get(name), f"data.{name}", empty=name == "message")


def _text(value: Any, where: str, *, empty: bool = False) -> str:
    """A text; one that is not empty, unless it may be. The message never shows what was found instead."""
    if not isinstance(value, str) or not (value or empty):
        found = "an empty one" if value == "" else kind_of(value)
        raise invalid(f"{where} is a text, not {found}", parameter=where)
    return value
