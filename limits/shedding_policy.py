"""How much to shed of what, given how the process suffers: pure, time passed in.

Knows no clock, no loop and no request.

Load is judged as milliseconds of loop lag, for that is what everybody waits for; a store's queue and the processor are
put into the same unit. Each class is shed from its lag on, and let in again a level at a time, once the pressure has
been below half of it for a while. Messages are never shed altogether: a falling share of them is let in.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct


class ShedClass(IntEnum):
    """What can be shed, the first to go first. The value is the level from which it is."""

    EPHEMERAL = 1  # typing, presence
    READS = 2  # search, history, totals
    ARRIVALS = 3  # new connections, logins
    MESSAGES = 4  # a share of them


SHED_AT_MS = (50.0, 100.0, 200.0, 400.0)  # level n from SHED_AT_MS[n - 1] on
CALM = 0.5  # of a level's lag: below it the level may end
CALM_FOR_S = 1.0
# Share of the store's queue that is taken → as much as so much lag
QUEUE_MS = ((0.9, 400.0), (0.75, 200.0), (0.5, 100.0), (0.25, 50.0))
# Of one core. Full is as much as the first level, no more: a process that is busy and quick does its work. Nearly full
# is not calm.
CPU_MS = ((0.95, 50.0), (0.85, 25.0))
SHARE_MIN = 0.05
TARGET_MS = 200.0  # what the messages' share is steered to
FALL_MAX, RISE_MAX = 0.6, 1.25  # by how much the share changes in a second at most
# A step counts for so long at most. Who stood still for longer (a container that is paused) has seen nothing of it; and
# RISE_MAX to the power of an hour is no float.
ELAPSED_MAX_S = 2.0


class Load(Struct, frozen=True):
    """`lag_ms`: the loop's p99 of the last seconds; `cpu`: of one core, over the same, 0 to 1; `queue`: of the store's
    queue, 0 to 1.

    `recent_ms` (None: as `lag_ms`) is the lag of the last second, which tells sooner what a change of the share has
    done.
    """

    lag_ms: float
    cpu: float = 0.0
    queue: float = 0.0
    recent_ms: float | None = None


class Shed(Struct, frozen=True):
    """`level` 0 to 4; `share` of the messages that is let in, 1.0 below level 4; `calm_s`: for how long it could have
    been a level less.
    """

    level: int = 0
    share: float = 1.0
    calm_s: float = 0.0


def pressure_ms(load: Load) -> float:
    """The load as milliseconds of loop lag."""
    return _with(load, load.lag_ms)


def _with(load: Load, lag_ms: float) -> float:
    queue_ms = next((ms for share, ms in QUEUE_MS if load.queue >= share), 0.0)
    cpu_ms = next((ms for share, ms in CPU_MS if load.cpu >= share), 0.0)
    return max(lag_ms, queue_ms, cpu_ms)


def step(shed: Shed, load: Load, elapsed_s: float) -> Shed:
    """What is shed from now on, `elapsed_s` after the step before."""
    elapsed_s = min(elapsed_s, ELAPSED_MAX_S)
    pressure = pressure_ms(load)
    reached = sum(pressure >= at_ms for at_ms in SHED_AT_MS)
    if reached > shed.level:
        return Shed(reached, _steered(1.0, load, elapsed_s) if reached == ShedClass.MESSAGES else 1.0)
    if shed.level == 0:
        return shed
    share = _steered(shed.share, load, elapsed_s) if shed.level == ShedClass.MESSAGES else 1.0
    is_calm = pressure < CALM * SHED_AT_MS[shed.level - 1] and share == 1.0
    calm_s = shed.calm_s + elapsed_s if is_calm else 0.0
    if calm_s >= CALM_FOR_S:
        return Shed(shed.level - 1)
    return Shed(shed.level, share, calm_s)


def _steered(share: float, load: Load, elapsed_s: float) -> float:
    """The share moved towards what would bring the present pressure to its target: down at once, up slowly."""
    wanted = TARGET_MS / max(_with(load, load.lag_ms if load.recent_ms is None else load.recent_ms), 1.0)
    change: float = min(max(wanted, FALL_MAX), RISE_MAX) ** elapsed_s
    return min(1.0, max(SHARE_MIN, share * change))
