"""One room's live side on this process: its heads, a ring of recent messages, and who gets what next.

Pure state, no I/O, no clock.

Delivery is cut into groups. A group goes to those who were registered before it was opened, and to nobody twice: each
registration takes a new epoch and seals the open group, so that a joiner's `missed` and its live events meet exactly.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from typing import Protocol


class Outlet(Protocol):
    """Where frames leave: a link."""

    @property
    def is_open(self) -> bool: ...

    @property
    def is_over(self) -> bool: ...

    def send(self, frame: bytes) -> None: ...

    def send_ephemeral(self, frame: bytes) -> None: ...

    def abort(self) -> None: ...


class Subscriber(Protocol):
    """A connection as a room sees it."""

    @property
    def connection_id(self) -> str: ...

    @property
    def user_id(self) -> str: ...

    @property
    def link(self) -> Outlet: ...


class Group:
    """Frames that one pass over the connections delivers together."""

    __slots__ = ("accepted_ms", "deliveries", "ephemeral", "epoch", "frames", "messages", "not_to_user")

    def __init__(self, epoch: int, *, ephemeral: bool, not_to_user: str | None = None) -> None:
        self.epoch = epoch
        self.frames: list[bytes] = []
        self.messages = 0
        self.accepted_ms = 0.0  # when the send of the first of them was accepted (wall clock); 0.0: not known
        self.deliveries = 0
        self.ephemeral = ephemeral
        self.not_to_user = not_to_user


class Ring:
    """The room's newest messages, encoded, without a hole; bounded by count and bytes."""

    __slots__ = ("_bytes", "_items", "_max_bytes", "_max_items", "floor")

    def __init__(self, *, max_items: int, max_bytes: int) -> None:
        self._items: deque[bytes] = deque()
        self._bytes = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self.floor = 0  # the greatest seq that is not held any more: items are floor+1 …

    def start(self, floor: int, messages: Iterable[bytes]) -> None:
        self._items.clear()
        self._bytes = 0
        self.floor = floor
        for message in messages:
            self.add(message)

    def add(self, message: bytes) -> None:
        self._items.append(message)
        self._bytes += len(message)
        while self._items and (len(self._items) > self._max_items or self._bytes > self._max_bytes):
            self._bytes -= len(self._items.popleft())
            self.floor += 1

    def after(self, seq: int) -> list[bytes] | None:
        """Messages above `seq`, ascending; None if it does not reach back that far."""
        if seq < self.floor:
            return None
        skip = seq - self.floor
        return [message for index, message in enumerate(self._items) if index >= skip]


class Channel:
    """A room with local subscribers.

    `seq` and `rev` are the newest that were taken over; they move before the first slice of a fan-out leaves.
    `live` maps a subscriber to its epoch, `joining` one whose ack is not sent yet to the frames it must get after it.
    """

    __slots__ = (
        "epoch",
        "groups",
        "held_changes",
        "held_messages",
        "hold_timer",
        "holders",
        "in_fan_out",
        "joining",
        "live",
        "repair",
        "rev",
        "ring",
        "room_id",
        "seq",
    )

    def __init__(self, room_id: str, *, ring: Ring) -> None:
        self.room_id = room_id
        self.seq = 0
        self.rev = 0
        self.ring = ring
        self.epoch = 0
        self.live: dict[Subscriber, int] = {}
        self.joining: dict[Subscriber, PendingJoin] = {}
        self.groups: deque[Group] = deque()
        self.in_fan_out = False
        self.held_messages: dict[int, bytes] = {}
        self.held_changes: dict[int, bytes | None] = {}
        self.hold_timer: asyncio.TimerHandle | None = None  # what is held waits for what is missing
        self.repair: asyncio.Task[None] | None = None  # which is read from the store
        self.holders = 0  # joins under way that need it open

    @property
    def is_delivering(self) -> bool:
        """Whether something is on its way to connections, or waits for what is to be read first."""
        return self.in_fan_out or bool(self.groups) or self.hold_timer is not None or self.repair is not None

    @property
    def is_idle(self) -> bool:
        return not (self.live or self.joining or self.holders)

    def open_group(self) -> Group:
        """The group that durable frames go to now."""
        if self.groups:
            last = self.groups[-1]
            if not last.ephemeral and last.epoch == self.epoch:
                return last
        group = Group(self.epoch, ephemeral=False)
        self.groups.append(group)
        return group

    def register(self, subscriber: Subscriber) -> PendingJoin:
        """Begin to hold this room's frames for `subscriber`; what it must read from the store ends at the returned
        heads.
        """
        self.epoch += 1
        joining = PendingJoin(self.epoch, self.seq, self.rev, was_live=subscriber in self.live)
        self.live.pop(subscriber, None)
        self.joining[subscriber] = joining
        return joining

    def end_membership(self, subscriber: Subscriber, *, rev: int | None, under: int | None) -> bool:
        """The membership of a subscriber ended by the room's rev (None: whatever it is): end what was subscribed under
        an older one.

        `under` is the rev at which the membership began that the standing subscription was made under. True if that, or
        a join under way, was ended; a join that has not read its membership yet goes on, and judges by itself.
        """
        joining = self.joining.get(subscriber)
        if joining is None:
            return subscriber in self.live and ends(rev, under) and self.forget(subscriber)
        if joining.under is not None and ends(rev, joining.under):
            return self.forget(subscriber)
        if joining.under is None:
            joining.note_end(rev)
        was_ended = joining.was_live and ends(rev, under)
        if was_ended:
            joining.was_live = False
        return was_ended

    def forget(self, subscriber: Subscriber) -> bool:
        """End a subscription; True if there was one."""
        was = self.live.pop(subscriber, None) is not None
        return self.joining.pop(subscriber, None) is not None or was


def ends(rev: int | None, under: int | None) -> bool:
    """Whether what ended a membership by one rev ended the one that began at another.

    Where either is not known it did.
    """
    return rev is None or under is None or rev >= under


class PendingJoin:
    """A subscription between its registration and its ack.

    `under`: the rev at which its membership began, None until that is read.
    """

    __slots__ = ("_ended_rev", "epoch", "frames", "messages", "rev", "seq", "size", "under", "was_live")

    def __init__(self, epoch: int, seq: int, rev: int, *, was_live: bool) -> None:
        self.epoch = epoch
        self.seq = seq
        self.rev = rev
        self.was_live = was_live
        self.under: int | None = None
        self._ended_rev: float = -1  # the greatest by which a membership was heard to end before `under` was known
        self.frames: list[bytes] = []
        self.messages = 0
        self.size = 0

    def note_end(self, rev: int | None) -> None:
        """A membership of the joiner ended, perhaps the one that is about to be read."""
        self._ended_rev = max(self._ended_rev, math.inf if rev is None else rev)

    def stands_under(self, rev: int) -> bool:
        """Take the membership that began at this rev for the subscription's; False if it was heard to have ended."""
        self.under = rev
        return rev > self._ended_rev

    def hold(self, frames: bytes, messages: int) -> None:
        self.frames.append(frames)
        self.messages += messages
        self.size += len(frames)
