"""The messages table: its reads. message_append.py inserts messages, edits.py and reactions.py change them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import apsw

from store.contract.messages import OnAppended
from store.errors import StoreError
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
    SearchHit,
    ThreadPage,
    User,
)
from store.sqlite.append_cache import AppendCache
from store.sqlite.changes import head_rev
from store.sqlite.database import Database
from store.sqlite.edits import delete, edit, history
from store.sqlite.message_append import AppendRequest, AppendTransaction
from store.sqlite.own_messages import messages_by
from store.sqlite.reactions import ReactRequest, ReactTransaction
from store.sqlite.rows import MESSAGE_COLUMNS, USER_COLUMNS, as_json, fetch, fetch_one, message_from, user_from
from store.sqlite.search import complete, search_messages
from store.sqlite.search_indexing import SearchIndexing

# Answered from the index on (room_id, thread, seq) alone.
_REPLIES = "SELECT count(*) FROM messages WHERE room_id = ? AND thread = ?"

_SELECT = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE room_id = ?1 AND "

# The bytes that a draft counts in the queue besides its text.
_DRAFT_BYTES = 300


class SqliteMessages:
    """store.contract.Messages on SQLite. `indexing`: None if messages are indexed in the commit that stores them."""

    def __init__(self, *, database: Database, indexing: SearchIndexing | None) -> None:
        self._database = database
        self._indexing = indexing
        self._append_cache = AppendCache()

    def _append(self, connection: apsw.Connection, requests: Sequence[AppendRequest]) -> list[list[AppendOutcome]]:
        append = AppendTransaction(
            connection, self._append_cache, self._database.clock(), indexes_behind=self._indexing is not None
        )
        return append.run(requests)

    async def append(self, room_id: str, drafts: Sequence[MessageDraft]) -> list[AppendOutcome]:
        try:
            return await self._database.write_batched(
                "messages.append", self._append, AppendRequest(room_id, drafts), size_bytes=_size_of(drafts)
            )
        finally:
            self._count_unindexed(len(drafts))

    def append_then(self, room_id: str, drafts: Sequence[MessageDraft], on_settled: OnAppended) -> None:
        def settled(outcomes: list[AppendOutcome] | None, error: Exception | None) -> None:
            self._count_unindexed(len(drafts))
            on_settled(outcomes, error)

        self._database.write_batched_then(
            "messages.append", self._append, AppendRequest(room_id, drafts), settled, size_bytes=_size_of(drafts)
        )

    def _count_unindexed(self, messages: int) -> None:
        if self._indexing is not None:
            self._indexing.appended(messages)

    def _react(self, connection: apsw.Connection, requests: Sequence[ReactRequest]) -> list[MessageChange | StoreError]:
        return ReactTransaction(connection, self._database.clock()).run(requests)

    async def edit(self, message_id: str, content: str, *, actor: Actor) -> MessageChange:
        clock = self._database.clock
        return await self._database.write(
            "messages.edit",
            lambda connection: edit(connection, message_id, content, actor, clock()),
            size_bytes=len(content),
        )

    async def delete(self, message_id: str, *, actor: Actor) -> MessageChange:
        clock = self._database.clock
        return await self._database.write(
            "messages.delete", lambda connection: delete(connection, message_id, actor, clock())
        )

    async def react(self, message_id: str, emoji: str, *, actor: Actor, on: bool) -> MessageChange:
        outcome = await self._database.write_batched(
            "messages.react", self._react, ReactRequest(message_id, emoji, actor, on), size_bytes=len(emoji)
        )
        if isinstance(outcome, StoreError):
            raise outcome
        return outcome

    async def history(self, message_id: str, *, actor: Actor) -> MessageHistory:
        return await self._database.read("messages.history", lambda connection: history(connection, message_id, actor))

    async def get(self, message_id: str) -> Message | None:
        place = place_of(message_id)
        if place is None:
            return None
        room_id, seq = place
        return await self._database.read(
            "messages.get", lambda connection: _one(connection, room_id, "seq = ?2", (room_id, seq))
        )

    def by_author(self, user_id: str) -> AsyncGenerator[list[Message], None]:
        return messages_by(self._database, user_id)

    async def by_client_id(self, room_id: str, user_id: str, client_id: str) -> Message | None:
        return await self._database.read(
            "messages.by_client_id",
            lambda connection: _one(
                connection, room_id, "user_id = ?2 AND client_id = ?3", (room_id, user_id, client_id)
            ),
        )

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
        ascending = after is not None
        bound = after if after is not None else before
        condition = ("seq > ?2" if ascending else "seq < ?2") if bound is not None else "?2 IS NULL"
        order = "ASC" if ascending else "DESC"

        def operation(connection: apsw.Connection) -> MessagePage:
            rows = fetch(connection, f"{_SELECT}{condition} ORDER BY seq {order} LIMIT ?3", (room_id, bound, limit + 1))
            messages = [message_from(room_id, row) for row in rows[:limit]]
            return MessagePage(
                messages=tuple(messages if ascending else reversed(messages)),
                has_more=len(rows) > limit,
                rev=head_rev(connection, room_id),
                authors=_authors(connection, messages) if with_authors else (),
            )

        return await self._database.read("messages.page", operation)

    async def thread(self, room_id: str, root: int, *, after: int, limit: int) -> ThreadPage:
        def operation(connection: apsw.Connection) -> ThreadPage:
            rows = fetch(
                connection,
                f"{_SELECT}thread = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4",
                (room_id, root, after, limit + 1),
            )
            (count,) = fetch(connection, _REPLIES, (room_id, root))[0]
            messages = tuple(message_from(room_id, row) for row in rows[:limit])
            return ThreadPage(messages, count, has_more=len(rows) > limit)

        return await self._database.read("messages.thread", operation)

    async def newest_between(self, room_id: str, *, after: int, upto: int, limit: int) -> list[Message]:
        def operation(connection: apsw.Connection) -> list[Message]:
            rows = fetch(
                connection, f"{_SELECT}seq > ?2 AND seq <= ?3 ORDER BY seq DESC LIMIT ?4", (room_id, after, upto, limit)
            )
            return [message_from(room_id, row) for row in reversed(rows)]

        return await self._database.read("messages.newest_between", operation)

    async def search(
        self, search: MessageSearch, *, limit: int, after: str | None
    ) -> tuple[list[SearchHit], str | None]:
        await self._catch_up()
        return await self._database.search(
            "messages.search", lambda connection: search_messages(connection, search, limit=limit, after=after)
        )

    async def complete(self, room_ids: Sequence[str], prefix: str, *, limit: int) -> list[str]:
        await self._catch_up()
        return await self._database.search(
            "messages.complete", lambda connection: complete(connection, room_ids, prefix, limit=limit)
        )

    async def _catch_up(self) -> None:
        if self._indexing is not None:
            await self._indexing.catch_up()


def _size_of(drafts: Sequence[MessageDraft]) -> int:
    return sum(len(draft.content) + _DRAFT_BYTES for draft in drafts)


def _authors(connection: apsw.Connection, messages: Sequence[Message]) -> tuple[User, ...]:
    wanted = as_json(list(dict.fromkeys(message.user_id for message in messages)))
    found = fetch(connection, f"SELECT {USER_COLUMNS} FROM json_each(?) w JOIN users u ON u.id = w.value", (wanted,))
    return tuple(user_from(row) for row in found)


def _one(connection: apsw.Connection, room_id: str, condition: str, bindings: Sequence[object]) -> Message | None:
    row = fetch_one(connection, _SELECT + condition, tuple(bindings))
    return None if row is None else message_from(room_id, row)
