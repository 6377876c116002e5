"""The index of words on a file that a program of before this has written, and still writes."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path
from typing import Any

import apsw
import pytest

from store import search_ranking
from store.errors import StoreTimeout
from store.models import MessageDraft, MessageSearch, RoomDraft
from store.sqlite import search
from store.sqlite.connection import DATABASE_NAME
from store.sqlite.database import Database
from store.sqlite.search_index import IndexSweep
from tests.support.actors import ADMIN
from tests.support.clock import HandClock
from tests.unit.store.conftest import BlockingOperation, Open, StoreWithRoom, store_with_room
from tests.unit.store.sqlite.index_of_words import check_index, write_as_before


async def found(room: StoreWithRoom, text: str) -> list[int]:
    wanted = MessageSearch(room_ids=(room.room_id,), texts=(text,))
    hits, _ = await room.store.messages.search(wanted, limit=100, after=None)
    return [hit.message.seq for hit in hits]


@pytest.mark.gen_test
async def test_messages_of_before_are_found_at_once_and_folded_after_a_sweep(
    open_sqlite: Open, data_dir: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_READ_MAX", 0)  # or so few messages would be read without the index
    room, path = await store_with_room(await open_sqlite(shared=True)), data_dir / DATABASE_NAME
    write_as_before(path, room.room_id, 1, "plain tea", "Straße", "Schöne 東京", "thé")
    assert await found(room, "tea") == [1]
    assert await found(room, "schone") == [3]
    assert await found(room, "strasse") == []
    assert check_index(path) == [(1, 2, 3, 4), ()]
    assert await room.store.sweep(clock.ms) == 0
    assert check_index(path) == [(1,), (2, 3, 4)]
    for text, seq in (("tea", 1), ("strasse", 2), ("schone", 3), ("京", 3), ("the", 4)):
        assert await found(room, text) == [seq]
    # A program of before this runs on beside this one, or again.
    write_as_before(path, room.room_id, 5, "later", "später")
    await room.say("am spätesten")
    await room.store.sweep(clock.ms)
    assert check_index(path) == [(1, 5), (2, 3, 4, 6, 7)]


@pytest.mark.parametrize("is_swept", [False, True])
@pytest.mark.gen_test
async def test_a_message_of_before_is_edited_and_deleted_without_harm_to_the_index(
    room_store: StoreWithRoom, data_dir: Path, clock: HandClock, is_swept: bool
) -> None:
    room, path = room_store, data_dir / DATABASE_NAME
    write_as_before(path, room.room_id, 1, "Straße", "Größe", "plain")
    if is_swept:
        await room.store.sweep(clock.ms)
    await room.store.messages.edit(f"{room.room_id}-1", "Allée", actor=ADMIN)
    await room.store.messages.delete(f"{room.room_id}-2", actor=ADMIN)
    await room.store.messages.edit(f"{room.room_id}-3", "not plain: ü", actor=ADMIN)
    assert check_index(path) == [(), (1, 3)]
    await room.store.messages.edit(f"{room.room_id}-3", "plain again", actor=ADMIN)
    assert check_index(path) == [(3,), (1,)]
    assert (await found(room, "allee"), await found(room, "again"), await found(room, "u")) == ([1], [3], [])
    await room.store.sweep(clock.ms)
    assert check_index(path) == [(3,), (1,)]


@pytest.mark.gen_test
async def test_a_sweep_takes_slices_and_ends(open_sqlite: Open, data_dir: Path) -> None:
    room = await store_with_room(await open_sqlite())
    path = data_dir / DATABASE_NAME
    write_as_before(path, room.room_id, 1, *(f"Übung {number}" for number in range(10)))
    sweep = IndexSweep(database=room.store._database, slice_rows=4, moved_max=3)
    assert [(await sweep.sweep(0))[1] for _ in range(6)] == [True] * 4 + [False] * 2
    assert check_index(path) == [(), tuple(range(1, 11))]


@pytest.mark.gen_test
async def test_a_sweep_occupies_the_writer_with_what_is_to_be_moved_alone_and_little_of_it_at_a_time(
    open_sqlite: Open, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await store_with_room(await open_sqlite())
    path = data_dir / DATABASE_NAME
    write_as_before(path, room.room_id, 1, *("ü" * 1900 for _ in range(5)), *(["plain"] * 3))
    original = Database.write
    written: list[str] = []

    async def write(database: Database, name: str, operation: Any) -> Any:
        def noted(connection: apsw.Connection) -> Any:
            connection.exec_trace = lambda _, statement, __: bool(written.append(statement)) or True
            try:
                return operation(connection)
            finally:
                connection.exec_trace = None

        return await original(database, name, noted)

    monkeypatch.setattr(Database, "write", write)
    sweep = IndexSweep(database=room.store._database, moved_characters=3000)
    moved = []
    for _ in range(4):
        assert (await sweep.sweep(0))[1] is bool(len(moved) < 3)
        moved.append(sum(statement.startswith("INSERT INTO messages_folded ") for statement in written))
        written_here, written[:] = list(written), []
        assert not any("GLOB" in statement for statement in written_here)
    assert moved == [2, 2, 1, 0]
    assert check_index(path) == [(6, 7, 8), (1, 2, 3, 4, 5)]


@pytest.mark.gen_test
async def test_what_changes_between_the_look_and_the_move_is_left_as_it_is(
    room_store: StoreWithRoom, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, path = room_store, data_dir / DATABASE_NAME
    write_as_before(path, room.room_id, 1, "Straße", "Größe", "Übung", "Maß")
    original = Database.read

    async def read(database: Database, name: str, operation: Any) -> Any:
        found = await original(database, name, operation)
        if name == "store.index":
            monkeypatch.undo()
            await room.store.messages.edit(f"{room.room_id}-1", "Allée", actor=ADMIN)
            await room.store.messages.delete(f"{room.room_id}-2", actor=ADMIN)
            await IndexSweep(database=database, moved_max=3).sweep(0)  # another process
        return found

    monkeypatch.setattr(Database, "read", read)
    await IndexSweep(database=room.store._database).sweep(0)
    assert check_index(path) == [(), (1, 3, 4)]
    assert (await found(room, "allee"), await found(room, "ubung")) == ([1], [3])


@pytest.mark.gen_test
async def test_what_was_written_in_one_file_stays_whole_through_any_mix_of_edits(
    room_store: StoreWithRoom, data_dir: Path
) -> None:
    room, texts = room_store, ["plain", "ünlike", "漢字", "!?", "", "\U0001f600", "two plain words"]
    await room.say(*(text or "x" for text in texts))
    await room.say("alone ö")
    for turn in range(1, len(texts)):
        for seq in range(1, len(texts) + 1):
            await room.store.messages.edit(
                f"{room.room_id}-{seq}", texts[(seq + turn) % len(texts)] or "y", actor=ADMIN
            )
    check_index(data_dir / DATABASE_NAME)
    for seq in range(1, 9):
        await room.store.messages.delete(f"{room.room_id}-{seq}", actor=ADMIN)
    assert check_index(data_dir / DATABASE_NAME) == [(), ()]


@pytest.mark.parametrize(("read_max", "small_part"), [(1000, 0.0), (0, 1.0), (0, 0.0), (0, -1.0)])
@pytest.mark.gen_test
async def test_however_many_messages_a_room_has_its_results_are_the_same(
    room_store: StoreWithRoom, monkeypatch: pytest.MonkeyPatch, read_max: int, small_part: float
) -> None:
    monkeypatch.setattr(search, "_READ_MAX", read_max)
    monkeypatch.setattr(search, "_SMALL_PART", small_part)
    if small_part < 0:
        monkeypatch.setattr(search._Scope, "is_less_than_to_find", lambda self, count: False)
    room, store = room_store, room_store.store
    other = (await store.rooms.create(RoomDraft("Other", None, False, 100), room.ann.id)).room.id
    for number in range(8):
        await room.say(f"tea {number}", "téa", "nothing" if number % 2 else "tea tea")
        await store.messages.append(other, [room.draft("tea elsewhere")])
    await store.messages.delete(f"{room.room_id}-1", actor=ADMIN)

    async def seqs(**fields: Any) -> list[int]:
        wanted = MessageSearch(room_ids=(room.room_id,), **fields)
        found: list[int] = []
        after = None
        while True:
            hits, after = await store.messages.search(wanted, limit=5, after=after)
            found += [hit.message.seq for hit in hits]
            if after is None:
                return found

    assert await seqs() == list(range(24, 1, -1))
    assert await seqs(author_ids=(room.ann.id,)) == list(range(24, 1, -1))
    assert await seqs(has_file=True) == await seqs(mentioned_id=room.ann.id) == []
    twice = [21, 15, 9, 3]
    once = [seq for seq in range(23, 1, -1) if seq % 6 in (2, 5)]
    with_number = [seq for seq in range(22, 1, -1) if seq % 3 == 1]
    assert await seqs(texts=("tea",)) == [*twice, *once, *with_number]


# Which messages are read, and how: by the number in the rooms, in all, and of those with the words.
PLANS = list(itertools.product((1000, 6, 0), (0.0, 1.0), (0.0, 1.0), (True, False)))


@pytest.mark.gen_test
async def test_whichever_way_is_the_quickest_finds_the_same_in_the_same_order(
    room_store: StoreWithRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_ranking, "WINDOW", 4)
    room, store, draw = room_store, room_store.store, random.Random(7)
    bob = await store.users.create(username="bob", email="bob@example.org", password_hash="")
    rooms = [room.room_id, (await store.rooms.create(RoomDraft("Other", None, False, 100), room.ann.id)).room.id]
    for room_id in rooms:
        await store.members.add(room_id, bob.id)
    for number in range(80):
        author = bob if draw.random() < 0.2 else room.ann
        content = " ".join(draw.choices(["tea", "téa", "green", "zoë", "cup"], k=draw.randint(1, 4)))
        mentions = (bob.id,) if draw.random() < 0.3 else ()
        draft = MessageDraft(author.id, author.username, content, f"c{number}", mentions=mentions)
        await store.messages.append(draw.choice(rooms), [draft])
    searches = [
        MessageSearch(tuple(room_ids), texts=texts, author_ids=authors, mentioned_id=mentioned)
        for room_ids in (rooms, rooms[1:])
        for texts in ((), ("tea",), ("tea", "green"), ("zoe",), ("green tea",), ("nothing",))
        for authors in ((), (bob.id,), (bob.id, room.ann.id))
        for mentioned in (None, bob.id)
    ]
    passes = search._Scope.is_less_than_to_find
    expected: list[list[str]] | None = None
    for read_max, small_part, common_part, is_by_room in PLANS:
        monkeypatch.setattr(search, "_READ_MAX", read_max)
        monkeypatch.setattr(search, "_SMALL_PART", small_part)
        monkeypatch.setattr(search, "_COMMON_PART", common_part)
        monkeypatch.setattr(search._Scope, "is_less_than_to_find", passes if is_by_room else lambda self, count: False)
        results = [await all_of(room, wanted) for wanted in searches]
        expected = expected or results
        assert results == expected
    assert expected is not None
    assert sum(map(bool, expected)) > len(searches) / 2


async def all_of(room: StoreWithRoom, wanted: MessageSearch) -> list[str]:
    """The ids of all results, page by page."""
    ids: list[str] = []
    after = None
    while True:
        hits, after = await room.store.messages.search(wanted, limit=3, after=after)
        ids += [hit.message.id for hit in hits]
        if after is None:
            return ids


@pytest.mark.gen_test
async def test_messages_with_a_file_are_read_by_an_index_that_has_no_others(
    room_store: StoreWithRoom, data_dir: Path
) -> None:
    await room_store.say("no file")
    connection = apsw.Connection(str(data_dir / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    wanted = MessageSearch(room_ids=(room_store.room_id,), author_ids=("u",), before_ms=1, has_file=True)
    conditions, values = search._filters(wanted)
    for content in ("m.content", "NULL"):
        statement = search._BY_ROOM.format(content=content, conditions=conditions)
        bindings = values | {"oldest": 0, "newest": 9, "limit": 9}
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", bindings).fetchall()
        assert any("USING INDEX messages_with_file (room_id=?)" in step[-1] for step in plan), plan
    connection.close()


@pytest.mark.gen_test
async def test_a_search_that_takes_long_holds_up_no_other_read(room_store: StoreWithRoom) -> None:
    database, held = room_store.store._database, BlockingOperation()
    searching = asyncio.ensure_future(database.search("held", held))
    await held.wait_began()
    assert await room_store.store.messages.page(room_store.room_id, limit=1)
    held.release.set()
    await searching


@pytest.mark.gen_test
async def test_a_search_that_outlasts_its_time_is_ended(open_sqlite: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.sqlite.store.SEARCH_WITHIN_S", 0.05)
    database = (await open_sqlite())._database
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    for _ in range(2):  # the thread is free again
        with pytest.raises(StoreTimeout):
            await database.search("endless", lambda connection: connection.execute(endless).fetchall())
    assert await database.search("short", lambda connection: connection.execute("SELECT 1").get) == 1
