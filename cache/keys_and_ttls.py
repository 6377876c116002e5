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


class KeyKind(Struct, frozen=True):
    """What the keys of one kind have in common.

    `name` is the label in metrics, `weigh` returns a value's rough size in bytes. `pack` and `unpack` are for backends
    that keep bytes; `unpack` raises ValueError. `is_brief`: values live for a few seconds only, so most callers miss;
    these misses say nothing about the cache and are counted as renewals.
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
        """The outcome under which a miss is counted."""
        return "renewal" if self.is_brief else "miss"


class Key(Struct, Generic[T_co], frozen=True):
    """The key of a value of type `T_co`. `name` is unique over all kinds and schema versions."""

    kind: KeyKind
    name: str


class CacheTtls(Struct, frozen=True, kw_only=True):
    """How long values may live after their load began, in seconds; 0 keeps none of that group.

    `access_s` bounds values that decide permissions. `unverified_s` bounds the other values that readers do not compare
    with the store: a process that cannot reach the cache may change them unnoticed. Neither bounds pages, which readers
    compare with the room's head.
    """

    messages_s: float
    users_s: float
    stats_s: float
    access_s: float = math.inf
    unverified_s: float = math.inf


class Keys:
    """Makes keys. Where an invalidation is lost (its process was killed), the TTL bounds the life of the old value."""

    __slots__ = ("_email", "_membership", "_page", "_page_at", "_room", "_session", "_stats", "_user")

    def __init__(self, ttls: CacheTtls) -> None:
        access, shown = (ttls.users_s, ttls.access_s), (ttls.users_s, ttls.unverified_s)
        self._user = _key_kind("user", shown, User | None, lambda _: 900)
        self._email = _key_kind("email", shown, str | None, lambda _: 400)
        self._session = _key_kind("session", access, Session | None, lambda _: 400)
        self._room = _key_kind("room", access, Room | None, _room_bytes)
        self._membership = _key_kind("membership", access, Membership | None, lambda _: 300)
        self._page = _key_kind(
            "page", (ttls.messages_s, math.inf), Page, _page_bytes, pack=message_page.pack, unpack=message_page.unpack
        )
        stats = ttls.stats_s, ttls.unverified_s
        self._stats = _key_kind(
            "stats", stats, RoomStats | None, lambda _: 400, pack=room_totals.pack, unpack=room_totals.unpack
        )

        # Shares a load and keeps nothing: it is used only by callers that need the page as of these heads.
        self._page_at = structs.replace(self._page, prefix=f"chat:{SCHEMA}:page_at:", ttl_s=0.0)

    def user(self, user_id: str) -> Key[User | None]:
        return Key(self._user, self._user.prefix + user_id)

    def email(self, user_id: str) -> Key[str | None]:
        """A user's e-mail address. Apart from the user, so that no view for others can contain it."""
        return Key(self._email, self._email.prefix + user_id)

    def session(self, session_id: str) -> Key[Session | None]:
        return Key(self._session, self._session.prefix + session_id)

    def room(self, room_id: str) -> Key[Room | None]:
        """A room. Its heads (last_seq, rev) are as old as the cached value."""
        return Key(self._room, self._room.prefix + room_id)

    def membership(self, room_id: str, user_id: str) -> Key[Membership | None]:
        """What a user may do in a room. What is read and unread is as old as the cached value: it moves with every
        message, and nobody is shown it from here.
        """
        # The length keeps ("a:b", "c") and ("a", "b:c") apart: a room id may be whatever a client sent.
        return Key(self._membership, f"{self._membership.prefix}{len(room_id)}:{room_id}:{user_id}")

    def page(self, room_id: str) -> Key[Page]:
        """The newest messages of a room."""
        return Key(self._page, self._page.prefix + room_id)

    def page_at(self, room_id: str, seq: int, rev: int) -> Key[Page]:
        """The newest messages of a room as of these heads (or later); never kept."""
        return Key(self._page_at, f"{self._page_at.prefix}{seq}:{rev}:{room_id}")

    def stats(self, room_id: str) -> Key[RoomStats | None]:
        return Key(self._stats, self._stats.prefix + room_id)


def _key_kind(
    name: str,
    times: tuple[float, float],  # the group's TTL, and its bound
    type_: Any,
    weigh: Callable[[Any], int],
    pack: Callable[[Any], bytes] | None = None,
    unpack: Callable[[bytes], Any] | None = None,
) -> KeyKind:
    decode = msgspec.msgpack.Decoder(type_).decode
    prefix = f"chat:{SCHEMA}:{name}:"
    return KeyKind(
        name, prefix, min(times), weigh, pack or msgspec.msgpack.encode, unpack or decode, times[1] < times[0]
    )


def _room_bytes(room: Room | None) -> int:
    return 1_200 if room is None else 1_200 + 4 * len(room.description or "")


def _page_bytes(page: Page) -> int:
    return 200 + sum([40 + len(message) for message in page.messages])
