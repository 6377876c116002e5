"""The state of one room on this process: its heads, its subscribers, its pending groups, and the one on its way.

No I/O and no clock.

Delivery is cut into groups of frames. A group goes to the subscribers that were registered before it was opened. Each
registration begins a new epoch, which closes the open group, so that a joiner's `missed` and its live events neither
overlap nor leave a gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from chat.delivery.message_ring import Ring
from chat.delivery.pending_join import PendingJoin, ends
from store.models import Head


class Outlet(Protocol):
    """What a subscriber's link offers to the delivery."""

    @property
    def is_open(self) -> bool: ...

    @property
    def is_over(self) -> bool: ...

    def send(self, frame: bytes) -> None: ...

    def send_ephemeral(self, frame: bytes) -> None: ...

    def abort(self) -> None: ...


class Subscriber(Protocol):
    """A connection, as far as the delivery knows it."""

    @property
    def connection_id(self) -> str: ...

    @property
    def user_id(self) -> str: ...

    @property
    def link(self) -> Outlet: ...


class Group:
    """Frames that are delivered together, in one pass over the connections."""

    __slots__ = ("accepted_ms", "deliveries", "ephemeral", "epoch", "frames", "messages", "withheld")

    def __init__(self, epoch: int, *, ephemeral: bool) -> None:
        self.epoch = epoch
        self.frames: list[bytes] = []
        self.messages = 0
        self.accepted_ms = 0.0  # when the first message was accepted, wall clock in ms; 0.0: not known
        self.deliveries = 0
        self.ephemeral = ephemeral
        self.withheld: dict[str, set[int]] = {}  # user id → the places in `frames` of what that user does not get

    def add_ephemeral(self, frame: bytes, *, not_to_user: str | None) -> None:
        """Add a frame that `not_to_user` does not get."""
        if not_to_user is not None:
            self.withheld.setdefault(not_to_user, set()).add(len(self.frames))
        self.frames.append(frame)

    def frames_for(self, user_id: str) -> bytes:
        """Return what this user gets; b"" for nothing."""
        withheld = self.withheld.get(user_id, ())
        return b"".join([frame for place, frame in enumerate(self.frames) if place not in withheld])


class Pass:
    """A group on its way over the connections: to whom it goes, and how far it has come."""

    __slots__ = ("ended", "frames", "group", "links", "own_frames", "reached")

    def __init__(self, group: Group, *, links: Sequence[Outlet], own_frames: dict[Outlet, bytes]) -> None:
        self.group = group
        self.frames = b"".join(group.frames)
        self.links = links
        self.own_frames = own_frames  # of those who do not get all of the frames
        self.reached = 0  # the place in `links` up to which they are served
        # Whose subscription ended meanwhile; with the join that took its place, which covers the group if it succeeds
        self.ended: dict[Outlet, PendingJoin | None] = {}


class Channel:
    """A room with subscribers on this process.

    `seq` and `rev` are the heads that were taken over; they move before the first slice of a fan-out is sent. `live`
    maps each subscriber to its epoch. `joining` maps a subscriber whose ack is not sent yet to the frames that must
    follow the ack.
    """

    __slots__ = (
        "_links",
        "_newest_epoch",
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
        "under_way",
    )

    def __init__(self, room_id: str, *, ring: Ring) -> None:
        self.room_id = room_id
        self.seq = 0
        self.rev = 0
        self.ring = ring
        self.epoch = 0
        self.live: dict[Subscriber, int] = {}
        self.joining: dict[Subscriber, PendingJoin] = {}
        self._links: list[Outlet] | None = None  # of all who are live, until one comes or goes; replaced, never changed
        self._newest_epoch = 0  # of those
        self.groups: deque[Group] = deque()
        self.under_way: Pass | None = None  # of the group before those
        self.in_fan_out = False
        self.held_messages: dict[int, bytes] = {}
        self.held_changes: dict[int, bytes | None] = {}
        self.hold_timer: asyncio.TimerHandle | None = None  # runs while early events wait for missing ones
        self.repair: asyncio.Task[None] | None = None  # reads the missing events from the store
        self.holders = 0  # joins under way; the channel stays open for them

    @property
    def is_delivering(self) -> bool:
        """Whether events are on their way to connections, or wait for missing ones."""
        return self.in_fan_out or bool(self.groups) or self.hold_timer is not None or self.repair is not None

    @property
    def head(self) -> Head:
        """The heads as far as they are known here: of what is held above a gap, the store has all that is below."""
        return Head(max((self.seq, *self.held_messages)), max((self.rev, *self.held_changes)))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be missing here that the store has."""
        return not (self.held_messages or self.held_changes) and self.repair is None

    @property
    def is_idle(self) -> bool:
        return not (self.live or self.joining or self.holders)

    def open_group(self) -> Group:
        """Return the group that takes durable frames now."""
        if self.groups:
            last = self.groups[-1]
            if not last.ephemeral and last.epoch == self.epoch:
                return last
        group = Group(self.epoch, ephemeral=False)
        self.groups.append(group)
        return group

    def open_ephemeral_group(self, *, frames_max: int) -> Group:
        """Return the group that takes ephemeral frames now, of which it holds fewer than `frames_max`."""
        if self.groups:
            last = self.groups[-1]
            if last.ephemeral and last.epoch == self.epoch and len(last.frames) < frames_max:
                return last
        group = Group(self.epoch, ephemeral=True)
        self.groups.append(group)
        return group

    def begin_pass(self, group: Group) -> Pass:
        """Begin to deliver a group to those who were registered before it was opened."""
        if self._links is None:
            # Kept: to make it for each message would read each session besides its link
            self._links = [subscriber.link for subscriber in self.live]
            self._newest_epoch = max(self.live.values(), default=0)
        links: Sequence[Outlet] = self._links
        if self._newest_epoch > group.epoch:
            links = [subscriber.link for subscriber, since in self.live.items() if since <= group.epoch]
        own_frames: dict[Outlet, bytes] = {}
        if group.withheld:
            withheld = [subscriber for subscriber in self.live if subscriber.user_id in group.withheld]
            own_frames = {subscriber.link: group.frames_for(subscriber.user_id) for subscriber in withheld}
        self.under_way = Pass(group, links=links, own_frames=own_frames)
        return self.under_way

    def register(self, subscriber: Subscriber) -> PendingJoin:
        """Begin to hold this room's frames for `subscriber`. Up to the returned heads it must read from the store."""
        self.epoch += 1
        joining = PendingJoin(self.epoch, self.seq, self.rev, earlier_epoch=self.live.get(subscriber))
        self._end_live(subscriber, joining)
        self.joining[subscriber] = joining
        return joining

    def go_live(self, subscriber: Subscriber, *, is_answered: bool) -> PendingJoin | None:
        """End a join: what follows the returned one's frames is delivered to `subscriber`. None: there is no join.

        Where no answer tells of what is older than the registration, an earlier subscription goes on.
        """
        joining = self.joining.pop(subscriber, None)
        if joining is None:
            return None
        earlier_epoch = None if is_answered else joining.fall_back()
        if earlier_epoch is None:
            self.live[subscriber] = joining.epoch
        else:
            self.live[subscriber] = earlier_epoch
            if self.under_way is not None and self.under_way.ended.get(subscriber.link) is joining:
                del self.under_way.ended[subscriber.link]  # it has nothing of later groups then
        self._links = None
        return joining

    def end_membership(self, subscriber: Subscriber, *, rev: int | None, under: int | None) -> bool:
        """End a subscription whose membership ended at the room's `rev` (None: not known).

        `under` is the rev at which the membership of the present subscription began. Returns True if that subscription
        or a join under way was ended. A join that has not read its membership yet goes on and decides by itself.
        """
        joining = self.joining.get(subscriber)
        if joining is None:
            return subscriber in self.live and ends(rev, under) and self.forget(subscriber)
        if joining.under is not None and ends(rev, joining.under):
            return self.forget(subscriber)
        if joining.under is None:
            joining.note_end(rev)
        was_ended = joining.earlier_epoch is not None and ends(rev, under)
        if was_ended:
            joining.earlier_epoch = None
        return was_ended

    def forget(self, subscriber: Subscriber) -> bool:
        """End a subscription; True if there was one."""
        was_live = self._end_live(subscriber)
        return self.joining.pop(subscriber, None) is not None or was_live

    def _end_live(self, subscriber: Subscriber, joining: PendingJoin | None = None) -> bool:
        was_live = self.live.pop(subscriber, None) is not None
        if was_live:
            self._links = None
            if self.under_way is not None:
                self.under_way.ended.setdefault(subscriber.link, joining)
        return was_live
