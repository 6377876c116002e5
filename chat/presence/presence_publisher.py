"""Publishes to the other processes who is connected to this one."""

from __future__ import annotations

from chat.presence.connected_people import ConnectedPeople
from chat.presence.person import Person
from cluster.contract import Bus
from cluster.events import PeopleHere, PersonGone, PersonHere
from cluster.topics import EVERYONE
from common.serial_task_queue import SerialTaskQueue

PEOPLE_AN_EVENT = 200


class PresencePublisher:
    """Numbers each fact when it is sent: facts are sent in the order in which they became true.

    Single facts go through `task_queue`; a full list is published by the task that calls `publish_all`.
    """

    def __init__(self, *, people: ConnectedPeople, bus: Bus, task_queue: SerialTaskQueue, process_id: str) -> None:
        self._people = people
        self._bus = bus
        self._task_queue = task_queue
        self._process_id = process_id
        self._full_lists = 0  # published so far
        self._last_number = 0

    def publish_connected(self, person: Person) -> None:
        """Publish that a person is connected here, with the person's state at the moment of sending."""
        self._task_queue.run(lambda: self._bus.publish(EVERYONE, self._alone(person)))

    def publish_person(self, user_id: str) -> None:
        """As `publish_connected`, if the user is connected here."""
        person = self._people.get(user_id)
        if person is not None and person.connections > 0:
            self.publish_connected(person)

    def publish_gone(self, user_id: str) -> None:
        """Publish that a user has no connection to this process any more."""
        self._task_queue.run(
            lambda: self._bus.publish(EVERYONE, PersonGone(self._process_id, user_id, self._next_number()))
        )

    async def publish_all(self) -> None:
        """Publish the full list of people who are connected here; for its receivers it replaces what they know."""
        self._full_lists += 1
        began_at = self._last_number + 1
        listed = [_as_published(person) for person in self._people.all() if person.is_local]
        for start in range(0, max(len(listed), 1), PEOPLE_AN_EVENT):
            part = tuple(listed[start : start + PEOPLE_AN_EVENT])
            is_last = start + PEOPLE_AN_EVENT >= len(listed)
            here = PeopleHere(
                self._process_id, self._full_lists, part, is_last, self._next_number(), began_at if is_last else 0
            )
            self._bus.publish(EVERYONE, here)

    def _alone(self, person: Person) -> PeopleHere:
        return PeopleHere(self._process_id, self._full_lists, (_as_published(person),), number=self._next_number())

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number


def _as_published(person: Person) -> PersonHere:
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
