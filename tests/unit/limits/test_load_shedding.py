"""What is shed at which load: by class, at its lag, back smoothly and without flapping; messages by a share that is
steered.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.load_shedding import (
    CALM,
    CALM_FOR_S,
    ELAPSED_MAX_S,
    SHARE_MIN,
    SHED_AT_MS,
    STEP_EVERY_S,
    TARGET_MS,
    Load,
    LoadShedder,
    NullLoadShedder,
    Shed,
    ShedClass,
    pressure_ms,
    step,
)
from monitor.observer import Observer

LOADS = st.builds(Load, st.floats(0, 2_000), st.floats(0, 1.2), st.floats(0, 1))


def after(seconds: float, load: Load, shed: Shed | None = None) -> Shed:
    """What is shed after so long a time under one load."""
    shed = shed or Shed()
    for _ in range(round(seconds / STEP_EVERY_S)):
        shed = step(shed, load, STEP_EVERY_S)
    return shed


@pytest.mark.parametrize(
    ("lag_ms", "refused"),
    [
        (0, set()),
        (49, set()),
        (50, {"EPHEMERAL"}),
        (99, {"EPHEMERAL"}),
        (100, {"EPHEMERAL", "READS"}),
        (200, {"EPHEMERAL", "READS", "ARRIVALS"}),
        (399, {"EPHEMERAL", "READS", "ARRIVALS"}),
        (400, {"EPHEMERAL", "READS", "ARRIVALS", "MESSAGES"}),
    ],
)
def test_each_class_is_refused_from_its_lag_on(lag_ms, refused):
    """A simulated load: a hundred of each class while the loop is so late."""
    now = [0.0]
    shedding = LoadShedder(load=lambda: Load(lag_ms), observer=Observer(), now=lambda: now[0])
    for _ in range(8):
        now[0] += STEP_EVERY_S
        shedding.step()
    admitted = {kind.name: sum(shedding.admits(kind) for _ in range(100)) for kind in ShedClass}
    assert {name for name, count in admitted.items() if count < 100} == refused
    assert all(admitted[name] == 0 for name in refused - {"MESSAGES"})
    if "MESSAGES" in refused:
        assert 0 < admitted["MESSAGES"] < 80, "a share of the messages, not none"


@pytest.mark.parametrize(
    ("load", "level"),
    [
        (Load(0, queue=0.24), 0),
        (Load(0, queue=0.25), 1),
        (Load(0, queue=0.5), 2),
        (Load(0, queue=0.75), 3),
        (Load(0, queue=0.9), 4),
        (Load(0, cpu=0.94), 0),
        (Load(0, cpu=1.0), 1),
        (Load(150, cpu=1.0, queue=0.1), 2),
    ],
)
def test_a_full_queue_is_as_bad_as_lag_and_a_busy_processor_alone_costs_typing_only(load, level):
    assert step(Shed(), load, STEP_EVERY_S).level == level


def test_it_recovers_a_level_at_a_time_once_it_was_calm_for_a_while():
    shed = after(5, Load(500))
    assert shed.level == 4
    levels = []
    for _ in range(200):
        shed = step(shed, Load(0), STEP_EVERY_S)
        levels.append(shed.level)
    assert sorted(set(levels), reverse=True) == [4, 3, 2, 1, 0]
    assert levels == sorted(levels, reverse=True)
    for level in (3, 2, 1):
        assert levels.count(level) * STEP_EVERY_S >= CALM_FOR_S


def test_the_share_of_messages_is_all_again_before_anything_else_is_let_in():
    shed = after(10, Load(800))
    assert shed.share < 0.3
    while shed.level == 4:
        before, shed = shed, step(shed, Load(0), STEP_EVERY_S)
        assert shed.share >= before.share
    assert before.share == 1.0


@given(st.sampled_from(SHED_AT_MS), st.floats(CALM, 0.999), st.integers(1, 100))
def test_a_load_between_half_a_threshold_and_it_changes_nothing(threshold, share, steps):
    """Hysteresis: no load that hovers below a threshold makes a level come and go."""
    shed = Shed(SHED_AT_MS.index(threshold) + 1)
    load = Load(max(threshold * share, CALM * threshold))
    for _ in range(steps):
        shed = step(shed, load, STEP_EVERY_S)
        assert shed.level == SHED_AT_MS.index(threshold) + 1


@given(st.lists(st.tuples(LOADS, st.floats(0.01, 2) | st.floats(2, 1e9))))
def test_no_load_leads_out_of_bounds_and_no_level_ends_early(steps):
    shed = Shed()
    for load, elapsed_s in steps:
        before, shed = shed, step(shed, load, elapsed_s)
        assert 0 <= shed.level <= 4
        assert SHARE_MIN <= shed.share <= 1.0
        assert shed.level >= before.level - 1
        assert shed.level >= sum(pressure_ms(load) >= at for at in SHED_AT_MS)
        if shed.level < 4:
            assert shed.share == 1.0


def test_the_share_settles_where_the_lag_is_as_wanted():
    """A process whose lag grows with what it lets in, three times as much as it can do: it ends up near a third."""
    shed, lag_ms = Shed(), 600.0
    is_shared = []
    for _ in range(400):
        shed = step(shed, Load(lag_ms), STEP_EVERY_S)
        wanted_ms = TARGET_MS * 3 * shed.share
        lag_ms += 0.3 * (wanted_ms - lag_ms)
        is_shared.append(shed.share)
    assert all(0.28 < share < 0.4 for share in is_shared[200:])


def test_after_a_stand_still_of_an_hour_it_recovers_as_ever():
    """A container that was paused: 1.25 to the power of so many seconds is no float."""
    now, lag_ms = [0.0], [500.0]
    shedding = LoadShedder(load=lambda: Load(lag_ms[0]), observer=Observer(), now=lambda: now[0])
    shedding.step()
    assert shedding.level == 4
    now[0], lag_ms[0] = 3600.0, 0.0
    for _ in range(200):
        shedding.step()
        now[0] += STEP_EVERY_S
    assert shedding.level == 0


@pytest.mark.parametrize("load", [Load(0), Load(5000)])
def test_however_long_it_stood_still_the_share_moves_as_in_two_seconds(load):
    """Nobody saw how it was meanwhile: neither is nearly all refused at once, nor what waited let in at once."""
    share = step(Shed(4, 0.3), load, ELAPSED_MAX_S).share
    assert step(Shed(4, 0.3), load, 1000.0).share == share
    assert 0.3 * 0.35 < share < 0.3 * 1.6


def test_the_time_of_a_step_that_failed_is_not_made_up_for():
    def share_after(failing: list[bool]) -> float:
        now, lag_ms, fails = [0.0], [500.0], [False]

        def load() -> Load:
            if fails[0]:
                raise RuntimeError("a fault of the test's")
            return Load(lag_ms[0])

        shedding = LoadShedder(load=load, observer=Observer(), now=lambda: now[0])
        now[0] += STEP_EVERY_S
        shedding.step()
        lag_ms[0] = 0.0
        for fails[0] in failing:
            now[0] += STEP_EVERY_S
            with pytest.raises(RuntimeError) if fails[0] else nullcontext():
                shedding.step()
        return shedding.share

    assert share_after([True, True, False]) == share_after([False]) < 1.0


def test_what_is_shed_is_told_by_class_and_changes_are_logged(caplog):
    class OutcomeCounts(Observer):
        __slots__ = ("seen",)

        def __init__(self) -> None:
            self.seen: list[str] = []

        def shed(self, what: str) -> None:
            self.seen.append(what)

    tally, lag_ms = OutcomeCounts(), [120.0]
    caplog.set_level("INFO", "limits")
    now = [0.0]
    shedding = LoadShedder(load=lambda: Load(lag_ms[0]), observer=tally, now=lambda: now[0])
    for lag_ms[0] in [120.0] * 4 + [0.0] * 20:
        now[0] += STEP_EVERY_S
        shedding.step()
        shedding.admits(ShedClass.READS)
    assert set(tally.seen) == {"reads"}
    assert [record.fields["level"] for record in caplog.records] == [2, 1, 0]
    assert caplog.records[0].fields["sheds"] == ["ephemeral", "reads"]
    assert shedding.state() == {"level": 0, "sheds": [], "messageShare": 1.0, "pressureMs": 0.0}
    caplog.clear()


def test_without_the_adaptive_part_everything_is_let_in():
    assert all(NullLoadShedder().admits(kind) for kind in ShedClass)
    assert NullLoadShedder().state() is None
