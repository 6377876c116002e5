"""What each connection hears of rooms that it has not joined: once a second, of members only, within bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.composition.presence import build_presence
from chat.connections.mentions_of_all import MEMBERS_A_READ, WAITING_MAX, MentionsOfAll
from chat.room_activity import sender as bounds
from chat.room_activity.sender import RoomActivitySender
from cluster.events import AllMentioned, MembershipEnded, RoomsActive
from cluster.memory_bus import MemoryBus
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from store.errors import StoreUnavailable
from store.models import Standing, Status, User

pytestmark = pytest.mark.gen_test

ROOM: Any = object()
MEMBERSHIP: Any = object()


class Connection:
    """A session and its link: the rooms that it has joined, and what was sent to it."""

    def __init__(self, user_id: str, rooms: Sequence[str]) -> None:
        self.user_id = user_id
        self.rooms = dict.fromkeys(rooms, 0) or None
        self.link = self
        self.sent: list[bytes] = []
        self.ephemeral: list[dict[str, Any]] = []

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def send_ephemeral(self, frame: bytes) -> None:
        self.ephemeral.append(json.loads(frame))

    def told(self) -> list[dict[str, int]]:
        """Of each frame so far: the seq of each room."""
        assert all(frame["event"] == "roomActivity" for frame in self.ephemeral)
        frames = [frame["data"]["rooms"] for frame in self.ephemeral]
        return [{room["roomId"]: room["lastSeq"] for room in rooms} for rooms in frames]


class Process:
    """A process with connections of its users, and a clock."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.now_s = 100.0
        self.connections: dict[str, list[Connection]] = {}
        self.paced_callbacks = PacedCallbacks(loop=loop, slice_s=0.0)  # one step a loop turn
        self.presence = build_presence(
            codec=JsonCodec(),
            bus=MemoryBus(),
            task_queue=SerialTaskQueue(),
            paced_callbacks=self.paced_callbacks,
            process_id="p",
            grace_s=0.0,
            loop=loop,
        ).presence
        pool: Any = self
        self.mention_tasks = SerialTaskQueue()
        self.stored: set[tuple[str, str]] = set()  # room id, user id
        self.asked: list[list[tuple[str, str]]] = []
        self.is_store_down = False
        self.sender = RoomActivitySender(
            pool=pool,
            presence=self.presence,
            codec=JsonCodec(),
            frame=bytes,
            paced_callbacks=self.paced_callbacks,
            now=lambda: self.now_s,
        )
        self.mentions = MentionsOfAll(
            pool=pool,
            presence=self.presence,
            standings=self.standings,
            task_queue=self.mention_tasks,
            frame=bytes,
        )

    def sessions_of(self, user_id: str) -> list[Connection]:
        return list(self.connections.get(user_id, ()))

    def rooms_of(self, user_id: str) -> set[str]:
        return {room_id for connection in self.sessions_of(user_id) for room_id in connection.rooms or ()}

    async def standings(self, pairs: Sequence[tuple[str, str]]) -> list[Standing | None]:
        """As the store says."""
        self.asked.append(list(pairs))
        if self.is_store_down:
            raise StoreUnavailable("gone")
        return [Standing(ROOM, MEMBERSHIP if pair in self.stored else None) for pair in pairs]

    def connect(
        self, user_id: str, *, member_of: Sequence[str], joined: Sequence[str] = (), status: Status = Status.ONLINE
    ) -> Connection:
        connection = Connection(user_id, joined)
        self.connections.setdefault(user_id, []).append(connection)
        self.presence.connected(User(user_id, user_id, user_id, None, None, None, status, None, ""))
        self.presence.entered(user_id, dict.fromkeys(member_of, 0))
        self.stored.update((room_id, user_id) for room_id in member_of)
        return connection

    def active(self, large: bool = False, **rooms: int) -> None:
        heads = tuple(rooms.items())
        self.sender.receive(RoomsActive((), heads) if large else RoomsActive(heads))

    async def tick(self, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self.sender.tick()
        await self.settled()

    async def settled(self) -> None:
        while len(self.paced_callbacks) or self.mention_tasks.is_busy:
            await asyncio.sleep(0)


async def test_a_connection_is_told_of_the_rooms_that_it_has_not_joined() -> None:
    process = Process()
    joined = process.connect("ada", member_of=["tea", "jam"], joined=["tea", "jam"])
    some = process.connect("ada", member_of=["tea", "jam"], joined=["tea"])
    hidden = process.connect("bob", member_of=["tea", "jam"], status=Status.OFFLINE)
    stranger = process.connect("eve", member_of=["milk"])
    process.active(tea=3, jam=4)
    await process.tick()
    assert some.told() == [{"jam": 4}]
    assert hidden.told() == [{"tea": 3, "jam": 4}]
    assert (joined.told(), stranger.told()) == ([], [])


async def test_a_connection_gets_a_frame_a_second_at_most_with_the_newest() -> None:
    process = Process()
    ada = process.connect("ada", member_of=["tea", "jam"])
    process.active(tea=1)
    await process.tick()
    process.active(tea=5)
    process.active(tea=4, jam=2)
    await process.tick(after_s=0.9)
    assert ada.told() == [{"tea": 1}]
    await process.tick(after_s=0.1)
    assert ada.told() == [{"tea": 1}, {"tea": 5, "jam": 2}]
    await process.tick(after_s=5)
    assert len(ada.told()) == 2, "nothing new, no frame"


async def test_a_large_room_is_told_of_every_ten_seconds_and_others_meanwhile() -> None:
    process = Process()
    ada = process.connect("ada", member_of=["crowd", "tea"])
    for second in range(21):
        process.active(large=True, crowd=second + 1)
        process.active(tea=second + 1)
        await process.tick(after_s=1)
    told = ada.told()
    assert [frame["tea"] for frame in told] == list(range(1, 22))
    assert [frame["crowd"] for frame in told if "crowd" in frame] == [1, 11, 21]


async def test_who_left_or_was_removed_is_told_of_nothing_even_when_a_round_is_under_way() -> None:
    process = Process()
    people = [process.connect(f"u{number}", member_of=["tea"]) for number in range(bounds.MEMBERS_A_STEP + 1)]
    process.presence.ended("tea", "u0", 5)
    process.active(tea=1)
    process.sender.tick()
    await asyncio.sleep(0)  # some of the round is done, and no frame is sent
    ended = MembershipEnded("tea", people[-1].user_id, "removed", 6)
    process.presence.ended(ended.room_id, ended.user_id, ended.rev)
    await process.settled()
    assert [len(one.told()) for one in people] == [0, *[1] * (len(people) - 2), 0]


async def test_a_round_is_bounded_and_what_waited_comes_first_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LOOKS_MAX", 4)
    monkeypatch.setattr(bounds, "ROOMS_MAX", 3)
    process = Process()
    ada = process.connect("ada", member_of=["a", "b", "c", "d"])
    process.active(a=1, b=1, c=1, d=1)
    await process.tick()
    assert ada.told() == [{"a": 1, "b": 1}]
    process.active(a=2)
    await process.tick(after_s=1)
    assert ada.told()[1:] == [{"c": 1, "a": 2}], "and d was one too many"


async def test_a_mention_of_all_goes_to_each_connection_of_the_members_once_in_order() -> None:
    process = Process()
    author = process.connect("ada", member_of=["tea"])
    people = [process.connect(f"u{number}", member_of=["tea"], joined=["tea"][: number % 2]) for number in range(100)]
    second = process.connect("u0", member_of=["tea"])
    stranger = process.connect("eve", member_of=["jam"])
    for text in (b"one", b"two"):
        process.mentions.send(AllMentioned("tea", text, "ada"))
    await asyncio.sleep(0)
    process.presence.ended("tea", "u99", 7)  # she is the last
    await process.settled()
    assert {tuple(one.sent) for one in (*people[:-1], second)} == {(b"one", b"two")}
    assert author.sent == stranger.sent == []
    assert b"two" not in people[-1].sent
    process.mentions.send(AllMentioned("tea", b"three", "ada"))
    await process.settled()
    assert second.sent[-1] == b"three"


async def test_mentions_of_all_that_wait_are_bounded() -> None:
    process = Process()
    bob = process.connect("bob", member_of=["tea"])
    for number in range(WAITING_MAX + 5):
        process.mentions.send(AllMentioned("tea", b"%d" % number, "ada"))
    assert len(process.mentions) == WAITING_MAX
    await process.settled()
    assert bob.sent == [b"%d" % number for number in range(WAITING_MAX)]


async def test_a_mention_of_all_reaches_nobody_whom_presence_alone_takes_for_a_member() -> None:
    process = Process()
    gone = [process.connect(f"gone{number}", member_of=["tea"]) for number in range(MEMBERS_A_READ)]
    here = [process.connect(f"here{number}", member_of=["tea"]) for number in range(MEMBERS_A_READ)]
    joined = process.connect("joined", member_of=["tea"], joined=["tea"])
    process.stored = {pair for pair in process.stored if not pair[1].startswith("gone")}
    process.mentions.send(AllMentioned("tea", b"one", "ada"))
    await process.settled()
    assert all(one.sent == [] for one in gone)
    assert all(one.sent == [b"one"] for one in (*here, joined))
    assert max(map(len, process.asked)) <= MEMBERS_A_READ
    assert ("tea", "joined") not in {pair for pairs in process.asked for pair in pairs}


async def test_while_the_store_cannot_say_who_is_a_member_a_mention_of_all_reaches_who_has_joined_alone() -> None:
    process = Process()
    other = process.connect("other", member_of=["tea"])
    joined = process.connect("joined", member_of=["tea"], joined=["tea"])
    process.is_store_down = True
    process.mentions.send(AllMentioned("tea", b"one", "ada"))
    await process.settled()
    process.is_store_down = False
    process.mentions.send(AllMentioned("tea", b"two", "ada"))
    await process.settled()
    assert (other.sent, joined.sent) == ([b"two"], [b"one", b"two"])
