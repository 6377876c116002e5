"""Bans: who is banned is out, and stays out until the ban ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from common.rfc3339 import rfc3339
from store import room_rules
from store.contract import Store
from store.errors import Missing, Refused
from store.models import Ban, BanChange, Change, MembershipChange, Refusal, Stored
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.contract.moderated_room import ADMIN, MakeRoom, by
from tests.support.clock import START_MS, HandClock

MINUTE_MS = 60_000


@pytest.mark.gen_test
async def test_a_ban_ends_the_membership_in_the_same_change_and_keeps_its_person_out(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room = await make_room()
    change = await store.bans.add(room.id, room.member.id, reason="spam", expires_at_ms=None, actor=by(room.moderator))
    assert (change.changed, change.rev, change.room.rev, change.room.member_count) == (True, 3, 3, 2)
    assert change.membership == MembershipChange(change.room, None, changed=True, rev=3)
    assert (await store.changes.page(room.id, since=2, limit=10)).changes == (Change(3, None),)
    assert await room.role(room.member) is None
    assert await store.messages.append(room.id, [fill.draft(room.member)]) == [Refusal.NOT_MEMBER]
    with pytest.raises(Refused) as refused:
        await store.members.add(room.id, room.member.id)
    assert refused.value.refusal is Refusal.BANNED
    assert await store.bans.page(room.id, limit=9, after=None) == (
        [Ban(room.member, room.moderator.id, "spam", None)], None,
    )  # fmt: skip
    assert [(entry.action, entry.by, entry.user_id, entry.details) for entry in await room.audit()] == [
        ("ban", room.moderator.id, room.member.id, {"reason": "spam", "expiresAt": None})
    ]
    assert await room.rev() == 3


@pytest.mark.gen_test
async def test_a_ban_that_is_lifted_lets_its_person_join_and_makes_them_no_member(
    store: Store, make_room: MakeRoom
) -> None:
    room = await make_room()
    await store.bans.add(room.id, room.member.id, reason=None, expires_at_ms=None, actor=by(room.owner))
    lifted = await store.bans.lift(room.id, room.member.id, actor=by(room.moderator))
    assert (lifted.changed, lifted.rev, lifted.membership) == (True, 4, None)
    assert await room.role(room.member) is None
    assert await store.bans.page(room.id, limit=9, after=None) == ([], None)
    again = await store.bans.lift(room.id, room.member.id, actor=by(room.moderator))
    assert again == BanChange(lifted.room, changed=False, rev=4)
    assert (await store.members.add(room.id, room.member.id)).rev == 5
    assert [entry.action for entry in await room.audit()] == ["unban", "ban"]


@pytest.mark.gen_test
async def test_a_ban_with_an_end_counts_for_nothing_after_it(
    store: Store, clock: HandClock, open_again: Reopen, make_room: MakeRoom
) -> None:
    room = await make_room()
    until_ms = START_MS + MINUTE_MS
    await store.bans.add(room.id, room.member.id, reason=None, expires_at_ms=until_ms, actor=by(room.owner))
    assert (await store.bans.page(room.id, limit=9, after=None))[0][0].expires_at == rfc3339(until_ms)
    clock.ms = until_ms - 1
    assert await store.bans.among([(room.id, room.member.id)]) == [True]
    clock.ms = until_ms
    assert await store.bans.among([(room.id, room.member.id)]) == [False]
    assert await store.bans.page(room.id, limit=9, after=None) == ([], None)
    assert not (await store.bans.lift(room.id, room.member.id, actor=by(room.owner))).changed
    assert (await store.members.add(room.id, room.member.id)).changed
    await store.bans.add(room.id, room.member.id, reason=None, expires_at_ms=until_ms + 1, actor=by(room.owner))
    await store.sweep(until_ms + 3 * 24 * 60 * MINUTE_MS)
    assert (await (await open_again()).bans.page(room.id, limit=9, after=None))[0] == []


@pytest.mark.gen_test
async def test_who_is_no_member_can_be_banned_and_a_later_ban_replaces_an_earlier_one(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room = await make_room()
    stranger = await fill.user()
    first = await store.bans.add(
        room.id, stranger.id, reason="a", expires_at_ms=START_MS + MINUTE_MS, actor=by(room.moderator)
    )
    assert (first.changed, first.membership, first.room.member_count) == (True, None, 3)
    await store.bans.add(room.id, stranger.id, reason="b", expires_at_ms=None, actor=by(room.owner))
    assert await store.bans.page(room.id, limit=9, after=None) == ([Ban(stranger, room.owner.id, "b", None)], None)


@pytest.mark.gen_test
async def test_a_ban_follows_the_ranks(store: Store, fill: StoreFiller, make_room: MakeRoom) -> None:
    room = await make_room()
    stranger = await fill.user()
    for actor, target, refusal in (
        (room.member, stranger, Refusal.FORBIDDEN),
        (room.moderator, room.moderator, Refusal.FORBIDDEN),
        (room.moderator, room.owner, Refusal.FORBIDDEN),
        (stranger, room.member, Refusal.NOT_MEMBER),
    ):
        with pytest.raises(Refused) as refused:
            await store.bans.add(room.id, target.id, reason=None, expires_at_ms=None, actor=by(actor))
        assert refused.value.refusal is refusal
    for actor, refusal in ((room.member, Refusal.FORBIDDEN), (stranger, Refusal.NOT_MEMBER)):
        with pytest.raises(Refused) as refused:
            await store.bans.lift(room.id, room.member.id, actor=by(actor))
        assert refused.value.refusal is refusal
    for room_id, user_id, kind in ((room.id, "nobody", "user"), ("none", room.member.id, "room")):
        with pytest.raises(Missing) as missing:
            await store.bans.add(room_id, user_id, reason=None, expires_at_ms=None, actor=ADMIN)
        assert missing.value.kind == kind
    with pytest.raises(Missing):
        await store.bans.lift("none", room.member.id, actor=ADMIN)
    direct = (await store.rooms.direct(room.owner.id, room.member.id))[0].room
    for actor_ in (by(room.owner), ADMIN):
        with pytest.raises(Refused) as refused:
            await store.bans.add(direct.id, room.member.id, reason=None, expires_at_ms=None, actor=actor_)
        assert refused.value.refusal is Refusal.FORBIDDEN
    assert await room.rev() == 2
    ban = await store.bans.add(room.id, room.owner.id, reason=None, expires_at_ms=None, actor=ADMIN)
    assert ban.membership is not None
    assert (ban.membership.user_ids_promoted, ban.room.owner_id) == ((room.moderator.id,), room.moderator.id)


@pytest.mark.gen_test
async def test_who_is_banned_hears_that_before_that_the_room_is_full(store: Store, make_room: MakeRoom) -> None:
    room = await make_room(max_users=3)
    await store.bans.add(room.id, room.member.id, reason=None, expires_at_ms=None, actor=by(room.owner))
    with pytest.raises(Refused):
        await store.members.add(room.id, room.member.id)


@pytest.mark.gen_test
async def test_bans_are_listed_the_newest_first_page_by_page(
    store: Store, fill: StoreFiller, clock: HandClock, make_room: MakeRoom
) -> None:
    room = await make_room()
    people = [await fill.user() for _ in range(5)]
    for one in people:
        clock.ms += 1
        await store.bans.add(room.id, one.id, reason=None, expires_at_ms=None, actor=by(room.owner))
    seen: list[str] = []
    after = None
    for _ in range(3):
        found, after = await store.bans.page(room.id, limit=2, after=after)
        seen += [ban.user.id for ban in found]
    assert (seen, after) == ([one.id for one in reversed(people)], None)
    for bad in ("*", "%%%", "abc="):
        with pytest.raises(ValueError, match="cursor"):
            await store.bans.page(room.id, limit=2, after=bad)
    other = await make_room()
    pairs = [(room.id, people[0].id), (other.id, people[0].id), (room.id, room.owner.id), ("none", "nobody")]
    assert await store.bans.among(pairs) == [True, False, False, False]
    assert await store.bans.among([]) == []


@pytest.mark.gen_test
async def test_a_room_has_so_many_bans_and_no_more(
    store: Store, fill: StoreFiller, clock: HandClock, make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_rules, "BANS_MAX", 2)
    room = await make_room()
    people = [await fill.user() for _ in range(4)]

    def ban(number: int) -> Awaitable[BanChange]:
        until_ms = START_MS + MINUTE_MS if number == 0 else None
        return store.bans.add(room.id, people[number].id, reason=None, expires_at_ms=until_ms, actor=ADMIN)

    outcomes = await asyncio.gather(*(ban(number) for number in range(4)), return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["BanChange", "BanChange", "Refused", "Refused"]
    assert {outcome.refusal for outcome in outcomes if isinstance(outcome, Refused)} == {Refusal.CONFLICT}
    await store.bans.add(room.id, people[1].id, reason="again", expires_at_ms=None, actor=ADMIN)
    clock.ms += MINUTE_MS  # the first has expired
    await store.bans.add(room.id, people[2].id, reason=None, expires_at_ms=None, actor=ADMIN)


@on_each_backend
@pytest.mark.gen_test
async def test_of_a_ban_and_a_join_at_once_one_comes_first_and_the_banned_are_out(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room = await make_room()
    people = [await fill.user() for _ in range(8)]
    joins = [store.members.add(room.id, one.id) for one in people]
    bans = [
        store.bans.add(room.id, one.id, reason=None, expires_at_ms=None, actor=by(room.moderator)) for one in people
    ]
    outcomes = await asyncio.gather(
        *(act for pair in zip(joins, bans, strict=True) for act in pair), return_exceptions=True
    )
    for number, one in enumerate(people):
        joined, banned = outcomes[2 * number : 2 * number + 2]
        assert isinstance(banned, BanChange)
        if isinstance(joined, MembershipChange):
            assert banned.membership is not None
            assert banned.rev > joined.rev
        else:
            assert isinstance(joined, Refused)
            assert banned.membership is None
        assert await room.role(one) is None
    after = await store.rooms.get(room.id)
    assert after is not None
    assert after.member_count == 3
    assert (await store.changes.page(room.id, since=0, limit=100)).expired is False


@on_each_backend
@pytest.mark.gen_test
async def test_of_a_ban_and_a_message_at_once_the_message_is_stored_or_refused(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room = await make_room()
    sent, banned = await asyncio.gather(
        store.messages.append(room.id, [fill.draft(room.member)]),
        store.bans.add(room.id, room.member.id, reason=None, expires_at_ms=None, actor=by(room.owner)),
    )
    assert banned.membership is not None
    stored = (await store.messages.page(room.id, limit=10)).messages
    if isinstance(sent[0], Stored):
        assert stored == (sent[0].message,)
    else:
        assert (sent, stored) == ([Refusal.NOT_MEMBER], ())
    assert await store.messages.append(room.id, [fill.draft(room.member)]) == [Refusal.NOT_MEMBER]
