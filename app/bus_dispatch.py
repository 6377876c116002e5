"""Passes each event from the bus to the part of this process that handles it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cache.contract import Cache
from chat.connections.connection_pool import Pool
from chat.connections.mentions_of_all import MentionsOfAll
from chat.connections.revocations import Revocations
from chat.connections.user_events import UserEvents
from chat.delivery.room_hub import Hub
from chat.presence.presence import Presence
from chat.presence.typing_indicators import TypingIndicators
from chat.recheck_requests import RecheckRequests
from chat.room_activity.sender import RoomActivitySender
from chat.room_deletion import DeletedRoomEvents
from cluster.events import (
    AccountEnded,
    AllMentioned,
    CacheInvalidated,
    ConnectionReplaced,
    MembershipBegan,
    MembershipEnded,
    MembershipUncertain,
    PeopleHere,
    PersonGone,
    ProcessBeat,
    RoomChanges,
    RoomDeleted,
    RoomEphemeral,
    RoomMessages,
    RoomsActive,
    SessionsRevoked,
    StatusChosen,
    UserEvent,
)
from cluster.live_processes import LiveProcesses
from store.models import Status


class MembershipEvents:
    """Applies beginnings and ends of memberships, whether the bus or the MembershipRecheck reports them."""

    def __init__(self, *, user_events: UserEvents, presence: Presence, typing: TypingIndicators) -> None:
        self._user_events = user_events
        self._presence = presence
        self._typing = typing

    def began(self, began: MembershipBegan) -> None:
        """Show the new member in the room, if online."""
        self._presence.began(began.room_id, began.user_id, began.rev)

    def ended(self, ended: MembershipEnded) -> None:
        """End the user's subscriptions to the room, presence and typing in it; tell all connections of the user."""
        self._end(ended, to_all=True)

    def found_ended(self, ended: MembershipEnded) -> None:
        """As `ended`, for an end that the store shows: it may show it again and again, so connections that are not
        subscribed are told only where the user was known as a member.
        """
        self._end(ended, to_all=self._presence.is_in(ended.room_id, ended.user_id))

    def _end(self, ended: MembershipEnded, *, to_all: bool) -> None:
        self._user_events.end_membership(ended, to_all=to_all)
        if self._presence.ended(ended.room_id, ended.user_id, ended.rev):
            self._typing.stopped(ended.room_id, ended.user_id)


class BusDispatch:
    """The receiver of the bus: one row for each type of event."""

    def __init__(
        self,
        *,
        hub: Hub,
        pool: Pool,
        revocations: Revocations,
        user_events: UserEvents,
        presence: Presence,
        live_processes: LiveProcesses,
        membership_events: MembershipEvents,
        mentions_of_all: MentionsOfAll,
        room_activity: RoomActivitySender,
        deleted_rooms: DeletedRoomEvents,
        recheck_requests: RecheckRequests,
        cache: Cache,
    ) -> None:
        self._receivers: dict[type, Callable[[Any], object]] = {
            RoomMessages: hub.on_messages,
            RoomChanges: hub.on_changes,
            RoomEphemeral: hub.on_ephemeral,
            UserEvent: user_events.send,
            SessionsRevoked: revocations.on_sessions_revoked,
            MembershipBegan: membership_events.began,
            MembershipEnded: membership_events.ended,
            ConnectionReplaced: pool.close_replaced,
            StatusChosen: lambda chosen: presence.set_status(chosen.user_id, Status(chosen.status), chosen.rev),
            PeopleHere: live_processes.receive_people,
            PersonGone: live_processes.receive_person_gone,
            ProcessBeat: live_processes.receive_beat,
            AllMentioned: mentions_of_all.send,
            RoomsActive: room_activity.receive,
            RoomDeleted: deleted_rooms.deleted,
            AccountEnded: lambda _: hub.forget_recent_messages(),
            MembershipUncertain: lambda one: recheck_requests.recheck_members([(one.room_id, one.user_id)]),
            CacheInvalidated: lambda invalidated: cache.forget_here(invalidated.names),
        }

    def receive(self, topic: str, event: object) -> None:
        """Pass an event to the part that handles its type."""
        self._receivers[type(event)](event)
