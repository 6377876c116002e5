"""Who is here: people with a connection, whatever number they have and to whichever process, and what their rooms are told of it.

Each process knows all of them: facts about people travel on the bus, and each process tells its own connections what changes for them by
that. So a person who comes or goes is told of once, and nothing need be agreed upon.

Online in a room = a member with a connection and a status other than offline. Somebody who lost the last connection stays for a
short grace, so that a reload of a page is no departure. In a room with more than `NAMED_MAX` online the events give way to a count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from cache.contract import Bus
from cache.events import PeopleHere, PersonGone, PersonHere, RoomEphemeral
from handlers.chat.errands import Errands
from handlers.chat.protocol import encode, event
from handlers.chat.topics import EVERYONE, room_topic
from store.models import Status, User

NAMED_MAX = 200
PEOPLE_AN_EVENT = 200


class Person:
    """Somebody with a connection, or within the grace after it.

    `connections` and `leaving` are of this process; `holders` are the others that have one, each with its telling that said so.
    """

    __slots__ = ("connections", "holders", "leaving", "left", "rooms", "status", "status_at_ms", "user_id", "username")

    def __init__(self, user_id: str, username: str, status: Status, status_at_ms: int = 0) -> None:
        self.user_id = user_id
        self.username = username
        self.status = status
        self.status_at_ms = status_at_ms
        self.connections = 0
        self.holders: dict[str, int] = {}
        self.rooms: set[str] = set()
        self.left: set[str] | None = set()  # rooms left while the list of rooms was read; None once it was
        self.leaving: asyncio.TimerHandle | None = None


class Presence:
    """Events go to the bus through `errands`, and to our own rooms by `deliver`; `grace_s` is how long a lost connection is waited for."""

    def __init__(
        self, *, bus: Bus, errands: Errands, process_id: str, grace_s: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._bus = bus
        self._process_id = process_id
        self._errands = errands
        self._grace_s = grace_s
        self._loop = loop
        self._people: dict[str, Person] = {}
        self._rooms: dict[str, dict[str, Person]] = {}  # room → online members
        self._counted: set[str] = set()  # large rooms whose count has changed since it was last told
        self._gone: list[Callable[[str], None]] = []
        self._telling = 0
        self.is_leaving = False  # who is lost now connects elsewhere: the others need not hear that they are gone
        self.deliver: Callable[[RoomEphemeral], None] = lambda happening: None

    def on_gone(self, callback: Callable[[str], None]) -> None:
        """Call `callback(user_id)` whenever somebody has no connection to this process any more."""
        self._gone.append(callback)

    # ---- what happens --------------------------------------------------------------------------------------------

    def connected(self, user: User) -> bool:
        """One more connection; True if the person's rooms are not known yet, and `entered` must be called with them."""
        person = self._people.get(user.id)
        if person is None:
            person = self._people[user.id] = Person(user.id, user.username, user.status)
        is_new_here = not person.connections and person.leaving is None
        person.connections += 1
        if person.leaving is not None:
            person.leaving.cancel()
            person.leaving = None
        if is_new_here and person.left is None:
            self._tell_here(person)
        return person.left is not None

    def entered(self, user_id: str, room_ids: list[str]) -> None:
        """The person's rooms, read from the store."""
        person = self._people.get(user_id)
        if person is None or person.left is None:
            return
        left, person.left = person.left, None
        for room_id in room_ids:
            if room_id not in left:
                self.began(room_id, user_id)
        self._tell_here(person)

    def disconnected(self, user_id: str) -> None:
        """One connection fewer."""
        person = self._people.get(user_id)
        if person is None:
            return
        person.connections -= 1
        if person.connections <= 0 and person.leaving is None:
            person.leaving = self._loop.call_later(self._grace_s, self._depart, user_id)

    def began(self, room_id: str, user_id: str) -> None:
        """A membership began."""
        person = self._people.get(user_id)
        if person is None or room_id in person.rooms:
            return
        person.rooms.add(room_id)
        if person.left is not None:
            person.left.discard(room_id)
        if person.status is not Status.OFFLINE:
            self._appear(room_id, person)

    def ended(self, room_id: str, user_id: str) -> None:
        """A membership ended."""
        person = self._people.get(user_id)
        if person is None:
            return
        if person.left is not None:
            person.left.add(room_id)
        if room_id in person.rooms:
            person.rooms.discard(room_id)
            self._vanish(room_id, person)

    def set_status(self, user_id: str, status: Status, at_ms: int) -> None:
        """The person chose another status at this time; the last one counts."""
        person = self._people.get(user_id)
        if person is None or at_ms < person.status_at_ms:
            return
        person.status_at_ms = at_ms
        if person.status is status:
            return
        before, person.status = person.status, status
        for room_id in person.rooms:
            if status is Status.OFFLINE:
                self._vanish(room_id, person)
            elif before is Status.OFFLINE:
                self._appear(room_id, person)
            else:
                self._tell(room_id, "presenceUpdate", person)

    def _depart(self, user_id: str) -> None:
        person = self._people[user_id]
        person.leaving = None
        if person.connections > 0:
            return
        if not self.is_leaving:
            self._publish(PersonGone(self._process_id, user_id))
        for callback in self._gone:
            callback(user_id)
        self._forget_if_gone(person)

    def _forget_if_gone(self, person: Person) -> None:
        if person.holders or person.connections > 0 or person.leaving is not None:
            return
        del self._people[person.user_id]
        for room_id in person.rooms:
            self._vanish(room_id, person)

    # ---- other processes' people ---------------------------------------------------------------------------------

    def people_here(self, here: PeopleHere) -> None:
        """People who are connected to another process; after its telling's last part those it did not name are not."""
        for told in here.people:
            person = self._people.get(told.user_id)
            if person is None:
                person = self._people[told.user_id] = Person(
                    told.user_id, told.username, Status(told.status), told.status_at_ms
                )
                person.left = None
            is_full = here.telling > person.holders.get(here.process_id, here.telling)
            person.holders[here.process_id] = here.telling
            self.set_status(told.user_id, Status(told.status), told.status_at_ms)
            for room_id in told.room_ids:
                self.began(room_id, told.user_id)
            if is_full and told.room_ids and person.connections == 0:  # no rooms: they are not known there yet
                for room_id in person.rooms.difference(told.room_ids):
                    self.ended(room_id, told.user_id)
        if here.is_last:
            self._drop(here.process_id, below=here.telling)

    def person_gone(self, process_id: str, user_id: str) -> None:
        """Somebody has no connection to another process any more."""
        person = self._people.get(user_id)
        if person is not None and person.holders.pop(process_id, None) is not None:
            self._forget_if_gone(person)

    def process_gone(self, process_id: str) -> None:
        """Another process is dead, and so are its connections."""
        self._drop(process_id, below=None)

    def _drop(self, process_id: str, *, below: int | None) -> None:
        for person in list(self._people.values()):
            telling = person.holders.get(process_id)
            if telling is not None and (below is None or telling < below):
                self.person_gone(process_id, person.user_id)

    async def tell_all(self) -> None:
        """Tell the other processes of everybody who has a connection to this one."""
        self._telling += 1
        ours = [self._here(person) for person in self._people.values() if person.connections > 0 or person.leaving is not None]
        for start in range(0, max(len(ours), 1), PEOPLE_AN_EVENT):
            part = tuple(ours[start : start + PEOPLE_AN_EVENT])
            here = PeopleHere(self._process_id, self._telling, part, is_last=start + PEOPLE_AN_EVENT >= len(ours))
            await self._bus.publish(EVERYONE, here)

    def _tell_here(self, person: Person) -> None:
        self._errands.run(
            lambda: self._bus.publish(EVERYONE, PeopleHere(self._process_id, self._telling, (self._here(person),)))
        )

    def _here(self, person: Person) -> PersonHere:
        return PersonHere(person.user_id, person.username, person.status.value, person.status_at_ms, tuple(person.rooms))

    def _publish(self, fact: object) -> None:
        self._errands.run(lambda: self._bus.publish(EVERYONE, fact))

    # ---- what rooms are told -------------------------------------------------------------------------------------

    def _appear(self, room_id: str, person: Person) -> None:
        self._rooms.setdefault(room_id, {})[person.user_id] = person
        self._tell(room_id, "userJoined", person)

    def _vanish(self, room_id: str, person: Person) -> None:
        online = self._rooms.get(room_id)
        if online is None or online.pop(person.user_id, None) is None:
            return
        was_large = len(online) >= NAMED_MAX
        if not online:
            del self._rooms[room_id]
        self._tell(room_id, "userLeft", person, counted=was_large)

    def _tell(self, room_id: str, name: str, person: Person, *, counted: bool = False) -> None:
        if counted or self.online_count(room_id) > NAMED_MAX:
            self._counted.add(room_id)
            return
        data = {
            "roomId": room_id,
            "userId": person.user_id,
            "username": person.username,
            "status": "offline" if name == "userLeft" else person.status,
        }
        self.deliver(RoomEphemeral(room_id, event(name, encode(data)), person.user_id))

    def announce(self, room_id: str, payload: bytes, *, not_to_user: str | None) -> None:
        """Send an ephemeral event to a room, wherever its people are connected; it may be dropped."""
        happening = RoomEphemeral(room_id, payload, not_to_user)
        self._errands.run(lambda: self._bus.publish(room_topic(room_id), happening), droppable=True)

    def tell_counts(self) -> None:
        """Tell the rooms that are too large for single events how many are online; called once a second."""
        counted, self._counted = self._counted, set()
        for room_id in counted:
            data = {"roomId": room_id, "onlineCount": self.online_count(room_id)}
            self.deliver(RoomEphemeral(room_id, event("roomPresence", encode(data)), None))

    # ---- what is asked -------------------------------------------------------------------------------------------

    def is_online(self, user_id: str) -> bool:
        person = self._people.get(user_id)
        return person is not None and person.status is not Status.OFFLINE

    def status_of(self, user_id: str, chosen: Status) -> Status:
        """What others see of somebody's status."""
        return chosen if user_id in self._people else Status.OFFLINE

    def online_count(self, room_id: str) -> int:
        return len(self._rooms.get(room_id, ()))

    def is_large(self, room_id: str) -> bool:
        """Whether single events are not told in this room."""
        return self.online_count(room_id) > NAMED_MAX

    def listing(self, room_id: str) -> dict[str, Any]:
        """getPresence: how many are online, and the first of them by name of arrival."""
        online = self._rooms.get(room_id, {})
        return {
            "onlineCount": len(online),
            "online": [
                {"userId": person.user_id, "username": person.username, "status": person.status}
                for _, person in zip(range(NAMED_MAX), online.values(), strict=False)
            ],
        }

    @property
    def people(self) -> int:
        return len(self._people)

    def drop_all_but(self, user_ids: set[str]) -> int:
        """Let go of people who have no connection any more and no grace; returns how many there were. There should be none."""
        lost = [
            one
            for one, person in self._people.items()
            if one not in user_ids and person.leaving is None and (person.connections > 0 or not person.holders)
        ]
        for user_id in lost:
            self._people[user_id].connections = 0
            self._depart(user_id)
        return len(lost)

    def close(self) -> None:
        """Stop waiting for anybody."""
        for person in self._people.values():
            if person.leaving is not None:
                person.leaving.cancel()
