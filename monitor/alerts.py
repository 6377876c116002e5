"""Which alerts are active: one state machine per rule, which processes each sample. Knows no metric by name.

To prevent flapping, an alert is raised after `for_s` at its threshold or above, and resolved after `clear_for_s` below
its clear threshold. Values between the two thresholds change nothing. Where low values are the bad ones, the other way
round.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf, isfinite

from msgspec import UNSET, Struct, UnsetType, structs

from common.rfc3339 import rfc3339_from_s
from monitor.alert import Alert
from monitor.sample_values import Sample

WARNING, CRITICAL = "warning", "critical"
RAISED, RESOLVED = "raised", "resolved"
HISTORY_MAX = 200
WINDOW_SAMPLES = 6

# The value that a rule compares, from the newest samples (the newest last); None: they do not contain it.
Measure = Callable[[Sequence[Sample]], float | None]
# What the value is of, for a rule that compares the worst of several.
Subject = Callable[[Sequence[Sample]], str | None]


class Rule(Struct, frozen=True):
    """Raised after `for_s` at `threshold` or above, resolved after `clear_for_s` below `clear`, which is at most
    `threshold`.

    With `is_low_bad` raised at `threshold` or below, and resolved above `clear`, which is at least `threshold`. The
    first `skipped` samples after the start are ignored.
    """

    name: str
    severity: str
    threshold: float
    clear: float
    for_s: float
    clear_for_s: float
    measure: Measure
    skipped: int = 0
    is_low_bad: bool = False
    subject: Subject | None = None

    def is_bad(self, value: float) -> bool:
        """Return whether a value calls for the alert."""
        return value <= self.threshold if self.is_low_bad else value >= self.threshold

    def is_good(self, value: float) -> bool:
        """Return whether a value calls for its end."""
        return value > self.clear if self.is_low_bad else value < self.clear

    def worse(self, one: float, other: float) -> float:
        """Return the worse of two values."""
        return min(one, other) if self.is_low_bad else max(one, other)


class State(Struct, frozen=True):
    """The state of one rule: active since `since_s` (None: not active), with its newest and its worst value.

    `turning_s`: when the present run of samples that call for a transition began; None without one. Times are of the
    clock that is passed to `next_state`.
    """

    since_s: float | None = None
    value: float = 0.0
    worst: float = 0.0
    turning_s: float | None = None

    @property
    def is_active(self) -> bool:
        return self.since_s is not None


class AlertLists(Struct, frozen=True):
    """The body of /metrics/alerts: the active alerts, and resolved ones, the newest first."""

    active: list[Alert]
    history: list[Alert]


class AlertEvent(Struct, frozen=True):
    """An alert was raised or resolved at `at_s`."""

    event: str
    alert: Alert
    at_s: float


def next_state(rule: Rule, state: State, value: float | None, at_s: float) -> tuple[State, str | None]:
    """Return the next state, and RAISED or RESOLVED on a transition. A value of None changes nothing.

    One that is infinite neither, except in the good direction, where it counts and is not shown: an hour that never
    comes.
    """
    if value is None or (not isfinite(value) and not (rule.is_low_bad and value == inf)):
        return state, None
    if not state.is_active:
        if not rule.is_bad(value):
            return State(), None
        worst = value if state.turning_s is None else rule.worse(value, state.worst)
        since_s = _begun(state.turning_s, at_s)
        if at_s - since_s < rule.for_s:
            return State(worst=worst, turning_s=since_s), None
        return State(since_s=since_s, value=value, worst=worst), RAISED
    if isfinite(value):
        state = structs.replace(state, value=value, worst=rule.worse(value, state.worst))
    if not rule.is_good(value):
        return structs.replace(state, turning_s=None), None
    since_s = _begun(state.turning_s, at_s)
    if at_s - since_s < rule.clear_for_s:
        return structs.replace(state, turning_s=since_s), None
    return State(), RESOLVED


def _begun(since_s: float | None, at_s: float) -> float:
    """Return when a run of samples began.

    If the clock was set back it begins anew, because otherwise it would last longer by that step.
    """
    return at_s if since_s is None or at_s < since_s else since_s


class Alerts:
    """All rules with their states, the newest samples, and the newest `history_max` alerts that were resolved."""

    def __init__(
        self, *, rules: Sequence[Rule], window_samples: int = WINDOW_SAMPLES, history_max: int = HISTORY_MAX
    ) -> None:
        self._rules = tuple(rules)
        self._states = {rule.name: State() for rule in self._rules}
        self._window: deque[Sample] = deque(maxlen=window_samples)
        self._history: deque[Alert] = deque(maxlen=history_max)
        self._samples = 0
        self._since_s: dict[str, float] = {}  # of active alerts: when they began, by the wall clock
        self._subjects: dict[str, str] = {}  # by rule, of its newest bad value

    def evaluate(self, at_s: float, sample: Sample, *, timed_s: float | None = None) -> list[AlertEvent]:
        """Process a sample, and return the alerts that it raised or resolved.

        `at_s` is the wall clock, which is shown. `timed_s` is the same moment by a monotonic clock, by which durations
        are measured (None: `at_s`). Both are in seconds.
        """
        timed_s = at_s if timed_s is None else timed_s
        self._window.append(dict(sample))
        self._samples += 1
        window = tuple(self._window)
        events = []
        for rule in self._rules:
            shown = window[-min(len(window), self._samples - rule.skipped) :] if self._samples > rule.skipped else ()
            if not shown:
                continue
            before = self._states[rule.name]
            value = rule.measure(shown)
            after, event = next_state(rule, before, value, timed_s)
            self._states[rule.name] = after
            if rule.subject is not None and value is not None and rule.is_bad(value):
                self._subjects[rule.name] = rule.subject(shown) or self._subjects[rule.name]
            if event == RAISED:
                self._since_s[rule.name] = at_s - (timed_s - (after.since_s or timed_s))
                events.append(AlertEvent(RAISED, self._active(rule), at_s))
            elif event == RESOLVED:
                resolved = self._alert(
                    rule, self._since_s.pop(rule.name), value=before.worst, resolved_at=rfc3339_from_s(at_s)
                )
                self._history.appendleft(resolved)
                events.append(AlertEvent(RESOLVED, resolved, at_s))
        return events

    @property
    def active(self) -> list[Alert]:
        """The active alerts, in the order of the rules."""
        return [self._active(rule) for rule in self._rules if self._states[rule.name].is_active]

    def _active(self, rule: Rule) -> Alert:
        return self._alert(rule, self._since_s[rule.name], value=self._states[rule.name].value)

    def _alert(self, rule: Rule, since_s: float, *, value: float, resolved_at: str | UnsetType = UNSET) -> Alert:
        return Alert(
            name=rule.name,
            severity=rule.severity,
            value=round(value, 3),
            threshold=rule.threshold,
            since=rfc3339_from_s(since_s),
            resolved_at=resolved_at,
            subject=self._subjects.get(rule.name, UNSET),
        )

    def shown(self) -> AlertLists:
        """Return the body of /metrics/alerts."""
        return AlertLists(list(self.active), list(self._history))
