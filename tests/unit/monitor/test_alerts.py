"""The state machine of an alert, for any sequence of samples, and its events."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.alerts import RAISED, RESOLVED, Alerts, Rule, State, next_state

START_S = 1_800_000_000.0


def rule(*, for_s: float = 2.5, clear_for_s: float = 12.5, name: str = "cpu") -> Rule:
    return Rule(name, "warning", 80.0, 72.0, for_s, clear_for_s, lambda window: window[-1].get(name))


RULES = st.builds(rule, for_s=st.sampled_from([0.0, 2.5, 7.5]), clear_for_s=st.sampled_from([0.0, 2.5, 12.5]))
VALUES = st.one_of(
    st.none(), st.sampled_from([0.0, 71.9, 72.0, 79.9, 80.0, 100.0]), st.floats(0, 200), st.just(float("nan"))
)
STEPS = st.lists(st.tuples(st.floats(0.5, 8), VALUES), max_size=120)


def run(one: Rule, samples: list[tuple[float, float | None]]) -> tuple[State, float, list[tuple[float, str]]]:
    """Feed samples, (seconds since the last, value): the last state, the time, and the events with theirs."""
    state, at_s, events = State(), START_S, []
    for step_s, value in samples:
        at_s += step_s
        state, event = next_state(one, state, value, at_s)
        if event is not None:
            events.append((at_s, event))
    return state, at_s, events


@given(RULES, STEPS)
@example(rule(), [(5.0, 100.0), (5.0, 100.0), (5.0, 0.0), (5.0, 100.0)] * 20)
def test_it_never_flaps(one: Rule, samples: list[tuple[float, float | None]]) -> None:
    _, _, events = run(one, samples)
    assert [event for _, event in events] == [RAISED, RESOLVED] * (len(events) // 2) + [RAISED] * (len(events) % 2)
    times = [at_s for at_s, _ in events]
    for n, (before_s, after_s) in enumerate(pairwise(times)):
        assert after_s - before_s >= (one.clear_for_s if n % 2 == 0 else one.for_s)


@given(RULES, STEPS)
def test_each_event_is_preceded_by_nothing_but_samples_that_speak_for_it(
    one: Rule, samples: list[tuple[float, float | None]]
) -> None:
    state, at_s = State(), START_S
    seen: list[tuple[float, float]] = []
    for step_s, value in samples:
        at_s += step_s
        if value is not None and value == value:
            seen.append((at_s, value))
        state, event = next_state(one, state, value, at_s)
        held_s = {RAISED: one.for_s, RESOLVED: one.clear_for_s}.get(event or "")
        if held_s is None:
            continue
        streak = []
        for when_s, was in reversed(seen):
            if not (was >= one.threshold if event == RAISED else was < one.clear):
                break
            streak.append(when_s)
        assert streak[0] == at_s
        assert streak[0] - streak[-1] >= held_s
        if event == RAISED:
            assert state.since_s is not None
            assert state.since_s >= streak[-1]


@given(RULES, STEPS, st.floats(-90_000, 90_000), st.sampled_from([80.0, 95.0, 0.0, 71.0]))
def test_a_steady_state_converges_whatever_was_before_and_wherever_the_clock_was_set(
    one: Rule, samples: list[tuple[float, float | None]], stepped_s: float, steady: float
) -> None:
    state, at_s, _ = run(one, samples)
    at_s += stepped_s
    events = []
    for _ in range(8):
        at_s += 5.0
        state, event = next_state(one, state, steady, at_s)
        events.append(event)
    assert state.is_active == (steady >= one.threshold)
    assert len([event for event in events if event]) <= 1
    assert events[5:] == [None] * 3


@given(RULES, STEPS, st.lists(st.floats(72.0, 79.99), max_size=30))
def test_between_the_thresholds_nothing_changes(
    one: Rule, samples: list[tuple[float, float | None]], between: list[float]
) -> None:
    state, at_s, _ = run(one, samples)
    was_active = state.is_active
    for value in between:
        at_s += 5.0
        state, event = next_state(one, state, value, at_s)
        assert (state.is_active, event) == (was_active, None)


def test_a_streak_is_broken_by_one_sample_that_does_not_belong_to_it() -> None:
    nearly_clear = [(5.0, 0.0), (5.0, 0.0), (5.0, 75.0)] * 10
    raised = [(5.0, 100.0), (5.0, 100.0)]
    assert [event for _, event in run(rule(), raised + nearly_clear)[2]] == [RAISED]
    assert run(rule(for_s=7.5), [(5.0, 100.0), (5.0, 100.0), (5.0, 75.0)] * 10)[2] == []


def test_it_is_active_since_the_first_sample_of_the_streak_and_keeps_its_worst_value() -> None:
    alerts = Alerts(rules=[rule()])
    values = [85.0, 97.0, 90.0, 75.0, 10.0, 10.0, 10.0, 10.0]
    events = [event for n, value in enumerate(values) for event in alerts.evaluate(START_S + 5 * n, {"cpu": value})]
    assert [(event.event, event.at_s - START_S) for event in events] == [(RAISED, 5), (RESOLVED, 35)]
    raised, resolved = (msgspec.to_builtins(event.alert) for event in events)
    assert raised == {
        "name": "cpu",
        "severity": "warning",
        "value": 97.0,
        "threshold": 80.0,
        "since": "2027-01-15T08:00:00.000Z",
    }
    assert resolved == {**raised, "resolvedAt": "2027-01-15T08:00:35.000Z"}


def test_what_is_active_has_its_newest_value_and_what_was_is_told_the_newest_first() -> None:
    alerts = Alerts(rules=[rule(for_s=0, clear_for_s=0), rule(for_s=0, clear_for_s=0, name="disk")], history_max=3)
    for n in range(10):
        alerts.evaluate(START_S + 10 * n, {"cpu": 90.0 + n, "disk": 99.0})
        shown = msgspec.to_builtins(alerts.shown())
        assert [(alert["name"], alert["value"]) for alert in shown["active"]] == [("cpu", 90.0 + n), ("disk", 99.0)]
        alerts.evaluate(START_S + 10 * n + 5, {"cpu": 1.0})
    shown = msgspec.to_builtins(alerts.shown())
    assert [alert["value"] for alert in shown["history"]] == [99.0, 98.0, 97.0]
    assert [alert["name"] for alert in shown["active"]] == ["disk"]  # no sample told of it: it is not well for that
    assert "resolvedAt" not in shown["active"][0]


def test_a_window_is_as_long_as_it_is_said_to_be() -> None:
    lengths: list[int] = []

    def measure(window: object) -> None:
        assert isinstance(window, tuple)
        lengths.append(len(window))

    alerts = Alerts(rules=[Rule("cpu", "warning", 1, 1, 0, 0, measure)], window_samples=3)
    for n in range(6):
        alerts.evaluate(START_S + n, {})
    assert lengths == [1, 2, 3, 3, 3, 3]


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4))
def test_how_long_it_lasts_is_judged_by_the_clock_that_is_never_set(steps: list[float]) -> None:
    alerts = Alerts(rules=[rule(for_s=4.0, clear_for_s=4.0)])
    wall_s, events = START_S, []
    for n, (step_s, value) in enumerate(zip(steps, (90.0, 90.0, 1.0, 1.0), strict=True)):
        wall_s += step_s  # whatever the wall clock does between two samples, they are five seconds apart
        events += [
            (n, event.event, event.at_s) for event in alerts.evaluate(wall_s, {"cpu": value}, timed_s=100.0 + 5 * n)
        ]
    assert [(n, event) for n, event, _ in events] == [(1, RAISED), (3, RESOLVED)]
    assert events[1][2] == wall_s, "and what is shown is the wall clock's"
