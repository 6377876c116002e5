"""What a scenario receives: its options, servers and rooms to load, and a collector of failures. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from bench import machine, rest_client
from bench.client_base.client_processes import process_count_for
from bench.cluster import Cluster
from bench.delivery_checker import Failures
from bench.errors import BenchError
from bench.loaded_rooms import LoadedRooms
from bench.measured_server import MeasuredServer
from bench.progress_line import ProgressLine
from bench.rest_client import Address
from bench.result import Findings
from bench.seeded_rooms import SeededRooms
from bench.server_process import ServerProcess
from bench.stop_signals import StopSignals
from bench.stream_client.dialect import Dialect
from bench.worker_pool import WorkerPool


class ScenarioContext(msgspec.Struct, frozen=True):
    """`given` is a running server to use instead of starting one."""

    name: str
    options: Mapping[str, int]
    progress: ProgressLine
    stop_signals: StopSignals
    given: MeasuredServer | None = None
    failures: Failures = msgspec.field(default_factory=Failures)
    findings: Findings = msgspec.field(default_factory=Findings)
    server_facts: dict[str, object] = {}

    @contextmanager
    def server(
        self, environ: Mapping[str, str] | None = None, *, data_dir: Path | None = None
    ) -> Iterator[MeasuredServer]:
        """The given server, or a started one with raised limits and `environ` in its environment.

        It runs on `data_dir`, if that is given, which is then not removed.
        """
        self.step("starting")
        if self.given is not None:
            yield self.describe(self.given)
            return
        with ServerProcess(environ=environ, failures=self.failures, data_dir=data_dir) as started:
            yield self.describe(MeasuredServer(started.address, psutil.Process(started.pid)))

    @contextmanager
    def cluster(
        self, processes: int, *, with_redis: bool = True, environ: Mapping[str, str] | None = None
    ) -> Iterator[Cluster]:
        """Start `processes` processes that form one chat server, with `environ` in their environments.

        A given server is not used.
        """
        with Cluster(processes, with_redis=with_redis, environ=environ, failures=self.failures) as started:
            self.describe(started.servers[0])
            yield started

    @contextmanager
    def room(self, *, connections: int, users: int = 1) -> Iterator[LoadedRooms]:
        """A server with a room, and client processes for that many connections.

        At the end the failures that they found are added to `failures`.
        """
        with self.loaded_rooms(connections=connections, users=users, rooms=1) as room:
            yield room

    @contextmanager
    def loaded_rooms(
        self, *, connections: int, users: int, rooms: int, environ: Mapping[str, str] | None = None
    ) -> Iterator[LoadedRooms]:
        """A server with rooms, and client processes for that many connections in all; else as `room`."""
        machine.allow_connections(connections)
        with (
            self.server(environ) as server,
            self.rooms([server], connections=connections, users=users, rooms=rooms) as loaded,
        ):
            yield loaded

    @contextmanager
    def rooms(
        self,
        servers: Sequence[MeasuredServer],
        *,
        connections: int,
        users: int = 1,
        rooms: int = 1,
        seeded: SeededRooms | None = None,
    ) -> Iterator[LoadedRooms]:
        """Rooms on servers that run, made now or `seeded`, and client processes for that many connections in all."""
        machine.allow_connections(connections)
        with WorkerPool(
            process_count_for(connections), failures=self.failures, on_progress=self.progress.update
        ) as pool:
            yield LoadedRooms(servers=servers, pool=pool, users=users, rooms=rooms, seeded=seeded)
            pool.report_failures()

    def step(self, what: str) -> None:
        """Show the next step on the progress line. Raises SystemExit if a stop signal has come."""
        self.stop_signals.check()
        self.progress.begin(f"{self.name}: {what}")

    def describe(self, server: MeasuredServer) -> MeasuredServer:
        """Note the server's version and backends for the report; returns the server."""
        health = rest_client.call(server.address, "GET", "/health")
        self.server_facts.update({name: health.get(name) for name in ("version", "store", "cache")})
        return server


def server_at(address: Address, pid: int | None, dialect: Dialect | None = None) -> MeasuredServer:
    """A server that is already running. Raises BenchError if there is no process `pid`."""
    try:
        return MeasuredServer(address, None if pid is None else psutil.Process(pid), dialect)
    except psutil.Error as error:
        raise BenchError(f"--pid {pid}: {error}") from error
