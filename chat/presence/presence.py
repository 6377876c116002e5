"""Who is connected to this process, and what the rest of the chat asks about people and their rooms.

After the last connection ended the person stays for a short grace period, so that reloading a page is no departure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from chat.presence.connected_people import ConnectedPeople
from chat.presence.online_members import OnlineMembers
from chat.presence.person import Person
from chat.presence.presence_publisher import PresencePublisher
from chat.request_results.rooms import PresenceListing
from common.paced_callbacks import PacedCallbacks
from store.models import Status, User


class Presence:
    """Counts the connections of each user to this process.

    `grace_s` is the grace period after a user's last connection. `on_person_gone` is called with the id of a user who
    has no connection to this process any more.
    """

    def __init__(
        self,
        *,
        people: ConnectedPeople,
        online_members: OnlineMembers,
        publisher: PresencePublisher,
        paced_callbacks: PacedCallbacks,
        grace_s: float,
        loop: asyncio.AbstractEventLoop,
        on_person_gone: Callable[[str], None],
    ) -> None:
        self._people = people
        self._online_members = online_members
        self._publisher = publisher
        self._paced_callbacks = paced_callbacks
        self._grace_s = grace_s
        self._loop = loop
        self._on_person_gone = on_person_gone
        self._is_leaving = False

    def begin_leaving(self) -> None:
        """The process stops: from now on a lost connection is not published to other processes, since its client
        connects to one of them.
        """
        self._is_leaving = True

    # ---- connections ---------------------------------------------------------------------------------------------

    def connected(self, user: User) -> bool:
        """One more connection; True if the person's rooms are not known yet, and `entered` must be called with them."""
        person = self._people.get(user.id)
        if person is None:
            person = self._people.add(user.id, user.username, user.status, user.status_rev)
        self._people.set_status(user.id, user.status, user.status_rev, is_read=True)
        is_new_here = not person.is_local
        person.connections += 1
        if person.grace_timer is not None:
            person.grace_timer.cancel()
            person.grace_timer = None
        if is_new_here and person.has_rooms:
            self._publisher.publish_connected(person)
        return not person.has_rooms

    def entered(self, user_id: str, rooms: Mapping[str, int]) -> None:
        """The person's rooms, read from the store, each with the rev at which the membership began."""
        person = self._people.get(user_id)
        if person is None or person.has_rooms:
            return
        person.has_rooms = True
        self._people.add_rooms(person, rooms)
        self._publisher.publish_connected(person)

    def disconnected(self, user_id: str) -> None:
        """One connection fewer."""
        person = self._people.get(user_id)
        if person is None:
            return
        person.connections -= 1
        if person.connections <= 0 and person.grace_timer is None:
            person.grace_timer = self._loop.call_later(self._grace_s, self._on_grace_over, person)

    def _on_grace_over(self, person: Person) -> None:
        """Depart in a paced callback: many connections may have been lost at one moment."""
        timer = person.grace_timer

        def depart() -> None:
            if person.grace_timer is timer:  # else the person has connected again
                self._depart(person)

        self._paced_callbacks.soon(depart)

    def _depart(self, person: Person) -> None:
        person.grace_timer = None
        if person.connections > 0:
            return
        if not self._is_leaving:
            self._publisher.publish_gone(person.user_id)
        try:
            self._on_person_gone(person.user_id)
        finally:
            self._people.remove_if_gone(person)

    def drop_all_but(self, user_ids: set[str]) -> int:
        """Remove people who are counted as connected here and are not among `user_ids`; returns how many there were.

        There should be none. A grace period is left to end by itself.
        """
        lost = [
            person
            for person in self._people.all()
            if person.user_id not in user_ids
            and person.grace_timer is None
            and (person.connections > 0 or not person.holders)
        ]
        for person in lost:
            person.connections = 0
            self._depart(person)
        return len(lost)

    def close(self) -> None:
        """Cancel the grace periods."""
        for person in self._people.all():
            if person.grace_timer is not None:
                person.grace_timer.cancel()

    # ---- facts ---------------------------------------------------------------------------------------------------

    def began(self, room_id: str, user_id: str, rev: int | None) -> None:
        """A membership began (see ConnectedPeople.began)."""
        self._people.began(room_id, user_id, rev)

    def ended(self, room_id: str, user_id: str, rev: int | None) -> bool:
        """A membership ended; False if the present one is newer (see ConnectedPeople.ended)."""
        return self._people.ended(room_id, user_id, rev)

    def set_status(self, user_id: str, status: Status, rev: int) -> None:
        """Somebody chose another status (see ConnectedPeople.set_status)."""
        self._people.set_status(user_id, status, rev)

    # ---- queries -------------------------------------------------------------------------------------------------

    @property
    def people(self) -> int:
        """How many people are connected to any process."""
        return len(self._people)

    def is_online(self, user_id: str) -> bool:
        """Whether somebody is connected to any process, with a status other than offline."""
        person = self._people.get(user_id)
        return person is not None and person.status is not Status.OFFLINE

    def connections_of(self, user_id: str) -> int:
        """How many connections somebody has to this process; those to another process count as one."""
        person = self._people.get(user_id)
        return 0 if person is None else person.connections + len(person.holders)

    def status_of(self, user_id: str, chosen: Status) -> Status:
        """What others see of somebody's chosen status."""
        return chosen if user_id in self._people else Status.OFFLINE

    def members_of(self, room_id: str) -> list[str]:
        """The ids of the connected people who are known as members of the room, whatever their status."""
        return self._people.members_of(room_id)

    def is_in(self, room_id: str, user_id: str) -> bool:
        """Whether somebody is connected and known as a member of the room."""
        return self._people.is_in(room_id, user_id)

    def rooms_of(self, user_id: str) -> dict[str, int]:
        """The rooms that a connected person is known as a member of, each with the rev at which that began."""
        return self._people.rooms_of(user_id)

    def online_count(self, room_id: str) -> int:
        """How many people are online in the room."""
        return self._online_members.online_count(room_id)

    def listing(self, room_id: str) -> PresenceListing:
        """The answer to getPresence (see OnlineMembers.listing)."""
        return self._online_members.listing(room_id)
