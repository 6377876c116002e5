"""The limiter of several processes: the script counts as the pure arithmetic does, commands are all-or-nothing, and
Redis may go away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import accumulate

import msgspec
import pytest
import redis as driver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.redis_connection import RedisClient, RedisGone, RedisRefused, Script
from limits import sliding_window, token_bucket
from limits.contract import UNLIMITED, Check, Decision
from limits.limit_policy import Policy
from limits.memory_limiter import MemoryLimiter
from limits.redis_limiter import PREFIX, SCRIPT, UNITS_MAX, RedisLimiter, _limit
from tests.support.redis_proxy import (
    LATE_S,
    PATIENT_S,
    TIMEOUT_S,
    client_at,
    elapsed_s,
    proxy_to,
    until,
    until_noticed_gone,
)
from tests.support.redis_server import RedisServer

POLICIES = {"messages": Policy(5, 60), "api": Policy(10, 3_600), "bytes": Policy(104_857_600, 3_600), "typing": None}
START_US = 1_700_000_000_000_000


async def limiter_at(
    stack: AsyncExitStack, port: int, *, timeout_s: float = PATIENT_S, **changed
) -> tuple[RedisLimiter, RedisClient]:
    script = Script(SCRIPT)
    client = await client_at(stack, port, scripts=(script,), timeout_s=timeout_s)
    given = {"algorithm": "token_bucket", "policies": POLICIES, "fail_closed": False, **changed}
    fallback = MemoryLimiter(policies=given["policies"], algorithm=given["algorithm"])
    limiter = RedisLimiter(
        run=lambda keys, args: client.run(script, keys, args),
        away=(RedisGone, RedisRefused),
        fallback=fallback,
        **given,
    )
    stack.push_async_callback(limiter.close)
    return limiter, client


async def passed(limiter: RedisLimiter, *checks: Check, times: int) -> int:
    """How many of so many that come at once pass."""
    return sum(one.allowed for one in await asyncio.gather(*(limiter.check(checks) for _ in range(times))))


# ---- the script's arithmetic is that of the pure functions -----------------------------------------------------------


class ScriptWithClock:
    """The script as it is, but for the clock, which the test sets."""

    def __init__(self, port: int, algorithm: str) -> None:
        text = SCRIPT.read_text()
        ask_the_time = "redis.call('TIME')"
        assert text.count(ask_the_time) == 1
        self._redis = driver.Redis(port=port)
        self._script = self._redis.register_script(text.replace(ask_the_time, "{ARGV[3], ARGV[4]}"))
        self._algorithm = algorithm

    def take(self, policy: Policy, now_us: int, costs: Sequence[int], *, key: str = "k") -> list[list[int]]:
        """One command whose checks are all on one key: for each [allowed, remaining, retry after (us), reset (us)]."""
        limit = _limit("messages", policy, self._algorithm)
        numbers = [number for cost in costs for number in (0, policy.count, limit.period, limit.quantum_us, cost, 0)]
        args = [self._algorithm, msgspec.msgpack.encode(numbers), now_us // 1_000_000, now_us % 1_000_000]
        answers = msgspec.msgpack.decode(self._script([key] * len(costs), args))
        return [answers[start : start + 4] for start in range(0, len(answers), 4)]

    def close(self) -> None:
        self._redis.flushall()
        self._redis.close()


@st.composite
def traffic(draw: st.DrawFn) -> tuple[Policy, list[tuple[int, int]]]:
    """A policy and calls (time in us, cost), with gaps around what gives back a token, a slot, the whole."""
    # A period of whole slots in microseconds: in others the pure arithmetic's slots, in nanoseconds, begin elsewhere.
    policy = Policy(draw(st.integers(1, 200)), 3 * draw(st.integers(1, 1_200)))
    period_us = policy.period_s * 1_000_000
    gaps = st.one_of(
        st.just(0),
        st.integers(0, 2 * period_us // policy.count),
        st.integers(0, 2 * period_us // 60),
        st.integers(0, 2 * period_us),
    )
    calls = draw(st.lists(st.tuples(gaps, st.integers(0, policy.count + 1)), min_size=1, max_size=30))
    times = accumulate((gap for gap, _ in calls), initial=START_US)
    return policy, list(zip(times, (cost for _, cost in calls), strict=False))


@pytest.mark.parametrize(("algorithm", "pure"), [("token_bucket", token_bucket), ("sliding_window", sliding_window)])
def test_the_script_answers_as_the_pure_arithmetic(module_redis: RedisServer, algorithm: str, pure) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(traffic())
    def agrees(case) -> None:
        policy, calls = case
        scripted = ScriptWithClock(module_redis.port, algorithm)
        state = (token_bucket.full if pure is token_bucket else sliding_window.empty)(policy, 1000 * calls[0][0])
        try:
            for now_us, cost in calls:
                taken = pure.take(state, policy, 1000 * now_us, cost)
                state = taken.state
                [[allowed, remaining, retry_us, reset_us]] = scripted.take(policy, now_us, [cost])
                assert (bool(allowed), remaining) == (taken.allowed, taken.remaining)
                assert -(-retry_us // 1_000_000) == taken.retry_after_s
                assert abs(-(-reset_us // 1_000_000) - taken.reset_s) <= 1, (
                    "a microsecond's rounding may reach the next second"
                )
        finally:
            scripted.close()

    agrees()


@pytest.mark.parametrize("algorithm", ["token_bucket", "sliding_window"])
def test_a_clock_that_goes_back_neither_gives_more_than_the_count_nor_locks_out(
    module_redis: RedisServer, algorithm: str
) -> None:
    policy = Policy(10, 60)
    scripted = ScriptWithClock(module_redis.port, algorithm)
    try:
        assert sum(scripted.take(policy, START_US, [1])[0][0] for _ in range(15)) == 10
        back_us = START_US - 3_600_000_000
        assert sum(scripted.take(policy, back_us, [1])[0][0] for _ in range(15)) == 0
        assert sum(scripted.take(policy, back_us + 63_000_000, [1])[0][0] for _ in range(15)) == 10
    finally:
        scripted.close()


def test_two_checks_of_one_state_in_a_command_are_both_counted_or_neither(module_redis: RedisServer) -> None:
    scripted = ScriptWithClock(module_redis.port, "token_bucket")
    try:
        assert [one[0] for one in scripted.take(Policy(5, 60), START_US, [3, 3])] == [1, 0]
        assert [one[0] for one in scripted.take(Policy(5, 60), START_US, [2, 3])] == [1, 1]
    finally:
        scripted.close()


@given(st.integers(1, 10**12), st.integers(1, 31_536_000))
def test_every_policy_is_counted_in_numbers_that_doubles_hold_exactly_and_never_in_a_shorter_period(count, period_s):
    limit = _limit("x", Policy(count, period_s), "token_bucket")
    assert count * limit.period <= UNITS_MAX
    assert limit.period * limit.quantum_us >= period_s * 1_000_000


# ---- over processes --------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_neighbours_share_ten_times_the_limit_over_processes_and_alone(stack, redis):
    (a, _), (b, _) = await limiter_at(stack, redis.port), await limiter_at(stack, redis.port)

    def at(network: int) -> Check:
        return Check("messages", f"2001:db8:0:{network:x}::/64", 1, "2001:db8::/48")

    assert [await passed((a, b)[network % 2], at(network), times=7) for network in range(12)] == [5] * 10 + [0, 0]
    refused = await a.check([at(12)])
    assert (refused.limit, refused.remaining) == (50, 0)
    assert await passed(b, Check("messages", "2001:db8:1:1::/64", 1, "2001:db8:1::/48"), times=7) == 5
    assert dict(a.counts())["messages", "allowed"] + dict(b.counts())["messages", "allowed"] == 55


@pytest.mark.gen_test
async def test_two_processes_share_what_a_user_may_do(stack, redis):
    (a, _), (b, _) = await limiter_at(stack, redis.port), await limiter_at(stack, redis.port)
    check = Check("messages", "u1")
    outcomes = await asyncio.gather(*(one.check([check]) for one in (a, b) * 10))
    assert sum(one.allowed for one in outcomes) == 5
    assert {one.remaining for one in outcomes if one.allowed} == {4, 3, 2, 1, 0}
    assert await passed(b, Check("messages", "u2"), times=7) == 5


@pytest.mark.gen_test
async def test_nothing_is_admitted_at_once_for_the_counts_are_elsewhere(stack, redis):
    limiter, _ = await limiter_at(stack, redis.port)
    assert not limiter.take_at_once(Check("messages", "u1"))
    assert (await limiter.check([Check("messages", "u1")])).remaining == 4


@pytest.mark.gen_test
async def test_the_checks_of_a_loop_turn_are_one_call(stack, redis):
    limiter, client = await limiter_at(stack, redis.port)
    before = int(
        (await client.call("INFO", "commandstats")).partition(b"cmdstat_evalsha:calls=")[2].partition(b",")[0] or 0
    )
    await asyncio.gather(
        *(limiter.check([Check("api", f"u{number}"), Check("messages", f"u{number}")]) for number in range(50))
    )
    after = int((await client.call("INFO", "commandstats")).partition(b"cmdstat_evalsha:calls=")[2].partition(b",")[0])
    assert after - before == 1


@pytest.mark.gen_test
async def test_a_command_takes_of_all_its_limits_or_of_none(stack, redis):
    limiter, _ = await limiter_at(stack, redis.port)
    both = Check("messages", "u1"), Check("api", "u1")
    assert await passed(limiter, *both, times=8) == 5
    refused = await limiter.check(both)
    assert (refused.operation, refused.limit, refused.remaining) == ("messages", 5, 0)
    assert await passed(limiter, Check("api", "u1"), times=8) == 5, "what messages refused cost nothing"


@pytest.mark.gen_test
async def test_who_is_exempt_is_never_refused_and_still_counted(stack, redis):
    limiter, _ = await limiter_at(stack, redis.port)
    assert [await limiter.check([Check("messages", "u1")], exempt=True) for _ in range(8)] == [UNLIMITED] * 8
    assert not (await limiter.check([Check("messages", "u1")])).allowed
    assert dict(limiter.counts()) == {("messages", "exempt"): 8, ("messages", "refused"): 1}


@pytest.mark.gen_test
async def test_what_is_off_is_not_asked_for_and_an_unknown_operation_is_an_error(stack, redis):
    limiter, _ = await limiter_at(stack, redis.port)
    assert await limiter.check([Check("typing", "u1")]) is UNLIMITED
    with pytest.raises(KeyError):
        await limiter.check([Check("nonsense", "u1")])


@pytest.mark.gen_test
async def test_a_large_limit_is_exact(stack, redis):
    limiter, _ = await limiter_at(stack, redis.port)
    assert (await limiter.check([Check("bytes", "u1", 104_857_599)])).remaining == 1
    assert not (await limiter.check([Check("bytes", "u1", 100_000)])).allowed
    assert (await limiter.check([Check("bytes", "u1", 1)])).allowed


@pytest.mark.gen_test
@pytest.mark.parametrize("algorithm", ["token_bucket", "sliding_window"])
async def test_keys_expire_by_themselves_once_they_limit_nothing(stack, redis, algorithm):
    limiter, client = await limiter_at(stack, redis.port, algorithm=algorithm)
    await limiter.check([Check("messages", "u1"), Check("api", "u1")])
    keys = sorted(await client.call("KEYS", f"{PREFIX}:*"))
    assert len(keys) == 2
    for key, period_s in zip(keys, (3_600, 60), strict=True):
        assert period_s * 1_000 <= await client.call("PTTL", key) <= period_s * 1_050


# ---- when Redis is not well ------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_a_flushed_script_is_loaded_again(stack, redis):
    limiter, client = await limiter_at(stack, redis.port)
    await client.call("SCRIPT", "FLUSH")
    assert await passed(limiter, Check("messages", "u1"), times=7) == 5


@pytest.mark.gen_test
async def test_without_redis_the_process_counts_alone_with_the_same_policy_and_says_so_once(stack, own_redis, caplog):
    caplog.set_level("INFO", "limits")
    limiter, client = await limiter_at(stack, own_redis.port)
    own_redis.stop()
    await until_noticed_gone(client)
    assert await passed(limiter, Check("messages", "u1"), times=9) == 5
    assert not limiter.is_shared
    own_redis.start()
    await until(lambda: client.is_up)
    assert await passed(limiter, Check("messages", "u1"), times=9) == 5, "what was counted alone is not carried over"
    assert limiter.is_shared
    lines = [record.fields["counted"] for record in caplog.records if record.message == "limits"]
    assert lines == ["by this process alone", "by all processes together, in redis"]
    caplog.clear()


@pytest.mark.gen_test
async def test_fail_closed_refuses_while_redis_is_gone_and_knows_not_for_how_long(stack, own_redis):
    limiter, client = await limiter_at(stack, own_redis.port, fail_closed=True)
    own_redis.stop()
    await until_noticed_gone(client)
    refused = await limiter.check([Check("messages", "u1")])
    assert refused == Decision(False, "messages", retry_after_s=1, because="unknown")
    assert (await limiter.check([Check("messages", "u1")], exempt=True)).allowed


@pytest.mark.gen_test
async def test_a_redis_that_does_not_answer_holds_nobody_up_for_longer_than_its_timeout(stack, redis):
    proxy = await proxy_to(stack, redis.port)
    limiter, _ = await limiter_at(stack, proxy.port, timeout_s=TIMEOUT_S)
    proxy.cut_half_open()
    check = limiter.check([Check("messages", "u1")])
    assert await elapsed_s(check) < TIMEOUT_S + LATE_S


@pytest.mark.gen_test
async def test_a_redis_that_is_full_counts_as_gone(stack, own_redis):
    limiter, client = await limiter_at(stack, own_redis.port)
    await client.call("CONFIG", "SET", "maxmemory", "1")
    assert await passed(limiter, Check("messages", "u1"), times=9) == 5
    assert not limiter.is_shared


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "garbage", [("SET", b"garbage"), ("SET", msgspec.msgpack.encode(["x", None])), ("RPUSH", b"x")]
)
async def test_garbage_under_a_key_locks_nobody_out(stack, redis, garbage):
    limiter, client = await limiter_at(stack, redis.port)
    await limiter.check([Check("messages", "u1")])
    [key] = await client.call("KEYS", f"{PREFIX}:*")
    command, value = garbage
    await client.call("DEL", key)
    await client.call(command, key, value)
    assert await passed(limiter, Check("messages", "u1"), times=9) == 5
    assert limiter.is_shared
