"""A joinRoom of somebody who has joined, and of whom the store says that they are no member any more, or were made one
again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import NoCache
from chat.delivery.joining import RoomJoiner
from chat.errors import ChatError
from chat.membership_updates import MembershipUpdates
from chat.presenter import Presenter
from chat.request_inputs.connection import JoinRoom
from chat.rooms import Rooms
from handlers.codec.json_codec import JsonCodec
from store.models import RoomDraft, Status
from tests.unit.chat.test_membership_recheck import Process, process_on, user_named

pytestmark = pytest.mark.gen_test


def joins_of(process: Process) -> RoomJoiner:
    def status_of(user_id: str, chosen: Status) -> Status:
        return chosen

    presenter = Presenter(status_of=status_of, online_count=process.presence.online_count)
    store, cache, keys = process.store, NoCache(), Keys(CacheTtls(messages_s=1, users_s=1, stats_s=1))
    updates = MembershipUpdates(
        store=store,
        cache=cache,
        keys=keys,
        bus=process.bus,
        presenter=presenter,
        codec=JsonCodec(),
        on_uncertain=lambda membership, publish_added: None,
    )
    rooms = Rooms(
        store=store,
        cache=cache,
        keys=keys,
        bus=process.bus,
        presence=process.presence,
        presenter=presenter,
        membership_updates=updates,
        on_not_member=process.audit.on_not_member,
    )
    return RoomJoiner(store=process.store, hub=process.hub, rooms=rooms, presenter=presenter, codec=JsonCodec())


@pytest.mark.parametrize(("is_private", "refused_with"), [(True, "room_not_found"), (False, "not_member")])
async def test_whom_the_store_knows_as_a_member_no_more_loses_the_earlier_subscription_with_the_refusal(
    tmp_path: Path, is_private: bool, refused_with: str
) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        room_id = (await store.rooms.create(RoomDraft("room", None, is_private, 10), ada.id)).room.id
        await store.members.add(room_id, bob.id)
        a: Any = await process.connect(ada, room_id)
        b: Any = await process.connect(bob, room_id)
        also_b: Any = await process.connect(bob, room_id)
        await store.members.remove(room_id, bob.id)
        with pytest.raises(ChatError) as refused:
            await joins_of(process).join(b, JoinRoom(room_id), "1")  # as the member that it was just before
        assert refused.value.code == refused_with
        assert [one.closed_rooms for one in (a, b, also_b)] == [[], [room_id], [room_id]]
        assert [one.rooms.keys() for one in (b, also_b)] == [set(), set()]
        assert [process.hub.leave(room_id, one) for one in (a, b, also_b)] == [True, False, False]
        assert process.presence.members_of(room_id) == [ada.id]


async def test_who_never_joined_leaves_nothing_behind_when_refused(tmp_path: Path) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        room_id = (await store.rooms.create(RoomDraft("room", None, True, 10), ada.id)).room.id
        b: Any = await process.connect(bob)
        with pytest.raises(ChatError):
            await joins_of(process).join(b, JoinRoom(room_id), "1")
        assert (b.closed_rooms, process.hub.rooms) == ([], 0)
