"""Who is typing where: told once when it begins, again while it goes on, and once when it ends or has expired."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from chat.presence.presence import Presence
from chat.protocol import encode, event
from store.models import User

EXPIRES_MS = 6_000
AGAIN_AFTER_S = 3.0  # others forget after EXPIRES_MS, so whoever types on is told again in between
MAX_TYPISTS = 100_000
SLICE = 500  # of those who expire, between two loop turns: some 5 ms


class TypingIndicators:
    """Ends the typing of users who, says `presence`, have no connection here any more.

    `now` is monotonic, in seconds. At most `MAX_TYPISTS` are kept; past them no new one is announced.
    """

    def __init__(self, *, presence: Presence, now: Callable[[], float]) -> None:
        self._presence = presence
        self._now = now
        self._typists: OrderedDict[tuple[str, str], Typist] = OrderedDict()  # in the order in which they expire
        self._rooms_of: dict[str, set[str]] = {}  # by user, where they type
        presence.on_gone(self.gone)

    def started(self, room_id: str, user: User) -> None:
        """Somebody types."""
        now = self._now()
        typist = self._typists.get((room_id, user.id))
        if typist is None:
            if len(self._typists) >= MAX_TYPISTS:
                return
            typist = self._typists[room_id, user.id] = Typist(user.username)
            self._rooms_of.setdefault(user.id, set()).add(room_id)
        self._typists.move_to_end((room_id, user.id))
        typist.until = now + EXPIRES_MS / 1000
        if now - typist.told_at >= AGAIN_AFTER_S:
            typist.told_at = now
            self._tell(room_id, user.id, typist, is_typing=True)

    def stopped(self, room_id: str, user_id: str) -> None:
        """Somebody stopped, sent what was typed, or left."""
        typist = self._typists.pop((room_id, user_id), None)
        if typist is None:
            return
        rooms = self._rooms_of[user_id]
        rooms.discard(room_id)
        if not rooms:
            del self._rooms_of[user_id]
        self._tell(room_id, user_id, typist, is_typing=False)

    def gone(self, user_id: str) -> None:
        """Somebody is gone from everywhere."""
        for room_id in list(self._rooms_of.get(user_id, ())):
            self.stopped(room_id, user_id)

    def sweep(self) -> None:
        """End what has expired; called every half second. Of a crowd a part at a time."""
        now = self._now()
        for _ in range(SLICE):
            if not self._typists:
                return
            (room_id, user_id), typist = next(iter(self._typists.items()))
            if typist.until > now:
                return
            self.stopped(room_id, user_id)
        asyncio.get_running_loop().call_soon(self.sweep)

    @property
    def typists(self) -> int:
        return len(self._typists)

    def _tell(self, room_id: str, user_id: str, typist: Typist, *, is_typing: bool) -> None:
        if self._presence.is_large(room_id):
            return
        data = {
            "roomId": room_id,
            "userId": user_id,
            "username": typist.username,
            "isTyping": is_typing,
            "expiresInMs": EXPIRES_MS,
        }
        self._presence.announce(room_id, event("typingStatus", encode(data)), not_to_user=user_id)


class Typist:
    """One person typing in one room."""

    __slots__ = ("told_at", "until", "username")

    def __init__(self, username: str) -> None:
        self.username = username
        self.until = 0.0
        self.told_at = float("-inf")
