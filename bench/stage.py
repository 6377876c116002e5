"""What a scenario works on: its options, rooms on servers, a place for failures. Measures nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from bench import api, machine
from bench.api import Address
from bench.checker import Failures
from bench.cluster import Cluster
from bench.errors import BenchError
from bench.fleet import Fleet, processes_for
from bench.process import ServerProcess
from bench.progress import Progress
from bench.room import Rooms
from bench.server import Server
from bench.told import Told


@dataclass(frozen=True, slots=True)
class Stage:
    """`given` is a server to use instead of one of our own."""

    name: str
    options: Mapping[str, int]
    progress: Progress
    told: Told
    given: Server | None = None
    failures: Failures = field(default_factory=Failures)
    about_server: dict[str, object] = field(default_factory=dict)

    @contextmanager
    def server(self, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
        """The given server, or one of our own with its limits out of the way and `environ` besides."""
        self.step("starting")
        if self.given is not None:
            yield self._met(self.given)
            return
        with ServerProcess(environ=environ, failures=self.failures) as started:
            yield self._met(Server(started.address, psutil.Process(started.pid)))

    @contextmanager
    def cluster(self, processes: int, *, with_redis: bool = True) -> Iterator[Cluster]:
        """So many processes of our own that are one chat server; a given server is left alone."""
        with Cluster(processes, with_redis=with_redis, failures=self.failures) as started:
            self._met(started.servers[0])
            yield started

    @contextmanager
    def room(self, *, connections: int, users: int = 1) -> Iterator[Rooms]:
        """A server with a room, and client processes for that many connections.

        At the end their failures are taken over.
        """
        machine.allow_connections(connections)
        with self.server() as server, self.rooms([server], connections=connections, users=users) as room:
            yield room

    @contextmanager
    def rooms(self, servers: Sequence[Server], *, connections: int, users: int, rooms: int = 1) -> Iterator[Rooms]:
        """Rooms on servers that run, and client processes for that many connections in all."""
        machine.allow_connections(connections)
        with Fleet(processes_for(connections), failures=self.failures, on_progress=self.progress.tell) as fleet:
            yield Rooms(servers=servers, fleet=fleet, users=users, rooms=rooms)
            fleet.report_failures()

    def step(self, what: str) -> None:
        """Say what comes now. Raises SystemExit where the bench was told to end."""
        self.told.check()
        self.progress.begin(f"{self.name}: {what}")

    def _met(self, server: Server) -> Server:
        health = api.call(server.address, "GET", "/health")
        self.about_server.update({name: health.get(name) for name in ("version", "store", "cache")})
        return server


def given_server(address: Address, pid: int | None) -> Server:
    """A server that runs already. Raises BenchError where there is no such process."""
    try:
        return Server(address, None if pid is None else psutil.Process(pid))
    except psutil.Error as error:
        raise BenchError(f"--pid {pid}: {error}") from error
