"""What use cases return to moderators."""

from __future__ import annotations

from msgspec import Struct

from chat.request_results.rooms import MemberView
from store.models import AuditEntry, Ban, Report


class ModeratedMember(MemberView, frozen=True, rename="camel"):
    """A member as a moderator sees them. `muted_until`: an RFC 3339 time, None where they are not muted."""

    muted_until: str | None


class MemberResult(Struct, frozen=True):
    """One member, as a change of their role or mute left them."""

    member: ModeratedMember


class BanResult(Struct, frozen=True):
    """One ban."""

    ban: Ban


class BanPage(Struct, frozen=True, rename="camel"):
    """A page of a room's bans; `next_cursor` is None on the last."""

    bans: list[Ban]
    next_cursor: str | None


class AuditPage(Struct, frozen=True, rename="camel"):
    """A page of a room's audit trail; `next_cursor` is None on the last."""

    entries: list[AuditEntry]
    next_cursor: str | None


class ReportPage(Struct, frozen=True, rename="camel"):
    """A page of a room's reports; `next_cursor` is None on the last."""

    reports: list[Report]
    next_cursor: str | None
