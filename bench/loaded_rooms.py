"""Rooms under load: their servers, the worker pool connected to these, and each room's last acked seq.

The steps that scenarios share: connect all, let some send, wait for all deliveries, measure the server's CPU time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from bench import rest_client
from bench.client.worker_protocol import Connected, DeliverySnapshot, RequestCounts, SendWindow
from bench.combined_load import CombinedLoad
from bench.histogram import Histogram, merged
from bench.measured_server import MeasuredServer
from bench.result import Usage
from bench.seeded_rooms import SeededRooms
from bench.worker_pool import WorkerPool

_DELIVER_WITHIN_S = 20
_N = TypeVar("_N", int, float)


class LoadResult(msgspec.Struct, frozen=True):
    """The result of one stretch of sending. `cpu_s` and `rss_bytes`, at its end, are sums over all servers, None if
    unknown.

    `messages` were sent. Where refusals were allowed, some may have been refused; `windows`, one for each client
    process, count them.
    """

    messages: int
    cpu_s: float | None
    snapshots: list[DeliverySnapshot]
    windows: list[SendWindow]
    acked: int
    rss_bytes: int | None = None

    @property
    def usage(self) -> Usage:
        return Usage(self.cpu_s, self.rss_bytes)

    @property
    def sending_s(self) -> float:
        """The seconds of sending, without the wait for the last deliveries."""
        return max((window.seconds for window in self.windows), default=self.wall_s)

    @property
    def client_cpu_percent(self) -> float:
        """CPU time of the busiest client process, of a core, while it was sending."""
        if self.windows:
            return max(window.cpu_percent for window in self.windows)
        return max(100 * snapshot.cpu_s / snapshot.wall_s for snapshot in self.snapshots if snapshot.wall_s)

    def client_lag(self) -> Histogram:
        """How long what the server sent waited at most until a client process read it, over all moments."""
        return merged(snapshot.lag_us for snapshot in self.snapshots)

    @property
    def deliveries(self) -> int:
        return sum(snapshot.deliveries for snapshot in self.snapshots)

    @property
    def wall_s(self) -> float:
        return max(snapshot.wall_s for snapshot in self.snapshots)

    @property
    def frame_bytes(self) -> int:
        """Mean bytes of a delivered frame, with its head of 4 bytes (which has 126 bytes of payload or more)."""
        return sum(snapshot.frame_bytes for snapshot in self.snapshots) // max(1, self.deliveries) + 4

    def delivery(self) -> Histogram:
        """Times from the due time of a message to each of its deliveries."""
        return merged(snapshot.delivery_us for snapshot in self.snapshots)

    def own_delivery(self) -> Histogram:
        """Times from the due time of a message to its delivery to its sender."""
        return merged(snapshot.own_delivery_us for snapshot in self.snapshots)

    def ack(self) -> Histogram:
        """Times from the due time of a message to its ack."""
        return merged(snapshot.ack_us for snapshot in self.snapshots)


class CombinedResult(msgspec.Struct, frozen=True):
    """The result of a combined load: of its messages and changes, of its REST requests by name, and of the connections
    that came or came back.
    """

    load: LoadResult
    requests: Mapping[str, RequestCounts]
    connected: list[Connected]
    changes: int
    seconds: float


class LoadedRooms:
    """Made by `ScenarioContext`; only the bench writes in them, so their seqs are the acked ones.

    `servers` are one chat server: each room's connections are spread evenly over them, and over the users.
    """

    def __init__(
        self,
        *,
        servers: Sequence[MeasuredServer],
        pool: WorkerPool,
        users: int = 1,
        rooms: int = 1,
        seeded: SeededRooms | None = None,
    ) -> None:
        self._servers = servers
        self._pool = pool
        self._is_seeded = seeded is not None
        if seeded is not None:
            self._tokens, self._heads = seeded.tokens, dict.fromkeys(seeded.room_ids, 0)
            return
        self._tokens = tuple(rest_client.register(self.server.address) for _ in range(users))
        self._heads = {rest_client.make_room(self.server.address, self._tokens[0]): 0 for _ in range(rooms)}

    @property
    def token(self) -> str:
        """The first user's."""
        return self._tokens[0]

    @property
    def server(self) -> MeasuredServer:
        """The first, mostly the only one."""
        return self._servers[0]

    def connect(self, count: int, *, at_once: int, within_s: float) -> list[Connected]:
        """Open `count` connections that join a room each, at most `at_once` unfinished at a time."""
        return self._pool.connect(
            addresses=[server.address for server in self._servers],
            tokens=self._tokens,
            count=count,
            at_once=at_once,
            room_ids=tuple(self._heads),
            within_s=within_s,
            own_tokens=self._is_seeded,
        )

    def connect_readers(self, count: int, *, at_once: int, within_s: float) -> None:
        """As `connect`; also makes every user a member of every room, for REST requests of any user about any room."""
        self.connect(count, at_once=at_once, within_s=within_s)
        for token in self._tokens:
            for room_id in self._heads:
                rest_client.call_until_it_is_taken(self.server.address, "POST", f"/rooms/{room_id}/join", {}, token)

    def send(
        self,
        *,
        senders: int,
        rate_per_s: float | None,
        seconds: float,
        content_bytes: int,
        may_refuse: bool = False,
        within_s: float = _DELIVER_WITHIN_S,
    ) -> LoadResult:
        """Send for `seconds`, then wait until every connection has every acked message, `within_s` at most."""
        before_s = self._cpu_s()
        sent = self._pool.send(
            senders=senders,
            rate_per_s=rate_per_s,
            seconds=seconds,
            content_bytes=content_bytes,
            within_s=within_s,
            may_refuse=may_refuse,
        )
        self._heads, snapshots = self._pool.settle(sent, after=self._heads, within_s=_DELIVER_WITHIN_S)
        cpu_s = _difference(before_s, self._cpu_s())
        acked = sum(len(seqs) for result in sent for seqs in result.acked_seqs.values())
        windows = [result.window for result in sent]
        return LoadResult(sum(result.sent for result in sent), cpu_s, snapshots, windows, acked, self._rss_bytes())

    def combined(self, plan: CombinedLoad) -> CombinedResult:
        """Do all of a plan at once, then wait until every connection has every acked message and change."""
        before_s = self._cpu_s()
        done = self._pool.combined(
            plan,
            addresses=[server.address for server in self._servers],
            tokens=self._tokens,
            room_ids=tuple(self._heads),
            within_s=_DELIVER_WITHIN_S,
        )
        self._heads, snapshots = self._pool.settle_combined(done, after=self._heads, within_s=_DELIVER_WITHIN_S)
        load = LoadResult(
            sum(result.sent for result in done.sent),
            _difference(before_s, self._cpu_s()),
            snapshots,
            [result.window for result in done.sent],
            sum(len(seqs) for result in done.sent for seqs in result.acked_seqs.values()),
            self._rss_bytes(),
        )
        changes = sum(result.sent for result in done.changed)
        return CombinedResult(load, done.requests(), done.connected, changes, plan.seconds)

    @property
    def room_ids(self) -> tuple[str, ...]:
        return tuple(self._heads)

    def send_one(self, content_bytes: int) -> LoadResult:
        """Send one message from one connection to all."""
        return self.send(senders=1, rate_per_s=1, seconds=0.5, content_bytes=content_bytes)

    def watch_changes(self) -> None:
        """Let every connection check the changes of its room from now on. Nobody may join or leave after this, because
        such changes take a rev and are told to nobody.
        """
        revs = {}
        for room_id in self._heads:
            reply = rest_client.call(self.server.address, "GET", f"/rooms/{room_id}", token=self.token)
            revs[room_id] = int(reply["room"]["rev"])
        self._pool.watch_changes(revs, within_s=_DELIVER_WITHIN_S)

    def send_changes(
        self, *, senders: int, rate_per_s: float, seconds: float, edits_percent: int, content_bytes: int
    ) -> LoadResult:
        """Change messages for `seconds`, then wait until every connection has every acked change. `messages` of the
        result are the changes that were sent.
        """
        before_s = self._cpu_s()
        sent = self._pool.send_changes(
            senders=senders,
            rate_per_s=rate_per_s,
            seconds=seconds,
            edits_percent=edits_percent,
            content_bytes=content_bytes,
            within_s=_DELIVER_WITHIN_S,
        )
        snapshots = self._pool.settle_changes(sent, heads=self._heads, within_s=_DELIVER_WITHIN_S)
        cpu_s = _difference(before_s, self._cpu_s())
        changes = sum(result.sent for result in sent)
        return LoadResult(changes, cpu_s, snapshots, [], changes, self._rss_bytes())

    def _cpu_s(self) -> float | None:
        return _sum(server.cpu_s() for server in self._servers)

    def _rss_bytes(self) -> int | None:
        return _sum(server.rss_bytes() for server in self._servers)


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _sum(each: Iterable[_N | None]) -> _N | None:
    """The sum; None where one of them is unknown."""
    total: Any = 0
    for one in each:
        if one is None:
            return None
        total += one
    return total  # type: ignore[no-any-return]
