"""The audit reads from the store what no event brought: ended memberships, new members, revoked logins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.composition.presence import build_presence
from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import NoCache
from chat.connections.connection_pool import Pool
from chat.connections.revocations import Revocations
from chat.connections.user_events import UserEvents
from chat.delivery.room_hub import Hub
from chat.errors import CloseCode
from chat.membership_recheck import USERS_A_READ, MembershipRecheck
from chat.recheck_requests import RecheckRequests
from cluster.events import MembershipBegan, MembershipEnded
from cluster.memory_bus import MemoryBus
from cluster.memory_connections_per_user import MemoryConnectionSlots
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer
from store.contract import Store
from store.errors import StoreError, StoreUnavailable
from store.models import RoomDraft, Session, User
from tests.unit.chat.delivery.test_join_is_exact import open_store

pytestmark = pytest.mark.gen_test


class Link:
    """Where frames leave, and how it was closed."""

    is_over = False

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed_with: int | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_with is None

    @property
    def may_begin(self) -> bool:
        return self.is_open

    @property
    def has_peer(self) -> bool:
        return self.is_open

    def trust(self) -> None:
        """It sends no frames that would count."""

    def send(self, frame: bytes) -> None:
        self.frames.append(json.loads(frame))

    def close(self, code: int, reason: str) -> None:
        self.closed_with = code


class Connection:
    """A session as the pool and a room see it."""

    def __init__(self, user: User) -> None:
        self.user_id = ""
        self.user: User | None = None
        self.link = Link()
        self.rooms: dict[str, int] = {}
        self.connection_id = f"p-{user.id}"
        self.session_id = f"s-{user.id}"

    def bind(self, user: User) -> None:
        self.user, self.user_id = user, user.id

    @property
    def closed_rooms(self) -> list[str]:
        return [frame["data"]["roomId"] for frame in self.link.frames if frame["event"] == "roomClosed"]


class Outage:
    """A part of the store that fails while `is_on`; notes what was asked."""

    def __init__(self, part: Any, error: Exception | None = None) -> None:
        self._part = part
        self._error = error or StoreUnavailable("gone")
        self.is_on = False
        self.asked: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        async def ask(*args: Any) -> Any:
            self.asked.append((name, *args))
            if self.is_on:
                raise self._error
            return await getattr(self._part, name)(*args)

        return ask


class Process:
    """What a process has for its connections; `audit` is under test."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.task_queue = SerialTaskQueue(expected=(StoreError,))
        self.membership_rechecks = SerialTaskQueue(expected=(StoreError,))
        self.bus = bus = MemoryBus()
        loop = asyncio.get_running_loop()
        presence_parts = build_presence(
            codec=JsonCodec(),
            bus=bus,
            task_queue=self.task_queue,
            paced_callbacks=PacedCallbacks(loop=loop),
            process_id="p",
            grace_s=0.0,
            loop=loop,
        )
        self.presence = presence_parts.presence
        self.requests = RecheckRequests()
        self.hub = Hub(
            store=store,
            bus=bus,
            codec=JsonCodec(),
            frame=bytes,
            observer=Observer(),
            coalesce=True,
            hold_max_bytes=1_000,
            recheck_room=self.requests.recheck_room,
        )
        self.pool = Pool(
            hub=self.hub,
            bus=bus,
            connection_slots=MemoryConnectionSlots(),
            presence=self.presence,
            task_queue=self.task_queue,
            observer=Observer(),
            max_connections=100,
            max_per_user=5,
        )
        self.user_events = UserEvents(pool=self.pool, hub=self.hub, codec=JsonCodec(), frame=bytes)
        self.audit = MembershipRecheck(
            requests=self.requests,
            store=store,
            cache=NoCache(),
            keys=Keys(CacheTtls(messages_s=1, users_s=1, stats_s=1)),
            pool=self.pool,
            revocations=Revocations(pool=self.pool),
            presence=self.presence,
            presence_publisher=presence_parts.presence_publisher,
            task_queue=self.membership_rechecks,
            begin=self._began,
            end=self._ended,
            now_ms=lambda: 1_000_000_000_000,
        )
        self.audit.start()

    def _began(self, began: MembershipBegan) -> None:
        self.presence.began(began.room_id, began.user_id, began.rev)

    def _ended(self, ended: MembershipEnded) -> None:
        self.user_events.end_membership(ended)
        self.presence.ended(ended.room_id, ended.user_id, ended.rev)

    async def connect(self, user: User, *room_ids: str) -> Connection:
        """Somebody connects, and subscribes to these rooms."""
        connection: Any = Connection(user)
        self.pool.add(connection)
        assert self.pool.bind(connection, user, has_slot=True)
        self.presence.connected(user)
        self.presence.entered(user.id, await self.store.rooms.joined_by(user.id))
        for room_id in room_ids:
            channel = await self.hub.hold(room_id)
            self.hub.register(channel, connection)
            assert self.hub.go_live(channel, connection, None)
            self.hub.release(channel)
            connection.rooms[room_id] = (await self.store.rooms.joined_by(user.id))[room_id]
        there: Connection = connection
        return there

    async def settled(self) -> None:
        """Wait until every request has been served."""
        while self.audit.is_waiting:
            await asyncio.sleep(0.001)
        await self.membership_rechecks.close()


P = TypeVar("P", bound=Process)


@asynccontextmanager
async def process_on(folder: Path, kind: type[P] = Process) -> AsyncIterator[P]:
    async with open_store(folder) as store:
        process = kind(store)
        try:
            yield process
        finally:
            await process.audit.close()
            await process.task_queue.close()
            await process.hub.close()


async def user_named(store: Store, name: str) -> User:
    return await store.users.create(username=name, email=f"{name}@example.org", password_hash="x")


async def test_after_the_bus_was_away_every_subscription_is_held_against_the_store(tmp_path: Path) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        rooms = [
            (await store.rooms.create(RoomDraft(f"room {number}", None, True, 10), ada.id)).room.id
            for number in range(2)
        ]
        for room_id in rooms:
            await store.members.add(room_id, bob.id)
        a, b = [await process.connect(user, *rooms) for user in (ada, bob)]
        left = await store.members.remove(rooms[0], bob.id)
        channel = await process.hub.hold(rooms[0])
        channel.rev = (
            left.rev
        )  # the change arrived and its MembershipEnded did not: a comparison of heads does not find that
        process.hub.release(channel)
        process.requests.recheck_all()
        await process.settled()
        assert (a.closed_rooms, b.closed_rooms) == ([], [rooms[0]])
        assert b.rooms.keys() == {rooms[1]}
        assert [process.hub.leave(room_id, b) for room_id in rooms] == [False, True]
        assert process.presence.members_of(rooms[0]) == [ada.id]


async def test_a_subscription_under_a_newer_membership_than_was_audited_stands(tmp_path: Path) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        room_id = (await store.rooms.create(RoomDraft("room", None, True, 10), ada.id)).room.id
        await store.members.add(room_id, bob.id)
        await store.members.remove(room_id, bob.id)
        again = await store.members.add(room_id, bob.id)
        b = await process.connect(bob, room_id)
        process.requests.recheck_room(room_id)
        await process.settled()
        process._ended(MembershipEnded(room_id, bob.id, "left", again.rev - 1))
        assert b.closed_rooms == []
        assert process.presence.members_of(room_id) == [bob.id]


@pytest.mark.parametrize(
    ("error", "line"),
    [(StoreUnavailable("gone"), "a queued task failed: gone"), (LookupError("unforeseen"), "a queued task failed")],
)
@pytest.mark.parametrize("requested", ["a room", "memberships", "everything"])
async def test_a_request_whose_read_failed_is_read_again(
    tmp_path: Path, requested: str, error: Exception, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        room_id = (await store.rooms.create(RoomDraft("room", None, True, 10), ada.id)).room.id
        await store.members.add(room_id, bob.id)
        a, b = [await process.connect(user, room_id) for user in (ada, bob)]
        await store.members.remove(room_id, bob.id)
        members, rooms = Outage(store.members, error), Outage(store.rooms, error)
        store.members, store.rooms = members, rooms
        members.is_on = rooms.is_on = True
        {
            "a room": lambda: process.requests.recheck_room(room_id),
            "memberships": lambda: process.requests.recheck_members([(room_id, bob.id)]),
            "everything": process.requests.recheck_all,
        }[requested]()
        for times in (1, 2):
            async with asyncio.timeout(10):
                while len(members.asked) + len(rooms.asked) < times or process.membership_rechecks.is_busy:
                    await asyncio.sleep(0.001)
            assert (a.closed_rooms, b.closed_rooms) == ([], [])
            assert process.audit.is_waiting
            process.audit.resume()
        members.is_on = rooms.is_on = False
        process.audit.resume()
        await process.settled()
        assert (a.closed_rooms, b.closed_rooms) == ([], [room_id])
        assert process.presence.members_of(room_id) == [ada.id]
        assert {record.getMessage() for record in caplog.records} == {line}
        caplog.clear()


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), LookupError("unforeseen")])
async def test_a_failed_read_of_possible_new_members_is_repeated(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        await process.connect(bob)
        room_id = (await store.rooms.create(RoomDraft("room", None, False, 10), ada.id)).room.id
        await store.members.add(room_id, bob.id)
        members = Outage(store.members, error)
        store.members = members
        members.is_on = True
        process.requests.recheck_room(room_id)
        async with asyncio.timeout(10):
            while not members.asked or process.membership_rechecks.is_busy:
                await asyncio.sleep(0.001)
        members.is_on = False
        process.audit.resume()
        await process.settled()
        assert process.presence.members_of(room_id) == [bob.id]
        caplog.clear()


class FailingProcess(Process):
    """Raises at the first end that it is to apply."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.failed_at: list[MembershipEnded] = []

    def _ended(self, ended: MembershipEnded) -> None:
        if not self.failed_at:
            self.failed_at.append(ended)
            raise LookupError("unforeseen")
        super()._ended(ended)


async def test_an_end_that_raises_does_not_keep_the_others_from_being_applied(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with process_on(tmp_path, FailingProcess) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        rooms = [
            (await store.rooms.create(RoomDraft(f"room {number}", None, False, 10), ada.id)).room.id
            for number in range(3)
        ]
        for room_id in rooms:
            await store.members.add(room_id, bob.id)
        b = await process.connect(bob, *rooms)
        for room_id in rooms:
            await store.members.remove(room_id, bob.id)
        process.requests.recheck_members([(room_id, bob.id) for room_id in rooms])
        async with asyncio.timeout(10):
            while not process.failed_at or process.membership_rechecks.is_busy:
                await asyncio.sleep(0.001)
        assert process.audit.is_waiting
        process.audit.resume()
        await process.settled()
        assert b.closed_rooms == rooms[1:]
        assert [record.getMessage() for record in caplog.records] == ["a queued task failed"]
        caplog.clear()


async def test_a_requested_room_waits_for_one_read_of_all_the_others(tmp_path: Path) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada = await user_named(store, "ada")
        room_id = (await store.rooms.create(RoomDraft("room", None, True, 10), ada.id)).room.id
        await process.connect(ada, room_id)
        for number in range(2 * USERS_A_READ):
            await process.connect(await user_named(store, f"user{number}"))
        members, rooms = Outage(store.members), Outage(store.rooms)
        store.members, store.rooms = members, rooms
        order: list[str] = []
        members.asked = rooms.asked = order  # type: ignore[assignment]
        process.requests.recheck_all()
        process.requests.recheck_room(room_id)
        await process.settled()
        names = [name for name, *_ in order]
        assert names.count("joined_by_each") == 3
        assert names.index("standings") <= 1


async def test_after_the_bus_was_away_who_is_shown_where_is_as_the_store_says_also_of_those_who_read_nothing(
    tmp_path: Path,
) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        ada, bob = await user_named(store, "ada"), await user_named(store, "bob")
        tea, two, own = [
            (await store.rooms.create(RoomDraft(name, None, False, 10), ada.id)).room.id
            for name in ("tea", "two", "own")
        ]
        await store.members.add(tea, bob.id)
        await store.members.add(own, bob.id)
        await process.connect(bob)
        await store.members.remove(tea, bob.id)
        await store.members.add(two, bob.id)
        process.requests.recheck_all()
        await process.settled()
        assert [process.presence.members_of(room_id) for room_id in (tea, two, own)] == [[], [bob.id], [bob.id]]


async def test_a_member_who_joined_without_an_event_is_found_by_an_audit_of_the_room_and_nobody_else(
    tmp_path: Path,
) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        people = [await user_named(store, name) for name in ("ada", "bob", "cleo")]
        ada, bob, _ = people
        room_id = (await store.rooms.create(RoomDraft("room", None, True, 10), ada.id)).room.id
        for user in people:
            await process.connect(user)
        joined = await store.members.add(room_id, bob.id)
        channel = await process.hub.hold(room_id)
        channel.rev = joined.rev - 1  # neither the change nor its MembershipBegan arrived
        await process.hub.check_heads()
        async with asyncio.timeout(10):
            while bob.id not in process.presence.members_of(room_id):
                await asyncio.sleep(0.001)
        process.hub.release(channel)
        await process.settled()
        assert set(process.presence.members_of(room_id)) == {ada.id, bob.id}
        process._ended(MembershipEnded(room_id, bob.id, "left", joined.rev - 1))
        assert bob.id in process.presence.members_of(room_id), "it is known by which rev they joined"


async def test_whose_login_is_revoked_or_gone_is_closed_whatever_any_clock_says(tmp_path: Path) -> None:
    async with process_on(tmp_path) as process:
        store = process.store
        people = [await user_named(store, name) for name in ("ada", "bob", "cleo")]
        connections = [await process.connect(user) for user in people]
        for user in people[:2]:
            await store.sessions.create(Session(f"s-{user.id}", user.id, 1, 0, 2_000_000_000_000))
        await store.sessions.revoke(f"s-{people[1].id}", now_ms=1)  # long ago, as that process's clock goes
        for _ in range(2):
            await process.audit.check_sessions()
            assert [one.link.closed_with for one in connections] == [None, CloseCode.REVOKED, CloseCode.REVOKED]
