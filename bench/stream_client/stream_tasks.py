"""The tasks of a process of the stream client: open, send, settle, close. The worker steps one until it has a reply."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from bench.histogram import Histogram
from bench.stream_client.commands import Closed, Open, Opened, Reply, Send, Sent, Settle, Settled
from bench.stream_client.room_order import RoomBytes, RoomMarkers
from bench.stream_client.stream_connection import Owner, StreamConnection

_S = 1_000_000_000
TURN_S = 0.02
_BURST = 200  # sends in a turn, so that a client that is late still receives


class WorkerState(Owner, Protocol):
    """What a task uses of the worker that runs it."""

    lost: int
    settled: int  # messages sent until the last Settle
    connections: dict[int, StreamConnection]
    rooms: dict[str, RoomBytes | RoomMarkers]
    on_connection_ready: Callable[[int], None] | None

    def add(self, connection: StreamConnection) -> None: ...
    def close_all(self) -> int: ...


class Task(Protocol):
    """`step` returns the result, or None while it is not finished; it is called once a loop turn."""

    def step(self, now_ns: int) -> Reply | None: ...

    def timeout_s(self, now_ns: int) -> float: ...


class OpenTask:
    """Opens connections, a bounded number at a time, and waits until each is ready or lost."""

    def __init__(self, worker: WorkerState, command: Open) -> None:
        self._worker, self._command = worker, command
        self._opened = self._ready = 0
        self._started_ns = self._last_ns = time.monotonic_ns()
        self._cpu_s = time.process_time()
        worker.lost = 0
        worker.on_connection_ready = self._on_ready
        for room_id in command.room_ids:
            if room_id not in worker.rooms:
                is_bytes = not command.dialect.batches
                worker.rooms[room_id] = RoomBytes(numbered=command.dialect.numbered) if is_bytes else RoomMarkers()

    def step(self, now_ns: int) -> Reply | None:
        command, worker = self._command, self._worker
        while self._opened < command.count and self._opened - self._ready - worker.lost < command.at_once:
            self._open(command.first + self._opened, now_ns)
            self._opened += 1
        missing = command.count - self._ready - worker.lost
        if missing and now_ns < self._started_ns + command.within_s * _S:
            return None
        if missing:
            worker.failures.add(f"{missing} connections not ready after {command.within_s:.0f} s")
        worker.on_connection_ready = None
        return Opened(self._ready, (self._last_ns - self._started_ns) / _S, time.process_time() - self._cpu_s)

    def timeout_s(self, now_ns: int) -> float:
        return TURN_S if self._opened else 0.0

    def _on_ready(self, now_ns: int) -> None:
        self._ready += 1
        self._last_ns = now_ns

    def _open(self, number: int, now_ns: int) -> None:
        command, worker = self._command, self._worker
        room_id = command.room_id(number)
        worker.add(
            StreamConnection(
                number=number,
                address=command.address,
                dialect=command.dialect,
                room_id=room_id,
                token=command.token(number),
                room=worker.rooms[room_id],
                owner=worker,
                started_ns=now_ns,
            )
        )


class SendTask:
    """Sends at a fixed rate, the senders in turn; or each sends its next message when its last came back."""

    def __init__(self, worker: WorkerState, command: Send) -> None:
        self._worker, self._command = worker, command
        connections = [one for one in worker.connections.values() if one.is_open]
        self._connections = connections
        self._senders = connections[: command.senders]
        self._parts = {one.number: one.message_parts() for one in self._senders}
        self._before = {one.number: one.sent for one in self._senders}
        self._late = Histogram()
        self._turn = 0
        self._started_ns = 0
        self._end_ns = 0
        self._cpu_s = 0.0
        self._delivered = 0
        for place, connection in enumerate(connections):
            connection.begin_sampling(sampled=place % command.sample_every == 0)
        if len(self._senders) < command.senders:
            worker.failures.add(f"{command.senders} should send, {len(self._senders)} could")

    def step(self, now_ns: int) -> Reply | None:
        if not self._started_ns:
            self._begin(now_ns)
        if self._command.rate_per_s is not None:
            self._send_what_is_due(now_ns)
        return None if now_ns < self._end_ns else self._result(now_ns)

    def timeout_s(self, now_ns: int) -> float:
        if not self._started_ns:
            return 0.0
        next_ns = self._end_ns if self._command.rate_per_s is None else min(self._end_ns, self._due_ns())
        return min(TURN_S, max(0.0, (next_ns - now_ns) / _S))

    def _begin(self, now_ns: int) -> None:
        self._started_ns, self._end_ns = now_ns, now_ns + int(self._command.seconds * _S)
        self._cpu_s = time.process_time()
        self._delivered = self._delivered_so_far()
        if self._command.rate_per_s is None:
            for connection in self._senders:
                connection.on_done = self._next
                self._send(connection, now_ns)

    def _next(self, connection: StreamConnection, now_ns: int) -> None:
        if now_ns < self._end_ns:
            self._send(connection, now_ns)

    def _send(self, connection: StreamConnection, due_ns: int) -> None:
        connection.send_message(due_ns, *self._parts[connection.number], self._command.content_bytes)

    def _due_ns(self) -> int:
        return self._started_ns + int(self._turn * _S / (self._command.rate_per_s or 1.0))

    def _send_what_is_due(self, now_ns: int) -> None:
        for _ in range(_BURST if self._senders else 0):
            due_ns = self._due_ns()
            if due_ns > now_ns or due_ns >= self._end_ns:
                break
            self._late.add((now_ns - due_ns) // 1000)
            self._send(self._senders[self._turn % len(self._senders)], due_ns)
            self._turn += 1

    def _delivered_so_far(self) -> int:
        return sum(one.room.messages_until(one.position) for one in self._connections)

    def _result(self, now_ns: int) -> Sent:
        sent: dict[str, int] = {}
        for connection in self._senders:
            connection.on_done = None
            room_id = connection.texts[0]
            sent[room_id] = sent.get(room_id, 0) + connection.sent - self._before[connection.number]
        return Sent(
            sent,
            self._delivered_so_far() - self._delivered,
            (now_ns - self._started_ns) / _S,
            time.process_time() - self._cpu_s,
            self._late.counts(),
        )


class SettleTask:
    """Waits until every connection has all messages of its room, then returns the counts."""

    def __init__(self, worker: WorkerState, command: Settle) -> None:
        self._worker, self._command = worker, command
        self._deadline_ns = time.monotonic_ns() + int(command.within_s * _S)

    def step(self, now_ns: int) -> Reply | None:
        worker, expected = self._worker, self._command.messages_by_room
        is_over = now_ns >= self._deadline_ns
        have = [
            (one, one.room.messages_until(one.position), expected[one.texts[0]])
            for one in worker.connections.values()
            if one.is_open
        ]
        if not is_over and any(has < wanted for _, has, wanted in have):
            return None
        sent = sum(one.sent for one in worker.connections.values()) - worker.settled
        if self._command.acks and worker.acked < sent and not is_over:
            return None
        worker.settled += sent
        for one, has, wanted in have:
            if has != wanted:
                worker.failures.add(f"connection {one.number}: has {has} of {wanted} messages")
        counts = worker.latency.counts()
        acked, worker.acked, worker.latency = worker.acked, 0, Histogram()
        return Settled(sum(has for _, has, _ in have), acked, counts, worker.failures.count, list(worker.failures.kept))

    def timeout_s(self, now_ns: int) -> float:
        return TURN_S / 4


class CloseTask:
    """Closes all connections."""

    def __init__(self, worker: WorkerState) -> None:
        self._worker = worker

    def step(self, now_ns: int) -> Reply | None:
        return Closed(self._worker.close_all())

    def timeout_s(self, now_ns: int) -> float:
        return 0.0
