"""What moderators do to members: roles, mutes, removals, with their entries in the changes log and the audit trail."""

from __future__ import annotations

import asyncio

import pytest

from common.rfc3339 import rfc3339
from store import models
from store.contract import Store
from store.errors import Missing, Refused
from store.models import AuditEntry, Change, MembershipChange, Refusal, Role, Stored
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.contract.moderated_room import ADMIN, MakeRoom, by
from tests.support.clock import START_MS, HandClock

MINUTE_MS = 60_000


@pytest.mark.gen_test
async def test_an_owner_gives_and_takes_roles(store: Store, make_room: MakeRoom) -> None:
    room = await make_room()
    change = await store.moderation.set_role(room.id, room.member.id, Role.MODERATOR, actor=by(room.owner))
    assert (change.changed, change.rev, change.room.rev) == (True, 3, 3)
    assert change.membership == await store.members.get(room.id, room.member.id)
    assert await room.role(room.member) is Role.MODERATOR
    assert (await store.changes.page(room.id, since=2, limit=10)).changes == (Change(3, None),)
    again = await store.moderation.set_role(room.id, room.member.id, Role.MODERATOR, actor=ADMIN)
    assert again == MembershipChange(change.room, change.membership, changed=False, rev=3)
    await store.moderation.set_role(room.id, room.member.id, Role.MEMBER, actor=ADMIN)
    assert await room.role(room.member) is Role.MEMBER
    now = rfc3339(START_MS)
    assert await room.audit() == [
        AuditEntry(now, ADMIN.user_id, "role", room.member.id, {"role": "member", "before": "moderator"}),
        AuditEntry(now, room.owner.id, "role", room.member.id, {"role": "moderator", "before": "member"}),
    ]


@pytest.mark.gen_test
async def test_an_owner_hands_the_room_over_in_one_change(store: Store, make_room: MakeRoom) -> None:
    room = await make_room()
    change = await store.moderation.set_role(room.id, room.member.id, Role.OWNER, actor=by(room.owner))
    assert (change.room.owner_id, change.user_ids_demoted, change.rev) == (room.member.id, (room.owner.id,), 3)
    assert change.has_new_owner
    assert (await store.changes.page(room.id, since=2, limit=10)).changes == (Change(3, None, is_settings=True),)
    assert (await room.role(room.member), await room.role(room.owner)) == (Role.OWNER, Role.MODERATOR)
    for role in (Role.MODERATOR, Role.MEMBER):
        with pytest.raises(Refused) as refused:
            await store.moderation.set_role(room.id, room.member.id, role, actor=by(room.member))
        assert refused.value.refusal is Refusal.CONFLICT
    assert await room.rev() == 3


@on_each_backend
@pytest.mark.gen_test
async def test_of_two_hand_overs_at_once_one_owner_is_left(store: Store, make_room: MakeRoom) -> None:
    room = await make_room()
    heirs = [room.member, room.moderator]
    outcomes = await asyncio.gather(
        *(store.moderation.set_role(room.id, heir.id, Role.OWNER, actor=by(room.owner)) for heir in heirs),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["MembershipChange", "Refused"]
    after = await store.rooms.get(room.id)
    assert after is not None
    roles = {user.id: await room.role(user) for user in (room.owner, room.moderator, room.member)}
    assert [user_id for user_id, role in roles.items() if role is Role.OWNER] == [after.owner_id]


@pytest.mark.gen_test
async def test_a_mute_holds_until_its_time(
    store: Store, fill: StoreFiller, clock: HandClock, make_room: MakeRoom
) -> None:
    room = await make_room()
    until_ms = START_MS + MINUTE_MS
    change = await store.moderation.mute(room.id, room.member.id, until_ms, actor=by(room.moderator))
    assert change.membership is not None
    assert (change.changed, change.rev, change.membership.muted_until) == (True, 3, rfc3339(until_ms))
    assert await store.messages.append(room.id, [fill.draft(room.member)]) == [Refusal.MUTED]
    assert not (await store.moderation.mute(room.id, room.member.id, until_ms, actor=by(room.owner))).changed
    clock.ms = until_ms
    (outcome,) = await store.messages.append(room.id, [fill.draft(room.member)])
    assert isinstance(outcome, Stored)
    # The mute is over, so ending it changes nothing; a time that is past is none
    assert not (await store.moderation.mute(room.id, room.member.id, None, actor=by(room.owner))).changed
    assert not (await store.moderation.mute(room.id, room.member.id, 1, actor=by(room.owner))).changed
    assert [(entry.action, entry.details) for entry in await room.audit()] == [
        ("mute", {"mutedUntil": rfc3339(until_ms)})
    ]


@pytest.mark.gen_test
async def test_an_unmuted_member_writes_again(store: Store, fill: StoreFiller, make_room: MakeRoom) -> None:
    room = await make_room()
    await store.moderation.mute(room.id, room.member.id, START_MS + MINUTE_MS, actor=by(room.moderator))
    change = await store.moderation.mute(room.id, room.member.id, None, actor=by(room.moderator))
    assert change.membership is not None
    assert (change.changed, change.membership.muted_until) == (True, None)
    (outcome,) = await store.messages.append(room.id, [fill.draft(room.member)])
    assert isinstance(outcome, Stored)
    assert [entry.action for entry in await room.audit()] == ["unmute", "mute"]


@pytest.mark.gen_test
async def test_a_mute_outlasts_leaving_and_joining_again(
    store: Store, fill: StoreFiller, clock: HandClock, make_room: MakeRoom
) -> None:
    room = await make_room()
    until_ms = START_MS + 3 * 24 * 60 * MINUTE_MS
    await store.moderation.mute(room.id, room.member.id, until_ms, actor=by(room.moderator))
    await store.members.remove(room.id, room.member.id)
    clock.ms += 2 * 24 * 60 * MINUTE_MS
    await store.sweep(clock.ms)
    joined = await store.members.add(room.id, room.member.id)
    assert joined.membership == await store.members.get(room.id, room.member.id)
    assert joined.membership is not None
    assert joined.membership.muted_until == rfc3339(until_ms)
    assert await store.messages.append(room.id, [fill.draft(room.member)]) == [Refusal.MUTED]
    await store.members.remove(room.id, room.member.id)
    clock.ms = until_ms
    again = (await store.members.add(room.id, room.member.id)).membership
    assert again is not None
    assert again.muted_until is None


@pytest.mark.gen_test
async def test_who_is_removed_is_out_and_may_come_back(store: Store, fill: StoreFiller, make_room: MakeRoom) -> None:
    room = await make_room()
    change = await store.moderation.remove(room.id, room.member.id, actor=by(room.moderator))
    assert (change.changed, change.membership, change.rev, change.room.member_count) == (True, None, 3, 2)
    assert await room.role(room.member) is None
    assert await store.messages.append(room.id, [fill.draft(room.member)]) == [Refusal.NOT_MEMBER]
    with pytest.raises(Missing) as missing:
        await store.moderation.remove(room.id, room.member.id, actor=by(room.moderator))
    assert missing.value.kind == "user"
    assert (await store.members.add(room.id, room.member.id)).changed
    assert [entry.action for entry in await room.audit()] == ["remove"]


@pytest.mark.gen_test
async def test_an_administrator_removes_an_owner_and_a_successor_follows(store: Store, make_room: MakeRoom) -> None:
    room = await make_room()
    change = await store.moderation.remove(room.id, room.owner.id, actor=ADMIN)
    assert (change.user_ids_promoted, change.room.owner_id) == ((room.moderator.id,), room.moderator.id)
    assert change.has_new_owner
    assert await room.role(room.moderator) is Role.OWNER
    left = await store.members.remove(room.id, room.moderator.id)
    assert (left.room.owner_id, left.has_new_owner) == (room.member.id, True)
    assert [entry.is_settings for entry in (await store.changes.page(room.id, since=2, limit=9)).changes] == [True] * 2


@pytest.mark.gen_test
async def test_nobody_acts_on_their_equals_or_betters(store: Store, fill: StoreFiller, make_room: MakeRoom) -> None:
    room = await make_room()
    stranger = await fill.user()
    moderation = store.moderation
    until_ms = START_MS + MINUTE_MS
    refusals = [
        (moderation.mute(room.id, room.moderator.id, until_ms, actor=by(room.member)), Refusal.FORBIDDEN),
        (moderation.mute(room.id, room.moderator.id, until_ms, actor=by(room.moderator)), Refusal.FORBIDDEN),
        (moderation.mute(room.id, room.owner.id, until_ms, actor=by(room.moderator)), Refusal.FORBIDDEN),
        (moderation.mute(room.id, room.member.id, until_ms, actor=by(stranger)), Refusal.NOT_MEMBER),
        (moderation.remove(room.id, room.owner.id, actor=by(room.moderator)), Refusal.FORBIDDEN),
        (moderation.remove(room.id, room.member.id, actor=by(room.member)), Refusal.FORBIDDEN),
        (moderation.set_role(room.id, room.member.id, Role.OWNER, actor=by(room.moderator)), Refusal.FORBIDDEN),
        (moderation.set_role(room.id, room.member.id, Role.OWNER, actor=by(stranger)), Refusal.NOT_MEMBER),
    ]
    for act, refusal in refusals:
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.refusal is refusal
    for act in (
        moderation.set_role(room.id, stranger.id, Role.MODERATOR, actor=by(room.owner)),
        moderation.mute(room.id, stranger.id, until_ms, actor=by(room.owner)),
        moderation.remove(room.id, "nobody", actor=by(room.owner)),
    ):
        with pytest.raises(Missing) as missing:
            await act
        assert missing.value.kind == "user"
    with pytest.raises(Missing):
        await moderation.remove("none", room.member.id, actor=ADMIN)
    assert await room.rev() == 2
    assert await room.audit() == []


@pytest.mark.gen_test
async def test_to_a_stranger_a_private_room_is_not_there(store: Store, fill: StoreFiller, make_room: MakeRoom) -> None:
    room = await make_room(private=True)
    with pytest.raises(Refused) as refused:
        await store.moderation.remove(room.id, room.member.id, actor=by(await fill.user()))
    assert refused.value.refusal is Refusal.ROOM_NOT_FOUND


@pytest.mark.gen_test
async def test_a_direct_room_has_no_roles(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    direct = (await store.rooms.direct(ann.id, bob.id))[0].room
    for actor in (by(ann), ADMIN):
        with pytest.raises(Refused) as refused:
            await store.moderation.set_role(direct.id, bob.id, Role.OWNER, actor=actor)
        assert refused.value.refusal is Refusal.FORBIDDEN


@on_each_backend
@pytest.mark.gen_test
async def test_of_mutual_removals_one_is_too_late(store: Store, fill: StoreFiller, make_room: MakeRoom) -> None:
    room = await make_room()
    removed, demoted = await asyncio.gather(
        store.moderation.remove(room.id, room.member.id, actor=by(room.moderator)),
        store.moderation.remove(room.id, room.moderator.id, actor=by(room.owner)),
        return_exceptions=True,
    )
    assert isinstance(demoted, MembershipChange)
    assert isinstance(removed, Refused if await room.role(room.member) is not None else MembershipChange)


@pytest.mark.gen_test
async def test_a_room_keeps_the_newest_entries_of_its_audit_trail(
    store: Store, clock: HandClock, make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "AUDIT_MAX", 3)
    room, other = await make_room(), await make_room()
    await store.moderation.remove(other.id, other.member.id, actor=by(other.owner))
    for minute in range(1, 7):
        clock.ms += 1
        await store.moderation.mute(room.id, room.member.id, clock.ms + minute * MINUTE_MS, actor=by(room.owner))
    assert [entry.at for entry in await room.audit()] == [rfc3339(START_MS + n) for n in (6, 5, 4)]
    assert len(await other.audit()) == 1


@pytest.mark.gen_test
async def test_the_audit_trail_is_paged_and_lasts_ninety_days(
    store: Store, clock: HandClock, open_again: Reopen, make_room: MakeRoom
) -> None:
    room = await make_room()
    for minute in range(1, 6):
        clock.ms += 1
        await store.moderation.mute(room.id, room.member.id, clock.ms + minute * MINUTE_MS, actor=by(room.owner))
    seen: list[AuditEntry] = []
    after = None
    for _ in range(3):
        found, after = await store.audit.page(room.id, limit=2, after=after)
        seen += found
    assert after is None
    assert [entry.at for entry in seen] == [rfc3339(START_MS + n) for n in (5, 4, 3, 2, 1)]
    for bad in ("*", "%%%", "x" * 600):
        with pytest.raises(ValueError, match="cursor"):
            await store.audit.page(room.id, limit=2, after=bad)
    assert await store.audit.page("none", limit=2, after=None) == ([], None)
    assert await (await open_again()).audit.page(room.id, limit=9, after=None) == (seen, None)
    await store.sweep(START_MS + 3 + 90 * 24 * 60 * MINUTE_MS)
    assert (await store.audit.page(room.id, limit=9, after=None))[0] == seen[:2]


@pytest.mark.gen_test
async def test_changes_of_somebody_elses_messages_are_in_the_audit_trail_without_their_text(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room = await make_room()
    theirs, own = [(await fill.say(room.id, one, "secret"))[0] for one in (room.member, room.moderator)]
    for message, actor in ((theirs, by(room.member)), (own, by(room.moderator)), (theirs, by(room.moderator))):
        await store.messages.edit(message.id, f"edited by {actor.user_id}", actor=actor)
    await store.messages.edit(theirs.id, f"edited by {room.moderator.id}", actor=by(room.moderator))  # changes nothing
    for message, actor in ((own, by(room.moderator)), (theirs, ADMIN), (theirs, by(room.owner))):
        await store.messages.delete(message.id, actor=actor)
    assert [(entry.action, entry.by, entry.user_id, entry.details) for entry in await room.audit()] == [
        ("message_deleted", ADMIN.user_id, room.member.id, {"messageId": theirs.id}),
        ("message_edited", room.moderator.id, room.member.id, {"messageId": theirs.id}),
    ]
