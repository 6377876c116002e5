"""Writes alerts to the log at a limited rate: an active alert is logged again every 15 minutes, and of an alert that is
raised and resolved repeatedly only some raises are logged.

The contract has `ALERT raised name=…` and `ALERT resolved name=…`. Both are warnings for any severity of the alert: a
log level that shows one must show the other, and errors in the log are kept for faults of the program.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from msgspec import UNSET

from monitor.alert import Alert
from monitor.alerts import RAISED, AlertEvent

AGAIN_EVERY_S = 900.0
RAISES_MAX = 6
RAISES_WITHIN_S = 3600.0

log = logging.getLogger("alerts")


class _LoggedAlert:
    """What was logged about one alert."""

    __slots__ = ("is_raise_logged", "logged_at_s", "raises_at_s", "unlogged_raises")

    def __init__(self, raises_max: int) -> None:
        self.raises_at_s: deque[float] = deque(maxlen=raises_max)
        self.logged_at_s = 0.0
        self.is_raise_logged = True  # whether its last raise was logged
        self.unlogged_raises = 0


class AlertLog:
    """Logs at most `raises_max` raises per hour and name, with their resolutions. Bounded by the number of rules."""

    def __init__(self, *, again_every_s: float = AGAIN_EVERY_S, raises_max: int = RAISES_MAX) -> None:
        self._again_every_s = again_every_s
        self._raises_max = raises_max
        self._names: dict[str, _LoggedAlert] = {}

    def write(self, events: Sequence[AlertEvent], active: Sequence[Alert], at_s: float) -> None:
        """Write the lines of one sample; `at_s` is seconds of a monotonic clock."""
        for event in events:
            if event.event == RAISED:
                self._raised(event.alert, at_s)
            else:
                self._resolved(event.alert)
        for alert in active:
            logged = self._name(alert)
            if at_s < logged.logged_at_s:
                logged.logged_at_s = at_s  # the clock was stepped back
            elif at_s - logged.logged_at_s >= self._again_every_s:
                logged.is_raise_logged = True
                self._line("active", alert, logged, at_s)

    def _raised(self, alert: Alert, at_s: float) -> None:
        logged = self._name(alert)
        raises = logged.raises_at_s
        logged.is_raise_logged = len(raises) < self._raises_max or not 0 <= at_s - raises[0] < RAISES_WITHIN_S
        if logged.is_raise_logged:
            raises.append(at_s)
            self._line("raised", alert, logged, at_s)
        else:
            logged.unlogged_raises += 1
            logged.logged_at_s = at_s

    def _resolved(self, alert: Alert) -> None:
        if self._name(alert).is_raise_logged:
            fields = _name_of(alert) | {"severity": alert.severity, "worst": alert.value, "since": alert.since}
            log.warning("ALERT resolved", extra={"fields": {**fields, "resolvedAt": alert.resolved_at}})

    def _line(self, what: str, alert: Alert, logged: _LoggedAlert, at_s: float) -> None:
        fields = _name_of(alert) | {
            "severity": alert.severity,
            "value": alert.value,
            "threshold": alert.threshold,
            "since": alert.since,
        }
        if logged.unlogged_raises:
            fields["untold"] = logged.unlogged_raises  # raises that were not logged since the last line with this field
            logged.unlogged_raises = 0
        logged.logged_at_s = at_s
        log.warning("ALERT %s", what, extra={"fields": fields})

    def _name(self, alert: Alert) -> _LoggedAlert:
        return self._names.setdefault(alert.name, _LoggedAlert(self._raises_max))


def _name_of(alert: Alert) -> dict[str, object]:
    named: dict[str, object] = {"name": alert.name}
    return named if alert.subject is UNSET else named | {"subject": alert.subject}
