"""Alerts as a server's log tells them, and loads that cause the real things behind them.

Asks the server for nothing by itself.
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

    def of(self, what: str) -> list[str]:
        """Those that say `what` of it: raised, resolved."""
        with self._path.open("rb") as log:
            log.seek(self._read)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._read += len(whole + newline)
        self._lines += [line.decode() for line in whole.splitlines() if b" alerts: ALERT " in line]
        return [line for line in self._lines if f" ALERT {what} name={self._name} " in line]

    def until(self, what: str, within_s: float = ASKED_WITHIN_S) -> float:
        """Wait for the first of them; returns when it was written, in seconds since the epoch."""
        poll(lambda: self.of(what), within_s, told=lambda: f"{self._name} {what}; there was {self._lines}")
        return datetime.fromisoformat(self.of(what)[0].split(" ", 1)[0]).timestamp()


@contextmanager
def repeated(action: Callable[[], object], *, threads: int) -> Iterator[None]:
    """`action` over and over on so many threads. What it raises is raised at the end."""
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
def locked_for_writing(data_dir: Path) -> Iterator[None]:
    """Another process, this one, holds SQLite's write lock: no server's write goes on."""
    connection = apsw.Connection(str(data_dir / DATABASE_NAME))
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.close()
