"""The same questions to the chat's parts with Redis, with a process's own cache and without one; and the hits of a mix.

All ways run on one SQLite store and are asked in turns. Each answer is checked: it must hold every message that was
acked before the question. As in a server, permissions are trusted for some seconds (`TRUST_S` of
app/composition/chat.py), with Redis so are users and totals, and what is kept in front of Redis is for 0.9 s; after
that each costs one miss. No other value expires during a run.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from app import settings
from app.composition.storage import build_storage
from app.settings import Settings
from bench.in_process_chat import InProcessChat, open_chat
from bench.redis_process import UNSET
from bench.room_population import WORDS, RoomPopulation
from bench.scenario_context import ScenarioContext
from chat.request_context import RequestContext
from chat.request_inputs.messages import History, SendMessage
from handlers.codec.json_codec import encode_result
from monitor.observer import Observer
from store.contract import Store
from store.models import User

PAGE = 50
NONE, MEMORY, REDIS = "not cached", "memory", "Redis"
NEWEST, USER, STATS = f"newest {PAGE}", "user", "room stats"
REDIS_ELSEWHERE = f"{REDIS}, nobody of the room here"

Ask = Callable[[], Awaitable[object]]


class CacheLoad(msgspec.Struct, frozen=True):
    """`askers` ask at once, in `turns` of `turn_s` for each way, or for `mixed_s` where they read and write.

    `asking` members of each room ask the questions, so the permissions of that many are trusted or asked for again.
    """

    rooms: int
    asking: int
    messages: int
    askers: int
    turns: int
    turn_s: float
    mixed_s: float


class CacheComparison(msgspec.Struct, frozen=True):
    """The median seconds of one request, by way."""

    what: str
    askers: int
    medians_s: Mapping[str, float]


class MixedLoad(msgspec.Struct, frozen=True):
    """`hit_percent` by kind of value, and `all_hit_percent` of all reads; None where nothing was read from a cache."""

    each_s: float
    hit_percent: Mapping[str, float | None]
    all_hit_percent: float | None


class _Seq(msgspec.Struct):
    seq: int


class _Page(msgspec.Struct):
    messages: list[_Seq]


_page = msgspec.json.Decoder(_Page)
_message = msgspec.json.Decoder(_Seq)


class CacheWays:
    """One store with rooms, and each way to ask for what is in them. Made by `open_cache_ways`."""

    def __init__(
        self, *, context: ScenarioContext, load: CacheLoad, store: Store, chosen: Mapping[str, Settings]
    ) -> None:
        self._context = context
        self._load = load
        self._store = store
        self._chosen = chosen
        self._population = RoomPopulation(asking=load.asking)

    async def populate(self) -> None:
        self._context.step("writing")
        await self._population.populate(self._store, rooms=self._load.rooms, messages=self._load.messages)

    @property
    def cached(self) -> list[str]:
        """The ways that have a cache."""
        return [name for name in self._chosen if name != NONE]

    async def compare(self, askers_of: Iterable[int]) -> list[CacheComparison]:
        """Ask each question in each way, for each number of askers at once."""
        async with AsyncExitStack() as stack:
            ways = {
                name: await stack.enter_async_context(open_chat(self._store, how, name=f"bench {name}"))
                for name, how in self._chosen.items()
            }
            elsewhere = None
            if REDIS in ways:
                await ways[REDIS].hold(self._population.members)
                elsewhere = await stack.enter_async_context(
                    open_chat(self._store, self._chosen[REDIS], name="bench elsewhere")
                )
            for chat in ways.values():
                await _warm(chat, self._population)
            questions = _questions(ways, elsewhere, self._population)
            return [
                await self._compared(what, asked, askers) for askers in askers_of for what, asked in questions.items()
            ]

    async def _compared(self, what: str, asked: Mapping[str, Ask], askers: int) -> CacheComparison:
        """The ways alternate, so that a disturbance affects all alike."""
        self._context.step(f"{what}, {askers} at once")
        times: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(self._load.turns):
            for name, ask in asked.items():
                times[name].append(await _each_s(ask, askers, seconds=self._load.turn_s))
        return CacheComparison(what, askers, {name: statistics.median(each) for name, each in times.items()})

    async def mix(self, name: str) -> MixedLoad:
        """Read and write at once in one way, made anew: it would not be told of what another way wrote."""
        self._context.step(f"reading and writing, {name}")
        async with open_chat(self._store, self._chosen[name], name=f"bench {name}") as chat:
            await chat.hold(self._population.members)
            await _warm(chat, self._population)
            before = _outcomes(chat)
            began_s = time.perf_counter()
            until_s = began_s + self._load.mixed_s
            counts = await asyncio.gather(
                *(_send_requests(self._context, chat, self._population, until_s) for _ in range(self._load.askers))
            )
            each_s = (time.perf_counter() - began_s) / sum(counts)
            outcomes = _outcomes(chat)
            outcomes.subtract(before)
        kinds = sorted({kind for kind, _ in outcomes})
        return MixedLoad(each_s, {kind: _rate(outcomes, [kind]) for kind in kinds}, _rate(outcomes, kinds))


@asynccontextmanager
async def open_cache_ways(
    context: ScenarioContext, load: CacheLoad, redis_environ: Mapping[str, str] | None
) -> AsyncIterator[CacheWays]:
    """Fill a store in a directory of its own, removed at the end. Without `redis_environ` no way uses Redis."""
    with tempfile.TemporaryDirectory(prefix="chat-rooms-bench-") as folder:
        alone = UNSET | {"DATA_DIR": folder}
        chosen = {
            NONE: settings.load({}, alone | {"CACHE_ENABLED": "false"}),
            MEMORY: settings.load({}, alone),
        }
        if redis_environ is not None:
            chosen[REDIS] = settings.load({}, {**redis_environ, "DATA_DIR": folder})
        async with build_storage(list(chosen.values())[-1], Observer()) as storage:
            context.server_facts["store"] = storage.store.name
            ways = CacheWays(context=context, load=load, store=storage.store, chosen=chosen)
            await ways.populate()
            yield ways


async def _warm(chat: InProcessChat, population: RoomPopulation) -> None:
    """Read everything once, so that no first miss is counted."""
    for room_id, members in population.members.items():
        await asyncio.gather(*(_stats(chat, room_id, member) for member in members))
        await asyncio.gather(*(_user(chat, room_id, member) for member in members))
        await _newest(chat, room_id, members[0])


def _questions(
    ways: Mapping[str, InProcessChat], elsewhere: InProcessChat | None, population: RoomPopulation
) -> dict[str, dict[str, Ask]]:
    """Of each question, how each way answers it; `elsewhere` uses Redis and holds no room."""

    def page(chat: InProcessChat) -> Ask:
        return lambda: _newest(chat, *population.anywhere())

    def user(chat: InProcessChat) -> Ask:
        return lambda: _user(chat, *population.anywhere())

    def stats(chat: InProcessChat) -> Ask:
        return lambda: _stats(chat, *population.anywhere())

    asked = {NEWEST: page, USER: user, STATS: stats}
    questions = {what: {name: ask(chat) for name, chat in ways.items()} for what, ask in asked.items()}
    if elsewhere is not None:
        questions[NEWEST][REDIS_ELSEWHERE] = page(elsewhere)
    return questions


async def _newest(chat: InProcessChat, room_id: str, user: User) -> bytes:
    return encode_result(await chat.messages.history(user.id, History(room_id, PAGE)))


async def _user(chat: InProcessChat, room_id: str, user: User) -> bytes:
    return encode_result(await chat.profiles.shown_user(user.id))


async def _stats(chat: InProcessChat, room_id: str, user: User) -> bytes:
    return encode_result(await chat.rooms.stats(room_id, user.id))


async def _each_s(ask: Ask, askers: int, *, seconds: float) -> float:
    """Seconds for each request, `askers` at once."""
    began_s = time.perf_counter()
    until_s = began_s + seconds

    async def keep_asking() -> int:
        count = 0
        while True:  # at least once: the machine may stand still for a whole turn, and the count is a divisor
            await ask()
            count += 1
            if time.perf_counter() >= until_s:
                return count

    asked = sum(await asyncio.gather(*(keep_asking() for _ in range(askers))))
    return (time.perf_counter() - began_s) / asked


def _outcomes(chat: InProcessChat) -> Counter[tuple[str, str]]:
    rows = chat.shared.counts.by_kind().items()
    return Counter(
        {(kind, outcome): count for kind, row in rows for outcome, count in row.items() if outcome != "meanMs"}
    )


def _rate(outcomes: Mapping[tuple[str, str], int], kinds: Sequence[str]) -> float | None:
    hits, misses = (sum(outcomes[kind, outcome] for kind in kinds) for outcome in ("hits", "misses"))
    return 100 * hits / (hits + misses) if hits + misses else None


async def _send_requests(
    context: ScenarioContext, chat: InProcessChat, population: RoomPopulation, until_s: float
) -> int:
    """Make requests for one member after another; returns their number. A missing acked message is a failure."""
    count = 0
    while time.perf_counter() < until_s:
        room_id, user = population.where_it_is_busy()
        request, acked = population.request(), population.heads[room_id]
        count += 1
        seen = acked
        if request == "page":
            seen = _page.decode(await _newest(chat, room_id, user)).messages[-1].seq
        elif request == "user":
            await _user(chat, room_id, user)
        elif request == "stats":
            seen = (await chat.rooms.stats(room_id, user.id)).message_count
        elif request == "membership":
            await chat.rooms.read_by(room_id, user.id)
        else:
            posted = await chat.messages.post(RequestContext("", "ws", user), SendMessage(room_id, f"{count} {WORDS}"))
            seq = _message.decode(posted.message).seq
            population.heads[room_id] = max(population.heads[room_id], seq)
        if seen < acked:
            context.failures.add(f"{request}: {acked} messages were acked, it knows {seen}")
    return count
