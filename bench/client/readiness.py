"""How many connections of a task got ready and when, and which a busy server refused until later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from heapq import heappop, heappush

from bench.client.connection import Connection
from bench.client.worker_protocol import Connected
from bench.histogram import Histogram

_S = 1_000_000_000


class Readiness:
    """Its `on_ready` and `on_busy` are the callbacks of connections.

    A connection that a busy server refuses is to be opened again when the server asked for it, as a client does (the
    contract's Retry-After); what it waited counts into its time to be ready.
    """

    def __init__(self) -> None:
        self.ready = 0
        self._refused = 0
        self._ready_us = Histogram()
        self._last_ready_ns: int | None = None
        self._again: list[tuple[int, int]] = []  # due, and the place of the connection

    def on_ready(self, connection: Connection, now_ns: int) -> None:
        self.ready += 1
        self._last_ready_ns = now_ns
        self._ready_us.add((now_ns - connection.started_ns) // 1000)

    def on_busy(self, place: int, retry_after_s: float) -> None:
        self._refused += 1
        heappush(self._again, (time.monotonic_ns() + int(retry_after_s * _S), place))

    def due_again(self, now_ns: int) -> Iterator[int]:
        """The places of the refused connections whose time has come; they are opened again by the caller."""
        while self._again and self._again[0][0] <= now_ns:
            yield heappop(self._again)[1]

    @property
    def still_refused(self) -> list[int]:
        """The places of the refused connections whose time has not come."""
        return [place for _, place in self._again]

    def connected(self, started_ns: int) -> Connected:
        """The result of a task that began at `started_ns`."""
        last_ns = started_ns if self._last_ready_ns is None else self._last_ready_ns
        return Connected(self.ready, (last_ns - started_ns) / _S, self._ready_us.counts(), self._refused)
