"""/messages: post a message, read history by pages, read, edit, delete and react to one message."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from chat.errors import ChatError
from chat.message_changes import MessageChanges
from chat.messages import Messages
from chat.request_inputs.messages import History, MessageContent, OneEmoji, SendMessage, ThreadPart
from chat.request_results.messages import (
    ChangedMessage,
    HistoryPage,
    HistoryView,
    MessageResult,
    PostedMessage,
    ThreadView,
)
from chat.threads import Threads
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import READS_MESSAGE, READS_ROOM, WRITES, Operation
from limits.contract import Check
from limits.load_shedding import ShedClass

SEND = InputDecoder(SendMessage)
HISTORY = InputDecoder(History)
CONTENT = InputDecoder(MessageContent)
EMOJI = InputDecoder(OneEmoji)
THREAD = InputDecoder(ThreadPart)


class MessageServices(Struct, frozen=True):
    """The use cases of the routes below /messages."""

    messages: Messages
    changes: MessageChanges
    threads: Threads


class MessageHandler(Handler[MessageServices]):
    """The base of the handlers below /messages."""

    async def count_as(self, operation: str) -> None:
        """Count the request as any, and against the limit of its operation. Raises ChatError."""
        await self.count(self.common_check, Check(operation, self.identity.user.id))


class MessagesHandler(MessageHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read a page of a room's messages",
            query=HISTORY,
            replies={200: HistoryPage},
            errors=READS_ROOM,
            example={"roomId": "example-room", "limit": 10},
        ),
        "POST": Operation(
            summary="Post a message",
            body=SEND,
            replies={200: PostedMessage, 201: PostedMessage},
            errors=(*READS_ROOM, "muted", "forbidden", "message_not_found", "file_not_found"),
            example={"roomId": "example-room", "content": "Hello", "clientId": "an-id-of-my-own"},
        ),
    }
    for_bots = ("GET", "POST")
    sheds: ClassVar = {"GET": ShedClass.READS, "POST": ShedClass.MESSAGES}
    counts_itself = ("POST",)

    async def get(self) -> None:
        query = self.query(HISTORY)
        self._require_known_to_bot(query.room_id)
        self.reply(await self.services.messages.history(self.identity.user.id, query))

    async def post(self) -> None:
        body = await self.countable_body(SEND)
        try:
            self._require_known_to_bot(body.room_id)
        except ChatError:
            await self.count(self.common_check)
            raise
        counting = self.count(self.common_check, Check("messages", self.identity.user.id))
        posted = await self.services.messages.post_counted(self.context, body, counting=counting)
        self.reply(posted, 200 if posted.duplicate else 201)

    def _require_known_to_bot(self, room_id: str) -> None:
        """Of another room than its own a bot does not know. Raises ChatError room_not_found."""
        user = self.identity.user
        if user.is_bot and room_id != user.bot_room_id:
            raise ChatError("room_not_found")


class OneMessageHandler(MessageHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(summary="Read a message", replies={200: MessageResult}, errors=READS_MESSAGE),
        "PATCH": Operation(
            summary="Edit a message",
            body=CONTENT,
            replies={200: ChangedMessage},
            errors=(*WRITES, "room_not_found"),
            example={"content": "Hello again"},
        ),
        "DELETE": Operation(
            summary="Delete a message", replies={200: ChangedMessage}, errors=(*WRITES, "room_not_found")
        ),
    }
    for_bots = ("GET", "PATCH", "DELETE")
    sheds: ClassVar = {"PATCH": ShedClass.MESSAGES, "DELETE": ShedClass.MESSAGES}
    counts_itself = ("PATCH", "DELETE")

    async def get(self, message_id: str) -> None:
        self.reply(MessageResult(await self.services.messages.get(message_id, self.identity.user.id)))

    async def patch(self, message_id: str) -> None:
        body = await self.countable_body(CONTENT)
        await self.count_as("messages")
        self.reply(await self.services.changes.edit(self.actor, message_id, body.content))

    async def delete(self, message_id: str) -> None:
        await self.count_as("messages")
        self.reply(await self.services.changes.delete(self.actor, message_id))


class HistoryHandler(MessageHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read the texts that edits of a message replaced",
            replies={200: HistoryView},
            errors=(*READS_MESSAGE, "forbidden", "room_not_found"),
        )
    }
    for_bots = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, message_id: str) -> None:
        self.reply(await self.services.changes.history(self.actor, message_id))


class ThreadHandler(MessageHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read the replies of a thread",
            query=THREAD,
            replies={200: ThreadView},
            errors=READS_MESSAGE,
            example={"after": 0, "limit": 10},
        )
    }
    for_bots = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, message_id: str) -> None:
        self.reply(await self.services.threads.page(message_id, self.identity.user.id, self.query(THREAD)))


class ReactionHandler(MessageHandler):
    operations: ClassVar = {
        "PUT": Operation(
            summary="React to a message",
            path={"emoji": EMOJI},
            replies={200: ChangedMessage},
            errors=(*WRITES, "room_not_found", "conflict"),
        ),
        "DELETE": Operation(
            summary="Take a reaction back",
            path={"emoji": EMOJI},
            replies={200: ChangedMessage},
            errors=(*READS_MESSAGE, "room_not_found"),
        ),
    }
    for_bots = ("PUT", "DELETE")
    sheds: ClassVar = {"PUT": ShedClass.MESSAGES, "DELETE": ShedClass.MESSAGES}
    counts_itself = ("PUT", "DELETE")

    async def put(self, message_id: str, emoji: str) -> None:
        await self._react(message_id, emoji, on=True)

    async def delete(self, message_id: str, emoji: str) -> None:
        await self._react(message_id, emoji, on=False)

    async def _react(self, message_id: str, emoji: str, *, on: bool) -> None:
        try:
            path = EMOJI.from_query({"emoji": emoji})
        except ChatError:
            await self.count(self.common_check)
            raise
        await self.count_as("reactions")
        self.reply(await self.services.changes.react(self.actor, message_id, path.emoji, on=on))
