"""Lists of rooms: one statement, however many rooms, and counts of unread mentions by index alone."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import pytest

from store.models import ROOM_MENTION, MessageDraft, RoomDraft
from store.sqlite.rooms import _LIST_ALL, _LIST_MINE
from store.sqlite.rows import fetch
from tests.unit.store.conftest import StoreWithRoom


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The statements of all connections that the test opens."""
    executed: list[str] = []

    def record(_cursor: object, statement: str, _bindings: object) -> bool:
        executed.append(statement)
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = record

    apsw.connection_hooks.append(hook)
    yield executed
    apsw.connection_hooks.remove(hook)


@pytest.mark.gen_test
async def test_a_list_of_two_hundred_rooms_takes_as_many_statements_as_one_of_one(
    statements: list[str], room_store: StoreWithRoom
) -> None:
    store, ann = room_store.store, room_store.ann

    async def listed(limit: int) -> tuple[int, list[str]]:
        statements.clear()
        found, _ = await store.rooms.list_for(ann.id, mine=True, query=None, limit=limit, after=None)
        assert all(of.membership is not None for of in found)
        return len(found), [
            one for one in statements if not one.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT"))
        ]

    alone = await listed(300)
    assert alone[0] == 1
    for number in range(199):
        room_id = (await store.rooms.create(RoomDraft(f"room {number}", None, False, 10), ann.id)).room.id
        draft = MessageDraft(ann.id, ann.username, "hello", "c", mentions=(ROOM_MENTION,))
        await store.messages.append(room_id, [draft])
    assert await listed(300) == (200, alone[1])
    assert len(alone[1]) == 1


@pytest.mark.parametrize("statement", [_LIST_MINE, _LIST_ALL])
@pytest.mark.gen_test
async def test_unread_mentions_are_counted_in_the_range_of_what_is_unread(
    room_store: StoreWithRoom, statement: str
) -> None:
    def plan(connection: apsw.Connection) -> list[str]:
        return [row[3] for row in fetch(connection, f"EXPLAIN QUERY PLAN {statement}", ("u", 1, "", 10))]

    steps = await room_store.store._database.read("test", plan)
    of_mentions = [step for step in steps if "mentions" in step]
    assert of_mentions == ["SEARCH mentions USING PRIMARY KEY (user_id=? AND room_id=? AND seq>?)"]


@pytest.mark.gen_test
async def test_a_deletion_finds_the_mentions_of_its_message_by_an_index(room_store: StoreWithRoom) -> None:
    def plan(connection: apsw.Connection) -> list[str]:
        statement = "DELETE FROM mentions WHERE room_id = ? AND seq = ?"
        return [row[3] for row in fetch(connection, f"EXPLAIN QUERY PLAN {statement}", ("r", 1))]

    steps = await room_store.store._database.read("test", plan)
    assert len(steps) == 1
    assert "USING INDEX mentions_by_message (room_id=? AND seq=?)" in steps[0].replace("COVERING INDEX", "INDEX")
