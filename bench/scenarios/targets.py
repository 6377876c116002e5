"""The speed that this server is to have, row by row: what was measured, beside the floor and the least server.

The floor is the kernel's: bare `send()` calls. The least server (bench/peers/least_server.py) stores each message as we
do and delivers it, and does nothing else; it bounds what a server in Python can be. Both are measured in the same run
and in turns, so that a slow machine affects all alike, and a row is held against their ratio. A miss is printed, and is
no failure; a message that was lost, doubled or out of order is one. Rows of the other scenarios are measured by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench import machine
from bench.contender import Contender, our_contender, peer_contender
from bench.peers.peer import Peer, least_server
from bench.result import Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from bench.targets import crowd_rows, scenario_rows, stalled_rows, steady_rows, target_row
from bench.targets.target_row import TargetRow

_USERS = 1000


def _run(context: ScenarioContext) -> list[Figure]:
    chosen = context.options
    acks, crowd = bool(chosen["acks"]), chosen["crowd"]
    machine.allow_connections(crowd)
    rows: list[TargetRow] = []
    peer = least_server(acks=acks)
    if chosen["connections"]:
        with _contenders(context, peer, connections=crowd) as (ours, least):
            rows += crowd_rows.crowd_rows(context, ours, least)
    if chosen["messages"]:
        with _contenders(context, peer, connections=steady_rows.CONNECTIONS_MAX) as (ours, least):
            rows += steady_rows.steady_rows(context, ours, least)
    if chosen["rooms"]:
        rows.append(crowd_rows.rooms_row(context, peer, acks=acks))
    if chosen["stalled"]:
        rows += stalled_rows.stalled_rows(context)
    if chosen["rest"]:
        rows += scenario_rows.rest_rows(context)
    if chosen["scale"]:
        rows += scenario_rows.scale_rows(context)
    if chosen["cache"]:
        rows += scenario_rows.cache_rows(context)
    context.findings.tables.append(target_row.table(rows))
    context.findings.notes += target_row.notes(rows)
    return []


@contextmanager
def _contenders(context: ScenarioContext, peer: Peer, *, connections: int) -> Iterator[tuple[Contender, Contender]]:
    """A server of ours and the least one, just started, with client processes for that many connections each."""
    acks = bool(context.options["acks"])
    with (
        our_contender(context, connections=connections, acks=acks, users=_USERS) as ours,
        peer_contender(context, peer, connections=connections) as least,
    ):
        yield ours, least


SCENARIO = Scenario(
    name="targets",
    about="The speed that this server is to have, beside the floor and the least server that stores and delivers.",
    options={
        "turns": Option(2, 1, 20, "in which ours and the least server are measured"),
        "seconds": Option(2, 1, 60, "of each load, in each turn"),
        "crowd": Option(10_000, 20, 19_000, "connections, of the rows of many"),
        "acks": Option(1, 0, 1, "to have each message acked besides delivered"),
        "messages": Option(1, 0, 1, "the rows of what a message costs"),
        "connections": Option(1, 0, 1, "the rows of many connections"),
        "rooms": Option(1, 0, 1, "the row of many small rooms"),
        "stalled": Option(1, 0, 1, "the rows of readers that stall"),
        "rest": Option(1, 0, 1, "the rows of REST"),
        "scale": Option(1, 0, 1, "the rows of several processes"),
        "cache": Option(1, 0, 1, "the rows of the cache"),
    },
    run=_run,
)
