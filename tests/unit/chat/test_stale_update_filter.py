"""What orders facts: the newest of each subject is kept, for a time and up to a number."""

from __future__ import annotations

import itertools

import pytest

from chat.presence.recent_memberships import MembershipFact, RecentMemberships
from chat.stale_update_filter import EVICTED_PER_CALL, SWEEP_MAX, StaleUpdateFilter


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_of_two_the_newer_is_taken_and_the_older_never_after_it() -> None:
    newest: StaleUpdateFilter[str, int] = StaleUpdateFilter(now=Clock())
    assert newest.accept("a", 5)
    assert not newest.accept("a", 4)
    assert newest.accept("a", 5), "the same again is no older"
    assert newest.accept("a", 6)
    assert (newest.get("a"), newest.get("b")) == (6, None)


def test_no_more_subjects_are_kept_than_may_be_and_the_newest_stay() -> None:
    newest: StaleUpdateFilter[int, int] = StaleUpdateFilter(now=Clock(), max_keys=3)
    for subject in range(10):
        newest.accept(subject, 1)
    assert len(newest) == 3
    assert [newest.get(subject) for subject in range(6, 10)] == [None, 1, 1, 1]


def test_a_subject_is_forgotten_after_its_time_and_not_before() -> None:
    clock = Clock()
    newest: StaleUpdateFilter[str, int] = StaleUpdateFilter(now=clock, keep_s=60)
    newest.accept("a", 5)
    clock.now_s += 59
    newest.accept("b", 1)
    assert not newest.accept("a", 4)
    clock.now_s += 59
    newest.accept("b", 2)
    assert newest.get("a") is None
    assert len(newest) == 1


def test_what_a_burst_has_left_goes_little_by_little_with_calls_and_with_sweeps_and_to_the_last() -> None:
    clock = Clock()
    newest: StaleUpdateFilter[int, int] = StaleUpdateFilter(now=clock, keep_s=60)
    recent = RecentMemberships(now=clock, keep_s=60)
    burst = 2 * SWEEP_MAX
    for number in range(burst):
        newest.accept(number, 1)
        recent.accept("r", f"u{number}", MembershipFact(1, False))
    clock.now_s += 61
    newest.accept(burst, 1)
    recent.accept("r", f"u{burst}", MembershipFact(1, False))
    assert len(newest) == len(recent) == burst + 1 - EVICTED_PER_CALL
    for _ in range(2):
        before = len(newest)
        newest.sweep()
        recent.sweep()
        assert before - len(newest) == min(SWEEP_MAX, before - 1)
        assert len(recent) == len(newest)
    assert (newest.get(burst), list(recent.began(f"u{burst}"))) == (1, [("r", 1)])
    clock.now_s += 61
    newest.sweep()
    recent.sweep()
    assert (len(newest), len(recent), list(recent.began(f"u{burst}"))) == (0, 0, [])


FACTS = [
    MembershipFact(1, False),
    MembershipFact(2, True),
    MembershipFact(5, False),
    MembershipFact(7, True),
    MembershipFact(7, False),
    MembershipFact(9, False),
]


@pytest.mark.parametrize("upto", range(1, len(FACTS) + 1))
def test_memberships_are_what_their_newest_fact_says_in_whatever_order_they_come(upto: int) -> None:
    outcomes = set()
    for order in itertools.permutations(FACTS[:upto]):
        recent = RecentMemberships(now=Clock())
        for fact in order:
            recent.accept("r1", "ada", fact)
        recent.accept("r2", "ada", MembershipFact(0, False))
        outcomes.add(tuple(sorted(recent.began("ada"))))
    newest = max(FACTS[:upto])
    assert outcomes == {((("r1", newest.rev),) if not newest.has_ended else ()) + (("r2", 0),)}


def test_recent_memberships_are_bounded_and_leave_nothing_behind() -> None:
    clock = Clock()
    recent = RecentMemberships(now=clock, keep_s=60, max_facts=5)
    for number in range(20):
        recent.accept(f"r{number}", f"u{number % 3}", MembershipFact(number, False))
    assert len(recent) == 5
    assert sorted(rev for user in ("u0", "u1", "u2") for _, rev in recent.began(user)) == [15, 16, 17, 18, 19]
    clock.now_s += 61
    recent.accept("r", "u", MembershipFact(1, False))
    assert len(recent) == 1
    assert [list(recent.began(user)) for user in ("u0", "u1", "u2", "u")] == [[], [], [], [("r", 1)]]
