"""The rows of readers that stall: what those who read notice of them, and what the server keeps for them."""

from __future__ import annotations

from bench import figure_builders, rest_client
from bench.contender import Contender, Load, our_contender
from bench.scenario_context import ScenarioContext
from bench.stalled_readers import StalledReaders
from bench.targets.target_row import TargetRow, median, median_ratio

_STALLED_SHARE = 20  # one of so many never reads
_RATE_PER_S = 30
_CONTENT_BYTES = 2000  # 60 KB a second to each connection
_OUTBOX_BYTES = 1_048_576  # WS_OUTBOX_MAX_BYTES
_TURN = 3  # times the seconds of a load
_WARM_UP_S = 0.5
_TOO_SLOW = "4413"


def stalled_rows(context: ScenarioContext) -> list[TargetRow]:
    """The p99 of those who read, with the others over without, in turns; and the memory that the others take."""
    stalled = max(1, context.options["crowd"] // 10 // _STALLED_SHARE)
    reading = stalled * (_STALLED_SHARE - 1)
    with our_contender(context, connections=reading, acks=True, users=reading + stalled) as ours:
        opened = ours.open(reading)
        load = Load(reading, min(10, reading), _RATE_PER_S, content_bytes=_CONTENT_BYTES)
        seconds = _TURN * context.options["seconds"]
        ours.send(load, _WARM_UP_S, opened)

        def p99_ms(what: str) -> float | None:
            context.step(f"{what} that never read")
            return ours.send(load, seconds, opened).stretch.latency.percentile_ms(99)

        without_ms, with_ms, grown_mb = [], [], []
        for _ in range(context.options["turns"]):
            without_ms.append(p99_ms("none"))
            before = ours.server.rss_bytes()
            context.step(f"{stalled} that read no more")
            with StalledReaders(ours.server.address, ours.tokens[reading:], ours.room_ids[0], stalled):
                with_ms.append(p99_ms(str(stalled)))
                grown_mb.append(_mb(figure_builders.difference(before, ours.server.rss_bytes())))
        closed = _closed_as_too_slow(ours)
        ours.close()
    stated = f"{closed} of {stalled * context.options['turns']} that never read were closed with {_TOO_SLOW} meanwhile"
    context.findings.notes.append(stated)
    work = f"{load}, beside {stalled} that never read"
    return [
        TargetRow(
            work, "ms p99 message to delivery", median(with_ms), "without them", median_ratio(with_ms, without_ms), 1.2
        ),
        TargetRow(work, "MB RSS more", median(grown_mb), "", median(grown_mb), stalled * _OUTBOX_BYTES / 1e6),
    ]


def _mb(size_bytes: float | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1e6


def _closed_as_too_slow(ours: Contender) -> int:
    codes = rest_client.call(ours.server.address, "GET", "/metrics/websocket")["connections"]["closedByCode"]
    return int(codes.get(_TOO_SLOW, 0))
