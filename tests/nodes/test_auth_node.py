"""`auth`: hashes, tokens and signatures, and nothing secret in what is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Any

import pytest

from application.requests import Submission
from infrastructure.memory_log import MemoryLog
from infrastructure.nodes import passwords
from infrastructure.nodes.auth import Auth
from infrastructure.nodes.library import standard_registry
from tests.support.engines import everything, service_on
from tests.support.nodes import Visit, run
from tests.support.workflows import workflow

PASSWORD = "correct horse, Ünicode"
KNOWN = passwords.hashed(PASSWORD)


def do(operation: str, **config: Any) -> Visit:
    """One visit."""
    return run(Auth(), {"operation": operation, **config})


def test_a_hash_says_how_it_was_made_and_has_its_own_salt() -> None:
    """So that it can be checked in years, and two people with one password can't be told to have it."""
    first, second = do("hash", data=PASSWORD), do("hash", data=PASSWORD)
    assert first.edge == "success"
    assert first.data == {"hash": first.state["hashedPassword"]}
    assert set(first.state) == {"hashedPassword"}
    assert re.fullmatch(r"\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", first.data["hash"])
    assert first.data["hash"] != second.data["hash"]


def test_a_hash_is_scrypt() -> None:
    """Test vector of RFC 7914 in this text."""
    known = "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA"
    assert passwords.matches("password", known)
    assert not passwords.matches("Password", known)


@pytest.mark.parametrize(("password", "edge"), [(PASSWORD, "valid"), (PASSWORD + " ", "invalid"), ("x", "invalid")])
def test_verify(password: str, edge: str) -> None:
    """Both answers are answers, not errors."""
    visit = do("verify", data={"password": password, "hash": KNOWN})
    valid = edge == "valid"
    assert visit.edge == edge
    assert visit.data == {"valid": valid}
    assert visit.state == {"authValid": valid}


def test_a_token_is_new_each_time() -> None:
    """From the system's generator, with 256 bits; data is ignored."""
    tokens = {do("generate_token", data="ignored").state["authToken"] for _ in range(5)}
    assert len(tokens) == 5
    assert all(re.fullmatch(r"[\w-]{43}", token) for token in tokens)
    visit = do("generate_token")
    assert visit.edge == "success"
    assert visit.data == {"token": visit.state["authToken"]}


@pytest.mark.parametrize(
    "config",
    [
        {"data": "héllo", "secret": "key"},
        {"data": {"message": "héllo"}, "secret": "key"},
        {"data": {"message": "héllo", "secret": "key"}},
    ],
)
def test_sign(config: dict[str, Any]) -> None:
    """HMAC-SHA256 in hex."""
    visit = do("sign", **config)
    expected = hmac.new(b"key", "héllo".encode(), hashlib.sha256).hexdigest()
    assert visit.edge == "success"
    assert visit.data == {"signature": expected}
    assert visit.state == {"signature": expected}


@pytest.mark.parametrize(
    ("message", "secret", "change", "edge"),
    [
        ("m", "key", str, "valid"),
        ("m", "key", str.upper, "valid"),
        ("", "key", str, "invalid"),
        ("n", "key", str, "invalid"),
        ("m", "other", str, "invalid"),
        ("m", "key", lambda text: text[:-1], "invalid"),
        ("m", "key", lambda text: "ü" + text, "invalid"),
    ],
)
def test_verify_signature(message: str, secret: str, change: Any, edge: str) -> None:
    """Hex in either case; the key is a parameter or in data."""
    signature = change(do("sign", data="m", secret="key").data["signature"])
    data = {"message": message, "signature": signature}
    for config in ({"data": data, "secret": secret}, {"data": {**data, "secret": secret}}):
        visit = do("verify_signature", **config)
        assert visit.edge == edge
        assert visit.data == {"valid": edge == "valid"}
        assert visit.state == {"signatureValid": edge == "valid"}


SECRET = "s3cret-value"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"operation": "encrypt", "data": SECRET}, "hash, verify, generate_token, sign, verify_signature"),
        ({"operation": "hash"}, "hash needs the parameter data"),
        ({"operation": "hash", "data": ""}, "an empty one"),
        ({"operation": "hash", "data": {"password": SECRET}}, "data is a text, not object"),
        ({"operation": "hash", "data": [SECRET]}, "data is a string or an object, not array"),
        ({"operation": "verify", "data": SECRET}, "{password, hash}"),
        ({"operation": "verify", "data": {"password": SECRET}}, "data.hash is a text"),
        ({"operation": "verify", "data": {"password": SECRET, "hash": SECRET}}, "operation hash made"),
        ({"operation": "verify", "data": {"password": [SECRET], "hash": KNOWN}}, "data.password is a text"),
        ({"operation": "sign", "data": SECRET}, "needs the parameter secret"),
        ({"operation": "sign", "secret": SECRET}, "needs the parameter data"),
        ({"operation": "sign", "data": SECRET, "secret": ""}, "secret is a text, not an empty one"),
        ({"operation": "sign", "data": {"secret": SECRET}}, "data.message is a text"),
        ({"operation": "verify_signature", "data": SECRET, "secret": SECRET}, "{message, signature}"),
        ({"operation": "verify_signature", "data": {"message": SECRET}, "secret": SECRET}, "data.signature"),
        (
            {"operation": "verify_signature", "data": {"message": SECRET, "signature": SECRET}},
            "needs the parameter secret",
        ),
        ({"operation": "sign", "data": SECRET, "secret": {"key": SECRET}}, "secret is a string, not object"),
    ],
)
def test_bad_input_is_an_error_that_shows_nothing(config: dict[str, Any], says: str) -> None:
    """What was given instead is named by its type at most."""
    visit = run(Auth(), config, state={"hashedPassword": "old", "authValid": True})
    assert visit.code == "INVALID_PARAMETER"
    assert says in visit.data["message"]
    assert SECRET not in json.dumps(visit.data)
    assert all(visit.state[key] is None for key in Auth().result_keys(config))


@pytest.mark.parametrize(
    "known",
    [
        KNOWN.replace("ln=15", "ln=30"),
        KNOWN.replace("ln=15", "ln=99"),
        KNOWN.replace("ln=15", "ln=0"),
        KNOWN.replace("r=8", "r=999"),
        KNOWN.replace("p=1", "p=999"),
        KNOWN.replace("p=1", "p=0"),
        KNOWN.replace("scrypt", "bcrypt"),
        KNOWN[:-30],
        KNOWN + "=",
        "$2b$12$abcdefghijklmnopqrstuv",
        "",
        "$scrypt$" * 1000,
    ],
    ids=lambda known: "",  # the hash has a new salt in every process
)
def test_a_hash_from_elsewhere_can_not_ask_for_everything(known: str) -> None:
    """Memory and time are bounded before anything is computed."""
    start = time.perf_counter()
    visit = do("verify", data={"password": "x", "hash": known})
    assert visit.code == "INVALID_PARAMETER"
    assert visit.state == {"authValid": None}
    assert time.perf_counter() - start < 1


def test_no_event_holds_a_password_or_a_key() -> None:
    """Their values are made inside the parameters here, so that nothing but the parameters ever held them."""
    log = MemoryLog()
    steps = [
        {"a": {"$node": "auth", "operation": "hash", "data": f"{{{{ '{SECRET}' | upper }}}}"}},
        {"b": {"$node": "auth", "operation": "sign", "data": "m", "secret": f"{{{{ '{SECRET}' | upper }}}}"}},
        {"c": {"$node": "auth", "operation": "verify", "data": {"password": f"{{{{ '{SECRET}' | upper }}}}", "hash": "x"},
               "error?": {"empty": {}}}},
    ]  # fmt: skip
    with service_on(log, standard_registry(files_root=None, entry_points=False)) as service:
        accepted = service.submit_and_wait(Submission(definition=workflow(*steps)))
        assert service.wait_settled(accepted.execution_id, 20)
        state = service.queries.state(accepted.execution_id, None)["state"]
        events = repr(everything(log))
    assert state["hashedPassword"].startswith("$scrypt$")
    assert passwords.matches(SECRET.upper(), state["hashedPassword"])
    assert state["authValid"] is None
    assert SECRET.upper() not in events
    assert SECRET.upper() not in json.dumps(state)


def test_it_only_reads() -> None:
    """Its result is recorded and used again; a hash that is made anew does no harm."""
    assert Auth().effect({"operation": "hash"}) == "reads"
    assert Auth().state_keys({"operation": "sign"}) == frozenset({"signature"})
    assert Auth().state_keys({}) == frozenset(Auth.metadata.outputs or ())
