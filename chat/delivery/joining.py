"""joinRoom: the change from messages that are read from the store to messages that come live.

Nothing is missing, nothing comes twice, and no event precedes the ack.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from chat.codec import Codec
from chat.delivery.pending_join import PendingJoin
from chat.delivery.room_channel import Channel, Subscriber
from chat.delivery.room_hub import Hub, gone_while_joining
from chat.presenter import Presenter, at_head
from chat.request_inputs.connection import JoinRoom
from chat.request_results.messages import ChangeView
from chat.request_results.rooms import JoinedRoom
from chat.rooms import Rooms
from store.contract import Store
from store.models import Membership, Room, Standing

MISSED_MAX = 500
MISSED_MAX_BYTES = 262_144


class Missed(Struct, frozen=True):
    """Encoded messages or changes between a joiner's heads and the room's. `cut`: the oldest are left out."""

    items: list[bytes]
    cut: bool


class Joined(Struct, frozen=True):
    """A subscription: `rev` is that at which the membership began, `room_id` the text that all of the room share."""

    room_id: str
    rev: int


class RoomJoiner:
    """Executes joinRoom for a subscriber."""

    def __init__(self, *, store: Store, hub: Hub, rooms: Rooms, presenter: Presenter, codec: Codec) -> None:
        self._store = store
        self._hub = hub
        self._rooms = rooms
        self._presenter = presenter
        self._codec = codec

    async def join(
        self,
        subscriber: Subscriber,
        body: JoinRoom,
        command_id: str | None,
        *,
        admit: Callable[[], Awaitable[Standing]] | None = None,
    ) -> Joined:
        """Subscribe a member and send the ack with the missed messages, then live events, in this order.

        `admit` reads the subscriber's standing from the store, decides, makes the membership where there is none, and
        returns what it has read; None: the subscriber is a member. Where the room is delivered here already this one
        read serves the join as well; else it comes before anything is opened for a stranger.

        Raises ChatError room_not_found, not_member, unavailable; StoreError; what `admit` raises: then nothing is
        subscribed. An earlier subscription remains, unless the store says that its membership ended.
        """
        if admit is not None and not self._hub.has_reached(body.room_id, seq=body.since or 0, rev=body.since_rev or 0):
            await admit()
            admit = None
        channel = await self._hub.hold(body.room_id)
        try:
            if (body.since or 0) > channel.seq or (body.since_rev or 0) > channel.rev:
                await self._hub.refresh(channel)  # only a `since` beyond the store's head is a reset
            joining = self._hub.register(channel, subscriber)
            try:
                # The membership is read from the store after the registration: an end that this read does not see is
                # either received as an event, which finds the registration, or has a rev above the channel's, so that
                # the comparison of heads finds it.
                standing = None if admit is None else await admit()
                if standing is not None and standing.membership is None:
                    # It is made now, and its rev belongs to what the ack tells of, as for a room that is opened.
                    self._hub.give_up(channel, subscriber, joining)
                    joining = self._hub.register(channel, subscriber)
                if standing is None or standing.membership is None:
                    room, membership = await self._rooms.membership_now(body.room_id, subscriber.user_id)
                else:
                    room, membership = standing.room, standing.membership
                if not joining.stands_under(membership.joined_rev):
                    raise gone_while_joining()
                answer = await self._answer(subscriber.user_id, room, membership, channel, joining, body, command_id)
                if not self._hub.go_live(channel, subscriber, answer):
                    raise gone_while_joining()
                return Joined(channel.room_id, membership.joined_rev)
            finally:
                self._hub.give_up(channel, subscriber, joining)
        finally:
            self._hub.release(channel)

    async def _answer(
        self,
        user_id: str,
        room: Room,
        membership: Membership,
        channel: Channel,
        joining: PendingJoin,
        body: JoinRoom,
        command_id: str | None,
    ) -> bytes | None:
        if command_id is None:
            return None
        reset = body.since is not None and body.since > joining.seq
        missed = Missed([], False)
        if body.since is not None and not reset:
            missed = await self._missed_messages(channel, body.since, joining.seq)
        changes = Missed([], False)
        if body.since_rev is not None and not reset:
            changes = await self._missed_changes(channel.room_id, body.since_rev, joining.rev)
        room, own = at_head(room, membership, seq=joining.seq, rev=joining.rev)
        joined = JoinedRoom(
            room=self._presenter.room(room, own, await self._rooms.peer(room, user_id)),
            seq=joining.seq,
            rev=joining.rev,
            missed=missed.items,
            truncated=missed.cut,
            changes=changes.items,
            changes_truncated=changes.cut,
            reset=reset,
        )
        return self._codec.ack(command_id, joined)

    async def _missed_messages(self, channel: Channel, since: int, upto: int) -> Missed:
        if since == upto:
            return Missed([], False)
        held = channel.ring.after(since)
        if held is not None:
            # The ring may have grown past `upto` already: newer messages come live, after the ack.
            return newest(held[: upto - since], limit=MISSED_MAX, truncated=False)
        messages = await self._store.messages.newest_between(channel.room_id, after=since, upto=upto, limit=MISSED_MAX)
        return newest(
            [self._codec.encode(message) for message in messages],
            limit=MISSED_MAX,
            truncated=len(messages) < upto - since,
        )

    async def _missed_changes(self, room_id: str, since: int, upto: int) -> Missed:
        if since >= upto:
            return Missed([], since > upto)  # a rev beyond the head: the client's state cannot be trusted
        page = await self._store.changes.latest_between(room_id, since=since, upto=upto, limit=MISSED_MAX)
        if page.expired:
            return Missed([], True)
        items = [self._codec.encode(ChangeView(change.rev, change.message)) for change in page.changes]
        kept = newest(items, limit=MISSED_MAX, truncated=page.has_more)
        return Missed([], True) if kept.cut else kept


def newest(items: list[bytes], *, limit: int, truncated: bool) -> Missed:
    """Return the newest of `items` that fit into the limits of count and bytes."""
    size = 0
    start = len(items)
    while start > 0 and len(items) - start < limit and size + len(items[start - 1]) <= MISSED_MAX_BYTES:
        start -= 1
        size += len(items[start])
    return Missed(items[start:], truncated or start > 0)
