"""What each act adds to a room's audit trail, for every backend. Pure: reads nothing and writes nothing.

The names of the details are those of the contract with clients.
"""

from __future__ import annotations

from common.rfc3339 import rfc3339
from store.errors import Refused
from store.models import Actor, AuditAction, AuditNote, Role, Room
from store.room_rules import require_inviter


def role_note(actor: Actor, user_id: str, *, before: Role, after: Role) -> AuditNote:
    return AuditNote(actor.user_id, AuditAction.ROLE, user_id, {"role": after.value, "before": before.value})


def mute_note(actor: Actor, user_id: str, until_ms: int | None) -> AuditNote:
    """Of a mute until a time, in milliseconds since the epoch; None: of its end."""
    if until_ms is None:
        return AuditNote(actor.user_id, AuditAction.UNMUTE, user_id)
    return AuditNote(actor.user_id, AuditAction.MUTE, user_id, {"mutedUntil": rfc3339(until_ms)})


def removal_note(actor: Actor, user_id: str) -> AuditNote:
    return AuditNote(actor.user_id, AuditAction.REMOVE, user_id)


def ban_note(actor: Actor, user_id: str, *, reason: str | None, expires_at_ms: int | None) -> AuditNote:
    """Of a ban until a time, in milliseconds since the epoch; None: without end."""
    expires_at = None if expires_at_ms is None else rfc3339(expires_at_ms)
    return AuditNote(actor.user_id, AuditAction.BAN, user_id, {"reason": reason, "expiresAt": expires_at})


def end_of_ban_note(actor: Actor, user_id: str) -> AuditNote:
    return AuditNote(actor.user_id, AuditAction.UNBAN, user_id)


def invitation_note(room: Room, actor: Actor, role: Role | None, *, user_id: str) -> AuditNote | None:
    """Of an invitation by an administrator whose `role` in the room allows none; None for any other.

    So those in the room read who came in by that right alone.
    """
    try:
        require_inviter(room, Actor(actor.user_id), role)
    except Refused:
        return AuditNote(actor.user_id, AuditAction.INVITE, user_id)
    return None


def settings_note(actor: Actor, before: Room, after: Room) -> AuditNote:
    """Of a change of settings: the new values of those that differ."""
    named = {
        "name": (before.name, after.name),
        "description": (before.description, after.description),
        "isPrivate": (before.is_private, after.is_private),
        "maxUsers": (before.max_users, after.max_users),
        "slowModeS": (before.slow_mode_s, after.slow_mode_s),
        "archived": (before.archived_at is not None, after.archived_at is not None),
    }
    details = {name: new for name, (old, new) in named.items() if new != old}
    return AuditNote(actor.user_id, AuditAction.SETTINGS, details=details)


def link_made_note(actor: Actor, *, max_uses: int | None) -> AuditNote:
    """Of an invite link, whose code nobody reads there."""
    return AuditNote(actor.user_id, AuditAction.INVITE_LINK_MADE, details={"maxUses": max_uses})


def link_revoked_note(actor: Actor, *, maker_id: str) -> AuditNote:
    return AuditNote(actor.user_id, AuditAction.INVITE_LINK_REVOKED, maker_id)


def message_note(actor: Actor, action: AuditAction, *, message_id: str, author_id: str) -> AuditNote | None:
    """Of an edit or a deletion of a message; None for one's own."""
    if actor.user_id == author_id:
        return None
    return AuditNote(actor.user_id, action, author_id, {"messageId": message_id})


def bot_note(actor: Actor, action: AuditAction, *, user_id: str, username: str) -> AuditNote:
    """Of a bot that is made or removed."""
    return AuditNote(actor.user_id, action, user_id, {"username": username})


def webhook_note(actor: Actor, action: AuditAction, *, user_id: str, name: str) -> AuditNote:
    """Of a webhook that is made or removed; `user_id` is that of its user."""
    return AuditNote(actor.user_id, action, user_id, {"name": name})
