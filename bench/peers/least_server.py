"""The least server that stores and delivers: what any server in Python must pay, without a chat server's other duties.

    python -m bench.peers.least_server PORT DIRECTORY

Tornado serves HTTP and the upgrade, then this module owns the bare socket. Every message is stored before it is acked
and delivered: SQLite, one thread, group commit, `synchronous=FULL`. It knows no users, no tokens, no limits, no history
and no close codes; a room is what the address says (`/ws?room=…`). It measures, so it must not be made clever.
"""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import apsw
import msgspec
from tornado.speedups import websocket_mask
from tornado.web import Application
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

_RECEIVE_BYTES = 65_536
_OUTBOX_MAX_BYTES = 16 << 20
_BACKLOG = 4096
_TABLE = (
    "CREATE TABLE messages (id TEXT PRIMARY KEY, room TEXT, seq INT, client TEXT, content TEXT, created TEXT,"
    " UNIQUE (room, seq), UNIQUE (room, client)) WITHOUT ROWID"
)
_INSERT = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)"

Row = tuple[str, str, int, str, str, str]


class Draft(msgspec.Struct, rename="camel", gc=False):
    """What a sendMessage has; a client's id makes a message unique."""

    room_id: str
    content: str
    client_id: str | None = None


class Envelope(msgspec.Struct, gc=False):
    """A command; only sendMessage is known. One with an id is acked."""

    event: str
    data: Draft
    id: str | None = None


class Message(msgspec.Struct, rename="camel", gc=False):
    """A message as clients get it."""

    id: str
    room_id: str
    seq: int
    client_id: str
    content: str
    created_at: str
    type: str = "text"
    rev: int = 0


class Posted(msgspec.Struct, gc=False):
    """A message on its way: the frame for all, and the one that acks it, with who gets that."""

    row: Row
    frame: bytes
    ack: bytes
    sender: Link


_decode = msgspec.json.Decoder(Envelope).decode
_encode = msgspec.json.Encoder().encode


def text_frame(payload: bytes) -> bytes:
    """A server's text frame: unmasked, so one serves all connections (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Link:
    """One connection on its bare socket."""

    __slots__ = ("_loop", "_outbox", "_rest", "_sock", "room")

    def __init__(self, sock: socket.socket, room: Room, loop: asyncio.AbstractEventLoop) -> None:
        self._sock, self.room, self._loop = sock, room, loop
        self._rest = b""
        self._outbox: bytearray | None = None
        room.links.add(self)
        loop.add_reader(sock.fileno(), self._on_readable)

    def send(self, data: bytes) -> None:
        """Send, or keep what the kernel does not take; a connection that does not read is closed."""
        if self._outbox is not None:
            self._outbox += data
            if len(self._outbox) > _OUTBOX_MAX_BYTES:
                self._close()
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close()
            return
        if sent < len(data):
            self._outbox = bytearray(data[sent:])
            self._loop.add_writer(self._sock.fileno(), self._on_writable)

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            return
        data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 6:
            size, body = data[at + 1] & 0x7F, at + 2
            if size == 127 or data[at] & 0x0F != 1:  # a Close, or what it does not know
                self._close()
                return
            if size == 126:
                size, body = int.from_bytes(data[body : body + 2], "big"), body + 2
            if end < body + 4 + size:
                break
            envelope = _decode(websocket_mask(data[body : body + 4], data[body + 4 : body + 4 + size]))
            at = body + 4 + size
            self.room.post(envelope, self)
        self._rest = data[at:]

    def _on_writable(self) -> None:
        assert self._outbox is not None
        try:
            del self._outbox[: self._sock.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError:
            self._close()
            return
        if not self._outbox:
            self._outbox = None
            self._loop.remove_writer(self._sock.fileno())

    def _close(self) -> None:
        number = self._sock.fileno()
        if number < 0:
            return
        self.room.links.discard(self)
        self._loop.remove_reader(number)
        self._loop.remove_writer(number)
        self._sock.close()


class Room:
    """The connections of a room, and the seq of its last message."""

    __slots__ = ("_writer", "links", "seq")

    def __init__(self, writer: Writer) -> None:
        self.links: set[Link] = set()
        self.seq = 0
        self._writer = writer

    def post(self, envelope: Envelope, sender: Link) -> None:
        """Take the next seq; the message is delivered when it is stored."""
        draft = envelope.data
        self.seq += 1
        message_id = f"{draft.room_id}-{self.seq}"
        created = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        client_id = draft.client_id or message_id
        message = Message(message_id, draft.room_id, self.seq, client_id, draft.content, created)
        row = (message_id, draft.room_id, self.seq, client_id, draft.content, created)
        frame = text_frame(_encode({"event": "receiveMessage", "data": message}))
        ack = b""
        if envelope.id is not None:
            ack = text_frame(_encode({"event": "ack", "id": envelope.id, "data": {"message": message}}))
        self._writer.write(Posted(row, frame, ack, sender))


class Writer:
    """Group commit: one batch is with the thread at a time, and what comes meanwhile is the next one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, path: Path) -> None:
        self._loop = loop
        self._path = path
        self._batch: list[Posted] = []
        self._is_busy = False
        self._batches: queue.SimpleQueue[list[Posted]] = queue.SimpleQueue()
        threading.Thread(target=self._write_forever, name="writer", daemon=True).start()

    def write(self, posted: Posted) -> None:
        self._batch.append(posted)
        self._write_next()

    def _write_next(self) -> None:
        if self._batch and not self._is_busy:
            self._is_busy = True
            batch, self._batch = self._batch, []
            self._batches.put(batch)

    def _write_forever(self) -> NoReturn:
        database = apsw.Connection(str(self._path))
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute(_TABLE)
        while True:
            batch = self._batches.get()
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_INSERT, [posted.row for posted in batch])
            database.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._deliver, batch)

    def _deliver(self, batch: list[Posted]) -> None:
        self._is_busy = False
        frames: dict[Room, list[bytes]] = {}
        acks: dict[Link, bytes] = {}
        for posted in batch:
            frames.setdefault(posted.sender.room, []).append(posted.frame)
            if posted.ack:
                acks[posted.sender] = acks.get(posted.sender, b"") + posted.ack
        for room, each in frames.items():
            joined = b"".join(each)
            for link in list(room.links):
                ack = acks.get(link)
                link.send(joined if ack is None else ack + joined)
        self._write_next()


class Takeover(WebSocketProtocol):
    """Tornado's seam for the upgrade: answers it, then takes the socket, so that Tornado's objects can go."""

    selected_subprotocol = None

    async def accept_connection(self, handler: WebSocketHandler) -> None:
        headers = handler.request.headers
        accept = WebSocketProtocol13.compute_accept_value(headers["Sec-WebSocket-Key"])
        assert isinstance(handler, RoomSocket)
        name = handler.get_query_argument("room", "")
        stream = handler.detach()
        sock = socket.socket(fileno=os.dup(stream.socket.fileno()))
        stream.close()
        handler.ws_connection = self.handler = None  # type: ignore[assignment]
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        sock.send(f"{head}{accept}\r\n\r\n".encode())
        Link(sock, handler.rooms.setdefault(name, Room(handler.writer)), asyncio.get_running_loop())

    def _not_used(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError

    write_message = write_ping = close = is_closing = start_pinging = _not_used
    set_nodelay = _process_server_headers = _receive_frame_loop = _not_used


class RoomSocket(WebSocketHandler):
    """The address of rooms."""

    def initialize(self, rooms: dict[str, Room], writer: Writer) -> None:
        self.rooms, self.writer = rooms, writer

    def get_websocket_protocol(self) -> WebSocketProtocol:
        return Takeover(self)


async def serve(port: int, directory: Path) -> None:
    """Serve until the process ends."""
    rooms: dict[str, Room] = {}
    writer = Writer(asyncio.get_running_loop(), directory / "messages.db")
    application = Application([("/ws", RoomSocket, {"rooms": rooms, "writer": writer})])
    application.listen(port, "127.0.0.1", backlog=_BACKLOG)
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
