"""Puts the events of a room in order: takes over the next message or change, holds what comes early.

Each event's frame is built here, once for all connections. Reads no store: what is missing is for gap_repair.py.
"""

from __future__ import annotations

from collections.abc import Callable

from chat.codec import Codec
from chat.delivery.fan_out_to_connections import FanOut
from chat.delivery.room_channel import Channel, Group
from chat.events import MessageDeleted, MessageEdited, ReactionUpdated, ReceiveMessage
from cluster.events import RoomChanges, RoomEphemeral, RoomMessages
from store.models import Change, Message

HELD_MAX = 1_000  # events held above a gap; what comes beyond them is read from the store with the gap

EPHEMERAL_MAX = 64  # ephemeral events in one send, which is dropped whole


class EventOrder:
    """Takes events over into channels, in the order of `seq` and of `rev`, and starts their fan-out.

    `frame` turns a payload into a complete frame; `coalesce` joins the events of one loop turn into one send.
    """

    def __init__(self, *, codec: Codec, frame: Callable[[bytes], bytes], fan_out: FanOut, coalesce: bool) -> None:
        self._codec = codec
        self._frame = frame
        self._fan_out = fan_out
        self._coalesce = coalesce

    def add_messages(self, channel: Channel, batch: RoomMessages) -> None:
        """Take messages from the bus: known ones are skipped, early ones are held."""
        for seq, message in enumerate(batch.events, batch.first_seq):
            if seq == channel.seq + 1:
                self._take_message(channel, message, batch.accepted_ms)
            elif seq > channel.seq and len(channel.held_messages) < HELD_MAX:
                channel.held_messages[seq] = message
        self.take_held(channel)

    def add_changes(self, channel: Channel, batch: RoomChanges) -> None:
        """Take changes from the bus, by the same rule."""
        for rev, payload in batch.changes:
            if rev == channel.rev + 1 and self._take_change(channel, payload):
                continue
            if rev > channel.rev and len(channel.held_changes) < HELD_MAX:
                channel.held_changes[rev] = payload
        self.take_held(channel)

    def add_ephemeral(self, channel: Channel, happening: RoomEphemeral) -> None:
        """Send an event that has no order and may be dropped under pressure."""
        group = channel.open_ephemeral_group(frames_max=EPHEMERAL_MAX if self._coalesce else 1)
        group.add_ephemeral(self._frame(happening.event), not_to_user=happening.not_to_user)
        self._fan_out.start(channel)

    def add_stored_message(self, channel: Channel, message: Message) -> None:
        """Take a message that was read from the store, if it is the next: the bus may have brought it meanwhile."""
        if message.seq == channel.seq + 1:
            self._take_message(channel, self._codec.encode(message))

    def add_stored_change(self, channel: Channel, change: Change) -> bool:
        """Take a change that was read from the store, if it is the next and its message is known; True if it was."""
        if change.rev != channel.rev + 1:
            return False
        encoded = b"" if change.message is None else self._codec.encode(change.message)
        return self._take_change(channel, changed_event(change, encoded, codec=self._codec))

    def add_settings(self, channel: Channel, payload: bytes) -> None:
        """Send the event of a change of settings whose rev was taken over without it."""
        self._queue(channel, payload, messages=0)

    def take_held(self, channel: Channel) -> None:
        """Take what was held, as far as it follows without a gap, and forget what is known by now."""
        held, changes = channel.held_messages, channel.held_changes
        while (message := held.pop(channel.seq + 1, None)) is not None:
            self._take_message(channel, message)
        while channel.rev + 1 in changes and self._take_change(channel, changes[channel.rev + 1]):
            pass
        for stale in [seq for seq in held if seq <= channel.seq]:
            del held[stale]
        for stale in [rev for rev in changes if rev <= channel.rev]:
            del changes[stale]

    def _take_message(self, channel: Channel, message: bytes, accepted_ms: float = 0.0) -> None:
        channel.seq += 1
        channel.ring.add(message)
        self._queue(channel, self._codec.event(ReceiveMessage(message)), messages=1, accepted_ms=accepted_ms)

    def _take_change(self, channel: Channel, payload: bytes | None) -> bool:
        """Take the next change. False if its message did not come yet: nobody hears of what they do not have."""
        changed = None if payload is None else self._codec.changed_message(payload)
        if changed is not None:
            seq, message = changed
            if seq > channel.seq:
                return False
            channel.ring.replace(seq, message)
        channel.rev += 1
        if payload is not None:
            self._queue(channel, payload, messages=0)
        return True

    def _queue(self, channel: Channel, payload: bytes, *, messages: int, accepted_ms: float = 0.0) -> None:
        group = channel.open_group() if self._coalesce else None
        if group is None:
            group = Group(channel.epoch, ephemeral=False)
            channel.groups.append(group)
        group.frames.append(self._frame(payload))
        group.messages += messages
        group.accepted_ms = group.accepted_ms or accepted_ms  # the first is the oldest
        self._fan_out.start(channel)


def changed_event(change: Change, encoded: bytes, *, codec: Codec) -> bytes | None:
    """Return the event payload of one change, live and read later alike; `encoded` is its message.

    None for changes of membership and settings: they have events of their own.
    """
    message = change.message
    if message is None:
        return None
    event = ReactionUpdated if change.is_reaction else MessageDeleted if message.deleted_at else MessageEdited
    return codec.event(event(message.room_id, change.rev, encoded))
