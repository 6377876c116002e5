"""The disk, the file and other processes fail for real: no ack is false, and each change of state is told once."""

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
from tests.unit.store.conftest import BlockingOperation, Chat, Open, chat_in, damage_page

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


async def say_until_refused(chat: Chat) -> int:
    """How many messages were acked before the first that was not."""
    for acked in range(2000):
        try:
            await chat.say("x" * 1500)
        except StoreUnavailable:
            return acked
    pytest.fail("the disk did not fill")


@pytest.mark.gen_test
async def test_a_full_disk_confirms_nothing_and_is_over_when_there_is_room(
    two_megabytes: Path, opener: Open, caplog: pytest.LogCaptureFixture
) -> None:
    chat = await chat_in(await opener(two_megabytes / "data"))
    ballast = two_megabytes / "ballast"
    with caplog.at_level(logging.INFO, "store"):
        fill_disk(ballast)
        acked = await say_until_refused(chat)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="full"):
                await chat.say("x" * 1500)
        with pytest.raises(StoreUnavailable, match="full"):
            await chat.store.ping()
        assert (await chat.store.rooms.heads([chat.room_id]))[chat.room_id].seq == acked  # reads go on
        ballast.unlink()
        outcome = await chat.say("room again")
        await chat.store.ping()
    assert outcome.message.seq == acked + 1
    assert [record.getMessage() for record in caplog.records] == [
        "store: writes fail: full",
        "store: writes succeed again",
    ]
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.gen_test
async def test_a_file_that_may_not_grow_confirms_nothing(chat: Chat, opener: Open, data_dir: Path) -> None:
    await chat.store.close()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD_WITH_A_FILE_LIMIT, str(data_dir), chat.room_id, chat.ann.id,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[4],
    )  # fmt: skip
    output, _ = await child.communicate()
    acked, reason = json.loads(output)
    assert reason in ("full", "io")
    reopened = await opener()
    messages = await reopened.messages.newest_between(chat.room_id, after=0, upto=10_000, limit=10_000)
    expected = [f"limited-{number}" for number in range(acked)] + ["after"]
    assert [(message.seq, message.client_id) for message in messages] == list(enumerate(expected, 1))


@pytest.mark.parametrize("victim", [DATABASE_NAME, f"{DATABASE_NAME}-wal"])
@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
@pytest.mark.gen_test
async def test_nothing_is_acked_into_a_file_that_is_gone(
    chat: Chat, opener: Open, data_dir: Path, victim: str, replaced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await chat.say("kept")
    content = (data_dir / victim).read_bytes()
    (data_dir / victim).unlink()
    if replaced:
        (data_dir / victim).write_bytes(content)
    with caplog.at_level(logging.INFO, "store"):
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="gone"):
                await chat.say("lost")
        with pytest.raises(StoreUnavailable, match="gone"):
            await chat.store.ping()
        with pytest.raises(StoreUnavailable, match="gone"):
            await chat.store.rooms.get(chat.room_id)
    assert [record.getMessage() for record in caplog.records] == ["store: writes fail: gone"]
    await chat.store.close()
    assert not replaced or (data_dir / victim).read_bytes() == content


@pytest.mark.gen_test
async def test_a_write_lock_that_another_process_holds_is_busy_and_over_when_it_lets_go(
    opener: Open, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat = await chat_in(await opener(timeout_s=5.0))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD_THAT_LOCKS, str(data_dir / DATABASE_NAME),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    assert await child.stdout.readline() == b"locked\n"
    with caplog.at_level(logging.INFO, "store"):
        with pytest.raises(StoreUnavailable, match="busy"):
            await chat.say("no")
        assert await chat.store.rooms.get(chat.room_id) is not None
        child.stdin.write(b"\n")
        assert await child.stdout.readline() == b"let go\n"
        outcome = await chat.say("yes")
    assert isinstance(outcome, Stored)
    assert outcome.message.seq == 1
    assert [record.getMessage() for record in caplog.records] == [
        "store: writes fail: busy",
        "store: writes succeed again",
    ]
    child.stdin.write(b"\n")
    await child.wait()


@pytest.mark.gen_test
async def test_a_damaged_page_is_corrupt_where_it_is_met(chat: Chat, opener: Open, data_dir: Path) -> None:
    await chat.say(*("word " * 100 for _ in range(200)))
    await chat.store.close()
    damage_page(data_dir / DATABASE_NAME)
    reopened = await opener()
    with pytest.raises(StoreUnavailable, match="corrupt"):
        await reopened.messages.page(chat.room_id, limit=100, after=50)
    assert (await reopened.messages.page(chat.room_id, limit=5)).messages[-1].seq == 200


@pytest.mark.parametrize("damage", ["garbage", "cut", "foreign"])
@pytest.mark.gen_test
async def test_a_file_that_is_no_database_of_ours_refuses_the_start(
    chat: Chat, opener: Open, data_dir: Path, damage: str
) -> None:
    await chat.say("hello")
    await chat.store.close()
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
        await opener()
    assert "\n" not in str(refused.value)
    if damage != "foreign":
        assert path.read_bytes() == before


@pytest.mark.gen_test
async def test_a_directory_that_cannot_be_used_refuses_the_start(opener: Open, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for where in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartupError) as refused:
            await opener(where)
        assert "\n" not in str(refused.value)
    (tmp_path / "half" / ".restoring").mkdir(parents=True)
    with pytest.raises(StartupError, match="unfinished restore"):
        await opener(tmp_path / "half")


@pytest.mark.gen_test
async def test_the_data_is_private(chat: Chat, data_dir: Path) -> None:
    await chat.say("hello")
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in data_dir.iterdir()} == {0o600}


@pytest.mark.gen_test
async def test_reads_go_on_while_the_writer_is_held(chat: Chat) -> None:
    await chat.say("hello")
    held = BlockingOperation()
    writing = asyncio.ensure_future(chat.store._database.write("held", held))
    await held.wait_began()
    page = await chat.store.messages.page(chat.room_id, limit=5)
    assert [message.content for message in page.messages] == ["hello"]
    assert not writing.done()
    held.release.set()
    assert await writing == "held"


ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.mark.gen_test
async def test_a_read_past_its_deadline_is_ended_and_gives_its_thread_back(opener: Open) -> None:
    made = await chat_in(await opener())
    await made.store.close()
    store = await opener(timeout_s=2.0)
    endless = [
        store._database.read("endless", lambda connection: connection.execute(ENDLESS).fetchall()) for _ in range(4)
    ]
    outcomes = await asyncio.gather(*endless, return_exceptions=True)
    assert all(isinstance(outcome, StoreTimeout) for outcome in outcomes)
    assert await store.rooms.get(made.room_id) is not None


@pytest.mark.gen_test
async def test_waiting_reads_are_bounded(opener: Open, io_loop: IOLoop) -> None:
    chat = await chat_in(await opener())
    readers = chat.store._database._readers
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
    chat: Chat, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.sqlite.transactor.CHECKPOINT_PAGES", 100)
    monkeypatch.setattr("store.sqlite.transactor.CHECKPOINT_URGENT_PAGES", 400)
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            await chat.store.messages.page(chat.room_id, limit=50)

    readers = [asyncio.ensure_future(read()) for _ in range(3)]
    largest_bytes = 0
    for _ in range(60):
        await chat.say(*("x" * 2000 for _ in range(100)))
        largest_bytes = max(largest_bytes, (data_dir / f"{DATABASE_NAME}-wal").stat().st_size)
    done.set()
    await asyncio.gather(*readers)
    assert largest_bytes < 5_000_000  # of 12 MB that were written


@pytest.mark.gen_test
async def test_closing_leaves_one_file(chat: Chat, data_dir: Path) -> None:
    await chat.say("hello")
    await chat.store.close()
    assert [path.name for path in data_dir.iterdir()] == [DATABASE_NAME]
