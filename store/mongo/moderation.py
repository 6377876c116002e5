"""What moderators do to others: operations of the changes log, each with its entry in the audit trail."""

from __future__ import annotations

from common.rfc3339 import rfc3339
from store.errors import Missing, Refused
from store.models import Actor, AuditAction, AuditNote, MembershipChange, Refusal, Role
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database, Document, epoch_ms, stored_time
from store.mongo.documents import last_seq_of, membership_from, room_from
from store.mongo.members import role_in
from store.mongo.membership_ends import end_membership, record_end
from store.mongo.room_at_rev import MemberPatch, Operation, ReadSet, RoomView
from store.room_rules import require_authority_over, require_owner


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
        owner_id = view.room.get("ownerId")
        require_owner(room_from(view.room), self._actor, role_in(view, self._actor.user_id))
        member = require_member(view, self._user_id)
        if member.get("isBot"):
            raise Refused(Refusal.FORBIDDEN)
        if member["role"] == self._role:
            return await unchanged(view, self._user_id)
        if self._user_id == owner_id:
            raise Refused(Refusal.CONFLICT)
        settings: Document = {}
        members = [MemberPatch(self._user_id, {"role": self._role.value})]
        demoted: tuple[str, ...] = ()
        if self._role is Role.OWNER:
            settings["ownerId"] = self._user_id
            if owner_id is not None and role_in(view, owner_id) is Role.OWNER:
                members.append(MemberPatch(owner_id, {"role": Role.MODERATOR.value}))
                demoted = (owner_id,)
        note = AuditNote(
            self._actor.user_id, AuditAction.ROLE, self._user_id, {"role": self._role.value, "before": member["role"]}
        )
        rev = view.record(settings=settings, members=members, audit=note)
        return await changed(view, self._user_id, rev, demoted=demoted, has_new_owner="ownerId" in settings)


class Mute:
    """The change of the time until which a member is muted; None ends a mute."""

    def __init__(self, user_id: str, until_ms: int | None, *, actor: Actor) -> None:
        self._user_id = user_id
        self._until_ms = until_ms
        self._actor = actor
        self.read_set = ReadSet(members=(user_id, actor.user_id))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Missing("user"), Refused."""
        require_authority(view, self._actor, self._user_id)
        member = require_member(view, self._user_id)
        now_ms = int(view.now)
        until_ms = None if self._until_ms is None or self._until_ms <= now_ms else self._until_ms
        before_ms = epoch_ms(member.get("mutedUntil"))
        if (None if before_ms is None or before_ms <= now_ms else before_ms) == until_ms:
            return await unchanged(view, self._user_id)
        note = (
            AuditNote(self._actor.user_id, AuditAction.UNMUTE, self._user_id)
            if until_ms is None
            else AuditNote(self._actor.user_id, AuditAction.MUTE, self._user_id, {"mutedUntil": rfc3339(until_ms)})
        )
        muted_until = None if until_ms is None else stored_time(until_ms)
        rev = view.record(members=[MemberPatch(self._user_id, {"mutedUntil": muted_until})], audit=note)
        return await changed(view, self._user_id, rev)


class Remove:
    """The change by which somebody else ends a membership."""

    def __init__(self, user_id: str, *, actor: Actor) -> None:
        self._user_id = user_id
        self._actor = actor
        self.read_set = ReadSet(members=(user_id, actor.user_id))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Missing("user"), Refused."""
        require_authority(view, self._actor, self._user_id)
        ending = await end_membership(view, require_member(view, self._user_id))
        note = AuditNote(self._actor.user_id, AuditAction.REMOVE, self._user_id)
        return record_end(view, ending, audit=note)


def require_authority(view: RoomView, actor: Actor, user_id: str) -> None:
    """As room_rules.require_authority_over. Raises Refused."""
    require_authority_over(
        room_from(view.room), actor, role_in(view, actor.user_id), target_role=role_in(view, user_id)
    )


def require_member(view: RoomView, user_id: str) -> Document:
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
    return {**require_member(view, user_id), "mentioned": await view.mentioned(user_id)}
