"""Keeps the views up with the log."""

from __future__ import annotations

import logging
from threading import Condition, Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

from application.ports import Summary
from application.summaries import summarise
from domain.errors import ClewError
from domain.events import WorkflowPublished

if TYPE_CHECKING:
    from application.ports import EventLog, Views

BATCH: Final = 2_048
"""Events per transaction of the views: what many of them say of one execution is written once."""
PAGE: Final = 256
"""Of these so many are in memory at once."""
LINGER_S: Final = 0.05
"""How long a batch may grow while nobody waits for it; one transaction for each event costs 28 times more."""
LINGER_TIMES: Final = 4
"""How many times as long as it took the last time it may grow, if that is more: a fifth of a core is enough for lists."""
POLL_S: Final = 1.0
"""How often the follower looks at the log without being woken."""
FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 5.0

_logger = logging.getLogger(__name__)


class Projector:
    """Folds the log into the views, in order of position, each event exactly once: rows and position are one write."""

    def __init__(self, log: EventLog, views: Views) -> None:
        self._log = log
        self._views = views
        self._projecting = Lock()
        self._moved = Condition()
        self._position = 0  # as of the last batch; guarded by _moved
        self._wake = Event()
        self._hurry = Event()
        self._stopping = Event()
        self._thread: Thread | None = None

    def catch_up(self) -> int:
        """Project until the head of the log, and answer with the position reached.

        Views that have come further than the log does belong to another one, and are built anew.
        """
        with self._projecting:
            position = self._views.position()
            if position > self._log.position():
                _logger.warning("The views are ahead of the log (at %d): building them anew.", position)
                self._views.clear()
                position = 0
            self._reached(position)
            more = True
            while more and not self._stopping.is_set():
                position, more = self._project(position)
                self._reached(position)
            return position

    def start(self) -> None:
        """Follow the log in a thread of its own until `stop`."""
        assert self._thread is None
        self._stopping.clear()
        self._thread = Thread(target=self._follow, name="clew-projector", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something was appended. Cheap, and safe from any thread."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread after the batch it is at. The views stay where they are; `wait_for` answers at once."""
        self._stopping.set()
        self._wake.set()
        self._hurry.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._moved:
            self._moved.notify_all()

    def wait_for(self, position: int, timeout_s: float) -> bool:
        """Whether the views reach a position within a time."""
        with self._moved:
            if self._position >= position:
                return True
            self._hurry.set()
            self._wake.set()
            self._moved.wait_for(lambda: self._position >= position or self._stopping.is_set(), timeout_s)
            return self._position >= position

    def _project(self, position: int) -> tuple[int, bool]:
        """Project a batch. The position reached, and whether there was more: what comes now is for the next one to gather."""
        rows: dict[str, Summary | None] = {}
        published: list[WorkflowPublished] = []
        events, asked = 0, min(PAGE, BATCH)
        more = True
        while more and events < BATCH:
            page = self._log.follow(position, asked)
            events, more = events + len(page), len(page) == asked
            rows.update(self._views.get(sorted({recorded.stream for recorded in page} - rows.keys())))
            for recorded in page:
                rows[recorded.stream] = summarise(rows.get(recorded.stream), recorded)
                if isinstance(recorded.event, WorkflowPublished):
                    published.append(recorded.event)
            position = page[-1].position if page else position
        if events:
            self._views.put([row for row in rows.values() if row is not None], position, published=published)
        return position, more

    def _reached(self, position: int) -> None:
        with self._moved:
            self._position = position
            self._moved.notify_all()

    def _follow(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        linger_s = LINGER_S
        while not self._stopping.is_set():
            self._wake.wait(POLL_S)
            self._hurry.wait(linger_s)
            self._wake.clear()  # before reading: an append after this wakes again
            self._hurry.clear()
            begun = monotonic()
            if self._caught_up(backoff_s):
                backoff_s = FIRST_BACKOFF_S
                linger_s = min(max(LINGER_S, LINGER_TIMES * (monotonic() - begun)), POLL_S)
            else:
                self._stopping.wait(backoff_s)
                backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def _caught_up(self, backoff_s: float) -> bool:
        try:
            self.catch_up()
        except ClewError as error:
            _logger.warning(
                "The lists can't be brought up to date: %s Trying again in %.1f s.", error.message, backoff_s
            )
        except Exception:  # the thread must outlive whatever is wrong, or the lists would silently stand still
            _logger.exception("The lists can't be brought up to date. Trying again in %.1f s.", backoff_s)
        else:
            return True
        self._wake.set()  # what was there to project still is
        return False
