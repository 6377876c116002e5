"""The task of a client process that waits until all has arrived, and checks that nothing is missing."""

from __future__ import annotations

from bench.client.worker_protocol import DeliverySnapshot, Settle, WorkerResult
from bench.client.worker_task import WorkerState
from bench.delivery_checker import RoomStream

_S = 1_000_000_000
_SETTLE_POLL_NS = 20_000_000


class SettleTask:
    """Waits until every connection has everything up to its room's head, then returns the counts."""

    def __init__(self, worker: WorkerState, command: Settle) -> None:
        self.ready = 0
        self._worker = worker
        self._command = command
        self._deadline_ns: int | None = None
        self._next_sample_ns = 0

    def step(self, now_ns: int) -> WorkerResult | None:
        command = self._command
        if self._deadline_ns is None:
            self._deadline_ns = now_ns + int(command.within_s * _S)
        if now_ns < self._next_sample_ns:
            return None
        self._next_sample_ns = now_ns + _SETTLE_POLL_NS
        standings = self._streams()
        self.ready = sum(not stream.missing_until(head) for head, stream in standings)
        if self.ready < len(standings) and now_ns < self._deadline_ns:
            return None
        return self._finish()

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        return at_most_s if self._deadline_ns is not None else 0.0

    def _streams(self) -> list[tuple[int, RoomStream]]:
        """Each stream of messages or changes of an open connection, with the head that it must reach."""
        heads, revs = self._command.heads, self._command.revs
        streams = []
        for connection in self._worker.connections:
            if not connection.is_open:
                continue
            streams += [(heads[room_id], stream) for room_id, stream in connection.streams.items()]
            if (changes := connection.changes.stream) is not None and connection.room_id in revs:
                streams.append((revs[connection.room_id], changes))
        return streams

    def _finish(self) -> DeliverySnapshot:
        still_open = [connection for connection in self._worker.connections if connection.is_open]
        for head, stream in self._streams():
            stream.finish(head)
        return self._worker.stats.snapshot(len(still_open))
