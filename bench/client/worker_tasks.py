"""The tasks of a client process: connect, send, settle. The worker steps a task until it returns a result."""

from __future__ import annotations

import selectors
import time
from collections.abc import Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Protocol

from bench.client.connection import Connection
from bench.client.delivery_stats import DeliveryStats
from bench.client.worker_protocol import (
    Connect,
    Connected,
    DeliverySnapshot,
    Send,
    SendWindow,
    Sent,
    Settle,
    WorkerResult,
)
from bench.delivery_checker import RoomStream
from bench.histogram import Histogram

_S = 1_000_000_000
_SETTLE_POLL_NS = 20_000_000
_SILENCE_POLL_NS = 50_000_000
_BURST = 200  # sends in a turn, so that a client that is late still receives
_OPEN_BURST = 2000  # for a fixed rate, which matters more; takes some 20 ms


class WorkerState(Protocol):
    """What a task uses of the worker that runs it."""

    stats: DeliveryStats
    selector: selectors.DefaultSelector
    connections: list[Connection]


class WorkerTask(Protocol):
    """`step` returns the result, or None while the task is not finished."""

    @property
    def ready(self) -> int: ...

    def step(self, now_ns: int) -> WorkerResult | None: ...

    def timeout_s(self, now_ns: int, at_most_s: float) -> float: ...


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
            if connection.open and not connection.is_ready:
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


class SilenceMeter:
    """The longest time in which a connection received nothing.

    It samples every 50 ms: a timestamp for each delivery would cost too much CPU time.
    """

    def __init__(self, connections: Sequence[Connection]) -> None:
        self.longest_ns = 0
        self._connections = connections
        self._last_received = [(connection.received, 0) for connection in connections]
        self._next_sample_ns = 0

    def begin(self, now_ns: int) -> None:
        self._last_received = [(connection.received, now_ns) for connection in self._connections]

    def sample(self, now_ns: int, *, at_once: bool = False) -> None:
        """Compare with the last sample, if that was 50 ms ago or more."""
        if now_ns < self._next_sample_ns and not at_once:
            return
        self._next_sample_ns = now_ns + _SILENCE_POLL_NS
        for number, connection in enumerate(self._connections):
            received, since_ns = self._last_received[number]
            self.longest_ns = max(self.longest_ns, now_ns - since_ns)
            if connection.received != received:
                self._last_received[number] = connection.received, now_ns


class SendTask:
    """Sends at a fixed rate, the senders in turn; or each sends its next message when its last is acked and delivered.

    Where refusals are allowed, the rate stays the same whatever the replies are, as with independent clients.
    """

    def __init__(self, worker: WorkerState, command: Send) -> None:
        self._worker = worker
        self._command = command
        self._senders = [connection for connection in worker.connections if connection.open][: command.senders]
        self.ready = len(self._senders)
        self._readers = [connection for connection in worker.connections if connection.open][len(self._senders) :]
        self._silence_meter = SilenceMeter(self._readers)
        self._window: SendWindow | None = None
        self._cpu_s = 0.0
        self._refused = self._unsent = self._read_before = 0
        self._before = sum(connection.sent for connection in self._senders)
        self._started_ns: int | None = None
        self._last_ns = 0
        self._end_ns = 0
        self._deadline_ns = 0
        self._turn = 0

    def step(self, now_ns: int) -> WorkerResult | None:
        command = self._command
        if self._started_ns is None:
            self._begin(now_ns)
        if command.rate_per_s is not None:
            self._send_what_is_due(now_ns)
        if self._window is None:
            self._silence_meter.sample(now_ns, at_once=now_ns >= self._end_ns)
        if now_ns < self._end_ns:
            return None
        if self._window is None:
            self._window = self._last_received(now_ns)
        waiting = sum(len(connection.pending) for connection in self._senders if connection.open)
        is_late = command.rate_per_s is not None and self._senders and self._due_ns() < self._end_ns
        if (waiting or is_late) and now_ns < self._deadline_ns:
            return None
        return self._result(waiting, self._window)

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        if self._started_ns is None:
            return 0.0
        if self._command.rate_per_s is None or now_ns >= self._end_ns:
            return at_most_s
        return min(at_most_s, max(0.0, (self._due_ns() - now_ns) / _S))

    def _begin(self, now_ns: int) -> None:
        command = self._command
        self._started_ns = self._last_ns = now_ns
        self._end_ns = now_ns + int(command.seconds * _S)
        self._deadline_ns = self._end_ns + int(command.within_s * _S)
        self._silence_meter.begin(now_ns)
        self._cpu_s = time.process_time()
        self._read_before = sum(connection.received for connection in self._readers)
        if command.may_refuse:
            for connection in self._senders:
                connection.on_refused = self._on_refused
        if command.rate_per_s is None:
            for connection in self._senders:
                connection.on_done = self._next
                connection.send_message(now_ns, command.content_bytes)

    def _on_refused(self) -> None:
        self._refused += 1

    def _next(self, connection: Connection, now_ns: int) -> None:
        if now_ns < self._end_ns and connection.open:
            self._last_ns = now_ns
            connection.send_message(now_ns, self._command.content_bytes)

    def _due_ns(self) -> int:
        return (self._started_ns or 0) + int(self._turn * _S / (self._command.rate_per_s or 1.0))

    def _send_what_is_due(self, now_ns: int) -> None:
        senders, command = self._senders, self._command
        for _ in range((_OPEN_BURST if command.may_refuse else _BURST) if senders else 0):
            due_ns = self._due_ns()
            if due_ns > now_ns or due_ns >= self._end_ns:
                break
            # Latency counts from the due time, not from the send: a client stall must not hide a server stall.
            sender = senders[self._turn % len(senders)]
            self._turn += 1
            if command.may_refuse and (sender.is_blocked or not sender.open):
                self._unsent += 1
                continue
            sender.send_message(due_ns, command.content_bytes)
            self._last_ns = now_ns

    def _last_received(self, now_ns: int) -> SendWindow:
        return SendWindow(
            seconds=(now_ns - (self._started_ns or 0)) / _S,
            sent=self._sent,
            unsent=self._unsent,
            acked=sum(map(len, self._worker.stats.acked_seqs.values())),
            refused=self._refused,
            read=sum(connection.received for connection in self._readers) - self._read_before,
            silence_s=self._silence_meter.longest_ns / _S,
            cpu_percent=100 * (time.process_time() - self._cpu_s) * _S / (now_ns - (self._started_ns or 0)),
        )

    @property
    def _sent(self) -> int:
        return sum(connection.sent for connection in self._senders) - self._before

    def _result(self, waiting: int, window: SendWindow) -> Sent:
        command, stats = self._command, self._worker.stats
        if waiting:
            stats.failures.add(
                f"{waiting} messages not acked and back {command.within_s:.0f} s after the last was sent"
            )
        if len(self._senders) < command.senders:
            stats.failures.add(f"{command.senders} should send, {len(self._senders)} could")
        for connection in self._senders:
            connection.on_done = connection.on_refused = None
        acked = {room_id: tuple(seqs) for room_id, seqs in stats.acked_seqs.items()}
        return Sent(self._sent, self._refused, acked, (self._last_ns - (self._started_ns or 0)) / _S, window)


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
            if not connection.open:
                continue
            streams += [(heads[room_id], stream) for room_id, stream in connection.streams.items()]
            if (changes := connection.changes.stream) is not None and connection.room_id in revs:
                streams.append((revs[connection.room_id], changes))
        return streams

    def _finish(self) -> DeliverySnapshot:
        still_open = [connection for connection in self._worker.connections if connection.open]
        for head, stream in self._streams():
            stream.finish(head)
        return self._worker.stats.snapshot(len(still_open))
