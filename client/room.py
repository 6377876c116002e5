"""One joined room: its stream of events, which resumes by itself, and what can be done there."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .backoff import Retries
from .change_signal import ChangeSignal
from .connection import Connection
from .errors import ChatError, RoomClosedError, SessionEnded
from .events import MessageReceived, RoomClosed, RoomEvent
from .records import File, Message, Room, decoded, decoded_message
from .retrying import until_answered
from .room_feed import RoomFeed

log = logging.getLogger("chat_rooms.client")

Get = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


class ChatRoom:
    """A room that `ChatClient.join` has joined. `room` is as it was when it was last joined.

    Each event is given to one iterator: iterate over `messages()`, `events()` or the client's `events()`.
    """

    def __init__(
        self,
        room_id: str,
        *,
        connection: Connection,
        get: Get,
        is_member: Callable[[str], Awaitable[bool]],
        activity: ChangeSignal,
        buffer_max: int,
    ) -> None:
        self.id = room_id
        self.changed = ChangeSignal(activity)
        self.feed = RoomFeed(room_id, buffer_max=buffer_max)
        self._room: Room | None = None
        self._connection = connection
        self._get = get
        self._is_member = is_member
        self._since: tuple[int, int | None] | None = None
        self._joined_on = 0
        self._refused: ChatError | None = None
        self._sending = asyncio.Lock()

    @property
    def room(self) -> Room:
        """The room itself. Raises RuntimeError before it is joined."""
        if self._room is None:
            raise RuntimeError("the room is not joined yet")
        return self._room

    @property
    def position(self) -> tuple[int, int]:
        """(seq, rev) of what was taken from the stream; `join(room_id, since=…, since_rev=…)` goes on there."""
        return self.feed.taken_seq, self.feed.taken_rev

    # ---- the stream ----

    async def messages(self) -> AsyncIterator[Message]:
        """Each new message once, in the order of `seq`, without holes, also over reconnects; one's own included.

        Ends after `leave`. Raises RoomClosedError where the room is closed otherwise, SessionEnded.
        """
        async for event in self.events():
            if isinstance(event, MessageReceived):
                yield event.message
            elif isinstance(event, RoomClosed) and event.reason != "left":
                raise RoomClosedError(event.reason, f"the room {self.id} is closed to this user: {event.reason}")

    async def events(self) -> AsyncIterator[RoomEvent]:
        """Messages, their changes and what breaks the stream; RoomClosed is the last. Raises SessionEnded."""
        while True:
            await self.changed.until(lambda: self.feed or self.feed.closed or self._connection.ended)
            if not self.feed:
                if self._connection.ended is not None and self.feed.closed is None:
                    raise self._connection.ended
                return
            event = self.feed.pop()
            if self.feed.wants_page:
                self.changed.notify()
            yield event

    # ---- what can be done there ----

    async def send(
        self,
        content: str,
        *,
        reply_to: str | None = None,
        thread: str | None = None,
        attachments: Sequence[File | str] = (),
        mentions: Sequence[str] = (),
        client_id: str | None = None,
    ) -> Message:
        """Post a message exactly once: returns it when it is stored, whatever happens to the connection meanwhile.

        Messages are stored in the order in which `send` was called. `reply_to` and `thread` are ids of messages,
        `mentions` of users. A program that may itself die gives a `client_id` of at most 64 characters, and sends again
        with the same one: a room stores it once for an author. Raises Refused for what is final (Forbidden, NotFound,
        Invalid …), SessionEnded. It has no bound in time: asyncio.timeout gives one; whether it was stored is then
        open.
        """
        data = {
            "roomId": self.id,
            "content": content,
            "clientId": client_id or secrets.token_urlsafe(16),
            "replyToId": reply_to,
            "threadId": thread,
            "attachments": [one.id if isinstance(one, File) else one for one in attachments],
            "mentions": list(mentions),
        }
        sent = {name: value for name, value in data.items() if value not in (None, [])}
        async with self._sending:
            return await self._message_of("sendMessage", sent)

    async def edit(self, message_id: str, content: str) -> Message:
        """Change a message's text. Raises Refused, SessionEnded."""
        return await self._message_of("editMessage", {"messageId": message_id, "content": content})

    async def delete(self, message_id: str) -> Message:
        """Delete a message. Raises Refused, SessionEnded."""
        return await self._message_of("deleteMessage", {"messageId": message_id})

    async def react(self, message_id: str, emoji: str) -> Message:
        """Add a reaction. Raises Refused, SessionEnded."""
        return await self._message_of("addReaction", {"messageId": message_id, "emoji": emoji})

    async def unreact(self, message_id: str, emoji: str) -> Message:
        """Take one's reaction back. Raises Refused, SessionEnded."""
        return await self._message_of("removeReaction", {"messageId": message_id, "emoji": emoji})

    async def mark_read(self, seq: int) -> None:
        """Everything up to `seq` is read; never goes back. Raises Refused, SessionEnded."""
        await self._until_answered("messageRead", {"roomId": self.id, "seq": seq})

    async def typing(self, is_typing: bool = True) -> None:
        """Show that one types, for six seconds; it is sent once. Raises ChatError."""
        await self._connection.command("startTyping" if is_typing else "stopTyping", {"roomId": self.id})

    async def presence(self) -> Mapping[str, Any]:
        """Who is online: `{onlineCount, online: [{userId, username, status}]}`. Raises Refused, SessionEnded."""
        return await self._until_answered("getPresence", {"roomId": self.id})

    async def history(self, *, before: int | None = None, limit: int = 50) -> list[Message]:
        """The messages below seq `before`, the newest without it, ascending, at most 100. Raises Refused."""
        page = await self._get("/messages", {"roomId": self.id, "before": before, "limit": limit})
        return [decoded_message(one) for one in page["messages"]]

    async def leave(self) -> None:
        """Follow the room no longer: its stream ends. The membership stays. Raises Refused, SessionEnded."""
        self.close("left")
        await self._until_answered("leaveRoom", {"roomId": self.id})

    async def _message_of(self, event: str, data: Mapping[str, Any]) -> Message:
        return decoded_message((await self._until_answered(event, data))["message"])

    async def _until_answered(self, event: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        return await until_answered(self._connection, partial(self._connection.command, event, data), what=event)

    # ---- called by the client ----

    def start_after(self, since: int, since_rev: int | None) -> None:
        """The first join asks for what came after these."""
        self._since = since, since_rev

    def on_message(self, data: Mapping[str, Any]) -> None:
        """Take a live message."""
        self.feed.on_message(data)
        self.changed.notify()

    def on_change(self, data: Mapping[str, Any]) -> None:
        """Take a live change of a message."""
        self.feed.on_change(data["rev"], data["message"])
        self.changed.notify()

    def close(self, reason: str) -> None:
        """The stream ends after what is in it."""
        self.feed.close(reason)
        self.changed.notify()

    async def keep(self) -> None:
        """Join on each connection, and read from the store what does not come live, until the room is closed."""
        try:
            await self._keep()
        except Exception:
            self.close("internal")  # else its iterators would wait forever
            raise

    async def _keep(self) -> None:
        retries = Retries()
        while True:
            await self.changed.until(lambda: self._must_join or self.feed.wants_page or self.feed.closed)
            if self.feed.closed is not None:
                return
            try:
                useful = await (self._join() if self._must_join else self._read_page())
            except SessionEnded:
                return
            except ChatError as error:
                if not error.retryable:
                    log.warning("room %s: %s", self.id, error)
                    self._refused = error
                    self.close(error.code)
                    return
                await asyncio.sleep(retries.next_delay_s(error.retry_after_s))
                continue
            if useful:
                retries.reset()
            else:
                await asyncio.sleep(retries.next_delay_s())

    async def until_joined(self) -> None:
        """Wait until the room is joined. Raises what refused it, SessionEnded."""
        await self.changed.until(lambda: self._room or self.feed.closed or self._connection.ended)
        if self._room is None:
            raise self._refused or self._connection.ended or RoomClosedError(str(self.feed.closed), "it was closed")

    @property
    def _must_join(self) -> bool:
        return self._connection.is_online and self._joined_on != self._connection.number

    async def _join(self) -> bool:
        number = self._connection.number
        asked: dict[str, Any] = {"roomId": self.id}
        if self._room is not None:
            if not await self._is_member(self.id):  # joinRoom would make a member again of who was removed meanwhile
                self.close("removed")
                return True
            asked |= {"since": self.feed.seq, "sinceRev": self.feed.rev}
        elif self._since is not None:
            since, since_rev = self._since
            asked |= {"since": since} | ({} if since_rev is None else {"sinceRev": since_rev})
        await self._connection.command("joinRoom", asked, on_ack=lambda ack: self._on_joined(number, ack))
        return True

    def _on_joined(self, number: int, ack: Mapping[str, Any]) -> None:
        if self.feed.closed is not None:
            return
        if self._room is None:
            since, since_rev = self._since or (ack["seq"], ack["rev"])
            self.feed.start(since, ack["rev"] if since_rev is None else since_rev)
        self.feed.on_joined(ack)
        self._room = decoded(Room, ack["room"])
        self._joined_on = number
        self.changed.notify()

    async def _read_page(self) -> bool:
        query = self.feed.page_query()
        if query.kind == "messages":
            asked = {"roomId": self.id, "after": query.after, "limit": query.limit}
            page = await self._get("/messages", asked)
        else:
            page = await self._get(f"/rooms/{self.id}/changes", {"since": query.after, "limit": query.limit})
        useful = self.feed.on_page(query, page)
        self.changed.notify()
        return useful
