"""Reads that share a reader: an error, a long one, and a write between them affect no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tornado.ioloop import IOLoop

from monitor.observer import Observer
from store.errors import StoreTimeout, StoreUnavailable
from store.sqlite.connection import DATABASE_NAME, open_reading
from store.sqlite.read_connections import ReaderPool
from tests.unit.store.conftest import BlockingOperation, Open, StoreWithRoom, damage_page

Start = Callable[..., ReaderPool]

UNTIL_OVER = (
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE NOT is_over()) SELECT count(*) FROM c"
)


@pytest.fixture
def start_readers(data_dir: Path, io_loop: IOLoop) -> Iterator[Start]:
    """A function that starts a pool of one reader on the store's file. All are closed at the end."""
    pools: list[ReaderPool] = []

    def started(**options: Any) -> ReaderPool:
        connection = open_reading(data_dir / DATABASE_NAME, busy_timeout_s=1)
        usual: dict[str, Any] = {
            "connections": [connection],
            "observer": Observer(),
            "timeout_s": 60.0,
            "failed": lambda: None,
        }
        pools.append(ReaderPool(**usual | options))
        return pools[-1]

    yield started
    for pool in pools:
        io_loop.run_sync(pool.close, timeout=60)


def count(connection: apsw.Connection) -> int:
    """How many messages the snapshot has."""
    number: int = connection.execute("SELECT count(*) FROM messages").get
    return number


def checkpoint(data_dir: Path) -> None:
    """Checkpoint and truncate the write-ahead log. Raises BusyError while a snapshot needs it."""
    connection = apsw.Connection(str(data_dir / DATABASE_NAME))
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        connection.close()


async def run_late(reading: Awaitable[Any], held: BlockingOperation) -> None:
    """Let a held read continue after its deadline has passed."""
    with pytest.raises(StoreTimeout):
        await reading
    held.release.set()


@pytest.mark.gen_test
async def test_a_read_that_ends_after_its_deadline_spoils_no_later_one_and_holds_no_snapshot(
    room_store: StoreWithRoom, data_dir: Path, start_readers: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that the deadline is checked also in BEGIN and COMMIT
    monkeypatch.setattr("store.sqlite.read_thread.PROGRESS_STEPS", 2)
    await room_store.say("before")
    readers = start_readers(timeout_s=2.0)
    held = BlockingOperation()

    def count_late(connection: apsw.Connection) -> tuple[int, str]:
        return count(connection), held(connection)

    await run_late(readers.read("late", count_late), held)
    readers._timeout_s = 60.0  # of reads before their deadline
    await room_store.say("after")
    assert await asyncio.gather(*(readers.read("count", count) for _ in range(10))) == [2] * 10
    checkpoint(data_dir)


@pytest.mark.gen_test
async def test_a_read_that_raises_leaves_no_transaction(
    room_store: StoreWithRoom, data_dir: Path, start_readers: Start
) -> None:
    await room_store.say("before")
    readers = start_readers()

    def count_and_raise(connection: apsw.Connection) -> None:
        raise LookupError(count(connection))

    with pytest.raises(LookupError, match="1"):
        await readers.read("raises", count_and_raise)
    await room_store.say("after")
    checkpoint(data_dir)
    assert await readers.read("count", count) == 2


@pytest.mark.gen_test
async def test_a_read_that_waits_behind_another_sees_what_was_written_before_it_was_asked_for(
    room_store: StoreWithRoom, start_readers: Start
) -> None:
    await room_store.say("before")
    readers = start_readers()
    held = BlockingOperation()

    def count_and_hold(connection: apsw.Connection) -> int:
        number = count(connection)
        held(connection)
        return number

    first = asyncio.ensure_future(readers.read("held", count_and_hold))
    await held.wait_began()
    await room_store.say("meanwhile")
    later = [asyncio.ensure_future(readers.read("count", count)) for _ in range(3)]
    held.release.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2, 2, 2]


@pytest.mark.gen_test
async def test_what_is_read_is_told_while_a_later_statement_of_the_same_reader_runs(
    room_store: StoreWithRoom, start_readers: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.sqlite.read_thread.PROGRESS_STEPS", 100)
    await room_store.say("before")
    readers = start_readers()
    is_over = False

    def run_until_over(connection: apsw.Connection) -> int:
        connection.create_scalar_function("is_over", lambda: is_over)
        number: int = connection.execute(UNTIL_OVER).get
        return number

    quick, slow = (asyncio.ensure_future(readers.read("read", one)) for one in (count, run_until_over))
    assert await quick == 1
    assert not slow.done()
    is_over = True
    assert await slow > 0


FAILED, AGAIN = "store: a read failed: corrupt", "store: reads succeed again"


@pytest.mark.parametrize(("calm_s", "lines"), [(0.0, [FAILED, AGAIN] * 2), (3600.0, [FAILED])])
@pytest.mark.gen_test
async def test_an_outage_of_reads_is_told_once_and_so_is_its_end_once_none_has_failed_for_a_while(
    room_store: StoreWithRoom,
    open_sqlite: Open,
    data_dir: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    calm_s: float,
    lines: list[str],
) -> None:
    monkeypatch.setattr("store.sqlite.read_connections.CALM_S", calm_s)
    await room_store.say(*("word " * 100 for _ in range(200)))
    await room_store.store.close()
    damage_page(data_dir / DATABASE_NAME)
    messages = (await open_sqlite()).messages
    with caplog.at_level(logging.INFO, "store"):
        for _ in range(2):
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match="corrupt"):
                    await messages.page(room_store.room_id, limit=100, after=50)
            for _ in range(3):
                assert (await messages.page(room_store.room_id, limit=5)).messages[-1].seq == 200
    assert [record.getMessage() for record in caplog.records] == lines
