"""Several kinds of load at once (messages, REST requests, changes, connections that come or come back), as one plan.

It makes the commands of the client processes, and takes their results apart again. Sends nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from bench.client.worker_protocol import (
    ChangesSent,
    Connect,
    Connected,
    Reconnect,
    Request,
    RequestCounts,
    Requested,
    Requests,
    Send,
    SendChanges,
    Sent,
    TogetherDone,
    WorkerCommand,
    WorkerResult,
)
from bench.client_base.client_processes import shares
from bench.histogram import merged

_A = TypeVar("_A", bound=WorkerResult)


class CombinedLoad(msgspec.Struct, frozen=True):
    """What happens during `seconds`; a rate of 0 and no connections are none of that kind.

    `senders` send messages at `rate_per_s` in all, and change their newest ones at `changes_per_s`. `requests` are made
    on `request_connections`, at `request_rate_per_s` in all. `joining` connections come at once, at the start. Those
    that do not send go and come back at `reconnects_per_s` in all, `reconnects_max` times at most. With `may_refuse`,
    refusals by a busy server are counted as errors and are not failures.
    """

    seconds: float
    senders: int
    rate_per_s: float
    content_bytes: int = 64
    requests: tuple[Request, ...] = ()
    request_connections: int = 0
    request_rate_per_s: float = 0
    joining: int = 0
    reconnects_per_s: float = 0
    reconnects_max: int | None = None
    changes_per_s: float = 0
    edits_percent: int = 50
    may_refuse: bool = False

    def lasting(self, seconds: float) -> CombinedLoad:
        """The same for another time."""
        return msgspec.structs.replace(self, seconds=seconds)

    def times(self, factor: float) -> CombinedLoad:
        """The same with all rates multiplied."""
        return msgspec.structs.replace(
            self,
            rate_per_s=self.rate_per_s * factor,
            request_rate_per_s=self.request_rate_per_s * factor,
            changes_per_s=self.changes_per_s * factor,
        )

    def commands(self, *, processes: int, connect: Connect, within_s: float) -> dict[int, tuple[WorkerCommand, ...]]:
        """The commands by client process. `connect` says where and as whom."""
        return {number: tuple(self._commands_of(number, processes, connect, within_s)) for number in range(processes)}

    def _commands_of(self, number: int, processes: int, connect: Connect, within_s: float) -> list[WorkerCommand]:
        def share(count: int) -> int:
            return shares(count, processes)[number]

        commands: list[WorkerCommand] = []
        senders = share(self.senders)
        if senders and self.rate_per_s:
            rate_per_s = self.rate_per_s * senders / self.senders
            commands.append(Send(senders, rate_per_s, self.seconds, self.content_bytes, within_s, self.may_refuse))
        if senders and self.changes_per_s:
            rate_per_s = self.changes_per_s * senders / self.senders
            commands.append(
                SendChanges(senders, rate_per_s, self.seconds, self.edits_percent, self.content_bytes, within_s)
            )
        if asking := share(self.request_connections):
            rate_per_s = self.request_rate_per_s * asking / self.request_connections
            commands.append(
                Requests(
                    connect.addresses[number % len(connect.addresses)],
                    connect.tokens,
                    self.requests,
                    asking,
                    rate_per_s,
                    self.seconds,
                    within_s,
                )
            )
        if joining := share(self.joining):
            first = connect.first + sum(shares(self.joining, processes)[:number])
            commands.append(msgspec.structs.replace(connect, first=first, count=joining, at_once=joining))
        if self.reconnects_per_s:
            at_most = None if self.reconnects_max is None else share(self.reconnects_max)
            commands.append(Reconnect(senders, self.reconnects_per_s / processes, at_most, self.seconds, within_s))
        return commands


class CombinedDone(msgspec.Struct, frozen=True):
    """The results of all client processes, by kind."""

    sent: list[Sent]
    changed: list[ChangesSent]
    requested: list[Requested]
    connected: list[Connected]

    @classmethod
    def of(cls, done: Sequence[TogetherDone]) -> CombinedDone:
        results = [result for one in done for result in one.results]
        return cls(
            _of_kind(results, Sent),
            _of_kind(results, ChangesSent),
            _of_kind(results, Requested),
            _of_kind(results, Connected),
        )

    def requests(self) -> Mapping[str, RequestCounts]:
        """The counts of all processes together, by the request's name."""
        names = sorted({name for one in self.requested for name in one.counts})
        return {name: _sum([one.counts[name] for one in self.requested if name in one.counts]) for name in names}


def _of_kind(results: Sequence[WorkerResult], kind: type[_A]) -> list[_A]:
    return [result for result in results if isinstance(result, kind)]


def _sum(counts: Sequence[RequestCounts]) -> RequestCounts:
    latency = merged(one.latency_us for one in counts)
    return RequestCounts(sum(one.count for one in counts), sum(one.errors for one in counts), latency.counts())
