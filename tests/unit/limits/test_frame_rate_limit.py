"""A connection's budget of frames: never more than a bucket gives, but for a sixteenth, and never less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from limits.frame_rate_limit import RESERVE_DIVISOR, UNAUTHENTICATED_DIVISOR, FrameBudget, for_unauthenticated
from limits.limit_policy import Policy
from limits.token_bucket import NS_PER_S, BucketState, full, take

POLICY = Policy(6000, 60)


def test_a_stranger_has_a_tenth_of_it_and_one_at_least() -> None:
    assert for_unauthenticated(POLICY) == Policy(6000 // UNAUTHENTICATED_DIVISOR, 60)
    assert for_unauthenticated(Policy(5, 60)) == Policy(1, 60)


def test_who_is_trusted_has_the_whole_at_once() -> None:
    budget = FrameBudget(POLICY)
    assert budget.admits(600, 1.0)
    assert not budget.admits(1, 1.0)
    budget.trust()
    assert all(budget.admits(64, 1.0) for _ in range(93))
    assert budget.admits(48, 1.0)
    assert not budget.admits(1, 1.0)


def test_what_was_spent_comes_back_evenly() -> None:
    budget = FrameBudget(POLICY)
    budget.trust()
    assert budget.admits(6000, 0.0)
    assert not budget.admits(51, 0.5)
    assert budget.admits(50, 0.5)
    assert not budget.admits(1, 0.5)


def test_a_refusal_takes_nothing() -> None:
    budget = FrameBudget(POLICY)
    assert not any(budget.admits(601, 0.0) for _ in range(5))
    assert budget.admits(600, 0.0)


@given(
    st.integers(1, 300),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(1, 64), st.sampled_from((0.0, 0.0, 0.001, 0.1, 1.0, 30.0, 1000.0))), max_size=200),
)
def test_it_admits_what_a_bucket_does_and_a_sixteenth_more_at_most(
    count: int, period_s: int, sends: list[tuple[int, float]]
) -> None:
    policy = Policy(count, period_s)
    budget = FrameBudget(policy)
    budget.trust()
    exact = full(policy, 0)
    generous = full(Policy(count + count // RESERVE_DIVISOR, period_s), 0)
    now_s = 0.0
    for frames, pause_s in sends:
        now_s += pause_s
        admitted = budget.admits(frames, now_s)
        if not admitted:
            # What it refuses a bucket that had given out the same would refuse, too.
            assert not take(exact, policy, int(now_s * 1e9), frames).allowed
            continue
        filled = take(exact, policy, int(now_s * 1e9), 0).state
        exact = BucketState(filled.units - frames * period_s * NS_PER_S, filled.updated_ns)  # it may be in debt
        more = take(generous, Policy(count + count // RESERVE_DIVISOR, period_s), int(now_s * 1e9), frames)
        assert more.allowed
        generous = more.state
