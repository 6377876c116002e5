"""Room → local connections: ordered delivery without gaps, each message encoded once.

The bus is a hint, the store the truth: what comes early is held, what is missing is read from the store. Owns the
channels and the tasks that heal them; knows neither sockets nor drivers.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable

from chat.codec import Codec
from chat.delivery.channel import Channel, Group, PendingJoin, Ring, Subscriber
from chat.delivery.fan_out import FanOut
from chat.errors import ChatError
from chat.events import MessageDeleted, MessageEdited, ReactionUpdated, ReceiveMessage
from cluster.contract import Bus
from cluster.events import RoomChanges, RoomEphemeral, RoomMessages
from cluster.topics import room_topic
from monitor.observer import Observer
from store.contract import Store
from store.errors import StoreError
from store.models import Change, Head

log = logging.getLogger(__name__)

RING_ITEMS = 500
RING_BYTES = 262_144
HELD_MAX = 1_000  # events held above a gap; past them the gap is read anyway
OPEN_WITH = 100  # messages read when a room opens: most who come back missed fewer
HEAL_PAGE = 100
HOLD_S = 0.03  # what came early waits so long for what is missing, then that is read


class Hub:
    """Delivers rooms to connections.

    `frame` turns a payload into a complete frame; `coalesce` joins what one loop turn brought into one send;
    `hold_max_bytes` bounds what is held for one joiner; `audit_room(room_id)` is called when memberships of a room may
    have changed without an event that reached this process.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        codec: Codec,
        frame: Callable[[bytes], bytes],
        observer: Observer,
        coalesce: bool,
        hold_max_bytes: int,
        audit_room: Callable[[str], None] = lambda room_id: None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._audit_room = audit_room
        self._codec = codec
        self._frame = frame
        self._coalesce = coalesce
        self._loop = asyncio.get_running_loop()
        self._observer = observer
        self._fan_out = FanOut(loop=self._loop, observer=observer, hold_max_bytes=hold_max_bytes)
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Task[Channel]] = {}
        self._healing: set[asyncio.Task[None]] = set()  # at most one of a channel
        self._closing: set[asyncio.Task[None]] = set()

    # ---- joining and leaving -------------------------------------------------------------------------------------

    async def hold(self, room_id: str) -> Channel:
        """Return the room's channel, opened and up to the store's heads; it stays open until `release`.

        Raises StoreError.
        """
        task = self._opening.get(room_id)
        channel = self._channels.get(room_id)
        if task is None and channel is None:
            task = self._loop.create_task(self._open(room_id))
            self._opening[room_id] = task
            task.add_done_callback(lambda done: self._opened(room_id, done))
        if task is not None:
            channel = await asyncio.shield(task)
        assert channel is not None
        channel.holders += 1
        return channel

    def release(self, channel: Channel) -> None:
        """End a `hold`."""
        channel.holders -= 1
        self._close_if_idle(channel)

    def register(self, channel: Channel, subscriber: Subscriber) -> PendingJoin:
        """Begin holding frames for a joiner (see Channel.register)."""
        return channel.register(subscriber)

    def go_live(self, channel: Channel, subscriber: Subscriber, answer: bytes | None) -> bool:
        """Send the join's answer and what came since its registration, in one piece, and go on live.

        False if the subscription ended meanwhile: then nothing was sent.
        """
        joining = channel.joining.pop(subscriber, None)
        if joining is None:
            return False
        channel.live[subscriber] = joining.epoch
        frames = joining.frames if answer is None else [self._frame(answer), *joining.frames]
        if frames:
            subscriber.link.send(b"".join(frames))
        if joining.messages:
            self._observer.messages_delivered(1, joining.messages)
        return True

    def give_up(self, channel: Channel, subscriber: Subscriber, joining: PendingJoin) -> None:
        """A join failed: back to what was before it."""
        if channel.joining.get(subscriber) is not joining:
            return
        if joining.was_live:
            self.go_live(channel, subscriber, None)
        else:
            channel.forget(subscriber)
            self._close_if_idle(channel)

    def leave(self, room_id: str, subscriber: Subscriber) -> bool:
        """End a subscription; True if there was one."""
        channel = self._channels.get(room_id)
        if channel is None:
            return False
        left = channel.forget(subscriber)
        self._close_if_idle(channel)
        return left

    def end_membership(self, room_id: str, subscriber: Subscriber, *, rev: int | None, under: int | None) -> bool:
        """End a subscription whose membership ended (see Channel.end_membership);
        True if there was one that it ended.
        """
        channel = self._channels.get(room_id)
        if channel is None:
            return False
        ended = channel.end_membership(subscriber, rev=rev, under=under)
        self._close_if_idle(channel)
        return ended

    def is_delivering(self, room_id: str) -> bool:
        """Whether something of the room is on its way to connections or to be read first."""
        channel = self._channels.get(room_id)
        return channel is not None and channel.is_delivering

    @property
    def rooms(self) -> int:
        """Rooms that somebody here is in, or joins."""
        return len(self._channels)

    def busiest(self, count: int) -> dict[str, int]:
        """The rooms with the most connections here, and how many."""
        crowds = ((len(channel.live), room_id) for room_id, channel in self._channels.items() if channel.live)
        return {room_id: connections for connections, room_id in heapq.nlargest(count, crowds)}

    def drop_closed(self) -> int:
        """Forget subscribers whose link is over; returns how many there were. There should be none."""
        dropped = 0
        for channel in list(self._channels.values()):
            for one in [one for one in (*channel.live, *channel.joining) if one.link.is_over]:
                channel.forget(one)
                dropped += 1
            self._close_if_idle(channel)
        return dropped

    # ---- what the bus brings -------------------------------------------------------------------------------------

    def on_messages(self, batch: RoomMessages) -> None:
        """Deliver messages in seq order: what is known is skipped, what comes early is held and the gap read."""
        channel = self._channels.get(batch.room_id)
        if channel is None:
            return
        for seq, message in enumerate(batch.events, batch.first_seq):
            if seq == channel.seq + 1:
                self._take_message(channel, message, batch.accepted_ms)
            elif seq > channel.seq and len(channel.held_messages) < HELD_MAX:
                channel.held_messages[seq] = message
        self._after_taking(channel)

    def on_changes(self, batch: RoomChanges) -> None:
        """Deliver changes in rev order, likewise."""
        channel = self._channels.get(batch.room_id)
        if channel is None:
            return
        for rev, payload in batch.changes:
            if rev == channel.rev + 1:
                self._take_change(channel, payload)
            elif rev > channel.rev and len(channel.held_changes) < HELD_MAX:
                channel.held_changes[rev] = payload
        self._after_taking(channel)

    def on_ephemeral(self, happening: RoomEphemeral) -> None:
        """Deliver what may be dropped under pressure."""
        channel = self._channels.get(happening.room_id)
        if channel is None:
            return
        group = Group(channel.epoch, ephemeral=True, not_to_user=happening.not_to_user)
        group.frames.append(self._frame(happening.event))
        channel.groups.append(group)
        self._fan_out.start(channel)

    def _take_message(self, channel: Channel, message: bytes, accepted_ms: float = 0.0) -> None:
        channel.seq += 1
        channel.ring.add(message)
        self._queue(channel, self._codec.event(ReceiveMessage(message)), messages=1, accepted_ms=accepted_ms)

    def _take_change(self, channel: Channel, payload: bytes | None) -> None:
        channel.rev += 1
        if payload is not None:
            self._queue(channel, payload, messages=0)

    def _queue(self, channel: Channel, payload: bytes, *, messages: int, accepted_ms: float = 0.0) -> None:
        group = channel.open_group() if self._coalesce else None
        if group is None:
            group = Group(channel.epoch, ephemeral=False)
            channel.groups.append(group)
        group.frames.append(self._frame(payload))
        group.messages += messages
        group.accepted_ms = group.accepted_ms or accepted_ms  # the first is the oldest
        self._fan_out.start(channel)

    def _after_taking(self, channel: Channel) -> None:
        self._take_held(channel)
        if (channel.held_messages or channel.held_changes) and channel.hold_timer is None:
            # Of two processes that write at once the later one may be heard first: what is missing is mostly on its
            # way.
            channel.hold_timer = self._loop.call_later(HOLD_S, self._heal_if_held, channel)

    def _take_held(self, channel: Channel) -> None:
        held, changes = channel.held_messages, channel.held_changes
        while (message := held.pop(channel.seq + 1, None)) is not None:
            self._take_message(channel, message)
        while channel.rev + 1 in changes:
            self._take_change(channel, changes.pop(channel.rev + 1))
        for stale in [seq for seq in held if seq <= channel.seq]:
            del held[stale]
        for stale in [rev for rev in changes if rev <= channel.rev]:
            del changes[stale]

    def _heal_if_held(self, channel: Channel) -> None:
        channel.hold_timer = None
        if channel.held_messages or channel.held_changes:
            self._heal(channel)

    # ---- opening, closing, healing -------------------------------------------------------------------------------

    async def _open(self, room_id: str) -> Channel:
        channel = Channel(room_id, ring=Ring(max_items=RING_ITEMS, max_bytes=RING_BYTES))
        channel.holders = 1  # the opening's own, until those who wait for it have theirs
        topic = room_topic(room_id)
        await self._bus.subscribe(topic)
        try:
            page = await self._store.messages.page(room_id, limit=OPEN_WITH)
            if page.messages:
                channel.seq = page.messages[-1].seq
                channel.ring.start(page.messages[0].seq - 1, [self._codec.encode(message) for message in page.messages])
            channel.rev = page.rev
            self._channels[room_id] = channel
            # What was published between the subscription and this moment found no channel; the heads tell.
            await self._catch_up(channel)
        except BaseException:
            self._forget(channel)
            await self._bus.unsubscribe(topic)
            raise
        return channel

    def _opened(self, room_id: str, task: asyncio.Task[Channel]) -> None:
        self._opening.pop(room_id, None)
        if not task.cancelled() and task.exception() is None:
            # Whoever awaits it runs in the next loop turn and takes hold; nobody may be left, if they were all
            # cancelled.
            self._loop.call_soon(self._loop.call_soon, self.release, task.result())

    def _close_if_idle(self, channel: Channel) -> None:
        if channel.is_idle and self._forget(channel):
            task = self._loop.create_task(self._bus.unsubscribe(room_topic(channel.room_id)))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _forget(self, channel: Channel) -> bool:
        """End all that is under way for a channel, so that nothing of it acts on the room's next;
        True if it was open.
        """
        if self._channels.get(channel.room_id) is not channel:
            return False
        del self._channels[channel.room_id]
        if channel.hold_timer is not None:
            channel.hold_timer.cancel()
            channel.hold_timer = None
        if channel.healing is not None:
            channel.healing.cancel()
        return True

    def head_of(self, room_id: str) -> Head | None:
        """How far a room was delivered here; None where nobody here is in it."""
        channel = self._channels.get(room_id)
        return None if channel is None else Head(channel.seq, channel.rev)

    async def refresh(self, channel: Channel) -> None:
        """Bring a channel up to the store's heads. Raises StoreError."""
        await self._catch_up(channel)

    async def check_heads(self) -> None:
        """Compare all rooms with the store in one query and heal what is behind. Raises StoreError."""
        heads = await self._store.rooms.heads(list(self._channels))
        for room_id, head in heads.items():
            channel = self._channels.get(room_id)
            if channel is not None and (head.seq > channel.seq or head.rev > channel.rev):
                self._heal(channel)

    def _heal(self, channel: Channel) -> None:
        if channel.healing is None:
            channel.healing = self._loop.create_task(self._heal_quietly(channel))
            self._healing.add(channel.healing)
            channel.healing.add_done_callback(self._healing.discard)

    async def _heal_quietly(self, channel: Channel) -> None:
        try:
            await self._catch_up(channel)
        except StoreError as error:
            # The next check tries again
            log.warning("room %s could not be brought up to date: %s", channel.room_id, error)
        finally:
            channel.healing = None

    async def _catch_up(self, channel: Channel) -> None:
        """Take over from the store all that is above the channel's heads, page by page."""
        while True:
            page = await self._store.messages.page(channel.room_id, limit=HEAL_PAGE, after=channel.seq)
            for message in page.messages:
                if message.seq == channel.seq + 1:  # the bus may have brought it meanwhile
                    self._take_message(channel, self._codec.encode(message))
            if not page.has_more:
                break
        while page.rev > channel.rev:
            changes = await self._store.changes.page(channel.room_id, since=channel.rev, limit=HEAL_PAGE)
            if changes.expired:
                channel.rev = changes.rev
                self._audit_room(channel.room_id)
                break
            for change in changes.changes:
                if change.rev == channel.rev + 1:
                    self._take_change(channel, changed_event(change, codec=self._codec))
                    if change.message is None:
                        self._audit_room(channel.room_id)
            if not changes.has_more:
                break
        self._take_held(channel)  # what the bus brought above the pages that were read goes on from there

    async def close(self) -> None:
        """End the tasks that are under way."""
        for channel in self._channels.values():
            if channel.hold_timer is not None:
                channel.hold_timer.cancel()
        tasks: list[asyncio.Task[object]] = [*self._opening.values(), *self._healing, *self._closing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def changed_event(change: Change, *, codec: Codec) -> bytes | None:
    """Return the event payload of one change, live and healed alike; None where clients are not told of it here
    (membership, settings).
    """
    message = change.message
    if message is None:
        return None
    event = ReactionUpdated if change.is_reaction else MessageDeleted if message.deleted_at else MessageEdited
    return codec.event(event(message.room_id, change.rev, message))


def gone_while_joining() -> ChatError:
    """What a joiner is told whose subscription ended before its ack."""
    return ChatError("unavailable", "The room moved on too fast; join again.")
