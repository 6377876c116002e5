"""Alerts as log lines, thinned: what goes on is told again each quarter of an hour, what comes and goes all the time
not each time.

The contract's words are `ALERT raised name=…` and `ALERT resolved name=…`. Both are warnings, whatever the alert's
severity: a log that shows the one must show the other, and an error in it means a fault of the program's own.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from monitor.alerts import RAISED, Alert, AlertEvent

AGAIN_EVERY_S = 900.0
RAISES_MAX = 6
RAISES_WITHIN_S = 3600.0

log = logging.getLogger("alerts")


class _Name:
    """What was told of one alert."""

    __slots__ = ("is_told", "raised_at_s", "told_at_s", "untold")

    def __init__(self, raises_max: int) -> None:
        self.raised_at_s: deque[float] = deque(maxlen=raises_max)
        self.told_at_s = 0.0
        self.is_told = True  # whether its last raise was
        self.untold = 0


class AlertLog:
    """Bounded by the names of alerts.

    Of one name at most `raises_max` raises an hour are told, with their resolutions.
    """

    def __init__(self, *, again_every_s: float = AGAIN_EVERY_S, raises_max: int = RAISES_MAX) -> None:
        self._again_every_s = again_every_s
        self._raises_max = raises_max
        self._names: dict[str, _Name] = {}

    def tell(self, events: Sequence[AlertEvent], active: Sequence[Alert], at_s: float) -> None:
        """Write the lines of one sample; `at_s` is of a monotonic clock."""
        for event in events:
            if event.event == RAISED:
                self._raised(event.alert, at_s)
            else:
                self._resolved(event.alert)
        for alert in active:
            told = self._name(alert)
            if at_s < told.told_at_s:
                told.told_at_s = at_s  # the clock was stepped back
            elif at_s - told.told_at_s >= self._again_every_s:
                told.is_told = True
                self._line("active", alert, told, at_s)

    def _raised(self, alert: Alert, at_s: float) -> None:
        told = self._name(alert)
        raises = told.raised_at_s
        told.is_told = len(raises) < self._raises_max or not 0 <= at_s - raises[0] < RAISES_WITHIN_S
        if told.is_told:
            raises.append(at_s)
            self._line("raised", alert, told, at_s)
        else:
            told.untold += 1
            told.told_at_s = at_s

    def _resolved(self, alert: Alert) -> None:
        if self._name(alert).is_told:
            fields = {"name": alert.name, "severity": alert.severity, "worst": alert.value, "since": alert.since}
            log.warning("ALERT resolved", extra={"fields": {**fields, "resolvedAt": alert.resolved_at}})

    def _line(self, what: str, alert: Alert, told: _Name, at_s: float) -> None:
        fields: dict[str, object] = {
            "name": alert.name,
            "severity": alert.severity,
            "value": alert.value,
            "threshold": alert.threshold,
            "since": alert.since,
        }
        if told.untold:
            fields["untold"] = told.untold  # raises since the last line that said so
            told.untold = 0
        told.told_at_s = at_s
        log.warning("ALERT %s", what, extra={"fields": fields})

    def _name(self, alert: Alert) -> _Name:
        return self._names.setdefault(alert.name, _Name(self._raises_max))
