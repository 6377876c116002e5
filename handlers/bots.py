"""/rooms/{id}/bots: make, list and remove the bots of a room."""

from __future__ import annotations

from typing import ClassVar

from chat.bots import Bots
from chat.request_inputs.bots import AddBot
from chat.request_results.bots import BotListing, NewBot
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import MODERATES, Operation
from limits.contract import Check

ADD_BOT = InputDecoder(AddBot)


class BotsHandler(Handler[Bots]):
    operations: ClassVar = {
        "GET": Operation(summary="List a room's bots", replies={200: BotListing}, errors=MODERATES),
        "POST": Operation(
            summary="Make a bot for a room",
            body=ADD_BOT,
            replies={201: NewBot},
            errors=(*MODERATES, "username_taken", "room_full", "conflict"),
            example={"username": "weather-bot"},
        ),
    }
    counts_itself = ("POST",)

    async def get(self, room_id: str) -> None:
        self.reply(BotListing(await self.services.list(room_id, self.actor)))

    async def post(self, room_id: str) -> None:
        body = await self.countable_body(ADD_BOT)
        await self.count(self.common_check, Check("joins", self.identity.user.id))
        self.reply(await self.services.add(room_id, self.actor, body), 201)


class OneBotHandler(Handler[Bots]):
    operations: ClassVar = {
        "DELETE": Operation(summary="Remove a bot", replies={204: None}, errors=(*MODERATES, "not_found"))
    }

    async def delete(self, room_id: str, bot_id: str) -> None:
        await self.services.remove(room_id, bot_id, self.actor)
        self.reply_nothing()
