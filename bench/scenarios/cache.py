"""The cache alone, without a server: the cost of a request with Redis, with a process's own cache, and without a cache.

All three ways run on one SQLite store, in turns within one run, with a redis-server of the bench's own. They call what
the handlers call. The first figure of a question is a time, the others are ratios to it. After that, members of rooms
of which a few are busy read and write at once, and the share of reads that hit the cache is counted. Each answer is
checked: it must hold every message that was acked before the question. As in a server, permissions are trusted for some
seconds (`TRUST_S` of app/composition/chat.py), with Redis so are users and totals, and what is kept in front of Redis
is for 0.9 s; after that each costs one miss. No other value expires during a run. In the questions one member asks in
each room, again and again; in the mixed load all do.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import msgspec

from app import settings
from app.composition.storage import build_storage
from bench.in_process_chat import InProcessChat, open_chat
from bench.redis_process import RedisProcess
from bench.result import Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from chat.request_context import RequestContext
from chat.request_inputs.messages import History, SendMessage
from handlers.codec.json_codec import encode_result
from monitor.observer import Observer
from store.contract import Store
from store.models import MessageDraft, RoomDraft, Stored, User

PAGE = 50
USERS = 100
MEMBERS = 20  # of each room
NONE, MEMORY, REDIS = "not cached", "memory", "Redis"
MIX = {"page": 30, "user": 30, "stats": 15, "membership": 15, "post": 10}  # of a hundred requests
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit"

Ask = Callable[[], Awaitable[object]]


class _Seq(msgspec.Struct):
    seq: int


class _Page(msgspec.Struct):
    messages: list[_Seq]


_page = msgspec.json.Decoder(_Page)
_message = msgspec.json.Decoder(_Seq)


class _Population:
    """Rooms and their members; `heads` are the acked heads by room."""

    def __init__(self) -> None:
        self.members: dict[str, list[User]] = {}
        self.heads: dict[str, int] = {}
        self._dice = random.Random(5)
        self._weights: list[float] = []

    async def populate(self, store: Store, *, rooms: int, messages: int) -> None:
        users = [
            await store.users.create(username=f"u{n}", email=f"u{n}@example.com", password_hash="")
            for n in range(USERS)
        ]
        for number in range(rooms):
            members = [users[(number * 7 + place) % USERS] for place in range(MEMBERS)]
            room = (await store.rooms.create(RoomDraft(f"room {number}", None, False, USERS), members[0].id)).room
            await asyncio.gather(*(store.members.add(room.id, one.id) for one in members[1:]))
            writers = itertools.islice(itertools.cycle(members), messages)
            drafts = [MessageDraft(one.id, one.username, f"{n} {WORDS}", f"c{n}") for n, one in enumerate(writers)]
            stored = await store.messages.append(room.id, drafts)
            self.members[room.id] = members
            self.heads[room.id] = sum(isinstance(outcome, Stored) for outcome in stored)
        self._weights = list(itertools.accumulate(1 / (place + 1) for place in range(rooms)))

    def anywhere(self) -> tuple[str, User]:
        """A room, each equally often, and the member who asks there."""
        room_id = self._dice.choice(list(self.members))
        return room_id, self.members[room_id][0]

    def where_it_is_busy(self) -> tuple[str, User]:
        """A room and one of its members; the n-th room is chosen 1/n as often as the first (Zipf)."""
        return self._member_of(self._dice.choices(list(self.members), cum_weights=self._weights)[0])

    def request(self) -> str:
        """A kind of request, in the proportions of MIX."""
        return self._dice.choices(list(MIX), weights=list(MIX.values()))[0]

    def _member_of(self, room_id: str) -> tuple[str, User]:
        return room_id, self._dice.choice(self.members[room_id])


def _run(context: ScenarioContext) -> list[Figure]:
    with RedisProcess() as redis, tempfile.TemporaryDirectory(prefix="chat-rooms-bench-") as folder:
        return asyncio.run(_measure(context, redis.environ | {"DATA_DIR": folder}))


async def _measure(context: ScenarioContext, environ: dict[str, str]) -> list[Figure]:
    alone = environ | {"REDIS_HOST": ""}
    chosen = {
        NONE: settings.load({}, alone | {"CACHE_ENABLED": "false"}),
        MEMORY: settings.load({}, alone),
        REDIS: settings.load({}, environ),
    }
    async with AsyncExitStack() as stack:
        store = (await stack.enter_async_context(build_storage(chosen[REDIS], Observer()))).store
        context.server_facts["store"] = store.name
        context.step("writing")
        population = _Population()
        await population.populate(store, rooms=context.options["rooms"], messages=context.options["messages"])
        figures = []
        async with AsyncExitStack() as asking:
            ways = {
                name: await asking.enter_async_context(open_chat(store, how, name=f"bench {name}"))
                for name, how in chosen.items()
            }
            await ways[REDIS].hold(population.members)
            elsewhere = await asking.enter_async_context(open_chat(store, chosen[REDIS], name="bench elsewhere"))
            for chat in ways.values():
                await _warm(chat, population)
            for askers in (1, context.options["askers"]):
                for what, asked in _questions(ways, elsewhere, population).items():
                    context.step(f"{what}, {askers} at once")
                    figures += await _compared(context, f"{what}, {askers} at once", asked, askers)
        for name, how in chosen.items():  # made anew: a way is not notified of what another wrote
            context.step(f"reading and writing, {name}")
            async with open_chat(store, how, name=f"bench {name}") as chat:
                await chat.hold(population.members)
                await _warm(chat, population)
                figures += await _mixed(context, name, chat, population)
        return figures


async def _warm(chat: InProcessChat, population: _Population) -> None:
    """Read everything once, so that no first miss is counted."""
    for room_id, members in population.members.items():
        await asyncio.gather(*(_stats(chat, room_id, member) for member in members))
        await asyncio.gather(*(_user(chat, room_id, member) for member in members))
        await _newest(chat, room_id, members[0])


# ---- one question, answered in each way ------------------------------------------------------------------------------


def _questions(
    ways: Mapping[str, InProcessChat], elsewhere: InProcessChat, population: _Population
) -> dict[str, dict[str, Ask]]:
    """Of each question, how each way answers it; `elsewhere` uses Redis and holds no room."""

    def page(chat: InProcessChat) -> Ask:
        return lambda: _newest(chat, *population.anywhere())

    def user(chat: InProcessChat) -> Ask:
        return lambda: _user(chat, *population.anywhere())

    def stats(chat: InProcessChat) -> Ask:
        return lambda: _stats(chat, *population.anywhere())

    async def page_elsewhere() -> bytes:
        room_id, user = population.anywhere()
        page = await elsewhere.messages.history(user.id, History(room_id, PAGE))
        return encode_result(page)

    asked = {f"newest {PAGE}": page, "user": user, "room stats": stats}
    questions = {what: {name: ask(chat) for name, chat in ways.items()} for what, ask in asked.items()}
    questions[f"newest {PAGE}"][f"{REDIS}, nobody of the room here"] = page_elsewhere
    return questions


async def _newest(chat: InProcessChat, room_id: str, user: User) -> bytes:
    return encode_result(await chat.messages.history(user.id, History(room_id, PAGE)))


async def _user(chat: InProcessChat, room_id: str, user: User) -> bytes:
    return encode_result(await chat.profiles.shown_user(user.id))


async def _stats(chat: InProcessChat, room_id: str, user: User) -> bytes:
    return encode_result(await chat.rooms.stats(room_id, user.id))


async def _compared(context: ScenarioContext, what: str, asked: Mapping[str, Ask], askers: int) -> list[Figure]:
    """Median time of a request in each way; the ways alternate, so that a disturbance affects all alike."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(context.options["turns"]):
        for name, ask in asked.items():
            times[name].append(await _each_s(ask, askers, seconds=context.options["turn_ms"] / 1000))
    medians = {name: statistics.median(each) for name, each in times.items()}
    others = [name for name in asked if name != NONE]
    return [
        Figure(f"{what}: {NONE}", medians[NONE] * 1e3, "ms"),
        *(Figure(f"{what}: {name}", medians[NONE] / medians[name], "times quicker") for name in others),
    ]


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


# ---- reading and writing at once -------------------------------------------------------------------------------------


async def _mixed(context: ScenarioContext, name: str, chat: InProcessChat, population: _Population) -> list[Figure]:
    before = chat.shared.counts.by_kind()
    began_s = time.perf_counter()
    until_s = began_s + context.options["seconds"]
    counts = await asyncio.gather(
        *(_send_requests(context, chat, population, until_s) for _ in range(context.options["askers"]))
    )
    each_s = (time.perf_counter() - began_s) / sum(counts)
    after = chat.shared.counts.by_kind()
    outcomes = Counter(
        {(kind, outcome): count for kind, row in after.items() for outcome, count in row.items() if outcome != "meanMs"}
    )
    outcomes.subtract(
        {
            (kind, outcome): count
            for kind, row in before.items()
            for outcome, count in row.items()
            if outcome != "meanMs"
        }
    )
    kinds = sorted({kind for kind, _ in outcomes})
    rates = [Figure(f"mixed, {name}: hits of {kind} reads", _rate(outcomes, [kind]), "%") for kind in kinds]
    whole = [Figure(f"mixed, {name}: hits of all reads", _rate(outcomes, kinds), "%")] if kinds else []
    return [Figure(f"mixed, {name}: a request", each_s * 1e3, "ms"), *whole, *rates]


def _rate(outcomes: Mapping[tuple[str, str], int], kinds: Sequence[str]) -> float | None:
    hits, misses = (sum(outcomes[kind, outcome] for kind in kinds) for outcome in ("hits", "misses"))
    return 100 * hits / (hits + misses) if hits + misses else None


async def _send_requests(context: ScenarioContext, chat: InProcessChat, population: _Population, until_s: float) -> int:
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


SCENARIO = Scenario(
    name="cache",
    about=(
        "The cache alone: a request with Redis and with a process's own cache against "
        "none, and how many reads are hits."
    ),
    options={
        "rooms": Option(100, 1, 1000, f"of {MEMBERS} members each"),
        "messages": Option(200, 100, 10_000, "in each room"),
        "askers": Option(50, 2, 500, "at once"),
        "turns": Option(5, 1, 100, "in which each way answers each question"),
        "turn_ms": Option(150, 10, 10_000, "of one way of answering"),
        "seconds": Option(5, 1, 60, "of reading and writing, in each way"),
    },
    run=_run,
)
