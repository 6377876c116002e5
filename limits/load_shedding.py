"""Load shedding: `step` decides how much of which class is shed under a given load, `LoadShedder` keeps to it.

Knows no clock, no loop and no request; load and time are passed in.

Load is expressed in milliseconds of loop lag, which every request waits for; the store's queue and the CPU are
converted to it. Each class is shed from its own lag on, and admitted again one level at a time, once the pressure has
been below half of that lag for CALM_FOR_S. Messages are never shed altogether: a falling share of them is admitted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import IntEnum

from msgspec import Struct

from monitor.observer import Observer
from monitor.part_metrics import PartMetrics

log = logging.getLogger(__name__)

STEP_EVERY_S = 0.25
RETRY_AFTER_S = 2


class ShedClass(IntEnum):
    """The classes of operations, in the order in which they are shed. The value is the lowest level that sheds it."""

    EPHEMERAL = 1  # typing, presence
    READS = 2  # search, history, totals
    ARRIVALS = 3  # new connections, logins
    MESSAGES = 4  # a share of messages


SHED_AT_MS = (50.0, 100.0, 200.0, 400.0)  # level n from SHED_AT_MS[n - 1] on
CALM = 0.5  # of a level's lag: below it the level may end
CALM_FOR_S = 1.0
# Used share of the store's queue → the equivalent lag in ms
QUEUE_MS = ((0.9, 400.0), (0.75, 200.0), (0.5, 100.0), (0.25, 50.0))
# CPU of one core → the equivalent lag in ms. A full core alone reaches level 1 and no more, because a busy process may
# still answer quickly. A nearly full core keeps a level from ending.
CPU_MS = ((0.95, 50.0), (0.85, 25.0))
SHARE_MIN = 0.05
TARGET_MS = 200.0  # what the messages' share is steered to
FALL_MAX, RISE_MAX = 0.6, 1.25  # the most by which the share changes in one second, as factors
# The longest time that a step counts for. A process that stood still for longer (a paused container) measured nothing
# meanwhile, and RISE_MAX to the power of an hour overflows a float.
ELAPSED_MAX_S = 2.0


class Load(Struct, frozen=True):
    """`lag_ms`: the loop's p99 lag of the last seconds; `cpu`: the used share of one core over the same time, 0 to 1;
    `queue`: the used share of the store's queue, 0 to 1.

    `recent_ms` (None: as `lag_ms`) is the lag of the last second, which shows sooner the effect of a changed share.
    """

    lag_ms: float
    cpu: float = 0.0
    queue: float = 0.0
    recent_ms: float | None = None


class Shed(Struct, frozen=True):
    """`level` 0 to 4; `share` of the messages that is admitted, 1.0 below level 4; `calm_s`: for how long the load has
    been low enough for one level less.
    """

    level: int = 0
    share: float = 1.0
    calm_s: float = 0.0


def pressure_ms(load: Load) -> float:
    """Return the load in milliseconds of loop lag."""
    return _with(load, load.lag_ms)


def _with(load: Load, lag_ms: float) -> float:
    queue_ms = next((ms for share, ms in QUEUE_MS if load.queue >= share), 0.0)
    cpu_ms = next((ms for share, ms in CPU_MS if load.cpu >= share), 0.0)
    return max(lag_ms, queue_ms, cpu_ms)


def step(shed: Shed, load: Load, elapsed_s: float) -> Shed:
    """Return what is shed from now on, `elapsed_s` after the previous step."""
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
    """Move the share towards the one that would bring the present pressure to TARGET_MS: down at once, up slowly."""
    wanted = TARGET_MS / max(_with(load, load.lag_ms if load.recent_ms is None else load.recent_ms), 1.0)
    change: float = min(max(wanted, FALL_MAX), RISE_MAX) ** elapsed_s
    return min(1.0, max(SHARE_MIN, share * change))


class LoadShedder:
    """Admits or sheds operations. `load()` is called by `step`, which is to be called every STEP_EVERY_S; `now` is
    monotonic seconds.
    """

    def __init__(self, *, load: Callable[[], Load], observer: Observer, now: Callable[[], float]) -> None:
        self._load = load
        self._observer = observer
        self._now = now
        self._stepped_s = now()
        self._newest = Load(0.0)
        self._credit = 0.0
        self._shed = Shed()

    @property
    def level(self) -> int:
        """The level of shedding, 0 to 4, see Shed."""
        return self._shed.level

    @property
    def share(self) -> float:
        """The share of messages that is admitted, 0.05 to 1."""
        return self._shed.share

    def metrics(self) -> PartMetrics:
        return _metrics(self.level, self.share)

    def admits(self, kind: ShedClass) -> bool:
        """Return whether one more operation of this class is admitted now."""
        shed = self._shed
        if shed.level < kind:
            return True
        if kind is ShedClass.MESSAGES:
            self._credit = min(self._credit + shed.share, 2.0)
            if self._credit >= 1.0:
                self._credit -= 1.0
                return True
        self._observer.shed(kind.name.lower())
        return False

    def sheds(self, kind: ShedClass) -> bool:
        """Return whether some operations of this class are shed at present. Counts nothing."""
        return self._shed.level >= kind

    def step(self) -> None:
        """Measure the load, and decide what is shed from now on."""
        now_s = self._now()
        # Set first: if the elapsed time makes this step fail, it must not make each later step fail too
        elapsed_s, self._stepped_s = now_s - self._stepped_s, now_s
        before, self._newest = self._shed, self._load()
        self._shed = step(before, self._newest, elapsed_s)
        if self._shed.level != before.level:
            severity = logging.WARNING if self._shed.level > before.level else logging.INFO
            log.log(severity, "shedding", extra={"fields": self.state()})

    def state(self) -> dict[str, object]:
        """`{level, sheds, messageShare, pressureMs}`, for logs and metrics."""
        level = self._shed.level
        return {
            "level": level,
            "sheds": [kind.name.lower() for kind in ShedClass if kind <= level],
            "messageShare": round(self._shed.share, 3),
            "pressureMs": round(pressure_ms(self._newest), 1),
        }


class NullLoadShedder:
    """Sheds nothing, for RATE_LIMIT_ADAPTIVE=false."""

    level = 0
    share = 1.0

    def metrics(self) -> PartMetrics:
        return _metrics(self.level, self.share)

    def admits(self, kind: ShedClass) -> bool:
        return True

    def sheds(self, kind: ShedClass) -> bool:
        return False

    def step(self) -> None:
        """Do nothing."""

    def state(self) -> dict[str, object] | None:
        return None


def _metrics(level: int, share: float) -> PartMetrics:
    return PartMetrics(gauges={"shed_level": level, "message_share": share})
