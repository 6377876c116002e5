"""Real faults of the disk, the file and other processes: no ack is false, and each change of state is logged once."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from tornado.ioloop import IOLoop

from common.startup_error import StartupError
from store.errors import StoreTimeout, StoreUnavailable
from store.models import Stored
from store.sqlite.connection import DATABASE_NAME
from tests.support.small_disk import small_disk
from tests.unit.store.conftest import BlockingOperation, Open, StoreWithRoom, damage_page, store_with_room

CHILD_THAT_LOCKS = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("let go", flush=True)
sys.stdin.readline()
"""

CHILD_WITH_A_FILE_LIMIT = """
import asyncio, json, resource, sys, time
from pathlib import Path
from monitor.observer import Observer
from store.errors import StoreUnavailable
from store.models import MessageDraft
from store.sqlite import open_store

async def main(data_dir, room_id, user_id):
    now_ms = lambda: int(time.time() * 1000)
    store = await open_store(Path(data_dir), timeout_s=5, group_commit=True, observer=Observer(), now_ms=now_ms)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    acked, reason = 0, None
    for number in range(1000):
        try:
            await store.messages.append(room_id, [MessageDraft(user_id, "ann", "x" * 1500, f"limited-{number}")])
        except StoreUnavailable as error:
            reason = error.reason
            break
        acked = number + 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await store.messages.append(room_id, [MessageDraft(user_id, "ann", "after", "after")])
    await store.close()
    print(json.dumps([acked, reason]))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def two_megabytes(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=2) as where:
        yield where


def fill_disk(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (64 * 1024, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


async def say_until_refused(room_store: StoreWithRoom) -> int:
    """Send messages until one is refused. Returns how many were acked before."""
    for acked in range(2000):
        try:
            await room_store.say("x" * 1500)
        except StoreUnavailable:
            return acked
    pytest.fail("the disk did not fill")


@pytest.mark.gen_test
async def test_a_full_disk_confirms_nothing_and_is_over_when_there_is_room(
    two_megabytes: Path, open_sqlite: Open, caplog: pytest.LogCaptureFixture
) -> None:
    room_store = await store_with_room(await open_sqlite(two_megabytes / "data"))
    ballast = two_megabytes / "ballast"
    with caplog.at_level(logging.INFO, "store"):
        fill_disk(ballast)
        acked = await say_until_refused(room_store)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="full"):
                await room_store.say("x" * 1500)
        with pytest.raises(StoreUnavailable, match="full"):
            await room_store.store.ping()
        assert (await room_store.store.rooms.heads([room_store.room_id]))[
            room_store.room_id
        ].seq == acked  # reads go on
        ballast.unlink()
        outcome = await room_store.say("room again")
        await room_store.store.ping()
    assert outcome.message.seq == acked + 1
    assert [record.getMessage() for record in caplog.records] == [
        "store: writes fail: full",
        "store: writes succeed again",
    ]
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.gen_test
async def test_a_file_that_may_not_grow_confirms_nothing(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path
) -> None:
    await room_store.store.close()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD_WITH_A_FILE_LIMIT, str(data_dir), room_store.room_id, room_store.ann.id,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[4],
    )  # fmt: skip
    output, _ = await child.communicate()
    acked, reason = json.loads(output)
    assert reason in ("full", "io")
    reopened = await open_sqlite()
    messages = await reopened.messages.newest_between(room_store.room_id, after=0, upto=10_000, limit=10_000)
    expected = [f"limited-{number}" for number in range(acked)] + ["after"]
    assert [(message.seq, message.client_id) for message in messages] == list(enumerate(expected, 1))


@pytest.mark.parametrize("victim", [DATABASE_NAME, f"{DATABASE_NAME}-wal"])
@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
@pytest.mark.gen_test
async def test_nothing_is_acked_into_a_file_that_is_gone(
    room_store: StoreWithRoom,
    open_sqlite: Open,
    data_dir: Path,
    victim: str,
    replaced: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await room_store.say("kept")
    content = (data_dir / victim).read_bytes()
    (data_dir / victim).unlink()
    if replaced:
        (data_dir / victim).write_bytes(content)
    with caplog.at_level(logging.INFO, "store"):
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="gone"):
                await room_store.say("lost")
        with pytest.raises(StoreUnavailable, match="gone"):
            await room_store.store.ping()
        with pytest.raises(StoreUnavailable, match="gone"):
            await room_store.store.rooms.get(room_store.room_id)
    assert [record.getMessage() for record in caplog.records] == ["store: writes fail: gone"]
    await room_store.store.close()
    assert not replaced or (data_dir / victim).read_bytes() == content


@pytest.mark.gen_test
async def test_a_write_lock_that_another_process_holds_is_busy_and_over_when_it_lets_go(
    open_sqlite: Open, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room_store = await store_with_room(await open_sqlite(timeout_s=5.0))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD_THAT_LOCKS, str(data_dir / DATABASE_NAME),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    assert await child.stdout.readline() == b"locked\n"
    with caplog.at_level(logging.INFO, "store"):
        with pytest.raises(StoreUnavailable, match="busy"):
            await room_store.say("no")
        assert await room_store.store.rooms.get(room_store.room_id) is not None
        child.stdin.write(b"\n")
        assert await child.stdout.readline() == b"let go\n"
        outcome = await room_store.say("yes")
    assert isinstance(outcome, Stored)
    assert outcome.message.seq == 1
    assert [record.getMessage() for record in caplog.records] == [
        "store: writes fail: busy",
        "store: writes succeed again",
    ]
    child.stdin.write(b"\n")
    await child.wait()


@pytest.mark.gen_test
async def test_a_damaged_page_is_corrupt_where_it_is_met(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path
) -> None:
    await room_store.say(*("word " * 100 for _ in range(200)))
    await room_store.store.close()
    damage_page(data_dir / DATABASE_NAME)
    reopened = await open_sqlite()
    with pytest.raises(StoreUnavailable, match="corrupt"):
        await reopened.messages.page(room_store.room_id, limit=100, after=50)
    assert (await reopened.messages.page(room_store.room_id, limit=5)).messages[-1].seq == 200


@pytest.mark.parametrize("damage", ["garbage", "cut", "foreign"])
@pytest.mark.gen_test
async def test_a_file_that_is_no_database_of_ours_refuses_the_start(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path, damage: str
) -> None:
    await room_store.say("hello")
    await room_store.store.close()
    path = data_dir / DATABASE_NAME
    if damage == "garbage":
        path.write_bytes(b"this is no database" * 1000)
    elif damage == "cut":
        os.truncate(path, path.stat().st_size // 3)
    else:
        path.unlink()
        connection = apsw.Connection(str(path))
        connection.execute("CREATE TABLE recipes (title TEXT)")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(StartupError, match=DATABASE_NAME) as refused:
        await open_sqlite()
    assert "\n" not in str(refused.value)
    if damage != "foreign":
        assert path.read_bytes() == before


@pytest.mark.gen_test
async def test_a_directory_that_cannot_be_used_refuses_the_start(open_sqlite: Open, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for where in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartupError) as refused:
            await open_sqlite(where)
        assert "\n" not in str(refused.value)
    (tmp_path / "half" / ".restoring").mkdir(parents=True)
    with pytest.raises(StartupError, match="unfinished restore"):
        await open_sqlite(tmp_path / "half")


@pytest.mark.gen_test
async def test_the_data_is_private(room_store: StoreWithRoom, data_dir: Path) -> None:
    await room_store.say("hello")
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in data_dir.iterdir()} == {0o600}


@pytest.mark.gen_test
async def test_reads_go_on_while_the_writer_is_held(room_store: StoreWithRoom) -> None:
    await room_store.say("hello")
    held = BlockingOperation()
    writing = asyncio.ensure_future(room_store.store._database.write("held", held))
    await held.wait_began()
    page = await room_store.store.messages.page(room_store.room_id, limit=5)
    assert [message.content for message in page.messages] == ["hello"]
    assert not writing.done()
    held.release.set()
    assert await writing == "held"


ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.mark.gen_test
async def test_a_read_past_its_deadline_is_ended_and_gives_its_thread_back(open_sqlite: Open) -> None:
    made = await store_with_room(await open_sqlite())
    await made.store.close()
    store = await open_sqlite(timeout_s=2.0)
    endless = [
        store._database.read("endless", lambda connection: connection.execute(ENDLESS).fetchall()) for _ in range(4)
    ]
    outcomes = await asyncio.gather(*endless, return_exceptions=True)
    assert all(isinstance(outcome, StoreTimeout) for outcome in outcomes)
    assert await store.rooms.get(made.room_id) is not None


@pytest.mark.gen_test
async def test_waiting_reads_are_bounded(open_sqlite: Open, io_loop: IOLoop) -> None:
    room_store = await store_with_room(await open_sqlite())
    readers = room_store.store._database._readers
    held = [BlockingOperation() for _ in range(2)]
    running = [asyncio.ensure_future(readers.read("held", one)) for one in held]
    for one in held:
        await one.wait_began()
    waiting = [asyncio.ensure_future(readers.read("n", lambda _connection: 1)) for _ in range(1998)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="stalled"):
        await readers.read("n", lambda _connection: 1)
    for one in held:
        one.release.set()
    assert await asyncio.gather(*running) == ["held", "held"]
    assert sum(await asyncio.gather(*waiting)) == 1998
    assert await readers.read("n", lambda _connection: 1) == 1


@pytest.mark.gen_test
async def test_the_write_ahead_log_stays_bounded_beside_constant_reading(
    room_store: StoreWithRoom, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.sqlite.write_transactions.CHECKPOINT_PAGES", 100)
    monkeypatch.setattr("store.sqlite.write_transactions.CHECKPOINT_URGENT_PAGES", 400)
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            await room_store.store.messages.page(room_store.room_id, limit=50)

    readers = [asyncio.ensure_future(read()) for _ in range(3)]
    largest_bytes = 0
    for _ in range(60):
        await room_store.say(*("x" * 2000 for _ in range(100)))
        largest_bytes = max(largest_bytes, (data_dir / f"{DATABASE_NAME}-wal").stat().st_size)
    done.set()
    await asyncio.gather(*readers)
    assert largest_bytes < 5_000_000  # of 12 MB that were written


@pytest.mark.gen_test
async def test_closing_leaves_one_file(room_store: StoreWithRoom, data_dir: Path) -> None:
    await room_store.say("hello")
    await room_store.store.close()
    assert [path.name for path in data_dir.iterdir()] == [DATABASE_NAME]
