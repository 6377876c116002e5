"""Rooms as a user sees them: with the user's own state, and with the other person of a direct room, its `peer`."""

from __future__ import annotations

from collections.abc import Sequence

from chat.presenter import Presenter
from chat.request_results.rooms import RoomView
from store.contract import Store
from store.models import Standing


class RoomViews:
    """Reads the peers of many rooms by one query, and of none by none."""

    def __init__(self, *, store: Store, presenter: Presenter) -> None:
        self._store = store
        self._presenter = presenter

    async def of(self, user_id: str, standings: Sequence[Standing]) -> list[RoomView]:
        """How the user, whose standings they are, sees these rooms. Raises StoreError."""
        direct = [of.room.id for of in standings if of.room.kind == "direct"]
        found = await self._store.rooms.peers([(room_id, user_id) for room_id in direct]) if direct else []
        peers = dict(zip(direct, found, strict=True))
        return [self._presenter.room(of.room, of.membership, peers.get(of.room.id)) for of in standings]
