"""`fetchApi` against real servers on 127.0.0.1."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore2
import pytest

from infrastructure.nodes.addresses import HostPatterns
from infrastructure.nodes.connecting import ExchangeFailed, GuardedBackend
from infrastructure.nodes.exchange import MAX_REDIRECTS, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES
from infrastructure.nodes.fetch_api import FetchApi
from infrastructure.nodes.library import standard_registry
from infrastructure.nodes.outside import Outside
from tests.support.nodes import Visit, run
from tests.support.outside import Asked, Reply, ran, web

LOCAL = HostPatterns(["127.0.0.1"])
KEYS = ("fetchResponse", "fetchStatus", "fetchHeaders", "apiResponse", "apiStatus", "apiHeaders")


def resolving(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    """A resolver that answers the same for every name."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def fetch(url: str, *, routed: tuple[str, ...] = (), allowed: HostPatterns = LOCAL, **config: Any) -> Visit:
    """One visit."""
    return run(FetchApi(allowed), {"url": url, **config}, routed=routed)


def echo(asked: Asked) -> Reply:
    """Answer with what was asked."""
    seen = {"method": asked.method, "path": asked.path, "headers": asked.headers, "body": asked.body.decode()}
    return Reply(body=json.dumps(seen).encode())


def test_a_get_gives_its_json() -> None:
    """Edge data and all six state keys; no idempotency key, since a GET changes nothing."""
    with web(lambda asked: Reply(body=b'{"a": [1, null]}', headers=(("X-Kind", "b"),))) as server:
        visit = fetch(server.url("/things?a=1"))
    assert visit.edge == "success"
    assert visit.data == {
        "data": {"a": [1, None]},
        "status": 200,
        "statusText": "OK",
        "headers": visit.data["headers"],
        "url": server.url("/things?a=1"),
        "redirected": False,
    }
    assert visit.data["headers"]["x-kind"] == "b"
    for prefix in ("fetch", "api"):
        assert visit.state[f"{prefix}Response"] == {"a": [1, None]}
        assert visit.state[f"{prefix}Status"] == 200
        assert visit.state[f"{prefix}Headers"] == visit.data["headers"]
    assert set(visit.state) == set(KEYS)
    assert "idempotency-key" not in server.asked[0].headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_has_an_idempotency_key(method: str) -> None:
    """The visit's, unless the author gave one, in whatever case."""
    with web(echo) as server:
        own = fetch(server.url(), method=method).data["data"]
        given = fetch(server.url(), method=method, headers={"idempotency-KEY": "mine"}).data["data"]
    assert own["method"] == method
    assert own["headers"]["idempotency-key"] == "key"
    assert given["headers"]["idempotency-key"] == "mine"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_only_asks_has_none(method: str) -> None:
    """GET, HEAD and OPTIONS."""
    with web(echo) as server:
        assert fetch(server.url(), method=method).edge == "success"
    assert server.asked[0].method == method
    assert "idempotency-key" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        ({"a": "ä"}, '{"a":"ä"}', "application/json"),
        ([1], "[1]", "application/json"),
        (5, "5", "application/json"),
        (False, "false", "application/json"),
        ("a=1", "a=1", "text/plain; charset=utf-8"),
        (None, "", None),
    ],
)
def test_bodies(body: Any, sent: str, content_type: str | None) -> None:
    """Text as it is, everything else as JSON, null as none; the author's own content type stays."""
    with web(echo) as server:
        found = fetch(server.url(), method="POST", body=body).data["data"]
        typed = fetch(server.url(), method="POST", body=body, headers={"content-type": "x/y"}).data["data"]
    assert found["body"] == sent
    assert found["headers"].get("content-type") == content_type
    assert typed["headers"]["content-type"] == "x/y"


def test_query_and_headers() -> None:
    """The query is added to the URL's own, lists repeat, nulls are left out; headers may be numbers and booleans."""
    query = {"b": ["x y", 2], "c": None, "d": True, "e": {"f": 1}}
    with web(echo) as server:
        headers = {"X-N": 5, "X-B": True, "X-Null": None, "X-U": "ä"}
        found = fetch(server.url("/p?a=%2F#part"), query=query, headers=headers).data["data"]
    assert found["path"] == "/p?a=%2F&b=x+y&b=2&d=true&e=%7B%22f%22%3A1%7D"
    assert found["headers"]["x-n"] == "5"
    assert found["headers"]["x-b"] == "true"
    assert "x-null" not in found["headers"]
    assert found["headers"]["x-u"].encode("latin-1").decode() == "ä"


@pytest.mark.parametrize(
    ("response_type", "body", "content_type", "data"),
    [
        ("json", b"no json", "application/json", "no json"),
        ("json", b"", "application/json", ""),
        ("json", b'{"n": NaN}', "application/json", '{"n": NaN}'),
        ("json", b"[" * 500 + b"]" * 500, "application/json", "[" * 500 + "]" * 500),
        ("json", b"1" * 400, "application/json", "1" * 400),
        ("json", "\ufeff".encode() + b"{", "application/json", "\ufeff{"),
        ("text", b'{"a":1}', "application/json", '{"a":1}'),
        ("text", "ä".encode("latin-1"), "text/plain; charset=ISO-8859-1", "ä"),
        ("text", b"\xff", "text/plain", "\ufffd"),
        ("text", b"abc", "text/plain; charset=punycode", "abc"),
        ("base64", b"\x00\xff", "image/png", "AP8="),
        ("blob", b"\x00\xff", "image/png", "AP8="),
        ("arrayBuffer", b"\x00\xff", "image/png", "AP8="),
    ],
)
def test_response_types(response_type: str, body: bytes, content_type: str, data: Any) -> None:
    """JSON that does not parse, or that a state can't hold, stays text."""
    with web(lambda asked: Reply(body=body, headers=(("Content-Type", content_type),))) as server:
        visit = fetch(server.url(), responseType=response_type)
    assert visit.edge == "success"
    assert visit.data["data"] == data


@pytest.mark.parametrize(
    ("status", "own", "recoverable"),
    [
        (400, "clientError", False),
        (404, "clientError", False),
        (408, "clientError", True),
        (429, "clientError", True),
        (500, "serverError", True),
        (503, "serverError", True),
    ],
)
def test_statuses_that_are_no_success(*, status: int, own: str, recoverable: bool) -> None:
    """Their own edge only if it is routed, else `error`; the response is in the state either way."""
    with web(lambda asked: Reply(status, b'{"why": "so"}')) as server:
        routed = fetch(server.url("/a?key=s3cret"), routed=("clientError", "serverError"))
        unrouted = fetch(server.url("/a?key=s3cret"), routed=("success", "error"))
    assert routed.edge == own
    assert routed.data["data"] == {"why": "so"}
    assert routed.data["status"] == status
    assert routed.data["error"]["code"] == f"HTTP_{status}"
    assert routed.data["error"]["recoverable"] is recoverable
    assert unrouted.code == f"HTTP_{status}"
    assert unrouted.data["recoverable"] is recoverable
    assert unrouted.data["details"]["data"] == {"why": "so"}
    assert "s3cret" not in unrouted.data["message"]
    for visit in (routed, unrouted):
        assert visit.state["apiStatus"] == visit.state["fetchStatus"] == status
        assert visit.state["apiResponse"] == visit.state["fetchResponse"] == {"why": "so"}


def test_a_status_between_is_an_error() -> None:
    """304 is neither a success nor a client's or server's error: it is not passed over."""
    with web(lambda asked: Reply(304)) as server:
        visit = fetch(server.url(), routed=("success", "clientError", "serverError"))
    assert visit.code == "HTTP_304"
    assert visit.data["recoverable"] is False


def nothing_there(visit: Visit) -> None:
    """The state of a network failure: null, status 0."""
    assert visit.state == {key: 0 if key.endswith("Status") else None for key in KEYS}


def test_a_server_that_is_not_there() -> None:
    """A network failure may pass."""
    with web(echo) as server:
        pass
    visit = fetch(server.url("/?key=s3cret"))
    assert visit.code == "NETWORK_ERROR"
    assert visit.data["recoverable"] is True
    assert "s3cret" not in json.dumps(visit.data)
    nothing_there(visit)


def test_a_slow_server() -> None:
    """The time covers the whole request."""
    with web(lambda asked: Reply(wait_s=1.0)) as server:
        began = time.monotonic()
        visit = fetch(server.url(), timeout="200ms")
        assert time.monotonic() - began < 0.9
    assert visit.code == "REQUEST_TIMEOUT"
    assert visit.data["recoverable"] is True
    nothing_there(visit)


def test_a_body_without_end_is_cut() -> None:
    """It is refused as soon as it is over the limit."""
    with web(lambda asked: Reply(endless=True)) as server:
        visit = fetch(server.url())
    assert visit.code == "RESPONSE_TOO_LARGE"
    nothing_there(visit)


def test_the_limit_of_a_body_is_inclusive_and_of_the_inflated_one() -> None:
    """A body of just the limit is taken; one byte more is not, however small it was on the way."""
    bodies = {"/fits": b"x" * MAX_RESPONSE_BYTES, "/over": b"x" * (MAX_RESPONSE_BYTES + 1)}

    def packed(asked: Asked) -> Reply:
        return Reply(body=gzip.compress(bodies[asked.path]), headers=(("Content-Encoding", "gzip"),))

    with web(packed) as server:
        fits = fetch(server.url("/fits"), responseType="text")
        assert fits.edge == "success"
        assert fits.data["data"] == "x" * MAX_RESPONSE_BYTES
        assert fetch(server.url("/over")).code == "RESPONSE_TOO_LARGE"


def test_a_bomb_is_not_inflated() -> None:
    """200 MB in 200 KB: refused in no time, without room for it."""
    bomb = gzip.compress(b"\0" * 200_000_000, 1)
    with web(lambda asked: Reply(body=bomb, headers=(("Content-Encoding", "gzip"),))) as server:
        began = time.monotonic()
        assert fetch(server.url()).code == "RESPONSE_TOO_LARGE"
        assert time.monotonic() - began < 1.0


@pytest.mark.parametrize(
    ("encoding", "body", "code"),
    [
        ("br", b"x", "UNKNOWN_ENCODING"),
        ("gzip", b"no gzip", "NETWORK_ERROR"),
        ("gzip", gzip.compress(b"text" * 1_000)[:-20], "NETWORK_ERROR"),
    ],
    ids=["not asked for", "no gzip", "cut off"],
)
def test_broken_encodings(encoding: str, body: bytes, code: str) -> None:
    """Half a body is none."""
    with web(lambda asked: Reply(body=body, headers=(("Content-Encoding", encoding),))) as server:
        assert fetch(server.url()).code == code


def test_a_request_that_is_too_large() -> None:
    """Nothing is sent."""
    with web(echo) as server:
        assert fetch(server.url(), method="POST", body="x" * (MAX_REQUEST_BYTES + 1)).code == "REQUEST_TOO_LARGE"
    assert server.asked == []


def redirect(to: str, status: int = 302) -> Reply:
    """A redirect, with a body that nobody should wait for."""
    return Reply(status, headers=(("Location", to),), endless=True)


def test_redirects_are_followed() -> None:
    """A POST becomes a GET at 302 and stays one at 307."""
    with web(lambda asked: redirect("/end", int(asked.path[1:])) if asked.path != "/end" else echo(asked)) as server:
        found = fetch(server.url("/302"), method="POST", body={"a": 1})
        kept = fetch(server.url("/307"), method="POST", body={"a": 1})
    assert found.data["redirected"] is True
    assert found.data["url"] == server.url("/end")
    assert found.data["data"]["method"] == "GET"
    assert kept.data["data"]["method"] == "POST"
    assert kept.data["data"]["body"] == '{"a":1}'
    assert kept.data["data"]["headers"]["idempotency-key"] == "key"


def test_redirects_in_a_circle() -> None:
    """They end."""
    with web(lambda asked: redirect("/")) as server:
        assert fetch(server.url()).code == "TOO_MANY_REDIRECTS"
    assert len(server.asked) == MAX_REDIRECTS + 1


def test_credentials_stay_with_the_first_origin() -> None:
    """Another origin gets none of the author's own headers, the same one all."""
    headers = {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "Cookie": "s=s3cret", "Accept": "a/b"}
    with web(echo) as other, web(lambda asked: redirect(other.url()) if asked.path == "/" else echo(asked)) as server:
        found = fetch(server.url(), headers=headers)
        assert found.data["url"] == other.url()
        assert "s3cret" not in json.dumps(found.data)
        assert found.data["data"]["headers"]["accept"] == "a/b"
        assert found.data["data"]["headers"]["host"] == f"127.0.0.1:{other.port}"
        assert server.asked[0].headers["x-api-key"] == "s3cret"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/",
        "http://127.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(url: str) -> None:
    """Whatever they are written as: nothing is connected to."""
    with web(echo) as server:
        visit = fetch(url.format(port=server.port), allowed=HostPatterns())
    assert visit.code == "ADDRESS_REFUSED"
    assert visit.data["recoverable"] is False
    assert "CLEW_ALLOW_HOSTS" in visit.data["message"]
    assert server.asked == []
    nothing_there(visit)


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:{port}/", "http://169.254.169.254/latest/meta-data", "http://[::1]:{port}/", "//10.0.0.1/"]
)
def test_a_redirect_to_a_private_address_is_refused(to: str) -> None:
    """An address is checked at each redirect, also where the first one was allowed."""
    with web(echo) as inside:
        target = to.format(port=inside.port)
        with web(lambda asked: redirect(target)) as server:
            visit = fetch(server.url(), allowed=HostPatterns([f"127.0.0.1:{server.port}"]))
    assert visit.code == "ADDRESS_REFUSED"
    assert inside.asked == []


def test_a_redirect_to_another_scheme_is_refused() -> None:
    """http and https only."""
    with web(lambda asked: redirect("file:///etc/passwd" if asked.path == "/f" else "ftp://127.0.0.1/")) as server:
        assert fetch(server.url("/f")).edge == "error"
        assert fetch(server.url("/g")).code == "ADDRESS_REFUSED"


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://a b/", "http://[::1/", "http://"]
)
def test_a_redirect_to_nowhere(to: str) -> None:
    """Is an error like any other."""
    with web(lambda asked: redirect(to)) as server:
        assert fetch(server.url()).edge == "error"


def test_a_name_that_resolves_to_a_private_address_is_refused() -> None:
    """What counts is the address, and each attempt resolves and checks anew."""
    with web(echo) as server:
        node = FetchApi(HostPatterns(), resolve=resolving("127.0.0.1"))
        visit = run(node, {"url": f"http://api.example.com:{server.port}/"})
    assert visit.code == "ADDRESS_REFUSED"
    assert server.asked == []


def test_the_checked_address_is_the_one_connected_to() -> None:
    """The name is resolved once; it stays in `Host`, and a resolver that changes its mind changes nothing."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with web(echo) as server:
        node = FetchApi(HostPatterns(["api.example.com"]), resolve=resolve)
        visit = run(node, {"url": f"http://API.example.com:{server.port}/"})
    assert visit.edge == "success"
    assert visit.data["data"]["headers"]["host"] == f"api.example.com:{server.port}"
    assert asked == ["api.example.com"]


def test_a_name_without_an_address() -> None:
    """May have one later."""

    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    for resolve in (nowhere, resolving()):
        visit = run(FetchApi(resolve=resolve), {"url": "http://api.example.com/"})
        assert visit.code == "NETWORK_ERROR"
        assert visit.data["recoverable"] is True


class Recorder(httpcore2.AsyncNetworkBackend):
    """Notes where it is to connect; the first of two addresses does not answer."""

    def __init__(self) -> None:
        self.connected: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.connected.append(host)
        if len(self.connected) == 1:
            raise httpcore2.ConnectError("no answer")
        return httpcore2.AsyncMockStream([])


def test_of_several_addresses_only_allowed_ones_are_tried() -> None:
    """One after another, each as the address that was checked."""
    inner = Recorder()
    resolve = resolving("10.0.0.1", "8.8.8.8", "127.0.0.1", "8.8.4.4")
    backend = GuardedBackend(HostPatterns(), resolve, inner=inner)
    asyncio.run(backend.connect_tcp("api.example.com", 443))
    assert inner.connected == ["8.8.8.8", "8.8.4.4"]


def test_tls_is_spoken_with_the_name_not_the_address() -> None:
    """The certificate is checked against the host of the URL although the connection goes to a pinned address."""
    names: list[str | None] = []

    class Stream(httpcore2.AsyncMockStream):
        async def start_tls(
            self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
        ) -> httpcore2.AsyncNetworkStream:
            names.append(server_hostname)
            assert ssl_context.check_hostname is True
            return self

    class Inner(Recorder):
        async def connect_tcp(self, host: str, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
            self.connected.append(host)
            return Stream([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])

    inner = Inner()
    node = FetchApi()
    node._door._backend = GuardedBackend(HostPatterns(), resolving("8.8.8.8"), inner=inner)
    visit = run(node, {"url": "https://api.example.com/"})
    assert visit.data["data"] == {}
    assert inner.connected == ["8.8.8.8"]
    assert names == ["api.example.com"]


def test_a_certificate_that_does_not_hold_is_not_tried_again() -> None:
    """Another attempt would find the same one."""

    class Stream(httpcore2.AsyncMockStream):
        async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
            try:
                raise ssl.SSLCertVerificationError("mismatch")
            except ssl.SSLError as error:  # as the real backend does: the pool keeps the context, and loses the cause
                raise httpcore2.ConnectError(str(error)) from error

    class Inner(Recorder):
        async def connect_tcp(self, host: str, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
            return Stream([])

    node = FetchApi()
    node._door._backend = GuardedBackend(HostPatterns(), resolving("8.8.8.8"), inner=Inner())
    visit = run(node, {"url": "https://api.example.com/"})
    assert visit.code == "CERTIFICATE_REFUSED"
    assert visit.data["recoverable"] is False
    nothing_there(visit)


def test_a_unix_socket_is_never_connected_to() -> None:
    """The backend refuses what it can't check."""
    with pytest.raises(ExchangeFailed):
        asyncio.run(GuardedBackend(HostPatterns(), resolving()).connect_unix_socket("/run/docker.sock"))


@pytest.mark.parametrize(
    "config",
    [
        {"url": "ftp://example.com/"},
        {"url": "file:///etc/passwd"},
        {"url": "example.com"},
        {"url": "http://"},
        {"url": "http://[::1/"},
        {"url": "http://example.com:99999/"},
        {"url": "http://example.com:0/"},
        {"url": "http://example.com/a\nb"},
        {"url": "http://user:s3cret@example.com/"},
        {"url": "http://example.com/" + "x" * 9_000},
        {"url": ""},
        {"url": "http://example.com/", "method": "TRACE"},
        {"url": "http://example.com/", "method": "get"},
        {"url": "http://example.com/", "headers": {"Host": "a"}},
        {"url": "http://example.com/", "headers": {"content-length": 5}},
        {"url": "http://example.com/", "headers": {"A": "b\r\nC: d"}},
        {"url": "http://example.com/", "headers": {"A\n": "b"}},
        {"url": "http://example.com/", "headers": {"A": ["b"]}},
        {"url": "http://example.com/", "headers": []},
        {"url": "http://example.com/", "timeout": "soon"},
        {"url": "http://example.com/", "timeout": 0},
        {"url": "http://example.com/", "responseType": "xml"},
        {"url": 5},
    ],
)
def test_bad_parameters(config: dict[str, Any]) -> None:
    """They are the error edge, with null keys, before anything is sent or resolved."""
    visit = run(FetchApi(resolve=resolving("127.0.0.1")), config)
    assert visit.code == "INVALID_PARAMETER"
    assert "s3cret" not in json.dumps(visit.data)
    assert visit.state == dict.fromkeys(KEYS)


def test_retries_of_the_engine_use_one_idempotency_key() -> None:
    """A 503 is retried, and the server sees the same key again."""
    with web(lambda asked: Reply(503) if len(server.asked) < 3 else Reply(body=b'{"ok": true}')) as server:
        step = {"url": server.url(), "method": "POST", "$retry": {"maxAttempts": 3, "delay": 10}}
        definition = {"id": "w", "name": "w", "version": "1.0.0", "workflow": [{"fetchApi": step}]}
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(allowed=LOCAL))
        run_ = ran(definition, nodes)
    assert run_.execution["status"] == "completed"
    assert run_.state["apiResponse"] == {"ok": True}
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1
    assert len(server.asked) == 3


def test_a_request_ends_before_its_step() -> None:
    """With the same time for both, the request says that it was too slow, and the state is that of a network failure."""
    with web(lambda asked: Reply(wait_s=1.0)) as server:
        step = {"url": server.url(), "timeout": 600, "$timeout": 600, "error?": "empty"}
        definition = {"id": "w", "name": "w", "version": "1.0.0", "workflow": [{"fetchApi": step}]}
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(allowed=LOCAL))
        found = ran(definition, nodes)
    assert found.visits == ["fetchApi error", "empty nothing"]
    assert found.state["apiStatus"] == 0
    assert found.state["fetchApi_output"]["code"] == "REQUEST_TIMEOUT"


def test_a_step_whose_time_is_up_hangs_up() -> None:
    """The request is given up with the step, and writes nothing."""
    with web(lambda asked: Reply(wait_s=1.0)) as server:
        step = {"url": server.url(), "$timeout": 200, "error?": "empty"}
        definition = {"id": "w", "name": "w", "version": "1.0.0", "workflow": [{"fetchApi": step}]}
        nodes = standard_registry(files_root=None, entry_points=False, outside=Outside(allowed=LOCAL))
        found = ran(definition, nodes)
    assert "NODE_TIMEOUT" in found.log
    assert "apiStatus" not in found.state
