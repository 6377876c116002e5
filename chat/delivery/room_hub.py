"""Room → local connections: the rooms that connections here are in, and their joining and leaving.

The bus is a hint, the store the truth. Owns the channels; order is event_order.py's, gaps are gap_repair.py's, the
passes over connections fan_out_to_connections.py's. Knows neither sockets nor drivers.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from msgspec import structs

from cache.message_page import Page
from chat.codec import Codec
from chat.delivery.event_order import EventOrder
from chat.delivery.fan_out_to_connections import FanOut
from chat.delivery.gap_repair import GapRepair
from chat.delivery.message_ring import Ring
from chat.delivery.pending_join import PendingJoin
from chat.delivery.room_channel import Channel, Subscriber
from chat.errors import ChatError
from chat.events import RoomUpdated
from chat.request_results.rooms import RoomView
from cluster.contract import Bus
from cluster.events import RoomChanges, RoomEphemeral, RoomMessages
from cluster.topics import room_topic
from common.task_shutdown import cancel_all
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics
from store.contract import Store
from store.models import Head, Room

RING_ITEMS = 500
RING_BYTES = 262_144
OPEN_WITH = 100  # messages read when a room opens: most who return have missed fewer


class Hub:
    """Delivers rooms to connections.

    `frame` turns a payload into a complete frame; `coalesce` joins the events of one loop turn into one send;
    `hold_max_bytes` bounds the frames that are held for one joiner; `recheck_room(room_id)` is called when memberships
    of a room may have changed without an event that reached this process; `show_room` makes of a stored room what all
    in it see.
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
        recheck_room: Callable[[str], None] = lambda room_id: None,
        show_room: Callable[[Room], RoomView] = lambda room: RoomView(**structs.asdict(room), online_count=0),
    ) -> None:
        self._store = store
        self._bus = bus
        self._codec = codec
        self._frame = frame
        self._coalesce = coalesce
        self._loop = asyncio.get_running_loop()
        self._observer = observer
        self.fan_out = FanOut(loop=self._loop, observer=observer, hold_max_bytes=hold_max_bytes)
        self._event_order = EventOrder(codec=codec, frame=frame, fan_out=self.fan_out, coalesce=coalesce)
        self._gap_repair = GapRepair(
            store=store,
            event_order=self._event_order,
            loop=self._loop,
            recheck_room=recheck_room,
            room_updated=lambda room: codec.event(RoomUpdated(show_room(room))),
        )
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Task[Channel]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._bus_losses = 0
        self._compared_after = 0  # so many losses of the bus the heads were last compared

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

        Without an answer an earlier subscription goes on. False if the subscription ended meanwhile: then nothing was
        sent.
        """
        joining = channel.go_live(subscriber, is_answered=answer is not None)
        if joining is None:
            return False
        frames = joining.frames if answer is None else [self._frame(answer), *joining.frames]
        if frames:
            subscriber.link.send(b"".join(frames))
        if joining.messages:
            self._observer.messages_delivered(1, joining.messages)
        return True

    def ack(self, subscriber: Subscriber, payload: bytes) -> None:
        """Send a command's ack; while the fan-out is corked, in one send with what its room delivers."""
        frame = self._frame(payload)
        if self._coalesce:
            self.fan_out.ack(subscriber, frame)
        else:
            subscriber.link.send(frame)

    def give_up(self, channel: Channel, subscriber: Subscriber, joining: PendingJoin) -> None:
        """A join failed: back to what was before it."""
        if channel.joining.get(subscriber) is not joining:
            return
        if joining.earlier_epoch is not None:
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

    def has_reached(self, room_id: str, *, seq: int, rev: int) -> bool:
        """Whether the room is delivered here, up to these heads at least."""
        channel = self._channels.get(room_id)
        return channel is not None and room_id not in self._opening and seq <= channel.seq and rev <= channel.rev

    def is_joining(self, room_id: str, subscriber: Subscriber) -> bool:
        """Whether a join of the subscriber is between its registration and its ack."""
        channel = self._channels.get(room_id)
        return channel is not None and subscriber in channel.joining

    def is_delivering(self, room_id: str) -> bool:
        """Whether something of the room is on its way to connections or to be read first."""
        channel = self._channels.get(room_id)
        return channel is not None and channel.is_delivering

    @property
    def rooms(self) -> int:
        """Rooms that somebody here is in, or joins."""
        return len(self._channels)

    def metrics(self) -> PartMetrics:
        return PartMetrics(gauges={"rooms": len(self._channels)})

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

    def forget_recent_messages(self) -> None:
        """Empty the rings: who comes back reads what was missed from the store, until the rings are filled again."""
        for channel in self._channels.values():
            channel.ring.start(channel.seq, ())

    # ---- events from the bus -------------------------------------------------------------------------------------

    def on_messages(self, batch: RoomMessages) -> None:
        """Deliver messages in seq order, if somebody here is in the room."""
        channel = self._channels.get(batch.room_id)
        if channel is not None:
            self._event_order.add_messages(channel, batch)
            self._gap_repair.expect_missing(channel)

    def on_changes(self, batch: RoomChanges) -> None:
        """Deliver changes in rev order, if somebody here is in the room."""
        channel = self._channels.get(batch.room_id)
        if channel is not None:
            self._event_order.add_changes(channel, batch)
            self._gap_repair.expect_missing(channel)

    def on_ephemeral(self, happening: RoomEphemeral) -> None:
        """Deliver an event that may be dropped under pressure."""
        channel = self._channels.get(happening.room_id)
        if channel is not None:
            self._event_order.add_ephemeral(channel, happening)

    # ---- opening and closing --------------------------------------------------------------------------------------

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
            # What was published between the subscription and this moment found no channel: it is read.
            await self._gap_repair.catch_up(channel)
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
        self._gap_repair.stop(channel)
        return True

    def head_of(self, room_id: str) -> Head | None:
        """How far a room is known here; None where nobody here is in it."""
        channel = self._channels.get(room_id)
        return None if channel is None else channel.head

    def newest_page(self, room_id: str, limit: int) -> Page | None:
        """Return the newest messages of an open room, as they were delivered here.

        None where the store must be asked: the ring does not reach back so far, something is missing here, the room is
        being opened, or the bus is lost, or was and what it lost is not known yet. It never lacks what this process
        wrote: that is delivered here before its ack.
        """
        channel = self._channels.get(room_id)
        # What was published while a room opens has found no channel, and is being read
        if channel is None or room_id in self._opening or not channel.is_whole:
            return None
        if self._bus.lost or self._compared_after != self._bus_losses:
            return None
        before = max(channel.seq - limit, 0)
        messages = channel.ring.after(before)
        return None if messages is None else Page(tuple(messages), channel.seq, channel.rev, before > 0)

    async def refresh(self, channel: Channel) -> None:
        """Bring a channel up to the store's heads. Raises StoreError."""
        await self._gap_repair.catch_up(channel)

    def bus_restored(self) -> None:
        """The bus is back and may have lost events: until the heads are compared, no room is known to be whole."""
        self._bus_losses += 1

    async def check_heads(self) -> None:
        """Compare all rooms with the store in one query and repair those that are behind. Raises StoreError."""
        losses = self._bus_losses
        await self._gap_repair.compare_heads(self._channels)
        self._compared_after = losses

    async def close(self) -> None:
        """End the tasks that are under way."""
        for channel in self._channels.values():
            self._gap_repair.stop(channel)
        await cancel_all([*self._opening.values(), *self._closing])
        await self._gap_repair.close()


def gone_while_joining() -> ChatError:
    """Return the refusal of a join whose subscription ended before its ack."""
    return ChatError("unavailable", "The room moved on too fast; join again.")
