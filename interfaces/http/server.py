"""The server: a service on its store, behind the HTTP interface, from start to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

import uvicorn
from starlette.applications import Starlette

from application.service import Service
from domain.errors import ClewError
from interfaces.bootstrap import make_service
from interfaces.http.app import create_app
from interfaces.quiet_logs import keep_secrets_out
from interfaces.settings import Settings

GRACE_S: Final = 3
"""How long requests in progress may take to end once the server stops; the engine has its own time after that."""
BACKLOG: Final = 2_048
THREADS_S: Final = 0.5
"""How long threads of nodes may take to notice that there is no more work."""
NODE_THREADS: Final = "clew-node"
"""How the names of the threads begin that plain nodes run in."""
FAILED: Final = 1


class _Server(uvicorn.Server):
    """Says when it listens, and lets nobody wait for an answer once it is to stop."""

    def __init__(self, config: uvicorn.Config, app: Starlette, *, greeting: str) -> None:
        super().__init__(config)
        self._app = app
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets=sockets)
        if self.started:
            _say(self._greeting)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; again: stop at once."""
        self._app.state.api.closing.set()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then end what is in progress, within 10 s. Runs on the main thread.

    Exits with status 1 and one message when the port is taken or the store can't be used.
    """
    keep_secrets_out(settings)
    # uvicorn raises the signals that it took again when it is done; the service is to be stopped before the end.
    signal.signal(signal.SIGTERM, _interrupt)
    with suppress(KeyboardInterrupt):  # asked to stop, and has
        listener = _listen(settings)
        service = _started(settings)
        try:
            _run(settings, service, listener)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            service.stop()
            listener.close()
    _leave_threads_behind()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _listen(settings: Settings) -> socket.socket:
    """The port, taken before the store is touched."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # From here on another server gets told that the port is taken; requests wait until the service is there.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        _fail(f"{settings.host}:{settings.port} can't be listened on: {why}. Choose another with --host and --port.")
    return listener


def _started(settings: Settings) -> Service:
    service = None
    try:
        service = make_service(settings)
        service.start()
    except (ClewError, OSError) as error:
        if service is not None:
            service.stop()
        _fail(f"Clew can't start on {settings.shown_store}: {getattr(error, 'message', error)}")
    except BaseException:
        if service is not None:
            service.stop()
        raise
    return service


def _run(settings: Settings, service: Service, listener: socket.socket) -> None:
    app = create_app(service, limits=settings.limits)
    for problem in service.nodes.problems():
        place = f"{problem.source}:{problem.line}" if problem.line is not None else problem.source
        _say(f"This node could not be loaded: {place}: {problem.message}")
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )
    version = app.state.api.version
    greeting = f"Clew {version} listens on {_address(listener)}, store {settings.shown_store}"
    _Server(config, app, greeting=greeting).run(sockets=[listener])


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _leave_threads_behind() -> None:
    """End the process although a node still runs in a thread, which can't be ended otherwise; the log has it in flight.

    Daemons or not, the interpreter would wait for the threads of every executor.
    """
    late = [thread for thread in threading.enumerate() if thread.name.startswith(NODE_THREADS)]
    for thread in late:
        thread.join(THREADS_S / len(late))
    if any(thread.is_alive() for thread in late):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the server's own voice


def _fail(message: str) -> NoReturn:
    _say(message)
    raise SystemExit(FAILED)
