"""The task of a client process that sends messages, by the clock or each when the last is back."""

from __future__ import annotations

import time

from bench.client.connection import Connection
from bench.client.silence_meter import SilenceMeter
from bench.client.worker_protocol import Send, SendWindow, Sent, WorkerResult
from bench.client.worker_task import WorkerState

_S = 1_000_000_000
_BURST = 200  # sends in a turn, so that a client that is late still receives
_OPEN_BURST = 2000  # for a fixed rate, which matters more; takes some 20 ms


class SendTask:
    """Sends at a fixed rate, the senders in turn; or each sends its next message when its last is acked and delivered.

    Where refusals are allowed, the rate stays the same whatever the replies are, as with independent clients.
    """

    def __init__(self, worker: WorkerState, command: Send) -> None:
        self._worker = worker
        self._command = command
        self._senders = [connection for connection in worker.connections if connection.is_open][: command.senders]
        self.ready = len(self._senders)
        self._readers = [connection for connection in worker.connections if connection.is_open][len(self._senders) :]
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
        waiting = sum(len(connection.pending) for connection in self._senders if connection.is_open)
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
        if now_ns < self._end_ns and connection.is_open:
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
            if command.may_refuse and (sender.is_blocked or not sender.is_open):
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
