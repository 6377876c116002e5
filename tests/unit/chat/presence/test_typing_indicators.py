"""Typing is published when it begins, goes on and ends; a departure costs the same however many type."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from typing import Any

import pytest

from chat.presence import typing_indicators as typing_module
from chat.presence.online_members import OnlineMembers
from chat.presence.typing_indicators import EXPIRES_MS, TypingIndicators
from cluster.events import RoomEphemeral
from cluster.memory_bus import MemoryBus
from cluster.topics import room_topic
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from store.models import Status, User

pytestmark = pytest.mark.gen_test


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class TypingParts:
    """People who type, and the typing events that are published to their rooms."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str, bool]] = []
        self.clock = Clock()
        self._bus = MemoryBus()
        self._bus.start(receive=self._receive)
        self._task_queue = SerialTaskQueue(max_waiting=1_000_000)
        self.typing = TypingIndicators(
            online_members=OnlineMembers(),
            codec=JsonCodec(),
            bus=self._bus,
            task_queue=self._task_queue,
            now=self.clock,
        )

    def _receive(self, topic: str, happening: object) -> None:
        assert isinstance(happening, RoomEphemeral)
        data = json.loads(happening.event)["data"]
        self.published.append((data["roomId"], data["userId"], data["isTyping"]))

    async def subscribe(self, *room_ids: str) -> None:
        for room_id in room_ids:
            await self._bus.subscribe(room_topic(room_id))

    async def settled(self) -> None:
        """Wait until everything queued is published."""
        while self._task_queue._task is not None:
            await asyncio.sleep(0)


def person(number: int) -> User:
    return User(
        f"u{number}", f"user{number}", "A user", None, None, None, Status.ONLINE, None, "2026-01-31T12:00:00.123Z"
    )


async def test_it_is_published_when_it_begins_again_while_it_goes_on_and_once_when_it_ends() -> None:
    parts = TypingParts()
    await parts.subscribe("r1")
    parts.typing.started("r1", person(1))
    parts.typing.started("r1", person(1))
    parts.clock.now_s += 3
    parts.typing.started("r1", person(1))
    parts.typing.stopped("r1", "u1")
    parts.typing.stopped("r1", "u1")
    await parts.settled()
    assert parts.published == [("r1", "u1", True), ("r1", "u1", True), ("r1", "u1", False)]
    assert parts.typing.typists == 0


async def test_who_leaves_stops_typing_everywhere_and_nobody_else_does() -> None:
    parts = TypingParts()
    await parts.subscribe("r1", "r2")
    for number in (1, 2):
        for room in ("r1", "r2"):
            parts.typing.started(room, person(number))
    parts.typing.stopped("r2", "u1")
    parts.typing.gone("u1")
    parts.typing.gone("u1")
    await parts.settled()
    assert Counter(event for event in parts.published if not event[2]) == {
        ("r1", "u1", False): 1,
        ("r2", "u1", False): 1,
    }
    assert parts.typing.typists == 2
    parts.typing.gone("u2")
    assert parts.typing.typists == 0 and parts.typing._rooms_of == {}


async def test_who_types_no_more_expires_and_who_types_on_does_not() -> None:
    parts = TypingParts()
    await parts.subscribe("r1")
    for number in range(4):
        parts.typing.started("r1", person(number))
    parts.clock.now_s += 1
    parts.typing.started("r1", person(0))  # the first in, who is now the last to expire
    parts.clock.now_s += EXPIRES_MS / 1000 - 1
    parts.typing.sweep()
    await parts.settled()
    assert [user_id for _, user_id, typing in parts.published if not typing] == ["u1", "u2", "u3"]
    assert parts.typing.typists == 1
    parts.clock.now_s += 1
    parts.typing.sweep()
    assert parts.typing.typists == 0


async def test_many_who_expire_at_once_are_published_in_slices() -> None:
    parts = TypingParts()
    count = 3 * typing_module.SLICE + 1
    for number in range(count):
        parts.typing.started(f"r{number}", person(number))
    parts.clock.now_s += EXPIRES_MS / 1000
    left = [count]
    parts.typing.sweep()
    while parts.typing.typists:
        left.append(parts.typing.typists)
        await asyncio.sleep(0)
    left.append(0)
    assert max(before - after for before, after in itertools.pairwise(left)) == typing_module.SLICE


async def test_past_the_bound_no_new_typist_is_published_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_module, "MAX_TYPISTS", 3)
    parts = TypingParts()
    for number in range(5):
        parts.typing.started("r1", person(number))
    assert parts.typing.typists == 3
    parts.typing.gone("u0")
    parts.typing.started("r1", person(4))
    assert parts.typing.typists == 3


async def test_a_departure_costs_the_same_however_many_others_type() -> None:
    def seconds_of_departures(others: int) -> float:
        parts = TypingParts()
        for number in range(others + DEPARTING):
            parts.typing.started(f"r{number}", person(number))
        began = time.thread_time()
        for number in range(DEPARTING):
            parts.typing.gone(f"u{number}")
        return time.thread_time() - began

    few: Any = min(seconds_of_departures(0) for _ in range(5))
    many = min(seconds_of_departures(20_000) for _ in range(2))
    assert many < 10 * few, (few, many)


DEPARTING = 200
