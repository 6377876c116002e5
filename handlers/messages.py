"""/messages: post a message, read history by pages, read one message."""

from __future__ import annotations

from typing import ClassVar

from chat.messages import Messages
from chat.request_inputs.messages import History, SendMessage
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from limits.contract import Check
from limits.load_shedding import ShedClass

SEND = InputDecoder(SendMessage)
HISTORY = InputDecoder(History)


class MessagesHandler(Handler[Messages]):
    sheds: ClassVar = {"GET": ShedClass.READS, "POST": ShedClass.MESSAGES}
    counts_itself = ("POST",)

    async def get(self) -> None:
        self.reply(await self.services.history(self.identity.user.id, self.query(HISTORY)))

    async def post(self) -> None:
        body = await self.countable_body(SEND)
        counting = self.count(self.common_check, Check("messages", self.identity.user.id))
        posted = await self.services.post_counted(self.context, body, counting=counting)
        self.reply(posted, 200 if posted.duplicate else 201)


class OneMessageHandler(Handler[Messages]):
    async def get(self, message_id: str) -> None:
        self.reply({"message": await self.services.get(message_id, self.identity.user.id)})
