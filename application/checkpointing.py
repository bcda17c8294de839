"""Checkpoints: what they hold, when there is to be one, and who writes them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from threading import Condition, Thread
from typing import Final

import msgspec

from application.ports import Checkpoint, Checkpoints, Recorded, StoreUnavailable
from domain import json
from domain.execution import Execution

logger = logging.getLogger("clew.checkpoints")
MEANING: Final = 2
"""Raise it with any change to what events fold to: what was kept before is then of no use any more."""
APART: Final = 128
"""Events between checkpoints of an execution, at least: reading those takes about as long as reading a checkpoint."""
MAX_WAITING: Final = 256
"""Checkpoints waiting to be written."""
MAX_WAITING_BYTES: Final = 32 * 1_048_576
"""Their size together. What comes when this is reached is dropped."""
STOP_S: Final = 2.0
"""How long a stop waits for those that are waiting."""
SEAL_BYTES: Final = 16

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Execution).decode


@cache
def fold_format() -> str:
    """Names what an encoded fold means to this code: the shape of an execution, and the meaning of its fold."""
    return json.digest([MEANING, msgspec.json.schema(Execution)])[:16]


def checkpoint_of(execution: Execution, hash_: bytes) -> Checkpoint:
    """The checkpoint of an execution whose newest event has this hash in the log."""
    fold = _encode(execution)
    return Checkpoint(
        execution_id=execution.id,
        version=execution.version,
        time=execution.updated,
        hash=hash_,
        fold=_seal(fold, hash_) + fold,
    )


def restored(checkpoint: Checkpoint, recorded: Recorded) -> Execution | None:
    """The execution that a checkpoint holds, if it is of this very event of the log, and whole; else None."""
    if (checkpoint.version, checkpoint.hash) != (recorded.version, recorded.hash):
        return None
    seal, fold = checkpoint.fold[:SEAL_BYTES], checkpoint.fold[SEAL_BYTES:]
    if seal != _seal(fold, recorded.hash):
        return None
    try:
        execution = _decode(fold)
    except msgspec.DecodeError:
        return None
    return execution if (execution.id, execution.version) == (recorded.stream, recorded.version) else None


def _seal(fold: bytes, hash_: bytes) -> bytes:
    """What shows that a fold is as it was written, and for that event."""
    return sha256(hash_ + fold).digest()[:SEAL_BYTES]


class Growth:
    """How much a history has grown since its newest checkpoint, and the bytes of that one (0: there is none)."""

    __slots__ = ("bytes", "events", "size")

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.events = 0
        self.bytes = 0

    def add(self, recorded: Sequence[Recorded]) -> None:
        """These events were recorded."""
        self.events += len(recorded)
        for each in recorded:
            self.bytes += each.size

    @property
    def outweighs(self) -> bool:
        """Whether it is time for a checkpoint: so all of them together are hardly larger than the history."""
        return self.events >= APART and self.bytes >= self.size

    def restart(self, size: int) -> None:
        """There is a checkpoint now, of so many bytes."""
        self.size = size
        self.events = self.bytes = 0


class CheckpointWriter:
    """Writes checkpoints on a thread of its own, so that nobody waits for them.

    What it has no room for, or can't write, is dropped: an execution without a checkpoint is only folded for longer.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._waiting: list[Checkpoint] = []
        self._bytes = 0
        self._changed = Condition()
        self._is_busy = False
        self._stopping = False
        self._thread: Thread | None = None

    def offer(self, checkpoint: Checkpoint) -> bool:
        """Have a checkpoint written. False: there is no room for it."""
        with self._changed:
            full = self._waiting and self._bytes + len(checkpoint.fold) > MAX_WAITING_BYTES
            if self._stopping or full or len(self._waiting) >= MAX_WAITING:
                return False
            self._waiting.append(checkpoint)
            self._bytes += len(checkpoint.fold)
            if self._thread is None:
                self._thread = Thread(target=self._write_all, name="clew-checkpoints", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    def drain(self, timeout_s: float) -> bool:
        """Wait until what was offered is written or dropped. False: it takes longer than that."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._is_busy, timeout_s)

    def stop(self) -> None:
        """Take no more, and end when what is waiting is written; a disk that hangs is waited for no longer than a while."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _write_all(self) -> None:
        while batch := self._next():
            try:
                self._checkpoints.put(batch)
            except StoreUnavailable as error:
                logger.warning("%d checkpoints are not kept: %s", len(batch), error.message)
            except Exception:  # the thread must outlive whatever is wrong with one of them
                logger.exception("%d checkpoints are not kept", len(batch))

    def _next(self) -> list[Checkpoint]:
        """What is waiting; nothing when it is time to end."""
        with self._changed:
            self._is_busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            batch, self._waiting, self._bytes = self._waiting, [], 0
            self._is_busy = bool(batch)
            return batch
