"""The bounded pool of a process's connections: admission by caps, who is connected, and what follows when one ends.

Knows sessions and links, no sockets and no store.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec

from chat.connections.session import Session
from chat.delivery.room_hub import Hub
from chat.errors import CloseCode
from chat.presence.presence import Presence
from cluster.contract import Bus, ConnectionSlots
from cluster.events import ConnectionReplaced
from cluster.topics import user_topic
from common.serial_task_queue import SerialTaskQueue
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics
from store.models import User

log = logging.getLogger(__name__)

P = ParamSpec("P")


class Pool:
    """All connections of this process.

    `max_connections` counts every open connection, `max_per_user` those of one user. `alive()` returns the ids of the
    processes whose connections count, None while they are not known. `now` is monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        hub: Hub,
        bus: Bus,
        connection_slots: ConnectionSlots,
        presence: Presence,
        task_queue: SerialTaskQueue,
        observer: Observer,
        max_connections: int,
        max_per_user: int,
        alive: Callable[[], frozenset[str] | None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._connection_slots = connection_slots
        self._presence = presence
        self._task_queue = task_queue
        self._observer = observer
        self._max_connections = max_connections
        self._max_per_user = max_per_user
        self._alive = alive
        self._now = now
        self._sessions: dict[Session, None] = {}
        self._users: dict[str, dict[Session, bool]] = {}  # user id → session → whether it has a slot
        # User id → connection ids, from before their slot is asked for until they are bound
        self._admitting: dict[str, set[str]] = {}
        self._subscribed_admissions: set[str] = set()  # connections being admitted, each with a subscription of its own
        self._is_draining = False

    # ---- who is connected ----------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._sessions)

    @property
    def is_empty(self) -> bool:
        """Whether there is no connection, and none is being admitted."""
        return not self._sessions and not self._admitting

    def metrics(self) -> PartMetrics:
        return PartMetrics(
            gauges={"connections": len(self._sessions), "connections_max": self._max_connections},
        )

    @property
    def is_full(self) -> bool:
        """Whether there are `max_connections` of them."""
        return len(self._sessions) >= self._max_connections

    @property
    def is_draining(self) -> bool:
        """Whether new connections are refused, because the process stops."""
        return self._is_draining

    def begin_drain(self) -> None:
        """Refuse new connections from now on."""
        self._is_draining = True

    def sessions(self) -> list[Session]:
        """All connections, in the order in which they were opened."""
        return list(self._sessions)

    def sessions_of(self, user_id: str) -> list[Session]:
        """The connections of a user."""
        return list(self._users.get(user_id, ()))

    def users(self) -> set[str]:
        """The ids of the users who have a connection here, or are being admitted."""
        return {*self._users, *self._admitting}

    def slots_of(self, user_id: str) -> list[str]:
        """The ids of a user's connections that need a slot: those whose peer is there, and those being admitted."""
        bound = [session.connection_id for session in self._users.get(user_id, ()) if session.link.has_peer]
        return [*bound, *self._admitting.get(user_id, ())]

    def users_in(self, room_id: str) -> list[str]:
        """The ids of the users with a connection that has joined the room."""
        return list({session.user_id: None for session in self._sessions if session.rooms and room_id in session.rooms})

    def rooms_of(self, user_id: str) -> set[str]:
        """The rooms that a user's connections have joined."""
        return {room_id for session in self._users.get(user_id, ()) for room_id in session.rooms or ()}

    def session_ids(self) -> list[str]:
        """The ids of the logins that the connections belong to."""
        return list({session.session_id: None for session in self._sessions if session.user is not None})

    # ---- admission -----------------------------------------------------------------------------------------------

    def add(self, session: Session) -> None:
        """A connection was accepted."""
        self._sessions[session] = None
        self._observer.connection_opened()

    @asynccontextmanager
    async def reserve_slot(self, connection_id: str, user_id: str, *, replaces: str | None) -> AsyncIterator[bool]:
        """Whether the user may have this connection too, over all processes; `replaces` is closed first.

        The body begins once the user's events reach this process: what a client reads after its welcome is followed by
        all that comes later. However it ends, a slot whose connection was not bound in it is given back.
        """
        if replaces is not None:
            await self._replace(ConnectionReplaced(user_id, replaces))
        self._admitting.setdefault(user_id, set()).add(connection_id)
        try:
            if user_id not in self._users:
                self._subscribed_admissions.add(connection_id)
                await self._bus.subscribe(user_topic(user_id))
            yield await self._connection_slots.acquire(user_id, connection_id, replaces=replaces, alive=self._alive())
        finally:
            if connection_id in self._subscribed_admissions:
                self._subscribed_admissions.remove(connection_id)
                self._task_queue.run(lambda: self._bus.unsubscribe(user_topic(user_id)))
            if self._end_admission(user_id, connection_id):
                self._connection_slots.release(user_id, connection_id)

    async def _replace(self, replaced: ConnectionReplaced) -> None:
        """Close another connection of the same user, whichever process has it, to free its slot."""
        if not self.close_replaced(replaced):
            self._bus.publish(user_topic(replaced.user_id), replaced)

    def close_replaced(self, replaced: ConnectionReplaced) -> bool:
        """Close a connection that another one replaces; True if this process had it."""
        for session in self._users.get(replaced.user_id, ()):
            if session.connection_id == replaced.connection_id:
                session.link.close(CloseCode.REPLACED, "replaced")
                return True
        return False

    def _end_admission(self, user_id: str, connection_id: str) -> bool:
        """True if the connection was being admitted."""
        admitting = self._admitting.get(user_id, set())
        if connection_id not in admitting:
            return False
        admitting.discard(connection_id)
        if not admitting:
            del self._admitting[user_id]
        return True

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
            if session.connection_id in self._subscribed_admissions:
                self._subscribed_admissions.remove(session.connection_id)  # it is the user's now
            else:  # the other connections have ended since this one was let in
                self._task_queue.run(lambda: self._bus.subscribe(user_topic(user.id)))
        session.bind(user)
        session.link.trust()
        own[session] = True
        self._end_admission(user.id, session.connection_id)
        if not session.link.has_peer:  # the read that brought the token brought the peer's Close as well
            self.peer_gone(session)
        return True

    # ---- the end of a connection ---------------------------------------------------------------------------------

    def peer_gone(self, session: Session) -> None:
        """Free the slot of a connection whose peer is gone; commands that had arrived are still executed.

        Idempotent.
        """
        own = self._users.get(session.user_id)
        if own is not None and own.get(session):
            own[session] = False
            self._connection_slots.release(session.user_id, session.connection_id)

    def removed(self, session: Session, code: int) -> None:
        """A connection is over: remove everything that is held for it. Idempotent."""
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
        """Do one step of removing a connection. What it raises is logged, and the other steps follow: else the user
        would stay online for good.
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

    def clean_up(self) -> int:
        """Remove whatever is still held for connections that are over; returns how much that was. It should be nothing.

        To be called periodically.
        """
        dropped = self._hub.drop_closed()
        for session in [one for one in self._sessions if one.link.is_over]:
            self.removed(session, 1006)
            dropped += 1
        dropped += self._presence.drop_all_but(set(self._users))
        if dropped:
            log.warning("clean-up: %d things were still held for connections that are gone", dropped)
        return dropped
