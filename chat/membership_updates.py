"""What follows a change of a membership that was stored: caches, the other processes, the people concerned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from cache.contract import Cache
from cache.keys_and_ttls import Key, Keys
from chat.codec import Codec
from chat.events import RoomAdded, RoomUpdated
from chat.presenter import Presenter
from chat.recheck_requests import MembershipKey
from chat.room_views import RoomViews
from chat.uncertain_memberships import PublishAdded
from cluster.contract import Bus
from cluster.events import MembershipBegan, MembershipEnded, RoomChanges, UserEvent
from cluster.topics import EVERYONE, membership_order, room_topic, user_topic
from store.contract import Store
from store.errors import StoreTimeout, StoreUnavailable
from store.models import MembershipChange, Standing


def membership_keys(keys: Keys, room_id: str, user_id: str) -> tuple[Key[Any], ...]:
    """The cached values that a change of a membership touches."""
    return (
        keys.room(room_id),
        keys.membership(room_id, user_id),
        keys.stats(room_id),
        keys.page(room_id),  # it holds the room's rev
    )


class MembershipUpdates:
    """Publishes changes of memberships.

    `on_uncertain` is called where a write may have happened although it failed (see UncertainMemberships.add).
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        presenter: Presenter,
        codec: Codec,
        on_uncertain: Callable[[MembershipKey, PublishAdded | None], None],
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._presenter = presenter
        self._codec = codec
        self._on_uncertain = on_uncertain
        self._room_views = RoomViews(store=store, presenter=presenter)

    @asynccontextmanager
    async def fenced(self, room_id: str, user_id: str, *, begins: bool = False) -> AsyncIterator[None]:
        """Fence what a membership touches: while it is written it is not read from the cache.

        Where the write fails and may have happened, nothing is published after it, and a retry finds nothing to
        change: what the store says in the end is then found by UncertainMemberships. `begins`: it may begin one.
        """
        try:
            async with self._cache.fence(*membership_keys(self._keys, room_id, user_id)):
                yield
        except (StoreTimeout, StoreUnavailable, asyncio.CancelledError):
            self._on_uncertain((room_id, user_id), self.publish_added if begins else None)
            raise

    async def publish_began(self, change: MembershipChange, user_id: str) -> None:
        """Publish that a membership began; the user's connections get the room."""
        if not change.changed:
            return
        self._publish_entry(change)
        self._bus.publish(EVERYONE, MembershipBegan(change.room.id, user_id, change.rev))
        await self.publish_added(Standing(change.room, change.membership), user_id)

    async def publish_added(self, of: Standing, user_id: str) -> None:
        """Publish a room to all connections of somebody who is its member now."""
        (view,) = await self._room_views.of(user_id, [of])
        payload = self._codec.event(RoomAdded(view))
        order = membership_order(of.room.id, of.joined_rev, began=True)
        self._bus.publish(user_topic(user_id), UserEvent(user_id, payload, *order))

    async def publish_changed(self, change: MembershipChange, user_id: str) -> None:
        """Publish that a member's role or mute changed; every connection of theirs gets their new state."""
        if not change.changed:
            return
        await self._forget_others(change)
        self._publish_entry(change)
        self._publish_own_state(Standing(change.room, change.membership), user_id, rev=change.rev)
        await self._publish_others(change)

    async def publish_ended(self, change: MembershipChange, user_id: str, reason: str) -> None:
        """Publish that a membership ended. `reason`: left, removed, banned."""
        if not change.changed:
            return
        await self._forget_others(change)
        # The end is published first: if this process dies in between, the other processes find the missing rev.
        self._bus.publish(EVERYONE, MembershipEnded(change.room.id, user_id, reason, change.rev))
        self._publish_entry(change)
        await self._publish_others(change)

    async def _forget_others(self, change: MembershipChange) -> None:
        others = (*change.user_ids_promoted, *change.user_ids_demoted)
        if others:
            await self._cache.invalidate(*(self._keys.membership(change.room.id, one) for one in others))

    def publish_rev(self, room_id: str, rev: int) -> None:
        """Publish that the room has an entry of its changes log of which its connections hear nothing."""
        self._bus.publish(room_topic(room_id), RoomChanges(room_id, ((rev, None),)))

    def _publish_entry(self, change: MembershipChange) -> None:
        if not change.has_new_owner:
            self.publish_rev(change.room.id, change.rev)
            return
        room = change.room
        updated = self._codec.event(RoomUpdated(self._presenter.room(room, None)))
        self._bus.publish(room_topic(room.id), RoomChanges(room.id, ((change.rev, updated),)))

    async def _publish_others(self, change: MembershipChange) -> None:
        """Publish the new state of the others whose role changed with it."""
        for user_id in (*change.user_ids_promoted, *change.user_ids_demoted):
            standing = await self._store.rooms.get_for(change.room.id, user_id)
            if standing is not None:
                self._publish_own_state(standing, user_id, rev=change.rev)

    def _publish_own_state(self, of: Standing, user_id: str, *, rev: int) -> None:
        if of.membership is None:
            return
        payload = self._codec.event(RoomUpdated(self._presenter.room(of.room, of.membership)))
        # It is about the membership: after its end nothing older of it arrives.
        order = membership_order(of.room.id, rev, began=True)
        self._bus.publish(user_topic(user_id), UserEvent(user_id, payload, *order))
