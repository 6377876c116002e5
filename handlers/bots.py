"""/rooms/{id}/bots: make, list and remove the bots of a room."""

from __future__ import annotations

from chat.bots import Bots
from chat.request_inputs.bots import AddBot
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from limits.contract import Check

ADD_BOT = InputDecoder(AddBot)


class BotsHandler(Handler[Bots]):
    counts_itself = ("POST",)

    async def get(self, room_id: str) -> None:
        self.reply({"bots": await self.services.list(room_id, self.actor)})

    async def post(self, room_id: str) -> None:
        body = await self.countable_body(ADD_BOT)
        await self.count(self.common_check, Check("joins", self.identity.user.id))
        self.reply(await self.services.add(room_id, self.actor, body), 201)


class OneBotHandler(Handler[Bots]):
    async def delete(self, room_id: str, user_id: str) -> None:
        await self.services.remove(room_id, user_id, self.actor)
        self.reply_nothing()
