"""Lines for a pipe, a file or a terminal, written by a thread: a slow or stopped reader blocks only that thread.

Bounded: lines that do not fit are dropped and counted, and the count is written once lines can be written again. Knows
no log.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from monitor.part_metrics import PartMetrics

WAITING_MAX_BYTES = 4 * 1024 * 1024
LINE_COST_BYTES = 100  # what a waiting line takes besides its text
ATOMIC_BYTES = select.PIPE_BUF  # up to so many bytes of several writers of one pipe do not mix
REPORT_EVERY_S = 1.0
# A request took some 350 µs of CPU where each line woke the thread, so 320; 300 where it wrote the line itself
GATHER_S = 0.005
CLOSE_WITHIN_S = 2.0


class LineWriter:
    """Writes to a copy of `descriptor`.

    `dropped_line(count)` is the line that says how many were dropped since the last that did.
    """

    def __init__(
        self, descriptor: int, *, dropped_line: Callable[[int], bytes], waiting_max_bytes: int = WAITING_MAX_BYTES
    ) -> None:
        self.dropped = 0
        self._descriptor = os.dup(descriptor)
        self._dropped_line = dropped_line
        self._waiting_max_bytes = waiting_max_bytes
        self._queue: SimpleQueue[bytes | threading.Event | None] = SimpleQueue()
        self._lock = threading.RLock()  # what the garbage collector ends within `put` may log, too
        self._queued_bytes = 0  # ever; the thread counts what it has dealt with
        self._done_bytes = 0
        self._reported = 0  # of those that were dropped
        self._reported_at_s = 0.0
        self._woke_at_s = 0.0
        self._stuck_at: int | None = None  # how far it was when a flush was given up
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="line-writer", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Queue a line, its line end included. Waits for nothing; from any thread."""
        cost = len(line) + LINE_COST_BYTES
        with self._lock:
            if self._is_closed or self._queued_bytes - self._done_bytes + cost > self._waiting_max_bytes:
                self.dropped += 1
                return
            self._queued_bytes += cost
            self._queue.put(line)

    def metrics(self) -> PartMetrics:
        return PartMetrics(counters={"log_lines_dropped_total": [((), self.dropped)]})

    def flush(self, within_s: float = CLOSE_WITHIN_S) -> bool:
        """Wait until what was put is written; False where it was not in time.

        After a flush that failed, a later one waits only if the thread has made progress since.
        """
        if self._is_closed or self._stuck_at == self._done_bytes:
            return self._is_closed
        reached = threading.Event()
        self._queue.put(reached)
        is_written = reached.wait(within_s)
        self._stuck_at = None if is_written else self._done_bytes
        return is_written

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Write what waits, within a time, and end; what comes later is dropped. Idempotent."""
        self.flush(within_s)
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        ahead: bytes | threading.Event | None = None
        while True:
            item, ahead = (self._next(), None) if ahead is None else (ahead, None)
            if item is None:
                break
            if isinstance(item, threading.Event):
                self._report_dropped()
                item.set()
                continue
            batch, size, is_end = [item], len(item), False
            while size < ATOMIC_BYTES:
                try:
                    ahead = self._queue.get_nowait()
                except Empty:
                    break
                if ahead is None:
                    is_end = True
                    break
                if isinstance(ahead, threading.Event) or size + len(ahead) > ATOMIC_BYTES:
                    break
                batch.append(ahead)
                size += len(ahead)
                ahead = None
            if not self._write(b"".join(batch)):
                with self._lock:
                    self.dropped += len(batch)
            self._done_bytes += size + LINE_COST_BYTES * len(batch)
            if is_end:
                break
            if self.dropped != self._reported and (
                self._queue.empty() or time.monotonic() - self._reported_at_s >= REPORT_EVERY_S
            ):
                self._report_dropped()
        os.close(self._descriptor)

    def _next(self) -> bytes | threading.Event | None:
        """Wait for the next.

        Where they come quickly a few are let come first: each time this thread wakes up it holds up the others.
        """
        try:
            return self._queue.get_nowait()
        except Empty:
            item = self._queue.get()
            if isinstance(item, bytes) and time.monotonic() - self._woke_at_s < GATHER_S:
                time.sleep(GATHER_S)
            self._woke_at_s = time.monotonic()
            return item

    def _report_dropped(self) -> None:
        dropped = self.dropped
        if dropped != self._reported:
            self._reported_at_s = time.monotonic()
            if self._write(self._dropped_line(dropped - self._reported)):
                self._reported = dropped

    def _write(self, data: bytes) -> bool:
        """False where it could not be written: the reader is gone, the disk is full. The next line tries again."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # another process that shares the descriptor has made it non-blocking
                writable = select.poll()
                writable.register(self._descriptor, select.POLLOUT)
                writable.poll()
            except OSError:
                return False
        return True
