"""The cost of publishing a message to the other processes: CPU time of the bench's own process on a Redis bus.

It is measured at a slow rate, where each message wakes the loop and costs a write and a reply of its own, and at a fast
rate, where the messages of one commit go out in one write. Beside each stretch of publishing runs one that wakes as
often and publishes nothing; the figure is the difference. The floor publishes the same bytes with `send()` and `recv()`
alone. Two further figures: publishing with what a post does besides (extend the cached page, invalidate values), and
publishing in a process that has connections in the room and so receives its own events.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

import msgspec

from app import settings
from app.composition.cluster import Cluster, build_cluster
from bench.errors import BenchError
from bench.redis_process import RedisProcess
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from cache import message_page, room_totals
from cache.keys_and_ttls import CacheTtls, Keys
from cluster.contract import Bus
from cluster.events import RoomMessages
from cluster.topics import room_topic

ROOMS = 100
ANSWERED_S = 0.05  # time for the replies to the last messages of a stretch
GC = (10_000, 50, 100)
PUBLISH, POST, TO_SUBSCRIBERS = "publish", "publish and update the cache", "publish where the room is open"

Publish = Callable[[int], Awaitable[None]]


class _Stretch(msgspec.Struct, frozen=True):
    """One stretch of publishing: messages, event loop turns, and CPU time in seconds."""

    messages: int
    turns: int
    cpu_s: float


class _Publisher:
    """Does what a process does for a stored message. `count` is the number of published messages."""

    def __init__(self, shared: Cluster, event: bytes) -> None:
        self.count = 0
        self._shared = shared
        self._event = event
        self._keys = Keys(CacheTtls(messages_s=1800, users_s=300, stats_s=600))
        self._topics = [room_topic(f"room-{number}") for number in range(ROOMS)]
        shared.bus.start(receive=lambda topic, event: None)

    async def nothing(self, number: int) -> None:
        """Publish nothing."""

    async def publish(self, number: int) -> None:
        self.count += 1
        room = number % ROOMS
        self._shared.bus.publish(self._topics[room], RoomMessages(f"room-{room}", number, (self._event,)))

    async def post(self, number: int) -> None:
        keys, room_id = self._keys, f"room-{number % ROOMS}"
        self._shared.cache.update(keys.page(room_id), message_page.append(number, (self._event,)))
        self._shared.cache.update(keys.stats(room_id), room_totals.advance(number, "2026-01-31T12:00:00.000Z"))
        await self.publish(number)

    @contextlib.asynccontextmanager
    async def subscribed(self, is_subscribed: bool) -> AsyncIterator[None]:
        """While the context is open, this process has subscribed to the rooms if `is_subscribed`."""
        topics = self._topics if is_subscribed else []
        for topic in topics:
            await self._shared.bus.subscribe(topic)
        yield
        for topic in topics:
            await self._shared.bus.unsubscribe(topic)
        await asyncio.sleep(ANSWERED_S)


class _BareSocketPublisher:
    """The floor: sends the same bytes on a socket, one `send()` in a loop turn; drops the replies unread."""

    def __init__(self, address: tuple[str, int], payload: bytes) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setblocking(False)
        self._command = b"*3\r\n$7\r\nPUBLISH\r\n$11\r\nbench-floor\r\n$%d\r\n%s\r\n" % (len(payload), payload)
        self._waiting = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._socket.recv, 65_536)

    async def publish(self, number: int) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting += 1

    def _flush(self) -> None:
        self._socket.send(self._command * self._waiting)
        self._waiting = 0

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()


def _run(context: ScenarioContext) -> list[Figure]:
    with RedisProcess() as redis:
        found, count = asyncio.run(_measure(context, redis))
        arrived = redis.calls("publish")
    if arrived < count:
        context.failures.add(f"{count} messages were published, {arrived} came to Redis")
    return found


async def _measure(context: ScenarioContext, redis: RedisProcess) -> tuple[list[Figure], int]:
    """The figures, and the number of published messages."""
    event = b"x" * context.options["bytes"]
    async with build_cluster(settings.load({}, redis.environ), process_id="bench") as shared:
        if _is_lost(shared.bus):
            raise BenchError("the bus did not connect to the redis-server")
        publisher = _Publisher(shared, event)
        found = []
        with contextlib.closing(_BareSocketPublisher(redis.address, event)) as bare, _collecting_as_a_server_does():
            for rate in (context.options["slow"], context.options["fast"]):
                context.step(f"publishing {rate:,} a second")
                found += await _at(context, rate, publisher, bare)
        if _is_lost(shared.bus):
            context.failures.add("the bus was lost")
        return found, publisher.count


def _is_lost(bus: Bus) -> bool:
    return bus.lost


async def _at(context: ScenarioContext, rate: int, publisher: _Publisher, bare: _BareSocketPublisher) -> list[Figure]:
    """The medians over the turns. Each turn measures every way, so that a disturbance affects all alike."""
    floor = "floor: bare send() and recv()"
    ways: Mapping[str, Publish] = {
        floor: bare.publish,
        PUBLISH: publisher.publish,
        POST: publisher.post,
        TO_SUBSCRIBERS: publisher.publish,
    }
    costs_us: dict[str, list[float]] = {name: [] for name in ways}
    in_turn: list[float] = []
    for _ in range(context.options["turns"]):
        idle = await _stretch(context, rate, publisher.nothing)
        for name, publish_one in ways.items():
            async with publisher.subscribed(name == TO_SUBSCRIBERS):
                busy = await _stretch(context, rate, publish_one)
            costs_us[name].append((busy.cpu_s - idle.cpu_s) * 1e6 / busy.messages)
            in_turn.append(busy.messages / busy.turns)
    medians = {name: statistics.median(each) for name, each in costs_us.items()}
    return [
        *(Figure(f"{rate:,}/s: {name}", cost_us, "µs a message", CPU) for name, cost_us in medians.items()),
        Figure(f"{rate:,}/s: {PUBLISH} over floor", medians[PUBLISH] / medians[floor], "times"),
        Figure(f"{rate:,}/s: messages in a turn of the loop", statistics.mean(in_turn), ""),
    ]


async def _stretch(context: ScenarioContext, rate: int, publish_one: Publish) -> _Stretch:
    """Publish at a steady rate; the messages of one simulated commit are published together."""
    commit_s = context.options["commit_us"] / 1e6
    wanted = max(1, rate * context.options["turn_ms"] // 1000)
    messages = turns = 0
    began_cpu_s, began_s = time.process_time(), time.perf_counter()
    while messages < wanted:
        due = min(wanted, 1 + int((time.perf_counter() - began_s) * rate))
        turns += 1
        while messages < due:
            messages += 1
            await publish_one(messages)
        await asyncio.sleep(max(commit_s, began_s + messages / rate - time.perf_counter()))
    await asyncio.sleep(ANSWERED_S)
    return _Stretch(messages, turns, time.process_time() - began_cpu_s)


@contextlib.contextmanager
def _collecting_as_a_server_does() -> Iterator[None]:
    """Runs the garbage collector as app/lifecycle.py sets it."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


SCENARIO = Scenario(
    name="publish",
    about="The CPU that a process pays for telling the others of a message: one at a time, and many.",
    options={
        "slow": Option(50, 1, 500, "messages a second"),
        "fast": Option(5000, 500, 50_000, "messages a second"),
        "commit_us": Option(1000, 100, 100_000, "that a commit takes, and messages gather"),
        "bytes": Option(420, 20, 10_000, "an encoded message"),
        "turns": Option(3, 1, 100, "in which each way has a stretch, at each rate"),
        "turn_ms": Option(500, 50, 60_000, "of each way, at each rate"),
    },
    run=_run,
)
