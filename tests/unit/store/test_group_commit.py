from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tornado.ioloop import IOLoop

from store.errors import Missing, StoreTimeout, StoreUnavailable
from store.group_commit import GroupCommitWriter
from store.sqlite.connection import open_writing
from store.sqlite.write_transactions import Transactor
from tests.support.waiting import until_on_loop
from tests.unit.store.conftest import BlockingOperation, CountingObserver

Writer = GroupCommitWriter[apsw.Connection]


class FailingObserver(CountingObserver):
    """An Observer that raises in the reports named in `fails`."""

    __slots__ = ("fails",)

    def __init__(self, *fails: str) -> None:
        super().__init__()
        self.fails = set(fails)

    def store_operation(self, name: str, seconds: float, failure: str | None = None) -> None:
        if "operation" in self.fails:
            raise LookupError("clumsy")
        super().store_operation(name, seconds, failure)

    def store_commit(self, operations: int, seconds: float) -> None:
        if "commit" in self.fails:
            raise LookupError("clumsy")
        super().store_commit(operations, seconds)


class FailingMaintenance(Transactor):
    """Its maintenance raises an unexpected error `failures` times."""

    failures = 0

    def maintain(self) -> None:
        if self.failures:
            self.failures -= 1
            raise LookupError("careless")
        super().maintain()


class NumbersTable:
    """A writer on a file with one table of numbers."""

    def __init__(self, path: Path, observer: CountingObserver, io_loop: IOLoop) -> None:
        path.touch()
        self.path = path
        connection = open_writing(path, busy_timeout_s=1)
        connection.execute("CREATE TABLE numbers (n INTEGER UNIQUE)")
        self.transactor = FailingMaintenance(path=path, connection=connection, queue_path=None, busy_timeout_s=1)
        self._observer = observer
        self._io_loop = io_loop
        self.writers: list[Writer] = []

    def writer(self, **bounds: Any) -> Writer:
        settings = {"timeout_s": 5.0, "observer": self._observer, **bounds}
        self.writers.append(GroupCommitWriter(transactor=self.transactor, **settings))
        return self.writers[-1]

    def numbers(self) -> list[int]:
        """The numbers in the table, read on a new connection."""
        connection = apsw.Connection(str(self.path))
        try:
            return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]
        finally:
            connection.close()


@pytest.fixture
def table(tmp_path: Path, observer: CountingObserver, io_loop: IOLoop) -> Iterator[NumbersTable]:
    made = NumbersTable(tmp_path / "numbers.db", observer, io_loop)
    yield made
    for writer in made.writers:
        io_loop.run_sync(writer.close, timeout=30)


def insert(n: int) -> Any:
    def operation(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO numbers VALUES (?)", (n,))
        return n

    return operation


@pytest.mark.gen_test
async def test_what_arrives_while_a_commit_runs_shares_the_next(
    table: NumbersTable, observer: CountingObserver
) -> None:
    writer, held = table.writer(), BlockingOperation()
    first = writer.submit("held", held)
    await held.wait_began()
    others = [writer.submit("insert", insert(n)) for n in range(50)]
    assert writer.pending == 51
    held.release.set()
    assert await asyncio.gather(first, *others) == ["held", *range(50)]
    assert observer.commits == [1, 50]
    assert writer.pending == 0


@pytest.mark.gen_test
async def test_what_one_turn_of_the_loop_brings_shares_a_commit(
    table: NumbersTable, observer: CountingObserver
) -> None:
    writer = table.writer()
    await asyncio.gather(*(writer.submit("insert", insert(n)) for n in range(10)))
    assert observer.commits == [10]


@pytest.mark.gen_test
async def test_a_batch_is_capped_by_count_and_by_bytes(table: NumbersTable, observer: CountingObserver) -> None:
    writer = table.writer(batch_max_operations=4, batch_max_bytes=100)
    await asyncio.gather(*(writer.submit("insert", insert(n)) for n in range(10)))
    assert observer.commits == [4, 4, 2]
    observer.commits.clear()
    sizes = [60, 60, 40, 500, 1]
    await asyncio.gather(*(writer.submit("insert", insert(100 + n), size_bytes=size) for n, size in enumerate(sizes)))
    assert observer.commits == [1, 2, 1, 1]


@pytest.mark.gen_test
async def test_joined_writes_of_a_batch_are_one_call(table: NumbersTable) -> None:
    writer = table.writer()
    calls: list[list[int]] = []

    def insert_all(connection: apsw.Connection, numbers: Any) -> list[int]:
        calls.append(list(numbers))
        connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in numbers])
        return [n * 10 for n in numbers]

    writes = [writer.submit_batched("insert", insert_all, n) for n in range(3)]
    assert await asyncio.gather(*writes, writer.submit("insert", insert(9))) == [0, 10, 20, 9]
    assert calls == [[0, 1, 2]]


# ---- outcomes by callback ----------------------------------------------------------------------------------------


class Outcomes:
    """Notes what the callbacks are called with."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    def note(self, name: str) -> Callable[[Any, Exception | None], None]:
        return lambda value, error: self.seen.append((name, value if error is None else type(error)))


def insert_each(connection: apsw.Connection, numbers: Any) -> list[int]:
    connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in numbers])
    return [n * 10 for n in numbers]


@pytest.mark.gen_test
async def test_a_callback_has_its_outcome_in_the_turn_in_which_the_commit_ends(table: NumbersTable) -> None:
    writer, outcomes = table.writer(), Outcomes()
    turns: list[str] = []
    loop = asyncio.get_running_loop()
    awaited = writer.submit_batched("insert", insert_each, 1)
    awaited.add_done_callback(lambda _: turns.append("future"))

    def note(value: Any, error: Exception | None) -> None:
        turns.append("callback")
        loop.call_soon(turns.append, "turn after the callback")
        outcomes.note("b")(value, error)

    writer.submit_batched_then("insert", insert_each, 2, note)
    assert await awaited == 10
    await asyncio.sleep(0)
    assert outcomes.seen == [("b", 20)]
    assert turns == ["callback", "future", "turn after the callback"]
    assert table.numbers() == [1, 2]


@pytest.mark.gen_test
async def test_a_callback_gets_the_error_of_its_write_and_one_that_raises_harms_no_other(
    table: NumbersTable, caplog: pytest.LogCaptureFixture
) -> None:
    writer, outcomes = table.writer(), Outcomes()

    def refuse(connection: apsw.Connection, arguments: Any) -> list[Any]:
        raise Missing("room")

    def clumsy(value: Any, error: Exception | None) -> None:
        outcomes.note("clumsy")(value, error)
        raise LookupError("clumsy")

    writer.submit_batched_then("insert", insert_each, 1, clumsy)
    writer.submit_batched_then("refused", refuse, None, outcomes.note("refused"))
    assert await writer.submit("insert", insert(2)) == 2
    assert outcomes.seen == [("clumsy", 10), ("refused", Missing)]
    assert (table.numbers(), writer.pending) == ([1, 2], 0)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["clumsy"]
    caplog.clear()


@pytest.mark.gen_test
async def test_a_callback_may_submit_the_next_write(table: NumbersTable, observer: CountingObserver) -> None:
    writer, outcomes = table.writer(), Outcomes()

    def again(value: Any, error: Exception | None) -> None:
        writer.submit_batched_then("insert", insert_each, 2, outcomes.note("second"))

    writer.submit_batched_then("insert", insert_each, 1, again)
    await until_on_loop(lambda: outcomes.seen)
    assert (outcomes.seen, observer.commits, writer.pending) == ([("second", 20)], [1, 1], 0)


@pytest.mark.gen_test
async def test_a_deadline_is_a_callbacks_outcome_and_a_late_commit_calls_it_no_more(
    table: NumbersTable, observer: CountingObserver
) -> None:
    writer, held, outcomes = table.writer(timeout_s=1.0), BlockingOperation(), Outcomes()

    def hold_and_insert(connection: apsw.Connection, numbers: Any) -> list[int]:
        held(connection)
        return insert_each(connection, numbers)

    writer.submit_batched_then("running", hold_and_insert, 1, outcomes.note("running"))
    await held.wait_began()
    writer.submit_batched_then("waiting", insert_each, 2, outcomes.note("waiting"))
    await until_on_loop(lambda: len(outcomes.seen) == 2)
    assert outcomes.seen == [("running", StoreTimeout), ("waiting", StoreTimeout)]
    writer._timeout_s = 30.0
    held.release.set()
    assert await writer.submit("later", insert(3)) == 3
    assert (table.numbers(), len(outcomes.seen), writer.pending) == ([1, 3], 2, 0)


@pytest.mark.gen_test
async def test_a_callback_of_a_full_or_closed_queue_is_not_called(table: NumbersTable) -> None:
    writer, held, outcomes = table.writer(pending_max_operations=1), BlockingOperation(), Outcomes()
    running = writer.submit("held", held)
    await held.wait_began()
    with pytest.raises(StoreUnavailable, match="stalled"):
        writer.submit_batched_then("insert", insert_each, 1, outcomes.note("refused"))
    held.release.set()
    await running
    await writer.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        writer.submit_batched_then("insert", insert_each, 1, outcomes.note("refused"))
    assert outcomes.seen == []


# ---- errors, bounds and deadlines --------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_a_domain_error_undoes_its_own_write_and_no_other(table: NumbersTable) -> None:
    writer = table.writer()

    def write_then_refuse(connection: apsw.Connection) -> None:
        insert(2)(connection)
        raise Missing("room")

    outcomes = await asyncio.gather(
        writer.submit("a", insert(1)), writer.submit("b", write_then_refuse), writer.submit("c", insert(3)),
        return_exceptions=True,
    )  # fmt: skip
    assert (outcomes[0], outcomes[2]) == (1, 3)
    assert isinstance(outcomes[1], Missing)
    assert table.numbers() == [1, 3]


@pytest.mark.gen_test
async def test_an_unguarded_write_that_fails_takes_no_other_with_it(
    table: NumbersTable, observer: CountingObserver
) -> None:
    writer = table.writer()

    def poisoned(connection: apsw.Connection, numbers: Any) -> list[int]:
        connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in numbers])
        return list(numbers)

    outcomes = await asyncio.gather(
        writer.submit("a", insert(1), guarded=False),
        writer.submit("b", insert(1), guarded=False),
        writer.submit_batched("c", poisoned, 7),
        writer.submit_batched("c", poisoned, 7),
        return_exceptions=True,
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1, 7]
    assert sum(isinstance(outcome, apsw.ConstraintError) for outcome in outcomes) == 2
    assert table.numbers() == [1, 7]
    assert [failure for _, failure in observer.operations].count("internal") == 2


@pytest.mark.gen_test
async def test_a_full_queue_refuses_at_once_and_without_effect(table: NumbersTable, observer: CountingObserver) -> None:
    writer, held = table.writer(pending_max_operations=3), BlockingOperation()
    accepted = [writer.submit("held", held)]
    await held.wait_began()
    accepted += [writer.submit("insert", insert(n)) for n in range(2)]
    with pytest.raises(StoreUnavailable, match="stalled"):
        writer.submit("insert", insert(99))
    held.release.set()
    await asyncio.gather(*accepted)
    assert await writer.submit("insert", insert(5)) == 5
    assert table.numbers() == [0, 1, 5]
    assert ("insert", "stalled") in observer.operations


@pytest.mark.gen_test
async def test_the_queue_is_bounded_by_bytes_too_and_they_are_given_back(table: NumbersTable) -> None:
    writer = table.writer(pending_max_bytes=100)
    for n in range(5):
        first = writer.submit("insert", insert(n), size_bytes=70)
        with pytest.raises(StoreUnavailable, match="stalled"):
            writer.submit("insert", insert(99), size_bytes=40)
        await first


@pytest.mark.gen_test
async def test_a_deadline_ends_the_wait_of_who_runs_and_of_who_waits(
    table: NumbersTable, observer: CountingObserver
) -> None:
    writer, held = table.writer(timeout_s=1.0), BlockingOperation()

    def hold_and_insert(connection: apsw.Connection) -> None:
        held(connection)
        insert(1)(connection)

    running = writer.submit("running", hold_and_insert)
    await held.wait_began()
    waiting = writer.submit("waiting", insert(2))
    outcomes = await asyncio.gather(running, waiting, return_exceptions=True)
    assert all(isinstance(outcome, StoreTimeout) for outcome in outcomes)
    writer._timeout_s = 30.0
    held.release.set()
    assert await writer.submit("later", insert(3)) == 3
    # The running write was committed, the waiting one was dropped.
    assert table.numbers() == [1, 3]
    assert observer.operations[:2] == [("running", "timeout"), ("waiting", "timeout")]
    assert writer.pending == 0


@pytest.mark.gen_test
async def test_who_is_cancelled_while_waiting_writes_nothing_and_disturbs_nobody(table: NumbersTable) -> None:
    writer, held = table.writer(), BlockingOperation()
    running = writer.submit("held", held)
    await held.wait_began()
    cancelled, kept = writer.submit("insert", insert(1)), writer.submit("insert", insert(2))
    cancelled.cancel()
    running.cancel()
    held.release.set()
    assert await kept == 2
    assert table.numbers() == [2]
    assert writer.pending == 0


@pytest.mark.parametrize("reported", ["commit", "operation"])
@pytest.mark.gen_test
async def test_an_observer_that_raises_holds_up_no_write(
    table: NumbersTable, reported: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing = FailingObserver(reported)
    writer, held = table.writer(observer=failing), BlockingOperation()
    first = writer.submit("held", held)
    await held.wait_began()
    waiting = [writer.submit("insert", insert(n), size_bytes=1) for n in range(3)]
    held.release.set()
    assert await asyncio.gather(first, *waiting) == ["held", 0, 1, 2]
    assert await writer.submit("later", insert(3)) == 3
    assert table.numbers() == [0, 1, 2, 3]
    assert (writer.pending, writer._pending_bytes) == (0, 0)
    assert {str(record.exc_info[1]) for record in caplog.records if record.exc_info} == {"clumsy"}
    caplog.clear()


@pytest.mark.gen_test
async def test_an_observer_that_raises_takes_nobodys_deadline(
    table: NumbersTable, caplog: pytest.LogCaptureFixture
) -> None:
    failing = FailingObserver("operation")
    writer, held = table.writer(observer=failing, timeout_s=1.0), BlockingOperation()
    writes = [writer.submit("held", held)]
    await held.wait_began()
    writes += [writer.submit("waiting", insert(n)) for n in range(2)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreTimeout] * 3
    with pytest.raises(StoreTimeout):
        await writer.submit("later", insert(3))
    writer._timeout_s = 30.0
    held.release.set()
    failing.fails.clear()
    assert await writer.submit("after", insert(4)) == 4
    assert table.numbers() == [4]
    caplog.clear()


@pytest.mark.gen_test
async def test_housekeeping_that_fails_is_told_once_and_ends_no_thread(
    table: NumbersTable, caplog: pytest.LogCaptureFixture
) -> None:
    table.transactor.failures = 3
    writer = table.writer()
    with caplog.at_level(logging.INFO, "store"):
        for n in range(5):
            assert await writer.submit("insert", insert(n)) == n
    assert [record.getMessage() for record in caplog.records] == ["housekeeping of the store failed unexpectedly"]
    table.transactor.failures = 1
    assert await writer.submit("insert", insert(5)) == 5
    assert await writer.submit("insert", insert(6)) == 6
    assert len(caplog.records) == 2, "that it failed again is told again"
    caplog.clear()


@pytest.mark.gen_test
async def test_closing_settles_what_was_accepted(table: NumbersTable) -> None:
    writer = table.writer(batch_max_operations=3)
    writes = [writer.submit("insert", insert(n)) for n in range(10)]
    await writer.close()
    assert [write.result() for write in writes] == list(range(10))
    with pytest.raises(StoreUnavailable, match="closed"):
        writer.submit("insert", insert(11))


@pytest.mark.gen_test
async def test_closing_does_not_wait_for_ever_for_a_stuck_disk(
    table: NumbersTable, caplog: pytest.LogCaptureFixture
) -> None:
    writer, held = table.writer(timeout_s=1.0), BlockingOperation()
    stuck = writer.submit("held", held)
    await held.wait_began()
    with caplog.at_level(logging.WARNING):
        await writer.close()
    assert isinstance(stuck.exception(), StoreTimeout)
    assert "did not finish" in caplog.text
    held.release.set()
