"""The task of a client process that opens connections."""

from __future__ import annotations

import time
from functools import partial
from heapq import heappop, heappush

from bench.client.connection import Connection
from bench.client.worker_protocol import Connect, Connected, WorkerResult
from bench.client.worker_task import WorkerState
from bench.histogram import Histogram

_S = 1_000_000_000


class ConnectTask:
    """Opens connections, a bounded number at a time, and waits until each is ready or lost.

    A connection that a busy server refuses is opened again when the server asked for it, as a client does (the
    contract's Retry-After); what it waited counts into its time to be ready.
    """

    def __init__(self, worker: WorkerState, command: Connect) -> None:
        self.ready = 0
        self._worker = worker
        self._command = command
        self._ready_us = Histogram()
        self._started_ns: int | None = None
        self._deadline_ns = 0
        self._last_ready_ns = 0
        self._connections: list[Connection] = []
        self._again: list[tuple[int, int]] = []  # due, and the place in `_connections`
        self._refused = 0

    def step(self, now_ns: int) -> WorkerResult | None:
        command = self._command
        if self._started_ns is None:
            self._started_ns = self._last_ready_ns = now_ns
            self._deadline_ns = now_ns + int(command.within_s * _S)
        stats = self._worker.stats
        while (
            len(self._connections) < command.count
            and len(self._connections) - self.ready - stats.lost < command.at_once
        ):
            self._connections.append(self._open(len(self._connections), now_ns))
        while self._again and self._again[0][0] <= now_ns:
            _, place = heappop(self._again)
            self._connections[place] = self._open(place, self._connections[place].started_ns)
        if self.ready + stats.lost < command.count and now_ns < self._deadline_ns:
            return None
        for connection in self._connections:
            if connection.is_open and not connection.is_ready:
                connection.fail(f"not ready after {command.within_s:.0f} s")
        for _, place in self._again:
            stats.lost += 1
            stats.failures.add(f"{self._connections[place].name}: still refused after {command.within_s:.0f} s")
        return Connected(
            self.ready, (self._last_ready_ns - self._started_ns) / _S, self._ready_us.counts(), self._refused
        )

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        return at_most_s if self._started_ns is not None else 0.0

    def _open(self, place: int, started_ns: int) -> Connection:
        command, worker = self._command, self._worker
        number = command.first + place
        connection = Connection(
            index=len(worker.connections),
            address=command.address(number),
            token=command.token(number),
            room_id=command.room_id(number),
            selector=worker.selector,
            stats=worker.stats,
            started_ns=started_ns,
            on_ready=self._on_ready,
            on_busy=partial(self._on_busy, place),
        )
        worker.connections.append(connection)
        return connection

    def _on_ready(self, connection: Connection, now_ns: int) -> None:
        self.ready += 1
        self._last_ready_ns = now_ns
        self._ready_us.add((now_ns - connection.started_ns) // 1000)

    def _on_busy(self, place: int, retry_after_s: float) -> None:
        self._refused += 1
        heappush(self._again, (time.monotonic_ns() + int(retry_after_s * _S), place))
