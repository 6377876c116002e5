"""What the stream client does as a whole: open connections, send, and check that all have all."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.client_base.client_processes import ClientProcesses, shares
from bench.delivery_checker import Failures
from bench.histogram import Histogram, merged
from bench.rest_client import Address
from bench.stream_client import stream_worker
from bench.stream_client.commands import CloseAll, Closed, Open, Opened, Send, Sent, Settle, Settled
from bench.stream_client.dialect import Dialect

_SETTLE_WITHIN_S = 20


class Stretch(msgspec.Struct, frozen=True):
    """One stretch of sending. The counts but the latencies are those of the time of sending."""

    messages: int
    acked: int
    deliveries: int
    in_time: int
    seconds: float
    latency: Histogram
    late: Histogram
    client_percent: float

    @property
    def deliveries_per_s(self) -> float:
        return self.in_time / self.seconds

    @property
    def messages_per_s(self) -> float:
        """In a closed loop; it began and ended within the seconds."""
        return self.messages / self.seconds


class StreamPool:
    """A context manager. All its connections are to one server; `count` processes share them."""

    def __init__(
        self,
        address: Address,
        dialect: Dialect,
        *,
        processes: int,
        failures: Failures,
        settle_within_s: float = _SETTLE_WITHIN_S,
    ) -> None:
        self._address, self._dialect = address, dialect
        self._failures = failures
        self._settle_within_s = settle_within_s
        self._processes = ClientProcesses(processes, stream_worker.main)
        self._begin()
        self._reported: dict[int, int] = {}

    def _begin(self) -> None:
        self._connections = 0
        self._deliveries = 0
        self._messages: dict[str, int] = {}  # sent so far, by room

    def __enter__(self) -> StreamPool:
        self._processes.__enter__()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._processes.__exit__(kind, error, trace)

    def open(
        self, count: int, *, tokens: Sequence[str], room_ids: Sequence[str], at_once: int, within_s: float
    ) -> Opened:
        """Open connections, spread over the processes and the rooms; one that does not become ready is a failure."""
        commands = {}
        for number, share in self._processes.shared(count).items():
            commands[number] = Open(
                (self._address.host, self._address.port),
                self._dialect,
                tuple(tokens),
                tuple(room_ids),
                self._connections,
                share,
                max(1, at_once // self._processes.count),
                within_s,
            )
            self._connections += share
        for room_id in room_ids:
            self._messages.setdefault(room_id, 0)
        opened = self._processes.execute(commands, Opened, within_s)
        return Opened(
            sum(one.ready for one in opened),
            max(one.seconds for one in opened),
            max(one.cpu_s for one in opened),
        )

    def send(
        self, *, senders: int, rate_per_s: float | None, seconds: float, content_bytes: int, sample_every: int = 1
    ) -> Stretch:
        """Send for `seconds`, then wait until every connection has every message; a missing one is a failure."""
        each = range(self._processes.count)
        sent = self._processes.execute(
            {
                number: Send(share, rate_per_s and rate_per_s * share / senders, seconds, content_bytes, sample_every)
                for number, share in zip(each, shares(senders, len(each)), strict=True)
            },
            Sent,
            seconds,
        )
        for result in sent:
            for room_id, count in result.sent_by_room.items():
                self._messages[room_id] += count
        settle = Settle(dict(self._messages), self._settle_within_s, self._dialect.ack is not None)
        settled = self._processes.execute(dict.fromkeys(each, settle), Settled, self._settle_within_s)
        self._report(settled)
        messages = sum(result.sent for result in sent)
        acked = sum(result.acked for result in settled)
        if self._dialect.ack is not None and acked != messages:
            self._failures.add(f"{messages} messages were sent, {acked} acked")
        delivered = sum(result.deliveries for result in settled)
        deliveries, self._deliveries = delivered - self._deliveries, delivered
        return Stretch(
            messages=messages,
            acked=acked,
            deliveries=deliveries,
            in_time=sum(result.deliveries for result in sent),
            seconds=max(result.seconds for result in sent),
            latency=merged(result.latency_us for result in settled),
            late=merged(result.late_us for result in sent),
            client_percent=max(100 * result.cpu_s / result.seconds for result in sent),
        )

    def close_connections(self) -> None:
        """Close all; the next ones begin anew, also where their rooms do not."""
        self._processes.execute(dict.fromkeys(range(self._processes.count), CloseAll()), Closed, _SETTLE_WITHIN_S)
        self._begin()

    def _report(self, settled: Sequence[Settled]) -> None:
        """Add the failures that are new since the last time."""
        for number, result in enumerate(settled):
            before = self._reported.get(number, 0)
            for what in result.failures[before:]:
                self._failures.add(what)
            self._failures.count += result.failure_count - max(before, len(result.failures))
            self._reported[number] = result.failure_count
