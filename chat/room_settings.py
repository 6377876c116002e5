"""The use case of a room's settings: name, description, privacy, size, slow mode, archive."""

from __future__ import annotations

from typing import TypeVar

from msgspec import UNSET, UnsetType

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.codec import Codec
from chat.errors import ChatError
from chat.events import RoomUpdated
from chat.outsiders import banned_are_told
from chat.presenter import Presenter
from chat.request_inputs.rooms import PatchRoom
from chat.request_results.rooms import RoomView
from cluster.contract import Bus
from cluster.events import RoomChanges
from cluster.topics import room_topic
from store.contract import Store
from store.models import Actor, RoomPatch

T = TypeVar("T")


class RoomSettings:
    """Changes settings, and tells every connection in the room."""

    def __init__(self, *, store: Store, cache: Cache, keys: Keys, bus: Bus, presenter: Presenter, codec: Codec) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._presenter = presenter
        self._codec = codec

    async def update(self, room_id: str, actor: Actor, body: PatchRoom) -> RoomView:
        """Change the settings that the body has. Returns the room as the actor sees it.

        Raises ChatError room_not_found, banned; StoreError: Refused, as store.contract.Rooms.update says.
        """
        keys = self._keys
        fence = self._cache.fence(keys.room(room_id), keys.page(room_id))  # the page holds the room's rev
        async with banned_are_told(self._store, room_id, actor.user_id), fence:
            change = await self._store.rooms.update(room_id, actor, _patch(body))
        if change.changed:
            updated = self._codec.event(RoomUpdated(self._presenter.room(change.room, None)))
            self._bus.publish(room_topic(room_id), RoomChanges(room_id, ((change.room.rev, updated),)))
        of = await self._store.rooms.get_for(room_id, actor.user_id)
        if of is None:
            raise ChatError("room_not_found")
        return self._presenter.room(of.room, of.membership)


def _patch(body: PatchRoom) -> RoomPatch:
    return RoomPatch(
        name=_given(body.name),
        description=False if body.description is UNSET else body.description,
        is_private=_given(body.is_private),
        max_users=_given(body.max_users),
        slow_mode_s=_given(body.slow_mode_s),
        archived=_given(body.archived),
    )


def _given(value: T | UnsetType) -> T | None:
    return None if value is UNSET else value
