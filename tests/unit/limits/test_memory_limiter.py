"""The in-process limiter: a command's limits count all or nothing, the nearest is reported, and keys are bounded."""

from __future__ import annotations

import psutil
import pytest

from limits.contract import UNLIMITED, Check, Decision, Limiter
from limits.limit_policy import Policy
from limits.memory_limiter import SWEEP_MAX, MemoryLimiter, NoLimiter
from limits.token_bucket import NS_PER_S

pytestmark = pytest.mark.gen_test

POLICIES = {
    "messages": Policy(5, 60),
    "api": Policy(10, 3_600),
    "uploads": Policy(3, 60),
    "bytes": Policy(1_000, 60),
    "typing": None,
}


class Clock:
    def __init__(self) -> None:
        self.now_ns = 50 * NS_PER_S

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS_PER_S)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock) -> MemoryLimiter:
    return MemoryLimiter(policies=POLICIES, now_ns=clock)


async def drain(limiter: Limiter, *checks: Check) -> int:
    """How often `checks` pass before they are refused."""
    passed = 0
    while (await limiter.check(checks)).allowed:
        passed += 1
        assert passed < 10_000
    return passed


async def test_a_decision_tells_the_limit_what_remains_and_when_it_is_full_again(limiter):
    assert await limiter.check([Check("messages", "u1")]) == Decision(True, "messages", 5, 4, 12, 0)
    assert await limiter.check([Check("messages", "u1", 3)]) == Decision(True, "messages", 5, 1, 48, 0)
    assert await limiter.check([Check("messages", "u1", 2)]) == Decision(False, "messages", 5, 1, 48, 12)


async def test_a_refused_command_passes_when_it_was_told_and_not_a_moment_before(limiter, clock):
    assert await drain(limiter, Check("messages", "u1")) == 5
    refused = await limiter.check([Check("messages", "u1")])
    clock.advance(refused.retry_after_s - 0.001)
    assert not (await limiter.check([Check("messages", "u1")])).allowed
    clock.advance(0.001)
    assert (await limiter.check([Check("messages", "u1")])).allowed
    assert not (await limiter.check([Check("messages", "u1")])).allowed


async def test_what_is_admitted_at_once_counts_as_a_check_and_what_is_not_counts_nothing(limiter, clock):
    one = Check("messages", "u1")
    assert [limiter.take_at_once(one) for _ in range(6)] == [True] * 5 + [False]
    counted = limiter.counts()
    assert await drain(limiter, one) == 0
    assert limiter.counts() != counted, "the refusal is counted where it is told"
    assert limiter.take_at_once(Check("typing", "u1")), "it is not limited"
    wide = Check("messages", "u2", wide_key="all")
    assert not limiter.take_at_once(wide), "two counts at once are left to the check"
    assert (await limiter.check([wide])).remaining == 4
    with pytest.raises(KeyError, match="sewing"):
        limiter.take_at_once(Check("sewing", "u1"))
    clock.advance(12)
    assert limiter.take_at_once(one)


async def test_who_is_exempt_is_admitted_at_once_and_counted_while_there_is_room(limiter):
    one = Check("messages", "u1")
    assert all(limiter.take_at_once(one, exempt=True) for _ in range(7))
    assert not limiter.take_at_once(one)


async def test_without_limits_all_is_admitted_at_once():
    assert NoLimiter().take_at_once(Check("messages", "u1"))


async def test_keys_and_operations_are_counted_apart(limiter):
    assert await drain(limiter, Check("messages", "u1")) == 5
    assert await drain(limiter, Check("messages", "u2")) == 5
    assert await drain(limiter, Check("uploads", "u1")) == 3


async def test_an_operation_that_is_off_is_not_limited_and_an_unknown_one_is_an_error(limiter):
    assert await limiter.check([Check("typing", "u1")]) == UNLIMITED
    assert await limiter.check([]) == UNLIMITED
    assert await limiter.check([Check("typing", "u1"), Check("typing", "u2")]) == UNLIMITED
    for checks in ([Check("sewing", "u1")], [Check("messages", "u1"), Check("sewing", "u1")]):
        with pytest.raises(KeyError, match="sewing"):
            await limiter.check(checks)
    assert (await limiter.check([Check("messages", "u1")])).remaining == 4


async def test_where_one_limit_refuses_none_is_charged(limiter):
    both = Check("uploads", "u1"), Check("bytes", "u1", 600)
    assert await drain(limiter, *both) == 1
    assert (await limiter.check([Check("uploads", "u1")])).remaining == 1
    assert (await limiter.check([Check("bytes", "u1", 400)])).remaining == 0


@pytest.mark.parametrize("turned", [False, True])
async def test_the_refusal_told_is_the_one_that_takes_longest(limiter, clock, turned):
    await limiter.check([Check("messages", "u1", 5)])
    await limiter.check([Check("api", "u1", 10)])
    checks = [Check("messages", "u1"), Check("api", "u1")]
    refused = await limiter.check(checks[::-1] if turned else checks)
    assert (refused.allowed, refused.operation, refused.retry_after_s) == (False, "api", 360)
    clock.advance(360)
    assert (await limiter.check(checks)).allowed


@pytest.mark.parametrize("turned", [False, True])
async def test_the_limit_told_is_the_one_that_fewest_more_of_the_same_would_pass(limiter, turned):
    checks = [Check("uploads", "u1"), Check("bytes", "u1", 10)]
    assert (await limiter.check(checks[::-1] if turned else checks)).operation == "uploads"
    checks = [Check("uploads", "u2"), Check("bytes", "u2", 400)]
    decision = await limiter.check(checks[::-1] if turned else checks)
    assert (decision.operation, decision.remaining) == ("bytes", 600)


async def test_one_bucket_named_twice_in_a_command_pays_twice(limiter):
    twice = [Check("messages", "u1", 3), Check("messages", "u1", 3)]
    assert not (await limiter.check(twice)).allowed
    decision = await limiter.check([Check("messages", "u1", 2), Check("messages", "u1", 2)])
    assert (decision.allowed, decision.remaining) == (True, 1)


async def test_a_cost_above_the_limit_is_always_refused(limiter, clock):
    assert await limiter.check([Check("bytes", "u1", 1_001)]) == Decision(False, "bytes", 1_000, 1_000, 0, 60)
    clock.advance(60)
    assert not (await limiter.check([Check("bytes", "u1", 1_001)])).allowed


async def test_every_check_is_counted_by_its_outcome(limiter):
    await drain(limiter, Check("messages", "u1"))
    await limiter.check([Check("messages", "u1"), Check("api", "u1"), Check("typing", "u1")])
    # Of api nothing was taken in the end, and it refused nothing.
    assert dict(limiter.counts()) == {("messages", "allowed"): 5, ("messages", "refused"): 2}


# ---- bounds ----------------------------------------------------------------------------------------------------------


async def test_a_sweep_drops_full_buckets_and_only_those(limiter, clock):
    await limiter.check([Check("messages", "early", 5)])
    clock.advance(30)
    await limiter.check([Check("messages", "late", 5)])
    clock.advance(29)
    assert limiter.sweep() == 0
    clock.advance(1)
    assert limiter.sweep() == 1
    assert len(limiter) == 1
    assert not (await limiter.check([Check("messages", "late", 5)])).allowed
    assert (await limiter.check([Check("messages", "early", 5)])).allowed


async def test_sweeping_changes_no_decision(clock):
    swept = MemoryLimiter(policies=POLICIES, now_ns=clock)
    unswept = MemoryLimiter(policies=POLICIES, now_ns=clock)
    for step in range(2_000):
        clock.advance((step * 7919 % 23) / 2)
        checks = [Check("messages", f"u{step % 7}"), Check("uploads", f"u{step % 3}")][: 1 + step % 2]
        assert await swept.check(checks) == await unswept.check(checks)
        swept.sweep()


async def test_a_sweep_takes_a_slice(limiter, clock):
    for index in range(SWEEP_MAX + 10):
        await limiter.check([Check("messages", str(index))])
    clock.advance(60)
    assert [limiter.sweep(), limiter.sweep(), limiter.sweep()] == [SWEEP_MAX, 10, 0]
    assert len(limiter) == 0


async def test_a_flood_of_keys_stays_within_the_bound_and_evicts_no_other_operations_buckets(clock):
    limiter = MemoryLimiter(policies=POLICIES, now_ns=clock, max_keys=1_000)
    assert await drain(limiter, Check("messages", "attacker")) == 5
    for index in range(20_000):
        await limiter.check([Check("uploads", f"address {index}")])
    assert len(limiter) == 1_001
    assert not (await limiter.check([Check("messages", "attacker")])).allowed


@pytest.mark.parametrize("others", [[], [Check("uploads", "u1")]])
async def test_who_keeps_being_refused_is_not_forgiven_by_eviction(clock, others):
    limiter = MemoryLimiter(policies=POLICIES, now_ns=clock, max_keys=10)
    await limiter.check([Check("messages", "attacker", 5)])
    for index in range(50):
        await limiter.check([Check("messages", f"u{index}")])
        assert not (await limiter.check([Check("messages", "attacker"), *others])).allowed


async def test_switched_off_everything_passes():
    limiter: Limiter = NoLimiter()
    for _ in range(1_000):
        assert await limiter.check([Check("auth", "u1", 10**9)]) == UNLIMITED
    assert limiter.sweep() == 0


async def test_a_sliding_window_gives_nothing_back_before_its_period_is_over(clock):
    limiter = MemoryLimiter(policies=POLICIES, now_ns=clock, algorithm="sliding_window")
    while (decision := await limiter.check([Check("messages", "ada")])).allowed:
        pass
    assert decision.retry_after_s is not None
    clock.advance(decision.retry_after_s - 2)
    assert not (await limiter.check([Check("messages", "ada")])).allowed
    assert limiter.sweep() == 0
    clock.advance(2)
    assert (await limiter.check([Check("messages", "ada")])).allowed
    clock.advance(2 * decision.retry_after_s)
    assert limiter.sweep() == 1


async def test_four_times_as_many_keys_take_no_more_memory_than_the_table_may_and_each_that_went_leaves_nothing():
    limiter = MemoryLimiter(policies={"anonymous": Policy(300, 60)})
    process = psutil.Process()
    before_bytes = process.memory_info().rss
    for number in range(200_000):
        if number == 50_000:
            full_bytes = process.memory_info().rss
        await limiter.check([Check("anonymous", f"2001:db8:{number:x}::/64")])
    assert len(limiter) == 50_000
    assert process.memory_info().rss - before_bytes < 60_000_000
    # What a key of the other 150,000 may leave: so little that a million of them would not fill what the table may
    # take.
    assert process.memory_info().rss - full_bytes < 45 * 150_000


async def test_who_is_exempt_is_never_refused_and_still_counted(limiter):
    assert [await limiter.check([Check("messages", "u1")], exempt=True) for _ in range(8)] == [UNLIMITED] * 8
    assert not (await limiter.check([Check("messages", "u1")])).allowed
    assert dict(limiter.counts()) == {("messages", "exempt"): 8, ("messages", "refused"): 1}


async def test_neighbours_have_ten_times_the_limit_together_and_a_refusal_by_either_costs_neither(limiter, clock):
    def at(network: int) -> Check:
        return Check("messages", f"2001:db8:0:{network:x}::/64", 1, "2001:db8::/48")

    assert [await drain(limiter, at(network)) for network in range(12)] == [5] * 10 + [0, 0]
    refused = await limiter.check([at(12)])
    assert (refused.limit, refused.remaining, refused.retry_after_s) == (50, 0, 2)
    assert await drain(limiter, Check("messages", "2001:db8:1:1::/64", 1, "2001:db8:1::/48")) == 5, (
        "another customer's is another's"
    )
    clock.advance(12)
    assert await drain(limiter, at(12)) == 5, "what the wide limit refused cost the narrow one nothing"
    assert dict(limiter.counts())["messages", "allowed"] == 60, "a check is counted once, however many keys it has"


async def test_what_one_of_two_checks_refused_costs_neighbours_nothing(limiter):
    wide = Check("api", "2001:db8::/64", 1, "2001:db8::/48")
    await drain(limiter, Check("messages", "u1"))
    for _ in range(200):
        assert not (await limiter.check([wide, Check("messages", "u1")])).allowed
    assert await drain(limiter, wide) == 10
