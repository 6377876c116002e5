"""Lists of rooms: as many queries for two hundred rooms as for one."""

from __future__ import annotations

from typing import Any

import pytest

from store.models import ROOM_MENTION
from store.mongo import MongoStore
from tests.contract.conftest import StoreFiller


@pytest.mark.gen_test
async def test_a_list_of_two_hundred_rooms_takes_as_many_queries_as_one_of_one(
    store: MongoStore, fill: StoreFiller
) -> None:
    queries: list[str] = []
    database = store._database
    for collection in (database.members, database.rooms, database.messages, database.changes, database.users):
        for name in ("find", "find_one", "aggregate", "count_documents"):
            method = getattr(collection, name)

            def record(*args: Any, method: Any = method, name: str = name, **keywords: Any) -> Any:
                queries.append(name)
                return method(*args, **keywords)

            object.__setattr__(collection, name, record)
    ann = await fill.user()

    async def listed() -> tuple[int, list[str]]:
        queries.clear()
        found, _ = await store.rooms.list_for(ann.id, mine=True, query=None, limit=300, after=None)
        return len(found), list(queries)

    await fill.room(ann)
    assert await listed() == (1, ["aggregate"])
    for _ in range(199):
        room_id = (await fill.room(ann)).room.id
        await store.messages.append(room_id, [fill.draft(ann, mentions=(ROOM_MENTION,))])
    assert await listed() == (200, ["aggregate"])
