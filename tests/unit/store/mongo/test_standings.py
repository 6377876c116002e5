"""Standings of many people in many rooms at once: no more members are read than were asked for."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.mongo import MongoStore
from tests.contract.conftest import StoreFiller

Raw = RawDatabase[dict[str, Any]]


class RecordedReads:
    """Records the store's queries on the collection of members."""

    def __init__(self, store: MongoStore) -> None:
        self._reads: list[tuple[str, tuple[Any, ...]]] = []
        for name in ("find", "aggregate"):
            self._intercept(store._database.members, name)

    def _intercept(self, collection: Any, name: str) -> None:
        method = getattr(collection, name)

        def record(*args: Any) -> Any:
            self._reads.append((name, args))
            return method(*args)

        object.__setattr__(collection, name, record)

    def documents_read(self, raw: Raw) -> int:
        """How many documents the recorded queries return."""
        return sum(len(list(getattr(raw.members, name)(*args))) for name, args in self._reads)


@pytest.mark.gen_test
async def test_of_many_rooms_and_people_only_the_pairs_that_are_asked_for_are_read(
    store: MongoStore, fill: StoreFiller, raw: Raw
) -> None:
    ann = await fill.user()
    rooms = [(await fill.room(ann)).room.id for _ in range(4)]
    people = [await fill.user() for _ in range(8)]
    for room_id in rooms:
        for one in people:
            await store.members.add(room_id, one.id)
    await store.members.remove(rooms[0], people[0].id)
    pairs = [(rooms[number // 2], one.id) for number, one in enumerate(people)]  # two of each room
    expected = [await store.rooms.get_for(*pair) for pair in pairs]
    recorded = RecordedReads(store)
    assert await store.members.standings([*pairs, pairs[1], ("none", ann.id)]) == [*expected, expected[1], None]
    assert recorded.documents_read(raw) == len(pairs) - 1, "of one who left there is nothing to read"
