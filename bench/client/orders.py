"""What the bench asks of a client process and what it answers: one answer an order, and now and then its progress."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Connect:
    """Open `count` connections, at most `at_once` unfinished, and join the room if one is named."""

    host: str
    port: int
    tokens: tuple[str, ...]
    count: int
    at_once: int
    room_id: str | None
    within_s: float


@dataclass(frozen=True, slots=True)
class Connected:
    """`ready_us`: from the start of each connection to its welcome, or to the ack of its joinRoom."""

    ready: int
    seconds: float
    ready_us: dict[int, int]


@dataclass(frozen=True, slots=True)
class Send:
    """Let the first `senders` connections send for `seconds`: `rate_per_s` in all, or None for a closed loop."""

    room_id: str
    senders: int
    rate_per_s: float | None
    seconds: float
    content_bytes: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    """All that was sent is acked, or the time is over. `seconds`: from the first send to the last."""

    sent: int
    acked_seqs: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until every connection has everything up to `head_seq`, then hand over the tally and begin a new one."""

    room_id: str
    head_seq: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What one client process saw since the last one. Latencies as Histogram counts; `cpu_s` of the client process."""

    deliveries: int
    delivery_us: dict[int, int]
    ack_us: dict[int, int]
    own_delivery_us: dict[int, int]
    frame_bytes: int
    receives: int
    wall_s: float
    cpu_s: float
    open: int
    failure_count: int
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Close:
    """Close everything and end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Sent about twice a second while an order is carried out."""

    ready: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class Broke:
    """The client process failed; it ends."""

    why: str


Order = Connect | Send | Settle | Close
Answer = Connected | Sent | Tally | Broke
