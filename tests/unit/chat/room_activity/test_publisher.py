"""Which rooms are active: one event for all of them, once a second, with no work a message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from chat.room_activity import publisher as bounds
from chat.room_activity.publisher import RoomActivityPublisher
from cluster.events import RoomsActive
from cluster.memory_bus import MemoryBus
from cluster.topics import EVERYONE
from store.errors import StoreUnavailable

pytestmark = pytest.mark.gen_test


class RoomSizes:
    """The store's rooms, as far as the publisher asks; `failing` lets the next read fail."""

    def __init__(self, **counts: int) -> None:
        self.rooms = self
        self.counts = counts
        self.reads: list[list[str]] = []
        self.failing = False

    async def member_counts(self, room_ids: Sequence[str]) -> Mapping[str, int]:
        self.reads.append(list(room_ids))
        if self.failing:
            self.failing = False
            raise StoreUnavailable("busy")
        return {room_id: self.counts[room_id] for room_id in room_ids if room_id in self.counts}


class Publishing:
    """A publisher, the events that it publishes, and its clock."""

    def __init__(self, **counts: int) -> None:
        self.now_s = 100.0
        self.sizes = RoomSizes(**counts)
        self.events: list[RoomsActive] = []
        self._bus = MemoryBus()
        store: Any = self.sizes
        self.publisher = RoomActivityPublisher(store=store, bus=self._bus, now=lambda: self.now_s)

    async def start(self) -> None:
        def receive(_topic: str, event: Any) -> None:
            self.events.append(event)

        self._bus.start(receive=receive)
        await self._bus.subscribe(EVERYONE)

    async def tick(self, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self.publisher.tick()
        while self.publisher._tasks.is_busy:
            await asyncio.sleep(0)


async def publishing(**counts: int) -> Publishing:
    made = Publishing(**counts)
    await made.start()
    return made


async def test_many_messages_of_many_rooms_are_one_event_a_second() -> None:
    one = await publishing(tea=3, jam=4)
    await one.tick()
    assert one.events == []
    one.publisher.note("tea", 1)
    await one.tick()
    assert one.events == [RoomsActive((("tea", 1),))], "a room that was quiet is told of at once"
    for seq in range(2, 100):
        one.publisher.note("tea", seq)
        one.publisher.note("jam", seq)
    await one.tick(after_s=0.9)
    assert len(one.events) == 1
    await one.tick(after_s=0.1)
    assert one.events[1:] == [RoomsActive((("tea", 99), ("jam", 99)))]
    await one.tick(after_s=5)
    assert len(one.events) == 2, "nothing new, no event"


async def test_the_newest_seq_is_told_whatever_order_commits_end_in() -> None:
    one = await publishing(tea=3)
    one.publisher.note("tea", 5)
    one.publisher.note("tea", 4)
    await one.tick()
    assert one.events == [RoomsActive((("tea", 5),))]


async def test_large_rooms_are_told_apart_and_their_size_is_read_once_a_minute() -> None:
    one = await publishing(tea=bounds.LARGE_MEMBERS, crowd=bounds.LARGE_MEMBERS + 1)
    for seconds in (0, 1, 58):
        one.publisher.note("tea", 1)
        one.publisher.note("crowd", 2)
        await one.tick(after_s=seconds)
    assert one.events == [RoomsActive((("tea", 1),), (("crowd", 2),))] * 3
    assert one.sizes.reads == [["tea", "crowd"]]
    one.sizes.counts["tea"] += 1
    one.publisher.note("tea", 3)
    await one.tick(after_s=1)
    assert one.events[3:] == [RoomsActive((), (("tea", 3),))]
    assert one.sizes.reads[1:] == [["tea"]]


async def test_what_is_noted_is_bounded_and_goes_out_in_parts() -> None:
    one = await publishing()
    for number in range(bounds.ROOMS_MAX + 5):
        one.publisher.note(f"room{number}", 1)
    one.publisher.note("room0", 2)
    await one.tick()
    rooms = [room for event in one.events for room in event.rooms]
    assert len(rooms) == bounds.ROOMS_MAX
    assert rooms[0] == ("room0", 2)
    assert max(len(event.rooms) for event in one.events) == bounds.ROOMS_AN_EVENT
    for start in range(0, bounds.SIZES_MAX + bounds.ROOMS_MAX, bounds.ROOMS_MAX):
        for number in range(bounds.ROOMS_MAX):
            one.publisher.note(f"more{start + number}", 1)
        await one.tick(after_s=1)
    assert len(one.publisher._sizes) == bounds.SIZES_MAX


async def test_a_store_that_fails_costs_the_hints_of_that_second_only(caplog: pytest.LogCaptureFixture) -> None:
    one = await publishing(tea=3)
    one.sizes.failing = True
    one.publisher.note("tea", 1)
    await one.tick()
    assert one.events == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    one.publisher.note("tea", 2)
    await one.tick(after_s=1)
    assert one.events == [RoomsActive((("tea", 2),))]
    await one.publisher.close()
