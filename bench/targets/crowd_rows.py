"""The rows of many connections: how fast they come, what each takes, many small rooms, and one message to all."""

from __future__ import annotations

import time

import msgspec

from bench import figure_builders
from bench.contender import OURS, Contender, Load, our_contender, peer_contender
from bench.latency_probe import LatencyProbe
from bench.peers.peer import Peer
from bench.scenario_context import ScenarioContext
from bench.stream_client.commands import Opened
from bench.targets.target_row import TargetRow, median, median_ratio

_LEFTOVERS_S = 1.0  # resident memory is read after the temporary objects of the connects have been freed
_BROADCASTS = 5
_ONE_S = 0.3  # in which one message is sent
_ROOM_SIZE = 50
_ROOMS_RATE = 200
_PROBE_EVERY_MS = 2
_FEW = 1000
_WARM_UP_S = 0.5


class _Crowd(msgspec.Struct):
    """How a contender took many connections."""

    connects_per_s: float
    rss_kb: float | None
    broadcast_ms: list[float | None]
    pause_ms: float | None = None


def crowd_rows(context: ScenarioContext, ours: Contender, least: Contender) -> list[TargetRow]:
    """Memory, connects, and one message to all; each contender in turn, as two crowds at once would not fit.

    The servers must have done nothing yet, and the crowd comes first: connections that find memory which others gave
    back seem to take less than they do.
    """
    mine, other = _crowd(context, ours, with_probe=True), _crowd(context, least, with_probe=False)
    few = min(_FEW, context.options["crowd"])
    rates: dict[str, list[float | None]] = {ours.name: [], least.name: []}
    for number in range(context.options["turns"]):
        for contender in (ours, least) if number % 2 == 0 else (least, ours):
            context.step(f"{few:,} connects: {contender.name}")
            opened = contender.open(few)
            rates[contender.name].append(opened.ready / max(opened.seconds, 1e-9))
            contender.close()
    many, all_of_them = _many(context), context.options["crowd"]
    whole = f"one message to {all_of_them:,} connections"
    return [
        TargetRow(
            f"{few:,} connects and joins with a token",
            "connects/s",
            median(rates[ours.name]),
            "least server",
            median_ratio(rates[ours.name], rates[least.name]),
            0.9,
            at_least=True,
            least=median(rates[least.name]),
        ),
        TargetRow(
            f"{many:,} connects and joins with a token",
            "connects/s",
            mine.connects_per_s,
            "least server",
            mine.connects_per_s / other.connects_per_s,
            0.9,
            at_least=True,
            least=other.connects_per_s,
        ),
        TargetRow(f"{many:,} connections", "KB RSS each", mine.rss_kb, "", mine.rss_kb, 3, least=other.rss_kb),
        TargetRow(
            whole,
            "ms to the last",
            median(mine.broadcast_ms),
            "least server",
            median_ratio(mine.broadcast_ms, other.broadcast_ms),
            1.2,
            least=median(other.broadcast_ms),
        ),
        TargetRow(whole, "ms longest pause of the loop", mine.pause_ms, "", mine.pause_ms, 20),
    ]


def _many(context: ScenarioContext) -> int:
    """Nine tenths of the crowd: the others come for the broadcast."""
    return context.options["crowd"] * 9 // 10


def _crowd(context: ScenarioContext, contender: Contender, *, with_probe: bool) -> _Crowd:
    all_of_them, many = context.options["crowd"], _many(context)
    before = contender.server.rss_bytes()
    context.step(f"{many:,} connects: {contender.name}")
    opened = contender.open(many)
    time.sleep(_LEFTOVERS_S)
    grown = figure_builders.difference(before, contender.server.rss_bytes())
    contender.open(all_of_them - many)
    context.step(f"one message to {all_of_them:,}: {contender.name}")
    load = Load(all_of_them, 1, 1 / _ONE_S)
    contender.send(load, _ONE_S, opened)  # the first finds everything cold
    times = _broadcasts(contender, load, opened)
    pause_ms = None
    if with_probe:  # apart, because its pings would make the broadcasts slower, and only those of one contender
        with LatencyProbe(contender.server.address, contender.tokens[0], every_ms=_PROBE_EVERY_MS) as probe:
            latencies = probe.measure(_BROADCASTS * (_ONE_S + 1))
            _broadcasts(contender, load, opened)
        pause_ms = latencies.ping.max_ms()
    contender.close()
    return _Crowd(
        opened.ready / max(opened.seconds, 1e-9), None if grown is None else grown / 1000 / many, times, pause_ms
    )


def _broadcasts(contender: Contender, load: Load, opened: Opened) -> list[float | None]:
    """The milliseconds that each of several messages took to the last connection."""
    return [contender.send(load, _ONE_S, opened).stretch.latency.max_ms() for _ in range(_BROADCASTS)]


def rooms_row(context: ScenarioContext, peer: Peer, *, acks: bool) -> TargetRow:
    """The p99 of many small rooms, each person in one."""
    count = max(_ROOM_SIZE, context.options["crowd"] // 2)
    rooms = count // _ROOM_SIZE
    load = Load(count, count, _ROOMS_RATE)
    found_ms: dict[str, float | None] = {}
    with (
        our_contender(context, connections=count, acks=acks, users=count, rooms=rooms) as ours,
        peer_contender(context, peer, connections=count, rooms=rooms) as least,
    ):
        for contender in (ours, least):
            context.step(f"{rooms} rooms: {contender.name}")
            loaded = contender.load(load, seconds=2 * context.options["seconds"], warm_up_s=_WARM_UP_S)
            found_ms[contender.name] = loaded.stretch.latency.percentile_ms(99)
    work = f"{count:,} connections in rooms of {_ROOM_SIZE}, {_ROOMS_RATE} messages/s"
    p99_ms = found_ms[OURS]
    return TargetRow(work, "ms p99 message to delivery", p99_ms, "", p99_ms, 40, least=found_ms[peer.name])
