"""The processes of the stream client: spawn them, send commands, gather the results, end them."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from bench.delivery_checker import Failures
from bench.errors import BenchError
from bench.histogram import Histogram, merged
from bench.rest_client import Address
from bench.stream_client import stream_worker
from bench.stream_client.commands import (
    CloseAll,
    Closed,
    Command,
    End,
    Failed,
    Open,
    Opened,
    Send,
    Sent,
    Settle,
    Settled,
)
from bench.stream_client.dialect import Dialect

_END_WITHIN_S = 5
_SETTLE_WITHIN_S = 20
_GRACE_S = 30  # a command ends by its own deadline; this ends a process that hangs
_R = TypeVar("_R", Opened, Sent, Settled, Closed)


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
        self._count = processes
        self._pipes: list[multiprocessing.connection.Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._begin()
        self._reported: dict[int, int] = {}

    def _begin(self) -> None:
        self._connections = 0
        self._deliveries = 0
        self._messages: dict[str, int] = {}  # sent so far, by room

    def __enter__(self) -> StreamPool:
        context = multiprocessing.get_context("spawn")  # client processes must inherit no state of this one
        try:
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                self._pipes.append(ours)
                process = context.Process(target=stream_worker.main, args=(theirs,), daemon=True)
                process.start()
                self._processes.append(process)
                theirs.close()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._end()

    def open(
        self, count: int, *, tokens: Sequence[str], room_ids: Sequence[str], at_once: int, within_s: float
    ) -> Opened:
        """Open connections, spread over the processes and the rooms; one that does not become ready is a failure."""
        commands: dict[int, Command] = {}
        for number, share in enumerate(_shares(count, self._count)):
            if share:
                commands[number] = Open(
                    (self._address.host, self._address.port),
                    self._dialect,
                    tuple(tokens),
                    tuple(room_ids),
                    self._connections,
                    share,
                    max(1, at_once // self._count),
                    within_s,
                )
                self._connections += share
        for room_id in room_ids:
            self._messages.setdefault(room_id, 0)
        opened = self._execute(commands, Opened, within_s)
        return Opened(
            sum(one.ready for one in opened),
            max(one.seconds for one in opened),
            max(one.cpu_s for one in opened),
        )

    def send(
        self, *, senders: int, rate_per_s: float | None, seconds: float, content_bytes: int, sample_every: int = 1
    ) -> Stretch:
        """Send for `seconds`, then wait until every connection has every message; a missing one is a failure."""
        shares = _shares(senders, self._count)
        sent = self._execute(
            {
                number: Send(share, rate_per_s and rate_per_s * share / senders, seconds, content_bytes, sample_every)
                for number, share in enumerate(shares)
            },
            Sent,
            seconds,
        )
        for result in sent:
            for room_id, count in result.sent_by_room.items():
                self._messages[room_id] += count
        settled = self._execute(
            dict.fromkeys(
                range(self._count), Settle(dict(self._messages), self._settle_within_s, self._dialect.ack is not None)
            ),
            Settled,
            self._settle_within_s,
        )
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
        self._execute(dict.fromkeys(range(self._count), CloseAll()), Closed, _SETTLE_WITHIN_S)
        self._begin()

    def _report(self, settled: Sequence[Settled]) -> None:
        """Add the failures that are new since the last time."""
        for number, result in enumerate(settled):
            before = self._reported.get(number, 0)
            for what in result.failures[before:]:
                self._failures.add(what)
            self._failures.count += result.failure_count - max(before, len(result.failures))
            self._reported[number] = result.failure_count

    def _execute(self, commands: Mapping[int, Command], kind: type[_R], within_s: float) -> list[_R]:
        for number, command in commands.items():
            self._pipes[number].send(command)
        deadline = time.monotonic() + within_s + _GRACE_S
        results: dict[int, _R] = {}
        while len(results) < len(commands):
            waiting = [self._pipes[number] for number in commands if number not in results]
            found = multiprocessing.connection.wait(waiting, timeout=max(0.0, deadline - time.monotonic()))
            if not found:
                raise BenchError(f"{len(waiting)} client processes did not answer in time")
            for pipe in found:
                number = self._pipes.index(pipe)  # type: ignore[arg-type]
                try:
                    reply = self._pipes[number].recv()
                except (EOFError, OSError) as error:
                    raise BenchError(f"client process {number} died") from error
                if not isinstance(reply, kind):
                    raise BenchError(f"client process {number}: {reply.why if isinstance(reply, Failed) else reply}")
                results[number] = reply
        return [results[number] for number in sorted(results)]

    def _end(self) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # it is gone already
                pipe.send(End())
        for process in self._processes:
            process.join(_END_WITHIN_S)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()


def _shares(count: int, parts: int) -> list[int]:
    return [count // parts + (part < count % parts) for part in range(parts)]
