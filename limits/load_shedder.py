"""Sheds load as load_shedding_decision.py decides, and logs each change of level.

Owns the present state; the load is passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from limits import load_shedding_decision
from limits.load_shedding_decision import Load, Shed, ShedClass
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics

log = logging.getLogger(__name__)

STEP_EVERY_S = 0.25
RETRY_AFTER_S = 2


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
        """The level of shedding, 0 to 4, see shedding_policy.Shed."""
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

    def step(self) -> None:
        """Measure the load, and decide what is shed from now on."""
        now_s = self._now()
        # Set first: if the elapsed time makes this step fail, it must not make each later step fail too
        elapsed_s, self._stepped_s = now_s - self._stepped_s, now_s
        before, self._newest = self._shed, self._load()
        self._shed = load_shedding_decision.step(before, self._newest, elapsed_s)
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
            "pressureMs": round(load_shedding_decision.pressure_ms(self._newest), 1),
        }


class NullLoadShedder:
    """Sheds nothing, for RATE_LIMIT_ADAPTIVE=false."""

    level = 0
    share = 1.0

    def metrics(self) -> PartMetrics:
        return _metrics(self.level, self.share)

    def admits(self, kind: ShedClass) -> bool:
        return True

    def step(self) -> None:
        """Do nothing."""

    def state(self) -> dict[str, object] | None:
        return None


def _metrics(level: int, share: float) -> PartMetrics:
    return PartMetrics(gauges={"shed_level": level, "message_share": share})
