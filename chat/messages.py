"""The use cases of messages: post one, read one, page through a room's history, list a room's changes."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable

from msgspec import structs

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from cache.message_page import KEEP, Page
from chat.administrators import Administrators
from chat.codec import Codec
from chat.errors import ChatError, invalid
from chat.message_authors import Author, AwaitedAnswer
from chat.message_writer import MessageWriter
from chat.outsiders import refusal_of_outsider
from chat.presenter import Presenter
from chat.request_context import RequestContext
from chat.request_inputs.messages import ChangesSince, History, SendMessage
from chat.request_results.messages import ChangesView, ChangeView, HistoryPage, MessageWithAuthor, PostedMessage
from chat.rooms import Rooms
from monitor.observer import Observer
from store.contract import Store
from store.models import Head, Message, MessageDraft, User

ON_ITS_WAY_S = 1.0  # a commit reaches the cached page within this time, or never
BEHIND_MAX = 10_000


class Messages:
    """Posts and reads messages for clients.

    `page_here(room_id, limit)` returns the newest messages of a room that is open here, if it is sure of them.
    `head_of(room_id)` returns how far the room is, where the cached page may not tell; a page behind that head is not
    used. `now` is monotonic, in seconds. The Observer gets a hit of a page for each one of `page_here`.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        message_writer: MessageWriter,
        rooms: Rooms,
        presenter: Presenter,
        administrators: Administrators,
        codec: Codec,
        page_here: Callable[[str, int], Page | None],
        head_of: Callable[[str], Awaitable[Head | None]],
        observer: Observer,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._message_writer = message_writer
        self._rooms = rooms
        self._presenter = presenter
        self._administrators = administrators
        self._codec = codec
        self._page_here = page_here
        self._head_of = head_of
        self._observer = observer
        self._now = now
        # By room: the (seq, rev) of a cached page that was found to be behind, and since when
        self._behind: dict[str, tuple[tuple[int, int] | None, float]] = {}
        # ClientIds for messages without one. Random ids would cost a system call and a page of the index each.
        self._made_here = f"{secrets.token_hex(8)}-"
        self._numbers = itertools.count(1)

    async def post(self, context: RequestContext, body: SendMessage) -> PostedMessage:
        """Store a message, or find the one that is stored under this clientId; returns after it is durable.

        Raises ChatError room_not_found, not_member, banned, muted, forbidden (to mention all), message_not_found,
        file_not_found, unavailable; StoreError.
        """
        answer: asyncio.Future[PostedMessage] = asyncio.get_running_loop().create_future()
        self.post_then(context, body, AwaitedAnswer(answer))
        try:
            return await answer
        except ChatError as refused:
            return await self.explain(context, body, refused)

    def post_then(self, context: RequestContext, body: SendMessage, author: Author) -> None:
        """As `post`, but `author` gets the outcome, whose refusals go to `explain`. Raises StoreUnavailable."""
        user = _author(context)
        draft = MessageDraft(
            user_id=user.id,
            username=user.username,
            content=body.content,
            client_id=body.client_id or f"{self._made_here}{next(self._numbers):012d}",
            reply_to_id=body.reply_to_id,
            thread_id=body.thread_id,
            attachment_ids=body.attachments or (),
            mentions=tuple(dict.fromkeys(body.mentions)) if body.mentions else (),
            by_admin=self._administrators.has(user),
        )
        self._message_writer.post(body.room_id, draft, author, transport=context.transport)

    async def explain(self, context: RequestContext, body: SendMessage, refused: ChatError) -> PostedMessage:
        """Raise what the author may know of a refusal by the store, or return the message that was stored before."""
        author = _author(context)
        if refused.code in {"not_member", "muted"}:
            # Raises room_not_found to a non-member of a private room
            await self._rooms.seen_by(body.room_id, author.id)
        if refused.code == "not_member":
            raise await refusal_of_outsider(self._store, body.room_id, author.id) from refused
        if refused.code == "muted" and (stored := await self._stored(author, body)):
            return stored
        raise refused

    async def post_counted(
        self, context: RequestContext, body: SendMessage, *, counting: Awaitable[None]
    ) -> PostedMessage:
        """As `post`, after `counting`, which counts the message against its limit and raises ChatError to refuse it.

        A retry of a stored message is never refused (protocol, "What delivery means", 3): it returns that message.
        """
        try:
            await counting
        except ChatError:
            found = await self._find_duplicate(context, body)
            if found is None:
                raise
            return found
        return await self.post(context, body)

    async def _find_duplicate(self, context: RequestContext, body: SendMessage) -> PostedMessage | None:
        """Return the message that an earlier send with this clientId stored; None also if the user may not read it."""
        try:
            return await self._stored(_author(context), body)
        except ChatError:
            return None

    async def _stored(self, author: User, body: SendMessage) -> PostedMessage | None:
        """Return the message that an earlier send with this clientId stored; None if there is none."""
        if body.client_id is None:
            return None
        _, membership = await self._rooms.seen_by(body.room_id, author.id)
        if membership is None:
            return None
        message = await self._store.messages.by_client_id(body.room_id, author.id, body.client_id)
        return None if message is None else PostedMessage(self._codec.encode(message), duplicate=True)

    async def get(self, message_id: str, user_id: str) -> Message:
        """Return one message.

        Raises ChatError message_not_found, also in a private room of others; not_member, banned; StoreError.
        """
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

    async def history(self, user_id: str, query: History) -> HistoryPage:
        """Return a page of a room's messages in ascending seq; with `expand` each has its author's present profile.

        Raises ChatError room_not_found, not_member, banned, validation_failed (before and after at once); StoreError.
        """
        if query.before is not None and query.after is not None:
            raise invalid(before="excludes after", after="excludes before")
        await self._rooms.read_by(query.room_id, user_id)
        expand = query.expand is not None
        if query.before is None and query.after is None and not expand:
            return await self._newest(query.room_id, query.limit)
        page = await self._store.messages.page(
            query.room_id, limit=query.limit, before=query.before, after=query.after, with_authors=expand
        )
        messages: Iterable[Message] = page.messages
        if expand:
            authors = {author.id: self._presenter.user(author) for author in page.authors}
            messages = [_with_author(message, authors.get(message.user_id)) for message in page.messages]
        return HistoryPage([self._codec.encode(message) for message in messages], page.has_more, page.rev)

    async def _newest(self, room_id: str, limit: int) -> HistoryPage:
        here = self._page_here(room_id, limit)
        if here is not None:
            self._observer.cache_read("page", "hit")
            return HistoryPage(here.messages, here.has_more, here.rev)
        key = self._keys.page(room_id)
        page = await self._cache.get_or_load(key, lambda: self._load_newest(room_id))
        head = await self._head_of(room_id)
        if head is not None and _is_behind(page, head):
            self._cache.forget_here((key.name,))  # another process has written: what all share may be newer
            page = await self._cache.get_or_load(key, lambda: self._load_newest(room_id))
        if head is not None and _is_behind(page, head):
            if self._stays_behind(room_id, page):
                await self._cache.invalidate(key)
            at_head = self._keys.page_at(room_id, head.seq, head.rev)
            page = await self._cache.get_or_load(at_head, lambda: self._load_newest(room_id))
        messages = page.messages[-limit:]
        has_more = page.has_more or len(messages) < len(page.messages)
        return HistoryPage(messages, has_more, page.rev)

    def _stays_behind(self, room_id: str, page: Page) -> bool:
        """Whether the cached page stays behind for good: the process that wrote has died before it updated the page."""
        at = page.last_seq, page.rev
        before, since_s = self._behind.get(room_id, (None, 0.0))
        if before == at:
            return self._now() - since_s > ON_ITS_WAY_S
        if len(self._behind) >= BEHIND_MAX:
            self._behind.clear()
        self._behind[room_id] = at, self._now()
        return False

    async def _load_newest(self, room_id: str) -> Page:
        page = await self._store.messages.page(room_id, limit=KEEP)
        last_seq = page.messages[-1].seq if page.messages else 0
        return Page(tuple(map(self._codec.encode, page.messages)), last_seq, page.rev, page.has_more)

    async def changes(self, room_id: str, user_id: str, query: ChangesSince) -> ChangesView:
        """Return the entries of the room's changes log above a rev, each with the message after the change.

        Raises ChatError room_not_found, not_member, banned; StoreError.
        """
        await self._rooms.read_by(room_id, user_id)
        page = await self._store.changes.page(room_id, since=query.since, limit=query.limit)
        changes = [ChangeView(change.rev, change.message) for change in page.changes]
        return ChangesView(changes, page.rev, page.has_more)


def _is_behind(page: Page, head: Head) -> bool:
    return head.seq > page.last_seq or head.rev > page.rev


def _with_author(message: Message, author: User | None) -> MessageWithAuthor:
    return MessageWithAuthor(**(structs.asdict(message) | {"author": author}))


def _author(context: RequestContext) -> User:
    """The user who writes. Raises ChatError unauthorized where nobody is authenticated."""
    if context.user is None:
        raise ChatError("unauthorized")
    return context.user
