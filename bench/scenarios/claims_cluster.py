"""The claims about cached values in a cluster, as a client of REST sees them: two processes with Redis.

Two clusters run side by side, one without the cache, and are asked in turns, each request at the other process of its
cluster. One client waits for each reply, on connections that are kept. So a time holds what HTTP costs besides, and the
cache saves a smaller share of it than of the same request without a server.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from itertools import cycle

import msgspec

from bench import rest_client
from bench.claim import Claim, JudgedClaim, judge, not_measurable
from bench.errors import BenchError
from bench.scenario_context import ScenarioContext

PROCESSES = 2
ROOMS = 5
MESSAGES = 50  # in each room: a page
TURNS = 7
_TIMEOUT_S = 20
_FASTER = {"newest messages": 70.0, "a user": 85.0, "room stats": 90.0}

FASTER = {
    what: Claim(
        name=f"{what}, cached ({PROCESSES} processes, REST)", unit="ms", switch="CACHE_ENABLED", less_percent=percent
    )
    for what, percent in _FASTER.items()
}
CLAIMS = list(FASTER.values())


class _Clients(msgspec.Struct, frozen=True):
    """A kept connection to each process of one cluster; `paths` are those of each question, for every room."""

    connections: list[HTTPConnection]
    token: str
    paths: dict[str, list[str]]

    def mean_s(self, what: str, turn_s: float) -> float:
        """Seconds of one request, the processes and the rooms in turn."""
        connections, paths = cycle(self.connections), cycle(self.paths[what])
        began_s, count = time.perf_counter(), 0
        while not count or time.perf_counter() - began_s < turn_s:
            self._request(next(connections), next(paths))
            count += 1
        return (time.perf_counter() - began_s) / count

    def _request(self, connection: HTTPConnection, path: str) -> None:
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            reply = connection.getresponse()
            reply.read()
        except (OSError, HTTPException) as error:
            raise BenchError(f"GET {path}: {type(error).__name__}: {error}") from error
        if reply.status != 200:
            raise BenchError(f"GET {path}: {reply.status}")


def judged(context: ScenarioContext) -> Iterator[JudgedClaim]:
    """Measure, where there is a redis-server."""
    if shutil.which("redis-server") is None:
        for claim in CLAIMS:
            yield not_measurable(claim, "redis-server is not on PATH")
        return
    turn_s = context.options["turn_ms"] / 1000
    with ExitStack() as stack:
        cached = _set_up(context, stack, "true")
        uncached = _set_up(context, stack, "false")
        for what, claim in FASTER.items():
            context.step(claim.name)
            times_s: tuple[list[float], list[float]] = ([], [])
            for _ in range(TURNS):
                for clients, kept in zip((cached, uncached), times_s, strict=True):
                    kept.append(clients.mean_s(what, turn_s))
            with_s, without_s = map(statistics.median, times_s)
            yield judge(claim, with_s * 1e3, without=without_s * 1e3)


def _set_up(context: ScenarioContext, stack: ExitStack, cache_enabled: str) -> _Clients:
    context.step("starting a cluster")
    cluster = stack.enter_context(context.cluster(PROCESSES, environ={"CACHE_ENABLED": cache_enabled}))
    address = cluster.servers[0].address
    token = rest_client.register(address)
    user_id = rest_client.call(address, "GET", "/auth/profile", token=token)["user"]["id"]
    room_ids = [rest_client.make_room(address, token) for _ in range(ROOMS)]
    for room_id in room_ids:
        for number in range(MESSAGES):
            body = {"roomId": room_id, "content": f"{number} of the bench"}
            rest_client.call_until_it_is_taken(address, "POST", "/messages", body, token)
    connections = [
        stack.enter_context(closing(HTTPConnection(server.address.host, server.address.port, timeout=_TIMEOUT_S)))
        for server in cluster.servers
    ]
    paths = {
        "newest messages": [f"/messages?roomId={room_id}&limit={MESSAGES}" for room_id in room_ids],
        "a user": [f"/users/{user_id}"],
        "room stats": [f"/rooms/{room_id}/stats" for room_id in room_ids],
    }
    return _Clients(connections, token, paths)
