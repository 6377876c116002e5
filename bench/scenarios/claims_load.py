"""The claims about a server under load: latencies, memory, time in the database, connections of one process.

Two servers begin with the same rooms, each connection a user of its own: one as it is by default, one with every switch
off. In turns each gets a closed loop, in which a sender sends its next message when the last was acked and delivered
back to it; a median of the turns counts. A rate by the clock would show no difference where both hold it, for commits
gather only what waits; where the slower does not hold it, its latency has no mean, but grows for as long as it lasts.

Then the first alone gets the requests of the report, by the clock: a request is a message that is stored and acked, its
time counts from when it was due. At the end more connections come, and a message for each room.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from bench import client_limits, figure_builders, machine, rest_client
from bench.claim import Claim, JudgedClaim, judge, not_measurable
from bench.errors import BenchError
from bench.histogram import merged
from bench.loaded_rooms import LoadedRooms, LoadResult
from bench.measured_server import MeasuredServer
from bench.result import Operation, Usage
from bench.scenario_context import ScenarioContext
from bench.seeded_rooms import SeededRooms, seed

OFF = {"CACHE_ENABLED": "false", "STORE_GROUP_COMMIT": "false", "WS_COALESCE": "false"}
ROOM_SIZE = 5  # more cost the load client more than the server, and then it limits the closed loop
CONTENT_BYTES = 64
TURNS = 3
_WARM_UP_S = 1
_AT_ONCE = 200
_CONNECT_WITHIN_S = 120
_SWITCHES = ", ".join(OFF)

SEND = Claim(name="send to delivery, mean", unit="ms", switch=_SWITCHES, before=200, at_most=60)
DATABASE = Claim(name="operation of the database, mean", unit="ms", switch=_SWITCHES, before=150, at_most=60)
LESS_MEMORY = Claim(name="memory after the closed loop", unit="MB", switch=_SWITCHES, before=300, at_most=250)
MEMORY = Claim(name="memory after the requests", unit="MB", at_most=250)
REQUESTS = Claim(name="requests", unit="", at_least=50_000)
WEBSOCKETS = Claim(name="WebSockets meanwhile", unit="", at_least=5_000)
MEAN = Claim(name="time of a request, mean", unit="ms", at_most=65)
P95 = Claim(name="time of a request, p95", unit="ms", at_most=120)
P99 = Claim(name="time of a request, p99", unit="ms", at_most=180)
ERRORS = Claim(name="requests that failed", unit="%", at_most=0.1)
CONNECTIONS = Claim(name="connections of one process", unit="", before=1_000, at_least=10_000)
CLAIMS = [SEND, DATABASE, LESS_MEMORY, MEMORY, REQUESTS, WEBSOCKETS, MEAN, P95, P99, ERRORS, CONNECTIONS]


class _DatabaseTime(msgspec.Struct, frozen=True):
    """Operations of the store so far and how long they took, as the server itself counts (GET /metrics/database)."""

    operations: int = 0
    total_ms: float = 0.0

    def __sub__(self, other: _DatabaseTime) -> _DatabaseTime:
        return _DatabaseTime(self.operations - other.operations, self.total_ms - other.total_ms)

    @property
    def mean_ms(self) -> float:
        return self.total_ms / max(1, self.operations)


class _Setup(msgspec.Struct):
    """One server, and the results of its turns of the closed loop."""

    name: str
    rooms: LoadedRooms
    loads: list[LoadResult] = []
    database_ms: list[float] = []

    def send_ms(self) -> float | None:
        """From the send of a message to its delivery back to its sender: the median of the turns' means."""
        means = [mean for load in self.loads if (mean := load.own_delivery().mean_ms()) is not None]
        return statistics.median(means) if means else None

    def rss_mb(self) -> float | None:
        rss = self.rooms.server.rss_bytes()
        return None if rss is None else rss / 1e6

    @property
    def messages(self) -> int:
        return sum(load.messages for load in self.loads)

    @property
    def is_client_bound(self) -> bool:
        return any(client_limits.reason(load) is not None for load in self.loads)

    def operation(self) -> Operation:
        spent_s = [load.cpu_s for load in self.loads if load.cpu_s is not None]
        return Operation(
            f"{self.name}, closed loop: message to own delivery",
            self.messages,
            self.messages - sum(load.acked for load in self.loads),
            sum(load.sending_s for load in self.loads),
            merged(load.own_delivery().counts() for load in self.loads),
            Usage(sum(spent_s) if len(spent_s) == len(self.loads) else None, self.rooms.server.rss_bytes()),
            self.is_client_bound,
        )


def judged(context: ScenarioContext) -> Iterator[JudgedClaim]:
    """Measure."""
    connections, most = context.options["connections"], context.options["most"]
    refusal = _refusal(max(connections, most))
    rooms = max(1, connections // ROOM_SIZE)
    with tempfile.TemporaryDirectory(prefix="chat-rooms-bench-") as folder, ExitStack() as stack:
        context.step("writing users and rooms")
        seeded = asyncio.run(seed(Path(folder, "on"), rooms=rooms, users=connections))
        shutil.copytree(Path(folder, "on"), Path(folder, "off"))
        with ExitStack() as compared:
            off = _set_up(context, compared, "switched off", OFF, Path(folder, "off"), seeded)
            on = _set_up(context, stack, "as it is", {}, Path(folder, "on"), seeded)
            yield from _compared(context, on, off)
        yield from _requested(context, on)
        if refusal is None:
            yield _connected(context, on, rooms)
        else:
            yield not_measurable(CONNECTIONS, refusal)


def _refusal(connections: int) -> str | None:
    """Why this machine allows fewer connections; None if it does not."""
    try:
        machine.allow_connections(connections)  # before the client processes start, which inherit the limit
    except BenchError as error:
        return str(error)
    return None


def _set_up(
    context: ScenarioContext,
    stack: ExitStack,
    name: str,
    environ: Mapping[str, str],
    data_dir: Path,
    seeded: SeededRooms,
) -> _Setup:
    server = stack.enter_context(context.server(environ, data_dir=data_dir))
    count = context.options["connections"]
    rooms = stack.enter_context(context.rooms([server], connections=count, seeded=seeded))
    context.step(f"{name}: connecting")
    rooms.connect(count, at_once=_AT_ONCE, within_s=_CONNECT_WITHIN_S)
    return _Setup(name, rooms)


def _compared(context: ScenarioContext, on: _Setup, off: _Setup) -> Iterator[JudgedClaim]:
    for setup in (on, off):
        context.step(f"{setup.name}: warming up")
        _closed_loop(context, setup, _WARM_UP_S)
    for turn in range(TURNS):
        for setup in (on, off) if turn % 2 else (off, on):
            context.step(f"{setup.name}: a closed loop")
            before = _database_time(setup.rooms.server)
            setup.loads.append(_closed_loop(context, setup, context.options["loop_ms"] / 1000))
            setup.database_ms.append((_database_time(setup.rooms.server) - before).mean_ms)
    context.findings.operations += [on.operation(), off.operation()]
    note = "limited by the load client" if on.is_client_bound else ""
    yield judge(SEND, on.send_ms(), without=off.send_ms(), note=note)
    yield judge(DATABASE, statistics.median(on.database_ms), without=statistics.median(off.database_ms))
    taken = f"it took {on.messages / max(1, off.messages):.1f} times as many messages"
    yield judge(LESS_MEMORY, on.rss_mb(), without=off.rss_mb(), note=taken)


def _closed_loop(context: ScenarioContext, setup: _Setup, seconds: float) -> LoadResult:
    senders = min(context.options["senders"], context.options["connections"])
    return setup.rooms.send(senders=senders, rate_per_s=None, seconds=seconds, content_bytes=CONTENT_BYTES)


def _requested(context: ScenarioContext, on: _Setup) -> Iterator[JudgedClaim]:
    context.step("requests by the clock")
    connections, rate = context.options["connections"], context.options["rate"]
    load = on.rooms.send(
        senders=connections,
        rate_per_s=rate,
        seconds=context.options["requests"] / rate,
        content_bytes=CONTENT_BYTES,
        may_refuse=True,
    )
    figure_builders.note_load(context.findings, "requests", load)
    due = load.messages + sum(window.unsent for window in load.windows)
    ack = load.ack()
    yield judge(MEMORY, on.rss_mb())
    yield judge(REQUESTS, due)
    yield judge(WEBSOCKETS, sum(snapshot.open for snapshot in load.snapshots))
    yield judge(MEAN, ack.mean_ms())
    yield judge(P95, ack.percentile_ms(95))
    yield judge(P99, ack.percentile_ms(99))
    yield judge(ERRORS, 100 * (due - load.acked) / due if due else None)


def _connected(context: ScenarioContext, on: _Setup, rooms: int) -> JudgedClaim:
    """Connect more, then send a message to each room: the open connections, if all of them received it."""
    more = context.options["most"] - context.options["connections"]
    context.step("more connections")
    if more > 0:
        on.rooms.connect(more, at_once=_AT_ONCE, within_s=_CONNECT_WITHIN_S)
    load = on.rooms.send(senders=rooms, rate_per_s=rooms, seconds=1, content_bytes=CONTENT_BYTES)
    rss_mb = on.rss_mb()
    note = "" if rss_mb is None else f"in {rss_mb:.0f} MB of memory"
    return judge(CONNECTIONS, sum(snapshot.open for snapshot in load.snapshots), note=note)


def _database_time(server: MeasuredServer) -> _DatabaseTime:
    operations = rest_client.call(server.address, "GET", "/metrics/database")["operations"].values()
    timed = [one for one in operations if one["count"]]
    return _DatabaseTime(sum(one["count"] for one in timed), sum(float(one["count"] * one["meanMs"]) for one in timed))
