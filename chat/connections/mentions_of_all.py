"""Tells the connections of all members of a room of a message that mentions them, whether they have joined it or not.

In a room of 10,000 members that is as much work as the message itself, so it is done in slices between loop turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from chat.connections.connection_pool import Pool
from chat.presence.presence import Presence
from cluster.events import AllMentioned
from common.paced_callbacks import PacedCallbacks

WAITING_MAX = 1_000  # messages; past them a mention is not told, and shows in the counts alone
MEMBERS_A_STEP = 20


class MentionsOfAll:
    """Sends one mention after the other, in the order in which they came. `frame` makes a frame of an encoded event."""

    def __init__(
        self, *, pool: Pool, presence: Presence, paced_callbacks: PacedCallbacks, frame: Callable[[bytes], bytes]
    ) -> None:
        self._pool = pool
        self._presence = presence
        self._paced_callbacks = paced_callbacks
        self._frame = frame
        self._waiting: deque[AllMentioned] = deque()
        self._is_sending = False

    def __len__(self) -> int:
        """How many messages wait to be told."""
        return len(self._waiting)

    def send(self, happening: AllMentioned) -> None:
        """Send the event to the members who are connected to this process, the author excepted."""
        if len(self._waiting) >= WAITING_MAX:
            return
        self._waiting.append(happening)
        if not self._is_sending:
            self._is_sending = True
            self._paced_callbacks.run(self._steps())

    def _steps(self) -> Iterator[None]:
        try:
            while self._waiting:
                yield from self._send(self._waiting.popleft())
        finally:
            self._is_sending = False

    def _send(self, happening: AllMentioned) -> Iterator[None]:
        room_id, author_id = happening.room_id, happening.author_id
        frame = self._frame(happening.event)
        for number, user_id in enumerate(self._presence.members_of(room_id), 1):
            # Asked again, because the membership may have ended while the others were served
            if user_id != author_id and self._presence.is_in(room_id, user_id):
                for session in self._pool.sessions_of(user_id):
                    session.link.send(frame)
            if not number % MEMBERS_A_STEP:
                yield
