"""The task of a client process whose connections go and come back: each resumes its room where it had stopped."""

from __future__ import annotations

from functools import partial

from bench.client.readiness import Readiness
from bench.client.worker_protocol import Connected, Reconnect
from bench.client.worker_task import WorkerState

_S = 1_000_000_000


class ReconnectTask:
    """Ends connections at a fixed rate, each second one without a Close frame, and opens them again at once. The first
    `keep` connections stay: they send.
    """

    def __init__(self, worker: WorkerState, command: Reconnect) -> None:
        self._worker = worker
        self._command = command
        self._readiness = Readiness()  # places are those in the worker's connections
        self._begun = 0
        self._started_ns: int | None = None
        self._end_ns = self._deadline_ns = 0

    @property
    def ready(self) -> int:
        return self._readiness.ready

    def step(self, now_ns: int) -> Connected | None:
        if self._started_ns is None:
            self._started_ns = now_ns
            self._end_ns = now_ns + int(self._command.seconds * _S)
            self._deadline_ns = self._end_ns + int(self._command.within_s * _S)
        connections, keep, readiness = self._worker.connections, self._command.keep, self._readiness
        while len(connections) > keep and self._is_due(min(now_ns, self._end_ns - 1)):
            place = keep + self._begun % (len(connections) - keep)
            self._begun += 1
            if connections[place].is_open and connections[place].is_ready:
                connections[place].leave(with_close_frame=bool(self._begun % 2))
                self._open(place, now_ns)
            else:
                readiness.ready += 1  # still on its way back, or lost, which is a failure already
        for place in readiness.due_again(now_ns):
            self._open(place, connections[place].started_ns)
        if now_ns < self._end_ns or (readiness.ready < self._begun and now_ns < self._deadline_ns):
            return None
        if readiness.ready < self._begun:
            late = f"{self._begun - readiness.ready} connections were not back after {self._command.within_s:.0f} s"
            self._worker.stats.failures.add(late)
        return readiness.connected(self._started_ns)

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        if self._started_ns is None:
            return 0.0
        if now_ns >= self._end_ns or not self._is_due(self._end_ns):
            return at_most_s
        return min(at_most_s, max(0.0, (self._due_ns() - now_ns) / _S))

    def _is_due(self, at_ns: int) -> bool:
        at_most = self._command.at_most
        return self._due_ns() <= at_ns and (at_most is None or self._begun < at_most)

    def _due_ns(self) -> int:
        return (self._started_ns or 0) + int(self._begun * _S / self._command.per_s)

    def _open(self, place: int, started_ns: int) -> None:
        connections = self._worker.connections
        connections[place] = connections[place].successor(
            selector=self._worker.selector,
            started_ns=started_ns,
            on_ready=self._readiness.on_ready,
            on_busy=partial(self._readiness.on_busy, place),
        )
