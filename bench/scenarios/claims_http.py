"""The claim about pooled connections as a client of REST may mean it: a kept one, against one for each request."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from bench.claim import Claim, JudgedClaim, judge
from bench.errors import BenchError
from bench.rest_client import Address
from bench.scenario_context import ScenarioContext

TURNS = 7
_PATH = "/health"
_TIMEOUT_S = 20

KEPT = Claim(name="request on a kept connection (HTTP)", unit="ms", switch="a connection each", less_percent=40)
CLAIMS = [KEPT]


def judged(context: ScenarioContext) -> Iterator[JudgedClaim]:
    """Measure with one client, which waits for each reply."""
    with context.server() as server:
        context.step("requests on kept connections")
        turn_s = context.options["turn_ms"] / 1000
        kept_s, each_s = [], []
        with _connection(server.address) as kept:
            for _ in range(TURNS):
                kept_s.append(_mean_s(lambda: _request(kept), turn_s))
                each_s.append(_mean_s(lambda: _request_on_new_connection(server.address), turn_s))
    yield judge(KEPT, statistics.median(kept_s) * 1e3, without=statistics.median(each_s) * 1e3)


def _connection(address: Address) -> closing[HTTPConnection]:
    return closing(HTTPConnection(address.host, address.port, timeout=_TIMEOUT_S))


def _request(connection: HTTPConnection) -> None:
    try:
        connection.request("GET", _PATH)
        connection.getresponse().read()
    except (OSError, HTTPException) as error:
        raise BenchError(f"GET {_PATH}: {type(error).__name__}: {error}") from error


def _request_on_new_connection(address: Address) -> None:
    with _connection(address) as connection:
        _request(connection)


def _mean_s(request: Callable[[], None], turn_s: float) -> float:
    began_s, count = time.perf_counter(), 0
    while not count or time.perf_counter() - began_s < turn_s:
        request()
        count += 1
    return (time.perf_counter() - began_s) / count
