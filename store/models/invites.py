"""Invite links of rooms. Owns no behaviour."""

from __future__ import annotations

from msgspec import Struct

INVITES_PER_ROOM_MAX = 100  # that are good


class Invite(Struct, frozen=True, rename="camel"):
    """An invite link, by its code. `max_uses` None: any number; `expires_at` None: it does not expire."""

    code: str
    room_id: str
    maker_id: str
    uses: int
    max_uses: int | None
    expires_at: str | None


class InviteChange(Struct, frozen=True):
    """An invite link that was made, and the rev of the room's entry about it."""

    invite: Invite
    rev: int
