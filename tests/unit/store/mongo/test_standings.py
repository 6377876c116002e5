"""How people stand in rooms, asked for many at once: no more is read of the members than was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.mongo import MongoStore
from tests.contract.conftest import StoreFiller

Raw = RawDatabase[dict[str, Any]]


class Asked:
    """Stands between the store and the driver's reading of members: notes what is asked."""

    def __init__(self, store: MongoStore) -> None:
        self._asked: list[tuple[str, tuple[Any, ...]]] = []
        for name in ("find", "aggregate"):
            self._stand_before(store._database.members, name)

    def _stand_before(self, collection: Any, name: str) -> None:
        method = getattr(collection, name)

        def asking(*args: Any) -> Any:
            self._asked.append((name, args))
            return method(*args)

        object.__setattr__(collection, name, asking)

    def documents(self, raw: Raw) -> int:
        """How many documents answer it all."""
        return sum(len(list(getattr(raw.members, name)(*args))) for name, args in self._asked)


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
    asked = Asked(store)
    assert await store.members.standings([*pairs, pairs[1], ("none", ann.id)]) == [*expected, expected[1], None]
    assert asked.documents(raw) == len(pairs) - 1, "of one who left there is nothing to read"
