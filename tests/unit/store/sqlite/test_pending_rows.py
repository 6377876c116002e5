"""Messages that are indexed behind their commit: when, and that no crash, edit or older program leaves one out."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from store.models import Actor, MessageSearch, RoomDraft
from store.sqlite import search
from store.sqlite.backup import backup, restore
from store.sqlite.connection import DATABASE_NAME
from store.sqlite.pending_rows import index_slice, mark_pending
from store.sqlite.search_index import pending_from
from store.sqlite.search_indexing import SearchIndexing
from tests.support.actors import ADMIN
from tests.support.clock import HandClock
from tests.support.waiting import until
from tests.unit.store.conftest import BlockingOperation, Open, StoreWithRoom, store_with_room
from tests.unit.store.sqlite.index_of_words import check_index, write_as_before


@pytest.fixture(autouse=True)
def by_the_index_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few messages would be read without the index."""
    monkeypatch.setattr(search, "_READ_MAX", 0)


async def found(room: StoreWithRoom, *texts: str) -> list[int]:
    seqs = []
    for text in texts:
        wanted = MessageSearch(room_ids=(room.room_id,), texts=(text,))
        hits, _ = await room.store.messages.search(wanted, limit=100, after=None)
        seqs += [hit.message.seq for hit in hits]
    return seqs


@pytest.mark.gen_test
async def test_a_message_is_indexed_behind_its_commit_and_found_as_soon_as_it_is_acked(
    room_store: StoreWithRoom, data_dir: Path
) -> None:
    await room_store.say("green tea", "Grüße", "!?")
    assert check_index(data_dir / DATABASE_NAME) == [(), ()]
    assert await found(room_store, "tea", "grusse") == [1, 2]
    assert await room_store.store.messages.complete([room_store.room_id], "gr", limit=9) == ["green", "grüße"]
    assert check_index(data_dir / DATABASE_NAME) == [(1,), (2,)]
    await room_store.say("black tea")
    assert await found(room_store, "tea") == [4, 1]


@pytest.mark.gen_test
async def test_what_is_edited_or_deleted_before_it_is_indexed_is_found_by_what_it_says_now(
    room_store: StoreWithRoom, data_dir: Path
) -> None:
    await room_store.say("tea", "tea", "tea")
    await room_store.store.messages.edit(f"{room_store.room_id}-1", "Kaffee für alle", actor=ADMIN)
    await room_store.store.messages.delete(f"{room_store.room_id}-2", actor=ADMIN)
    assert check_index(data_dir / DATABASE_NAME) == [(), ()]
    assert await found(room_store, "tea", "fur") == [3, 1]
    await room_store.say("tea")
    await room_store.store.messages.edit(f"{room_store.room_id}-1", "coffee", actor=ADMIN)  # the first is indexed
    assert await found(room_store, "tea", "fur", "coffee") == [4, 3, 1]
    assert check_index(data_dir / DATABASE_NAME) == [(1, 3, 4), ()]


@pytest.mark.gen_test
async def test_the_rows_of_a_deleted_room_are_never_indexed_and_those_that_take_their_numbers_are(
    room_store: StoreWithRoom, data_dir: Path, clock: HandClock
) -> None:
    store, ann = room_store.store, room_store.ann
    other = (await store.rooms.create(RoomDraft("Other", None, False, 100), ann.id)).room.id
    await store.messages.append(other, [room_store.draft("tea"), room_store.draft("thé")])
    assert await found(room_store, "tea") == []
    await store.messages.append(other, [room_store.draft("tea"), room_store.draft("thé")])
    await store.rooms.delete(other, actor=Actor(ann.id))
    while await store.sweep(clock.ms):
        pass
    assert check_index(data_dir / DATABASE_NAME) == [(), ()]
    await room_store.say("tea", "thé")
    assert await found(room_store, "tea", "the") == [1, 2]
    assert check_index(data_dir / DATABASE_NAME) == [(1,), (2,)]


def crash(data_dir: Path, copy: Path) -> None:
    """What a killed process leaves: the files, as they are."""
    shutil.copytree(data_dir, copy)


def back_up_and_restore(data_dir: Path, copy: Path) -> None:
    backup(data_dir, copy.with_name("parcel"))
    restore(copy.with_name("parcel"), copy)


@pytest.mark.parametrize("left_by", [crash, back_up_and_restore])
@pytest.mark.gen_test
async def test_who_opens_the_file_next_indexes_what_was_left_pending(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path, left_by: Callable[[Path, Path], None]
) -> None:
    await room_store.say("tea", "thé")
    assert await found(room_store, "tea", "the") == [1, 2]
    await room_store.say("tea", "thé")
    copy = data_dir.with_name("copy")
    left_by(data_dir, copy)
    again = StoreWithRoom(await open_sqlite(copy), room_store.room_id, room_store.ann)
    assert check_index(copy / DATABASE_NAME) == [(1, 3), (2, 4)]
    assert await found(again, "tea", "the") == [3, 1, 4, 2]


@pytest.mark.gen_test
async def test_an_older_program_that_ran_on_what_a_crash_left_makes_no_message_twice_in_the_index_nor_lost(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path
) -> None:
    await room_store.say("seen")
    assert await found(room_store, "seen") == [1]
    await room_store.say("tea", "tea", "thé")
    copy = data_dir.with_name("copy")
    crash(data_dir, copy)
    write_as_before(copy / DATABASE_NAME, room_store.room_id, 5, "tea", "...")
    connection = apsw.Connection(str(copy / DATABASE_NAME))  # which edits 2, as a program before this one does
    connection.execute("INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', 2, 'tea')")
    connection.execute("INSERT INTO messages_fts (rowid, content) VALUES (2, 'coffee')")
    connection.execute("UPDATE messages SET content = 'coffee' WHERE row = 2")
    connection.close()
    again = StoreWithRoom(await open_sqlite(copy), room_store.room_id, room_store.ann)
    assert check_index(copy / DATABASE_NAME) == [(1, 2, 3, 5), (4,)]
    assert await found(again, "tea", "the", "coffee", "seen") == [5, 3, 4, 2, 1]
    for seq in (2, 3, 4, 5, 6):
        await again.store.messages.delete(f"{room_store.room_id}-{seq}", actor=ADMIN)
    assert check_index(copy / DATABASE_NAME) == [(1,), ()]


@pytest.mark.gen_test
async def test_beside_other_processes_which_may_be_older_messages_are_indexed_in_their_commit(
    open_sqlite: Open, data_dir: Path
) -> None:
    room = await store_with_room(await open_sqlite(shared=True))
    await room.say("tea", "thé")
    assert check_index(data_dir / DATABASE_NAME) == [(1,), (2,)]


@pytest.mark.parametrize(("said", "options"), [((), {"shared": True}), ((), {}), (("tea",), {"beside": True})])
@pytest.mark.gen_test
async def test_who_opens_the_file_waits_for_no_writer_unless_something_was_left_to_be_indexed(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path, said: tuple[str, ...], options: dict[str, bool]
) -> None:
    if said:
        await room_store.say(*said)
    writing = apsw.Connection(str(data_dir / DATABASE_NAME))
    writing.execute("BEGIN IMMEDIATE")
    beside = await open_sqlite(timeout_s=3.0, **options)
    assert await beside.users.get(room_store.ann.id) == room_store.ann
    writing.execute("ROLLBACK")
    writing.close()
    assert check_index(data_dir / DATABASE_NAME) == [(), ()]  # who has written it has it indexed
    assert await found(room_store, "tea") == [*range(1, len(said) + 1)]


@pytest.mark.gen_test
async def test_a_store_that_is_closed_leaves_nothing_pending(room_store: StoreWithRoom, data_dir: Path) -> None:
    await room_store.say("tea", "thé")
    await room_store.store.close()
    assert check_index(data_dir / DATABASE_NAME) == [(1,), (2,)]


@pytest.mark.gen_test
async def test_a_slice_is_bounded_by_rows_and_by_characters(room_store: StoreWithRoom, data_dir: Path) -> None:
    await room_store.say(*["tea"] * 5, *["x" * 1000] * 4)
    database = room_store.store._database
    places = []
    for _ in range(6):

        def operation(connection: apsw.Connection) -> tuple[bool, int | None]:
            return index_slice(connection, slice_rows=3, slice_characters=2000), pending_from(connection)

        places.append(await database.write("slice", operation))
    assert places == [(True, 4), (True, 7), (True, 9), (False, None), (False, None), (False, None)]
    assert check_index(data_dir / DATABASE_NAME) == [tuple(range(1, 10)), ()]


@pytest.mark.parametrize(("rows", "after_s"), [(3, 3600.0), (1000, 0.01)])
@pytest.mark.gen_test
async def test_messages_are_indexed_unasked_when_many_are_pending_and_when_some_time_has_passed(
    room_store: StoreWithRoom, data_dir: Path, rows: int, after_s: float
) -> None:
    indexing = SearchIndexing(database=room_store.store._database, rows=rows, after_s=after_s)
    for number in range(1, 4):
        await room_store.say("tea")
        indexing.appended(1)
        if number < rows < 1000:
            assert check_index(data_dir / DATABASE_NAME) == [(), ()]
    await until(lambda: check_index(data_dir / DATABASE_NAME) == [(1, 2, 3), ()])
    await indexing.close()


@pytest.mark.gen_test
async def test_a_search_waits_for_the_index_for_a_limited_time(room_store: StoreWithRoom, data_dir: Path) -> None:
    database, held = room_store.store._database, BlockingOperation()
    indexing = SearchIndexing(database=database, after_s=0.01)
    await room_store.say("tea")
    waiting = asyncio.ensure_future(database.write("held", held))
    await held.wait_began()
    indexing.appended(1)
    await indexing.catch_up(within_s=0.01)
    held.release.set()
    await waiting
    await until(lambda: check_index(data_dir / DATABASE_NAME) == [(1,), ()])
    await indexing.close()


@pytest.mark.gen_test
async def test_the_mark_only_goes_back_until_all_is_indexed(room_store: StoreWithRoom) -> None:
    def operation(connection: apsw.Connection) -> list[int | None]:
        seen = []
        for row in (5, 7, 3):
            mark_pending(connection, row)
            seen.append(pending_from(connection))
        return seen

    assert await room_store.store._database.write("mark", operation) == [5, 5, 3]
