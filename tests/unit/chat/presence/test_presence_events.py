"""Many who come at once: their events go out together, and not as a square of their number."""

from __future__ import annotations

import asyncio
import json

import pytest

from chat.presence.online_members import NAMED_MAX, OnlineMembers
from chat.presence.person import Person
from chat.presence.presence_events import AT_ONCE_MAX, GATHERED_MAX, PresenceEvents
from cluster.events import RoomEphemeral
from handlers.codec.json_codec import JsonCodec
from store.models import Status

pytestmark = pytest.mark.gen_test


class Room:
    """A room in which people come and go, and what its connections are sent."""

    def __init__(self) -> None:
        self.sent: list[RoomEphemeral] = []
        self.online_members = OnlineMembers()
        self.events = PresenceEvents(
            online_members=self.online_members,
            codec=JsonCodec(),
            deliver=self.sent.append,
            loop=asyncio.get_running_loop(),
        )

    def come(self, first: int, end: int) -> list[Person]:
        people = [Person(f"u{number}", f"name{number}", Status.ONLINE, 0) for number in range(first, end)]
        for person in people:
            self.events.came_online("r", person)
        return people

    def told(self) -> list[tuple[str, str]]:
        payloads = [json.loads(happening.event) for happening in self.sent]
        return [(payload["event"], payload["data"].get("userId", "")) for payload in payloads]

    async def until_sent(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.sent) < count:
                await asyncio.sleep(0.01)


async def test_a_few_events_are_sent_at_once_and_those_past_them_together_in_their_order() -> None:
    room = Room()
    people = room.come(0, AT_ONCE_MAX)
    assert len(room.sent) == AT_ONCE_MAX
    people += room.come(AT_ONCE_MAX, 50)
    room.events.went_offline("r", people[-1])
    assert len(room.sent) == AT_ONCE_MAX
    await room.until_sent(51)
    assert room.told() == [*(("userJoined", person.user_id) for person in people), ("userLeft", "u49")]
    assert [happening.not_to_user for happening in room.sent[:2]] == ["u0", "u1"]


async def test_a_room_that_becomes_large_meanwhile_is_told_of_those_before_by_name_and_of_the_others_by_count() -> None:
    room = Room()
    room.come(0, NAMED_MAX + 50)
    room.events.went_offline("r", Person("u1", "name1", Status.ONLINE, 0))
    await room.until_sent(NAMED_MAX)
    assert room.told() == [("userJoined", f"u{number}") for number in range(NAMED_MAX)]
    room.events.send_counts()
    payload = json.loads(room.sent[-1].event)
    assert payload == {"event": "roomPresence", "data": {"roomId": "r", "onlineCount": NAMED_MAX + 49}}


async def test_what_is_gathered_is_bounded_and_another_room_does_not_wait_for_it() -> None:
    room = Room()
    person = room.come(0, 1)[0]
    for _ in range(AT_ONCE_MAX + GATHERED_MAX + 100):
        room.events.status_changed("r", person)
    room.events.came_online("another", person)
    assert len(room.sent) == AT_ONCE_MAX + 1
    await room.until_sent(1 + AT_ONCE_MAX + GATHERED_MAX)
    room.events.went_offline("r", person)
    await room.until_sent(2 + AT_ONCE_MAX + GATHERED_MAX)
    assert len(room.sent) == 2 + AT_ONCE_MAX + GATHERED_MAX
    assert room.told()[-1][0] == "userLeft", "nothing of what was past the bound came between"
