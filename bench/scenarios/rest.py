"""REST alone: how many requests a second one process answers, and the CPU of each, beside what Tornado itself takes.

The yardstick is an application of Tornado's own with nothing but `/health`, in a process of its own. It authenticates
nobody, counts no limit and writes no log; the server's own `/health` is measured, too, which does the latter two.
The questions are asked in turns within one run, each by as many connections at once, so that a disturbance affects all
alike. While they are asked a connection pings the server: what the loop of the process is late by, its WebSocket
connections wait.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
import psutil

from bench import figure_builders, request_load, rest_client
from bench.client_limits import CPU_PERCENT_MAX
from bench.errors import BenchError
from bench.histogram import merged
from bench.latency_probe import LatencyProbe, ProbeLatencies
from bench.measured_server import MeasuredServer
from bench.request_load import RequestLoad
from bench.rest_client import Address
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from bench.server_process import NO_SHEDDING
from common.free_ports import free_port

TORNADO, HEALTH = "Tornado's own /health", "/health"
_WARM_UP_S = 0.5
_START_WITHIN_S = 20
_HOST = "127.0.0.1"
_WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit"


class _Question(msgspec.Struct):
    """One request, and what came of it in each turn."""

    server: MeasuredServer
    request: bytes
    loads: list[RequestLoad] = []
    costs_us: list[float] = []
    lags: list[ProbeLatencies] = []

    @property
    def per_s(self) -> float:
        return statistics.median(load.per_s for load in self.loads)


def _run(context: ScenarioContext) -> list[Figure]:
    with context.server(NO_SHEDDING) as server, _tornado() as tornado:
        token = rest_client.register(server.address)
        context.step("filling rooms")
        room_id = _fill(context, server.address, token)
        paths = {
            HEALTH: "/health",
            "newest page": f"/messages?roomId={room_id}",
            "a room": f"/rooms/{room_id}",
            "my rooms": "/rooms?mine=true",
        }
        questions = {TORNADO: _Question(tornado, request_load.get_request(tornado.address, "/health", None))} | {
            name: _Question(server, request_load.get_request(server.address, path, token))
            for name, path in paths.items()
        }
        with LatencyProbe(server.address, token) as probe:
            _ask_all(context, questions, probe)
    busiest = max(load.client_percent for question in questions.values() for load in question.loads)
    if busiest >= CPU_PERCENT_MAX:
        context.findings.client_bound = True
        context.findings.notes.append(f"the client of the requests used {busiest:.0f} % of a core")
    return [*_figures(questions), Figure("busiest client process", busiest, "% of a core")]


def _ask_all(context: ScenarioContext, questions: Mapping[str, _Question], probe: LatencyProbe) -> None:
    seconds, connections = context.options["turn_ms"] / 1000, context.options["connections"]
    for name, question in questions.items():
        context.step(f"{name}: warming up")
        request_load.send(question.server.address, question.request, connections=connections, seconds=_WARM_UP_S)
    for _ in range(context.options["turns"]):
        for name, question in questions.items():
            context.step(name)
            before_s = question.server.cpu_s()
            lags = probe.measure(seconds)
            load = request_load.send(
                question.server.address, question.request, connections=connections, seconds=seconds
            )
            spent_s = figure_builders.difference(before_s, question.server.cpu_s())
            if not load.replies or load.refused:
                context.failures.add(f"{name}: {load.refused} of {load.replies} replies were no success")
            question.loads.append(load)
            question.lags.append(lags)
            cost_us = figure_builders.each_us(spent_s, load.replies)
            if cost_us is not None:
                question.costs_us.append(cost_us)


def _fill(context: ScenarioContext, address: Address, token: str) -> str:
    """Make the user's rooms, and write messages into the first; returns its id."""
    room_ids = [rest_client.make_room(address, token) for _ in range(context.options["rooms"])]
    for number in range(context.options["messages"]):
        body = {"roomId": room_ids[0], "content": f"{number} {_WORDS}"}
        rest_client.call_until_it_is_taken(address, "POST", "/messages", body, token)
    return room_ids[0]


@contextmanager
def _tornado() -> Iterator[MeasuredServer]:
    """The yardstick, in a process of its own. Raises BenchError where it does not start."""
    address = Address(_HOST, free_port())
    command = [sys.executable, "-m", "bench.tornado_health", str(address.port)]
    process = subprocess.Popen(command, start_new_session=True)  # an interrupt at the terminal is for the bench
    try:
        deadline_s = time.monotonic() + _START_WITHIN_S
        while True:
            try:
                rest_client.call(address, "GET", "/health")
                break
            except BenchError:
                if process.poll() is not None or time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)
        yield MeasuredServer(address, psutil.Process(process.pid))
    finally:
        process.kill()
        process.wait()


def _figures(questions: Mapping[str, _Question]) -> list[Figure]:
    figures = []
    for name, question in questions.items():
        cost_us = statistics.median(question.costs_us) if question.costs_us else None
        figures += [
            Figure(name, question.per_s, "requests/s"),
            Figure(f"{name}: server CPU per request", cost_us, "µs", CPU),
        ]
        if name != TORNADO:
            figures.append(Figure(f"{name}: of {TORNADO}", question.per_s / questions[TORNADO].per_s, "times"))
        if name not in (TORNADO, HEALTH):
            figures.append(Figure(f"{name}: of {HEALTH}", question.per_s / questions[HEALTH].per_s, "times"))
            lag = merged(one.ping.counts() for one in question.lags)
            figures += figure_builders.latency(f"{name}: answer to a ping meanwhile", lag, (50, 99))
    return figures


SCENARIO = Scenario(
    name="rest",
    about="Requests a second by REST, and the CPU of each, beside Tornado's own /health, and how late the loop is.",
    options={
        "connections": Option(16, 1, 200, "that ask at once"),
        "rooms": Option(20, 1, 100, "of the user who asks"),
        "messages": Option(200, 1, 10_000, "in one of them"),
        "turns": Option(3, 1, 50, "in which each question is asked"),
        "turn_ms": Option(1500, 100, 60_000, "of one question"),
    },
    run=_run,
)
