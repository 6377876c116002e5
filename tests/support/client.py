"""Clients that know only the contract: REST over http.client, WebSocket through the `websockets` library."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.api_documents.frames import described_frames
from tests.support.server import ServerProcess
from tests.support.waiting import ChangeSignal

PASSWORD = "correct horse battery"
REPLY_WITHIN_S = 30.0
_names = itertools.count(1)


class Reply(Struct, frozen=True):
    """An HTTP reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error code."""
        code: str = self.json["error"]["code"]
        return code


class Person(Struct):
    """A registered user with tokens. `call` sends the access token."""

    url: str
    user: dict[str, Any]
    access_token: str
    refresh_token: str

    @property
    def id(self) -> str:
        user_id: str = self.user["id"]
        return user_id

    @property
    def username(self) -> str:
        username: str = self.user["username"]
        return username

    def call(self, method: str, path: str, body: object = None, **query: Any) -> Reply:
        return call(self.url, method, path, body, token=self.access_token, **query)

    def make_room(self, **body: Any) -> dict[str, Any]:
        reply = self.call("POST", "/rooms", {"name": "A room", **body})
        assert reply.status == 201, reply.body
        room: dict[str, Any] = reply.json["room"]
        return room

    def join(self, room_id: str) -> None:
        reply = self.call("POST", f"/rooms/{room_id}/join")
        assert reply.status == 200, reply.body

    def post(self, room_id: str, content: str, **fields: Any) -> dict[str, Any]:
        reply = self.call("POST", "/messages", {"roomId": room_id, "content": content, **fields})
        assert reply.status in (200, 201), reply.body
        message: dict[str, Any] = reply.json["message"]
        return message


def call(
    url: str,
    method: str,
    path: str,
    body: object = None,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    **query: Any,
) -> Reply:
    """One request on a new connection. `body` is sent as JSON, or as it is if it is bytes."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=REPLY_WITHIN_S)
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if payload is not None:
        sent.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path + ("?" + urlencode(query) if query else ""), body=payload, headers=sent)
        response = connection.getresponse()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def register(url: str, username: str | None = None) -> Person:
    """Register a new user with PASSWORD."""
    name = username or f"person{next(_names)}"
    reply = call(
        url, "POST", "/auth/register", {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    )
    assert reply.status == 201, reply.body
    data = reply.json
    return Person(url, data["user"], data["accessToken"], data["refreshToken"])


def person_at(person: Person, server: ServerProcess) -> Person:
    """The same user as a client of another process."""
    return Person(server.url, person.user, person.access_token, person.refresh_token)


class CommandRefused(Exception):
    """A command was answered with an error."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data["code"], data)
        self.code: str = data["code"]
        self.data = data


class ChatConnection:
    """A WebSocket connection. Replies are matched to commands by id; `events` are in the order received.

    The first frame of each kind is compared with docs/asyncapi.yaml; `undescribed` is what is wrong with them.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.undescribed: list[str] = []
        self._compared: set[str] = set()
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._commands: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._changed = ChangeSignal()
        self._reader: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                self._compare(frame)
                reply = self._replies.pop(frame.get("id", ""), None)
                if frame["event"] in ("ack", "error") and reply is not None:
                    reply.set_result(frame)
                else:
                    self.events.append(frame)
                self._changed.notify()
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ConnectionError(f"closed with {self.close_code}"))
        self._changed.notify()

    def _compare(self, frame: dict[str, Any]) -> None:
        name = frame["event"]
        command = self._commands.pop(frame.get("id", ""), None)
        if name == "ack":
            name = f"{command}.ack"
            if command is None:  # to what a test has sent as text
                return
        if name not in self._compared:
            self._compared.add(name)
            self.undescribed += described_frames().wrong(name, frame)

    async def command(self, event: str, **data: Any) -> dict[str, Any]:
        """Send a command and return its ack's data. Raises Refused."""
        command_id = str(next(self._ids))
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[command_id] = reply
        self._commands[command_id] = event
        try:
            await self.socket.send(json.dumps({"event": event, "id": command_id, "data": data}))
        except ConnectionClosed:
            if self._replies.pop(command_id).done():
                reply.exception()  # nobody waits for it
            raise
        frame = await asyncio.wait_for(reply, REPLY_WITHIN_S)
        if frame["event"] == "error":
            raise CommandRefused(frame["data"])
        ack: dict[str, Any] = frame["data"]
        return ack

    async def send(self, text: str | bytes) -> None:
        await self.socket.send(text)

    def named(self, event: str) -> list[dict[str, Any]]:
        """The data of all events received so far with this name."""
        return [frame["data"] for frame in self.events if frame["event"] == event]

    @property
    def seqs(self) -> list[int]:
        """The seqs of all messages received so far, in the order received."""
        return [message["seq"] for message in self.named("receiveMessage")]

    async def until(self, condition: Callable[[], object], within_s: float = REPLY_WITHIN_S) -> None:
        """Wait until a condition on what was received holds. Raises AssertionError after `within_s`."""
        try:
            await self._changed.until(condition, within_s)
        except TimeoutError:
            raise AssertionError(
                f"it did not happen; received: {self.events[-5:]}, close code {self.close_code}"
            ) from None

    async def one(self, event: str, within_s: float = REPLY_WITHIN_S) -> dict[str, Any]:
        """Wait for the first event with this name, and return its data."""
        await self.until(lambda: self.named(event), within_s)
        return self.named(event)[0]

    async def closed(self, within_s: float = REPLY_WITHIN_S) -> int | None:
        """Wait until the connection is closed. Returns the close code."""
        await self.until(lambda: self.close_code is not None, within_s)
        return self.close_code

    async def end(self) -> None:
        await self.socket.close()
        if self._reader is not None:
            await self._reader


@asynccontextmanager
async def chat(ws_url: str, who: Person | str | None = None, **query: str) -> AsyncIterator[ChatConnection]:
    """Open a WebSocket connection with a person's access token, a given token, or none."""
    token = who.access_token if isinstance(who, Person) else who
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    url = ws_url + ("?" + urlencode(query) if query else "")
    async with connect(url, additional_headers=headers, max_size=None, ping_interval=None) as socket:
        one = ChatConnection(socket)
        one.start()
        try:
            yield one
        finally:
            await one.end()
        assert not one.undescribed, one.undescribed
