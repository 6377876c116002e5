"""Who is online in which room, and when a room is too large for events about single people. Knows no bus."""

from __future__ import annotations

import itertools

from chat.presence.person import Person
from chat.request_results.rooms import OnlineMember, PresenceListing

NAMED_MAX = 200  # people online; a room with more gets a count instead of events about single people


class OnlineMembers:
    """The online members of each room, in the order in which they came online."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Person]] = {}  # room id → user id → person

    def add(self, room_id: str, person: Person) -> None:
        """Put a person on the room's list."""
        self._rooms.setdefault(room_id, {})[person.user_id] = person

    def remove(self, room_id: str, person: Person) -> bool:
        """Take a person from the room's list; False if the person was not on it."""
        online = self._rooms.get(room_id)
        if online is None or online.pop(person.user_id, None) is None:
            return False
        if not online:
            del self._rooms[room_id]
        return True

    def online_count(self, room_id: str) -> int:
        """How many people are online in the room."""
        return len(self._rooms.get(room_id, ()))

    def is_large(self, room_id: str) -> bool:
        """Whether the room gets counts instead of events about single people."""
        return len(self._rooms.get(room_id, ())) > NAMED_MAX

    def user_ids(self, room_id: str) -> list[str]:
        """The ids of the people who are online in the room."""
        return list(self._rooms.get(room_id, ()))

    def listing(self, room_id: str) -> PresenceListing:
        """The answer to getPresence: how many people are online, and the first `NAMED_MAX` of them."""
        online = self._rooms.get(room_id, {})
        first = itertools.islice(online.values(), NAMED_MAX)
        return PresenceListing(len(online), [OnlineMember(one.user_id, one.username, one.status) for one in first])
