"""Runs that use secrets in every way we could think of, on a real server: none is in its files, its log or its answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest

from tests.support.outside import Asked, Reply, Web, web
from tests.support.process import ServerProcess

TOKEN = 's3cr/t+"<ü>&=tail'
WORD = "hunter22-is-the-word"
PIN = "47114711"
SECRETS = {"TOKEN": TOKEN, "WORD": WORD, "PIN": PIN}

LEAKY = '''
import asyncio
import base64
import json
import logging
import sys
import threading
import time

from clew import Edge, NodeMetadata, WorkflowNode
from domain.errors import ErrorInfo, StepFailure
from domain.node import Call, End, Mark, Park, Parameter, Pass


class Leaky(WorkflowNode):
    """Does with a secret what nobody should."""

    metadata = NodeMetadata(id="leaky", name="Leaky", version="1.0.0", edges=None)

    def execute(self, context, config):
        secret = context.secrets[config.get("secret", "TOKEN")]
        return getattr(self, config["how"])(context, secret)

    def state(self, context, secret):
        context.state["kept"] = {"deep": [secret, {secret: f"x{secret}y"}]}
        context.state[secret] = 1
        context.state.setdefault("list", []).append(secret)

    def data(self, context, secret):
        return Edge("success", {"a": [secret], "b": base64.b64encode(f"u:{secret}".encode()).decode()})

    def edge_map(self, context, secret):
        return {"success": lambda context: {"from": secret}}

    def edge_name(self, context, secret):
        return Edge(secret, {})

    def raises(self, context, secret):
        try:
            json.loads(secret + "{")
        except ValueError as error:
            raise RuntimeError(f"no use of {secret}") from error

    def refuses(self, context, secret):
        raise StepFailure(ErrorInfo(code=f"BAD_{secret}", message=secret, details={secret: [secret]}, recoverable=True))

    def returns_error(self, context, secret):
        return Edge("error", {"code": "X", "message": f"with {secret}", "details": secret})

    def reads(self, context, secret):
        context.state.get(secret)

    def parks(self, context, secret):
        return Park(kind="approval", name="leak", choices=("yes", "no"), schema={"const": secret}, about={"title": secret})

    def marks(self, context, secret):
        return Mark(secret)

    def calls(self, context, secret):
        child = {"id": "child", "name": secret, "version": "1.0.0", "workflow": [{"log": {"message": secret}}]}
        return Call(definition=child, state={"given": secret})

    def ends(self, context, secret):
        return End({"result": secret})

    def number(self, context, secret):
        context.state["pin"] = int(secret)
        return Edge("success", {"pin": int(secret)})

    def logs(self, context, secret):
        context.log(f"line with {secret}")
        logger = logging.getLogger("leaky")
        logger.warning("warned of %s", secret)
        logger.error(secret)
        logger.critical(f"{secret}", extra={})
        try:
            raise ValueError(secret)
        except ValueError:
            logger.exception("it failed")

    def late(self, context, secret):
        def later():
            time.sleep(0.3)
            context.log(f"late {secret}")
            logging.getLogger("leaky").error("late %s", secret)

        threading.Thread(target=later).start()
        time.sleep(0.4)


class LeakyLoop(WorkflowNode):
    """A pass whose position is a secret."""

    metadata = NodeMetadata(id="leaky-loop", name="Leaky loop", version="1.0.0", effect="reads")

    async def execute(self, context, config):
        secret = context.secrets["WORD"]
        if context.loop.index:
            return Edge("done", {"last": secret})
        return Pass(data={"item": secret}, bind={"position": secret})


class Taker(WorkflowNode):
    """Is given secrets by reference, and hands on what it got."""

    metadata = NodeMetadata(
        id="taker", name="Taker", version="1.0.0", inputs=("given",), parameters={"given": Parameter(secrets=True)}
    )

    def execute(self, context, config):
        context.state["given"] = config["given"]
        context.state["inputs"] = dict(context.inputs)
        return Edge("success", config)
'''


class Place(NamedTuple):
    """The server, its folder, and a stand-in that repeats all that it is told."""

    server: ServerProcess
    home: Path
    echo: Web


def echoing(asked: Asked) -> Reply:
    """Everything again, in the form that the path asks for."""
    told = {"path": asked.path, "headers": asked.headers, "body": asked.body.decode(errors="replace")}
    text = json.dumps(told, ensure_ascii=False)
    if asked.path.startswith("/html"):
        return Reply(body=escape(text).encode(), headers=(("Content-Type", "text/html; charset=utf-8"),))
    if asked.path.startswith("/moved"):
        return Reply(302, headers=(("Location", f"/echo?{asked.path}"), ("X-Told", quote(text))))
    status = next((int(code) for code in ("404", "500") if asked.path.startswith(f"/{code}")), 200)
    return Reply(status, text.encode(), headers=(("X-Told", quote(asked.headers.get("authorization", ""))),))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One server for all: one secret from its environment, one from a file of them, one from a file of its own.

    After them its files are searched: while it still runs, and when it has ended.
    """
    home = tmp_path_factory.mktemp("secrets")
    nodes, kept = home / "nodes", tmp_path_factory.mktemp("kept")
    nodes.mkdir()
    (nodes / "leaky.py").write_text(LEAKY)
    (kept / "pin").write_text(PIN + "\n")
    (kept / "secrets.toml").write_text(f'WORD = "{WORD}"\nPIN = "file:pin"\n')
    environment = {
        "CLEW_SECRET_TOKEN": TOKEN,
        "CLEW_SECRETS": str(kept / "secrets.toml"),
        "CLEW_ALLOW_HOSTS": "127.0.0.1",
    }
    with web(echoing) as echo:
        server = ServerProcess(home, nodes=nodes, environment=environment)
        try:
            server.start()
            yield Place(server, home, echo)
            _check_files(home)
            assert server.terminate() == 0
            _check_files(home)
        finally:
            server.close()


def _check_files(home: Path) -> None:
    """No secret in the log, the lists, the tables, or what the server wrote to its streams."""
    files = [path for path in home.rglob("*") if path.is_file() and path.parent.name != "nodes"]
    assert {"log.db", "log-views.db", "server.log"} <= {path.name for path in files}
    for path in files:
        assert found_in(path.read_bytes()) == [], path.name


def forms(secret: str) -> set[bytes]:
    """The secret as somebody might find it."""
    raw = secret.encode()
    texts = {
        secret, raw.decode("latin-1"), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret))[3:-3], quote(secret), quote(secret, safe=""), quote_plus(secret), escape(secret),
        base64.b64encode(raw).decode().rstrip("="), base64.b64encode(b"u:" + raw).decode()[4:-4], raw.hex(),
    }  # fmt: skip
    return {text.encode() for text in texts}


FORMS = {form for secret in SECRETS.values() for form in forms(secret)}


def found_in(content: bytes) -> list[bytes]:
    """The forms of secrets in it."""
    return [form for form in FORMS if form in content]


def run(place: Place, *steps: Any, wait: int = 10, **state: Any) -> dict[str, Any]:
    """A workflow that settles; its execution. No answer about it has a secret."""
    definition = {"id": "t", "name": "t", "version": "1.0.0", "initialState": state, "workflow": list(steps)}
    answer = place.server.http.post("/workflows", json=definition, headers={"Prefer": f"wait={wait}"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    for path in ("", "/state", "/events?limit=1000"):
        assert found_in(place.server.http.get(f"/executions/{body['executionId']}{path}").content) == []
    return body


@pytest.mark.parametrize("path", ["/echo", "/html", "/moved", "/404", "/500"])
@pytest.mark.parametrize("response_type", ["json", "text", "base64"])
def test_a_server_that_repeats_what_it_is_told(place: Place, path: str, response_type: str) -> None:
    """Headers, query and body; in whatever form, status and place it comes back."""
    step = {
        "url": place.echo.url(path),
        "method": "POST",
        "headers": {
            "Authorization": {"$secret": "TOKEN", "before": "Bearer "},
            "X-Pin": {"$secret": "PIN"},
        },
        "query": {"key": {"$secret": "WORD"}, "pin": {"$secret": "PIN"}},
        "body": {"client_secret": {"$secret": "TOKEN"}, "pin": [{"$secret": "PIN"}]},
        "responseType": response_type,
        "clientError?": {"log": {"message": "{{input}}"}},
        "error?": {"log": {"message": "{{error}}"}},
    }
    body = run(place, {"fetchApi": step}, {"log": {"message": "$.fetchResponse"}})
    assert body["status"] == "completed"
    asked = [one for one in place.echo.asked if one.path.startswith(path)][-1]
    assert asked.headers["authorization"].encode("latin-1").decode() == f"Bearer {TOKEN}"
    assert quote_plus(WORD) in asked.path
    assert json.loads(asked.body)["client_secret"] == TOKEN


def test_an_address_that_is_a_secret(place: Place) -> None:
    """A web hook; the answer says where it came from, and so do errors."""
    for base in (place.echo.url("/echo?hook="), "http://127.0.0.1:9/", place.echo.url("/404/")):
        step = {"url": {"$secret": "WORD", "before": base, "after": "/x"}, "error?": {"log": {"message": "{{error}}"}}}
        assert run(place, {"fetchApi": step})["status"] == "completed"
    assert any(WORD in asked.path for asked in place.echo.asked)


def test_a_failure_that_is_retried_and_then_ends_the_execution(place: Place) -> None:
    """Every attempt's error is in the log, and the last one in the answer."""
    step = {
        "url": place.echo.url("/500"),
        "headers": {"Authorization": {"$secret": "TOKEN"}},
        "$retry": {"maxAttempts": 3, "delay": 1},
    }
    body = run(place, {"fetchApi": step})
    assert body["status"] == "failed"
    assert body["error"]["code"] == "HTTP_500"
    assert "[secret:TOKEN]" in json.dumps(body["error"])
    kinds = [event["type"] for event in place.server.events(body["executionId"])]
    assert kinds.count("RetryScheduled") == 2


def test_signatures_with_a_secret_that_is_named(place: Place) -> None:
    """The key, and a message that is one, are nowhere; the signature is right."""
    sign = {"operation": "sign", "data": {"$secret": "WORD"}, "secret": {"$secret": "TOKEN"}}
    check = {
        "operation": "verify_signature",
        "data": {"message": {"$secret": "WORD"}, "signature": "$.signature", "secret": {"$secret": "TOKEN"}},
    }
    wrong = {"operation": "verify", "data": {"password": {"$secret": "PIN"}, "hash": {"$secret": "WORD"}}, "error?": {}}
    body = run(place, {"auth": sign}, {"auth": check}, {"auth": wrong})
    assert body["status"] == "completed"
    assert len(body["finalState"]["signature"]) == 64
    assert body["finalState"]["signatureValid"] is True
    assert body["finalState"]["auth_output"]["code"] == "INVALID_PARAMETER"


WAYS = [
    "state",
    "data",
    "edge_map",
    "edge_name",
    "raises",
    "refuses",
    "returns_error",
    "reads",
    "marks",
    "calls",
    "ends",
    "number",
    "logs",
]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("routed", [True, False])
def test_a_node_that_gives_its_secret_away(place: Place, how: str, *, routed: bool) -> None:
    """In the state, on the edge, as an error, by a log line: the name stands where the value was."""
    step: dict[str, Any] = {
        "how": how,
        "secret": "PIN" if how == "number" else "TOKEN",
        "$retry": {"maxAttempts": 2, "delay": 1},
    }
    if routed:
        step["error?"] = {"log": {"message": "{{error}}"}}
    body = run(place, {"leaky": step}, {"log": {"message": "{{input}} {{$.kept}} {{$.list}}"}})
    assert body["status"] == ("completed" if routed or how not in ("raises", "refuses", "returns_error") else "failed")
    if how in ("state", "data", "number", "raises", "refuses", "returns_error"):
        assert "[secret:" in json.dumps(body)
    if how == "logs":
        told = (place.home / "server.log").read_text()
        assert "warned of [secret:TOKEN]" in told
        assert "ValueError: [secret:TOKEN]" in told


def test_a_node_that_shows_its_secret_to_whoever_is_asked(place: Place) -> None:
    """Parked: in the list of waits, in the schema of the answer."""
    body = run(place, {"leaky": {"how": "parks"}})
    assert body["status"] == "suspended"
    assert body["waiting"][0]["title"] == "[secret:TOKEN]"


def test_a_loop_whose_position_is_a_secret(place: Place) -> None:
    """Its keys in the state, its frame, its edge data."""
    body = run(place, {"leaky-loop...": {"loop?": {"log": {"message": "{{loop.item}} {{$.position}}"}}}})
    assert body["finalState"]["lastLoggedMessage"] == "[secret:WORD] [secret:WORD]"


def test_a_node_that_is_too_slow(place: Place) -> None:
    """What it logs after its time is cleaned too."""
    body = run(place, {"leaky": {"how": "late", "$timeout": 100}})
    assert body["error"]["code"] == "NODE_TIMEOUT"
    deadline = monotonic() + 10
    while "late [secret:TOKEN]" not in (place.home / "server.log").read_text():
        assert monotonic() < deadline


def test_a_table_of_a_server_with_secrets(place: Place) -> None:
    """The table store is among the files that are searched."""
    assert run(place, {"database": {"operation": "insert", "table": "t", "data": {"a": 1}}})["status"] == "completed"
    assert (place.home / "log-tables.db").exists()


def test_parameters_and_inputs_are_filled_in_for_the_node_alone(place: Place) -> None:
    """It got the value, at any depth; what it hands on has the name."""
    given = {"a": [{"$secret": "WORD"}], "b": {"$secret": "PIN", "before": "<", "after": ">"}, "c": "$.c"}
    body = run(place, {"taker": {"given": given}}, c={"$secret": "TOKEN"})
    expected = {"a": ["[secret:WORD]"], "b": "<[secret:PIN]>", "c": {"$secret": "TOKEN"}}
    assert body["finalState"]["given"] == expected
    assert body["finalState"]["inputs"] == {"given": expected}


def test_a_secret_that_the_server_does_not_have(place: Place) -> None:
    """A warning when it is submitted, a clear error when it is needed; routed like any."""
    step = {"url": place.echo.url(), "headers": {"X": {"$secret": "TOKENS"}}, "error?": {}}
    definition = {"id": "t", "name": "t", "version": "1.0.0", "workflow": [{"fetchApi": step}]}
    checked = place.server.http.post("/workflows/validate", json=definition).json()
    assert [(one["code"], one["path"], one["nearest"]) for one in checked["warnings"]] == [
        ("UNKNOWN_SECRET", "/workflow/0/fetchApi/headers/X", "TOKEN")
    ]
    before = len(place.echo.asked)
    body = run(place, {"fetchApi": step})
    assert body["finalState"]["fetchApi_output"]["code"] == "UNKNOWN_SECRET"
    assert len(place.echo.asked) == before
