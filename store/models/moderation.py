"""Bans, reports, and what moderators did. Owns no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from store.models.messages import Message
from store.models.people import User
from store.models.rooms import MembershipChange, Room

BANS_MAX = 10_000  # of a room, those that have expired not counted
REPORTS_MAX = 1_000  # of a room
REPORTS_OF_ONE_MAX = 100  # of one person in a room
REPORT_KEEP_MS = 90 * 24 * 3600 * 1000
AUDIT_MAX = 10_000
AUDIT_KEEP_MS = 90 * 24 * 3600 * 1000

AuditDetails = Mapping[str, str | int | bool | None]


class Ban(Struct, frozen=True, rename="camel"):
    """Somebody who may not become a member of a room. `by` is the id of who banned them.

    `expires_at`: an RFC 3339 time, None for a ban without end.
    """

    user: User
    by: str
    reason: str | None
    expires_at: str | None


class BanChange(Struct, frozen=True):
    """The result of a ban or of its end. `membership`: the end of the person's membership; None if they had none.

    `changed` is False where nothing had to be written; `rev` is then the room's current one.
    """

    room: Room
    changed: bool
    rev: int
    membership: MembershipChange | None = None


class Report(Struct, frozen=True, rename="camel"):
    """A message that somebody reported to the moderators, as it was then. `by` is the id of who reported it."""

    message: Message
    by: str
    reason: str
    at: str


class AuditAction(StrEnum):
    """What somebody did in a room to others, or to all."""

    ROLE = "role"
    MUTE = "mute"
    UNMUTE = "unmute"
    REMOVE = "remove"
    BAN = "ban"
    UNBAN = "unban"
    SETTINGS = "settings"
    INVITE = "invite"  # by an administrator whose role in the room allows none
    INVITE_LINK_MADE = "invite_link_made"
    INVITE_LINK_REVOKED = "invite_link_revoked"
    MESSAGE_EDITED = "message_edited"  # somebody else's
    MESSAGE_DELETED = "message_deleted"  # somebody else's
    WEBHOOK_MADE = "webhook_made"
    WEBHOOK_REVOKED = "webhook_revoked"
    BOT_MADE = "bot_made"
    BOT_REVOKED = "bot_revoked"


class AuditNote(Struct, frozen=True):
    """What a write adds to its room's audit trail.

    `user_id`: whom it was done to. `details` are facts by their contract's names, never a secret or a message's text.
    """

    by_id: str
    action: AuditAction
    user_id: str | None = None
    details: AuditDetails = {}


class AuditEntry(Struct, frozen=True, rename="camel"):
    """One entry of a room's audit trail. `by` is the id of who did it.

    `action` is text, for a newer process may have written one that AuditAction does not have.
    """

    at: str
    by: str
    action: str
    user_id: str | None
    details: AuditDetails
