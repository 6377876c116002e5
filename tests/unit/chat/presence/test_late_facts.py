"""Facts that come late, twice and in any order: each process ends where it would have ended had they come in time."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from app.composition.presence import build_presence
from chat.connections.connection_pool import Pool
from chat.connections.user_events import UserEvents
from chat.delivery.message_ring import Ring
from chat.delivery.room_channel import Channel
from chat.delivery.room_hub import Hub
from cluster.events import (
    MembershipBegan,
    MembershipEnded,
    PeopleHere,
    PersonGone,
    PersonHere,
    StatusChosen,
    UserEvent,
    ended_with_room,
)
from cluster.memory_bus import MemoryBus
from cluster.memory_connections_per_user import MemoryConnectionSlots
from cluster.topics import membership_order, reading_order
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer
from store.models import ReadState, Status, User

pytestmark = pytest.mark.gen_test

ADA = User("ada", "ada", "ada", None, None, None, Status.ONLINE, None, "2026-01-31T12:00:00.123Z")


def here(number: int, status_rev: int, status: str, **rooms: int) -> PeopleHere:
    """What the process c publishes of Ada, a member of these rooms since these revs."""
    person = PersonHere("ada", "ada", status, 0, tuple(rooms), status_rev, tuple(rooms.values()))
    return PeopleHere("c", 1, (person,), number=number)


def empty_full_list(number: int) -> PeopleHere:
    """The process c publishes, in one part, that nobody is connected to it."""
    return PeopleHere("c", number, (), is_last=True, number=number, began_at=number)


class PresenceProcess:
    """The presence of one process; the audits that it requests are not made, since there is no store."""

    def __init__(self, loop: Any) -> None:
        parts = build_presence(
            codec=JsonCodec(),
            bus=MemoryBus(),
            task_queue=SerialTaskQueue(),
            paced_callbacks=PacedCallbacks(loop=loop),
            process_id="p",
            grace_s=0.0,
            loop=loop,
        )
        self.presence, self.remote_presence = parts.presence, parts.remote_presence
        self._people = parts.people
        self._receivers: dict[type, Callable[[Any], object]] = {
            MembershipBegan: lambda began: self.presence.began(began.room_id, began.user_id, began.rev),
            MembershipEnded: lambda ended: self.presence.ended(ended.room_id, ended.user_id, ended.rev),
            StatusChosen: lambda chosen: self.presence.set_status(chosen.user_id, Status(chosen.status), chosen.rev),
            PeopleHere: self.remote_presence.people_here,
            PersonGone: lambda gone: self.remote_presence.person_gone(gone.process_id, gone.user_id, gone.number),
        }

    def receive(self, facts: Sequence[Any]) -> None:
        for fact in facts:
            self._receivers[type(fact)](fact)
            self._require_members()

    def _require_members(self) -> None:
        """The members of a room are the people who have it among their rooms, whatever their status."""
        for room_id in ("r1", "r2", "r3"):
            members = [person.user_id for person in self._people.all() if room_id in person.rooms]
            assert self.presence.members_of(room_id) == members, room_id
            assert self.presence.is_in(room_id, "ada") == bool(members), room_id

    def state(self) -> dict[str, dict[str, str]]:
        """Who is online in which room, and how."""
        listings = {room: self.presence.listing(room).online for room in ("r1", "r2", "r3")}
        return {room: {one.user_id: str(one.status) for one in online} for room, online in listings.items()}


# In the order in which they became true; each list ends in one state, in whatever order the facts arrive.
HISTORIES: dict[str, list[Any]] = {
    "joins and leaves": [
        here(1, 0, "online", r3=0),
        MembershipBegan("r1", "ada", 1),
        MembershipEnded("r1", "ada", "left", 2),
        MembershipBegan("r1", "ada", 3),
        MembershipBegan("r2", "ada", 4),
        MembershipEnded("r2", "ada", "removed", 6),
    ],
    "statuses": [
        here(1, 1, "away", r1=1),
        StatusChosen("ada", "offline", rev=2),
        StatusChosen("ada", "busy", rev=3),
        here(2, 3, "busy", r1=1),
        StatusChosen("ada", "away", rev=4),
    ],
    "comings and goings": [
        here(1, 1, "online", r1=1),
        PersonGone("c", "ada", 2),
        here(3, 1, "online", r1=1),
        PersonGone("c", "ada", 4),
        here(5, 2, "busy", r1=1),
    ],
    "a departure": [
        here(1, 1, "online", r1=1),
        PersonGone("c", "ada", 2),
        here(3, 1, "online", r1=1),
        PersonGone("c", "ada", 4),
    ],
    "full lists": [
        here(1, 1, "online", r1=1),
        here(2, 1, "online", r1=1),
        empty_full_list(3),
        MembershipBegan("r2", "ada", 4),
    ],
    "a deleted room": [
        here(1, 1, "online", r1=1, r2=1),
        MembershipEnded("r1", "ada", "left", 2),
        MembershipBegan("r1", "ada", 3),
        ended_with_room("r1", "ada"),
    ],
    "all of it": [
        here(1, 1, "online", r1=1),
        MembershipEnded("r1", "ada", "left", 2),
        MembershipBegan("r1", "ada", 5),
        StatusChosen("ada", "busy", rev=2),
        PersonGone("c", "ada", 2),
        here(3, 2, "busy", r1=5),
    ],
}


def orders(facts: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Every order, and some in which facts come more than once."""
    yield from itertools.permutations(facts)
    chance = random.Random(1)
    for _ in range(200):
        twice = [*facts, *facts]
        chance.shuffle(twice)
        yield twice


@pytest.mark.parametrize("is_connected", [False, True], ids=["elsewhere", "here as well"])
@pytest.mark.parametrize("history", HISTORIES)
async def test_the_end_is_the_same_in_whatever_order_facts_come(history: str, is_connected: bool, io_loop: Any) -> None:
    states = {}
    for order in orders(HISTORIES[history]):
        process = PresenceProcess(io_loop.asyncio_loop)
        if is_connected:
            process.presence.connected(ADA)
            process.presence.entered("ada", {})
        process.receive(order)
        states[json.dumps(process.state())] = order
    in_time = PresenceProcess(io_loop.asyncio_loop)
    if is_connected:
        in_time.presence.connected(ADA)
        in_time.presence.entered("ada", {})
    in_time.receive(HISTORIES[history])
    assert list(states) == [json.dumps(in_time.state())], states


async def test_a_list_of_rooms_that_was_read_before_a_leave_does_not_bring_the_room_back(io_loop: Any) -> None:
    process = PresenceProcess(io_loop.asyncio_loop)
    process.presence.connected(ADA)
    process.receive([MembershipEnded("r1", "ada", "left", 7), MembershipBegan("r2", "ada", 9)])
    process.presence.entered("ada", {"r1": 3, "r3": 0})
    assert {room for room, online in process.state().items() if online} == {"r2", "r3"}


async def test_facts_of_a_dead_process_that_arrive_after_its_death_bring_nobody_back(io_loop: Any) -> None:
    process = PresenceProcess(io_loop.asyncio_loop)
    process.receive([here(1, 1, "online", r1=1), here(4, 1, "online", r1=1)])
    process.remote_presence.process_gone("c")
    process.receive([here(3, 1, "online", r1=1), here(4, 1, "online", r1=1)])
    assert process.presence.people == 0
    process.receive([here(5, 1, "online", r1=1)])
    assert process.state()["r1"] == {"ada": "online"}, "it lives after all"


async def test_a_room_that_another_process_does_not_list_is_audited(io_loop: Any) -> None:
    audited: list[tuple[str, str]] = []
    loop = io_loop.asyncio_loop
    parts = build_presence(
        codec=JsonCodec(),
        bus=MemoryBus(),
        task_queue=SerialTaskQueue(),
        paced_callbacks=PacedCallbacks(loop=loop),
        process_id="p",
        grace_s=0.0,
        loop=loop,
        recheck_members=audited.extend,
    )
    parts.remote_presence.people_here(here(1, 1, "online", r1=1, r2=1))
    parts.remote_presence.people_here(here(2, 1, "online", r2=1))
    assert audited == [("r1", "ada")]
    assert parts.presence.online_count("r1") == 1, "until the store says so nothing is over"


async def test_a_status_that_an_older_process_wrote_and_did_not_count_is_taken_where_it_is_read(io_loop: Any) -> None:
    process = PresenceProcess(io_loop.asyncio_loop)
    for times in (1, 2):
        process.presence.connected(ADA)
        process.presence.entered("ada", {"r1": 0})
        assert process.state()["r1"] == {"ada": "online"}, times
        process.presence.connected(replace(ADA, status=Status.BUSY))
        assert process.state()["r1"] == {"ada": "busy"}, times
        process.receive([here(1, 0, "away", r1=0), StatusChosen("ada", "away")])
        assert process.state()["r1"] == {"ada": "busy"}, "a published status without a number is not known to be newer"
    process.receive([StatusChosen("ada", "away", rev=1)])
    process.presence.connected(replace(ADA, status=Status.BUSY))
    assert process.state()["r1"] == {"ada": "away"}, "what was read before it is older"


# ---- subscriptions ---------------------------------------------------------------------------------------------------


class Link:
    """Where frames leave."""

    is_open = may_begin = has_peer = True
    is_over = False

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def trust(self) -> None:
        """It sends no frames that would count."""

    def send(self, frame: bytes) -> None:
        self.frames.append(json.loads(frame))


class Connection:
    """A session as the pool and a room see it."""

    def __init__(self, **rooms: int) -> None:
        self.user_id = "ada"
        self.user = ADA
        self.link = Link()
        self.rooms = dict(rooms)

    def bind(self, user: User) -> None:
        self.user, self.user_id = user, user.id


def channel_with(connection: Connection, *, live: bool) -> Channel:
    channel = Channel("r1", ring=Ring(max_items=1, max_bytes=1))
    if live:
        channel.live[connection] = 0
    return channel


@pytest.mark.parametrize(
    ("rev", "is_over"), [(None, True), (6, True), (5, True), (4, False)], ids=["not said", "newer", "the same", "older"]
)
async def test_an_end_ends_what_was_subscribed_under_an_older_membership_only(rev: int | None, is_over: bool) -> None:
    connection = Connection()
    channel = channel_with(connection, live=True)
    assert channel.end_membership(connection, rev=rev, under=5) is is_over
    assert (connection in channel.live) is not is_over


@pytest.mark.parametrize("rev", [None, 3, 5, 8])
@pytest.mark.parametrize("is_read_first", [False, True])
async def test_an_end_that_comes_in_the_middle_of_a_join_ends_it_if_it_is_newer_than_the_membership(
    rev: int | None, is_read_first: bool
) -> None:
    connection = Connection()
    channel = channel_with(connection, live=False)
    joining = channel.register(connection)
    if is_read_first:
        assert joining.stands_under(5)
        channel.end_membership(connection, rev=rev, under=None)
        stands = connection in channel.joining
    else:
        assert channel.end_membership(connection, rev=rev, under=None) is False
        stands = joining.stands_under(5)
    assert stands is (rev == 3)


async def test_an_end_in_the_middle_of_a_second_join_ends_the_first_subscription_and_not_the_join() -> None:
    connection = Connection()
    channel = channel_with(connection, live=True)
    joining = channel.register(connection)
    assert channel.end_membership(connection, rev=4, under=1) is True
    assert channel.end_membership(connection, rev=4, under=None) is False, "once"
    assert joining.earlier_epoch is None
    assert joining.stands_under(6)
    assert connection in channel.joining


# ---- events to one user ---------------------------------------------------------------------------------------------


Connected = tuple[Pool, UserEvents]


@pytest.fixture
def parts(io_loop: Any) -> Connected:
    async def made() -> Connected:
        bus, task_queue, paced_callbacks = MemoryBus(), SerialTaskQueue(), PacedCallbacks(loop=io_loop.asyncio_loop)
        hub = Hub(
            store=None,  # type: ignore[arg-type]
            bus=bus,
            codec=JsonCodec(),
            frame=bytes,
            observer=Observer(),
            coalesce=False,
            hold_max_bytes=1,
        )
        pool = Pool(
            hub=hub,
            bus=bus,
            connection_slots=MemoryConnectionSlots(),
            presence=build_presence(
                codec=JsonCodec(),
                bus=bus,
                task_queue=task_queue,
                paced_callbacks=paced_callbacks,
                process_id="p",
                grace_s=0.0,
                loop=io_loop.asyncio_loop,
            ).presence,
            task_queue=task_queue,
            observer=Observer(),
            max_connections=10,
            max_per_user=10,
        )
        return pool, UserEvents(pool=pool, hub=hub, codec=JsonCodec(), frame=bytes)

    built: Connected = io_loop.run_sync(made)
    return built


def read(seq: int, head: int) -> UserEvent:
    payload = json.dumps({"event": "messageReadUpdate", "data": {"readSeq": seq, "unreadCount": head - seq}}).encode()
    return UserEvent("ada", payload, *reading_order(ReadState("r1", seq, head - seq, 0)))


def added(rev: int) -> UserEvent:
    return UserEvent(
        "ada",
        json.dumps({"event": "roomAdded", "data": {"rev": rev}}).encode(),
        *membership_order("r1", rev, began=True),
    )


async def connected(pool: Pool, connection_id: str = "p-1") -> Connection:
    connection: Any = Connection()
    connection.connection_id = connection_id
    pool.add(connection)
    assert pool.bind(connection, ADA, has_slot=True)
    return connection


@pytest.mark.parametrize("order", list(itertools.permutations([read(3, 9), read(5, 9), read(5, 11), read(9, 12)])))
async def test_a_read_position_never_goes_back_in_whatever_order_its_events_arrive(
    parts: Connected, order: Sequence[UserEvent]
) -> None:
    pool, user_events = parts
    connection = await connected(pool)
    for happening in order:
        user_events.send(happening)
    sent = [(frame["data"]["readSeq"], frame["data"]["unreadCount"]) for frame in connection.link.frames]
    assert sent == sorted(sent)
    assert sent[-1] == (9, 3)


async def test_room_added_is_not_sent_for_a_room_that_was_left_since(parts: Connected) -> None:
    pool, user_events = parts
    connection = await connected(pool)
    user_events.end_membership(MembershipEnded("r1", "ada", "left", 5))
    for happening in (added(3), added(5), added(7)):
        user_events.send(happening)
    assert [frame["data"] for frame in connection.link.frames] == [{"rev": 7}]


async def test_of_a_deleted_room_nothing_is_told_after_its_end_and_that_once(parts: Connected) -> None:
    pool, user_events = parts
    connection = await connected(pool)
    user_events.send(added(3))
    for _ in range(2):
        user_events.end_membership(ended_with_room("r1", "ada"), to_all=True)
    user_events.send(added(9))
    assert [frame["event"] for frame in connection.link.frames] == ["roomAdded", "roomClosed"]


async def test_a_connection_that_has_not_subscribed_hears_of_the_newest_end_and_of_it_once(parts: Connected) -> None:
    pool, user_events = parts
    connection = await connected(pool)
    for rev in (5, 5, 3):
        user_events.end_membership(MembershipEnded("r1", "ada", "removed", rev), to_all=True)
    user_events.send(added(7))
    user_events.end_membership(MembershipEnded("r1", "ada", "removed", 6), to_all=True)
    assert [frame["event"] for frame in connection.link.frames] == ["roomClosed", "roomAdded"]
    user_events.end_membership(MembershipEnded("r1", "ada", "banned", 8), to_all=True)
    assert connection.link.frames[-1]["data"] == {"roomId": "r1", "reason": "banned"}


async def test_an_end_that_the_store_shows_is_told_to_those_who_subscribed_alone(parts: Connected) -> None:
    pool, user_events = parts
    connection = await connected(pool)
    user_events.end_membership(MembershipEnded("r1", "ada", "removed", 5))
    assert connection.link.frames == []


async def test_the_end_of_an_earlier_membership_is_not_told_where_a_later_one_is_subscribed(parts: Connected) -> None:
    pool, user_events = parts
    subscribed, other = await connected(pool), await connected(pool, "p-2")
    subscribed.rooms = {"r1": 9}
    user_events.end_membership(MembershipEnded("r1", "ada", "removed", 5), to_all=True)
    assert (subscribed.link.frames, other.link.frames) == ([], [])
