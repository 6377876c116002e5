from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from store.contract import Store
from store.errors import Missing, Refused, RoomFull
from store.models import INVITES_PER_ROOM_MAX, Actor, Invite, MembershipChange, Refusal, Role, RoomPatch, User
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import HandClock

DAY_MS = 24 * 3600 * 1000


async def make(
    store: Store, room_id: str, maker: User, code: str = "code", *, max_uses: int | None = None, ms: int | None = None
) -> Invite:
    made = await store.invites.create(room_id, code, actor=Actor(maker.id), max_uses=max_uses, expires_in_ms=ms)
    return made.invite


async def refusal_of(write: object) -> Refusal:
    with pytest.raises(Refused) as refused:
        await write  # type: ignore[misc]
    return refused.value.refusal


async def missing_of(write: object) -> str:
    with pytest.raises(Missing) as missing:
        await write  # type: ignore[misc]
    return missing.value.kind


@pytest.mark.gen_test
async def test_a_link_makes_people_members_until_it_is_used_up(store: Store, fill: StoreFiller) -> None:
    ann, bob, cy, dan = [await fill.user() for _ in range(4)]
    room_id = (await fill.room(ann, private=True)).room.id
    invite = await make(store, room_id, ann, max_uses=2)
    assert invite == Invite("code", room_id, ann.id, 0, 2, None)
    change = await store.invites.use("code", bob.id)
    assert (change.changed, change.room.member_count) == (True, 2)
    assert change.membership is not None
    assert change.membership.role is Role.MEMBER
    again = await store.invites.use("code", bob.id)
    assert (again.changed, again.membership is not None) == (False, True)
    found = await store.invites.find("code")
    assert found is not None
    assert found.uses == 1
    await store.invites.use("code", cy.id)
    assert await store.invites.find("code") is None
    assert await missing_of(store.invites.use("code", dan.id)) == "invite"
    assert await store.invites.list(room_id, actor=Actor(ann.id)) == []


@pytest.mark.gen_test
async def test_who_became_a_member_by_the_last_use_may_follow_the_link_again(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob, cy = [await fill.user() for _ in range(3)]
    room_id = (await fill.room(ann, private=True)).room.id
    for code, ms in (("code", 5000), ("revoked", None)):
        await make(store, room_id, ann, code, max_uses=1, ms=ms)
    await store.invites.claim("revoked")
    await store.invites.revoke(room_id, "revoked", actor=Actor(ann.id))
    assert (await store.invites.use("code", bob.id)).changed
    again = await store.invites.use("code", bob.id)
    assert (again.changed, again.membership is not None) == (False, True)
    found = await store.invites.find("code", member_id=bob.id)
    assert found is not None
    assert (found.room_id, found.uses) == (room_id, 1)
    assert await store.invites.find("revoked", member_id=bob.id) is None
    assert await store.invites.find("code", member_id=cy.id) is None
    assert await missing_of(store.invites.use("code", cy.id)) == "invite"
    await store.members.remove(room_id, bob.id)
    assert await store.invites.find("code", member_id=bob.id) is None
    assert await missing_of(store.invites.use("code", bob.id)) == "invite"
    clock.ms += 5000
    assert await store.invites.find("code", member_id=ann.id) is None
    assert await missing_of(store.invites.use("code", ann.id)) == "invite"


@pytest.mark.gen_test
async def test_a_link_that_expired_or_was_revoked_or_never_was_is_missing(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    invite = await make(store, room_id, ann, "brief", ms=5000)
    assert invite.expires_at is not None
    await make(store, room_id, ann, "gone")
    rev = await store.invites.revoke(room_id, "gone", actor=Actor(ann.id))
    assert rev == 3
    clock.ms += 5000
    for code in ("brief", "gone", "never"):
        assert await store.invites.find(code) is None
        assert await missing_of(store.invites.use(code, bob.id)) == "invite"
        assert await missing_of(store.invites.claim(code)) == "invite"
    assert await missing_of(store.invites.revoke(room_id, "gone", actor=Actor(ann.id))) == "invite"
    assert await missing_of(store.invites.revoke("none", "gone", actor=Actor(ann.id))) == "room"
    other_id = (await fill.room(ann)).room.id
    await make(store, other_id, ann, "other")
    assert await missing_of(store.invites.revoke(room_id, "other", actor=Actor(ann.id))) == "invite"
    actions = [entry.action for entry in (await store.audit.page(room_id, limit=9, after=None))[0]]
    assert actions == ["invite_link_revoked", "invite_link_made", "invite_link_made"]
    await store.rooms.delete(other_id, Actor(ann.id))
    assert await store.invites.find("other") is None
    assert await missing_of(store.invites.use("other", bob.id)) == "invite"


@pytest.mark.gen_test
async def test_who_makes_sees_and_revokes_links(store: Store, fill: StoreFiller) -> None:
    ann, bob, cy, eve = [await fill.user() for _ in range(4)]
    public, private = (await fill.room(ann)).room.id, (await fill.room(ann, private=True)).room.id
    direct = (await store.rooms.direct(ann.id, bob.id))[0].room.id
    for room_id in (public, private):
        await store.members.add(room_id, bob.id)
        await store.members.add(room_id, cy.id, role=Role.MODERATOR)
    await make(store, public, bob, "bobs")
    await make(store, public, cy, "cys")
    await make(store, private, cy, "hidden")
    admin = Actor(eve.id, is_admin=True)
    await store.invites.create(private, "admins", actor=admin, max_uses=None, expires_in_ms=None)
    for room_id, person, refusal in (
        (private, bob, Refusal.FORBIDDEN),
        (direct, ann, Refusal.FORBIDDEN),
        (public, eve, Refusal.NOT_MEMBER),
        (private, eve, Refusal.ROOM_NOT_FOUND),
    ):
        assert await refusal_of(make(store, room_id, person, "no")) is refusal
    lists = [await store.invites.list(public, actor=Actor(one.id)) for one in (ann, bob, cy)]
    assert [{one.code for one in found} for found in lists] == [{"bobs", "cys"}, {"bobs"}, {"bobs", "cys"}]
    assert {one.code for one in await store.invites.list(private, actor=admin)} == {"hidden", "admins"}
    assert await refusal_of(store.invites.list(public, actor=Actor(eve.id))) is Refusal.NOT_MEMBER
    assert await refusal_of(store.invites.list(private, actor=Actor(eve.id))) is Refusal.ROOM_NOT_FOUND
    assert await missing_of(store.invites.list("none", actor=Actor(ann.id))) == "room"
    assert await refusal_of(store.invites.revoke(public, "cys", actor=Actor(bob.id))) is Refusal.FORBIDDEN
    assert await refusal_of(store.invites.revoke(public, "cys", actor=Actor(eve.id))) is Refusal.NOT_MEMBER
    await store.invites.revoke(public, "bobs", actor=Actor(bob.id))
    await store.invites.revoke(public, "cys", actor=Actor(ann.id))
    assert await store.invites.list(public, actor=Actor(ann.id)) == []


@pytest.mark.gen_test
async def test_who_is_refused_uses_nothing_up(store: Store, fill: StoreFiller) -> None:
    ann, bob, cy, dan = [await fill.user() for _ in range(4)]
    room_id = (await fill.room(ann, max_users=2)).room.id
    await make(store, room_id, ann, max_uses=1)
    await store.bans.add(room_id, bob.id, reason=None, expires_at_ms=None, actor=Actor(ann.id))
    assert await refusal_of(store.invites.use("code", bob.id)) is Refusal.BANNED
    await store.members.add(room_id, cy.id)
    with pytest.raises(RoomFull):
        await store.invites.use("code", dan.id)
    with pytest.raises(RoomFull):
        await store.invites.claim("code")
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(max_users=9))
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(archived=True))
    assert await refusal_of(store.invites.use("code", dan.id)) is Refusal.FORBIDDEN
    assert await refusal_of(store.invites.claim("code")) is Refusal.FORBIDDEN
    assert await refusal_of(make(store, room_id, ann, "other")) is Refusal.FORBIDDEN
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(archived=False))
    assert (await store.invites.use("code", dan.id)).changed


@pytest.mark.gen_test
async def test_a_claimed_use_can_be_given_back(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await make(store, room_id, ann, max_uses=1)
    assert (await store.invites.claim("code")).room_id == room_id
    assert await missing_of(store.invites.claim("code")) == "invite"
    await store.invites.release("code")
    found = await store.invites.find("code")
    assert found is not None
    assert found.uses == 0
    await make(store, room_id, ann, "any")
    for _ in range(3):
        await store.invites.claim("any")
    await store.invites.release("any")
    found = await store.invites.find("any")
    assert found is not None
    assert found.uses == 2
    for code in ("code", "any", "any", "any"):  # more than were taken
        await store.invites.release(code)
    left = [await store.invites.find(code) for code in ("code", "any")]
    assert [None if one is None else one.uses for one in left] == [0, 0]
    await store.invites.claim("code")
    assert await missing_of(store.invites.claim("code")) == "invite"


@pytest.mark.gen_test
async def test_a_use_that_is_given_back_makes_a_used_up_link_good_again_for_as_long_as_before(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob, cy = [await fill.user() for _ in range(3)]
    room_id = (await fill.room(ann)).room.id
    await make(store, room_id, ann, "endless", max_uses=2)
    await make(store, room_id, ann, "brief", max_uses=1, ms=9 * DAY_MS)
    await store.invites.claim("endless")
    await store.invites.use("endless", bob.id)
    await store.invites.release("endless")
    await store.invites.claim("brief")
    await store.invites.release("brief")
    clock.ms += 3 * DAY_MS
    await store.sweep(clock.ms)
    assert await store.invites.find("brief") is not None
    assert (await store.invites.use("endless", cy.id)).changed


@pytest.mark.gen_test
async def test_a_link_that_is_used_up_is_kept_for_a_day(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    for code in ("used", "claimed", "given back", "revoked"):
        await make(store, room_id, ann, code, max_uses=1)
    await store.invites.use("used", bob.id)
    for code in ("claimed", "given back", "revoked"):
        await store.invites.claim(code)
    clock.ms += DAY_MS - 1
    await store.sweep(clock.ms)
    await make(store, room_id, ann, "another")
    await store.invites.revoke(room_id, "revoked", actor=Actor(ann.id))
    for code in ("given back", "revoked"):
        await store.invites.release(code)
    clock.ms += 1
    await store.sweep(clock.ms)
    assert [one.code for one in await store.invites.list(room_id, actor=Actor(ann.id))] == ["another", "given back"]
    for code in ("used", "claimed", "revoked"):
        await store.invites.release(code)
        assert await store.invites.find(code) is None
        assert await missing_of(store.invites.revoke(room_id, code, actor=Actor(ann.id))) == "invite"


@pytest.mark.gen_test
async def test_a_room_has_so_many_links_that_are_good(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    for number in range(INVITES_PER_ROOM_MAX - 1):
        await make(store, room_id, ann, f"code{number}")
    await make(store, room_id, ann, "brief", ms=1000)
    assert await refusal_of(make(store, room_id, ann, "one more")) is Refusal.CONFLICT
    clock.ms += 1000
    await make(store, room_id, ann, "in its place")
    assert len(await store.invites.list(room_id, actor=Actor(ann.id))) == INVITES_PER_ROOM_MAX


@on_each_backend
@pytest.mark.gen_test
async def test_of_many_who_use_a_link_at_once_as_many_become_members_as_it_says(
    store: Store, fill: StoreFiller
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await make(store, room_id, ann, max_uses=3)
    people = [await fill.user() for _ in range(8)]
    uses = [store.invites.use("code", one.id) for one in (*people, *people[:2])]
    outcomes = await asyncio.gather(*uses, return_exceptions=True)
    assert all(isinstance(one, MembershipChange | Missing) for one in outcomes)
    # Who uses it twice at once may hold two uses for a moment, and others are told that there is none: they try again.
    for one in people:
        with suppress(Missing):
            outcomes.append(await store.invites.use("code", one.id))
    changed = [one for one in outcomes if isinstance(one, MembershipChange) and one.changed]
    assert len(changed) == 3
    room = await store.rooms.get(room_id)
    assert room is not None
    assert room.member_count == 4
