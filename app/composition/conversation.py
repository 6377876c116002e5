"""Builds the use cases of rooms and messages."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from app.clock import now_ms
from app.composition.accounts import AccountParts
from app.composition.bots import BotParts, build_bots
from app.composition.common_parts import CommonParts
from chat.account_deletion import AccountDeletion
from chat.audit_trail import AuditTrail
from chat.bans import Bans
from chat.delivery.room_hub import Hub
from chat.member_moderation import MemberModeration
from chat.membership_updates import MembershipUpdates
from chat.message_changes import MessageChanges
from chat.message_publisher import MessagePublisher
from chat.message_writer import MessageWriter
from chat.messages import Messages
from chat.own_message_reads import OwnMessageReads
from chat.presence.presence import Presence
from chat.presence.typing_indicators import TypingIndicators
from chat.read_marks import ReadMarks
from chat.reports import Reports
from chat.room_activity.publisher import RoomActivityPublisher
from chat.room_deletion import RoomDeletion
from chat.room_settings import RoomSettings
from chat.rooms import Rooms
from chat.search import Search
from chat.threads import Threads
from chat.uncertain_rooms import UncertainRooms
from chat.uncertain_writes import UncertainWrites
from cluster.events import MembershipEnded
from monitor.observer import Observer
from store.models import Head


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """The finished use cases."""

    account_deletion: AccountDeletion
    audit_trail: AuditTrail
    bans: Bans
    member_moderation: MemberModeration
    message_writer: MessageWriter
    message_changes: MessageChanges
    messages: Messages
    own_message_reads: OwnMessageReads
    read_marks: ReadMarks
    reports: Reports
    rooms: Rooms
    room_deletion: RoomDeletion
    room_settings: RoomSettings
    search: Search
    threads: Threads
    bot_parts: BotParts


def build_conversation(
    common: CommonParts,
    *,
    hub: Hub,
    presence: Presence,
    typing: TypingIndicators,
    membership_updates: MembershipUpdates,
    uncertain_writes: UncertainWrites,
    room_activity: RoomActivityPublisher,
    latest_told: Callable[[str, str], tuple[int, ...] | None],
    account_parts: AccountParts,
    on_not_member: Callable[[MembershipEnded], None],
    observer: Observer,
) -> Conversation:
    """Build the use cases without starting any."""
    store, cache, keys, bus = common.store, common.cache, common.keys, common.bus
    codec, presenter, administrators = common.codec, common.presenter, account_parts.administrators
    rooms = Rooms(
        store=store,
        cache=cache,
        keys=keys,
        bus=bus,
        presence=presence,
        presenter=presenter,
        membership_updates=membership_updates,
        on_not_member=on_not_member,
    )
    member_moderation = MemberModeration(
        store=store, membership_updates=membership_updates, administrators=administrators, presence=presence
    )
    bans = Bans(
        store=store,
        membership_updates=membership_updates,
        member_moderation=member_moderation,
        presenter=presenter,
        now_ms=now_ms,
    )
    own_message_reads = OwnMessageReads(
        store=store, bus=bus, codec=codec, connections_of=presence.connections_of, now=time.monotonic
    )

    def on_posted(room_id: str, user_id: str, by_rest: bool) -> None:
        typing.stopped(room_id, user_id)
        own_message_reads.note(room_id, user_id, by_rest=by_rest)

    uncertain_rooms = UncertainRooms()
    message_writer = MessageWriter(
        store=store,
        publisher=MessagePublisher(
            cache=cache,
            keys=keys,
            bus=bus,
            codec=codec,
            on_posted=on_posted,
            on_newest=room_activity.note,
            observer=observer,
        ),
        delivery=hub.fan_out,
        on_uncertain=uncertain_rooms.add,
        timeout_s=common.store_timeout_s,
    )

    async def head_here(room_id: str) -> Head | None:
        """The hub's head of an open room. Where one process writes, cached values need no comparison with the store's:
        it invalidates what it writes, but for a write whose answer came too late.
        """
        return hub.head_of(room_id) or (await head_of(room_id) if room_id in uncertain_rooms else None)

    async def head_of(room_id: str) -> Head | None:
        """A room's head: the hub's where the room is open here, else the store's."""
        return hub.head_of(room_id) or (await store.rooms.heads([room_id])).get(room_id)

    messages = Messages(
        store=store,
        cache=cache,
        keys=keys,
        message_writer=message_writer,
        rooms=rooms,
        presenter=presenter,
        administrators=administrators,
        codec=codec,
        page_here=hub.newest_page if common.settings.cache.enabled else lambda room_id, limit: None,
        head_of=head_of if common.shared.is_shared else head_here,
        observer=common.shared.cache_observer,
    )
    read_marks = ReadMarks(store=store, bus=bus, codec=codec, rooms=rooms, latest_told=latest_told)
    message_changes = MessageChanges(
        store=store,
        cache=cache,
        keys=keys,
        bus=bus,
        codec=codec,
        on_uncertain=uncertain_rooms.add,
        timeout_s=common.store_timeout_s,
    )
    search = Search(store=store, rooms=rooms, presenter=presenter)
    room_settings = RoomSettings(store=store, cache=cache, keys=keys, bus=bus, presenter=presenter, codec=codec)
    account_deletion = AccountDeletion(
        store=store,
        cache=cache,
        keys=keys,
        bus=bus,
        passwords=account_parts.passwords,
        logins=account_parts.logins,
        rooms=rooms,
        now_ms=now_ms,
    )
    return Conversation(
        account_deletion=account_deletion,
        audit_trail=AuditTrail(store=store),
        bans=bans,
        member_moderation=member_moderation,
        message_changes=message_changes,
        read_marks=read_marks,
        message_writer=message_writer,
        messages=messages,
        own_message_reads=own_message_reads,
        reports=Reports(store=store, messages=messages),
        rooms=rooms,
        room_deletion=RoomDeletion(store=store, cache=cache, keys=keys, bus=bus, uncertain_writes=uncertain_writes),
        room_settings=room_settings,
        search=search,
        threads=Threads(store=store, messages=messages),
        bot_parts=build_bots(
            common, membership_updates=membership_updates, messages=messages, account_parts=account_parts
        ),
    )
