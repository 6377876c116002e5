"""The same load on this server, on the least one that stores, and on those that others use, which store nothing.

Their packages are installed on demand into a folder of the bench's own. Each gets three loads in turn: a steady one on
many connections, a closed loop of many senders in a large room, and one in which all of a small room send. They take
turns within each load. A server that runs already is measured too: `--url ws://127.0.0.1:PORT/PATH` with `--template`,
the text of a message with `%m` where the marker is to stand, and `--opening`, a text that it wants first.
"""

from __future__ import annotations

from contextlib import ExitStack

from bench import machine
from bench.contender import OURS, Contender, Load, Loaded, our_contender, peer_contender, running_contender
from bench.peers.catalogue import PEERS
from bench.peers.installation import NotThere
from bench.peers.peer import least_server
from bench.report import CLIENT_BOUND_MARK
from bench.result import Cell, Figure, Table
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_USERS = 50
_COLUMNS = ("server", "it", "µs CPU a delivery", "of ours", "µs CPU a message", "deliveries/s", "messages/s",
            "p50 ms", "p99 ms")  # fmt: skip


def _run(context: ScenarioContext) -> list[Figure]:
    connections, small = context.options["connections"], context.options["small"]
    half = max(1, connections // 2)
    loads = {
        "fan-out": Load(connections, max(1, connections // 100), context.options["rate"]),
        "closed loop": Load(half, max(1, half // 5), None, sample_every=10),
        "all send": Load(small, small, None),
    }
    machine.allow_connections(connections)
    figures = []
    with ExitStack() as stack:
        contenders = _contenders(context, stack, connections)
        for name, load in loads.items():
            results = {}
            for contender in contenders:
                context.step(f"{name}, {contender.name}")
                results[contender.name] = contender.load(load, seconds=context.options["seconds"], warm_up_s=0.5)
            context.findings.tables.append(_table(f"{name}: {load}", contenders, results))
            figures += _figures(name, results)
            if any(loaded.client_bound for loaded in results.values()):
                context.findings.client_bound = True
    return figures


def _contenders(context: ScenarioContext, stack: ExitStack, connections: int) -> list[Contender]:
    """All that can be measured here; a note says which cannot."""
    enter = stack.enter_context
    found = [enter(our_contender(context, connections=connections, acks=False, users=_USERS))]
    found.append(enter(peer_contender(context, least_server(acks=False), connections=connections)))
    for name, install in PEERS.items() if context.options["others"] else ():
        context.step(f"installing {name}")
        try:
            installed = install()
        except NotThere as error:
            context.findings.notes.append(f"{name}: not measured, {error}")
            continue
        environ = dict(installed.environ)
        found.append(enter(peer_contender(context, installed.peer, connections=connections, environ=environ)))
    if context.given is not None and context.given.dialect is not None:
        dialect = context.given.dialect
        found.append(enter(running_contender(context, "given", "as it is", context.given, dialect, connections)))
    return found


def _table(title: str, contenders: list[Contender], results: dict[str, Loaded]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for contender in contenders:
        loaded = results[contender.name]
        stretch = loaded.stretch
        rows.append(
            (
                f"{contender.name} {CLIENT_BOUND_MARK}" if loaded.client_bound else contender.name,
                contender.about,
                loaded.delivery_us,
                _over(loaded.delivery_us, results[OURS].delivery_us),
                loaded.message_us,
                stretch.deliveries_per_s,
                stretch.messages_per_s,
                stretch.latency.percentile_ms(50),
                stretch.latency.percentile_ms(99),
            )
        )
    return Table(title, _COLUMNS, rows)


def _figures(name: str, results: dict[str, Loaded]) -> list[Figure]:
    ours = results[OURS]
    return [
        Figure(f"{name}: {other} over ours, CPU per delivery", _over(loaded.delivery_us, ours.delivery_us), "times")
        for other, loaded in results.items()
        if other != OURS
    ]


def _over(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


SCENARIO = Scenario(
    name="peers",
    about="The same load on this server, the least one that stores, and others that store nothing.",
    options={
        "connections": Option(1000, 2, 9000, "of the steady load; half of them in the closed loop"),
        "rate": Option(30, 1, 1000, "messages a second of the steady load"),
        "small": Option(20, 1, 1000, "connections of the room in which all send"),
        "others": Option(1, 0, 1, "to install and measure what others use"),
        "seconds": Option(3, 1, 60, "of each load, for each server"),
    },
    run=_run,
)
