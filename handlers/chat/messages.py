"""Messages as use cases: post, read one, page through a room's history, list its changes."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from cache.contract import Cache
from cache.keys import Keys
from handlers.chat.errors import ChatError, RateLimited, invalid
from handlers.chat.posting import NEWEST_PAGE, Posted, Posting
from handlers.chat.protocol import ChangesSince, History, SendMessage, builtins, encode
from handlers.chat.rooms import Rooms
from handlers.chat.views import Views
from limits.contract import Check, Decision, Limiter
from store.contract import Store
from store.models import Message, MessageDraft, MessagePage, User


class Messages:
    """The use cases of messages."""

    def __init__(
        self, *, store: Store, cache: Cache, keys: Keys, limiter: Limiter, posting: Posting, rooms: Rooms, views: Views
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._limiter = limiter
        self._posting = posting
        self._rooms = rooms
        self._views = views
        # ClientIds for those who send none. Random ones cost a system call each, and a page of the index each.
        self._made_here = f"{secrets.token_hex(8)}-"
        self._numbers = itertools.count(1)

    async def post(self, author: User, body: SendMessage) -> tuple[Posted, Decision | None]:
        """Store a message, or find that this clientId is stored; returns only after it is durable.

        Raises ChatError rate_limited, room_not_found, not_member, muted, message_not_found, file_not_found, unavailable; StoreError.
        """
        decision = await self._limiter.check([Check("messages", author.id)])
        if not decision.allowed:
            stored = await self._stored(author, body)
            if stored is None:
                raise RateLimited(decision)
            return stored, None
        draft = MessageDraft(
            user_id=author.id,
            username=author.username,
            content=body.content,
            client_id=body.client_id or f"{self._made_here}{next(self._numbers):012d}",
            reply_to_id=body.reply_to_id,
            thread_id=body.thread_id,
            attachment_ids=body.attachments or (),
            mentions=tuple(dict.fromkeys(body.mentions or ())),
        )
        try:
            return await self._posting.post(body.room_id, draft), decision
        except ChatError as refused:
            if refused.code in {"not_member", "muted"}:
                await self._rooms.seen_by(body.room_id, author.id)  # to a stranger a private room is not there
            if refused.code == "muted" and (stored := await self._stored(author, body)):
                return stored, decision
            raise

    async def _stored(self, author: User, body: SendMessage) -> Posted | None:
        """What an earlier send of the same clientId stored: a retry is never refused for what a new message would be."""
        if body.client_id is None:
            return None
        await self._rooms.read_by(body.room_id, author.id)
        message = await self._store.messages.by_client_id(body.room_id, author.id, body.client_id)
        return None if message is None else Posted(encode(message), duplicate=True)

    async def get(self, message_id: str, user_id: str) -> Message:
        """Raises ChatError message_not_found, also where the user may not read."""
        message = await self._store.messages.get(message_id)
        if message is None:
            raise ChatError("message_not_found")
        try:
            await self._rooms.read_by(message.room_id, user_id)
        except ChatError as error:
            if error.code == "room_not_found":
                raise ChatError("message_not_found") from error
            raise
        return message

    async def history(self, user_id: str, query: History) -> dict[str, Any]:
        """A page of a room's messages in ascending seq; with `expand` each has its `author`, as they now are."""
        if query.before is not None and query.after is not None:
            raise invalid(before="excludes after", after="excludes before")
        await self._rooms.read_by(query.room_id, user_id)
        expand = query.expand is not None
        if query.before is None and query.after is None and not expand:
            page = await self._newest(query.room_id, query.limit)
        else:
            page = await self._store.messages.page(
                query.room_id, limit=query.limit, before=query.before, after=query.after, with_authors=expand
            )
        if expand:
            authors = {author.id: self._views.user(author) for author in page.authors}
            messages = [builtins(message) | {"author": authors.get(message.user_id)} for message in page.messages]
            return {"messages": messages, "hasMore": page.has_more, "rev": page.rev}
        return {"messages": page.messages, "hasMore": page.has_more, "rev": page.rev}

    async def _newest(self, room_id: str, limit: int) -> MessagePage:
        page = await self._cache.get_or_load(
            self._keys.page(room_id), lambda: self._store.messages.page(room_id, limit=NEWEST_PAGE)
        )
        if len(page.messages) <= limit:
            return page
        return MessagePage(page.messages[-limit:], True, page.rev)

    async def changes(self, room_id: str, user_id: str, query: ChangesSince) -> dict[str, Any]:
        """The room's changes log above a rev, each entry with the message as it left it."""
        await self._rooms.read_by(room_id, user_id)
        page = await self._store.changes.page(room_id, since=query.since, limit=query.limit)
        return {
            "changes": [{"rev": change.rev, "message": change.message} for change in page.changes],
            "rev": page.rev,
            "hasMore": page.has_more,
        }
