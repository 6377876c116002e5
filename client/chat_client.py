"""The client: one login, one connection that comes back, and the rooms that are followed on it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any

from . import files
from .accounts import login_when_it_is_there
from .change_signal import ChangeSignal
from .connection import Connection
from .errors import ChatError, ConnectionLost, Unauthorized
from .events import ConnectionChanged, Event, ServerEvent
from .memberships import Memberships
from .records import File, Room, User, decoded
from .rest import Rest
from .retrying import until_answered
from .room import ChatRoom
from .session import Session, Tokens

BUFFER_MAX = 500  # events of a room that the program has not taken; what is beyond is read from the store later
HINTS_MAX = 256  # other events that the program has not taken; beyond, the oldest are dropped
CONNECT_WITHIN_S = 30.0
REPLY_WITHIN_S = 15.0  # the server answers each command within 10 s
SILENCE_MAX_S = 15.0
_CHANGES = ("messageEdited", "messageDeleted", "reactionUpdated")


class ChatClient:
    """A connection to a server, for as long as the `async with` lasts.

    `url` is the server's, with the path below which it is served, if any. One of: `username` and `password`; `tokens`
    of an earlier login; `token`, a bot's or an access token that nobody renews. `on_tokens` is given each renewed pair.
    `connect_within_s`: how long entering waits for a server that is not there, or full, before it raises.
    """

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        tokens: Tokens | None = None,
        token: str | None = None,
        on_tokens: Callable[[Tokens], object] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connect_within_s: float = CONNECT_WITHIN_S,
        buffer_max: int = BUFFER_MAX,
        reply_within_s: float = REPLY_WITHIN_S,
        silence_max_s: float = SILENCE_MAX_S,
    ) -> None:
        ways = [username is not None and password is not None, tokens is not None, token is not None]
        if ways.count(True) != 1:
            raise ValueError("give one of: username and password; tokens; token")
        self._credentials = {"username": username, "password": password}
        self._tokens = tokens if token is None else Tokens(token.strip())
        self._on_tokens = on_tokens
        self._rest = Rest(url, ssl_context=ssl_context)
        self._connect_within_s = connect_within_s
        self._buffer_max = buffer_max
        self._reply_within_s = reply_within_s
        self._silence_max_s = silence_max_s
        self._user: User | None = None
        self._failures: deque[Exception | None] = deque([None], maxlen=1)  # of logins
        self._session: Session | None = None
        self._connection: Connection | None = None
        self._activity = ChangeSignal()
        self._rooms: dict[str, ChatRoom] = {}
        self._memberships = Memberships(self.rooms, lambda: self._connected.number)
        self._hints: deque[Event] = deque(maxlen=HINTS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- beginning and end ----

    async def __aenter__(self) -> ChatClient:
        """Log in and connect. Raises Unauthorized, ConnectionLost after `connect_within_s`, SessionEnded."""
        if self._connection is not None:
            raise RuntimeError("a client is entered once")
        try:
            async with asyncio.timeout(self._connect_within_s):
                await self._connect()
        except BaseException as error:
            await self._close()
            why = self._failures[-1] if self._connection is None else self._connection.last_error
            if isinstance(error, TimeoutError):
                raise ConnectionLost(f"no connection within {self._connect_within_s} s: {why or 'no answer'}") from why
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection, with its handshake, and end every task."""
        await self._close()

    async def _connect(self) -> None:
        tokens = self._tokens
        if tokens is None:
            tokens = await login_when_it_is_there(self._rest, self._credentials, on_failure=self._failures.append)
            if self._on_tokens is not None:
                self._on_tokens(tokens)
        self._session = Session(tokens, rest=self._rest, on_renewed=self._on_tokens)
        self._connection = Connection(
            address=self._rest.address,
            session=self._session,
            on_event=self._on_event,
            on_state=self._on_state,
            on_changed=self._wake_all,
            reply_within_s=self._reply_within_s,
            silence_max_s=self._silence_max_s,
        )
        self._run(self._connection.run())
        await self._connection.until_online()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it in a task that ends with this client, at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    # ---- who and where ----

    @property
    def user(self) -> User:
        """Whose login it is."""
        if self._user is None:
            raise RuntimeError("not connected yet")
        return self._user

    @property
    def is_online(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and self._connection.is_online

    async def rooms(self) -> list[Room]:
        """The rooms that the user is a member of. Raises ChatError."""
        return [room async for room in self._listed(mine="true")]

    async def find_room(self, name: str) -> Room | None:
        """The room of this name that the user may see; the first, if there are several. Raises ChatError."""
        async for room in self._listed(q=name):
            if room.name == name:
                return room
        return None

    async def create_room(self, name: str, *, is_private: bool = False, max_users: int = 100) -> Room:
        """Make a room, whose owner the user is. Raises Refused, ConnectionLost: then it may have been made."""
        body = {"name": name, "isPrivate": is_private, "maxUsers": max_users}
        return decoded(Room, (await self.call("POST", "/rooms", body))["room"])

    async def _listed(self, **query: str) -> AsyncIterator[Room]:
        cursor = None
        while True:
            page = await self.call("GET", "/rooms", query={**query, "limit": 100, "cursor": cursor})
            for room in page["rooms"]:
                yield decoded(Room, room)
            cursor = page["nextCursor"]
            if cursor is None:
                return

    async def join(self, room_id: str, *, since: int | None = None, since_rev: int | None = None) -> ChatRoom:
        """Follow a room, and in a public one become a member. Its stream begins now, or after seq `since`.

        The same room again is the same object. Raises Refused (NotFound, Forbidden, Conflict), SessionEnded.
        """
        room = self._rooms.get(room_id)
        if room is None or room.feed.closed is not None:
            self._rooms = {one.id: one for one in self._rooms.values() if one.feed or one.feed.closed is None}
            room = ChatRoom(
                room_id,
                connection=self._connected,
                get=lambda path, query: self.call("GET", path, query=query),
                is_member=self._memberships.has,
                activity=self._activity,
                buffer_max=self._buffer_max,
            )
            if since is not None:
                room.start_after(since, since_rev)
            self._rooms[room_id] = room
            self._run(room.keep())
        try:
            await room.until_joined()
        except ChatError:
            if self._rooms.get(room_id) is room:
                del self._rooms[room_id]
            raise
        return room

    # ---- what happens ----

    async def events(self) -> AsyncIterator[Event]:
        """Everything: of each followed room in order, and what is about the connection or the user.

        Each event is given to one iterator, so a room is iterated here or by itself. Raises SessionEnded at the end.
        """
        while True:
            await self._activity.until(lambda: self._hints or any(self._rooms_with_events()) or self._connected.ended)
            taken = False
            while self._hints:
                taken = True
                yield self._hints.popleft()
            for room in list(self._rooms_with_events()):
                if room.feed:
                    taken = True
                    event = room.feed.pop()
                    if room.feed.wants_page:
                        room.changed.notify()
                    yield event
            if not taken and self._connected.ended is not None:
                raise self._connected.ended

    def _rooms_with_events(self) -> list[ChatRoom]:
        return [room for room in self._rooms.values() if room.feed]

    def _on_event(self, name: str, data: Mapping[str, Any]) -> None:
        """Called by the connection, in the order of the frames. Must not wait."""
        room = self._rooms.get(data.get("roomId", ""))
        if name == "welcome":
            self._user = decoded(User, data["user"]) if data.get("user") else self._user
        elif name == "receiveMessage":
            if room is not None:
                room.on_message(data)
        elif name in _CHANGES:
            if room is not None:
                room.on_change(data)
        elif name == "roomClosed" and room is not None:
            room.close(data["reason"])
        else:
            self._hints.append(ServerEvent(name, data))
            self._activity.notify()

    def _on_state(self, online: bool, reason: str) -> None:
        self._hints.append(ConnectionChanged(online, reason))

    def _wake_all(self) -> None:
        self._activity.notify()
        for room in self._rooms.values():
            room.changed.notify()

    # ---- anything else ----

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Any REST request, with a token that is renewed where it is refused. Raises Refused, ConnectionLost."""
        token = await self._logged_in.access_token()
        try:
            return await self._rest.call(method, path, body, token=token, query=query)
        except Unauthorized:
            token = await self._logged_in.access_token(refused=token)
            return await self._rest.call(method, path, body, token=token, query=query)

    async def command(self, event: str, **data: Any) -> Mapping[str, Any]:
        """Any command, sent once. Raises Refused, ConnectionLost: then it may have been carried out."""
        return await self._connected.command(event, data)

    async def set_presence(self, status: str, custom_status: str | None = None) -> None:
        """online, away, busy or offline. Raises Refused, SessionEnded."""
        data = {"status": status, **({} if custom_status is None else {"customStatus": custom_status})}
        await until_answered(
            self._connected, lambda: self._connected.command("updatePresence", data), what="updatePresence"
        )

    async def upload(self, source: str | os.PathLike[str] | bytes, *, name: str | None = None) -> File:
        """Upload a file, by its path or bytes, to be attached to a message. Raises Refused, ConnectionLost, OSError."""
        return await files.upload(self._rest, self._logged_in, source, name)

    async def download(self, file: File | str, to: str | os.PathLike[str] | None = None) -> bytes:
        """A file's bytes, or b"" where they are written to the path `to`. Raises Refused, ConnectionLost, OSError."""
        return await files.download(self._rest, self._logged_in, file.url if isinstance(file, File) else file, to)

    @property
    def _connected(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("use the client within its `async with`")
        return self._connection

    @property
    def _logged_in(self) -> Session:
        if self._session is None:
            raise RuntimeError("use the client within its `async with`")
        return self._session
