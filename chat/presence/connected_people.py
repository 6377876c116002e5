"""The register of connected people, their statuses and their rooms.

Each process knows the people of all processes: facts about people travel on the bus, and each process sends its own
connections the events that follow. So each arrival and departure is published once, and the processes need not agree
on anything.

Facts may arrive late and in any order. Each carries a rev that orders it, and an older one changes nothing
(cluster/events.py).

A member is online in a room while connected, with a status other than offline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chat.presence.online_members import OnlineMembers
from chat.presence.person import Person
from chat.presence.presence_events import PresenceEvents
from chat.presence.recent_memberships import MembershipFact, RecentMemberships
from chat.stale_update_filter import StaleUpdateFilter
from store.models import Status


class ConnectedPeople:
    """People with a connection to any process.

    `events` sends what follows from a fact, and keeps `online_members`. `now` is monotonic, in seconds.
    """

    def __init__(self, *, events: PresenceEvents, online_members: OnlineMembers, now: Callable[[], float]) -> None:
        self._events = events
        self._online_members = online_members
        # Room id → user ids of the connected members who are not online, for they chose the status offline
        self._hidden: dict[str, set[str]] = {}
        self._people: dict[str, Person] = {}
        self._recent = RecentMemberships(now=now)
        # User id → the number of the latest chosen status, and the status
        self._statuses: StaleUpdateFilter[str, tuple[int, Status]] = StaleUpdateFilter(now=now)

    def __len__(self) -> int:
        return len(self._people)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._people

    def get(self, user_id: str) -> Person | None:
        """The person, None while not connected to any process."""
        return self._people.get(user_id)

    def all(self) -> list[Person]:
        """Everybody who is connected to any process."""
        return list(self._people.values())

    def add(self, user_id: str, username: str, status: Status, status_rev: int) -> Person:
        """Register somebody who is not registered, with the facts that arrived before."""
        person = self._people[user_id] = Person(user_id, username, status, status_rev)
        if (latest := self._statuses.get(user_id)) is not None:
            self.set_status(user_id, latest[1], latest[0])
        for room_id, rev in list(self._recent.began(user_id)):
            self._add_room(room_id, person, rev)
        return person

    def remove_if_gone(self, person: Person) -> None:
        """Remove a person who is connected to no process, and send userLeft to the person's rooms."""
        if person.holders or person.is_local:
            return
        del self._people[person.user_id]
        for room_id in person.rooms:
            self._leave_room(room_id, person)

    # ---- memberships ---------------------------------------------------------------------------------------------

    def began(self, room_id: str, user_id: str, rev: int | None) -> None:
        """A membership began by the room's rev; None where that is not known."""
        person = self._people.get(user_id)
        if person is not None and rev is not None and person.rooms.get(room_id, -1) >= rev:
            return  # the person has it: it need not be kept a second time
        is_current = rev is None or self._recent.accept(room_id, user_id, MembershipFact(rev, has_ended=False))
        if person is not None and is_current:
            self._add_room(room_id, person, rev)

    def add_rooms(self, person: Person, rooms: Mapping[str, int | None]) -> None:
        """Add a list of rooms, which may be older than facts that arrived lately."""
        for room_id, rev in rooms.items():
            if rev is None or self._recent.allows(room_id, person.user_id, MembershipFact(rev, has_ended=False)):
                self._add_room(room_id, person, rev)

    def _add_room(self, room_id: str, person: Person, rev: int | None) -> None:
        known = person.rooms.get(room_id)
        person.rooms[room_id] = max(rev or 0, known or 0)
        if known is None and person.status is Status.OFFLINE:
            self._hidden.setdefault(room_id, set()).add(person.user_id)
        elif known is None:
            self._events.came_online(room_id, person)

    def _leave_room(self, room_id: str, person: Person) -> None:
        self._events.went_offline(room_id, person)
        self._unhide(room_id, person)

    def _unhide(self, room_id: str, person: Person) -> None:
        hidden = self._hidden.get(room_id, set())
        hidden.discard(person.user_id)
        if not hidden:
            self._hidden.pop(room_id, None)

    def ended(self, room_id: str, user_id: str, rev: int | None) -> bool:
        """A membership ended by the room's rev, None: whichever there is. False if the present membership is newer."""
        if rev is not None:
            self._recent.accept(room_id, user_id, MembershipFact(rev, has_ended=True))
        person = self._people.get(user_id)
        known = None if person is None else person.rooms.get(room_id)
        if person is None or known is None:
            return True
        if rev is not None and rev < known:
            return False
        del person.rooms[room_id]
        self._leave_room(room_id, person)
        return True

    def members_of(self, room_id: str) -> list[str]:
        """The ids of the connected people who are known as members of the room, whatever their status."""
        return [*self._online_members.user_ids(room_id), *self._hidden.get(room_id, ())]

    def is_in(self, room_id: str, user_id: str) -> bool:
        """Whether somebody is connected and known as a member of the room."""
        person = self._people.get(user_id)
        return person is not None and room_id in person.rooms

    def rooms_of(self, user_id: str) -> dict[str, int]:
        """The rooms that a connected person is known as a member of, each with the rev at which that began."""
        person = self._people.get(user_id)
        return {} if person is None else dict(person.rooms)

    # ---- statuses ------------------------------------------------------------------------------------------------

    def set_status(self, user_id: str, status: Status, rev: int, *, is_read: bool = False) -> None:
        """The person chose another status; `rev` numbers a person's choices, and the highest one counts.

        `is_read`: it was read from the store, so that of two with one rev it is the later. (A process of an older
        version writes a status during a rolling restart and does not number it.)
        """
        person = self._people.get(user_id)
        if rev:
            self._statuses.accept(user_id, (rev, status))
        if person is None or rev < person.status_rev or (rev == person.status_rev and not is_read):
            return
        person.status_rev = rev
        if person.status is status:
            return
        before, person.status = person.status, status
        for room_id in person.rooms:
            if status is Status.OFFLINE:
                self._events.went_offline(room_id, person)
                self._hidden.setdefault(room_id, set()).add(user_id)
            elif before is Status.OFFLINE:
                self._unhide(room_id, person)
                self._events.came_online(room_id, person)
            else:
                self._events.status_changed(room_id, person)

    def sweep(self) -> None:
        """Forget facts that are too old to matter; to be called once a second."""
        self._recent.sweep()
        self._statuses.sweep()
