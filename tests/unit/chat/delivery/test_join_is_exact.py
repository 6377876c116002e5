"""joinRoom under a scheduler that is out to break it: every await of the store and the bus is stretched at random.

A connection is held to the contract by its own record alone: no event of a room before its ack, `missed` exactly
(since, seq], then seq + 1, seq + 2 … without a gap or a double, whatever was joined, left and joined again meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import MemoryCache
from chat.delivery.joining import RoomJoiner
from chat.delivery.room_hub import Hub
from chat.errors import ChatError
from chat.membership_updates import MembershipUpdates
from chat.message_authors import AwaitedAnswer
from chat.message_publisher import MessagePublisher
from chat.message_writer import MessageWriter
from chat.presenter import Presenter
from chat.request_inputs.connection import JoinRoom
from chat.rooms import Rooms
from cluster.events import MembershipEnded, RoomChanges, RoomMessages
from cluster.memory_bus import MemoryBus
from cluster.topics import EVERYONE
from common.callback_tasks import CallbackTasks
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer
from store import sqlite
from store.contract import Store
from store.models import MessageDraft, RoomDraft, Standing, User

PEOPLE = 12
STEPS = 60
HEAD_START_CALLS = 12  # of the store: more than a join or a leave makes, so that each also happens after the other


class DelayedStore:
    """Lets every call of what it wraps begin and end some loop turns late, and writes down which began."""

    def __init__(self, wrapped: object, chance: random.Random, calls: list[str]) -> None:
        self._wrapped = wrapped
        self._chance = chance
        self._calls = calls
        self._appends = CallbackTasks()

    def append_then(self, room_id: str, drafts: Any, on_settled: Any) -> None:
        self._appends.run(self.append(room_id, drafts), on_settled)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapped, name)
        if name in {"messages", "rooms", "members", "changes", "users", "sessions"}:
            return DelayedStore(value, self._chance, self._calls)
        if not callable(value):
            return value

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._calls.append(name)
            for _ in range(self._chance.choice((0, 0, 1, 3, 12))):
                await asyncio.sleep(0)
            result = await value(*args, **kwargs)
            for _ in range(self._chance.choice((0, 0, 1, 3, 12))):
                await asyncio.sleep(0)
            return result

        return call


class Connection:
    """A subscriber that checks, frame by frame, what it is sent."""

    def __init__(self, user: User) -> None:
        self.user_id = user.id
        self.connection_id = user.username
        self.link = self
        self.is_open = True
        self.was_aborted = False
        self.seen = 0  # the seq up to which it has everything
        self.asked = 0  # the `since` of its last joinRoom; an earlier subscription is live until the new one takes over
        self.subscribed = False
        self.joining = False
        self.received = 0

    def send(self, frames: bytes) -> None:
        for line in frames.splitlines():
            self._take(json.loads(line))

    def send_ephemeral(self, frames: bytes) -> None:
        assert self.subscribed

    def abort(self) -> None:
        """What it was sent broke the contract."""
        self.was_aborted = True

    def _take(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["event"] == "ack":
            assert self.joining
            missed = [message["seq"] for message in data["missed"]]
            assert missed == list(range(self.asked + 1, data["seq"] + 1)), (self.asked, missed, data["seq"])
            assert data["seq"] >= self.seen
            assert data["room"]["lastSeq"] == data["seq"]
            self.seen = data["seq"]
            self.subscribed = True
            self.joining = False
        else:
            assert self.subscribed, f"{frame['event']} before the ack"
            assert data["seq"] == self.seen + 1, (self.seen, data["seq"])
            self.seen = data["seq"]
            self.received += 1


class DeliveryParts:
    """The parts under test, real but for the stretched store."""

    def __init__(self, store: Store, chance: random.Random, *, coalesce: bool) -> None:
        self.calls: list[str] = []
        stretched: Any = DelayedStore(store, chance, self.calls)
        self.bus = MemoryBus()
        keys = Keys(CacheTtls(messages_s=60, users_s=60, stats_s=60))
        observer = Observer()
        self.cache = MemoryCache(observer=observer)
        presenter = Presenter(status_of=lambda _, chosen: chosen, online_count=lambda _: 0)

        class Nobody:
            def is_online(self, user_id: str) -> bool:
                return False

            def online_count(self, room_id: str) -> int:
                return 0

        updates = MembershipUpdates(
            store=stretched,
            cache=self.cache,
            keys=keys,
            bus=self.bus,
            presenter=presenter,
            codec=JsonCodec(),
            on_uncertain=lambda membership, publish_added: None,
        )
        self.rooms = Rooms(
            store=stretched,
            cache=self.cache,
            keys=keys,
            bus=self.bus,
            presence=Nobody(),
            presenter=presenter,
            membership_updates=updates,
        )
        self.hub = Hub(
            store=stretched,
            bus=self.bus,
            codec=JsonCodec(),
            frame=lambda payload: payload + b"\n",
            observer=observer,
            coalesce=coalesce,
            hold_max_bytes=1_000_000,
        )
        self.message_writer = MessageWriter(
            store=stretched,
            publisher=MessagePublisher(
                cache=self.cache,
                keys=keys,
                bus=self.bus,
                codec=JsonCodec(),
                on_posted=lambda room_id, user_id, by_rest: None,
                on_newest=lambda room_id, seq: None,
                observer=Observer(),
            ),
            delivery=self.hub.fan_out,
            timeout_s=60,
        )
        self.joins = RoomJoiner(store=stretched, hub=self.hub, rooms=self.rooms, presenter=presenter, codec=JsonCodec())
        self.connections: list[Connection] = []
        self.bus.start(receive=self._receive)

    async def join(
        self, connection: Connection, body: JoinRoom, *, meanwhile: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """What joinRoom does besides counting: a new member joins first. `meanwhile` happens then."""

        async def admit() -> Standing:
            standing = await self.rooms.standing(body.room_id, connection.user_id)
            await self.rooms.join(standing, connection.user_id)
            if meanwhile is not None:
                await meanwhile()
            return standing

        await self.joins.join(connection, body, "1", admit=admit)

    def _receive(self, topic: str, happening: Any) -> None:
        receive = {
            RoomMessages: self.hub.on_messages,
            RoomChanges: self.hub.on_changes,
            MembershipEnded: self._membership_ended,
        }.get(type(happening))
        if receive is not None:
            receive(happening)

    def _membership_ended(self, ended: MembershipEnded) -> None:
        for connection in self.connections:
            if connection.user_id == ended.user_id:
                self.hub.end_membership(ended.room_id, connection, rev=ended.rev, under=None)

    async def close(self) -> None:
        await self.message_writer.close()
        await self.rooms.close()
        await self.hub.close()
        await self.cache.close()


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[Store]:
    store = await sqlite.open_store(
        folder, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    try:
        yield store
    finally:
        await store.close()


async def run(
    store: Store, users: list[User], seed: int, *, coalesce: bool, slice_: int, monkeypatch: pytest.MonkeyPatch
) -> int:
    monkeypatch.setattr("chat.delivery.fan_out_to_connections.SENDS_BETWEEN_CHECKS", slice_)
    monkeypatch.setattr("chat.delivery.fan_out_to_connections.SLICE_S", 0.0)
    chance = random.Random(seed)
    parts = DeliveryParts(store, chance, coalesce=coalesce)
    made = await store.rooms.create(RoomDraft(f"room {seed}", None, False, 1000), users[0].id)
    room_id = made.room.id
    connections = [Connection(user) for user in users]
    tasks: list[asyncio.Task[Any]] = []

    async def post(user: User) -> None:
        draft = MessageDraft(user.id, user.username, "hello", chance.randbytes(8).hex())
        author = AwaitedAnswer(asyncio.get_running_loop().create_future())
        parts.message_writer.post(room_id, draft, author, transport="ws")
        await author.future

    async def join(connection: Connection) -> None:
        if connection.joining:
            return
        connection.joining = True
        connection.asked = connection.seen
        try:
            await parts.join(connection, JoinRoom(room_id=room_id, since=connection.seen))
        except ChatError as error:
            assert error.code == "unavailable"
            connection.joining = False

    def leave(connection: Connection) -> None:
        if not connection.joining:
            parts.hub.leave(room_id, connection)
            connection.subscribed = False

    for user in users[1:]:
        await store.members.add(room_id, user.id)
    for _ in range(STEPS):
        step = chance.random()
        one = chance.choice(connections)
        if step < 0.55:
            tasks.append(asyncio.ensure_future(post(chance.choice(users))))
        elif step < 0.9:
            tasks.append(asyncio.ensure_future(join(one)))
        else:
            leave(one)
        for _ in range(chance.choice((0, 0, 1, 2, 8))):
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    head = (await store.rooms.heads([room_id]))[room_id].seq
    for connection in connections:
        await join(connection)
        assert connection.subscribed
        assert connection.seen == head
    before = [connection.received for connection in connections]
    await post(users[0])
    while parts.hub.is_delivering(room_id):
        await asyncio.sleep(0)
    assert [connection.received for connection in connections] == [count + 1 for count in before]
    assert not any(connection.was_aborted for connection in connections)
    received = sum(before)
    for connection in connections:
        leave(connection)
    await parts.close()
    return received


@pytest.mark.parametrize("coalesce", [True, False])
@pytest.mark.parametrize("slice_", [1, 3, 500])
@pytest.mark.gen_test
async def test_a_join_misses_nothing_and_doubles_nothing_whatever_the_order_of_events(
    tmp_path: Path, coalesce: bool, slice_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = 0
    async with open_store(tmp_path) as store:
        users = [
            await store.users.create(username=f"user{number}", email=f"{number}@example.com", password_hash="x")
            for number in range(PEOPLE)
        ]
        for seed in range(12):
            received += await run(store, users, seed, coalesce=coalesce, slice_=slice_, monkeypatch=monkeypatch)
    assert received > 0, "no live message was ever delivered: the schedule tests nothing"


@pytest.mark.gen_test
async def test_who_leaves_in_the_middle_of_a_join_is_not_left_subscribed(tmp_path: Path) -> None:
    acked = Counter[bool]()
    async with open_store(tmp_path) as store:
        owner, member = [
            await store.users.create(username=name, email=f"{name}@example.com", password_hash="x")
            for name in ("owner", "member")
        ]
        for seed in range(150):
            parts = DeliveryParts(store, random.Random(seed), coalesce=True)
            room_id = (await store.rooms.create(RoomDraft(f"room {seed}", None, False, 10), owner.id)).room.id
            await store.members.add(room_id, member.id)
            connection = Connection(member)
            connection.joining = True
            parts.connections.append(connection)
            await parts.bus.subscribe(EVERYONE)
            leave = partial(parts.rooms.leave, room_id, member.id)
            body = JoinRoom(room_id=room_id)
            if seed % 10 == 0:  # on a slow disk no other leave may end in the middle
                outcomes = await asyncio.gather(parts.join(connection, body, meanwhile=leave), return_exceptions=True)
            else:
                first, second = random.Random(seed).sample([parts.join(connection, body), leave()], 2)
                ahead = asyncio.ensure_future(first)
                while len(parts.calls) < seed % HEAD_START_CALLS and not ahead.done():
                    await asyncio.sleep(0)
                outcomes = await asyncio.gather(ahead, second, return_exceptions=True)
            refused = [error for error in outcomes if isinstance(error, BaseException)]
            assert {getattr(error, "code", repr(error)) for error in refused} <= {"not_member", "unavailable"}, seed
            assert not connection.was_aborted, seed
            is_member = await store.members.get(room_id, member.id) is not None
            is_subscribed = parts.hub.leave(room_id, connection)
            assert is_member or not is_subscribed, seed
            acked[connection.subscribed] += 1
            await parts.close()
    assert set(acked) == {True, False}, f"the schedules tell nothing: {acked}"
