"""Who is here: people with a connection, whatever number they have and to whichever process, and what their rooms are
told of it.

Each process knows all of them: facts about people travel on the bus, and each process tells its own connections what
changes for them by that. So a person who comes or goes is told of once, and nothing need be agreed upon.

Facts may come late and in any order: each carries what orders it, and an older one changes nothing (cluster/events.py).
What cannot be ordered, a room that another process no longer names, is asked of the store, by `audit_members`.

Online in a room = a member with a connection and a status other than offline. Somebody who lost the last connection
stays for a short grace, so that a reload of a page is no departure. In a room with more than `NAMED_MAX` online the
events give way to a count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chat.newest_values import NewestValues
from chat.presence.recent_memberships import MembershipFact, RecentMemberships
from chat.protocol import encode, event
from cluster.contract import Bus
from cluster.events import PeopleHere, PersonGone, PersonHere, RoomEphemeral
from cluster.topics import EVERYONE, room_topic
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from store.models import Status, User

NAMED_MAX = 200
PEOPLE_AN_EVENT = 200


class Person:
    """Somebody with a connection, or within the grace after it.

    `connections` and `leaving` are of this process; `holders` are the others that have one, each with the number of
    what said so. `rooms` has the rev at which each was joined; `is_listed`: all of them are known.
    """

    __slots__ = (
        "connections",
        "holders",
        "is_listed",
        "leaving",
        "rooms",
        "status",
        "status_rev",
        "user_id",
        "username",
    )

    def __init__(self, user_id: str, username: str, status: Status, status_rev: int) -> None:
        self.user_id = user_id
        self.username = username
        self.status = status
        self.status_rev = status_rev
        self.connections = 0
        self.holders: dict[str, int] = {}
        self.rooms: dict[str, int] = {}
        self.is_listed = False
        self.leaving: asyncio.TimerHandle | None = None


class Presence:
    """Events go to the bus through `task_queue`, and to our own rooms by `deliver`; `grace_s` is how long a lost
    connection is waited for.

    `audit_members` is called with (room id, user id) of memberships that may have ended; `now` is monotonic, in
    seconds.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        task_queue: SerialTaskQueue,
        paced_callbacks: PacedCallbacks,
        process_id: str,
        grace_s: float,
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[[RoomEphemeral], None] = lambda happening: None,
        audit_members: Callable[[Sequence[tuple[str, str]]], None] = lambda pairs: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._process_id = process_id
        self._task_queue = task_queue
        self._paced_callbacks = paced_callbacks
        self._grace_s = grace_s
        self._loop = loop
        self._people: dict[str, Person] = {}
        self._rooms: dict[str, dict[str, Person]] = {}  # room → online members
        self._counted: set[str] = set()  # large rooms whose count has changed since it was last told
        self._gone: list[Callable[[str], None]] = []
        self._telling = 0
        self._number = 0  # of what was last said of people here
        self._deliver = deliver
        self._audit_members = audit_members
        self._recent = RecentMemberships(now=now)
        # User id → the newest choice of a status, and its number
        self._chosen: NewestValues[str, tuple[int, Status]] = NewestValues(now=now)
        # (process id, user id) → the number that said so
        self._departed: NewestValues[tuple[str, str], int] = NewestValues(now=now)
        # Process id → what is older than this number is over
        self._floors: NewestValues[str, int] = NewestValues(now=now, max_subjects=1_000)
        self._numbers: dict[str, int] = {}  # the newest of each process that lives
        self._is_leaving = False

    def begin_leaving(self) -> None:
        """The process stops: from now on a lost connection is not announced to other processes, since its client
        connects to one of them.
        """
        self._is_leaving = True

    def on_gone(self, callback: Callable[[str], None]) -> None:
        """Call `callback(user_id)` whenever somebody has no connection to this process any more."""
        self._gone.append(callback)

    # ---- what happens --------------------------------------------------------------------------------------------

    def connected(self, user: User) -> bool:
        """One more connection; True if the person's rooms are not known yet, and `entered` must be called with them."""
        person = self._people.get(user.id)
        if person is None:
            person = self._new_person(user.id, user.username, user.status, user.status_rev)
        self.set_status(user.id, user.status, user.status_rev, is_read=True)
        is_new_here = not person.connections and person.leaving is None
        person.connections += 1
        if person.leaving is not None:
            person.leaving.cancel()
            person.leaving = None
        if is_new_here and person.is_listed:
            self._tell_here(person)
        return not person.is_listed

    def _new_person(self, user_id: str, username: str, status: Status, status_rev: int) -> Person:
        """Somebody who was not known here; news of them may have come before."""
        person = self._people[user_id] = Person(user_id, username, status, status_rev)
        if (chosen := self._chosen.get(user_id)) is not None:
            self.set_status(user_id, chosen[1], chosen[0])
        for room_id, rev in list(self._recent.began(user_id)):
            self._is_in(room_id, person, rev)
        return person

    def entered(self, user_id: str, rooms: Mapping[str, int]) -> None:
        """The person's rooms, read from the store, each with the rev at which they joined."""
        person = self._people.get(user_id)
        if person is None or person.is_listed:
            return
        person.is_listed = True
        self._is_in_all(person, rooms)
        self._tell_here(person)

    def disconnected(self, user_id: str) -> None:
        """One connection fewer."""
        person = self._people.get(user_id)
        if person is None:
            return
        person.connections -= 1
        if person.connections <= 0 and person.leaving is None:
            person.leaving = self._loop.call_later(self._grace_s, self._grace_is_over, person)

    def began(self, room_id: str, user_id: str, rev: int | None) -> None:
        """A membership began by the room's rev; None where that is not known."""
        person = self._people.get(user_id)
        if person is not None and rev is not None and person.rooms.get(room_id, -1) >= rev:
            return  # what stands is not kept a second time
        is_news = rev is None or self._recent.takes(room_id, user_id, MembershipFact(rev, has_ended=False))
        if person is not None and is_news:
            self._is_in(room_id, person, rev)

    def _is_in_all(self, person: Person, rooms: Mapping[str, int | None]) -> None:
        """Take over a list of rooms, which may be older than what was heard lately."""
        for room_id, rev in rooms.items():
            if rev is None or self._recent.allows(room_id, person.user_id, MembershipFact(rev, has_ended=False)):
                self._is_in(room_id, person, rev)

    def _is_in(self, room_id: str, person: Person, rev: int | None) -> None:
        known = person.rooms.get(room_id)
        person.rooms[room_id] = max(rev or 0, known or 0)
        if known is None and person.status is not Status.OFFLINE:
            self._appear(room_id, person)

    def ended(self, room_id: str, user_id: str, rev: int | None) -> bool:
        """A membership ended by the room's rev; False if the one that stands is newer. None: whatever there is."""
        if rev is not None:
            self._recent.takes(room_id, user_id, MembershipFact(rev, has_ended=True))
        person = self._people.get(user_id)
        known = None if person is None else person.rooms.get(room_id)
        if person is None or known is None:
            return True
        if rev is not None and rev < known:
            return False
        del person.rooms[room_id]
        self._vanish(room_id, person)
        return True

    def set_status(self, user_id: str, status: Status, rev: int, *, is_read: bool = False) -> None:
        """The person chose another status; `rev` numbers their choices, the last one counts.

        `is_read`: in the store, so that of equals it is the last. An older process in a rolling restart writes a status
        and counts none.
        """
        person = self._people.get(user_id)
        if rev:
            self._chosen.takes(user_id, (rev, status))
        if person is None or rev < person.status_rev or (rev == person.status_rev and not is_read):
            return
        person.status_rev = rev
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

    def _grace_is_over(self, person: Person) -> None:
        """A crowd that was lost at one moment departs in slices."""
        leaving = person.leaving

        def depart() -> None:
            if person.leaving is leaving:  # else somebody came back meanwhile
                self._depart(person.user_id)

        self._paced_callbacks.soon(depart)

    def _depart(self, user_id: str) -> None:
        person = self._people[user_id]
        person.leaving = None
        if person.connections > 0:
            return
        if not self._is_leaving:
            self._task_queue.run(
                lambda: self._bus.publish(EVERYONE, PersonGone(self._process_id, user_id, self._next_number()))
            )
        try:
            for callback in self._gone:
                callback(user_id)
        finally:
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
        process_id = here.process_id
        number = here.number or here.telling  # an older process does not count what it says
        self._numbers[process_id] = max(number, self._numbers.get(process_id, 0))
        is_over = number < (self._floors.get(process_id) or 0)
        doubtful: list[tuple[str, str]] = []
        for told in here.people:
            if not is_over and number >= (self._departed.get((process_id, told.user_id)) or 0):
                self._is_at(process_id, number, told)
            doubtful += self._is_as_told(told)
        if here.is_last:
            began_at = here.began_at or here.telling
            self._floors.takes(process_id, began_at)
            self._drop(process_id, below=began_at)
        if doubtful:
            self._audit_members(doubtful)

    def _is_at(self, process_id: str, number: int, told: PersonHere) -> None:
        """Somebody is connected to another process, unless something newer was heard of that."""
        person = self._people.get(told.user_id)
        if person is None:
            person = self._new_person(told.user_id, told.username, Status(told.status), told.status_rev)
            person.is_listed = True
        person.holders[process_id] = max(number, person.holders.get(process_id, 0))

    def _is_as_told(self, told: PersonHere) -> list[tuple[str, str]]:
        """Status and rooms have an order of their own.

        Returns memberships that we know of, and they do not: one of us is behind.
        """
        person = self._people.get(told.user_id)
        if person is None:
            return []
        self.set_status(told.user_id, Status(told.status), told.status_rev)
        revs = told.joined_revs or (None,) * len(told.room_ids)
        self._is_in_all(person, dict(zip(told.room_ids, revs, strict=True)))
        if not told.room_ids:  # they are not known there yet
            return []
        return [(room_id, told.user_id) for room_id in person.rooms.keys() - told.room_ids]

    def person_gone(self, process_id: str, user_id: str, number: int) -> None:
        """Somebody has no connection to another process any more. `number` 0: an older process does not count."""
        if number:
            self._departed.takes((process_id, user_id), number)
            self._numbers[process_id] = max(number, self._numbers.get(process_id, 0))
        person = self._people.get(user_id)
        held = None if person is None else person.holders.get(process_id)
        if person is not None and held is not None and (not number or held < number):
            del person.holders[process_id]
            self._forget_if_gone(person)

    def process_gone(self, process_id: str) -> None:
        """Another process is dead, and so are its connections; what it said so far is over, should some of it come
        late.
        """
        self._floors.takes(process_id, self._numbers.pop(process_id, 0) + 1)
        self._drop(process_id, below=None)

    def _drop(self, process_id: str, *, below: int | None) -> None:
        for person in list(self._people.values()):
            held = person.holders.get(process_id)
            if held is not None and (below is None or held < below):
                del person.holders[process_id]
                self._forget_if_gone(person)

    async def tell_all(self) -> None:
        """Tell the other processes of everybody who has a connection to this one."""
        self._telling += 1
        began_at = self._number + 1
        ours = [
            self._here(person)
            for person in self._people.values()
            if person.connections > 0 or person.leaving is not None
        ]
        for start in range(0, max(len(ours), 1), PEOPLE_AN_EVENT):
            part = tuple(ours[start : start + PEOPLE_AN_EVENT])
            is_last = start + PEOPLE_AN_EVENT >= len(ours)
            here = PeopleHere(
                self._process_id, self._telling, part, is_last, self._next_number(), began_at if is_last else 0
            )
            await self._bus.publish(EVERYONE, here)

    def tell_of(self, user_id: str) -> None:
        """Tell the other processes of somebody who may be connected here, as they are now."""
        person = self._people.get(user_id)
        if person is not None and person.connections > 0:
            self._tell_here(person)

    def _tell_here(self, person: Person) -> None:
        self._task_queue.run(lambda: self._bus.publish(EVERYONE, self._here_alone(person)))

    def _here_alone(self, person: Person) -> PeopleHere:
        return PeopleHere(self._process_id, self._telling, (self._here(person),), number=self._next_number())

    def _here(self, person: Person) -> PersonHere:
        rooms = tuple(person.rooms.items())
        return PersonHere(
            person.user_id,
            person.username,
            person.status.value,
            0,
            tuple(room_id for room_id, _ in rooms),
            person.status_rev,
            tuple(rev for _, rev in rooms),
        )

    def _next_number(self) -> int:
        """Taken when a fact is sent: they are sent in the order in which they became true."""
        self._number += 1
        return self._number

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
        self._deliver(RoomEphemeral(room_id, event(name, encode(data)), person.user_id))

    def announce(self, room_id: str, payload: bytes, *, not_to_user: str | None) -> None:
        """Send an ephemeral event to a room, wherever its people are connected; it may be dropped."""
        happening = RoomEphemeral(room_id, payload, not_to_user)
        self._task_queue.run(lambda: self._bus.publish(room_topic(room_id), happening), droppable=True)

    def tell_counts(self) -> None:
        """Tell the rooms that are too large for single events how many are online; called once a second."""
        for heard in (self._recent, self._chosen, self._departed, self._floors):
            heard.sweep()
        counted, self._counted = self._counted, set()
        for room_id in counted:
            data = {"roomId": room_id, "onlineCount": self.online_count(room_id)}
            self._deliver(RoomEphemeral(room_id, event("roomPresence", encode(data)), None))

    # ---- what is asked -------------------------------------------------------------------------------------------

    def is_online(self, user_id: str) -> bool:
        person = self._people.get(user_id)
        return person is not None and person.status is not Status.OFFLINE

    def status_of(self, user_id: str, chosen: Status) -> Status:
        """What others see of somebody's status."""
        return chosen if user_id in self._people else Status.OFFLINE

    def online_count(self, room_id: str) -> int:
        return len(self._rooms.get(room_id, ()))

    def shown_in(self, room_id: str) -> list[str]:
        """Ids of the people that are taken for members of a room, whatever their status."""
        return [user_id for user_id, person in self._people.items() if room_id in person.rooms]

    def rooms_of(self, user_id: str) -> dict[str, int]:
        """The rooms that somebody is taken for a member of, each with the rev at which they joined, as far as it is
        known.
        """
        person = self._people.get(user_id)
        return {} if person is None else dict(person.rooms)

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
        """Let go of people who have no connection any more and no grace; returns how many there were.

        There should be none.
        """
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
