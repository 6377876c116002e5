from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.models import SESSIONS_LISTED_MAX, Session
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import START_MS

GRACE_MS = 30_000
LIFE_MS = 1_000_000


async def live_session(store: Store, fill: StoreFiller, *, generation: int = 5) -> Session:
    user = await fill.user()
    session = Session("s1", user.id, generation, START_MS, START_MS + LIFE_MS)
    await store.sessions.create(session)
    return session


async def rotate(
    store: Store, generation: int, at_ms: int, session_id: str = "s1", *, max_age_ms: int = 100 * LIFE_MS
) -> Session | None:
    return await store.sessions.rotate(
        session_id,
        generation=generation,
        now_ms=START_MS + at_ms,
        grace_ms=GRACE_MS,
        expires_at_ms=START_MS + at_ms + LIFE_MS,
        max_age_ms=max_age_ms,
    )


@pytest.mark.gen_test
async def test_a_session_comes_back_as_it_was_stored(store: Store, fill: StoreFiller) -> None:
    session = await live_session(store, fill)
    assert await store.sessions.get("s1") == session
    assert await store.sessions.get("none") is None


@pytest.mark.gen_test
async def test_sessions_are_read_together_each_with_an_account(store: Store, fill: StoreFiller) -> None:
    session = await live_session(store, fill)
    other = await fill.user()
    mine, others = await store.users.account(session.user_id), await store.users.account(other.id)
    keys = [("s1", session.user_id), ("none", other.id), ("s1", "nobody"), ("s1", session.user_id)]
    found = await store.sessions.with_accounts(keys)
    assert mine is not None and others is not None
    assert found == [(session, mine), (None, others), (session, None), (session, mine)]


@pytest.mark.gen_test
async def test_the_current_generation_rotates(store: Store, fill: StoreFiller) -> None:
    session = await live_session(store, fill)
    rotated = await rotate(store, 5, 1000)
    assert rotated == Session(
        "s1", session.user_id, 6, START_MS + 1000, START_MS + 1000 + LIFE_MS, began_at_ms=START_MS
    )
    assert await store.sessions.get("s1") == rotated


@pytest.mark.gen_test
async def test_however_often_it_is_rotated_a_session_ends_at_its_age(store: Store, fill: StoreFiller) -> None:
    user = await fill.user()
    await store.sessions.create(Session("s1", user.id, 1, START_MS, START_MS + LIFE_MS, began_at_ms=START_MS - 500))
    for generation in range(1, 5):
        rotated = await rotate(store, generation, generation * 1000, max_age_ms=LIFE_MS + 2000)
        assert rotated is not None
        assert rotated.began_at_ms == START_MS - 500
        assert rotated.expires_at_ms == START_MS + LIFE_MS + min(generation * 1000, 1500)
    assert await store.sessions.get("s1") == rotated


@pytest.mark.gen_test
async def test_a_session_of_a_program_that_kept_no_beginning_begins_with_its_newest_rotation(
    store: Store, fill: StoreFiller
) -> None:
    await live_session(store, fill)
    first = await rotate(store, 5, 1000, max_age_ms=LIFE_MS)
    assert first is not None
    assert (first.began_at_ms, first.expires_at_ms) == (START_MS, START_MS + LIFE_MS)
    second = await rotate(store, 6, 2000, max_age_ms=LIFE_MS)
    assert second is not None
    assert (second.began_at_ms, second.expires_at_ms) == (START_MS, START_MS + LIFE_MS)


@pytest.mark.gen_test
async def test_the_generation_before_gives_the_same_replacement_within_the_grace(
    store: Store, fill: StoreFiller
) -> None:
    await live_session(store, fill)
    rotated = await rotate(store, 5, 1000)
    assert await rotate(store, 5, 1000 + GRACE_MS) == rotated
    again = await rotate(store, 6, 40_000)
    assert again is not None
    assert again.generation == 7


@pytest.mark.parametrize(
    ("generation", "at_ms"),
    [(5, 1001 + GRACE_MS), (4, 1001), (7, 1001), (0, 1001)],
    ids=["late", "older", "future", "zero"],
)
@pytest.mark.gen_test
async def test_any_other_reuse_revokes_the_session_for_good(
    store: Store, fill: StoreFiller, generation: int, at_ms: int
) -> None:
    await live_session(store, fill)
    await rotate(store, 5, 1000)
    revoked = await rotate(store, generation, at_ms)
    assert revoked is not None
    assert revoked.revoked_at_ms == START_MS + at_ms
    assert await rotate(store, 6, at_ms + 1) == revoked
    assert await store.sessions.get("s1") == revoked
    assert await store.sessions.revoked_since(START_MS + at_ms) == ["s1"]
    assert await store.sessions.revoked_since(START_MS + at_ms + 1) == []


@pytest.mark.gen_test
async def test_an_expired_session_does_not_rotate_and_is_not_revoked(store: Store, fill: StoreFiller) -> None:
    session = await live_session(store, fill)
    assert await rotate(store, 5, LIFE_MS) in (session, None)
    assert await rotate(store, 1, LIFE_MS) in (session, None)
    assert not await store.sessions.revoke("s1", now_ms=START_MS + LIFE_MS)


@pytest.mark.gen_test
async def test_no_such_session_is_none(store: Store) -> None:
    assert await rotate(store, 1, 1, "none") is None
    assert not await store.sessions.revoke("none", now_ms=START_MS)


@on_each_backend
@pytest.mark.gen_test
async def test_of_many_who_race_with_one_token_all_get_one_replacement(store: Store, fill: StoreFiller) -> None:
    await live_session(store, fill)
    outcomes = await asyncio.gather(*(rotate(store, 5, 10) for _ in range(20)))
    assert {outcome.generation for outcome in outcomes if outcome is not None} == {6}
    assert {outcome.revoked_at_ms for outcome in outcomes if outcome is not None} == {None}


@pytest.mark.gen_test
async def test_revoking_tells_whether_the_session_was_live(store: Store, fill: StoreFiller) -> None:
    await live_session(store, fill)
    assert await store.sessions.revoke("s1", now_ms=START_MS + 7)
    assert not await store.sessions.revoke("s1", now_ms=START_MS + 8)
    session = await store.sessions.get("s1")
    assert session is not None
    assert session.revoked_at_ms == START_MS + 7


@pytest.mark.gen_test
async def test_of_many_sessions_those_that_are_revoked_or_not_there_are_told(store: Store, fill: StoreFiller) -> None:
    await live_session(store, fill)
    user = await fill.user()
    await store.sessions.create(Session("s2", user.id, 1, START_MS, START_MS + LIFE_MS))
    assert await store.sessions.not_live(["s1", "s2", "none"]) == ["none"]
    await store.sessions.revoke("s2", now_ms=START_MS - 5 * LIFE_MS)  # by a process whose clock is far behind
    assert sorted(await store.sessions.not_live(["s1", "s2", "none"])) == ["none", "s2"]
    assert await store.sessions.not_live([]) == []


@pytest.mark.gen_test
async def test_the_live_sessions_of_a_user_are_listed_the_last_used_first(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    for number, (name, owner, life_ms) in enumerate(
        [("old", ann, LIFE_MS), ("new", ann, LIFE_MS), ("gone", ann, LIFE_MS), ("brief", ann, 50), ("his", bob, 9999)]
    ):
        at_ms = START_MS + number
        await store.sessions.create(
            Session(name, owner.id, 1, at_ms, at_ms + life_ms, began_at_ms=at_ms, user_agent=f"agent of {name}")
        )
    await store.sessions.revoke("gone", now_ms=START_MS + 10)
    await rotate(store, 1, 1000, "old")
    listed = await store.sessions.live_of(ann.id, now_ms=START_MS + 2000)
    assert [(one.id, one.user_agent, one.began_at_ms, one.rotated_at_ms) for one in listed] == [
        ("old", "agent of old", START_MS, START_MS + 1000),
        ("new", "agent of new", START_MS + 1, START_MS + 1),
    ]
    assert await store.sessions.live_of("nobody", now_ms=START_MS) == []


@pytest.mark.gen_test
async def test_no_more_sessions_are_listed_than_the_bound(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    for number in range(SESSIONS_LISTED_MAX + 2):
        await store.sessions.create(Session(f"s{number}", ann.id, 1, START_MS + number, START_MS + LIFE_MS))
    listed = await store.sessions.live_of(ann.id, now_ms=START_MS)
    assert [one.id for one in listed] == [f"s{number}" for number in range(SESSIONS_LISTED_MAX + 1, 1, -1)]
