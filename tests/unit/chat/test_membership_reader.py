"""joinRoom reads memberships from the store, and concurrent joins share reads."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from chat.errors import ChatError
from chat.membership_reader import BATCH_MAX, MembershipReader
from chat.request_inputs.connection import JoinRoom
from store.models import RoomDraft
from tests.unit.chat.delivery.test_join_is_exact import Connection, DeliveryParts, open_store

pytestmark = pytest.mark.gen_test


async def test_calls_in_one_loop_turn_share_a_read_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        users = [
            await store.users.create(username=f"u{number}", email=f"u{number}@example.com", password_hash="x")
            for number in range(40)
        ]
        room_id = (await store.rooms.create(RoomDraft("tea", None, True, 100), users[0].id)).room.id
        for user in users[1:20]:
            await store.members.add(room_id, user.id)
        parts = DeliveryParts(store, random.Random(1), coalesce=True)
        reader = MembershipReader(store=parts.message_writer._store)
        answers = await asyncio.gather(
            *(reader.read(room_id, user.id) for user in users), reader.read("none", users[0].id)
        )
        assert parts.calls == ["standings"]
        assert answers == [*[await store.rooms.get_for(room_id, user.id) for user in users], None]
        await asyncio.gather(*(reader.read(room_id, users[0].id) for _ in range(2 * BATCH_MAX + 1)))
        assert parts.calls == ["standings"] * 4
        await reader.close()
        await parts.close()


async def test_many_members_who_join_at_once_make_few_reads(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        owner, *users = [
            await store.users.create(username=f"u{number}", email=f"u{number}@example.com", password_hash="x")
            for number in range(201)
        ]
        room_id = (await store.rooms.create(RoomDraft("tea", None, False, 1000), owner.id)).room.id
        for user in users:
            await store.members.add(room_id, user.id)
        parts = DeliveryParts(store, random.Random(2), coalesce=True)
        connections = [Connection(user) for user in users]
        for one in connections:
            one.joining = True
        await asyncio.gather(*(parts.join(one, JoinRoom(room_id=room_id)) for one in connections))
        assert all(one.subscribed for one in connections)
        assert 1 <= parts.calls.count("standings") <= 6, "not one for each of 200"
        await parts.close()


async def test_many_who_join_their_direct_rooms_at_once_make_few_reads_of_the_others(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        owner, *users = [
            await store.users.create(username=f"u{number}", email=f"u{number}@example.com", password_hash="x")
            for number in range(61)
        ]
        rooms = [(await store.rooms.direct(owner.id, user.id))[0].room.id for user in users]
        parts = DeliveryParts(store, random.Random(3), coalesce=True)
        connections = [Connection(user) for user in users]
        for one in connections:
            one.joining = True
        await asyncio.gather(
            *(parts.join(one, JoinRoom(room_id=room)) for one, room in zip(connections, rooms, strict=True))
        )
        assert all(one.subscribed for one in connections)
        assert 1 <= parts.calls.count("peers") <= 20, "not one for each of 60"
        await parts.close()


async def test_a_membership_that_the_cache_still_knows_joins_nobody(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        owner, member = [
            await store.users.create(username=name, email=f"{name}@example.com", password_hash="x")
            for name in ("owner", "member")
        ]
        room_id = (await store.rooms.create(RoomDraft("tea", None, True, 10), owner.id)).room.id
        await store.members.add(room_id, member.id)
        parts = DeliveryParts(store, random.Random(3), coalesce=True)
        await parts.rooms.read_by(room_id, member.id)
        await store.members.remove(room_id, member.id)  # by a process that could not say so
        assert await parts.rooms.read_by(room_id, member.id), "the cache cannot know"
        connection = Connection(member)
        for join in (
            parts.join(connection, JoinRoom(room_id=room_id)),
            parts.joins.join(connection, JoinRoom(room_id=room_id), "1"),  # as a member that it was just before
        ):
            with pytest.raises(ChatError) as refused:
                await join
            assert refused.value.code == "room_not_found"
        assert not parts.hub.leave(room_id, connection)
        await parts.close()
