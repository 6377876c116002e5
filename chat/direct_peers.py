"""The other person of a direct room, as a room's view shows them to its members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from store.contract import Store
from store.models import Room, User


class DirectPeers:
    """Reads the peers of many rooms by one query, and of none by none."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def of(self, user_id: str, rooms: Iterable[Room]) -> Mapping[str, User]:
        """The present profile of the other person of each direct room among the user's rooms, by the room's id.

        Raises StoreError.
        """
        direct = [room.id for room in rooms if room.kind == "direct"]
        peers = await self._store.rooms.peers([(room_id, user_id) for room_id in direct]) if direct else []
        return {room_id: peer for room_id, peer in zip(direct, peers, strict=True) if peer is not None}
