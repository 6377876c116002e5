"""Minutes of the history are written to a real store, and read from it after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tornado.ioloop import IOLoop

from monitor.history import History
from monitor.history_minute import MinutePoint
from monitor.history_writer import Append, HistoryWriter
from monitor.observer import Observer
from store.sqlite import SqliteStore, open_store

MINUTE = 30_000_000
START_S = MINUTE * 60.0


class HistoryStore:
    """A store on disk that several processes open, one after the other, to keep their history."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.now_s = START_S
        self.store: SqliteStore | None = None
        self.appended: list[int] = []

    async def open(self) -> None:
        self.store = await open_store(
            self._folder,
            timeout_s=60,
            group_commit=True,
            observer=Observer(),
            now_ms=lambda: int(self.now_s * 1000),
            slow_ms=60_000,
        )

    async def close(self) -> None:
        if self.store is not None:
            await self.store.close()

    async def append(self, points: Sequence[MinutePoint]) -> None:
        assert self.store is not None
        self.appended.append(len(points))
        await self.store.monitoring.append("a", points)

    async def forget(self, before: int) -> int:
        assert self.store is not None
        return await self.store.monitoring.forget(before)

    async def older(self, metric: str, since: int, until: int, step: int) -> list[MinutePoint]:
        assert self.store is not None
        return await self.store.monitoring.read("a", metric, since_minute=since, until_minute=until, step_minutes=step)

    def process(
        self, *, retention_days: int = 7, append: Append | None = None, close_within_s: float = 5
    ) -> tuple[History, HistoryWriter]:
        """The history and the writer of a process that has just started. `append` takes the place of the store's."""
        history = History(interval_s=5, older=self.older, retention_days=retention_days)
        history_writer = HistoryWriter(
            history=history,
            append=append or self.append,
            forget=self.forget,
            retention_days=retention_days,
            now=lambda: self.now_s,
            close_within_s=close_within_s,
        )
        return history, history_writer

    def sample(self, history: History, value: float, after_s: float = 5.0) -> bool:
        self.now_s += after_s
        return history.add(self.now_s, {"cpu": value})


@pytest.fixture
def kept(tmp_path: Path, io_loop: IOLoop) -> Iterator[HistoryStore]:
    made = HistoryStore(tmp_path / "data")
    io_loop.run_sync(made.open)
    yield made
    io_loop.run_sync(made.close)


async def minutes_of(kept: HistoryStore) -> list[int]:
    return [point.minute - MINUTE for point in await kept.older("cpu", 0, 2 * MINUTE, 1)]


@pytest.mark.gen_test
async def test_each_minute_that_is_over_is_written_once_in_one_batch(kept: HistoryStore) -> None:
    history, history_writer = kept.process()
    for n in range(60):
        if kept.sample(history, float(n)):
            history_writer.on_minute_over()
            await history_writer.settle()
    assert await minutes_of(kept) == [0, 1, 2, 3, 4]
    assert kept.appended == [1] * 5
    await history_writer.close()
    assert await minutes_of(kept) == [0, 1, 2, 3, 4, 5]


@pytest.mark.gen_test
async def test_the_history_goes_on_after_a_restart(kept: HistoryStore) -> None:
    history, history_writer = kept.process()
    for value in (1.0, 50.0, 1.0):
        kept.sample(history, value)
    await history_writer.close()
    await kept.close()
    await kept.open()
    history, history_writer = kept.process()
    kept.sample(history, 2.0)
    for minutes in (60, 1440, 7 * 1440):
        shown = msgspec.to_builtins(await history.query("cpu", minutes, now_s=kept.now_s))
        assert (shown["max"], shown["min"], len(shown["points"])) == (50.0, 1.0, 1)
    await history_writer.close()


@pytest.mark.gen_test
async def test_what_cannot_be_written_is_told_once_and_written_later(
    kept: HistoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    history, history_writer = kept.process()
    await kept.close()
    for n in range(12 * 45):
        if kept.sample(history, float(n)):
            history_writer.on_minute_over()
            await history_writer.settle()
    assert len(kept.appended) == 45 - 1 + (kept.now_s % 60 == 0)
    assert [record.getMessage() for record in caplog.records] == ["the history is not kept: closed"]
    await kept.open()
    kept.sample(history, 1.0, 60.0)
    history_writer.on_minute_over()
    await history_writer.settle()
    assert await minutes_of(kept) == list(range(46))
    assert [record.getMessage() for record in caplog.records][1:] == ["the history is kept again"]


@pytest.mark.gen_test
async def test_a_slow_store_gets_no_second_batch_and_the_minutes_go_with_the_next(
    kept: HistoryStore,
) -> None:
    release = asyncio.Event()

    async def slowly(points: Sequence[MinutePoint]) -> None:
        await kept.append(points)
        await release.wait()

    history, history_writer = kept.process(append=slowly)
    for n in range(49):
        if kept.sample(history, float(n)):
            history_writer.on_minute_over()
            await asyncio.sleep(0)
    release.set()
    await history_writer.settle()
    history_writer.on_minute_over()
    await history_writer.settle()
    assert kept.appended == [1, 3]
    assert await minutes_of(kept) == [0, 1, 2, 3]


@pytest.mark.gen_test
async def test_what_is_older_than_the_retention_is_forgotten_once_an_hour(kept: HistoryStore) -> None:
    await kept.append([MinutePoint("cpu", MINUTE - days * 1440 - 5, 1.0, 1.0, 1.0, 1) for days in (0, 1, 2, 3)])
    history, history_writer = kept.process(retention_days=2)
    await finish_minute(kept, history, history_writer)
    assert await minutes_of(kept) == [-1445, -5, 0]
    await kept.append([MinutePoint("cpu", MINUTE - 5000, 1.0, 1.0, 1.0, 1)])
    await finish_minute(kept, history, history_writer)
    assert (await minutes_of(kept))[0] == -5000
    kept.now_s += 3600
    await finish_minute(kept, history, history_writer)
    assert (await minutes_of(kept))[0] == -1445


@pytest.mark.gen_test
async def test_with_no_retention_nothing_is_written_and_what_was_kept_before_is_forgotten(
    kept: HistoryStore,
) -> None:
    await kept.append([MinutePoint("cpu", MINUTE - minutes, 1.0, 1.0, 1.0, 1) for minutes in range(5000)])
    history, history_writer = kept.process(retention_days=0)
    await finish_minute(kept, history, history_writer)
    assert await minutes_of(kept) == []
    await finish_minute(kept, history, history_writer)
    await history_writer.close()
    assert await minutes_of(kept) == []


@pytest.mark.gen_test
async def test_closing_does_not_wait_for_a_store_that_hangs(
    kept: HistoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def never(points: Sequence[MinutePoint]) -> None:
        await asyncio.Event().wait()

    history, history_writer = kept.process(append=never, close_within_s=0.2)
    kept.sample(history, 1.0)
    began_s = asyncio.get_running_loop().time()
    await history_writer.close()
    assert asyncio.get_running_loop().time() - began_s < 20
    assert [record.getMessage() for record in caplog.records] == ["the last of the history is not kept: no answer"]
    history_writer.on_minute_over()
    assert len(asyncio.all_tasks()) == 1  # this one


async def finish_minute(kept: HistoryStore, history: History, history_writer: HistoryWriter) -> None:
    """A sample in the next minute, and what comes of it."""
    kept.sample(history, 1.0)
    assert kept.sample(history, 1.0, 60.0)
    history_writer.on_minute_over()
    await history_writer.settle()
