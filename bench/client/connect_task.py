"""The task of a client process that opens connections."""

from __future__ import annotations

from functools import partial

from bench.client.connection import Connection
from bench.client.readiness import Readiness
from bench.client.worker_protocol import Connect, WorkerResult
from bench.client.worker_task import WorkerState

_S = 1_000_000_000


class ConnectTask:
    """Opens connections, a bounded number at a time, and waits until each is ready or lost."""

    def __init__(self, worker: WorkerState, command: Connect) -> None:
        self._worker = worker
        self._command = command
        self._readiness = Readiness()  # places are those in `_connections`
        self._started_ns: int | None = None
        self._deadline_ns = 0
        self._connections: list[Connection] = []

    @property
    def ready(self) -> int:
        return self._readiness.ready

    def step(self, now_ns: int) -> WorkerResult | None:
        command, readiness = self._command, self._readiness
        if self._started_ns is None:
            self._started_ns = now_ns
            self._deadline_ns = now_ns + int(command.within_s * _S)
        stats = self._worker.stats
        while (
            len(self._connections) < command.count
            and len(self._connections) - readiness.ready - stats.lost < command.at_once
        ):
            self._connections.append(self._open(len(self._connections), now_ns))
        for place in readiness.due_again(now_ns):
            self._connections[place] = self._open(place, self._connections[place].started_ns)
        if readiness.ready + stats.lost < command.count and now_ns < self._deadline_ns:
            return None
        for connection in self._connections:
            if connection.is_open and not connection.is_ready:
                connection.fail(f"not ready after {command.within_s:.0f} s")
        for place in readiness.still_refused:
            stats.lost += 1
            stats.failures.add(f"{self._connections[place].name}: still refused after {command.within_s:.0f} s")
        return readiness.connected(self._started_ns)

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
            on_ready=self._readiness.on_ready,
            on_busy=partial(self._readiness.on_busy, place),
        )
        worker.connections.append(connection)
        return connection
