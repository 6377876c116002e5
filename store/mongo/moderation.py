"""What moderators do to others: operations of the changes log, each with its entry in the audit trail."""

from __future__ import annotations

from store.audit_notes import mute_note, removal_note, role_note
from store.errors import Missing
from store.models import Actor, MembershipChange, Role
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database, Document, epoch_ms, stored_time_or_none
from store.mongo.documents import last_seq_of, membership_from, room_from
from store.mongo.members import role_in
from store.mongo.membership_ends import end_membership, record_end
from store.mongo.room_at_rev import MemberPatch, Operation, ReadSet, RoomView
from store.room_rules import require_authority_over_member, role_change, standing_mute


class MongoModeration:
    """store.contract.Moderation on MongoDB."""

    def __init__(self, *, database: Database, log: ChangeLog) -> None:
        self._database = database
        self._log = log

    async def set_role(self, room_id: str, user_id: str, role: Role, *, actor: Actor) -> MembershipChange:
        return await self._change("moderation.set_role", room_id, SetRole(user_id, role, actor=actor))

    async def mute(self, room_id: str, user_id: str, until_ms: int | None, *, actor: Actor) -> MembershipChange:
        return await self._change("moderation.mute", room_id, Mute(user_id, until_ms, actor=actor))

    async def remove(self, room_id: str, user_id: str, *, actor: Actor) -> MembershipChange:
        return await self._change("moderation.remove", room_id, Remove(user_id, actor=actor))

    async def _change(self, name: str, room_id: str, operation: Operation) -> MembershipChange:
        async with self._database.operation(name, write=True):
            change: MembershipChange = await self._log.change(room_id, operation)
        return change


class SetRole:
    """The change of a member's role. Who becomes owner takes the room over from its owner."""

    def __init__(self, user_id: str, role: Role, *, actor: Actor) -> None:
        self._user_id = user_id
        self._role = role
        self._actor = actor
        self.read_set = ReadSet(members=(user_id, actor.user_id), with_owner=role is Role.OWNER)

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Missing("user"), Refused."""
        room, before = room_from(view.room), role_in(view, self._user_id)
        change = role_change(
            room,
            self._actor,
            role_in(view, self._actor.user_id),
            user_id=self._user_id,
            before=before,
            after=self._role,
            is_bot=bool((view.member(self._user_id) or {}).get("isBot")),
            owner_role=None if room.owner_id is None else role_in(view, room.owner_id),
        )
        if before is None or change is None:
            return await unchanged(view, self._user_id)
        demoted = () if change.demoted_id is None else (change.demoted_id,)
        members = [MemberPatch(self._user_id, {"role": self._role.value})]
        members += [MemberPatch(owner_id, {"role": Role.MODERATOR.value}) for owner_id in demoted]
        settings = {"ownerId": self._user_id} if change.takes_over else {}
        note = role_note(self._actor, self._user_id, before=before, after=self._role)
        rev = view.record(settings=settings, members=members, audit=note)
        return await changed(view, self._user_id, rev, demoted=demoted, has_new_owner=change.takes_over)


class Mute:
    """The change of the time until which a member is muted; None ends a mute."""

    def __init__(self, user_id: str, until_ms: int | None, *, actor: Actor) -> None:
        self._user_id = user_id
        self._until_ms = until_ms
        self._actor = actor
        self.read_set = ReadSet(members=(user_id, actor.user_id))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Missing("user"), Refused."""
        member, now_ms = member_below(view, self._actor, self._user_id), int(view.now)
        until_ms = standing_mute(self._until_ms, now_ms=now_ms)
        if standing_mute(epoch_ms(member.get("mutedUntil")), now_ms=now_ms) == until_ms:
            return await unchanged(view, self._user_id)
        patch = MemberPatch(self._user_id, {"mutedUntil": stored_time_or_none(until_ms)})
        rev = view.record(members=[patch], audit=mute_note(self._actor, self._user_id, until_ms))
        return await changed(view, self._user_id, rev)


class Remove:
    """The change by which somebody else ends a membership."""

    def __init__(self, user_id: str, *, actor: Actor) -> None:
        self._user_id = user_id
        self._actor = actor
        self.read_set = ReadSet(members=(user_id, actor.user_id))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Missing("user"), Refused."""
        ending = await end_membership(view, member_below(view, self._actor, self._user_id))
        return record_end(view, ending, audit=removal_note(self._actor, self._user_id))


def member_below(view: RoomView, actor: Actor, user_id: str) -> Document:
    """The membership of somebody over whom the actor has authority. Raises Missing("user"), Refused."""
    require_authority_over_member(
        room_from(view.room), actor, role_in(view, actor.user_id), target_role=role_in(view, user_id)
    )
    return _require_member(view, user_id)


def _require_member(view: RoomView, user_id: str) -> Document:
    """Raises Missing("user") for a non-member."""
    member = view.member(user_id)
    if member is None:
        raise Missing("user")
    return member


async def unchanged(view: RoomView, user_id: str) -> MembershipChange:
    return MembershipChange(
        room=room_from(view.room),
        membership=membership_from(await _present(view, user_id), last_seq_of(view.room)),
        changed=False,
        rev=view.room["rev"],
    )


async def changed(
    view: RoomView, user_id: str, rev: int, *, demoted: tuple[str, ...] = (), has_new_owner: bool = False
) -> MembershipChange:
    """The result of an entry that was recorded for a member."""
    return MembershipChange(
        room=room_from(view.room),
        membership=membership_from(await _present(view, user_id), last_seq_of(view.room)),
        changed=True,
        rev=rev,
        user_ids_demoted=demoted,
        has_new_owner=has_new_owner,
    )


async def _present(view: RoomView, user_id: str) -> Document:
    return {**_require_member(view, user_id), "mentioned": await view.mentioned(user_id)}
