"""The periodic sweep over all connections: pings, connections that do not answer, expired tokens, slow commands."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from chat.connections.connection_pool import Pool
from chat.connections.session import Session
from chat.errors import CloseCode
from common.paced_callbacks import PacedCallbacks

AUTHENTICATE_WITHIN_S = 10.0
CLOSE_WITHIN_S = 5.0  # for the closing handshake
FINISH_WITHIN_S = 9.0  # for the commands of a peer that is gone; with a round of the sweep that is 10 s
TICKS_A_ROUND = 4  # each tick visits a part of the pool, a round visits all of it
ROUND_S = 1.0  # at most


class HeartbeatSweep:
    """Visits each connection once a round.

    `ping_interval_s` is how long a connection may be silent before it is pinged, `ping_timeout_s` how long the pong may
    take. What costs a system call or more goes through `paced_callbacks`, since many connections may be due at once.
    `now` is monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        paced_callbacks: PacedCallbacks,
        ping_interval_s: float,
        ping_timeout_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._paced_callbacks = paced_callbacks
        self._ping_interval_s = ping_interval_s
        self._ping_timeout_s = ping_timeout_s
        self._now = now
        self._round: deque[Session] = deque()  # those that this round has still to visit
        self._per_tick = 1

    @property
    def interval_s(self) -> float:
        """How often `tick` is to be called, in seconds."""
        return min(ROUND_S, self._ping_interval_s, self._ping_timeout_s) / TICKS_A_ROUND

    def tick(self) -> None:
        """Visit the next part of the pool."""
        if not self._round:
            self._round.extend(self._pool.sessions())
            self._per_tick = -(-len(self._round) // TICKS_A_ROUND)
        now = self._now()
        for _ in range(min(self._per_tick, len(self._round))):
            self._visit(self._round.popleft(), now)

    def _visit(self, session: Session, now: float) -> None:
        link = session.link
        if link.closing_since:
            if now - link.closing_since > CLOSE_WITHIN_S:
                self._paced_callbacks.soon(link.abort)
        elif session.user is not None and session.expires_at <= now:
            self._close_soon(session, CloseCode.UNAUTHORIZED, "token expired")
        elif link.gone_since:
            self._visit_gone(session, now)
        elif session.user is None:
            if now - session.opened_at > AUTHENTICATE_WITHIN_S:
                self._close_soon(session, CloseCode.UNAUTHORIZED, "not authenticated in time")
        elif session.is_busy:
            if link.reading_paused:
                self._paced_callbacks.soon(lambda: link.check_peer_end(now - ROUND_S))
            session.give_up_command(now)
            session.resume()
        elif link.ping_sent_at:
            if now - link.ping_sent_at > self._ping_timeout_s:
                self._close_soon(session, CloseCode.NO_PONG, "no pong")
        elif now - link.last_received_at > self._ping_interval_s:
            self._paced_callbacks.soon(link.ping)

    def _visit_gone(self, session: Session, now: float) -> None:
        """The peer sends nothing more, or cannot be reached: execute the commands that had arrived, within a bound."""
        gone_s = now - session.link.gone_since
        if gone_s > FINISH_WITHIN_S + CLOSE_WITHIN_S:
            self._paced_callbacks.soon(session.link.abort)
        elif gone_s > FINISH_WITHIN_S:
            session.give_up()
        else:
            session.give_up_command(now)
            session.resume()

    def _close_soon(self, session: Session, code: CloseCode, reason: str) -> None:
        self._paced_callbacks.soon(lambda: session.link.close(code, reason))
