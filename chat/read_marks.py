"""The use case of reading: how far a member has read a room, kept in the store and told to the member's connections."""

from __future__ import annotations

from collections.abc import Callable

from chat.codec import Codec
from chat.events import MessageReadUpdate
from chat.outsiders import refusal_of_outsider
from chat.rooms import Rooms
from cluster.contract import Bus
from cluster.events import UserEvent
from cluster.topics import reading_order, user_topic
from store.contract import Store
from store.models import ReadState, read_state


class ReadMarks:
    """Moves read marks forward.

    `latest_told(user id, subject)` is the order of the latest event about the subject that connections here were sent,
    None if that is not known.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        codec: Codec,
        rooms: Rooms,
        latest_told: Callable[[str, str], tuple[int, ...] | None],
    ) -> None:
        self._store = store
        self._bus = bus
        self._codec = codec
        self._rooms = rooms
        self._latest_told = latest_told

    async def move(self, room_id: str, user_id: str, seq: int) -> ReadState:
        """Move the user's read mark forward and send it to all their connections. Returns where it is now.

        Raises ChatError room_not_found, not_member, banned; StoreError.
        """
        await self._rooms.read_by(room_id, user_id)
        state = await self._store.members.mark_read(room_id, user_id, seq)
        if state is None:
            raise await refusal_of_outsider(self._store, room_id, user_id)
        about, order = reading_order(state)
        event = self._codec.event(MessageReadUpdate(state))
        self._bus.publish(user_topic(user_id), UserEvent(user_id, event, about, order))
        told = self._latest_told(user_id, about)
        if told is not None and told > order:
            # The mark of another connection was stored after this one and told before it: the answer to this one must
            # not take back what its connection has been told.
            return await self._read_again(room_id, user_id)
        return state

    async def _read_again(self, room_id: str, user_id: str) -> ReadState:
        membership = await self._store.members.get(room_id, user_id)
        if membership is None:
            raise await refusal_of_outsider(self._store, room_id, user_id)
        return read_state(room_id, membership)
