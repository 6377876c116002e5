"""Processes that publish heartbeats and people to each other, on a bus that the test can cut and under its clock."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from app.composition.presence import build_presence
from chat.presence.presence_publisher import PEOPLE_AN_EVENT
from cluster.contract import Receiver
from cluster.events import (
    MembershipBegan,
    MembershipEnded,
    PeopleHere,
    PersonGone,
    PersonHere,
    ProcessBeat,
    RoomEphemeral,
    StatusChosen,
)
from cluster.live_processes import BEAT_S, KNOWN_AFTER_S, RESTORE_GRACE_S, SILENT_MAX_S, LiveProcesses
from cluster.memory_bus import MemoryBus
from cluster.topics import EVERYONE
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from store.models import Status, User

pytestmark = pytest.mark.gen_test


class Clock:
    """Monotonic seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class BusEnd:
    """One process's end of a bus: a MemoryBus that also publishes to the ends of other processes, while none is cut."""

    def __init__(self, bus_ends: list[BusEnd], published: list[Any]) -> None:
        self._memory = MemoryBus()
        self._ends = bus_ends
        self._published = published
        self.lost = False
        bus_ends.append(self)

    def start(self, *, receive: Receiver, on_back: Callable[[], None] = lambda: None) -> None:
        self._receive = receive
        self._memory.start(receive=receive, on_back=on_back)

    def publish(self, topic: str, event: object) -> None:
        self._published.append(event)
        for bus_end in [self, *(one for one in self._ends if one is not self and not one.lost and not self.lost)]:
            bus_end._memory.publish(topic, event)

    def deliver_remote(self, event: object) -> None:
        """Deliver an event of another process, at a moment that the test chooses."""
        self._receive(EVERYONE, event)

    async def subscribe(self, topic: str) -> None:
        await self._memory.subscribe(topic)

    async def unsubscribe(self, topic: str) -> None:
        await self._memory.unsubscribe(topic)

    async def close(self) -> None:
        self._ends.remove(self)
        await self._memory.close()


class Process:
    """One process: its presence, the live processes it knows, and what was announced to its rooms."""

    def __init__(self, cluster: Cluster, process_id: str) -> None:
        self.id = process_id
        self.bus = BusEnd(cluster.bus_ends, cluster.published)
        self.task_queue = SerialTaskQueue()
        loop = asyncio.get_running_loop()
        presence_parts = build_presence(
            codec=JsonCodec(),
            bus=self.bus,
            task_queue=self.task_queue,
            paced_callbacks=PacedCallbacks(loop=loop),
            process_id=process_id,
            grace_s=0.0,
            loop=loop,
            deliver=self._deliver,
            recheck_members=lambda pairs: cluster.audit_store(self, pairs),
            now=cluster.clock,
        )
        self.presence = presence_parts.presence
        self.deaths: list[str] = []
        self.missed_changes: list[float] = []  # when it was to ask the store
        self.live_processes = LiveProcesses(
            bus=self.bus,
            people=presence_parts.remote_presence,
            task_queue=self.task_queue,
            process_id=process_id,
            now=cluster.clock,
            on_death=self.deaths.append,
            on_missed_changes=lambda: self.missed_changes.append(cluster.clock.now_s),
        )
        self.announced: list[tuple[str, str, str, str]] = []
        receivers: dict[type, Any] = {
            MembershipBegan: lambda began: self.presence.began(began.room_id, began.user_id, began.rev),
            MembershipEnded: lambda ended: self.presence.ended(ended.room_id, ended.user_id, ended.rev),
            StatusChosen: lambda chosen: self.presence.set_status(chosen.user_id, Status(chosen.status), chosen.rev),
            PeopleHere: self.live_processes.receive_people,
            PersonGone: self.live_processes.receive_person_gone,
            ProcessBeat: self.live_processes.receive_beat,
        }
        self.bus.start(receive=lambda topic, event: receivers[type(event)](event))

    def _deliver(self, happening: RoomEphemeral) -> None:
        message = json.loads(happening.event)
        data = message["data"]
        self.announced.append((message["event"], data["roomId"], data["userId"], data["status"]))

    def connect(self, name: str, *rooms: str, status: Status = Status.ONLINE) -> None:
        """A member of these rooms connects."""
        if self.presence.connected(user(name, status)):
            self.presence.entered(name, dict.fromkeys(rooms, 1))

    def online(self, room_id: str = "r1") -> dict[str, str]:
        return {one.user_id: str(one.status) for one in self.presence.listing(room_id).online}


def user(name: str, status: Status = Status.ONLINE) -> User:
    return User(name, name, name, None, None, None, status, None, "2026-01-31T12:00:00.123Z")


class Cluster:
    """Processes on one bus and under one clock; `published` are all events on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.bus_ends: list[BusEnd] = []
        self.published: list[Any] = []
        self.processes: list[Process] = []

    async def start(self, process_id: str) -> Process:
        process = Process(self, process_id)
        self.processes.append(process)
        await process.bus.subscribe(EVERYONE)
        process.live_processes.bus_restored()
        await settle()
        return process

    def audit_store(self, process: Process, pairs: Sequence[tuple[str, str]]) -> None:
        """Audit memberships as the store would: all changes to them are among the published events."""
        for event in self.published:
            if isinstance(event, MembershipEnded) and (event.room_id, event.user_id) in pairs:
                process.presence.ended(event.room_id, event.user_id, event.rev)

    async def kill(self, process: Process) -> None:
        """Remove a process as kill -9 does: it publishes nothing more."""
        self.processes.remove(process)
        await process.bus.close()

    async def advance(self, seconds: float) -> None:
        """Advance the clock; each process sends its heartbeats in time."""
        end_s = self.clock.now_s + seconds
        while self.clock.now_s < end_s:
            self.clock.now_s = min(self.clock.now_s + BEAT_S, end_s)
            await self.beat()

    async def beat(self) -> None:
        for process in self.processes:
            process.live_processes.beat()
        await settle()


async def settle() -> None:
    """Run all queued tasks and timers, none of which waits for anything."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


# ---- who is here -----------------------------------------------------------------------------------------------------


async def test_who_is_connected_to_one_process_is_online_at_the_other(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1", "r2", status=Status.BUSY)
    await settle()
    for process in (a, b):
        assert process.online("r1") == process.online("r2") == {"ada": "busy"}
        assert process.presence.is_online("ada")
        assert sorted(process.announced) == [("userJoined", "r1", "ada", "busy"), ("userJoined", "r2", "ada", "busy")]


async def test_who_comes_and_goes_is_told_of_once_however_many_processes_they_are_connected_to(
    cluster: Cluster,
) -> None:
    a, b, c = [await cluster.start(name) for name in ("a", "b", "c")]
    for process in (a, b, a):
        process.connect("ada", "r1")
        await settle()
    joined = [("userJoined", "r1", "ada", "online")]
    assert [process.announced for process in (a, b, c)] == [joined] * 3
    for process in (a, b):
        process.presence.disconnected("ada")
        await settle()
        assert [process.online() for process in (a, b, c)] == [{"ada": "online"}] * 3
    a.presence.disconnected("ada")
    await settle()
    assert [process.online() for process in (a, b, c)] == [{}] * 3
    assert [process.announced for process in (a, b, c)] == [[*joined, ("userLeft", "r1", "ada", "offline")]] * 3
    assert [process.presence.people for process in (a, b, c)] == [0, 0, 0]


async def test_who_moves_to_another_process_was_never_away(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1")
    await settle()
    b.connect("ada", "r1")
    await settle()
    a.presence.disconnected("ada")
    await settle()
    for process in (a, b):
        assert process.announced == [("userJoined", "r1", "ada", "online")]
        assert process.online() == {"ada": "online"}


async def test_who_becomes_a_member_or_is_none_any_more_appears_and_vanishes_everywhere(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1")
    await settle()
    b.bus.publish(EVERYONE, MembershipBegan("r2", "ada", 1))
    assert a.online("r2") == b.online("r2") == {"ada": "online"}
    b.bus.publish(EVERYONE, MembershipEnded("r1", "ada", "left", 2))
    assert a.online("r1") == b.online("r1") == {}


async def test_a_process_that_has_just_started_is_told_of_all_and_tells_nobody_who_is_not_new(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1")
    b.connect("bob", "r1")
    await settle()
    announced = [list(process.announced) for process in (a, b)]
    late = await cluster.start("late")
    assert late.online() == {"ada": "online", "bob": "online"}
    assert [process.announced for process in (a, b)] == announced
    late.connect("cleo", "r1")
    await settle()
    assert all(set(process.online()) == {"ada", "bob", "cleo"} for process in (a, b, late))


async def test_of_many_who_ask_at_once_each_process_tells_once(cluster: Cluster) -> None:
    a = await cluster.start("a")
    a.connect("ada", "r1")
    await settle()
    cluster.published.clear()
    for number in range(5):
        a.live_processes.receive_beat(ProcessBeat(f"asker {number}", asks=True))
    await settle()
    assert [event.process_id for event in cluster.published if isinstance(event, PeopleHere)] == ["a"]


async def test_a_process_asks_when_it_starts_and_not_at_every_beat(cluster: Cluster) -> None:
    await cluster.start("a")
    await cluster.advance(5 * BEAT_S)
    beats = [event.asks for event in cluster.published if isinstance(event, ProcessBeat)]
    assert beats[0] is True and len(beats) >= 6 and not any(beats[1:])


async def test_who_is_asked_for_all_asks_the_store_for_the_one_that_asks_was_cut_off_and_told_nobody_what_it_wrote(
    cluster: Cluster,
) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    await cluster.advance(SILENT_MAX_S)
    began = [len(process.missed_changes) for process in (a, b)]
    b.live_processes.bus_restored()
    await settle()
    await cluster.advance(SILENT_MAX_S)
    assert [len(process.missed_changes) for process in (a, b)] == [began[0] + 1, began[1]]


async def test_who_stood_still_asks_the_store_and_so_do_the_others(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    await cluster.advance(SILENT_MAX_S)
    for process in (a, b):
        process.missed_changes.clear()
    for _ in range(4):
        cluster.clock.now_s += BEAT_S
        a.live_processes.beat()
        await settle()
    assert (a.missed_changes, b.missed_changes) == ([], [])
    b.live_processes.beat()
    await settle()
    assert len(a.missed_changes) == len(b.missed_changes) == 1


async def test_more_people_than_an_event_holds_are_all_told_of_and_none_is_dropped_for_being_in_an_earlier_part(
    cluster: Cluster,
) -> None:
    a = await cluster.start("a")
    count = 2 * PEOPLE_AN_EVENT + 1
    for number in range(count):
        a.connect(f"u{number}", f"r{number % 3}")
    await settle()
    cluster.published.clear()
    b = await cluster.start("b")
    parts = [event for event in cluster.published if isinstance(event, PeopleHere) and event.process_id == "a"]
    assert [(len(part.people), part.is_last) for part in parts] == [
        (PEOPLE_AN_EVENT, False),
        (PEOPLE_AN_EVENT, False),
        (1, True),
    ]
    for _ in range(2):
        assert b.presence.people == count
        assert sum(b.presence.online_count(f"r{number}") for number in range(3)) == count
        b.live_processes.bus_restored()
        await settle()


async def test_what_waited_to_be_told_is_told_as_it_is_by_then(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    slow = asyncio.get_running_loop().create_future()
    a.task_queue.run(lambda: slow)  # as a subscription that Redis is late to confirm
    a.connect("ada", "r1", "r2")
    await settle()
    a.bus.publish(EVERYONE, MembershipEnded("r1", "ada", "removed", 2))
    slow.set_result(None)
    await settle()
    for process in (a, b):
        assert process.online("r1") == {} and process.online("r2") == {"ada": "online"}


# ---- who is not here any more ----------------------------------------------------------------------------------------


async def test_a_full_telling_drops_who_is_not_there_any_more(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    for name in ("ada", "bob"):
        a.connect(name, "r1")
    await settle()
    b.bus.lost = True
    a.presence.disconnected("ada")
    a.connect("cleo", "r1")
    await settle()
    assert set(b.online()) == {"ada", "bob"}  # it could not hear of it
    b.bus.lost = False
    b.announced.clear()
    b.live_processes.bus_restored()
    await settle()
    assert a.online() == b.online() == {"bob": "online", "cleo": "online"}
    assert sorted(b.announced) == [("userJoined", "r1", "cleo", "online"), ("userLeft", "r1", "ada", "offline")]


async def test_an_empty_telling_drops_all_of_a_process_and_nobody_of_others(cluster: Cluster) -> None:
    a, b, c = [await cluster.start(name) for name in ("a", "b", "c")]
    a.connect("ada", "r1")
    for process in (a, c):
        process.connect("both", "r1")
    b.connect("bob", "r1")
    await settle()
    b.bus.lost = True
    for name in ("ada", "both"):
        a.presence.disconnected(name)
    await settle()
    b.bus.lost = False
    b.live_processes.bus_restored()
    await settle()
    assert set(b.online()) == {"both", "bob"}


async def test_a_membership_whose_end_was_not_heard_is_over_after_a_full_telling(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1", "r2")
    await settle()
    b.bus.lost = True
    a.bus.publish(EVERYONE, MembershipEnded("r1", "ada", "left", 2))
    a.bus.publish(EVERYONE, MembershipBegan("r3", "ada", 1))
    b.bus.lost = False
    b.live_processes.bus_restored()
    await settle()
    assert [b.online(room) for room in ("r1", "r2", "r3")] == [{}, {"ada": "online"}, {"ada": "online"}]


async def test_a_process_that_was_told_of_tells_nobody_of_the_people_of_others(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1")
    await settle()
    cluster.published.clear()
    b.live_processes.bus_restored()
    await settle()
    tellings = {event.process_id: event for event in cluster.published if isinstance(event, PeopleHere)}
    assert [one.user_id for one in tellings["a"].people] == ["ada"]
    assert tellings["b"].people == ()


# ---- who is dead -----------------------------------------------------------------------------------------------------


async def test_a_process_that_is_silent_too_long_is_dead_and_its_people_are_gone_once(cluster: Cluster) -> None:
    a, b, c = [await cluster.start(name) for name in ("a", "b", "c")]
    await cluster.advance(RESTORE_GRACE_S + BEAT_S)
    c.connect("ada", "r1")
    for process in (b, c):
        process.connect("both", "r1")
    await settle()
    await cluster.kill(c)
    a.missed_changes.clear()
    b.missed_changes.clear()
    await cluster.advance(SILENT_MAX_S - BEAT_S)
    assert (a.deaths, b.deaths) == ([], []) and set(a.online()) == {"ada", "both"}
    assert (a.missed_changes, b.missed_changes) == ([], [])
    await cluster.advance(2 * BEAT_S)
    for process in (a, b):
        assert process.deaths == ["c"]
        assert len(process.missed_changes) == 1, "since it may have died between the commit of a change and its event"
        assert set(process.online()) == {"both"}
        assert [one for one in process.announced if one[0] == "userLeft"] == [("userLeft", "r1", "ada", "offline")]
    await cluster.advance(2 * SILENT_MAX_S)
    assert (a.deaths, b.deaths) == (["c"], ["c"])


async def test_a_process_that_beats_is_never_dead(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    b.connect("ada", "r1")
    await cluster.advance(20 * SILENT_MAX_S)
    assert (a.deaths, b.deaths) == ([], [])
    assert set(a.online()) == {"ada"}


async def test_a_process_that_beats_now_and_then_is_not_dead(cluster: Cluster) -> None:
    a = await cluster.start("a")
    for _ in range(5):
        a.live_processes.receive_beat(ProcessBeat("slow"))
        await cluster.advance(SILENT_MAX_S)
    assert a.deaths == []
    await cluster.advance(BEAT_S)
    assert a.deaths == ["slow"]


async def test_after_the_bus_was_away_nobody_is_declared_dead_while_it_may_be_the_bus(cluster: Cluster) -> None:
    a, b, c = [await cluster.start(name) for name in ("a", "b", "c")]
    await cluster.advance(RESTORE_GRACE_S + BEAT_S)
    for process in (b, c):
        process.connect(f"of {process.id}", "r1")
    await settle()
    for process in (a, b, c):
        process.bus.lost = True
    await cluster.advance(10 * SILENT_MAX_S)
    assert a.deaths == [] and set(a.online()) == {"of b", "of c"}
    await cluster.kill(c)
    for process in (a, b):
        process.bus.lost = False
        process.live_processes.bus_restored()
    await settle()
    back_s = cluster.clock.now_s
    while not a.deaths:
        assert set(a.online()) == {"of b", "of c"}
        await cluster.advance(BEAT_S)
    assert RESTORE_GRACE_S <= cluster.clock.now_s - back_s <= RESTORE_GRACE_S + 2 * BEAT_S
    assert a.deaths == b.deaths == ["c"] and set(a.online()) == set(b.online()) == {"of b"}


async def test_who_was_stopped_itself_declares_nobody_dead_before_it_has_listened_again(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    b.connect("ada", "r1")
    await cluster.advance(RESTORE_GRACE_S + BEAT_S)
    cluster.clock.now_s += 6 * SILENT_MAX_S  # `a` did not run: neither did it beat, nor did it hear the others
    a.live_processes.beat()
    await settle()
    assert a.deaths == [] and set(a.online()) == {"ada"}
    await cluster.advance(2 * SILENT_MAX_S)
    assert a.deaths == [] and set(a.online()) == {"ada"}
    assert [announced[0] for announced in a.announced] == ["userJoined"]


async def test_a_process_that_was_taken_for_dead_is_found_again_with_its_people(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    b.connect("ada", "r1")
    await cluster.advance(RESTORE_GRACE_S + BEAT_S)
    b.bus.lost = True
    for _ in range(10):
        await cluster.advance(BEAT_S)
    assert a.deaths == ["b"] and a.online() == {}
    b.bus.lost = False
    b.live_processes.bus_restored()
    await settle()
    assert set(a.online()) == {"ada"}
    assert a.live_processes.alive == {"a", "b"}


async def test_a_process_that_stops_says_so_and_its_people_have_time_to_come_back(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    await cluster.advance(RESTORE_GRACE_S + BEAT_S)
    for name in ("ada", "bob"):
        b.connect(name, "r1")
    await settle()
    b.presence.begin_leaving()
    for name in ("ada", "bob"):
        b.presence.disconnected(name)
    await settle()
    await b.live_processes.announce_stop()
    await cluster.kill(b)
    assert a.live_processes.alive == {"a"} and set(a.online()) == {"ada", "bob"}
    await cluster.advance(SILENT_MAX_S / 2)
    a.connect("ada", "r1")
    await cluster.advance(SILENT_MAX_S / 2)
    assert set(a.online()) == {"ada", "bob"}
    await cluster.advance(BEAT_S)
    assert set(a.online()) == {"ada"}
    assert a.announced == [
        ("userJoined", "r1", "ada", "online"),
        ("userJoined", "r1", "bob", "online"),
        ("userLeft", "r1", "bob", "offline"),
    ]
    assert a.deaths == []  # it published what it wrote, so the cache stays valid


async def test_a_beat_that_comes_after_the_last_one_does_not_bring_a_process_back(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    await cluster.advance(RESTORE_GRACE_S + BEAT_S)
    b.connect("ada", "r1")
    await settle()
    b.live_processes.beat()  # waits behind other task_queue
    await b.live_processes.announce_stop()
    await settle()
    await cluster.kill(b)
    assert a.live_processes.alive == {"a"}
    await cluster.advance(3 * SILENT_MAX_S)
    assert a.deaths == [] and a.online() == {}


# ---- who lives -------------------------------------------------------------------------------------------------------


async def test_who_lives_is_known_when_each_has_had_time_to_beat(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    assert (a.live_processes.alive, b.live_processes.alive) == (None, None)
    await cluster.advance(KNOWN_AFTER_S)
    assert a.live_processes.alive == b.live_processes.alive == {"a", "b"}
    a.bus.lost = True
    assert (a.live_processes.alive, b.live_processes.alive) == (None, {"a", "b"})
    a.bus.lost = False
    a.live_processes.bus_restored()
    assert a.live_processes.alive is None
    await cluster.advance(KNOWN_AFTER_S)
    assert a.live_processes.alive == {"a", "b"}


async def test_who_is_dead_is_not_among_those_who_live(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    await cluster.advance(RESTORE_GRACE_S + BEAT_S)
    await cluster.kill(b)
    await cluster.advance(SILENT_MAX_S + BEAT_S)
    assert a.live_processes.alive == {"a"}


# ---- what they chose -------------------------------------------------------------------------------------------------


CHOSEN = (
    StatusChosen("ada", "away", rev=1),
    StatusChosen("ada", "offline", rev=2),
    StatusChosen("ada", "busy", rev=3),
    PeopleHere("c", 0, (PersonHere("ada", "ada", "away", 0, ("r1",), 1, (1,)),), number=1),
)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(CHOSEN)), ids=lambda order: "".join(str(CHOSEN.index(one)) for one in order)
)
async def test_the_status_that_was_chosen_last_wins_whatever_order_it_arrives_in(
    cluster: Cluster, order: tuple[Any, ...]
) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1")
    await settle()
    for process in (a, b):
        for event in order:
            process.bus.deliver_remote(event)
        assert process.online() == {"ada": "busy"}


async def test_a_status_chosen_while_the_bus_was_away_is_told_with_the_people(cluster: Cluster) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    for process in (a, b):
        process.connect("ada", "r1")
    await settle()
    b.bus.lost = True
    a.bus.publish(EVERYONE, StatusChosen("ada", "busy", rev=1))
    b.bus.lost = False
    a.announced.clear()
    b.live_processes.bus_restored()
    await settle()
    assert a.online() == b.online() == {"ada": "busy"}
    assert a.announced == []


async def test_who_chose_to_be_offline_is_here_for_no_room_and_appears_when_they_choose_otherwise(
    cluster: Cluster,
) -> None:
    a, b = await cluster.start("a"), await cluster.start("b")
    a.connect("ada", "r1", status=Status.OFFLINE)
    await settle()
    assert a.online() == b.online() == {} and a.announced == b.announced == []
    a.bus.publish(EVERYONE, StatusChosen("ada", "online", rev=1))
    assert a.online() == b.online() == {"ada": "online"}
    assert a.announced == b.announced == [("userJoined", "r1", "ada", "online")]
