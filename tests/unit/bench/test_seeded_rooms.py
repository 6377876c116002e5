"""Rooms that are written before a server starts have members who are logged in, one room each."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app import settings
from app.composition.storage import build_storage
from app.unserved_chat import open_unserved_chat
from bench.redis_process import UNSET
from bench.seeded_rooms import SeededRooms, seed
from monitor.observer import Observer

ROOMS, USERS = 2, 5


async def rooms_by_token(data_dir: Path, tokens: tuple[str, ...]) -> list[list[str]]:
    """The rooms that the user of each token is a member of."""
    chosen = settings.load({}, {**UNSET, "DATA_DIR": str(data_dir)})
    async with (
        build_storage(chosen, Observer()) as storage,
        open_unserved_chat(chosen, store=storage.store, secret=storage.secret, process_id="test") as parts,
    ):
        logins, rooms = parts.chat.account_parts.logins, storage.store.rooms
        user_ids = [(await logins.identify(token)).user.id for token in tokens]
        assert len(set(user_ids)) == len(user_ids)
        return [list(await rooms.joined_by(user_id)) for user_id in user_ids]


def test_each_token_is_of_a_member_of_its_room_and_of_no_other(tmp_path: Path) -> None:
    async def seeded_and_read() -> tuple[SeededRooms, list[list[str]]]:
        seeded = await seed(tmp_path, rooms=ROOMS, users=USERS)
        return seeded, await rooms_by_token(tmp_path, seeded.tokens)

    with ThreadPoolExecutor(1) as elsewhere:  # a loop of its own: this thread has one for other tests
        seeded, rooms = elsewhere.submit(asyncio.run, seeded_and_read()).result()
    assert len(set(seeded.room_ids)) == ROOMS
    assert rooms == [[seeded.room_ids[number % ROOMS]] for number in range(USERS)]
