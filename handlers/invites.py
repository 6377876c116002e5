"""/rooms/{id}/invites and /invites: links that make people members."""

from __future__ import annotations

from typing import ClassVar

from chat.invites import Invites
from chat.request_inputs.rooms import CreateInvite
from chat.request_results.rooms import InviteListing, MadeInvite, RoomResult
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import MODERATES, Operation
from limits.contract import Check

CREATE = InputDecoder(CreateInvite)


class InvitesHandler(Handler[Invites]):
    operations: ClassVar = {
        "GET": Operation(summary="List a room's invite links", replies={200: InviteListing}, errors=MODERATES),
        "POST": Operation(
            summary="Make an invite link",
            body=CREATE,
            is_body_optional=True,
            replies={201: MadeInvite},
            errors=(*MODERATES, "conflict"),
            example={"expiresIn": 86400, "maxUses": 5},
        ),
    }

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.list(room_id, self.actor))

    async def post(self, room_id: str) -> None:
        body = self.body(CREATE) if self._body else CreateInvite()  # all of its fields may be left out
        self.reply(await self.services.create(room_id, self.actor, body), 201)


class OneInviteHandler(Handler[Invites]):
    operations: ClassVar = {
        "DELETE": Operation(summary="Revoke an invite link", replies={204: None}, errors=(*MODERATES, "not_found"))
    }
    has_secret_path = True

    async def delete(self, room_id: str, code: str) -> None:
        await self.services.revoke(room_id, code, self.actor)
        self.reply_nothing()


class UseInviteHandler(Handler[Invites]):
    """Counts as a join whatever comes of it, so that codes are not guessed faster than rooms are joined."""

    operations: ClassVar = {
        "POST": Operation(
            summary="Become a member by an invite link",
            replies={200: RoomResult},
            errors=("not_found", "room_not_found", "banned", "forbidden", "room_full"),
        )
    }
    counts_itself = ("POST",)
    has_secret_path = True

    async def post(self, code: str) -> None:
        await self.count(self.common_check, Check("joins", self.identity.user.id))
        self.reply(RoomResult(await self.services.use(code, self.actor)))
