"""What is read of the replies of /metrics and /health. Fields that are not shown are left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field


class _Page(Struct, frozen=True, rename="camel"):
    """The counters of a page are those of the moment `at`, by the server's clock."""


class Percentiles(Struct, frozen=True):
    """Milliseconds; None where nothing was measured."""

    p95: float | None = None
    p99: float | None = None


class Process(_Page, frozen=True):
    process_id: str
    uptime_s: float
    cpu_percent: float | None = None
    resident_memory_bytes: float | None = None
    connections: float | None = None
    store_queue: float | None = None
    shed_level: float | None = None


class Cpu(Struct, frozen=True):
    percent: float | None = None


class Memory(_Page, frozen=True):
    rss_bytes: float | None = None


class Shedding(Struct, frozen=True):
    level: float | None = None
    shed: Mapping[str, float] = {}


class Route(Struct, frozen=True):
    """`answers`: how many, by method and status."""

    answers: Mapping[str, float] = {}


class Performance(_Page, frozen=True):
    at: datetime
    uptime_s: float
    cpu: Cpu
    memory: Memory
    loop_lag_ms: Percentiles
    shedding: Shedding
    processes: tuple[Process, ...] = ()
    complete: bool = True
    http: Mapping[str, Route] = {}
    lately: Mapping[str, float | None] | None = None


class Connections(Struct, frozen=True):
    now: float | None = None
    max: float | None = None


class Busy(_Page, frozen=True):
    room_id: str
    connections: float


class Rooms(Struct, frozen=True):
    open: float | None = None
    top: tuple[Busy, ...] = ()


class Messages(Struct, frozen=True):
    received: float = field(name="in", default=0)
    sent: float = field(name="out", default=0)


class WebSockets(_Page, frozen=True):
    at: datetime
    connections: Connections
    rooms: Rooms
    messages: Messages
    send_to_ack_ms: Percentiles
    send_to_delivery_ms: Percentiles


class Operation(_Page, frozen=True):
    count: float
    p95_ms: float | None = field(name="p95Ms", default=None)
    errors: float = 0


class Database(_Page, frozen=True):
    at: datetime
    operations: Mapping[str, Operation] = {}
    queue: float | None = None


class Cache(_Page, frozen=True):
    hit_rate: float | None = None
    bus_lost: bool = False


class Alert(Struct, frozen=True):
    name: str
    severity: str
    value: float | None = None
    threshold: float | None = None
    subject: str | None = None


class Alerts(Struct, frozen=True):
    active: tuple[Alert, ...] = ()


class About(Struct, frozen=True):
    version: str
    store: str
    cache: str


class Poll(Struct, frozen=True):
    """All pages, asked for at one moment. A page that failed (the store is away) is None."""

    about: About
    performance: Performance
    websocket: WebSockets
    database: Database | None
    cache: Cache | None
    alerts: Alerts
