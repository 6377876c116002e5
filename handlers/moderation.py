"""/rooms/{id}/members/{userId}, bans, reports, audit, and /messages/{id}/report: what moderators do and see."""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, Struct

from chat.audit_trail import AuditTrail
from chat.bans import Bans
from chat.errors import invalid
from chat.member_moderation import MemberModeration
from chat.reports import Reports
from chat.request_inputs.moderation import BanSomebody, PatchMember, ReportMessage
from chat.request_inputs.rooms import Listing
from chat.request_results.moderation import AuditPage, BanPage, BanResult, MemberResult, ReportPage
from chat.rooms import Rooms
from common.rfc3339 import epoch_ms_of
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import MODERATES, READS_MESSAGE, Operation
from limits.load_shedding import ShedClass

PATCH_MEMBER = InputDecoder(PatchMember)
BAN = InputDecoder(BanSomebody)
REPORT = InputDecoder(ReportMessage)
LISTING = InputDecoder(Listing)


class ModerationServices(Struct, frozen=True):
    """The use cases of these routes."""

    rooms: Rooms
    members: MemberModeration
    bans: Bans
    reports: Reports
    audit: AuditTrail


class OneMemberHandler(Handler[ModerationServices]):
    operations: ClassVar = {
        "PATCH": Operation(
            summary="Give a member a role, or mute them",
            body=PATCH_MEMBER,
            rules={"oneOf": [{"required": ["role"]}, {"required": ["mutedUntil"]}]},
            replies={200: MemberResult},
            errors=(*MODERATES, "user_not_found", "conflict"),
            example={"role": "moderator"},
        ),
        "DELETE": Operation(summary="Remove a member", replies={204: None}, errors=(*MODERATES, "user_not_found")),
    }

    async def patch(self, room_id: str, user_id: str) -> None:
        body = self.body(PATCH_MEMBER)
        if (body.role is UNSET) is (body.muted_until is UNSET):
            raise invalid(role="takes one of role and mutedUntil", mutedUntil="takes one of role and mutedUntil")
        members = self.services.members
        if body.role is not UNSET:
            member = await members.set_role(self.actor, room_id, user_id, body.role)
        else:
            until = body.muted_until
            member = await members.mute(self.actor, room_id, user_id, epoch_ms_of(until) if until else None)
        self.reply(MemberResult(member))

    async def delete(self, room_id: str, user_id: str) -> None:
        """Remove somebody; oneself: leave."""
        if user_id == self.actor.user_id:
            await self.services.rooms.leave(room_id, user_id)
        else:
            await self.services.members.remove(self.actor, room_id, user_id)
        self.reply_nothing()


class BansHandler(Handler[ModerationServices]):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="List a room's bans", query=LISTING, replies={200: BanPage}, errors=MODERATES, example={"limit": 10}
        )
    }
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.bans.page(self.actor, room_id, self.query(LISTING)))


class OneBanHandler(Handler[ModerationServices]):
    operations: ClassVar = {
        "POST": Operation(
            summary="Ban somebody from a room",
            body=BAN,
            is_body_optional=True,
            replies={201: BanResult},
            errors=(*MODERATES, "user_not_found", "conflict"),
            example={"reason": "spam", "expiresIn": 3600},
        ),
        "DELETE": Operation(summary="End a ban", replies={204: None}, errors=(*MODERATES, "user_not_found")),
    }

    async def post(self, room_id: str, user_id: str) -> None:
        body = self.body(BAN) if self._body else BanSomebody()  # all of its fields may be left out
        self.reply(BanResult(await self.services.bans.add(self.actor, room_id, user_id, body)), 201)

    async def delete(self, room_id: str, user_id: str) -> None:
        await self.services.bans.lift(self.actor, room_id, user_id)
        self.reply_nothing()


class ReportHandler(Handler[ModerationServices]):
    operations: ClassVar = {
        "POST": Operation(
            summary="Report a message to the room's moderators",
            body=REPORT,
            replies={204: None},
            errors=(*READS_MESSAGE, "conflict"),
            example={"reason": "This is spam."},
        )
    }

    async def post(self, message_id: str) -> None:
        body = self.body(REPORT)
        await self.services.reports.add(self.identity.user.id, message_id, body.reason)
        self.reply_nothing()


class ReportsHandler(Handler[ModerationServices]):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="List a room's reports",
            query=LISTING,
            replies={200: ReportPage},
            errors=MODERATES,
            example={"limit": 10},
        )
    }
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.reports.page(self.actor, room_id, self.query(LISTING)))


class AuditHandler(Handler[ModerationServices]):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read a room's audit trail",
            query=LISTING,
            replies={200: AuditPage},
            errors=MODERATES,
            example={"limit": 10},
        )
    }
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.audit.page(self.actor, room_id, self.query(LISTING)))
