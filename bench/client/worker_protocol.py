"""Commands from the bench to a client process, and its results: one per command, and progress reports between."""

from __future__ import annotations

import msgspec


class Connect(msgspec.Struct, frozen=True):
    """Open `count` connections, numbered from `first` on, at most `at_once` unfinished at a time.

    They join the rooms, if there are any, in turn; those of a room are spread evenly over the addresses and the tokens.
    With `own_tokens` a connection has the token of its own number instead, and those past the last begin again.
    """

    addresses: tuple[tuple[str, int], ...]
    tokens: tuple[str, ...]
    room_ids: tuple[str, ...]
    first: int
    count: int
    at_once: int
    within_s: float
    own_tokens: bool = False

    def room_id(self, number: int) -> str | None:
        return self.room_ids[number % len(self.room_ids)] if self.room_ids else None

    def address(self, number: int) -> tuple[str, int]:
        return self.addresses[self._in_room(number) % len(self.addresses)]

    def token(self, number: int) -> str:
        return self.tokens[(number if self.own_tokens else self._in_room(number)) % len(self.tokens)]

    def _in_room(self, number: int) -> int:
        return number // max(1, len(self.room_ids))


class Connected(msgspec.Struct, frozen=True):
    """`ready_us`: times from the start of a connection to its welcome, or to the ack of its joinRoom.

    `refused` counts how often a busy server asked to come again later.
    """

    ready: int
    seconds: float
    ready_us: dict[int, int]
    refused: int


class Send(msgspec.Struct, frozen=True):
    """Let the first `senders` connections send, each to its room, for `seconds`.

    `rate_per_s` is the rate of all of them; None is a closed loop. With `may_refuse`, replies that the server is busy
    and messages for which the kernel has no room are counted, and are not failures.
    """

    senders: int
    rate_per_s: float | None
    seconds: float
    content_bytes: int
    within_s: float
    may_refuse: bool = False


class SendWindow(msgspec.Struct, frozen=True):
    """Counts within the `seconds` of sending, without later replies.

    `unsent`: due messages for which the kernel had no room. `read`: deliveries to connections that do not send.
    `silence_s`: the longest time in which one of these received nothing, with a resolution of 50 ms. `cpu_percent`: CPU
    time of this client process, of a core.
    """

    seconds: float
    sent: int
    unsent: int
    acked: int
    refused: int
    read: int
    silence_s: float
    cpu_percent: float


class Sent(msgspec.Struct, frozen=True):
    """The result of Send, once every message is acked or refused, or the time is over.

    `acked_seqs` is by room; `seconds` is the time from the first send to the last.
    """

    sent: int
    refused: int
    acked_seqs: dict[str, tuple[int, ...]]
    seconds: float
    window: SendWindow


class WatchChanges(msgspec.Struct, frozen=True):
    """Let every connection check the changes of its room after these revs."""

    revs: dict[str, int]


class ChangesWatched(msgspec.Struct, frozen=True):
    """How many connections check."""

    connections: int


class SendChanges(msgspec.Struct, frozen=True):
    """Let the first `senders` connections that sent a message change messages: `edits_percent` of the changes are edits
    of their own, the others reactions to one message, put and taken back.
    """

    senders: int
    rate_per_s: float
    seconds: float
    edits_percent: int
    content_bytes: int
    within_s: float


class ChangesSent(msgspec.Struct, frozen=True):
    """The result of SendChanges. `acked_revs`: the greatest by room."""

    sent: int
    edits: int
    acked_revs: dict[str, int]


class Request(msgspec.Struct, frozen=True):
    """A kind of REST request; of several, each is chosen as often as its `weight` says.

    With `posts_to`, a room, it is a POST of a new message of `content_bytes` there, whose seq is checked.
    """

    name: str
    method: str
    path: str
    weight: int = 1
    posts_to: str | None = None
    content_bytes: int = 64


class Requests(msgspec.Struct, frozen=True):
    """Make requests on `connections` connections for `seconds`. `rate_per_s` is that of all; None is a closed loop."""

    address: tuple[str, int]
    tokens: tuple[str, ...]
    requests: tuple[Request, ...]
    connections: int
    rate_per_s: float | None
    seconds: float
    within_s: float


class RequestCounts(msgspec.Struct, frozen=True):
    """`count` includes `errors`; `latency_us` are Histogram counts of the others."""

    count: int
    errors: int
    latency_us: dict[int, int]


class Requested(msgspec.Struct, frozen=True):
    """The result of Requests, by the request's name. `acked_seqs`, by room, are those of posted messages."""

    counts: dict[str, RequestCounts]
    acked_seqs: dict[str, tuple[int, ...]]
    seconds: float


class Reconnect(msgspec.Struct, frozen=True):
    """End `per_s` connections a second and open them again, all but the first `keep`; for `seconds`, or until that was
    done `at_most` times. The result is Connected.
    """

    keep: int
    per_s: float
    at_most: int | None
    seconds: float
    within_s: float


class Together(msgspec.Struct, frozen=True):
    """Execute several commands at once."""

    commands: tuple[WorkerCommand, ...]


class TogetherDone(msgspec.Struct, frozen=True):
    """The results of Together, in the order of its commands."""

    results: tuple[WorkerResult, ...]


class Settle(msgspec.Struct, frozen=True):
    """Wait until every connection has everything up to its room's head; return a snapshot and reset the counts.

    `revs`: the heads of changes, of the rooms whose changes are checked.
    """

    heads: dict[str, int]
    within_s: float
    revs: dict[str, int] = {}


class DeliverySnapshot(msgspec.Struct, frozen=True):
    """One client process's counts since the last snapshot. Latencies are Histogram counts; `cpu_s` is the client's.

    `lag_us`: how long something that arrived had to wait for the client at most, each µs of the time counted once.
    """

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
    failures: list[str] = []
    lag_us: dict[int, int] = {}


class WorkerProgress(msgspec.Struct, frozen=True):
    """Sent about twice a second while a command is executed."""

    ready: int
    deliveries: int


WorkerCommand = Connect | Send | WatchChanges | SendChanges | Requests | Reconnect | Together | Settle
WorkerResult = Connected | Sent | ChangesWatched | ChangesSent | Requested | TogetherDone | DeliverySnapshot
