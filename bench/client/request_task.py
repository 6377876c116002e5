"""The task of a client process that makes REST requests at a fixed rate, or each connection as soon as it can."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict, deque

import msgspec

from bench.client import chat_messages
from bench.client.http_connection import HttpConnection
from bench.client.worker_protocol import Request, RequestCounts, Requested, Requests
from bench.client.worker_task import WorkerState
from bench.histogram import Histogram

_S = 1_000_000_000
_BURST = 200
_WAITING_MAX = 100_000  # due requests for which no connection was free; more are errors
_BUSY = (429, 503)  # a busy server: counted as errors, which a load test may meet
_SEED = 16  # so that two runs ask for the same


class _Outgoing(msgspec.Struct):
    request: Request
    due_ns: int


class _Counts:
    def __init__(self) -> None:
        self.count = self.errors = 0
        self.latency = Histogram()


class RequestTask:
    """With a rate, a request is due by the clock, and its latency counts from then, also while it waits for a free
    connection. Without one, each connection makes its next request when it has the reply to its last.
    """

    def __init__(self, worker: WorkerState, command: Requests) -> None:
        self.ready = command.connections
        self._worker = worker
        self._command = command
        self._free: deque[HttpConnection] = deque()
        self._waiting: deque[_Outgoing] = deque()
        self._asked: dict[HttpConnection, _Outgoing] = {}
        self._counts: defaultdict[str, _Counts] = defaultdict(_Counts)
        self._acked_seqs: defaultdict[str, list[int]] = defaultdict(list)
        self._draw = random.Random(f"{_SEED} {worker.stats.name}")
        self._turn = 0
        self._posted = itertools.count(1)
        self._started_ns: int | None = None
        self._end_ns = self._deadline_ns = 0

    def step(self, now_ns: int) -> Requested | None:
        if self._started_ns is None:
            self._begin(now_ns)
        self._make_due(now_ns)
        while self._free and self._waiting:
            self._send(self._free.popleft(), self._waiting.popleft())
        if now_ns < self._end_ns or ((self._asked or self._waiting) and now_ns < self._deadline_ns):
            return None
        return self._finish()

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        if self._started_ns is None:
            return 0.0
        if self._command.rate_per_s is None or now_ns >= self._end_ns:
            return at_most_s
        return min(at_most_s, max(0.0, (self._due_ns(self._command.rate_per_s) - now_ns) / _S))

    def _begin(self, now_ns: int) -> None:
        command = self._command
        self._started_ns = now_ns
        self._end_ns = now_ns + int(command.seconds * _S)
        self._deadline_ns = self._end_ns + int(command.within_s * _S)
        for number in range(command.connections):
            self._open(command.tokens[number % len(command.tokens)])

    def _open(self, token: str) -> None:
        self._free.append(
            HttpConnection(
                address=self._command.address,
                token=token,
                selector=self._worker.selector,
                on_reply=self._on_reply,
                on_lost=self._on_lost,
            )
        )

    def _due_ns(self, rate_per_s: float) -> int:
        return (self._started_ns or 0) + int(self._turn * _S / rate_per_s)

    def _make_due(self, now_ns: int) -> None:
        rate = self._command.rate_per_s
        if rate is None:
            if now_ns < self._end_ns:
                self._waiting.extend(_Outgoing(self._choose(), now_ns) for _ in range(len(self._free)))
            return
        for _ in range(_BURST):
            due_ns = self._due_ns(rate)
            if due_ns > now_ns or due_ns >= self._end_ns:
                return
            self._turn += 1
            outgoing = _Outgoing(self._choose(), due_ns)
            if len(self._waiting) < _WAITING_MAX:
                self._waiting.append(outgoing)
            else:
                self._count(outgoing, None, now_ns)

    def _choose(self) -> Request:
        requests = self._command.requests
        return self._draw.choices(requests, [one.weight for one in requests])[0]

    def _send(self, connection: HttpConnection, outgoing: _Outgoing) -> None:
        request, body = outgoing.request, b""
        if request.posts_to is not None:
            client_id = f"rest-{self._worker.stats.name}-{outgoing.due_ns}-{next(self._posted)}"
            body = chat_messages.post_body(request.posts_to, client_id, outgoing.due_ns, request.content_bytes)
        self._asked[connection] = outgoing
        connection.send(request.method, request.path, body)

    def _on_reply(self, connection: HttpConnection, status: int, body: bytes, now_ns: int) -> None:
        outgoing = self._asked.pop(connection, None)
        if outgoing is None:
            self._worker.stats.failures.add(f"a reply {status} that nobody asked for")
            return
        self._free.append(connection)
        self._count(outgoing, status, now_ns)
        failed = status >= 400
        if failed and status not in _BUSY:
            said = body[:100].decode(errors="replace")
            self._worker.stats.failures.add(f"{outgoing.request.name}: {status} {said}")
        if not failed and outgoing.request.posts_to is not None:
            try:
                message = chat_messages.decode_posted(body)
            except msgspec.MsgspecError as error:
                self._worker.stats.failures.add(f"{outgoing.request.name}: no reply of the contract: {error}")
                return
            self._acked_seqs[message.room_id].append(message.seq)

    def _on_lost(self, connection: HttpConnection, why: str) -> None:
        outgoing = self._asked.pop(connection, None)
        if outgoing is not None:
            self._count(outgoing, None, 0)
        elif connection in self._free:
            self._free.remove(connection)
        self._worker.stats.failures.add(f"an HTTP connection {why}")

    def _count(self, outgoing: _Outgoing, status: int | None, now_ns: int) -> None:
        """`status` is None where there was no reply."""
        counts = self._counts[outgoing.request.name]
        counts.count += 1
        if status is None or status >= 400:
            counts.errors += 1
        else:
            counts.latency.add((now_ns - outgoing.due_ns) // 1000)

    def _finish(self) -> Requested:
        unanswered = [*self._asked.values(), *self._waiting]
        if unanswered:
            after = f"{self._command.within_s:.0f} s after the last was due"
            self._worker.stats.failures.add(f"{len(unanswered)} requests have no reply {after}")
        for outgoing in unanswered:
            self._count(outgoing, None, 0)
        for connection in (*self._free, *self._asked):
            connection.close()
        return Requested(
            {name: RequestCounts(one.count, one.errors, one.latency.counts()) for name, one in self._counts.items()},
            {room_id: tuple(seqs) for room_id, seqs in self._acked_seqs.items()},
            self._command.seconds,
        )
