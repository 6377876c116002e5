"""Computes what is shown from one poll and the one before it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from app.top.metrics_replies import Alert, Database, Poll

UNKNOWN = "–"
OPERATIONS_MAX = 8
ROOMS_MAX = 5
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Table(Struct, frozen=True):
    """Rows of texts under their headings; the first column is to the left, the others to the right."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Figures(Struct, frozen=True):
    """All that is shown, as texts. `facts` are names with their values; `alerts` are severities with their lines."""

    title: str
    facts: Sequence[tuple[str, str]]
    alerts: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    notes: Sequence[str] = ()


def figures_of(poll: Poll, before: Poll | None) -> Figures:
    """What a poll says. Rates are of the time since the poll `before`, by the server's own clock; else of its last
    sample, where one process answers for itself.
    """
    performance, websocket = poll.performance, poll.websocket
    lately = (performance.lately or {}) if len(performance.processes) <= 1 else {}
    received, sent = (
        _rate(name, poll, before) if before is not None else lately.get(f"messages{way}")
        for name, way in (("received", "In"), ("sent", "Out"))
    )
    recent = "" if lately else ", since the start"
    ack = lately.get("sendToAckP95Ms") if lately else websocket.send_to_ack_ms.p95
    delivery = lately.get("sendToDeliveryP95Ms") if lately else websocket.send_to_delivery_ms.p95
    lag = lately.get("loopLagMs") if lately else performance.loop_lag_ms.p99
    several = len(performance.processes) > 1
    return Figures(
        title=f"Chat Rooms {poll.about.version}, store {poll.about.store}, cache {poll.about.cache}, "
        f"{f'{len(performance.processes)} processes, the oldest ' if several else ''}up "
        f"{duration(max((one.uptime_s for one in performance.processes), default=performance.uptime_s))}",
        facts=(
            ("Connections", f"{count(websocket.connections.now)} of {count(websocket.connections.max)}"),
            ("Open rooms", count(websocket.rooms.open)),
            ("Messages in", f"{number(received)}/s, {count(websocket.messages.received)} in all"),
            ("Messages out", f"{number(sent)}/s, {count(websocket.messages.sent)} in all"),
            ("Send to ack", f"{milliseconds(ack)} p95{recent}"),
            ("Send to delivery", f"{milliseconds(delivery)} p95{recent}"),
            ("Loop lag", f"{milliseconds(lag)} p99{recent}"),
            ("CPU", f"{percent(performance.cpu.percent)} of one core{', added up' if several else ''}"),
            ("Memory", f"{size(performance.memory.rss_bytes)} resident{', added up' if several else ''}"),
            ("Cache hits", percent(None if poll.cache is None else _times(poll.cache.hit_rate, 100))),
            ("Waiting writes", count(None if poll.database is None else poll.database.queue)),
            ("Server errors", f"{count(_server_errors(poll))} answers with 5xx"),
            ("Shedding", _shedding(poll)),
        ),
        alerts=[
            (alert.severity, f"{_title(alert)} is {number(alert.value)}, and its threshold {number(alert.threshold)}")
            for alert in poll.alerts.active
        ],
        tables=(_processes(poll), _operations(poll.database, before), _rooms(poll)),
        notes=_notes(poll),
    )


def _title(alert: Alert) -> str:
    return alert.name if alert.subject is None else f"{alert.name} of {alert.subject}"


def _rate(name: str, poll: Poll, before: Poll) -> float | None:
    """A counter's increase a second; None where it decreased, for a process has left or started again."""
    more = getattr(poll.websocket.messages, name) - getattr(before.websocket.messages, name)
    return _a_second(more, poll.websocket.at, before.websocket.at)


def _a_second(more: float, at: datetime, before: datetime) -> float | None:
    seconds = (at - before).total_seconds()
    return more / seconds if more >= 0 and seconds > 0 else None


def _server_errors(poll: Poll) -> float:
    return sum(
        many
        for route in poll.performance.http.values()
        for answer, many in route.answers.items()
        if answer.rpartition(" ")[2].startswith("5")
    )


def _shedding(poll: Poll) -> str:
    levels = [one.shed_level for one in poll.performance.processes if one.shed_level is not None]
    shed = sum(poll.performance.shedding.shed.values())
    return f"level {count(max(levels, default=None))}, {count(shed)} refused since the start"


def _processes(poll: Poll) -> Table:
    return Table(
        ("Process", "up", "connections", "CPU", "memory", "waiting", "shed"),
        [
            (
                one.process_id,
                duration(one.uptime_s),
                count(one.connections),
                percent(one.cpu_percent),
                size(one.resident_memory_bytes),
                count(one.store_queue),
                count(one.shed_level),
            )
            for one in poll.performance.processes
        ],
    )


def _operations(database: Database | None, before: Poll | None) -> Table:
    columns = ("Operation of the store", "a second", "in all", "p95", "errors")
    if database is None:
        return Table(columns, [("the store does not answer", "", "", "", "")])
    earlier = before.database if before is not None else None
    rows = []
    for name, one in sorted(database.operations.items(), key=lambda item: -item[1].count)[:OPERATIONS_MAX]:
        a_second = None
        if earlier is not None:
            then = earlier.operations[name].count if name in earlier.operations else 0
            a_second = _a_second(one.count - then, database.at, earlier.at)
        rows.append((name, number(a_second), count(one.count), milliseconds(one.p95_ms), count(one.errors)))
    return Table(columns, rows)


def _rooms(poll: Poll) -> Table:
    rows = [(one.room_id, count(one.connections)) for one in poll.websocket.rooms.top[:ROOMS_MAX]]
    return Table(("Busiest rooms", "connections"), rows)


def _notes(poll: Poll) -> list[str]:
    notes = [] if poll.performance.complete else ["not all processes have answered"]
    if poll.cache is not None and poll.cache.bus_lost:
        notes.append("the bus is lost")
    return notes


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


# ---- formats -----------------------------------------------------------------------------------------------------


def number(value: float | None) -> str:
    """Rounded to significant digits: 0.12, 3.4, 56, 1,234, 1.2M."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.1f}M"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def count(value: float | None) -> str:
    return UNKNOWN if value is None else number(round(value))


def percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0f} %" if value >= 10 else f"{value:.1f} %"


def milliseconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{number(value / 1000)} s" if value >= 1000 else f"{number(value)} ms"


def size(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    unit = min(int(math.log2(value) // 10), len(_UNITS) - 1) if value >= 1 else 0
    return f"{number(value / 1024**unit)} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """In at most two units: 45 s, 3 min 20 s, 2 h 5 min, 4 d 3 h."""
    whole = max(0, int(seconds))
    for length, unit, next_length, next_unit in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= length:
            rest = whole % length // next_length
            return f"{whole // length} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{whole} s"
