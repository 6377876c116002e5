"""Rooms with as many members as connections, written into a DATA_DIR before a server starts on it.

Through REST each user would cost the hash of a password, some 25 ms: two minutes for 5,000. And few users in many rooms
would be told each second of the rooms that each of their connections has not joined, which is no ordinary load.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from app import settings
from app.composition.storage import build_storage
from app.unserved_chat import open_unserved_chat
from bench.redis_process import UNSET
from bench.server_process import LIMITS
from common.in_parts import in_parts
from monitor.observer import Observer
from store.models import RoomDraft

AT_ONCE = 500  # writes, which share commits
_T = TypeVar("_T")


class SeededRooms(msgspec.Struct, frozen=True):
    """`tokens[n]` is that of a member of `room_ids[n % len(room_ids)]`, and of no other room."""

    room_ids: tuple[str, ...]
    tokens: tuple[str, ...]


async def seed(data_dir: Path, *, rooms: int, users: int) -> SeededRooms:
    """Write rooms, and users with a login each, no fewer than rooms; the first `rooms` users own a room each."""
    chosen = settings.load({}, {**UNSET, **LIMITS, "DATA_DIR": str(data_dir)})
    async with (
        build_storage(chosen, Observer()) as storage,
        open_unserved_chat(chosen, store=storage.store, secret=storage.secret, process_id="bench") as parts,
    ):
        store, logins = storage.store, parts.chat.account_parts.logins

        async def log_in(number: int) -> tuple[str, str]:
            name = f"bench-{number}"
            user = await store.users.create(username=name, email=f"{name}@example.com", password_hash="")
            return user.id, (await logins.credentials(await logins.begin(user.id))).access_token

        async def make_room(number: int) -> str:
            owner_id, _ = people[number]
            return (await store.rooms.create(RoomDraft("bench", None, False, 100_000), owner_id)).room.id

        async def join(number: int) -> None:
            user_id, _ = people[number]
            await store.members.add(room_ids[number % rooms], user_id)

        people = await _each(log_in, range(users))
        room_ids = await _each(make_room, range(rooms))
        await _each(join, range(rooms, users))
    return SeededRooms(tuple(room_ids), tuple(token for _, token in people))


async def _each(write: Callable[[int], Awaitable[_T]], numbers: range) -> list[_T]:
    return [one for part in in_parts(numbers, AT_ONCE) for one in await asyncio.gather(*map(write, part))]
