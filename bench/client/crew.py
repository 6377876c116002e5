"""The event loop of one client process: carries out orders one at a time, receiving and checking all the while.

Owns its connections. Each order is a job that is stepped once a turn until it has its answer.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any

from bench.client.books import Books
from bench.client.connection import Connection
from bench.client.jobs import Connecting, Job, Sending, Settling
from bench.client.orders import Broke, Close, Connect, Progress, Send, Settle

_TURN_S = 0.02
_PROGRESS_NS = 500_000_000


class Crew:
    """Connections, their selector, their books and the job in hand."""

    def __init__(self, pipe: Pipe, name: str) -> None:
        self.books = Books(name)
        self.selector = selectors.DefaultSelector()
        self.connections: list[Connection] = []
        self._pipe = pipe
        self._job: Job | None = None
        self._over = False
        self._progress_ns = 0
        self._jobs: dict[type, Callable[[Any], Job]] = {
            Connect: lambda order: Connecting(self, order),
            Send: lambda order: Sending(self, order),
            Settle: lambda order: Settling(self, order),
        }
        self.selector.register(pipe, selectors.EVENT_READ)

    def run(self) -> None:
        """Until told to close, or until the bench is gone."""
        try:
            while not self._over:
                self._turn()
        finally:
            for connection in self.connections:
                connection.close()
            self.selector.close()

    def _turn(self) -> None:
        job = self._job
        timeout_s = _TURN_S if job is None else job.timeout_s(time.monotonic_ns(), _TURN_S)
        for key, mask in self.selector.select(timeout_s):
            connection = key.data
            if connection is None:
                self._take_order()
                continue
            if mask & selectors.EVENT_WRITE and connection.open:
                connection.on_writable()
            if mask & selectors.EVENT_READ and connection.open:
                connection.on_readable(time.monotonic_ns())
        if self._job is not None:
            self._step(self._job)

    def _take_order(self) -> None:
        try:
            order = self._pipe.recv()
        except (EOFError, OSError):
            self._over = True  # the bench has ended, and so do we
            return
        if isinstance(order, Close):
            self._over = True
        else:
            self._job = self._jobs[type(order)](order)

    def _step(self, job: Job) -> None:
        now_ns = time.monotonic_ns()
        answer = job.step(now_ns)
        if answer is not None:
            self._job = None
            self._pipe.send(answer)
        elif now_ns >= self._progress_ns:
            self._progress_ns = now_ns + _PROGRESS_NS
            self._pipe.send(Progress(ready=job.ready, deliveries=self.books.deliveries))


def main(pipe: Pipe, name: str) -> None:
    """The entry point of a client process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells all of us; the bench decides
    try:
        Crew(pipe, name).run()
    except (OSError, MemoryError) as error:
        with contextlib.suppress(OSError):  # nobody is left to tell
            pipe.send(Broke(f"{type(error).__name__}: {error}"))
