"""Who may do what in a room: one table of rules, which every backend asks within the write that it decides about.

Pure: reads nothing and writes nothing. The caller passes the room, the actor's membership and, where the act is aimed
at somebody, that person's role, all of the same moment.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from store.errors import Missing, Refused, RoomFull
from store.models import (
    BANS_MAX,
    INVITES_PER_ROOM_MAX,
    REPORTS_MAX,
    REPORTS_OF_ONE_MAX,
    Actor,
    Refusal,
    Role,
    Room,
)


class ActorInRoom(Struct, frozen=True):
    """A room, and what its rules ask of one user; `role` is None for who is no member."""

    room: Room
    role: Role | None
    muted_until_ms: int | None


class Rank(IntEnum):
    """The order of those who act in a room. Of two the higher one may moderate the lower."""

    STRANGER = 0
    MEMBER = 1
    MODERATOR = 2
    OWNER = 3
    ADMINISTRATOR = 4


_RANKS = {None: Rank.STRANGER, Role.MEMBER: Rank.MEMBER, Role.MODERATOR: Rank.MODERATOR, Role.OWNER: Rank.OWNER}


def rank_of(role: Role | None, *, is_admin: bool = False) -> Rank:
    """The rank of somebody with this role in the room; None for who is no member."""
    return Rank.ADMINISTRATOR if is_admin else _RANKS[role]


def role_of_joiner(room: Room, role: Role, *, is_bot: bool) -> Role:
    """The role of who joins a room as `role`.

    Where it has no owner, because nobody is left in it or bots alone, the person who comes is its owner.
    """
    return Role.OWNER if room.owner_id is None and room.kind == "room" and not is_bot else role


def require_open_to_new(room: Room, *, is_banned: bool = False) -> None:
    """Somebody who is not banned may become a member of a room that is not archived and has a place left.

    Raises Refused: banned, forbidden; RoomFull.
    """
    if is_banned:
        raise Refused(Refusal.BANNED)
    if room.archived_at is not None:
        raise Refused(Refusal.FORBIDDEN)
    if room.member_count >= room.max_users:
        raise RoomFull(room.id)


def writer_refusal(role: Role | None, *, muted_until_ms: int | None, is_archived: bool, now_ms: int) -> Refusal | None:
    """Why somebody may not write in a room now, as require_writer says; None if they may."""
    if role is None:
        return Refusal.NOT_MEMBER
    if standing_mute(muted_until_ms, now_ms=now_ms) is not None:
        return Refusal.MUTED
    return Refusal.FORBIDDEN if is_archived else None


def require_writer(room: Room, role: Role | None, *, muted_until_ms: int | None, now_ms: int) -> None:
    """Who writes in a room (messages, edits, reactions, typing) is a member who is not muted, and the room is open.

    Raises Refused: not_member, muted, forbidden (an archived room).
    """
    is_archived = room.archived_at is not None
    refusal = writer_refusal(role, muted_until_ms=muted_until_ms, is_archived=is_archived, now_ms=now_ms)
    if refusal is not None:
        raise Refused(refusal)


def require_mention_of_all(role: Role | None, *, is_admin: bool) -> None:
    """Who mentions all members, and may write, is at least a moderator of the room.

    Raises Refused: not_member, forbidden.
    """
    if rank_of(role, is_admin=is_admin) < Rank.MODERATOR:
        raise Refused(Refusal.NOT_MEMBER if role is None else Refusal.FORBIDDEN)


def require_sees_message(room: Room, actor: Actor, role: Role | None) -> None:
    """To who is no member of a private room its messages do not exist. Raises Missing("message")."""
    if role is None and room.is_private and not actor.is_admin:
        raise Missing("message")


def require_editor(
    room: Room, actor: Actor, role: Role | None, *, author_id: str, muted_until_ms: int | None, now_ms: int
) -> None:
    """Who edits a message is its author, or at least a moderator, and may write in the room.

    An administrator edits the messages of others also without being a member. Raises Refused: not_member, muted,
    forbidden.
    """
    if role is not None or not actor.is_admin or actor.user_id == author_id:
        require_writer(room, role, muted_until_ms=muted_until_ms, now_ms=now_ms)
    elif room.archived_at is not None:
        raise Refused(Refusal.FORBIDDEN)
    require_author_or_moderator(actor, role, author_id=author_id)


def require_reactor(room: Room, role: Role | None, *, on: bool, muted_until_ms: int | None, now_ms: int) -> None:
    """Who may write in the room adds reactions (`on`); any member takes their own back.

    Without a membership the messages of a private room do not exist, for an administrator neither: they read as a
    member only. Raises Missing("message"); Refused: not_member, muted, forbidden (an archived room).
    """
    if role is None and room.is_private:
        raise Missing("message")
    if on:
        require_writer(room, role, muted_until_ms=muted_until_ms, now_ms=now_ms)
    elif role is None:
        raise Refused(Refusal.NOT_MEMBER)


def wait_s(sent_at_ms: int, *, slow_mode_ms: int, now_ms: int) -> int:
    """Seconds, rounded up, until somebody who sent at `sent_at_ms` may send again in slow mode; 0: now.

    Never more than slow mode itself, whatever the clock of the process that wrote the time.
    """
    return min(-(-max(0, sent_at_ms + slow_mode_ms - now_ms) // 1000), -(-slow_mode_ms // 1000))


def is_moderator(actor: Actor, role: Role | None) -> bool:
    """Whether somebody with this role, or as an administrator, is at least a moderator of the room."""
    return rank_of(role, is_admin=actor.is_admin) >= Rank.MODERATOR


def require_author_or_moderator(actor: Actor, role: Role | None, *, author_id: str) -> None:
    """Who deletes a message, or reads its history, is its author, as a member, or at least a moderator of the room.

    Raises Refused: not_member, forbidden.
    """
    if is_moderator(actor, role):
        return
    if role is None:
        raise Refused(Refusal.NOT_MEMBER)
    if actor.user_id != author_id:
        raise Refused(Refusal.FORBIDDEN)


def require_known(room: Room, actor: Actor, role: Role | None) -> None:
    """Members, and administrators, know what is in a room. Raises Refused: room_not_found, not_member."""
    if role is None and not actor.is_admin:
        raise Refused(Refusal.ROOM_NOT_FOUND if room.is_private else Refusal.NOT_MEMBER)


def require_inviter(room: Room, actor: Actor, role: Role | None) -> None:
    """Who invites, or makes invite links, is a member of a public room, or at least a moderator of a private one.

    Raises Refused: room_not_found, not_member, forbidden (also in a direct room, and in an archived one).
    """
    require_known(room, actor, role)
    least = Rank.MODERATOR if room.is_private else Rank.MEMBER
    if room.kind == "direct" or room.archived_at is not None or rank_of(role, is_admin=actor.is_admin) < least:
        raise Refused(Refusal.FORBIDDEN)


def require_moderator(room: Room, actor: Actor, role: Role | None) -> None:
    """Who changes the settings of a room, or reads its bans, reports and audit trail, is at least a moderator of it.

    A direct room has no settings. Raises Refused: room_not_found (to a stranger a private room is not there),
    not_member, forbidden.
    """
    require_known(room, actor, role)
    if room.kind == "direct" or not is_moderator(actor, role):
        raise Refused(Refusal.FORBIDDEN)


def require_report_reader(room: Room, actor: Actor, role: Role | None) -> None:
    """Who reads the reports of a room is at least a moderator of it; of a direct room, an administrator.

    Raises Refused as require_moderator.
    """
    if not (room.kind == "direct" and actor.is_admin):
        require_moderator(room, actor, role)


def require_owner(room: Room, actor: Actor, role: Role | None) -> None:
    """Who deletes a room, or gives roles in it, is its owner. Raises Refused as require_moderator."""
    require_moderator(room, actor, role)
    if rank_of(role, is_admin=actor.is_admin) < Rank.OWNER:
        raise Refused(Refusal.FORBIDDEN)


def require_authority_over(room: Room, actor: Actor, role: Role | None, *, target_role: Role | None) -> None:
    """Who mutes, removes or bans somebody is a moderator of a higher rank than theirs.

    Raises Refused as require_moderator.
    """
    require_moderator(room, actor, role)
    if rank_of(role, is_admin=actor.is_admin) <= rank_of(target_role):
        raise Refused(Refusal.FORBIDDEN)


def require_authority_over_member(room: Room, actor: Actor, role: Role | None, *, target_role: Role | None) -> None:
    """As require_authority_over. Raises Missing("user") too, where the other one is no member."""
    require_authority_over(room, actor, role, target_role=target_role)
    if target_role is None:
        raise Missing("user")


def standing_mute(until_ms: int | None, *, now_ms: int) -> int | None:
    """The end of a mute, in milliseconds since the epoch; None where there is none, or it is over."""
    return None if until_ms is None or until_ms <= now_ms else until_ms


class RoleChange(Struct, frozen=True):
    """What giving somebody a role does besides: `takes_over`: they are the room's owner then, and who was it before,
    `demoted_id`, is moderator.
    """

    takes_over: bool
    demoted_id: str | None


def role_change(
    room: Room,
    actor: Actor,
    role: Role | None,
    *,
    user_id: str,
    before: Role | None,
    after: Role,
    is_bot: bool,
    owner_role: Role | None,
) -> RoleChange | None:
    """What it means to give a user, who has the role `before`, the role `after`; None where they have it.

    `owner_role` is that of the room's owner. Raises Refused as require_owner, forbidden for a bot, conflict where the
    room's owner is to become less; Missing("user") for a non-member.
    """
    require_owner(room, actor, role)
    if before is None:
        raise Missing("user")
    if is_bot:
        raise Refused(Refusal.FORBIDDEN)
    if before is after:
        return None
    if user_id == room.owner_id:
        raise Refused(Refusal.CONFLICT)
    takes_over = after is Role.OWNER
    return RoleChange(takes_over, room.owner_id if takes_over and owner_role is Role.OWNER else None)


def require_place_for_invite(count: int) -> None:
    """A room that has `count` good invite links may have one more. Raises Refused: conflict."""
    if count >= INVITES_PER_ROOM_MAX:
        raise Refused(Refusal.CONFLICT)


def require_place_for_report(count: int, *, of_one: int) -> None:
    """A room that has `count` reports, `of_one` of them by this person, may have one more. Raises Refused: conflict."""
    if count >= REPORTS_MAX or of_one >= REPORTS_OF_ONE_MAX:
        raise Refused(Refusal.CONFLICT)


def require_place_for_bot(count: int, *, most: int) -> None:
    """A room that has `count` bots, or webhooks, of at most `most` may have one more. Raises Refused: conflict."""
    if count >= most:
        raise Refused(Refusal.CONFLICT)


def require_place_for_ban(count: int) -> None:
    """A room that has `count` bans may have one more. Raises Refused: conflict."""
    if count >= BANS_MAX:
        raise Refused(Refusal.CONFLICT)
