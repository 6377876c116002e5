"""Reads from the store what the bus did not bring, and has it delivered.

The bus may lose events, and two processes that write at once may be heard in the wrong order. Owns the timers and tasks
of the repair.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from chat.delivery.event_order import EventOrder
from chat.delivery.room_channel import Channel
from common.task_shutdown import cancel_all
from store.contract import Store
from store.errors import StoreError
from store.models import Room

log = logging.getLogger(__name__)

PAGE = 100  # messages or changes in one read
SETTINGS_TRIES = 5  # where changes come faster than the room is read, an older room is sent: its rev says so
HOLD_S = 0.03  # how long an early event waits for those before it; then they are read


class GapRepair:
    """Brings channels up to the store's heads.

    `recheck_room(room_id)` is called when memberships of a room may have changed without an event that reached this
    process. `room_updated` returns the event payload of a change of a room's settings.
    """

    def __init__(
        self,
        *,
        store: Store,
        event_order: EventOrder,
        loop: asyncio.AbstractEventLoop,
        recheck_room: Callable[[str], None],
        room_updated: Callable[[Room], bytes],
    ) -> None:
        self._store = store
        self._event_order = event_order
        self._loop = loop
        self._recheck_room = recheck_room
        self._room_updated = room_updated
        self._repairs: set[asyncio.Task[None]] = set()  # at most one of a channel

    def expect_missing(self, channel: Channel) -> None:
        """Start the wait for missing events, if some are held above a gap and no wait is under way."""
        if (channel.held_messages or channel.held_changes) and channel.hold_timer is None:
            channel.hold_timer = self._loop.call_later(HOLD_S, self._repair_if_held, channel)

    def _repair_if_held(self, channel: Channel) -> None:
        channel.hold_timer = None
        if channel.held_messages or channel.held_changes:
            self._repair(channel)

    async def compare_heads(self, channels: Mapping[str, Channel]) -> None:
        """Compare all rooms with the store in one query and repair those that are behind. Raises StoreError.

        A room that is not there any more was deleted: the recheck of its memberships finds that they have ended.
        """
        asked = list(channels)
        heads = await self._store.rooms.heads(asked)
        for room_id in asked:
            if room_id not in heads and room_id in channels:
                self._recheck_room(room_id)
        for room_id, head in heads.items():
            channel = channels.get(room_id)
            if channel is not None and (head.seq > channel.seq or head.rev > channel.rev):
                self._repair(channel)

    def _repair(self, channel: Channel) -> None:
        if channel.repair is None:
            channel.repair = self._loop.create_task(self._repair_quietly(channel))
            self._repairs.add(channel.repair)
            channel.repair.add_done_callback(self._repairs.discard)

    async def _repair_quietly(self, channel: Channel) -> None:
        try:
            await self.catch_up(channel)
        except StoreError as error:
            # The next comparison of heads tries again
            log.warning("room %s could not be brought up to date: %s", channel.room_id, error)
        finally:
            channel.repair = None

    async def catch_up(self, channel: Channel) -> None:
        """Take over from the store all that is above the channel's heads, page by page. Raises StoreError."""
        event_order = self._event_order
        while True:
            page = await self._store.messages.page(channel.room_id, limit=PAGE, after=channel.seq)
            for message in page.messages:
                event_order.add_stored_message(channel, message)
            if not page.has_more:
                break
        if page.rev > channel.rev and await self._catch_up_changes(channel):
            await self._send_settings(channel)
        event_order.take_held(channel)  # what the bus brought above the pages that were read goes on from there

    async def _catch_up_changes(self, channel: Channel) -> bool:
        """Take over all changes above the channel's rev. True if any may have been of the room's settings."""
        are_settings = False
        while True:
            before = channel.rev
            changes = await self._store.changes.page(channel.room_id, since=channel.rev, limit=PAGE)
            if changes.expired:
                channel.rev = changes.rev
                self._recheck_room(channel.room_id)
                return True
            for change in changes.changes:
                if self._event_order.add_stored_change(channel, change) and change.message is None:
                    are_settings = are_settings or change.is_settings
                    self._recheck_room(channel.room_id)
            if not changes.has_more or channel.rev == before:  # the next change may be of a message that comes yet
                return are_settings

    async def _send_settings(self, channel: Channel) -> None:
        """Send the room as it is now. It is read until it and the channel are at one rev, so that it comes in order."""
        room = await self._store.rooms.get(channel.room_id)
        for _ in range(SETTINGS_TRIES):
            if room is not None and room.rev > channel.rev:
                await self._catch_up_changes(channel)
            if room is None or room.rev == channel.rev:
                break
            room = await self._store.rooms.get(channel.room_id)
        if room is not None:
            self._event_order.add_settings(channel, self._room_updated(room))

    def stop(self, channel: Channel) -> None:
        """End the wait and the repair of a channel that closes."""
        if channel.hold_timer is not None:
            channel.hold_timer.cancel()
            channel.hold_timer = None
        if channel.repair is not None:
            channel.repair.cancel()

    async def close(self) -> None:
        """End the repairs that are under way."""
        await cancel_all(self._repairs)
