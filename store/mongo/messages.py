"""The messages collection: its reads. message_append.py inserts messages, change_log.py changes them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from common.callback_tasks import CallbackTasks
from store.contract.messages import OnAppended
from store.errors import Missing
from store.ids import place_of
from store.models import (
    Actor,
    AppendOutcome,
    Message,
    MessageChange,
    MessageDraft,
    MessageHistory,
    MessagePage,
    MessageSearch,
    Role,
    SearchHit,
    ThreadPage,
)
from store.mongo import message_pipelines
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database
from store.mongo.documents import message_from, replaced_texts_from, room_from, user_from
from store.mongo.edits import Delete, Edit, React
from store.mongo.message_append import Appender
from store.mongo.own_messages import messages_by
from store.mongo.room_at_rev import Operation
from store.mongo.search import TextSearch
from store.room_rules import require_author_or_moderator, require_sees_message


class MongoMessages:
    """store.contract.Messages on MongoDB."""

    def __init__(self, *, database: Database, appender: Appender, log: ChangeLog, search: TextSearch) -> None:
        self._search = search
        self._database = database
        self._log = log
        self._appender = appender
        self._messages = database.messages
        self._appends = CallbackTasks()

    async def append(self, room_id: str, drafts: Sequence[MessageDraft]) -> list[AppendOutcome]:
        async with self._database.operation("messages.append", write=True):
            return await self._appender.append(room_id, drafts)

    def append_then(self, room_id: str, drafts: Sequence[MessageDraft], on_settled: OnAppended) -> None:
        self._appends.run(self.append(room_id, drafts), on_settled)

    async def close(self) -> None:
        """Cancel the appends that are under way."""
        await self._appends.close()

    async def edit(self, message_id: str, content: str, *, actor: Actor) -> MessageChange:
        return await self._change("messages.edit", message_id, lambda seq: Edit(seq, content, actor))

    async def delete(self, message_id: str, *, actor: Actor) -> MessageChange:
        return await self._change("messages.delete", message_id, lambda seq: Delete(seq, actor))

    async def react(self, message_id: str, emoji: str, *, actor: Actor, on: bool) -> MessageChange:
        return await self._change("messages.react", message_id, lambda seq: React(seq, emoji, actor, on=on))

    async def _change(self, name: str, message_id: str, operation: Callable[[int], Operation]) -> MessageChange:
        place = place_of(message_id)
        if place is None:
            raise Missing("message")
        room_id, seq = place
        async with self._database.operation(name, write=True):
            try:
                change: MessageChange = await self._log.change(room_id, operation(seq))
            except Missing as error:  # no such room, so no such message
                raise Missing("message") from error
        return change

    async def history(self, message_id: str, *, actor: Actor) -> MessageHistory:
        place = place_of(message_id)
        if place is None:
            raise Missing("message")
        room_id, seq = place
        async with self._database.operation("messages.history"):
            found = await self._database.rooms.aggregate(
                message_pipelines.history(room_id, seq, actor.user_id)
            ).to_list(1)
        if not found or not found[0]["message"]:
            raise Missing("message")
        room, member, document = found[0], found[0]["member"], found[0]["message"][0]
        role = Role(member[0]["role"]) if member else None
        require_sees_message(room_from(room), actor, role)
        require_author_or_moderator(actor, role, author_id=document["userId"])
        return MessageHistory(message_from(document), replaced_texts_from(document, room["edits"]))

    async def get(self, message_id: str) -> Message | None:
        place = place_of(message_id)
        if place is None:
            return None
        return await self._one("messages.get", {"roomId": place[0], "seq": place[1]})

    def by_author(self, user_id: str) -> AsyncGenerator[list[Message], None]:
        return messages_by(self._database, user_id)

    async def by_client_id(self, room_id: str, user_id: str, client_id: str) -> Message | None:
        return await self._one("messages.by_client_id", {"roomId": room_id, "userId": user_id, "clientId": client_id})

    async def page(
        self,
        room_id: str,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
        with_authors: bool = False,
    ) -> MessagePage:
        if before is not None and after is not None:
            raise ValueError("at most one of before and after")
        pipeline = message_pipelines.page(
            room_id, before=before, after=after, limit=limit + 1, with_authors=with_authors
        )
        async with self._database.operation("messages.page"):
            found = await self._database.rooms.aggregate(pipeline).to_list(1)
        if not found:
            return MessagePage(messages=(), has_more=False, rev=0)
        has_more = len(found[0]["messages"]) > limit
        documents = found[0]["messages"][:limit]
        messages = [message_from(document) for document in documents]
        return MessagePage(
            messages=tuple(messages if after is not None else reversed(messages)),
            has_more=has_more,
            rev=found[0]["rev"],
            authors=tuple(
                {user["_id"]: user_from(user) for one in documents for user in one.get("author", ())}.values()
            ),
        )

    async def thread(self, room_id: str, root: int, *, after: int, limit: int) -> ThreadPage:
        of_thread = {"roomId": room_id, "thread": root}
        async with self._database.operation("messages.thread"):
            found = self._messages.find({**of_thread, "seq": {"$gt": after}}).sort("seq", 1).limit(limit + 1)
            documents = await found.to_list(None)
            count = await self._messages.count_documents(of_thread)  # of the index alone
        messages = tuple(message_from(document) for document in documents[:limit])
        return ThreadPage(messages, count, has_more=len(documents) > limit)

    async def newest_between(self, room_id: str, *, after: int, upto: int, limit: int) -> list[Message]:
        async with self._database.operation("messages.newest_between"):
            found = self._messages.find({"roomId": room_id, "seq": {"$gt": after, "$lte": upto}})
            documents = await found.sort("seq", -1).limit(limit).to_list(None)
        return [message_from(document) for document in reversed(documents)]

    async def search(
        self, search: MessageSearch, *, limit: int, after: str | None
    ) -> tuple[list[SearchHit], str | None]:
        return await self._search.find(search, limit=limit, after=after)

    async def complete(self, room_ids: Sequence[str], prefix: str, *, limit: int) -> list[str]:
        return await self._search.complete(room_ids, prefix, limit=limit)

    async def _one(self, name: str, key: dict[str, Any]) -> Message | None:
        async with self._database.operation(name):
            found = await self._messages.find_one(key)
        return None if found is None else message_from(found)
