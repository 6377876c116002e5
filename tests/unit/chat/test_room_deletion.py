"""The end of a deleted room for the people who are connected here: each is told once, in slices."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chat.room_deletion import DeletedRoomEvents
from cluster.events import MembershipEnded, RoomDeleted
from common.paced_callbacks import PacedCallbacks

pytestmark = pytest.mark.gen_test


class People:
    """Who is connected here: a pool and a presence. `ends` are those that it was told to apply."""

    def __init__(self, *, subscribed: set[str], known: set[str]) -> None:
        self.subscribed = subscribed
        self.known = known
        self.ends: list[str] = []

    def users_in(self, room_id: str) -> list[str]:
        return sorted(self.subscribed)

    def rooms_of(self, user_id: str) -> set[str]:
        return {"tea"} if user_id in self.subscribed else set()

    def members_of(self, room_id: str) -> list[str]:
        return sorted(self.known)

    def is_in(self, room_id: str, user_id: str) -> bool:
        return user_id in self.known

    def end(self, ended: MembershipEnded) -> None:
        self.subscribed.discard(ended.user_id)
        self.known.discard(ended.user_id)
        self.ends.append(ended.user_id)


async def test_who_was_ended_before_their_turn_came_is_not_told_again() -> None:
    everybody = {f"u{number}" for number in range(20)}
    people: Any = People(subscribed=set(everybody), known={"u0", "elsewhere"})
    paced = PacedCallbacks(loop=asyncio.get_running_loop(), slice_s=0.0)  # one step a loop turn
    events = DeletedRoomEvents(pool=people, presence=people, paced_callbacks=paced, end=people.end)
    events.deleted(RoomDeleted("tea"))
    assert len(paced) == 1, "one callback, however many people there are"
    for user_id in sorted(people.subscribed | people.known):
        people.end(MembershipEnded("tea", user_id, "deleted"))  # each one's next command was refused
    while len(paced):
        await asyncio.sleep(0)
    assert sorted(people.ends) == sorted({*everybody, "elsewhere"})


async def test_all_are_told_who_are_subscribed_or_known_as_members() -> None:
    people: Any = People(subscribed={"ann", "bob"}, known={"bob", "cy"})
    paced = PacedCallbacks(loop=asyncio.get_running_loop(), slice_s=0.0)
    events = DeletedRoomEvents(pool=people, presence=people, paced_callbacks=paced, end=people.end)
    events.deleted(RoomDeleted("tea"))
    events.deleted(RoomDeleted("tea"))
    while len(paced):
        await asyncio.sleep(0)
    assert sorted(people.ends) == ["ann", "bob", "cy"]
