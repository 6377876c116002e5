"""The sliding window's arithmetic, as properties: never more than its count in any window, refusals free, retries never
early.
"""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from limits.limit_policy import Policy
from limits.sliding_window import SLOTS, WindowState, empty, take
from limits.token_bucket import NS_PER_S

POLICIES = st.builds(Policy, st.integers(1, 200), st.integers(1, 3_600))
START_NS = 7_654_321_000_000_001


@st.composite
def traffic(draw: st.DrawFn) -> tuple[Policy, list[tuple[int, int]]]:
    """A policy and calls (time in ns, cost) with gaps around a slot's length and the period's."""
    policy = draw(POLICIES)
    period_ns = policy.period_s * NS_PER_S
    gaps = st.one_of(st.just(0), st.integers(0, 2 * period_ns // SLOTS), st.integers(0, 2 * period_ns))
    calls = draw(st.lists(st.tuples(gaps, st.integers(0, policy.count + 1)), min_size=1, max_size=60))
    times = accumulate((gap for gap, _ in calls), initial=START_NS)
    return policy, list(zip(times, (cost for _, cost in calls), strict=False))


def run(policy: Policy, calls: list[tuple[int, int]]) -> tuple[WindowState, list[tuple[int, int]]]:
    """What is left after the calls, and those that passed."""
    state = empty(policy, START_NS)
    passed = []
    for now_ns, cost in calls:
        taken = take(state, policy, now_ns, cost)
        state = taken.state
        if taken.allowed:
            passed.append((now_ns, cost))
    return state, passed


@given(traffic())
def test_no_window_of_a_period_admits_more_than_the_count(case):
    policy, calls = case
    _, passed = run(policy, calls)
    for begin_ns, _ in passed:
        assert sum(cost for at_ns, cost in passed if 0 <= at_ns - begin_ns < policy.period_s * NS_PER_S) <= policy.count


@given(POLICIES)
def test_the_whole_count_passes_at_once_and_not_one_more(policy):
    assert len(run(policy, [(START_NS, 1)] * (policy.count + 5))[1]) == policy.count


@given(traffic())
def test_a_refused_call_costs_nothing(case):
    policy, calls = case
    _, passed = run(policy, calls)
    assert run(policy, [call for call in calls if call in passed])[1] == passed


@given(traffic(), st.integers(1, 200))
def test_a_retry_after_the_told_seconds_passes_and_a_second_earlier_or_more_it_would_not(case, cost):
    policy, calls = case
    cost = min(cost, policy.count)
    state, _ = run(policy, calls)
    now_ns = calls[-1][0]
    taken = take(state, policy, now_ns, cost)
    if taken.allowed:
        assert taken.retry_after_s == 0
        return
    assert take(taken.state, policy, now_ns + taken.retry_after_s * NS_PER_S, cost).allowed
    assert not take(taken.state, policy, now_ns + (taken.retry_after_s - 1) * NS_PER_S, cost).allowed


@given(traffic())
def test_remaining_and_reset_say_what_is_so(case):
    policy, calls = case
    state, _ = run(policy, calls)
    now_ns = calls[-1][0]
    seen = take(state, policy, now_ns, 0)
    assert 0 <= seen.remaining <= policy.count
    assert take(state, policy, now_ns, seen.remaining).allowed
    assert not take(state, policy, now_ns, seen.remaining + 1).allowed
    assert take(state, policy, now_ns + seen.reset_s * NS_PER_S, 0).remaining == policy.count


@given(traffic())
def test_its_memory_is_bounded(case):
    policy, calls = case
    assert len(run(policy, calls)[0].slots) <= SLOTS + 1


@given(traffic(), st.integers(1, 10**12))
def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing(case, back_ns):
    policy, calls = case
    state, _ = run(policy, calls)
    now_ns = calls[-1][0]
    assert take(state, policy, now_ns - back_ns, 0).remaining == take(state, policy, now_ns, 0).remaining
