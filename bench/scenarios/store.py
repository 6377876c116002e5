"""The store alone, without a server: the gain of group commit, indexes, keyset pages, the text index and a pool.

Every figure but the rates is the ratio of two ways to run the same query, taken in turns in one run. It runs on SQLite,
and on MongoDB where MONGO_URI is a mongod: a server that only implements MongoDB's protocol gets no ratio, because that
would describe the other server.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.result import GAIN, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from bench.store_queries import MongoQueries, Queries, Query, SqliteQueries, one_line_for
from monitor.observer import Observer
from store.contract import Store
from store.models import MessageDraft, RoomDraft, Stored
from store.mongo import MongoOptions
from store.mongo import open_store as open_mongo
from store.sqlite import open_store as open_sqlite

WRITERS = (1, 10, 100)
BATCH = 500
RARE = "quetzalcoatl"
RARE_EVERY = 5000  # every 5000th message has the word: few have it, and the last of them is far from the head
TURNS = 7
TURN_S = 0.25

StoreOpener = Callable[[], AbstractAsyncContextManager[Store]]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _run(context: ScenarioContext) -> list[Figure]:
    uri = os.environ.get("MONGO_URI")
    with tempfile.TemporaryDirectory(prefix="chat-rooms-bench-") as folder:
        data_dir = Path(folder)
        figures = _measure(context, "SQLite", _sqlite(data_dir), lambda: SqliteQueries(data_dir / "chat.db"))
    if uri:
        try:
            with one_line_for(uri):
                figures += _measure_mongo(context, uri)
        except BenchError as error:  # keep what was measured before
            context.failures.add(str(error))
    return figures


def _measure_mongo(context: ScenarioContext, uri: str) -> list[Figure]:
    database = f"bench-{uuid.uuid4().hex[:8]}"
    seen = MongoQueries(uri, database)
    context.server_facts["mongodb"] = seen.server
    seen.close()
    if not seen.is_real:
        return []
    return _measure(context, "MongoDB", _mongo(uri, database), lambda: MongoQueries(uri, database))


def _measure(
    context: ScenarioContext, name: str, open_store: StoreOpener, queries: Callable[[], Queries]
) -> list[Figure]:
    count, seconds = context.options["messages"], context.options["seconds"]
    context.step(f"{name}: writing")
    rates, room_id = asyncio.run(_write(context, open_store, count, seconds))
    database = queries()
    try:
        context.server_facts[name.lower()] = database.server
        figures = [Figure(f"{name}: acked, {writers} writers", rate, "messages/s") for writers, rate in rates.items()]
        for what, (ours, other) in database.pairs(room_id, head=count, depth=count * 9 // 10, word=RARE).items():
            context.step(f"{name}: {what}")
            ours_s, other_s = _alternate(ours, other)
            figures += [
                Figure(f"{name}: {what}", other_s / ours_s, "times quicker", GAIN),
                Figure(f"{name}: {what}: ours", ours_s * 1e3, "ms"),
            ]
        return figures
    finally:
        database.close()


async def _write(
    context: ScenarioContext, open_store: StoreOpener, count: int, seconds: float
) -> tuple[Mapping[int, float], str]:
    """The rates by number of writers, and the id of a room with `count` messages."""
    async with open_store() as store:
        user = await store.users.create(username=uuid.uuid4().hex, email=uuid.uuid4().hex, password_hash="")
        rooms = [(await store.rooms.create(RoomDraft("bench", None, False, 2), user.id)).room.id for _ in range(2)]
        numbers = iter(range(10**9))

        def draft(number: int) -> MessageDraft:
            words = RARE if number % RARE_EVERY == 1 else "lorem ipsum dolor sit amet"
            return MessageDraft(user.id, "bench", f"{number} {words} consectetur adipiscing elit", f"c{number:012d}")

        rates = {}
        for writers in WRITERS:
            until_s = time.monotonic() + seconds

            async def write(until_s: float = until_s) -> int:
                mine = 0
                while time.monotonic() < until_s:
                    (outcome,) = await store.messages.append(rooms[0], [draft(next(numbers))])
                    mine += isinstance(outcome, Stored) and not outcome.duplicate
                return mine

            began_s = time.monotonic()
            acked = sum(await asyncio.gather(*(write() for _ in range(writers))))
            rates[writers] = acked / (time.monotonic() - began_s)
        for start in range(0, count, BATCH):
            await store.messages.append(rooms[1], [draft(next(numbers)) for _ in range(min(BATCH, count - start))])
        heads = await store.rooms.heads(rooms)
        if heads[rooms[1]].seq != count:
            context.failures.add(f"{count} messages were acked, the head is {heads[rooms[1]].seq}")
    return rates, rooms[1]


def _sqlite(data_dir: Path) -> StoreOpener:
    @asynccontextmanager
    async def open_store() -> AsyncIterator[Store]:
        store = await open_sqlite(data_dir, timeout_s=30, group_commit=True, observer=Observer(), now_ms=_now_ms)
        try:
            yield store
        finally:
            await store.close()

    return open_store


def _mongo(uri: str, database: str) -> StoreOpener:
    @asynccontextmanager
    async def open_store() -> AsyncIterator[Store]:
        options = MongoOptions(uri=uri, db_name=database)
        store = await open_mongo(options, timeout_s=30, group_commit=True, observer=Observer(), now_ms=_now_ms)
        try:
            yield store
        finally:
            await store.close()

    return open_store


def _alternate(ours: Query, other: Query) -> tuple[float, float]:
    """Median seconds of one query in both ways, which alternate, so that a disturbance affects both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for ask, kept in ((ours, times[0]), (other, times[1])):
            began_s, count = time.perf_counter(), 0
            while not count or time.perf_counter() - began_s < TURN_S:
                ask()
                count += 1
            kept.append((time.perf_counter() - began_s) / count)
    return statistics.median(times[0]), statistics.median(times[1])


SCENARIO = Scenario(
    name="store",
    about="The store alone: group commit, and what its indexes, keyset pages, text index and pool are worth.",
    options={
        "messages": Option(100_000, 1000, 10_000_000, "in the room that is asked for"),
        "seconds": Option(3, 1, 60, "of writing, for each number of writers"),
    },
    run=_run,
)
