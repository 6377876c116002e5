from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Outdated, Taken
from store.models import KNOWN_ADDRESS_KEEP_MS, KNOWN_ADDRESSES_MAX, ProfileChange, Session, Status
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import START_MS, HandClock


def session(session_id: str, user_id: str, **more: int) -> Session:
    values = {"generation": 1, "rotated_at_ms": START_MS, "expires_at_ms": START_MS + 100_000, **more}
    return Session(id=session_id, user_id=user_id, **values)


@pytest.mark.gen_test
async def test_a_new_user_shows_its_name_and_is_online(store: Store) -> None:
    user = await store.users.create(username="Ann.B", email="Ann@Example.org", password_hash="hash")
    assert (user.username, user.display_name, user.status, user.created_at) == (
        "Ann.B",
        "Ann.B",
        Status.ONLINE,
        "2027-01-15T08:00:00.000Z",
    )
    assert "/" not in user.id
    assert await store.users.get(user.id) == user


@pytest.mark.gen_test
async def test_a_store_knows_whether_it_has_any_account_also_a_disabled_one(store: Store) -> None:
    assert not await store.users.has_any()
    user = await store.users.create(username="ann", email="ann@example.org", password_hash="hash")
    assert await store.users.has_any()
    await store.users.disable(user.id)
    assert await store.users.has_any()


@pytest.mark.gen_test
async def test_a_username_is_unique_whatever_its_case_and_is_checked_before_the_email(store: Store) -> None:
    await store.users.create(username="Straße", email="a@example.org", password_hash="hash")
    with pytest.raises(Taken) as taken:
        await store.users.create(username="STRASSE", email="A@EXAMPLE.ORG", password_hash="hash")
    assert taken.value.field == "username"
    with pytest.raises(Taken) as taken:
        await store.users.create(username="other", email="A@EXAMPLE.ORG", password_hash="hash")
    assert taken.value.field == "email"


@on_each_backend
@pytest.mark.gen_test
async def test_of_many_who_race_for_a_username_one_gets_it(store: Store) -> None:
    racers = [store.users.create(username="prize", email=f"{n}@example.org", password_hash="hash") for n in range(20)]
    outcomes = await asyncio.gather(*racers, return_exceptions=True)
    assert sum(isinstance(outcome, Taken) for outcome in outcomes) == 19


@pytest.mark.gen_test
async def test_an_account_is_found_by_either_name_in_any_case(store: Store) -> None:
    user = await store.users.create(username="Ann", email="Ann@Example.org", password_hash="the hash")
    by_name = await store.users.account_by_login(username="aNN")
    by_email = await store.users.account_by_login(email="ANN@example.ORG")
    assert by_name == by_email == await store.users.account(user.id)
    assert by_name is not None
    assert (by_name.user, by_name.email, by_name.password_hash) == (user, "Ann@Example.org", "the hash")
    assert await store.users.account_by_login(username="Ann@Example.org") is None
    assert await store.users.account("nobody") is None


@pytest.mark.gen_test
async def test_search_matches_beginnings_of_both_names_in_any_case_ordered_by_username(
    store: Store, fill: StoreFiller
) -> None:
    zoe, anna, bob = await fill.user("zoe"), await fill.user("Anna"), await fill.user("bob")
    await store.users.update(zoe.id, ProfileChange(display_name="Anton Z"))
    assert [found.username for found in await store.users.search("AN", 10)] == ["Anna", "zoe"]
    assert [found.username for found in await store.users.search("an", 1)] == ["Anna"]
    assert [found.id for found in await store.users.search("", 10)] == [anna.id, bob.id, zoe.id]


@pytest.mark.parametrize("wildcard", ["%", "_", "%n", "*", "?", "[a]"])
@pytest.mark.gen_test
async def test_wildcards_are_ordinary_characters_in_a_search(store: Store, fill: StoreFiller, wildcard: str) -> None:
    user = await fill.user("ann")
    assert await store.users.search(wildcard, 10) == []
    await store.users.update(user.id, ProfileChange(display_name=f"{wildcard} x"))
    assert [found.id for found in await store.users.search(wildcard, 10)] == [user.id]


@pytest.mark.gen_test
async def test_an_update_sets_what_is_given_and_leaves_the_rest(store: Store, fill: StoreFiller) -> None:
    user = await fill.user()
    await store.users.update(user.id, ProfileChange(custom_status="🏖️ away", text_color="#fff", status=Status.BUSY))
    changed = await store.users.update(user.id, ProfileChange(text_color=None, display_name="Al"))
    assert (changed.display_name, changed.text_color, changed.custom_status) == ("Al", None, "🏖️ away")
    assert changed.status is Status.BUSY
    assert await store.users.get(user.id) == changed
    assert await store.users.update(user.id, ProfileChange()) == changed
    with pytest.raises(Missing):
        await store.users.update("nobody", ProfileChange(display_name="x"))


@pytest.mark.gen_test
async def test_a_new_password_revokes_the_other_live_sessions_only(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    user, other = await fill.user(), await fill.user()
    for name in ("kept", "lost"):
        await store.sessions.create(session(name, user.id))
    await store.sessions.create(session("over", user.id, expires_at_ms=START_MS + 1))
    await store.sessions.create(session("foreign", other.id))
    clock.ms += 500
    assert await store.users.set_password(user.id, "new hash", keep_session_id="kept") == ["lost"]
    account = await store.users.account(user.id)
    assert account is not None
    assert account.password_hash == "new hash"
    assert await store.sessions.revoked_since(clock.ms) == ["lost"]
    with pytest.raises(Missing):
        await store.users.set_password("nobody", "x", keep_session_id="kept")
    with pytest.raises(Missing):
        await store.users.set_password("nobody", "x", keep_session_id="kept", before="hash")


@pytest.mark.gen_test
async def test_a_password_that_is_to_follow_another_than_that_of_now_changes_nothing(
    store: Store, fill: StoreFiller
) -> None:
    user = await fill.user()
    await store.sessions.create(session("kept", user.id))
    assert await store.users.set_password(user.id, "second", keep_session_id="kept", before="hash") == []
    with pytest.raises(Outdated):
        await store.users.set_password(user.id, "third", keep_session_id=None, before="hash")
    account = await store.users.account(user.id)
    assert account is not None
    assert account.password_hash == "second"
    kept = await store.sessions.get("kept")
    assert kept is not None
    assert kept.revoked_at_ms is None


@on_each_backend
@pytest.mark.gen_test
async def test_each_choice_of_a_status_has_a_number_of_its_own_however_many_race(
    store: Store, fill: StoreFiller
) -> None:
    user = await fill.user()
    assert user.status_rev == 0
    chosen = await asyncio.gather(*(store.users.update(user.id, ProfileChange(status=status)) for status in Status))
    assert sorted(one.status_rev for one in chosen) == [1, 2, 3, 4]
    last = max(chosen, key=lambda one: one.status_rev)
    await store.users.update(user.id, ProfileChange(display_name="Al"))
    kept = await store.users.get(user.id)
    assert kept is not None
    assert (kept.status, kept.status_rev) == (last.status, 4), (
        "the one with the greatest number is the one that is kept"
    )


@pytest.mark.gen_test
async def test_a_new_password_can_revoke_all_sessions(store: Store, fill: StoreFiller) -> None:
    user = await fill.user()
    for name in ("one", "two"):
        await store.sessions.create(session(name, user.id))
    assert sorted(await store.users.set_password(user.id, "new hash", keep_session_id=None)) == ["one", "two"]


@pytest.mark.gen_test
async def test_a_disabled_account_loses_its_sessions_and_is_not_found_by_search_until_it_is_enabled(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    user, other = await fill.user("ann"), await fill.user("anton")
    await store.sessions.create(session("lost", user.id))
    await store.sessions.create(session("foreign", other.id))
    clock.ms += 500
    assert await store.users.disable(user.id) == ["lost"]
    assert await store.users.disable(user.id) == []
    account = await store.users.account(user.id)
    assert account is not None
    assert account.disabled_at is not None
    assert await store.sessions.revoked_since(clock.ms) == ["lost"]
    assert [found.username for found in await store.users.search("an", 10)] == ["anton"]
    await store.users.enable(user.id)
    account = await store.users.account(user.id)
    assert account is not None
    assert account.disabled_at is None
    assert [found.username for found in await store.users.search("an", 10)] == ["ann", "anton"]
    for change in (store.users.disable, store.users.enable):
        with pytest.raises(Missing):
            await change("nobody")


@pytest.mark.gen_test
async def test_a_hash_is_replaced_only_while_it_is_the_one_that_was_checked(store: Store, fill: StoreFiller) -> None:
    user = await fill.user()
    assert await store.users.rehash(user.id, "hash", "better hash")
    assert not await store.users.rehash(user.id, "hash", "too late")
    assert not await store.users.rehash("nobody", "hash", "x")
    account = await store.users.account(user.id)
    assert account is not None
    assert account.password_hash == "better hash"


@pytest.mark.gen_test
async def test_of_the_addresses_where_an_account_was_good_the_newest_are_kept_for_a_while(
    store: Store, fill: StoreFiller
) -> None:
    user, other = await fill.user(), await fill.user()
    for number in range(KNOWN_ADDRESSES_MAX + 2):
        await store.users.remember_address(user.id, f"m{number}", now_ms=START_MS + number)
    await store.users.remember_address(other.id, "theirs", now_ms=START_MS)
    await store.users.remember_address(user.id, "m2", now_ms=START_MS + 100)
    await store.users.remember_address(user.id, "new", now_ms=START_MS + 101)

    async def seen(*marks: str, user_id: str = user.id, at_ms: int = START_MS + 200) -> int | None:
        return await store.users.address_seen(user_id, marks, now_ms=at_ms)

    assert [await seen(f"m{number}") for number in range(5)] == [None, None, START_MS + 100, None, START_MS + 4]
    assert await seen("m4", "m5") == START_MS + 5
    assert await seen("theirs") is None
    assert await seen("theirs", user_id=other.id) == START_MS
    assert await seen("m4", user_id="nobody") is None
    assert await seen() is None
    assert await seen("m2", "new", at_ms=START_MS + 101 + KNOWN_ADDRESS_KEEP_MS) == START_MS + 101
    assert await seen("m2", at_ms=START_MS + 101 + KNOWN_ADDRESS_KEEP_MS) is None
    await store.sweep(START_MS + 1 + KNOWN_ADDRESS_KEEP_MS)
    assert await seen("theirs", user_id=other.id) is None
    assert await seen("m4") == START_MS + 4
