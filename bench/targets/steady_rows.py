"""The rows of what messages cost: fan-out, closed loops and the ordinary case, each in turns with the least server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bench import kernel_floor
from bench.contender import Contender, Load, Loaded
from bench.scenario_context import ScenarioContext
from bench.targets.target_row import TargetRow, median, median_ratio

FAN_OUT = Load(1000, 10, 30)
CLOSED = Load(500, 100, None, sample_every=10)
ALL_SEND = Load(20, 20, None)
ORDINARY = (Load(2, 2, 50), Load(50, 50, 200))
CONNECTIONS_MAX = max(load.connections for load in (FAN_OUT, CLOSED, ALL_SEND, *ORDINARY))
_WARM_UP_S = 0.5
_FRAME_BYTES = 400  # about what our frames have
_CLIENT = "the load client, not the server, was the bottleneck"

Value = Callable[[Loaded], float | None]


class _Turns(msgspec.Struct):
    """What the turns of one load came to; `floors_us` where the floor was measured in turns with them."""

    load: Load
    ours: list[Loaded] = []
    least: list[Loaded] = []
    floors_us: list[float | None] = []

    def row(self, value: Value, unit: str, bound: float, *, at_least: bool = False) -> TargetRow:
        """Against the least server."""
        ours, least = [value(one) for one in self.ours], [value(one) for one in self.least]
        is_bound = not self.load.rate_per_s and any(one.client_bound for one in (*self.ours, *self.least))
        return TargetRow(
            str(self.load),
            unit,
            median(ours),
            "least server",
            median_ratio(ours, least),
            bound,
            at_least=at_least,
            floor=median(self.floors_us),
            least=median(least),
            doubt=_CLIENT if is_bound else "",
        )


def steady_rows(context: ScenarioContext, ours: Contender, least: Contender) -> list[TargetRow]:
    """All rows of messages."""
    fan_out = _measure(context, FAN_OUT, ours, least, with_floor=True)
    closed, all_send, two, fifty = (_measure(context, load, ours, least) for load in (CLOSED, ALL_SEND, *ORDINARY))
    over_least = fan_out.row(_delivery_us, "µs CPU a delivery", 1.1)
    ours_us = [_delivery_us(one) for one in fan_out.ours]
    return [
        msgspec.structs.replace(over_least, against="floor", value=median_ratio(ours_us, fan_out.floors_us), bound=1.4),
        over_least,
        closed.row(_deliveries_per_s, "deliveries/s", 0.95, at_least=True),
        closed.row(_delivery_us, "µs CPU a delivery", 1.05),
        all_send.row(_messages_per_s, "durable messages/s", 0.9, at_least=True),
        all_send.row(_message_us, "µs CPU a message", 1.1),
        two.row(_message_us, "µs CPU a message", 1.1),
        fifty.row(_message_us, "µs CPU a message", 1.1),
    ]


def _measure(
    context: ScenarioContext, load: Load, ours: Contender, least: Contender, *, with_floor: bool = False
) -> _Turns:
    turns = _Turns(load)
    seconds = context.options["seconds"]
    for number in range(context.options["turns"]):
        order: Sequence[tuple[Contender, list[Loaded]]] = [(ours, turns.ours), (least, turns.least)]
        for contender, results in order if number % 2 == 0 else reversed(order):
            context.step(f"{load}: {contender.name}")
            results.append(contender.load(load, seconds=seconds, warm_up_s=_WARM_UP_S))
        if with_floor and load.rate_per_s:
            context.step("the floor")
            floor_us = kernel_floor.measure(
                sockets=load.connections,
                message_bytes=_FRAME_BYTES,
                rounds=max(1, int(load.rate_per_s * seconds)),
                pause_s=1 / load.rate_per_s,
            )
            turns.floors_us.append(floor_us)
    return turns


def _delivery_us(loaded: Loaded) -> float | None:
    return loaded.delivery_us


def _message_us(loaded: Loaded) -> float | None:
    return loaded.message_us


def _deliveries_per_s(loaded: Loaded) -> float | None:
    return loaded.stretch.deliveries_per_s


def _messages_per_s(loaded: Loaded) -> float | None:
    return loaded.stretch.messages_per_s
