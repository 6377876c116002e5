"""Events for all connections of one user, and the end of a user's membership."""

from __future__ import annotations

import time
from collections.abc import Callable

from chat.codec import Codec
from chat.connections.connection_pool import Pool
from chat.delivery.room_hub import Hub
from chat.events import RoomClosed
from chat.stale_update_filter import StaleUpdateFilter
from cluster.events import MembershipEnded, UserEvent
from cluster.topics import membership_order


class UserEvents:
    """Sends a user's events in their order: one that is older than what was sent about the same subject is dropped.

    `frame` makes a frame of an encoded event. `now` is monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        hub: Hub,
        codec: Codec,
        frame: Callable[[bytes], bytes],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._hub = hub
        self._codec = codec
        self._frame = frame
        # (user id, subject) → the order of the latest event
        self._sent: StaleUpdateFilter[tuple[str, str], tuple[int, ...]] = StaleUpdateFilter(now=now)

    def send(self, happening: UserEvent) -> None:
        """Send an event to all connections of a user, unless a later one about the same subject was sent."""
        own = self._pool.sessions_of(happening.user_id)
        subject = happening.user_id, happening.about
        if own and (not happening.about or self._sent.accept(subject, happening.order)):
            frame = self._frame(happening.event)
            for session in own:
                session.link.send(frame)

    def latest(self, user_id: str, about: str) -> tuple[int, ...] | None:
        """The order of the latest event about this that was sent here; None if that is not known."""
        return self._sent.get((user_id, about))

    def end_membership(self, happening: MembershipEnded, *, to_all: bool = False) -> None:
        """End the user's subscriptions to a room and send roomClosed; those under a newer membership stay.

        `to_all`: the connections that are not subscribed get it too, unless something newer about the membership was
        sent or is subscribed. One that joins at the moment gets the answer to that.
        """
        user_id, room_id, rev = happening.user_id, happening.room_id, happening.rev
        sessions = self._pool.sessions_of(user_id)
        if rev is not None:
            about, order = membership_order(room_id, rev, began=False)
            known = self._sent.get((user_id, about))
            is_newest = all((session.rooms or {}).get(room_id, 0) <= rev for session in sessions)
            to_all = to_all and is_newest and (known is None or known < order)
            self._sent.accept((user_id, about), order)
        if not sessions:
            return
        frame = self._frame(self._codec.event(RoomClosed(room_id, happening.reason)))
        for session in sessions:
            rooms = session.rooms or {}
            if self._hub.end_membership(room_id, session, rev=rev, under=rooms.get(room_id)):
                rooms.pop(room_id, None)
                session.link.send(frame)
            elif to_all and room_id not in rooms and not self._hub.is_joining(room_id, session):
                session.link.send(frame)

    def sweep(self) -> None:
        """Forget orders that are too old to matter; to be called four times a second."""
        self._sent.sweep()
