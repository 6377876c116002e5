"""/rooms/{id}/invites and /invites: links that make people members."""

from __future__ import annotations

from chat.invites import Invites
from chat.request_inputs.rooms import CreateInvite
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from limits.contract import Check

CREATE = InputDecoder(CreateInvite)


class InvitesHandler(Handler[Invites]):
    async def get(self, room_id: str) -> None:
        self.reply(await self.services.list(room_id, self.actor))

    async def post(self, room_id: str) -> None:
        body = self.body(CREATE) if self._body else CreateInvite()  # all of its fields may be left out
        self.reply(await self.services.create(room_id, self.actor, body), 201)


class OneInviteHandler(Handler[Invites]):
    has_secret_path = True

    async def delete(self, room_id: str, code: str) -> None:
        await self.services.revoke(room_id, code, self.actor)
        self.reply_nothing()


class UseInviteHandler(Handler[Invites]):
    """Counts as a join whatever comes of it, so that codes are not guessed faster than rooms are joined."""

    counts_itself = ("POST",)
    has_secret_path = True

    async def post(self, code: str) -> None:
        await self.count(self.common_check, Check("joins", self.identity.user.id))
        self.reply({"room": await self.services.use(code, self.actor)})
