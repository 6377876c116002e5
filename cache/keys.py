"""Every key of the cache, with the type of its value, its TTL and its weight, in one table. Knows no backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct, structs

from cache import message_page, room_totals
from cache.message_page import Page
from cluster.redis_keys import SCHEMA
from store.models import Membership, Room, RoomStats, Session, User

T_co = TypeVar("T_co", covariant=True)


class Kind(Struct, frozen=True):
    """What the keys of one kind have in common.

    `name` is the metrics' label, `weigh` a value's rough size in bytes. `pack` and `unpack` are for backends that keep
    bytes; `unpack` raises ValueError. `is_brief`: values are trusted for a few seconds only, so that misses are as many
    as there are askers who come seldom, and tell nothing of the cache.
    """

    name: str
    prefix: str
    ttl_s: float
    weigh: Callable[[Any], int]
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    is_brief: bool = False

    @property
    def miss(self) -> str:
        """As what a miss is counted."""
        return "renewal" if self.is_brief else "miss"


class Key(Struct, Generic[T_co], frozen=True):
    """The key of a value of type `T_co`. `name` is unique over all kinds and schema versions."""

    kind: Kind
    name: str


class CacheTtls(Struct, frozen=True, kw_only=True):
    """How long values may live after their load began, in seconds; 0 keeps none of that group.

    `access_s` bounds what says who may do what, and `unheard_s` what else no reader compares with the store, where a
    process that cannot reach the cache writes too. Pages are not bounded by either: who reads one compares it with the
    room's head.
    """

    messages_s: float
    users_s: float
    stats_s: float
    access_s: float = math.inf
    unheard_s: float = math.inf


class Keys:
    """Makes keys. Where an invalidation is lost (a killed process), the TTL bounds how long an old value lives."""

    __slots__ = ("_email", "_membership", "_page", "_page_at", "_room", "_room_ids", "_session", "_stats", "_user")

    def __init__(self, ttls: CacheTtls) -> None:
        access, shown = (ttls.users_s, ttls.access_s), (ttls.users_s, ttls.unheard_s)
        self._user = _kind("user", shown, User | None, lambda _: 900)
        self._email = _kind("email", shown, str | None, lambda _: 400)
        self._session = _kind("session", access, Session | None, lambda _: 400)
        self._room = _kind("room", access, Room | None, _room_bytes)
        self._membership = _kind("membership", access, Membership | None, lambda _: 300)
        self._room_ids = _kind("room_ids", shown, dict[str, int], lambda room_ids: 200 + 90 * len(room_ids))
        self._page = _kind(
            "page", (ttls.messages_s, math.inf), Page, _page_bytes, pack=message_page.pack, unpack=message_page.unpack
        )
        stats = ttls.stats_s, ttls.unheard_s
        self._stats = _kind(
            "stats", stats, RoomStats | None, lambda _: 400, pack=room_totals.pack, unpack=room_totals.unpack
        )

        # It shares a load and keeps nothing: only who lacks the same asks for it.
        self._page_at = structs.replace(self._page, prefix=f"chat:{SCHEMA}:page_at:", ttl_s=0.0)

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

    def room_ids(self, user_id: str) -> Key[dict[str, int]]:
        """Ids of the rooms that a user is in, each with the rev at which they joined."""
        return Key(self._room_ids, self._room_ids.prefix + user_id)

    def page(self, room_id: str) -> Key[Page]:
        """The newest messages of a room."""
        return Key(self._page, self._page.prefix + room_id)

    def page_at(self, room_id: str, seq: int, rev: int) -> Key[Page]:
        """The newest messages of a room as they are from these heads on; never kept."""
        return Key(self._page_at, f"{self._page_at.prefix}{seq}:{rev}:{room_id}")

    def stats(self, room_id: str) -> Key[RoomStats | None]:
        return Key(self._stats, self._stats.prefix + room_id)


def _kind(
    name: str,
    times: tuple[float, float],  # the group's TTL, and what bounds it
    type_: Any,
    weigh: Callable[[Any], int],
    pack: Callable[[Any], bytes] | None = None,
    unpack: Callable[[bytes], Any] | None = None,
) -> Kind:
    decode = msgspec.msgpack.Decoder(type_).decode
    prefix = f"chat:{SCHEMA}:{name}:"
    return Kind(name, prefix, min(times), weigh, pack or msgspec.msgpack.encode, unpack or decode, times[1] < times[0])


def _room_bytes(room: Room | None) -> int:
    return 1_200 if room is None else 1_200 + 4 * len(room.description or "")


def _page_bytes(page: Page) -> int:
    return 200 + sum([40 + len(message) for message in page.messages])
