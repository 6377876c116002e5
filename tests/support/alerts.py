"""Alert lines in a server's log, and loads that cause real alerts.

Sends the server no request of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import apsw

from store.sqlite.connection import DATABASE_NAME
from tests.support.server import ServerProcess
from tests.support.waiting import ASKED_WITHIN_S, poll


class AlertLines:
    """The lines of one alert in a server's log, from now on."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self._name = name
        self._path = server.log_path
        self._read = self._path.stat().st_size
        self._lines: list[str] = []

    def lines_with(self, transition: str) -> list[str]:
        """The lines with this transition: "raised" or "resolved"."""
        with self._path.open("rb") as log:
            log.seek(self._read)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._read += len(whole + newline)
        self._lines += [line.decode() for line in whole.splitlines() if b" alerts: ALERT " in line]
        return [line for line in self._lines if f" ALERT {transition} name={self._name} " in line]

    def until_logged(self, transition: str, within_s: float = ASKED_WITHIN_S) -> float:
        """Wait for the first line with this transition. Returns its time in seconds since the epoch."""
        poll(
            lambda: self.lines_with(transition),
            within_s,
            describe=lambda: f"{self._name} {transition}; there was {self._lines}",
        )
        return datetime.fromisoformat(self.lines_with(transition)[0].split(" ", 1)[0]).timestamp()


@contextmanager
def repeating_on_threads(action: Callable[[], object], *, threads: int) -> Iterator[None]:
    """Call `action` repeatedly on each thread until the end of the block, then raise its first exception."""
    over = threading.Event()
    failures: list[Exception] = []

    def work() -> None:
        try:
            while not over.is_set():
                action()
        except Exception as failure:
            failures.append(failure)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        over.set()
        for worker in workers:
            worker.join()
    if failures:
        raise failures[0]


@contextmanager
def write_locked(data_dir: Path) -> Iterator[None]:
    """Hold SQLite's write lock on a server's database: the server's writes wait."""
    connection = apsw.Connection(str(data_dir / DATABASE_NAME))
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.close()
