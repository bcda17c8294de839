"""The server: a service on its store, behind the HTTP interface, from start to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

import uvicorn

from application.service import Service
from domain.errors import ClewError
from interfaces.bootstrap import make_service
from interfaces.http.app import create_app
from interfaces.quiet_logs import keep_secrets_out
from interfaces.settings import Settings

GRACE_S: Final = 2
"""How long requests in progress may take to end once the server stops; the engine has its own time after that."""
STOP_S: Final = 9.0
"""How long a stop may take in all. What has not ended by then is left behind: the log has it in flight."""
BACKLOG: Final = 2_048
THREADS_S: Final = 0.5
"""How long threads of nodes may take to notice that there is no more work."""
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
FAILED: Final = 1


class _Server(uvicorn.Server):
    """Says when it listens, and leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config, *, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets=sockets)
        if self.started:
            _say(self._greeting)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none: uvicorn's own way raises them again in the middle of the stop."""
        yield


class _Signals:
    """The first SIGTERM or SIGINT begins a stop in good order; the next one ends the process as it ends any other.

    `stop` is what begins it. Before there is anything to stop, KeyboardInterrupt is raised in the main thread.
    """

    def __init__(self) -> None:
        self.stop: Callable[[], None] = _interrupt
        for number in SIGNALS:
            signal.signal(number, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:  # the kernel acts on the second one, whatever hangs in here by then
            signal.signal(each, signal.SIG_DFL)
        watch = threading.Timer(STOP_S, _leave_everything_behind)
        watch.daemon = True
        watch.start()
        self.stop()


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then end what is in progress, within 10 s. Runs on the main thread.

    Exits with status 1 and one message when the port is taken or the store can't be used.
    """
    keep_secrets_out(settings)
    signals = _Signals()
    with suppress(KeyboardInterrupt):  # asked to stop, and has
        listener = _listen(settings)
        service = _started(settings)
        try:
            _run(settings, service, listener, signals)
        finally:
            service.stop()
            listener.close()
    _leave_threads_behind()


def _interrupt() -> NoReturn:
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


def _run(settings: Settings, service: Service, listener: socket.socket, signals: _Signals) -> None:
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
    server = _Server(config, greeting=greeting)

    def stop() -> None:
        server.should_exit = True
        app.state.api.closing.set()
        service.stop_taking_work()

    signals.stop = stop
    server.run(sockets=[listener])


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _leave_threads_behind() -> None:
    """End the process although a node still runs in a thread, which can't be ended otherwise; the log has it in flight.

    The interpreter would wait for the threads of every executor, those that nodes made themselves too.
    """
    late = [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    for thread in late:
        thread.join(THREADS_S / len(late))
    if any(thread.is_alive() for thread in late):
        _exit()


def _leave_everything_behind() -> None:
    """End the process although it has not come to the end of its stop: what is acknowledged is in the log already."""
    _say(
        f"The stop took more than {STOP_S:g} s. What still ran is left as the log has it, and goes on at the next start."
    )
    _exit()


def _exit() -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the server's own voice


def _fail(message: str) -> NoReturn:
    _say(message)
    raise SystemExit(FAILED)
