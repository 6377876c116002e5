"""The token bucket's arithmetic, as properties: bounded in every interval, refusals free, retries never early."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from limits.limit_policy import Policy
from limits.token_bucket import NS_PER_S, BucketState, full, take

POLICIES = st.builds(Policy, st.integers(1, 1_000), st.integers(1, 3_600))
START_NS = 7_654_321_000_000_001


@st.composite
def traffic(draw: st.DrawFn) -> tuple[Policy, list[tuple[int, int]]]:
    """A policy and calls (time in ns, cost) with gaps around the time that one token takes."""
    policy = draw(POLICIES)
    token_ns = policy.period_s * NS_PER_S // policy.count
    gaps = st.one_of(st.just(0), st.integers(0, 2 * token_ns), st.integers(0, 2 * policy.period_s * NS_PER_S))
    calls = draw(st.lists(st.tuples(gaps, st.integers(0, policy.count + 1)), min_size=1, max_size=60))
    times = accumulate((gap for gap, _ in calls), initial=START_NS)
    return policy, list(zip(times, (cost for _, cost in calls), strict=False))


def run(policy: Policy, calls: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The calls that passed."""
    state = full(policy, START_NS)
    passed = []
    for now_ns, cost in calls:
        taken = take(state, policy, now_ns, cost)
        state = taken.state
        if taken.allowed:
            passed.append((now_ns, cost))
    return passed


@given(traffic())
def test_no_interval_admits_more_than_the_burst_and_the_rate_times_its_length(case):
    policy, calls = case
    passed = run(policy, calls)
    for first, (begin_ns, _) in enumerate(passed):
        admitted = 0
        for end_ns, cost in passed[first:]:
            admitted += cost
            assert admitted <= policy.count + Fraction(policy.count * (end_ns - begin_ns), policy.period_s * NS_PER_S)


@given(POLICIES)
def test_the_whole_burst_passes_at_once_and_not_one_more(policy):
    assert len(run(policy, [(START_NS, 1)] * (policy.count + 5))) == policy.count


@given(traffic())
def test_nothing_is_refused_that_the_bound_would_allow(case):
    policy, calls = case
    tokens = Fraction(policy.count)
    last_ns = START_NS
    state = full(policy, START_NS)
    for now_ns, cost in calls:
        tokens += Fraction(policy.count * (now_ns - last_ns), policy.period_s * NS_PER_S)
        tokens, last_ns = min(tokens, Fraction(policy.count)), now_ns
        taken = take(state, policy, now_ns, cost)
        state = taken.state
        assert taken.allowed == (cost <= tokens)
        tokens -= cost if taken.allowed else 0
        assert taken.remaining == int(tokens)


@given(traffic())
def test_a_refused_call_costs_nothing(case):
    policy, calls = case
    passed = run(policy, calls)
    assert run(policy, passed) == passed
    state = full(policy, START_NS)
    for now_ns, cost in calls:
        taken = take(state, policy, now_ns, cost)
        if not taken.allowed:
            untouched = take(state, policy, now_ns, 0)
            assert (taken.state, taken.remaining) == (untouched.state, untouched.remaining)
        state = taken.state


@given(traffic())
def test_retry_after_is_true_and_at_most_a_second_late(case):
    policy, calls = case
    state = full(policy, START_NS)
    for now_ns, cost in calls:
        taken = take(state, policy, now_ns, cost)
        state = taken.state
        if taken.allowed:
            assert taken.retry_after_s == 0
        elif cost <= policy.count:
            assert taken.retry_after_s >= 1
            assert take(state, policy, now_ns + taken.retry_after_s * NS_PER_S, cost).allowed
            assert not take(state, policy, now_ns + (taken.retry_after_s - 1) * NS_PER_S, cost).allowed
        else:
            assert taken.retry_after_s == policy.period_s


@given(traffic())
def test_reset_is_when_the_bucket_is_full_and_not_a_second_before(case):
    policy, calls = case
    state = full(policy, START_NS)
    for now_ns, cost in calls:
        taken = take(state, policy, now_ns, cost)
        state = taken.state
        reset_ns = now_ns + taken.reset_s * NS_PER_S
        assert take(state, policy, reset_ns, policy.count).allowed
        if taken.reset_s:
            assert not take(state, policy, reset_ns - NS_PER_S, policy.count).allowed


@given(traffic(), st.integers(1, 10**15))
def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing(case, step_ns):
    policy, calls = case
    state = full(policy, START_NS)
    for now_ns, cost in calls:
        state = take(state, policy, now_ns, cost).state
    now_ns = calls[-1][0]
    before = take(state, policy, now_ns, 0)
    back = take(state, policy, now_ns - step_ns, 0)
    assert (back.remaining, back.reset_s) == (before.remaining, before.reset_s)
    # ... and from there it fills at its rate
    assert take(back.state, policy, now_ns - step_ns + before.reset_s * NS_PER_S, policy.count).allowed


def test_a_policy_that_shrank_caps_what_is_left():
    taken = take(full(Policy(100, 60), 0), Policy(10, 60), 0)
    assert (taken.allowed, taken.remaining, taken.reset_s) == (True, 9, 6)


def test_100_in_60_seconds_in_numbers():
    policy = Policy(100, 60)
    state = full(policy, START_NS)
    for left in range(99, -1, -1):
        taken = take(state, policy, START_NS)
        state = taken.state
        assert (taken.allowed, taken.remaining) == (True, left)
    assert taken.reset_s == 60
    refused = take(state, policy, START_NS)
    assert (refused.allowed, refused.remaining, refused.retry_after_s, refused.reset_s) == (False, 0, 1, 60)
    token_ns = 600_000_000
    assert not take(state, policy, START_NS + token_ns - 1).allowed
    assert take(state, policy, START_NS + token_ns) == take(
        BucketState(state.units, START_NS), policy, START_NS + token_ns
    )
    assert take(state, policy, START_NS + token_ns).allowed


def test_a_year_of_uploads_stays_exact():
    policy = Policy(104_857_600, 3_600)
    second = policy.count // policy.period_s
    state = full(policy, 0)
    state = take(state, policy, 0, policy.count).state
    for hour in range(1, 24 * 365):
        now_ns = hour * 3_600 * NS_PER_S
        taken = take(state, policy, now_ns, policy.count)
        assert taken.allowed and taken.remaining == 0
        state = taken.state
        assert not take(state, policy, now_ns + NS_PER_S, second + 1).allowed
