"""What a client process can be told to do: connect, send, settle. Its crew steps a job until it has its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bench.client.connection import Connection
from bench.client.orders import Answer, Connect, Connected, Send, Sent, Settle, Tally
from bench.histogram import Histogram

if TYPE_CHECKING:
    from bench.client.crew import Crew

_S = 1_000_000_000
_LOOK_NS = 20_000_000
_BURST = 200  # sends a turn, so that a client that is behind still receives


class Job(Protocol):
    """`step` gives the answer, or None while there is something left to do."""

    ready: int

    def step(self, now_ns: int) -> Answer | None: ...

    def timeout_s(self, now_ns: int, at_most_s: float) -> float: ...


class Connecting:
    """Opens connections, a bounded number at a time, and waits until each is ready or lost."""

    def __init__(self, crew: Crew, order: Connect) -> None:
        self.ready = 0
        self._crew = crew
        self._order = order
        self._ready_us = Histogram()
        self._started_ns: int | None = None
        self._deadline_ns = 0
        self._last_ready_ns = 0
        self._mine: list[Connection] = []

    def step(self, now_ns: int) -> Answer | None:
        order = self._order
        if self._started_ns is None:
            self._started_ns = self._last_ready_ns = now_ns
            self._deadline_ns = now_ns + int(order.within_s * _S)
        books = self._crew.books
        while len(self._mine) < order.count and len(self._mine) - self.ready - books.lost < order.at_once:
            self._open(now_ns)
        if self.ready + books.lost < order.count and now_ns < self._deadline_ns:
            return None
        for connection in self._mine:
            if connection.open and not connection.is_ready:
                connection.fail(f"not ready after {order.within_s:.0f} s")
        return Connected(self.ready, (self._last_ready_ns - self._started_ns) / _S, self._ready_us.counts())

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        return at_most_s if self._started_ns is not None else 0.0

    def _open(self, now_ns: int) -> None:
        order, crew = self._order, self._crew
        connection = Connection(
            index=len(crew.connections),
            address=(order.host, order.port),
            token=order.tokens[len(crew.connections) % len(order.tokens)],
            room_id=order.room_id,
            selector=crew.selector,
            books=crew.books,
            started_ns=now_ns,
            on_ready=self._on_ready,
        )
        crew.connections.append(connection)
        self._mine.append(connection)

    def _on_ready(self, connection: Connection, now_ns: int) -> None:
        self.ready += 1
        self._last_ready_ns = now_ns
        self._ready_us.add((now_ns - connection.started_ns) // 1000)


class Sending:
    """Messages at a fixed rate, the senders taking turns; or from each the next when its last is acked and back."""

    def __init__(self, crew: Crew, order: Send) -> None:
        self._crew = crew
        self._order = order
        self._senders = [connection for connection in crew.connections if connection.open][: order.senders]
        self.ready = len(self._senders)
        self._before = sum(connection.sent for connection in self._senders)
        self._started_ns: int | None = None
        self._last_ns = 0
        self._end_ns = 0
        self._deadline_ns = 0
        self._turn = 0

    def step(self, now_ns: int) -> Answer | None:
        if self._started_ns is None:
            self._begin(now_ns)
        if self._order.rate_per_s is not None:
            self._send_what_is_due(now_ns)
        if now_ns < self._end_ns:
            return None
        waiting = sum(len(connection.pending) for connection in self._senders if connection.open)
        if waiting and now_ns < self._deadline_ns:
            return None
        return self._answer(waiting)

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        if self._started_ns is None:
            return 0.0
        if self._order.rate_per_s is None or now_ns >= self._end_ns:
            return at_most_s
        return min(at_most_s, max(0.0, (self._due_ns() - now_ns) / _S))

    def _begin(self, now_ns: int) -> None:
        order = self._order
        self._started_ns = self._last_ns = now_ns
        self._end_ns = now_ns + int(order.seconds * _S)
        self._deadline_ns = self._end_ns + int(order.within_s * _S)
        if order.rate_per_s is None:
            for connection in self._senders:
                connection.on_done = self._next
                connection.send_message(order.room_id, now_ns, order.content_bytes)

    def _next(self, connection: Connection, now_ns: int) -> None:
        if now_ns < self._end_ns and connection.open:
            self._last_ns = now_ns
            connection.send_message(self._order.room_id, now_ns, self._order.content_bytes)

    def _due_ns(self) -> int:
        return (self._started_ns or 0) + int(self._turn * _S / (self._order.rate_per_s or 1.0))

    def _send_what_is_due(self, now_ns: int) -> None:
        senders, order = self._senders, self._order
        for _ in range(_BURST if senders else 0):
            due_ns = self._due_ns()
            if due_ns > now_ns or due_ns >= self._end_ns:
                break
            # Latency counts from when it was due, not from when we came to it: our stalls must not hide the server's.
            senders[self._turn % len(senders)].send_message(order.room_id, due_ns, order.content_bytes)
            self._turn += 1
            self._last_ns = now_ns

    def _answer(self, waiting: int) -> Sent:
        order, books = self._order, self._crew.books
        if waiting:
            books.failures.add(f"{waiting} messages not acked and back {order.within_s:.0f} s after the last was sent")
        if len(self._senders) < order.senders:
            books.failures.add(f"{order.senders} should send, {len(self._senders)} could")
        for connection in self._senders:
            connection.on_done = None
        sent = sum(connection.sent for connection in self._senders) - self._before
        return Sent(sent, tuple(books.acked_seqs), (self._last_ns - (self._started_ns or 0)) / _S)


class Settling:
    """Waits until every connection stands at the room's head, then gives the tally."""

    def __init__(self, crew: Crew, order: Settle) -> None:
        self.ready = 0
        self._crew = crew
        self._order = order
        self._deadline_ns: int | None = None
        self._look_ns = 0

    def step(self, now_ns: int) -> Answer | None:
        order = self._order
        if self._deadline_ns is None:
            self._deadline_ns = now_ns + int(order.within_s * _S)
        if now_ns < self._look_ns:
            return None
        self._look_ns = now_ns + _LOOK_NS
        streams = [c.streams[order.room_id] for c in self._crew.connections if c.open and order.room_id in c.streams]
        self.ready = sum(not stream.missing_until(order.head_seq) for stream in streams)
        if self.ready < len(streams) and now_ns < self._deadline_ns:
            return None
        return self._tally()

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        return at_most_s if self._deadline_ns is not None else 0.0

    def _tally(self) -> Tally:
        still_open = [connection for connection in self._crew.connections if connection.open]
        for connection in still_open:
            for stream in connection.streams.values():
                stream.finish(self._order.head_seq)
        return self._crew.books.tally(len(still_open))
