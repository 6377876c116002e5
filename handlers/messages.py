"""/messages: post, page through history, read one."""

from __future__ import annotations

from handlers.base import Handler
from handlers.chat.messages import Messages
from handlers.chat.protocol import History, SendMessage, Shape

SEND = Shape(SendMessage)
HISTORY = Shape(History)


class MessageHandler(Handler):
    """A handler of messages."""

    messages: Messages


class MessagesHandler(MessageHandler):
    async def get(self) -> None:
        self.reply(await self.messages.history(self.identity.user.id, self.query(HISTORY)))

    async def post(self) -> None:
        posted, decision = await self.messages.post(self.identity.user, self.body(SEND))
        self.told(decision)
        if posted.duplicate:
            self.reply_bytes(b'{"message":%s,"duplicate":true}' % posted.message)
        else:
            self.reply_bytes(b'{"message":%s}' % posted.message, 201)


class OneMessageHandler(MessageHandler):
    async def get(self, message_id: str) -> None:
        self.reply({"message": await self.messages.get(message_id, self.identity.user.id)})
