"""A server in a comparison, under a stream client of its own: the same load on each, and the CPU time that it takes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from bench import client_limits, figure_builders, seeded_rooms
from bench.client_base.client_processes import process_count_for
from bench.measured_server import MeasuredServer
from bench.peers.peer import Peer, chat_rooms
from bench.peers.peer_process import PeerProcess
from bench.scenario_context import ScenarioContext
from bench.server_process import NO_SHEDDING, ServerProcess
from bench.stream_client.commands import Opened
from bench.stream_client.dialect import Dialect
from bench.stream_client.stream_pool import StreamPool, Stretch

OURS = "ours"
_AT_ONCE = 200
_OPEN_WITHIN_S = 60
_ENVIRON = {"RATE_LIMIT_FRAMES": "1000000000/60", **NO_SHEDDING}  # one connection may send a thousand messages a second


class Load(msgspec.Struct, frozen=True):
    """`connections` of which `senders` send, `rate_per_s` in all; without a rate each its next message when its last
    came back. `sample_every`: see the client's `Send`. `content_bytes`: of each message.
    """

    connections: int
    senders: int
    rate_per_s: float | None
    sample_every: int = 1
    content_bytes: int = 64

    def __str__(self) -> str:
        pace = "a closed loop" if self.rate_per_s is None else f"{self.rate_per_s:g} messages/s"
        return f"{self.connections:,} connections, {self.senders:,} send, {pace}"


class Loaded(msgspec.Struct, frozen=True):
    """A stretch of a load, with the CPU time of the server; `opened`: how its connections came."""

    stretch: Stretch
    cpu_s: float | None
    opened: Opened

    @property
    def delivery_us(self) -> float | None:
        """CPU time of the server for each delivery."""
        return figure_builders.each_us(self.cpu_s, self.stretch.deliveries)

    @property
    def message_us(self) -> float | None:
        """CPU time of the server for each message."""
        return figure_builders.each_us(self.cpu_s, self.stretch.messages)

    @property
    def client_bound(self) -> bool:
        """Whether the client, not the server, was the bottleneck."""
        return self.stretch.client_percent >= client_limits.CPU_PERCENT_MAX


class Contender:
    """One server that runs."""

    def __init__(
        self,
        name: str,
        about: str,
        *,
        server: MeasuredServer,
        pool: StreamPool,
        tokens: Sequence[str],
        room_ids: Sequence[str],
    ) -> None:
        self.name, self.about, self.server = name, about, server
        self.tokens, self.room_ids = tokens, room_ids
        self._pool = pool

    def open(self, count: int) -> Opened:
        """Open that many more connections, in the rooms in turn."""
        return self._pool.open(
            count,
            tokens=self.tokens,
            room_ids=self.room_ids,
            at_once=_AT_ONCE,
            within_s=_OPEN_WITHIN_S,
        )

    def send(self, load: Load, seconds: float, opened: Opened) -> Loaded:
        """Send from connections that are open."""
        before_s = self.server.cpu_s()
        stretch = self._pool.send(
            senders=load.senders,
            rate_per_s=load.rate_per_s,
            seconds=seconds,
            content_bytes=load.content_bytes,
            sample_every=load.sample_every,
        )
        return Loaded(stretch, figure_builders.difference(before_s, self.server.cpu_s()), opened)

    def load(self, load: Load, *, seconds: float, warm_up_s: float = 0.0) -> Loaded:
        """Open connections, send, and close them; a warm-up is not counted."""
        opened = self.open(load.connections)
        if warm_up_s:
            self.send(load, warm_up_s, opened)
        loaded = self.send(load, seconds, opened)
        self.close()
        return loaded

    def close(self) -> None:
        """Close all connections."""
        self._pool.close_connections()


@contextmanager
def our_contender(
    context: ScenarioContext, *, connections: int, acks: bool, users: int, rooms: int = 1
) -> Iterator[Contender]:
    """A server of ours, with its limits raised; its users and rooms are written before it starts."""
    with tempfile.TemporaryDirectory(prefix="chat-rooms-bench-") as folder:
        data_dir = Path(folder) / "data"
        context.step("writing users")
        seeded = asyncio.run(seeded_rooms.seed(data_dir, rooms=rooms, users=users))
        context.step("starting")
        with ServerProcess(environ=_ENVIRON, failures=context.failures, data_dir=data_dir) as started:
            server = context.describe(MeasuredServer(started.address, psutil.Process(started.pid)))
            about = "stores, acks, checks tokens and limits, delivers"
            with _pool(context, server, chat_rooms(acks=acks), connections) as pool:
                yield Contender(OURS, about, server=server, pool=pool, tokens=seeded.tokens, room_ids=seeded.room_ids)


@contextmanager
def peer_contender(
    context: ScenarioContext, peer: Peer, *, connections: int, environ: dict[str, str] | None = None, rooms: int = 1
) -> Iterator[Contender]:
    """A peer, started."""
    context.step(f"starting {peer.name}")
    with (
        PeerProcess(peer.name, peer.command, environ=environ, failures=context.failures) as server,
        running_contender(context, peer.name, peer.about, server, peer.dialect, connections, rooms=rooms) as contender,
    ):
        yield contender


@contextmanager
def running_contender(
    context: ScenarioContext,
    name: str,
    about: str,
    server: MeasuredServer,
    dialect: Dialect,
    connections: int,
    *,
    rooms: int = 1,
) -> Iterator[Contender]:
    """A server that runs, and knows no tokens."""
    with _pool(context, server, dialect, connections) as pool:
        room_ids = [f"room-{number}" for number in range(rooms)]
        yield Contender(name, about, server=server, pool=pool, tokens=[""], room_ids=room_ids)


def _pool(context: ScenarioContext, server: MeasuredServer, dialect: Dialect, connections: int) -> StreamPool:
    return StreamPool(server.address, dialect, processes=process_count_for(connections), failures=context.failures)
