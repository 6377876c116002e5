"""What the writer knows of rooms and members is believed only while nobody else has written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from store.errors import StoreUnavailable
from store.models import Actor, MessageDraft, Refusal, Stored
from store.sqlite.append_cache import AppendCache
from store.sqlite.connection import DATABASE_NAME, open_writing
from store.sqlite.database import Database
from tests.contract.conftest import StoreFiller
from tests.support.clock import HandClock
from tests.unit.store.conftest import StoreWithRoom


@pytest.mark.gen_test
async def test_an_append_after_another_reads_nothing_and_writes_the_message_and_what_its_author_has_read(
    room_store: StoreWithRoom,
) -> None:
    seen: list[str] = []

    def trace(_: Any, statement: str, __: Any) -> bool:
        seen.append(statement.split()[0])
        return True

    def taken() -> list[str]:
        return [seen.pop(0) for _ in range(len(seen))]

    with _traced(room_store, trace) as begin:
        await begin
        await room_store.say("first")
        taken()
        await room_store.say("second")
        assert taken() == ["BEGIN", "INSERT", "UPDATE", "COMMIT"]
        await room_store.say("third", "fourth")
        assert taken() == ["BEGIN", "INSERT", "UPDATE", "COMMIT"]
        await room_store.store.ping()
        taken()
        await room_store.say("fifth")
        assert taken() == ["BEGIN", "SELECT", "SELECT", "INSERT", "INSERT", "UPDATE", "COMMIT"]


@pytest.mark.gen_test
async def test_each_write_of_this_process_between_two_appends_shows_at_once(
    room_store: StoreWithRoom, clock: HandClock
) -> None:
    store, room_id, ann = room_store.store, room_store.room_id, Actor(room_store.ann.id)
    bob = await StoreFiller(store).user("bob")

    async def append() -> Any:
        draft = room_store.draft()
        own, others = await asyncio.gather(
            store.messages.append(room_id, [draft]),
            store.messages.append(room_id, [MessageDraft(bob.id, "bob", "hi", draft.client_id)]),
        )
        assert isinstance(own[0], Stored)
        return others[0]

    assert await append() is Refusal.NOT_MEMBER
    await store.members.add(room_id, bob.id)
    assert isinstance(await append(), Stored)
    await store.moderation.mute(room_id, bob.id, clock.ms + 1000, actor=ann)
    assert await append() is Refusal.MUTED
    clock.ms += 1001
    assert isinstance(await append(), Stored)
    # In one commit: the appends of a batch run first, so the removal is for the next one.
    outcomes, _ = await asyncio.gather(
        store.messages.append(room_id, [MessageDraft(bob.id, "bob", "hi", "last")]),
        store.members.remove(room_id, bob.id),
    )
    assert isinstance(outcomes[0], Stored)
    assert await append() is Refusal.NOT_MEMBER
    head = (await store.rooms.heads([room_id]))[room_id].seq
    assert head == 8


@pytest.mark.gen_test
async def test_each_write_of_another_process_between_two_appends_shows_at_once(
    room_store: StoreWithRoom, data_dir: Path
) -> None:
    other = open_writing(data_dir / DATABASE_NAME, busy_timeout_s=1)
    for number in range(3):
        assert (await room_store.say("here")).message.seq == 2 * number + 1
        other.execute(
            "INSERT INTO messages (room_id, seq, user_id, username, content, client_id, created_at) "
            "VALUES (?1, (SELECT max(seq) + 1 FROM messages WHERE room_id = ?1), 'u', 'u', 'there', ?2, 1)",
            (room_store.room_id, f"other-{number}"),
        )
    other.execute("UPDATE rooms SET archived_at = 1")
    assert await room_store.say("here") is Refusal.FORBIDDEN
    other.execute("UPDATE rooms SET archived_at = NULL")
    other.execute("DELETE FROM members")
    assert await room_store.say("here") is Refusal.NOT_MEMBER
    other.close()


@pytest.mark.gen_test
async def test_what_was_rolled_back_is_not_believed(room_store: StoreWithRoom) -> None:
    database: Database = room_store.store._database
    await room_store.say("first")

    def fail(connection: apsw.Connection) -> None:
        raise ValueError("of this write alone")

    for seq in (2, 3):
        # The batch is rolled back for the failure of an unguarded write, and run again.
        stored, failure = await asyncio.gather(
            room_store.say("again"), database.write("fail", fail, guarded=False), return_exceptions=True
        )
        assert isinstance(failure, ValueError)
        assert isinstance(stored, Stored)
        assert stored.message.seq == seq
    # And rolled back for good
    disk: list[str] = []

    def trace(_: Any, statement: str, __: Any) -> bool:
        if statement == "COMMIT" and disk:
            raise apsw.FullError(disk.pop())
        return True

    with _traced(room_store, trace) as begin:
        await begin
        await room_store.say("cached")
        disk.append("full")
        with pytest.raises(StoreUnavailable, match="full"):
            await room_store.say("lost")
        assert (await room_store.say("next")).message.seq == 5


@contextmanager
def _traced(room: StoreWithRoom, trace: Callable[[Any, str, Any], bool]) -> Iterator[Coroutine[Any, Any, None]]:
    """Trace the statements of the writer, once what this gives is awaited."""
    connections: list[apsw.Connection] = []

    def operation(connection: apsw.Connection) -> None:
        connections.append(connection)
        connection.exec_trace = trace

    yield room.store._database.write("trace", operation)
    connections[0].exec_trace = None


@pytest.mark.gen_test
async def test_it_is_bounded(room_store: StoreWithRoom) -> None:
    cache = AppendCache(entries_max=3)

    def operation(connection: apsw.Connection) -> list[int]:
        sizes = []
        for number in range(5):
            cache.begin(connection)
            cache.heads[f"room-{number}"] = cache.muted_until["room", f"user-{number}"] = 0
            sizes.append(len(cache.heads) + len(cache.muted_until))
            version, changes = connection.data_version(), connection.total_changes()
            cache._known_at = (version, changes)  # as if the commit had been
        return sizes

    assert await room_store.store._database.write("fill", operation) == [2, 4, 2, 4, 2]
