"""Search on the embedded store: how long one takes, from the use case's call to its result, and what a scan would take.

The messages are of many rooms, most of them small, with words as frequent as in a language; one in ten is not plain
ASCII. A scan is what SQLite's LIKE takes for the newest page, which neither folds accents nor ranks.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import apsw

from bench.histogram import Histogram
from bench.result import GAIN, Figure, Operation
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from monitor.observer import Observer
from store.contract import Store
from store.models import MessageDraft, MessageSearch, RoomDraft
from store.sqlite import open_store

BATCH = 500
PAGE = 50
P95 = 0.95
VOCABULARY = 20_000
COMMON = "common"  # in half of the messages
RARE = "quetzalcoatl"
RARE_EVERY = 5000
LOST = "zzyzx"  # in none
ACCENTED = "crème"  # in one of ten

Timed = Callable[[], Awaitable[object]]


def _run(context: ScenarioContext) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="chat-rooms-bench-") as folder:
        return asyncio.run(_measure(context, Path(folder)))


async def _measure(context: ScenarioContext, folder: Path) -> list[Figure]:
    count, rooms = context.options["messages"], context.options["rooms"]
    store = await open_store(
        folder, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: time.time_ns() // 1_000_000
    )
    try:
        context.step("writing")
        author_id, room_ids = await _fill(store, count, rooms)
        expected: dict[tuple[str, ...], int] = {(RARE,): min(PAGE, len(range(1, count, RARE_EVERY))), (LOST,): 0}
        figures: list[Figure] = []
        for name, search, scanned in _searches(author_id, room_ids):
            context.step(name)
            ours = await _times_ms(partial(store.messages.search, search, limit=PAGE, after=None), context)
            context.findings.operations.append(_operation(name, ours))
            p50, p95 = ours[len(ours) // 2], ours[int(len(ours) * P95)]
            figures += [Figure(f"{name}: p50", p50, "ms"), Figure(f"{name}: p95", p95, "ms")]
            hits, _ = await store.messages.search(search, limit=PAGE, after=None)
            if (wanted := expected.get(search.texts)) is not None and len(hits) != wanted:
                context.failures.add(f"{name}: {len(hits)} were found, not {wanted}")
            if scanned:
                scan_ms = _scan_ms(folder / "chat.db", search)
                figures += [
                    Figure(f"{name}: scan", scan_ms, "ms"),
                    Figure(f"{name}: against a scan", scan_ms / p50, "times quicker", GAIN),
                ]
        for name, prefix in (("a beginning of all words", "wor"), ("a beginning of a rare word", RARE[:4])):
            context.step(name)
            ours = await _times_ms(partial(store.messages.complete, room_ids, prefix, limit=8), context)
            context.findings.operations.append(_operation(f"suggestions for {name}", ours))
            figures.append(Figure(f"suggestions for {name}: p95", ours[int(len(ours) * P95)], "ms"))
        return figures
    finally:
        await store.close()


def _searches(author_id: str, room_ids: Sequence[str]) -> Iterator[tuple[str, MessageSearch, bool]]:
    """Name, query, and whether a scan is compared."""
    every, some, one = (tuple(sorted(rooms)) for rooms in (room_ids, room_ids[-100:], room_ids[-1:]))
    yield "a rare word", MessageSearch(every, texts=(RARE,)), True
    yield "a word of half the messages", MessageSearch(every, texts=(COMMON,)), True
    yield "a word with accents", MessageSearch(every, texts=(ACCENTED,)), True
    yield "three words", MessageSearch(every, texts=(COMMON, "word1", "word2")), True
    yield "a phrase", MessageSearch(every, texts=(f"{COMMON} {RARE}",)), True
    yield "a word that nobody wrote", MessageSearch(every, texts=(LOST,)), True
    yield "a common word, 100 small rooms", MessageSearch(some, texts=(COMMON,)), False
    yield "a common word, one small room", MessageSearch(one, texts=(COMMON,)), False
    yield "a common word of one author", MessageSearch(every, texts=(COMMON,), author_ids=(author_id,)), False
    yield "one author, no words", MessageSearch(every, author_ids=(author_id,)), False
    yield "files, no words, none there", MessageSearch(every, has_file=True), False


async def _fill(store: Store, count: int, rooms: int) -> tuple[str, list[str]]:
    """Write the messages. Returns an author of one message in a thousand, and the rooms: the last has few messages."""
    people = [
        await store.users.create(username=uuid.uuid4().hex, email=uuid.uuid4().hex, password_hash="") for _ in range(2)
    ]
    room_ids = [
        (await store.rooms.create(RoomDraft("bench", None, False, 2), people[0].id)).room.id for _ in range(rooms)
    ]
    for room_id in room_ids:
        await store.members.add(room_id, people[1].id)
    draw = random.Random(1)
    last = len(room_ids) - 1
    for first in range(0, count, BATCH):
        drafts: dict[str, list[MessageDraft]] = {}
        for number in range(first, min(first + BATCH, count)):
            # Some rooms have much, most have little.
            room_id = room_ids[min(int(last * draw.random() ** 3), last - 1)] if number % 10_000 else room_ids[last]
            author = people[number % 1000 == 0]
            drafts.setdefault(room_id, []).append(
                MessageDraft(author.id, "bench", _content(draw, number), f"c{number:012d}")
            )
        await asyncio.gather(*(store.messages.append(room_id, batch) for room_id, batch in drafts.items()))
    return people[1].id, room_ids


def _content(draw: random.Random, number: int) -> str:
    words = [f"word{int(VOCABULARY * draw.random() ** 4)}" for _ in range(draw.randint(4, 20))]
    if draw.random() < 0.5:
        words.append(COMMON)
    if number % RARE_EVERY == 1:
        words.append(RARE)
    if number % 10 == 0:
        words.append(ACCENTED)
    return " ".join(words)


async def _times_ms(search: Timed, context: ScenarioContext) -> list[float]:
    times = []
    for _ in range(context.options["searches"]):
        began_s = time.perf_counter()
        await search()
        times.append((time.perf_counter() - began_s) * 1e3)
    return sorted(times)


def _operation(name: str, times_ms: Sequence[float]) -> Operation:
    """One after the other: the next search begins when the last one is over."""
    latency = Histogram()
    for one_ms in times_ms:
        latency.add(round(one_ms * 1e3))
    return Operation(name, len(times_ms), 0, sum(times_ms) / 1e3, latency)


def _scan_ms(path: Path, search: MessageSearch) -> float:
    """The median time of three scans for the newest page."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    conditions = " AND ".join("content LIKE '%' || ? || '%'" for _ in search.texts)
    statement = f"SELECT row, content FROM messages WHERE {conditions} ORDER BY created_at DESC LIMIT ?"
    times = []
    try:
        for _ in range(3):
            began_s = time.perf_counter()
            connection.execute(statement, (*search.texts, PAGE)).fetchall()
            times.append((time.perf_counter() - began_s) * 1e3)
    finally:
        connection.close()
    return sorted(times)[1]


SCENARIO = Scenario(
    name="search",
    about="Search of messages on SQLite: how long rare and common words take, and how much longer a scan takes.",
    options={
        "messages": Option(100_000, 1000, 10_000_000, "in all rooms"),
        "rooms": Option(1000, 2, 100_000, "of which most are small"),
        "searches": Option(40, 5, 10_000, "of each kind"),
    },
    run=_run,
)
