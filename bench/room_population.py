"""Rooms with members and messages, written straight into a store, and whose turn it is to ask for what."""

from __future__ import annotations

import asyncio
import itertools
import random

from store.contract import Store
from store.models import MessageDraft, RoomDraft, Stored, User

USERS = 100
MEMBERS = 20  # of each room
MIX = {"page": 30, "user": 30, "stats": 15, "membership": 15, "post": 10}  # of a hundred requests
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit"


class RoomPopulation:
    """Rooms and their members; `heads` are the acked heads by room."""

    def __init__(self, *, asking: int) -> None:
        self._asking = asking
        self.members: dict[str, list[User]] = {}
        self.heads: dict[str, int] = {}
        self._dice = random.Random(5)
        self._weights: list[float] = []

    async def populate(self, store: Store, *, rooms: int, messages: int) -> None:
        users = [
            await store.users.create(username=f"u{n}", email=f"u{n}@example.com", password_hash="")
            for n in range(USERS)
        ]
        for number in range(rooms):
            members = [users[(number * 7 + place) % USERS] for place in range(MEMBERS)]
            room = (await store.rooms.create(RoomDraft(f"room {number}", None, False, USERS), members[0].id)).room
            await asyncio.gather(*(store.members.add(room.id, one.id) for one in members[1:]))
            writers = itertools.islice(itertools.cycle(members), messages)
            drafts = [MessageDraft(one.id, one.username, f"{n} {WORDS}", f"c{n}") for n, one in enumerate(writers)]
            stored = await store.messages.append(room.id, drafts)
            self.members[room.id] = members
            self.heads[room.id] = sum(isinstance(outcome, Stored) for outcome in stored)
        self._weights = list(itertools.accumulate(1 / (place + 1) for place in range(rooms)))

    def anywhere(self) -> tuple[str, User]:
        """A room, each equally often, and one of the `asking` members who ask there."""
        room_id = self._dice.choice(list(self.members))
        return room_id, self._dice.choice(self.members[room_id][: self._asking])

    def where_it_is_busy(self) -> tuple[str, User]:
        """A room and one of its members; the n-th room is chosen 1/n as often as the first (Zipf)."""
        return self._member_of(self._dice.choices(list(self.members), cum_weights=self._weights)[0])

    def request(self) -> str:
        """A kind of request, in the proportions of MIX."""
        return self._dice.choices(list(MIX), weights=list(MIX.values()))[0]

    def _member_of(self, room_id: str) -> tuple[str, User]:
        return room_id, self._dice.choice(self.members[room_id])
