"""Commands from the bench to a process of the stream client, and its results: one per command."""

from __future__ import annotations

import msgspec

from bench.stream_client.dialect import Dialect


class Open(msgspec.Struct, frozen=True):
    """Open `count` connections, numbered from `first` on, at most `at_once` unfinished at a time.

    They join the rooms in turn, and take the tokens in turn. Nothing may be sent meanwhile.
    """

    address: tuple[str, int]
    dialect: Dialect
    tokens: tuple[str, ...]
    room_ids: tuple[str, ...]
    first: int
    count: int
    at_once: int
    within_s: float

    def room_id(self, number: int) -> str:
        return self.room_ids[number % len(self.room_ids)]

    def token(self, number: int) -> str:
        return self.tokens[number % len(self.tokens)]


class Opened(msgspec.Struct, frozen=True):
    """`seconds`: from the first connect to the last that became ready. `cpu_s`: the client's."""

    ready: int
    seconds: float
    cpu_s: float


class Send(msgspec.Struct, frozen=True):
    """Let the first `senders` connections send for `seconds`: `rate_per_s` in all, or each its next message when its
    last came back. The latencies of every `sample_every`-th connection are counted.
    """

    senders: int
    rate_per_s: float | None
    seconds: float
    content_bytes: int
    sample_every: int


class Sent(msgspec.Struct, frozen=True):
    """What happened within the `seconds` of sending. `late_us`: how late the client itself was to send a message."""

    sent_by_room: dict[str, int]
    deliveries: int
    seconds: float
    cpu_s: float
    late_us: dict[int, int]

    @property
    def sent(self) -> int:
        return sum(self.sent_by_room.values())


class Settle(msgspec.Struct, frozen=True):
    """Wait until every connection has this number of messages of its room, counted from its first on.

    With `acks`, also until each message that was sent is acked: an ack may come after the message itself.
    """

    messages_by_room: dict[str, int]
    within_s: float
    acks: bool


class Settled(msgspec.Struct, frozen=True):
    """The counts since the last Settle. `latency_us` counts from when a message was due."""

    deliveries: int
    acked: int
    latency_us: dict[int, int]
    failure_count: int
    failures: list[str]


class CloseAll(msgspec.Struct, frozen=True):
    """Close all connections, and forget their rooms."""


class Closed(msgspec.Struct, frozen=True):
    """How many were open."""

    connections: int


Command = Open | Send | Settle | CloseAll
Reply = Opened | Sent | Settled | Closed
