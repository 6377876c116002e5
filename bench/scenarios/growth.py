"""How the CPU of a message and of a delivery grows: with connections, rooms, room size, message size and processes.

What grows is one thing at a time. The rate is the same messages a second up to a bound of deliveries a second, so that
no step is near what a process can do. Beside each step is the floor of as many sockets as a room has connections, with
as large messages and as long pauses. CPU that the server spends on no message counts, too: it is most where messages
are few.
"""

from __future__ import annotations

import msgspec

from bench import kernel_floor
from bench.contender import Load, Loaded, our_contender
from bench.inner_scenario import figures_of
from bench.result import Cell, Figure, Plot, Table
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from bench.scenarios import scale

_WARM_UP_S = 0.3
_RATE_MAX = 200  # messages a second
_DELIVERIES_PER_S = 30_000
_SENDERS = 10
_USERS = 1000  # a multiple of each number of rooms: all connections of a user are in one room
_FRAME_BYTES = 336  # what a frame of ours has besides the content, about
_FLOOR_ROUNDS, _FLOOR_PAUSE_S = 15, 0.02  # rounds at least, and the longest pause
_ROOM_SIZES, _ROOM_COUNTS = (10, 100, 1000, 5000), (1, 5, 20, 100, 200)
_SMALL_ROOMS, _SMALL_ROOM_SIZES = 20, (2, 10, 50, 200)
_CONTENT_BYTES, _CONTENT_ROOM = (64, 256, 1000, 2000), 300
_PROCESSES = {"rooms": 10, "connections": 20, "rate": 200}
_COLUMNS = (
    "what grows", "is", "connections", "messages/s", "µs a message", "µs a delivery", "bare send()", "delivery over it",
)  # fmt: skip
_Row = tuple[Cell, ...]


class Step(msgspec.Struct, frozen=True):
    """One load; axes that have the same one share what was measured."""

    rooms: int
    room_size: int
    content_bytes: int = 64

    @property
    def load(self) -> Load:
        connections = self.rooms * self.room_size
        rate_per_s = min(_RATE_MAX, max(1, _DELIVERIES_PER_S // self.room_size))
        senders = min(connections, max(_SENDERS, self.rooms))
        return Load(connections, senders, rate_per_s, content_bytes=self.content_bytes)


class Axis(msgspec.Struct, frozen=True):
    """What grows, and the steps by its value."""

    name: str
    unit: str
    steps: dict[int, Step]
    is_log: bool = True


class _Measured(msgspec.Struct, frozen=True):
    loaded: Loaded
    floor_us: float


def _run(context: ScenarioContext) -> list[Figure]:
    growing = axes(context.options["connections"], context.options["rooms"])
    steps = dict.fromkeys(step for axis in growing for step in axis.steps.values())
    measured: dict[Step, _Measured] = {}
    for rooms in dict.fromkeys(step.rooms for step in steps):
        _measure(context, [step for step in steps if step.rooms == rooms], measured)
    rows = [row for axis in growing for row in _rows(axis, measured)]
    context.findings.plots += [_plot(axis, measured) for axis in growing]
    if context.options["processes"]:
        rows += _processes(context)
    context.findings.tables.append(Table("cost by what grows", _COLUMNS, rows))
    return []


def axes(connections: int, rooms: int) -> list[Axis]:
    """As far as the options allow; the first value of each is measured in any case."""
    crowd, small_rooms = min(1000, connections), min(_SMALL_ROOMS, rooms)
    room_of_texts = min(_CONTENT_ROOM, connections)
    sizes = _up_to(connections, _ROOM_SIZES)
    counts = _up_to(min(rooms, crowd), _ROOM_COUNTS)
    small_sizes = _up_to(connections // small_rooms, _SMALL_ROOM_SIZES)
    return [
        Axis("connections in one room", "connections", {size: Step(1, size) for size in sizes}),
        Axis(f"rooms of {crowd:,} connections", "rooms", {count: Step(count, crowd // count) for count in counts}),
        Axis(
            f"size of {small_rooms:,} rooms",
            "connections in each room",
            {size: Step(small_rooms, size) for size in small_sizes},
        ),
        Axis(
            f"message size, {room_of_texts:,} connections",
            "characters",
            {size: Step(1, room_of_texts, size) for size in _CONTENT_BYTES},
            is_log=False,
        ),
    ]


def _up_to(most: int, values: tuple[int, ...]) -> list[int]:
    return [value for value in values if value <= most or value == values[0]]


def _measure(context: ScenarioContext, steps: list[Step], measured: dict[Step, _Measured]) -> None:
    """Measure steps of one number of rooms on one server."""
    seconds = context.options["seconds"]
    most = max(step.load.connections for step in steps)
    with our_contender(context, connections=most, acks=True, users=_USERS, rooms=steps[0].rooms) as ours:
        for step in steps:
            load = step.load
            size = f"{step.room_size:,} in each of {step.rooms:,} rooms, {step.content_bytes} characters"
            context.step(size)
            loaded = ours.load(load, seconds=seconds, warm_up_s=_WARM_UP_S)
            pause_s = 1 / (load.rate_per_s or 1.0)
            context.step(f"{size}: the floor")
            floor_us = kernel_floor.measure(
                sockets=step.room_size,
                message_bytes=_FRAME_BYTES + step.content_bytes,
                rounds=max(_FLOOR_ROUNDS, 1000 // step.room_size),
                pause_s=min(_FLOOR_PAUSE_S, pause_s),
            )
            measured[step] = _Measured(loaded, floor_us)


def _rows(axis: Axis, measured: dict[Step, _Measured]) -> list[_Row]:
    rows: list[_Row] = []
    for value, step in axis.steps.items():
        loaded, floor_us = measured[step].loaded, measured[step].floor_us
        delivery_us = loaded.delivery_us
        over = None if delivery_us is None else delivery_us / floor_us
        load = step.load
        rows.append(
            (
                axis.name, value, load.connections, load.rate_per_s, loaded.message_us, delivery_us, floor_us, over,
            )
        )  # fmt: skip
    return rows


def _plot(axis: Axis, measured: dict[Step, _Measured]) -> Plot:
    """Of a message too, where the scale has room for both."""
    lines: dict[str, list[tuple[float, float]]] = {"a delivery": [], "a bare send()": []}
    if axis.is_log:
        lines["a message"] = []
    for value, step in axis.steps.items():
        one = measured[step]
        lines["a bare send()"].append((value, one.floor_us))
        if one.loaded.delivery_us is not None:
            lines["a delivery"].append((value, one.loaded.delivery_us))
        if axis.is_log and one.loaded.message_us is not None:
            lines["a message"].append((value, one.loaded.message_us))
    return Plot(axis.name, axis.unit, "µs CPU", lines, log_x=axis.is_log, log_y=axis.is_log)


def _processes(context: ScenarioContext) -> list[_Row]:
    """What scale measures, smaller; its failures are this scenario's."""
    most, seconds = context.options["processes"], context.options["seconds"]
    figures = figures_of(context, scale.SCENARIO, {**_PROCESSES, "processes": most, "seconds": seconds})
    name = "processes with Redis, {rooms} rooms of {connections}".format(**_PROCESSES)
    connections, rate = _PROCESSES["rooms"] * _PROCESSES["connections"], _PROCESSES["rate"]
    points = []
    rows: list[_Row] = []
    for count in (1, 2, 4, 8):
        cost_us = figures.get(f"{count} process{'es' if count > 1 else ''}: server CPU per delivery")
        if cost_us is not None:
            points.append((float(count), cost_us))
            message_us = cost_us * _PROCESSES["connections"]
            rows.append((name, count, connections, rate, message_us, cost_us, None, None))
    context.findings.plots.append(Plot(name, "processes", "µs CPU of all of them", {"a delivery": points}))
    return rows


SCENARIO = Scenario(
    name="growth",
    about="How the CPU of a message and of a delivery grows with connections, rooms, sizes and processes.",
    options={
        "connections": Option(5000, 10, 19_000, "at most"),
        "rooms": Option(200, 1, 200, "at most"),
        "processes": Option(4, 0, 8, "at most, of 1, 2, 4 and 8; 0 leaves them out"),
        "seconds": Option(2, 1, 60, "of each load"),
    },
    run=_run,
)
