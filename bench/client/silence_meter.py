"""How long connections received nothing, which shows a server that stalls also where latencies are not counted."""

from __future__ import annotations

from collections.abc import Sequence

from bench.client.connection import Connection

_SILENCE_POLL_NS = 50_000_000


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
