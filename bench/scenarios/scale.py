"""The same rooms on one, two and four processes that form one chat server: the total CPU time of a delivery.

Every room has connections on every process, and the senders are spread over the processes alike. The baseline is one
process with Redis; one process without Redis is measured, too. All servers run at once and are loaded in turns, so that
a disturbance affects all alike; only the server whose turn it is has its CPU time counted. The bench starts all servers
itself, each with a DATA_DIR of its own.
"""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from bench import figure_builders
from bench.histogram import merged
from bench.loaded_rooms import LoadedRooms, LoadResult
from bench.redis_process import RedisProcess
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1
_TURNS = 6
_USERS = 15  # not a multiple of the processes, so that a user has connections on several
_CONTENT_BYTES = 64
_ONE = "1 process"


class _Setup(msgspec.Struct):
    """One way to serve the rooms, and the results of its turns."""

    name: str
    rooms: LoadedRooms
    redis: RedisProcess | None
    loads: list[LoadResult] = []
    redis_s: float = 0.0

    @property
    def deliveries(self) -> int:
        return sum(load.deliveries for load in self.loads)

    def cost_us(self) -> float | None:
        """CPU time of all processes for each delivery, in µs."""
        spent = [load.cpu_s for load in self.loads if load.cpu_s is not None]
        return figure_builders.each_us(sum(spent) if len(spent) == len(self.loads) else None, self.deliveries)

    def figures(self) -> list[Figure]:
        snapshots = [snapshot for load in self.loads for snapshot in load.snapshots]
        return [
            Figure(f"{self.name}: server CPU per delivery", self.cost_us(), "µs", CPU),
            *(
                [
                    Figure(
                        f"{self.name}: redis-server beside it",
                        figure_builders.each_us(self.redis_s, self.deliveries),
                        "µs",
                    )
                ]
                if self.redis
                else []
            ),
            *figure_builders.latency(
                f"{self.name}: message to delivery", merged(snapshot.delivery_us for snapshot in snapshots), (50, 99)
            ),
        ]


def _run(context: ScenarioContext) -> list[Figure]:
    with ExitStack() as stack:
        setups = [_set_up(context, stack, f"{_ONE} without Redis", 1, with_redis=False)]
        for count in (1, 2, 4, 8):
            if count <= context.options["processes"]:
                setups.append(_set_up(context, stack, f"{count} processes" if count > 1 else _ONE, count))
        for setup in setups:
            context.step(f"{setup.name}: warming up")
            _send(context, setup.rooms, _WARM_UP_S)
        for turn in range(_TURNS):
            for setup in setups if turn % 2 else reversed(setups):
                context.step(f"{setup.name}: sending")
                before_s = setup.redis.cpu_s() if setup.redis else 0.0
                setup.loads.append(_send(context, setup.rooms, context.options["seconds"] / _TURNS))
                setup.redis_s += setup.redis.cpu_s() - before_s if setup.redis else 0.0
    for setup in setups:
        figure_builders.note_load(context.findings, setup.name, *setup.loads)
    costs = {setup.name: setup.cost_us() for setup in setups}
    return [
        *(figure for setup in setups for figure in setup.figures()),
        *(_ratio(costs, name) for name in costs if name != _ONE),
        Figure("deliveries", sum(setup.deliveries for setup in setups), ""),
        figure_builders.client_cpu(max((load for setup in setups for load in setup.loads), key=_busiest)),
    ]


def _set_up(
    context: ScenarioContext, stack: ExitStack, name: str, processes: int, *, with_redis: bool = True
) -> _Setup:
    rooms, each = context.options["rooms"], context.options["connections"]
    context.step(f"{name}: starting")
    cluster = stack.enter_context(context.cluster(processes, with_redis=with_redis))
    taken = stack.enter_context(
        context.rooms(cluster.servers, connections=rooms * each, users=min(_USERS, each), rooms=rooms)
    )
    context.step(f"{name}: connecting")
    taken.connect(rooms * each, at_once=200, within_s=60)
    return _Setup(name, taken, cluster.redis)


def _send(context: ScenarioContext, rooms: LoadedRooms, seconds: float) -> LoadResult:
    # The senders of a room are its first connections, one on each process at most.
    senders = context.options["rooms"] * min(context.options["processes"], context.options["connections"])
    return rooms.send(
        senders=senders, rate_per_s=context.options["rate"], seconds=seconds, content_bytes=_CONTENT_BYTES
    )


def _ratio(costs: dict[str, float | None], name: str) -> Figure:
    cost, one = costs[name], costs[_ONE]
    return Figure(f"{name} over {_ONE}, both CPU per delivery", cost / one if cost and one else None, "times")


def _busiest(load: LoadResult) -> float:
    return max(snapshot.cpu_s / snapshot.wall_s for snapshot in load.snapshots)


SCENARIO = Scenario(
    name="scale",
    about="The same rooms on 1, 2 and 4 processes with Redis: what a delivery costs all of them together.",
    options={
        "rooms": Option(20, 1, 200, "that have connections on every process"),
        "connections": Option(50, 1, 500, "in each room"),
        "rate": Option(200, 1, 5000, "messages a second, over all rooms"),
        "processes": Option(4, 1, 8, "at most, of 1, 2, 4 and 8"),
        "seconds": Option(5, 1, 120, "of sending, for each number of processes"),
    },
    run=_run,
)
