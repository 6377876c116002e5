"""Sends roomActivity: to each connection the active rooms of its user that it has not joined, in one frame a second.

Presence knows who is a member, the sessions which rooms they have joined. A room whose members have all joined it costs
one look at each of them a second, whatever is said there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from chat.codec import Codec
from chat.connections.connection_pool import Pool
from chat.connections.session import Session
from chat.events import RoomActivity, RoomHead
from chat.presence.presence import Presence
from cluster.events import RoomsActive
from common.paced_callbacks import PacedCallbacks

SEND_EVERY_S = 1.0
SEND_LARGE_EVERY_S = 10.0
ROOMS_MAX = 10_000  # that wait to be told of; activity of further ones is not
# Members of active rooms that are looked at for one round of frames, some 50 ms of work. Rooms beyond it wait for the
# next round.
LOOKS_MAX = 100_000
MEMBERS_A_STEP = 100
FRAMES_A_STEP = 20


class RoomActivitySender:
    """Gathers what the processes publish and sends it in rounds.

    `frame` makes a frame of an encoded event. `now` is monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        presence: Presence,
        codec: Codec,
        frame: Callable[[bytes], bytes],
        paced_callbacks: PacedCallbacks,
        now: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._presence = presence
        self._codec = codec
        self._frame = frame
        self._paced_callbacks = paced_callbacks
        self._now = now
        self._active: dict[str, int] = {}  # room id → the newest seq, until it is told
        self._large: dict[str, int] = {}  # the same, of large rooms
        self._large_sent_at: dict[str, float] = {}
        self._sent_at = float("-inf")
        self._is_sending = False

    def receive(self, happening: RoomsActive) -> None:
        """Note rooms for the next round."""
        for waiting, rooms in ((self._active, happening.rooms), (self._large, happening.large_rooms)):
            for room_id, seq in rooms:
                if len(waiting) < ROOMS_MAX or room_id in waiting:
                    waiting[room_id] = max(seq, waiting.get(room_id, 0))

    def tick(self) -> None:
        """Begin a round, if the last one ended a second ago; to be called several times a second."""
        now = self._now()
        if self._is_sending or now - self._sent_at < SEND_EVERY_S:
            return
        self._large_sent_at = {
            room_id: sent_at for room_id, sent_at in self._large_sent_at.items() if now - sent_at < SEND_LARGE_EVERY_S
        }
        due = self._take_due(now)
        if due:
            self._is_sending = True
            self._paced_callbacks.run(self._send(due))

    def _take_due(self, now: float) -> dict[str, int]:
        """Remove and return the rooms of this round, those that have waited longest first."""
        due: dict[str, int] = {}
        looks = 0
        for waiting in (self._large, self._active):
            for room_id in [one for one in waiting if one not in self._large_sent_at]:
                if looks >= LOOKS_MAX:
                    return due
                looks += 1 + self._presence.online_count(room_id)
                due[room_id] = waiting.pop(room_id)
                if waiting is self._large:
                    self._large_sent_at[room_id] = now
        return due

    def _send(self, due: Mapping[str, int]) -> Iterator[None]:
        try:
            told: dict[Session, list[str]] = {}
            looks = 0
            for room_id in due:
                for user_id in self._presence.members_of(room_id):
                    for session in self._pool.sessions_of(user_id):
                        if not session.rooms or room_id not in session.rooms:
                            told.setdefault(session, []).append(room_id)
                    looks += 1
                    if not looks % MEMBERS_A_STEP:
                        yield
            frames: dict[tuple[str, ...], bytes] = {}  # many are told of the same rooms
            for number, (session, room_ids) in enumerate(told.items(), 1):
                # Asked again, because the membership may have ended while the others were served
                rooms = tuple(one for one in room_ids if self._presence.is_in(one, session.user_id))
                if rooms:
                    frame = frames.get(rooms)
                    if frame is None:
                        frame = frames[rooms] = self._frame_of(rooms, due)
                    session.link.send_ephemeral(frame)
                if not number % FRAMES_A_STEP:
                    yield
        finally:
            self._is_sending = False
            self._sent_at = self._now()  # a second between the last frame of a round and the first of the next

    def _frame_of(self, rooms: tuple[str, ...], due: Mapping[str, int]) -> bytes:
        return self._frame(self._codec.event(RoomActivity([RoomHead(room_id, due[room_id]) for room_id in rooms])))
