"""The bounded connection pool: admission by caps, the heartbeat sweep, the clean-up of what is held for nobody, and the
drain.

Its sweeps are plain methods; PeriodicCallbacks call them. Knows sessions and links, no sockets and no store.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import ParamSpec

from chat.connections.session import Session
from chat.delivery.hub import Hub
from chat.errors import CloseCode
from chat.latest_versions import LatestVersions
from chat.presence.presence import Presence
from chat.protocol import encode, event
from cluster.contract import Bus, ConnectionSlots
from cluster.events import ConnectionReplaced, MembershipEnded, SessionsRevoked, UserEvent
from cluster.topics import membership_order, user_topic
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics
from store.models import User

log = logging.getLogger(__name__)

P = ParamSpec("P")

AUTHENTICATE_WITHIN_S = 10.0
CLOSE_WITHIN_S = 5.0
FINISH_WITHIN_S = 9.0  # what a peer left is carried out; with a round of the sweep that is 10 s
TICKS_A_ROUND = 4  # a sweep visits a part of the pool each tick, all of it once a round
ROUND_S = 1.0  # at most
DRAIN_BATCH = 200
DRAIN_PAUSE_S = 0.02
SETTLE_WITHIN_S = 10.0
REVOKED_KEPT = 10_000  # newest revocations, for the connections that are being admitted meanwhile


class Pool:
    """All connections of this process.

    `max_connections` counts every open connection, `max_per_user` those of one user; times are in seconds, `now` is
    monotonic. `alive()` returns the ids of the processes whose connections count, None while they are not known.
    """

    def __init__(
        self,
        *,
        hub: Hub,
        bus: Bus,
        connection_slots: ConnectionSlots,
        presence: Presence,
        task_queue: SerialTaskQueue,
        paced_callbacks: PacedCallbacks,
        observer: Observer,
        frame: Callable[[bytes], bytes],
        max_connections: int,
        max_per_user: int,
        ping_interval_s: float,
        ping_timeout_s: float,
        alive: Callable[[], frozenset[str] | None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._connection_slots = connection_slots
        self._presence = presence
        self._task_queue = task_queue
        self._paced_callbacks = paced_callbacks
        self._observer = observer
        self._frame = frame
        self._max_connections = max_connections
        self._max_per_user = max_per_user
        self._ping_interval_s = ping_interval_s
        self._ping_timeout_s = ping_timeout_s
        self._now = now
        self._sessions: dict[Session, None] = {}
        self._users: dict[str, dict[Session, bool]] = {}  # user → their connections, and which of them have a slot
        # User → connections, from before their slot is asked for until they are bound
        self._admitting: dict[str, set[str]] = {}
        self._revoked: dict[str, None] = {}
        self._told: LatestVersions[tuple[str, str], tuple[int, ...]] = LatestVersions(
            now=now
        )  # (user id, of what) → how new
        self._round: deque[Session] = deque()
        self._per_tick = 1
        self._alive = alive
        self._draining = False

    # ---- admission -----------------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        return len(self._sessions)

    def metrics(self) -> PartMetrics:
        return PartMetrics(
            gauges={"connections": len(self._sessions), "connections_max": self._max_connections},
        )

    @property
    def draining(self) -> bool:
        """Whether new connections are refused, because the process stops."""
        return self._draining

    @property
    def is_full(self) -> bool:
        return len(self._sessions) >= self._max_connections

    def add(self, session: Session) -> None:
        """A connection was accepted."""
        self._sessions[session] = None
        self._observer.connection_opened()

    @asynccontextmanager
    async def reserve_slot(self, connection_id: str, user_id: str, *, replaces: str | None) -> AsyncIterator[bool]:
        """Whether the user may have this connection too, over all processes; `replaces` is closed first.

        However the body ends, a slot whose connection was not bound in it is given back.
        """
        if replaces is not None:
            await self.replace(user_id, replaces)
        self._admitting.setdefault(user_id, set()).add(connection_id)
        try:
            yield await self._connection_slots.take(user_id, connection_id, replaces=replaces, alive=self._alive())
        finally:
            if self._end_admission(user_id, connection_id):
                self._connection_slots.leave(user_id, connection_id)

    def _end_admission(self, user_id: str, connection_id: str) -> bool:
        """True if it was under way."""
        admitting = self._admitting.get(user_id, set())
        if connection_id not in admitting:
            return False
        admitting.discard(connection_id)
        if not admitting:
            del self._admitting[user_id]
        return True

    def users(self) -> set[str]:
        """Who has a connection here, or is being admitted."""
        return {*self._users, *self._admitting}

    def slots_of(self, user_id: str) -> list[str]:
        """The connections of a user that count: those whose peer is there, and those that are being admitted."""
        bound = [session.connection_id for session in self._users.get(user_id, ()) if session.link.has_peer]
        return [*bound, *self._admitting.get(user_id, ())]

    def bind(self, session: Session, user: User, *, has_slot: bool) -> bool:
        """Make a connection the user's; closes it with 4429 and returns False where the user has too many, or it has no
        slot.

        To be called within `reserve_slot`.
        """
        if session not in self._sessions or not session.link.may_begin:
            return False
        own = self._users.get(user.id, {})
        if not has_slot or (
            len(own) >= self._max_per_user and sum(one.link.has_peer for one in own) >= self._max_per_user
        ):
            session.link.close(CloseCode.TOO_MANY, "too many connections")
            return False
        if user.id not in self._users:
            self._users[user.id] = own
            self._task_queue.run(lambda: self._bus.subscribe(user_topic(user.id)))
        session.user = user
        session.user_id = user.id
        session.link.trust()
        own[session] = True
        self._end_admission(user.id, session.connection_id)
        if not session.link.has_peer:  # they said goodbye in the same breath
            self.peer_gone(session)
        return True

    def peer_gone(self, session: Session) -> None:
        """Nobody is at the other end any more: the slot is another's, while what came before is carried out.

        Idempotent.
        """
        own = self._users.get(session.user_id)
        if own is not None and own.get(session):
            own[session] = False
            self._connection_slots.leave(session.user_id, session.connection_id)

    async def replace(self, user_id: str, connection_id: str) -> None:
        """Close another connection of the same user, wherever it is, to free its place."""
        if not self.on_connection_replaced(happening := ConnectionReplaced(user_id, connection_id)):
            await self._bus.publish(user_topic(user_id), happening)

    def removed(self, session: Session, code: int) -> None:
        """A connection is over: nothing of it may stay anywhere."""
        if session not in self._sessions:
            return
        del self._sessions[session]
        self._step(session, self._observer.connection_closed, code)
        log.info(
            "connection ended",
            extra={
                "fields": {
                    "connection": session.connection_id,
                    "user": session.user_id or "-",
                    "code": code,
                    "s": round(self._now() - session.opened_at, 1),
                }
            },
        )
        self.forget_rooms(session)
        own = self._users.get(session.user_id)
        if own is not None and session in own:
            self._step(session, self.peer_gone, session)
            del own[session]
            self._step(session, self._forget_user_if_gone, session.user_id)
            self._step(session, self._presence.disconnected, session.user_id)

    def _step(self, session: Session, step: Callable[P, object], *args: P.args, **keywords: P.kwargs) -> None:
        """One of those by which a connection is forgotten; whatever it raises, the others follow, or its user stays
        online for good.
        """
        try:
            step(*args, **keywords)
        except Exception:
            log.exception("connection %s: a step of its end failed", session.connection_id)

    def _forget_user_if_gone(self, user_id: str) -> None:
        if not self._users[user_id]:
            del self._users[user_id]
            self._task_queue.run(lambda: self._bus.unsubscribe(user_topic(user_id)))

    def forget_rooms(self, session: Session) -> None:
        """End all subscriptions of a connection."""
        rooms, session.rooms = session.rooms, None
        for room_id in rooms or ():
            self._step(session, self._hub.leave, room_id, session)

    # ---- what the bus brings -------------------------------------------------------------------------------------

    def on_user_event(self, happening: UserEvent) -> None:
        """Send a hint to all connections of a user, unless they were told something newer of the same thing."""
        own = self._users.get(happening.user_id)
        about = happening.user_id, happening.about
        if own and (not happening.about or self._told.accept(about, happening.order)):
            frame = self._frame(happening.event)
            for session in list(own):
                session.link.send(frame)

    def on_connection_replaced(self, happening: ConnectionReplaced) -> bool:
        """Close the connection that another one replaces; True if it was here."""
        for session in self._users.get(happening.user_id, ()):
            if session.connection_id == happening.connection_id:
                session.link.close(CloseCode.REPLACED, "replaced")
                return True
        return False

    def on_sessions_revoked(self, happening: SessionsRevoked) -> None:
        """Close the connections of revoked sessions."""
        revoked = dict.fromkeys(happening.session_ids)
        self._revoked |= revoked
        while len(self._revoked) > REVOKED_KEPT:
            del self._revoked[next(iter(self._revoked))]
        for session in list(self._users.get(happening.user_id, ())):
            if session.session_id in revoked:
                session.link.close(CloseCode.REVOKED, "session revoked")

    def revoke(self, session_ids: Iterable[str]) -> list[str]:
        """Close the connections of sessions that were found revoked; returns those that are news."""
        news = [session_id for session_id in session_ids if session_id not in self._revoked]
        if news:
            found = set(news)
            users = {session.user_id for session in self._sessions if session.session_id in found}
            for user_id in users or {""}:
                self.on_sessions_revoked(SessionsRevoked(user_id, tuple(news)))
        return news

    def users_in(self, room_id: str) -> list[str]:
        """The users with a connection that has joined a room."""
        return list({session.user_id: None for session in self._sessions if session.rooms and room_id in session.rooms})

    def rooms_of(self, user_id: str) -> set[str]:
        """The rooms that a user's connections have joined."""
        return {room_id for session in self._users.get(user_id, ()) for room_id in session.rooms or ()}

    def session_ids(self) -> list[str]:
        """The logins that the connections are of."""
        return list({session.session_id: None for session in self._sessions if session.user is not None})

    def is_revoked(self, session_id: str) -> bool:
        """Whether a session was revoked lately: since its token was found good, perhaps."""
        return session_id in self._revoked

    def on_membership_ended(self, happening: MembershipEnded) -> None:
        """End a user's subscriptions to a room that they are no longer in;
        those made under a newer membership stand.
        """
        room_id, rev = happening.room_id, happening.rev
        if rev is not None:
            about, order = membership_order(room_id, rev, began=False)
            self._told.accept((happening.user_id, about), order)
        frame = self._frame(event("roomClosed", encode({"roomId": room_id, "reason": happening.reason})))
        for session in list(self._users.get(happening.user_id, ())):
            rooms = session.rooms or {}
            if self._hub.end_membership(room_id, session, rev=rev, under=rooms.get(room_id)):
                rooms.pop(room_id, None)
                session.link.send(frame)

    # ---- sweeps --------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Visit a part of the pool: ping who is silent, close who does not answer, whose token ended, who never
        authenticated.

        A herd may be due at once, so what costs a call to the kernel or more is left to `paced`.
        """
        self._told.sweep()
        if not self._round:
            self._round.extend(self._sessions)
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
        """The peer sends nothing more, or cannot be reached: what it left is carried out, but not for ever."""
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

    def clean_up(self) -> int:
        """Let go of whatever is still held for connections that are gone; returns how much that was, which should be
        nothing.
        """
        dropped = self._hub.drop_closed()
        for session in [one for one in self._sessions if one.link.is_over]:
            self.removed(session, 1006)
            dropped += 1
        dropped += self._presence.drop_all_but(set(self._users))
        if dropped:
            log.warning("clean-up: %d things were still held for connections that are gone", dropped)
        return dropped

    # ---- the end -------------------------------------------------------------------------------------------------

    def begin_drain(self) -> None:
        """Refuse new connections from now on."""
        self._draining = True

    async def drain(self) -> None:
        """Tell every connection to come back later and close it, in batches, after what it had under way."""
        self.begin_drain()
        sessions = list(self._sessions)
        spread_ms = max(1_000, min(10_000, 2 * len(sessions)))
        for start in range(0, len(sessions), DRAIN_BATCH):
            batch = sessions[start : start + DRAIN_BATCH]
            await self._settle(batch)
            for session in batch:
                wait_ms = random.randint(100, spread_ms)  # it spreads a herd, it guards nothing
                session.link.send_text(event("serverRestarting", encode({"reconnectAfterMs": wait_ms})))
                session.link.close(CloseCode.RESTART, "restart")
            await asyncio.sleep(DRAIN_PAUSE_S)

    async def _settle(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            session.link.pause_reading()
        busy = [asyncio.ensure_future(session.settled()) for session in sessions if session.is_busy]
        if busy:
            _, late = await asyncio.wait(busy, timeout=SETTLE_WITHIN_S)
            for task in late:
                task.cancel()

    async def close(self) -> None:
        """Wait shortly for the closing handshakes, then cut what is left."""
        deadline = self._now() + CLOSE_WITHIN_S
        while self._sessions and self._now() < deadline:
            await asyncio.sleep(0.05)
        for number, session in enumerate(list(self._sessions)):
            session.link.abort()
            if number % DRAIN_BATCH == 0:
                await asyncio.sleep(0)
