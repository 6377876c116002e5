"""Invitations: who may invite is decided within the write that makes somebody a member."""

from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Refused
from store.models import Actor, AuditAction, MembershipChange, Refusal, Role
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.contract.moderated_room import ADMIN, MakeRoom, by


@pytest.mark.gen_test
async def test_who_may_invite_is_decided_with_the_write(store: Store, fill: StoreFiller, make_room: MakeRoom) -> None:
    """An inviter who was demoted, removed or banned a moment ago brings nobody in."""
    room, guest = await make_room(private=True), await fill.user()

    async def refusal(actor: Actor) -> Refusal:
        with pytest.raises(Refused) as refused:
            await store.members.add(room.id, guest.id, actor=actor)
        assert await room.role(guest) is None
        return refused.value.refusal

    assert await refusal(by(room.member)) is Refusal.FORBIDDEN
    await store.moderation.set_role(room.id, room.moderator.id, Role.MEMBER, actor=by(room.owner))
    assert await refusal(by(room.moderator)) is Refusal.FORBIDDEN
    await store.members.remove(room.id, room.moderator.id)
    assert await refusal(by(room.moderator)) is Refusal.ROOM_NOT_FOUND
    await store.blocks.add(guest.id, room.owner.id)
    assert await refusal(by(room.owner)) is Refusal.FORBIDDEN
    await store.blocks.remove(guest.id, room.owner.id)
    assert (await store.members.add(room.id, guest.id, actor=by(room.owner))).changed
    assert not (await store.members.add(room.id, guest.id, actor=by(room.owner))).changed
    assert (await store.members.add(room.id, (await fill.user()).id, actor=ADMIN)).changed
    with pytest.raises(Missing):
        await store.members.add(room.id, "nobody", actor=by(room.owner))


@pytest.mark.gen_test
async def test_any_member_of_a_public_room_invites_and_no_stranger(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room, guest, stranger = await make_room(), await fill.user(), await fill.user()
    with pytest.raises(Refused) as refused:
        await store.members.add(room.id, guest.id, actor=by(stranger))
    assert refused.value.refusal is Refusal.NOT_MEMBER
    assert (await store.members.add(room.id, guest.id, actor=by(room.member))).changed
    direct = (await store.rooms.direct(guest.id, stranger.id))[0].room.id
    with pytest.raises(Refused) as refused:
        await store.members.add(direct, room.member.id, actor=by(guest))
    assert refused.value.refusal is Refusal.FORBIDDEN


@pytest.mark.gen_test
async def test_an_administrators_invitation_is_in_the_audit_trail_where_their_role_allows_none(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room, guest = await make_room(private=True), await fill.user()
    admin = Actor((await fill.user()).id, is_admin=True)
    await store.members.add(room.id, (await fill.user()).id, actor=by(room.moderator))
    for user_id in (admin.user_id, admin.user_id, guest.id):
        await store.members.add(room.id, user_id, actor=admin)
    invited = [(entry.by, entry.user_id) for entry in await room.audit() if entry.action == AuditAction.INVITE]
    assert invited == [(admin.user_id, guest.id), (admin.user_id, admin.user_id)]
    await store.moderation.set_role(room.id, admin.user_id, Role.MODERATOR, actor=by(room.owner))
    await store.members.add(room.id, (await fill.user()).id, actor=admin)
    assert (await room.audit())[0].action == AuditAction.ROLE


@on_each_backend
@pytest.mark.gen_test
async def test_an_invitation_that_races_the_end_of_its_inviter_has_one_of_two_orders(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    for _ in range(8):
        room, guest = await make_room(), await fill.user()
        invited, gone = await asyncio.gather(
            store.members.add(room.id, guest.id, actor=by(room.member)),
            store.members.remove(room.id, room.member.id),
            return_exceptions=True,
        )
        assert isinstance(gone, MembershipChange)
        if isinstance(invited, MembershipChange):
            assert invited.rev < gone.rev
        else:
            assert isinstance(invited, Refused)
            assert await room.role(guest) is None
