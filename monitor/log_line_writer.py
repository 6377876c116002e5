"""Writes lines to a pipe, a file or a terminal on its own thread: a slow or stopped reader blocks only that thread.

Bounded: lines that do not fit into the queue are dropped and counted; the count is written once lines can be written
again. Knows no log format.
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
LINE_COST_BYTES = 100  # memory of a waiting line besides its text
ATOMIC_BYTES = select.PIPE_BUF  # a write of at most this size to a pipe is not interleaved with others (POSIX, write)
REPORT_EVERY_S = 1.0
# Measured: a request took 350 µs of CPU when each line woke the thread, 320 with this pause, and 300 when the request
# wrote its line itself.
GATHER_S = 0.005
CLOSE_WITHIN_S = 2.0


class LineWriter:
    """Writes to a duplicate of `descriptor`.

    `dropped_line(count)` returns the line that reports how many lines were dropped since the last such line.
    """

    def __init__(
        self, descriptor: int, *, dropped_line: Callable[[int], bytes], waiting_max_bytes: int = WAITING_MAX_BYTES
    ) -> None:
        self.dropped = 0
        self._descriptor = os.dup(descriptor)
        self._dropped_line = dropped_line
        self._waiting_max_bytes = waiting_max_bytes
        self._queue: SimpleQueue[bytes | threading.Event | None] = SimpleQueue()
        self._lock = threading.RLock()  # reentrant: a finalizer that the garbage collector runs within `put` may log
        self._queued_bytes = 0  # since the start; `_done_bytes` counts those that the thread has written or dropped
        self._done_bytes = 0
        self._reported = 0  # the dropped lines that a line has reported
        self._reported_at_s = 0.0
        self._woke_at_s = 0.0
        self._stuck_at: int | None = None  # `_done_bytes` at the last flush that timed out
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="line-writer", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Queue a line, which includes its line end. Does not wait; may be called on any thread."""
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
        """Wait until all queued lines are written. Return False if that took too long.

        After a flush that timed out, the next one waits only if the thread has made progress since.
        """
        if self._is_closed or self._stuck_at == self._done_bytes:
            return self._is_closed
        reached = threading.Event()
        self._queue.put(reached)
        is_written = reached.wait(within_s)
        self._stuck_at = None if is_written else self._done_bytes
        return is_written

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Write the queued lines, within `within_s`, and stop; later lines are dropped. Idempotent."""
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
        """Wait for the next item.

        If this thread woke up less than GATHER_S ago it sleeps for GATHER_S, so that it wakes up once for several
        lines: each wake-up takes the interpreter from the other threads.
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
        """Return False if an error prevented it: the reader is gone, or the disk is full. The next line tries again."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # another process that shares the file description made it non-blocking
                writable = select.poll()
                writable.register(self._descriptor, select.POLLOUT)
                writable.poll()
            except OSError:
                return False
        return True
