"""A store with one long room: how many messages a second it acks, and each query in the store's way and a slower one.

It runs on SQLite, and on MongoDB where MONGO_URI is a mongod: a server that only implements MongoDB's protocol gets no
ratio, because that would describe the other server.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec

from bench.errors import BenchError
from bench.scenario_context import ScenarioContext
from bench.store_queries import MongoQueries, Queries, Query, SqliteQueries, one_line_for
from monitor.observer import Observer
from store.contract import Store
from store.models import MessageDraft, RoomDraft, Stored
from store.mongo import MongoOptions
from store.mongo import open_store as open_mongo
from store.sqlite import open_store as open_sqlite

SQLITE, MONGO = "SQLite", "MongoDB"
WRITERS = (1, 10, 100)
BATCH = 500
RARE = "quetzalcoatl"
RARE_EVERY = 5000  # every 5000th message has the word: few have it, and the last of them is far from the head
TURNS = 7

StoreOpener = Callable[[], AbstractAsyncContextManager[Store]]


class QueryComparison(msgspec.Struct, frozen=True):
    """Median seconds of one query in the store's way, and in the slower one."""

    what: str
    ours_s: float
    other_s: float


class DatabaseComparison(msgspec.Struct, frozen=True):
    """`rates`: messages acked a second, by the number of writers."""

    name: str
    rates: Mapping[int, float]
    queries: list[QueryComparison]


def compare_databases(
    context: ScenarioContext, *, messages: int, write_s: float, turn_s: float
) -> Iterator[DatabaseComparison]:
    """Measure SQLite, and MongoDB where there is a mongod. Write for `write_s` with each number of writers, if any.

    A MongoDB that cannot be used is a failure of the context; which servers were seen is in its facts.
    """
    uri = os.environ.get("MONGO_URI")
    with tempfile.TemporaryDirectory(prefix="chat-rooms-bench-") as folder:
        data_dir = Path(folder)
        measurement = _Measurement(context, messages=messages, write_s=write_s, turn_s=turn_s)
        yield measurement.run(SQLITE, _sqlite(data_dir), lambda: SqliteQueries(data_dir / "chat.db"))
    if uri:
        try:
            with one_line_for(uri):
                database = f"bench-{uuid.uuid4().hex[:8]}"
                if _is_mongod(context, uri, database):
                    yield measurement.run(MONGO, _mongo(uri, database), lambda: MongoQueries(uri, database))
        except BenchError as error:  # what was measured before is kept
            context.failures.add(str(error))


def _is_mongod(context: ScenarioContext, uri: str, database: str) -> bool:
    seen = MongoQueries(uri, database)
    context.server_facts["mongodb"] = seen.server
    seen.close()
    return seen.is_real


class _Measurement:
    """The same on each database."""

    def __init__(self, context: ScenarioContext, *, messages: int, write_s: float, turn_s: float) -> None:
        self._context = context
        self._messages = messages
        self._write_s = write_s
        self._turn_s = turn_s

    def run(self, name: str, open_store: StoreOpener, queries: Callable[[], Queries]) -> DatabaseComparison:
        self._context.step(f"{name}: writing")
        rates, room_id = asyncio.run(self._write(open_store))
        database = queries()
        try:
            self._context.server_facts[name.lower()] = database.server
            count = self._messages
            compared = []
            for what, (ours, other) in database.pairs(room_id, head=count, depth=count * 9 // 10, word=RARE).items():
                self._context.step(f"{name}: {what}")
                compared.append(QueryComparison(what, *_alternate(ours, other, self._turn_s)))
            return DatabaseComparison(name, rates, compared)
        finally:
            database.close()

    async def _write(self, open_store: StoreOpener) -> tuple[Mapping[int, float], str]:
        """The rates by number of writers, and the id of a room with all the messages."""
        async with open_store() as store:
            user = await store.users.create(username=uuid.uuid4().hex, email=uuid.uuid4().hex, password_hash="")
            rooms = [(await store.rooms.create(RoomDraft("bench", None, False, 2), user.id)).room.id for _ in range(2)]
            numbers = iter(range(10**9))

            def draft(number: int) -> MessageDraft:
                words = RARE if number % RARE_EVERY == 1 else "lorem ipsum dolor sit amet"
                return MessageDraft(
                    user.id, "bench", f"{number} {words} consectetur adipiscing elit", f"c{number:012d}"
                )

            rates = {}
            for writers in WRITERS if self._write_s else ():
                until_s = time.monotonic() + self._write_s

                async def write(until_s: float = until_s) -> int:
                    mine = 0
                    while time.monotonic() < until_s:
                        (outcome,) = await store.messages.append(rooms[0], [draft(next(numbers))])
                        mine += isinstance(outcome, Stored) and not outcome.duplicate
                    return mine

                began_s = time.monotonic()
                acked = sum(await asyncio.gather(*(write() for _ in range(writers))))
                rates[writers] = acked / (time.monotonic() - began_s)
            count = self._messages
            for start in range(0, count, BATCH):
                await store.messages.append(rooms[1], [draft(next(numbers)) for _ in range(min(BATCH, count - start))])
            heads = await store.rooms.heads(rooms)
            if heads[rooms[1]].seq != count:
                self._context.failures.add(f"{count} messages were acked, the head is {heads[rooms[1]].seq}")
        return rates, rooms[1]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


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


def _alternate(ours: Query, other: Query, turn_s: float) -> tuple[float, float]:
    """Median seconds of one query in both ways, which alternate, so that a disturbance affects both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for ask, kept in ((ours, times[0]), (other, times[1])):
            began_s, count = time.perf_counter(), 0
            while not count or time.perf_counter() - began_s < turn_s:
                ask()
                count += 1
            kept.append((time.perf_counter() - began_s) / count)
    return statistics.median(times[0]), statistics.median(times[1])
