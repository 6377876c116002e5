"""The drain of a process that stops: each client is sent serverRestarting and its connection is closed, in batches."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

from msgspec import Struct

from chat.codec import Codec
from chat.connections.connection_pool import Pool
from chat.connections.heartbeat_sweep import CLOSE_WITHIN_S
from chat.connections.session import Session
from chat.errors import CloseCode
from chat.events import ServerRestarting

BATCH = 200  # connections
PAUSE_S = 0.02  # between two batches
SETTLE_WITHIN_S = 10.0  # for the commands under way in a batch


class Drained(Struct, frozen=True):
    """What became of the connections: how many clients were told to come back, how many of their commands did not end
    in time, and how many connections were cut, for they did not close in time.
    """

    told: int
    commands_cut_off: int
    connections_cut_off: int


class Drain:
    """Ends the connections of a pool. `now` is monotonic, in seconds."""

    def __init__(self, *, pool: Pool, codec: Codec, now: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._codec = codec
        self._now = now
        self._told: list[Session] = []
        self._commands_cut_off = 0

    @property
    def done(self) -> Drained:
        """What was done up to now."""
        cut_off = sum(session.link.was_aborted for session in self._told)  # here, or by the sweep, which is as patient
        return Drained(len(self._told), self._commands_cut_off, cut_off)

    async def run(self) -> None:
        """Refuse new connections, and close each one after its command under way.

        Clients are asked to reconnect after a random time, in milliseconds, up to 2 ms per connection (1 s to 10 s).
        """
        self._pool.begin_drain()
        sessions = self._pool.sessions()
        spread_ms = max(1_000, min(10_000, 2 * len(sessions)))
        for start in range(0, len(sessions), BATCH):
            batch = sessions[start : start + BATCH]
            await self._settle(batch)
            for session in batch:
                wait_ms = random.randint(100, spread_ms)  # it spreads the reconnections, it protects no secret
                session.link.send_text(self._codec.event(ServerRestarting(wait_ms)))
                session.link.close(CloseCode.RESTART, "restart")
                self._told.append(session)
            await asyncio.sleep(PAUSE_S)

    async def _settle(self, sessions: Iterable[Session]) -> None:
        """Wait for the commands under way, and let no new ones arrive."""
        for session in sessions:
            session.link.pause_reading()
        busy = [asyncio.ensure_future(session.settled()) for session in sessions if session.is_busy]
        if busy:
            _, late = await asyncio.wait(busy, timeout=SETTLE_WITHIN_S)
            self._commands_cut_off += len(late)
            for task in late:
                task.cancel()

    async def cut_off(self) -> None:
        """Wait up to `CLOSE_WITHIN_S` for the closing handshakes, then abort the connections that are left.

        Also waits for admissions under way: only then do their clients get an answer, and their slots are free again.
        """
        deadline = self._now() + CLOSE_WITHIN_S
        while not self._pool.is_empty and self._now() < deadline:
            await asyncio.sleep(0.05)
        for number, session in enumerate(self._pool.sessions()):
            session.link.abort()
            if number % BATCH == 0:
                await asyncio.sleep(0)
