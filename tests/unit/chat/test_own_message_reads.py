"""Read marks that one's own message moves: who is told, how many reads of the store that costs, and the bound."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chat.own_message_reads import OwnMessageReads
from cluster.memory_bus import MemoryBus
from cluster.topics import user_topic
from handlers.codec.json_codec import JsonCodec
from store.contract import Store
from store.models import MessageDraft, RoomDraft, Standing
from tests.support.waiting import until_on_loop
from tests.unit.chat.delivery.test_join_is_exact import open_store

pytestmark = pytest.mark.gen_test


class CountedMembers:
    """The members of a store, with the pairs of each read."""

    def __init__(self, store: Store) -> None:
        self._members = store.members
        self.reads: list[list[tuple[str, str]]] = []

    async def standings(self, pairs: Sequence[tuple[str, str]]) -> list[Standing | None]:
        self.reads.append(list(pairs))
        return await self._members.standings(pairs)


class Told:
    """The part with a real store and bus; `orders` has the (read, last) seqs that were published."""

    def __init__(self, store: Store, connections: int, waiting_max: int) -> None:
        self.orders: list[tuple[int, ...]] = []
        self.bus = MemoryBus()
        self.bus.start(receive=self._receive)
        self.members = CountedMembers(store)
        self.now = 100.0
        counted: Any = SimpleNamespace(members=self.members)
        self.reads = OwnMessageReads(
            store=counted,
            bus=self.bus,
            codec=JsonCodec(),
            connections_of=lambda user_id: connections,
            now=lambda: self.now,
            waiting_max=waiting_max,
        )

    def _receive(self, topic: str, event: Any) -> None:
        self.orders.append(event.order)


async def told(
    tmp_path: Path, *, connections: int, by_rest: bool = False, rooms: int = 1, waiting_max: int = 10
) -> tuple[list[tuple[int, ...]], list[int]]:
    """One person posts three messages in each room at once: what is published, and the pairs of each read."""
    async with open_store(tmp_path) as store:
        ann = await store.users.create(username="ann", email="ann@example.org", password_hash="hash")
        part = Told(store, connections, waiting_max)
        await part.bus.subscribe(user_topic(ann.id))
        made = [(await store.rooms.create(RoomDraft("Tea", None, False, 10), ann.id)).room.id for _ in range(rooms)]
        for room_id in made:
            await store.messages.append(room_id, [MessageDraft(ann.id, "ann", "hello", f"c{n}") for n in range(3)])
        for room_id in made * 3:
            part.reads.note(room_id, ann.id, by_rest=by_rest)
        await part.reads.close()
        await asyncio.sleep(0)
        return part.orders, [len(read) for read in part.members.reads]


async def test_several_messages_of_a_moment_are_told_once(tmp_path: Path) -> None:
    assert await told(tmp_path, connections=2, rooms=2) == ([(3, 3), (3, 3)], [2])


@pytest.mark.parametrize(("connections", "by_rest"), [(1, False), (0, False), (0, True)])
async def test_who_has_no_other_connection_costs_no_read(tmp_path: Path, connections: int, by_rest: bool) -> None:
    assert await told(tmp_path, connections=connections, by_rest=by_rest) == ([], [])


async def test_a_message_by_rest_is_told_to_the_only_connection(tmp_path: Path) -> None:
    assert await told(tmp_path, connections=1, by_rest=True) == ([(3, 3)], [1])


async def test_past_the_bound_nobody_more_waits(tmp_path: Path) -> None:
    assert await told(tmp_path, connections=2, rooms=5, waiting_max=3) == ([(3, 3)] * 3, [3])


async def test_who_posts_again_within_a_second_is_told_of_it_all_at_the_end_of_the_second(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        ann = await store.users.create(username="ann", email="ann@example.org", password_hash="hash")
        part = Told(store, connections=2, waiting_max=10)
        await part.bus.subscribe(user_topic(ann.id))
        room_id = (await store.rooms.create(RoomDraft("Tea", None, False, 10), ann.id)).room.id

        async def post(number: int) -> None:
            await store.messages.append(room_id, [MessageDraft(ann.id, "ann", "hello", f"c{number}")])
            part.reads.note(room_id, ann.id, by_rest=False)

        await post(1)
        await until_on_loop(lambda: part.orders == [(1, 1)])
        part.now += 0.9
        await post(2)
        await post(3)
        part.reads.tick()
        part.now += 0.1
        part.reads.tick()
        await until_on_loop(lambda: len(part.orders) == 2)
        part.now += 1.0
        part.reads.tick()
        await part.reads.close()
        assert part.orders == [(1, 1), (3, 3)]
