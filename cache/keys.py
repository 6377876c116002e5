"""Every key of the cache, with the type of its value, its TTL and its weight, in one table. Knows no backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import Struct

from store.models import Membership, MessagePage, Room, RoomStats, Session, User

T_co = TypeVar("T_co", covariant=True)

# Part of every key: raise it when the shape of any value changes, so that old and new processes do not share values.
SCHEMA = 1


class Kind(Struct, frozen=True):
    """What the keys of one kind have in common. `name` is the metrics' label, `weigh` a value's rough size in bytes."""

    name: str
    prefix: str
    ttl_s: float
    weigh: Callable[[Any], int]


class Key(Struct, Generic[T_co], frozen=True):
    """The key of a value of type `T_co`. `name` is unique over all kinds and schema versions."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTtls:
    """How long values may live, in seconds; 0 keeps none of that group."""

    messages_s: float
    users_s: float
    stats_s: float


class Keys:
    """Makes keys. Where an invalidation is lost (a killed process), the TTL bounds how long an old value lives."""

    __slots__ = ("_email", "_membership", "_page", "_room", "_room_ids", "_session", "_stats", "_user")

    def __init__(self, ttls: CacheTtls) -> None:
        self._user = _kind("user", ttls.users_s, lambda _: 900)
        self._email = _kind("email", ttls.users_s, lambda _: 400)
        self._session = _kind("session", ttls.users_s, lambda _: 400)
        self._room = _kind("room", ttls.users_s, _room_bytes)
        self._membership = _kind("membership", ttls.users_s, lambda _: 300)
        self._room_ids = _kind("room_ids", ttls.users_s, lambda room_ids: 200 + 90 * len(room_ids))
        self._page = _kind("page", ttls.messages_s, _page_bytes)
        self._stats = _kind("stats", ttls.stats_s, lambda _: 400)

    def user(self, user_id: str) -> Key[User | None]:
        return Key(self._user, self._user.prefix + user_id)

    def email(self, user_id: str) -> Key[str | None]:
        """The address that is shown to its owner only; apart from the user, so that no view of others can hold it."""
        return Key(self._email, self._email.prefix + user_id)

    def session(self, session_id: str) -> Key[Session | None]:
        return Key(self._session, self._session.prefix + session_id)

    def room(self, room_id: str) -> Key[Room | None]:
        """A room; its heads (last_seq, rev) are as old as the value."""
        return Key(self._room, self._room.prefix + room_id)

    def membership(self, room_id: str, user_id: str) -> Key[Membership | None]:
        # The length keeps ("a:b", "c") and ("a", "b:c") apart: a room id may be whatever a client sent.
        return Key(self._membership, f"{self._membership.prefix}{len(room_id)}:{room_id}:{user_id}")

    def room_ids(self, user_id: str) -> Key[list[str]]:
        """Ids of the rooms that a user is in."""
        return Key(self._room_ids, self._room_ids.prefix + user_id)

    def page(self, room_id: str) -> Key[MessagePage]:
        """The newest page of a room."""
        return Key(self._page, self._page.prefix + room_id)

    def stats(self, room_id: str) -> Key[RoomStats | None]:
        return Key(self._stats, self._stats.prefix + room_id)


def _kind(name: str, ttl_s: float, weigh: Callable[[Any], int]) -> Kind:
    return Kind(name, f"chat:{SCHEMA}:{name}:", ttl_s, weigh)


def _room_bytes(room: Room | None) -> int:
    return 1_200 if room is None else 1_200 + 4 * len(room.description or "")


def _page_bytes(page: MessagePage) -> int:
    """1,000 bytes a message, and four a character: an emoji makes all characters of its string that wide."""
    messages = page.messages
    return 200 + 1_000 * len(messages) + 4 * sum([len(message.content or "") for message in messages])
