"""Who is connected to the other processes, by what those publish.

A room that another process no longer lists for a user has no order among the facts: it is compared with the store
(`recheck_members`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chat.presence.connected_people import ConnectedPeople
from chat.presence.presence_publisher import PresencePublisher
from chat.presence.remote_update_filter import RemoteUpdateFilter
from cluster.events import PeopleHere, PersonHere
from store.models import Status


class RemotePresence:
    """What LiveProcesses passes on of other processes, and asks to be published to them.

    `recheck_members` is called with (room id, user id) of memberships that may have ended. `now` is monotonic, in
    seconds.
    """

    def __init__(
        self,
        *,
        people: ConnectedPeople,
        publisher: PresencePublisher,
        recheck_members: Callable[[Sequence[tuple[str, str]]], None],
        now: Callable[[], float],
    ) -> None:
        self._people = people
        self._publisher = publisher
        self._recheck_members = recheck_members
        self._facts = RemoteUpdateFilter(now=now)

    def people_here(self, here: PeopleHere) -> None:
        """People are connected to another process; the last part of a full list ends the connections it left out."""
        process_id = here.process_id
        number = here.number or here.telling  # a process of an older version does not number its facts
        self._facts.note(process_id, number)
        unlisted: list[tuple[str, str]] = []
        for listed in here.people:
            if self._facts.is_connection_current(process_id, listed.user_id, number):
                self._set_holder(process_id, number, listed)
            unlisted += self._take_state(listed)
        if here.is_last:
            began_at = here.began_at or here.telling
            self._facts.outdate(process_id, began_at)
            self._drop_holder(process_id, below=began_at)
        if unlisted:
            self._recheck_members(unlisted)

    def _set_holder(self, process_id: str, number: int, listed: PersonHere) -> None:
        person = self._people.get(listed.user_id)
        if person is None:
            person = self._people.add(listed.user_id, listed.username, Status(listed.status), listed.status_rev)
            person.has_rooms = True
        person.holders[process_id] = max(number, person.holders.get(process_id, 0))

    def _take_state(self, listed: PersonHere) -> list[tuple[str, str]]:
        """Apply status and rooms, which have an order of their own.

        Returns memberships that this process knows and the other does not list: one of the two is behind.
        """
        person = self._people.get(listed.user_id)
        if person is None:
            return []
        self._people.set_status(listed.user_id, Status(listed.status), listed.status_rev)
        revs = listed.joined_revs or (None,) * len(listed.room_ids)
        self._people.add_rooms(person, dict(zip(listed.room_ids, revs, strict=True)))
        if not listed.room_ids:  # the other process does not know them yet
            return []
        return [(room_id, listed.user_id) for room_id in person.rooms.keys() - listed.room_ids]

    def person_gone(self, process_id: str, user_id: str, number: int) -> None:
        """A user has no connection to another process any more. `number` is 0 from a process of an older version."""
        if number:
            self._facts.note_gone(process_id, user_id, number)
        person = self._people.get(user_id)
        held = None if person is None else person.holders.get(process_id)
        if person is not None and held is not None and (not number or held < number):
            del person.holders[process_id]
            self._people.remove_if_gone(person)

    def process_gone(self, process_id: str) -> None:
        """Another process is dead, and its connections with it; facts of it that arrive later change nothing."""
        self._facts.process_gone(process_id)
        self._drop_holder(process_id, below=None)

    def _drop_holder(self, process_id: str, *, below: int | None) -> None:
        """End the connections to a process that are known by a number below `below`; None: all of them."""
        for person in self._people.all():
            held = person.holders.get(process_id)
            if held is not None and (below is None or held < below):
                del person.holders[process_id]
                self._people.remove_if_gone(person)

    async def publish_all(self) -> None:
        """Publish to the other processes everybody who is connected to this one."""
        await self._publisher.publish_all()

    def sweep(self) -> None:
        """Forget facts that are too old to matter; to be called once a second."""
        self._facts.sweep()
