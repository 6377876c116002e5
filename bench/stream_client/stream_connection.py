"""One WebSocket connection of the stream client: it greets, sends, and checks what comes.

Its worker calls it when the socket is ready; it never blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from bench.client_base.websocket import MASK, WebSocket
from bench.delivery_checker import Failures
from bench.histogram import Histogram
from bench.stream_client.dialect import Dialect, marker
from bench.stream_client.room_order import MARKER, RoomBytes, RoomMarkers, WrongOrder
from client import frames

_BUFFER_BYTES = 262_144  # a connection that is behind catches up in few reads


class Owner(Protocol):
    """What a connection uses of its worker."""

    failures: Failures
    latency: Histogram
    buffer: memoryview
    acked: int

    def watch_writing(self, connection: StreamConnection, *, wanted: bool) -> None: ...
    def on_ready(self, connection: StreamConnection, now_ns: int) -> None: ...
    def on_own(self, number: int, position: int) -> None: ...
    def on_lost(self, connection: StreamConnection) -> None: ...


def receive_buffer() -> memoryview:
    """What all connections of a process read into."""
    return memoryview(bytearray(_BUFFER_BYTES))


class StreamConnection(WebSocket):
    """One connection; it is in one room. `position`: what it has received of it (room_order).

    `awaits` is the position at which its own last message ends, None where none is on its way, and
    `on_done(connection, now_ns)` is called there. `sampled`: whether the latencies of its messages are counted.
    """

    __slots__ = (
        "_dialect", "_owner", "awaits", "is_ready", "number", "on_done", "position", "room", "sampled", "seen", "sent",
        "started_ns", "texts",
    )  # fmt: skip

    def __init__(
        self,
        *,
        number: int,
        address: tuple[str, int],
        dialect: Dialect,
        room_id: str,
        token: str,
        room: RoomBytes | RoomMarkers,
        owner: Owner,
        started_ns: int,
    ) -> None:
        super().__init__(address, dialect.filled(dialect.path, room_id=room_id, token=token, number=number), {})
        self.number = number
        self.room = room
        self.position = room.end
        self.seen = 0
        self.sampled = True
        self.awaits: int | None = None
        self.on_done: Callable[[StreamConnection, int], None] | None = None
        self.sent = 0
        self.started_ns = started_ns
        self.is_ready = False
        self._dialect, self._owner = dialect, owner
        self.texts = (room_id, token)

    # called by the worker

    def on_readable(self, now_ns: int) -> None:
        """Read from the socket and check what was received."""
        buffer = self._owner.buffer
        try:
            count = self.sock.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(f"ended: {error}")
            return
        if not count:
            self.fail("ended without a close frame")
            return
        room = self.room
        chunk = buffer[:count]
        if not self._rest and self.is_ready and type(room) is RoomBytes and room.has(chunk, self.position):
            self.position += count
        else:
            try:
                self._take_data(bytes(chunk), now_ns)
            except (WrongOrder, frames.FrameError) as error:
                self.fail(str(error))
                return
        if self.sampled and self.is_ready:
            self._count_latencies(now_ns)
        if self.awaits is not None and self.position >= self.awaits:
            self.awaits = None
            if self.on_done is not None:
                self.on_done(self, now_ns)

    def send_message(self, due_ns: int, before: bytes, after: bytes, content_bytes: int) -> None:
        """Send a message, of which `before` and `after` its marker are known; latencies count from `due_ns`."""
        self.sent += 1
        content = marker(due_ns, self.number).ljust(content_bytes, b"x")
        self._write(frames.client_frame(frames.TEXT, before + content + after, mask=MASK))

    def message_parts(self) -> tuple[bytes, bytes]:
        """What stands before and after the marker in this connection's messages."""
        before, _, after = self._filled(self._dialect.message).partition("%m")
        return before.encode(), after.encode()

    def close(self) -> None:
        """Send a Close frame and close the socket; later data is not read."""
        if self.is_open:
            self.is_open = False
            self._send_close()
            self.sock.close()

    def fail(self, why: str) -> None:
        """Close the socket and record a failure of the run."""
        if self.is_open:
            self.is_open = False
            self._owner.failures.add(f"connection {self.number}: {why}")
            self._owner.on_lost(self)
            self.sock.close()

    def begin_sampling(self, *, sampled: bool) -> None:
        """Count the latencies of what comes from now on, or do not."""
        self.sampled = sampled
        self.seen = self.room.messages_until(self.position)

    # what the server sends

    def _watch_writing(self, *, wanted: bool) -> None:
        self._owner.watch_writing(self, wanted=wanted)

    def _on_upgraded(self, now_ns: int) -> None:
        self._take_data = self._on_markers if isinstance(self.room, RoomMarkers) else self._on_bytes
        if self._dialect.opening is not None:
            self._send_filled(self._dialect.opening)
        if self._dialect.ready is None:
            self._become_ready(now_ns)

    def _on_bytes(self, data: bytes, now_ns: int) -> None:
        """Cut frames; those that are not next among the room's are new messages, or no messages."""
        room = self.room
        assert isinstance(room, RoomBytes)
        begun = self._rest or room.begun(self.position)
        if begun and not self._rest:
            self.position -= len(begun)
        data = begun + data
        whole, self._rest = frames.split_frames(data)
        at = 0
        for first, payload in whole:
            size = len(payload) + (2 if len(payload) < 126 else 4 if len(payload) < 65536 else 10)
            frame = data[at : at + size]
            at += size
            if room.has(frame, self.position) and self.is_ready:
                self.position += size
                continue
            found = self._message(first, payload, now_ns)
            if found is not None:
                room.append(frame, payload, int(found[1]), self.position)
                self.position += size
                self._owner.on_own(int(found[2]), self.position)
            if not self.is_open:
                return
        if self._rest and self.is_ready and room.has(self._rest, self.position):
            self.position += len(self._rest)
            self._rest = b""

    def _on_markers(self, data: bytes, now_ns: int) -> None:
        room = self.room
        assert isinstance(room, RoomMarkers)
        whole, self._rest = frames.split_frames(self._rest + data if self._rest else data)
        for first, payload in whole:
            if self._message(first, payload, now_ns) is not None:
                for due_ns, number in MARKER.findall(payload):
                    is_new = room.take((int(due_ns), int(number)), self.position)
                    self.position += 1
                    if is_new:
                        self._owner.on_own(int(number), self.position)
            if not self.is_open:
                return

    def _message(self, first: int, payload: bytes, now_ns: int) -> re.Match[bytes] | None:
        """The marker of a message; of any other frame None, after what it asks for was done."""
        if first != frames.FINAL_TEXT:
            self._on_control(first, payload)
            return None
        dialect = self._dialect
        if dialect.ack is not None and self.is_ready and payload.startswith(dialect.ack.encode()):
            self._owner.acked += 1
            return None
        if not self.is_ready and dialect.ready is not None and payload.startswith(dialect.ready.encode()):
            self._become_ready(now_ns)
            return None
        if dialect.error is not None and payload.startswith(dialect.error.encode()):
            self.fail(payload[:200].decode(errors="replace"))
            return None
        for begin, reply in dialect.replies.items():
            if payload.startswith(begin.encode()):
                self._send_filled(reply)
                return None
        return MARKER.search(payload) if self.is_ready else None

    def _become_ready(self, now_ns: int) -> None:
        self.is_ready = True
        self.position = self.room.end
        self.begin_sampling(sampled=self.sampled)
        self._owner.on_ready(self, now_ns)

    def _count_latencies(self, now_ns: int) -> None:
        seen = self.room.messages_until(self.position)
        if seen > self.seen:
            add = self._owner.latency.add
            for due_ns in self.room.dues_ns(self.seen, seen):
                add((now_ns - due_ns) // 1000)
            self.seen = seen

    def _filled(self, text: str) -> str:
        room_id, token = self.texts
        return self._dialect.filled(text, room_id=room_id, token=token, number=self.number)

    def _send_filled(self, text: str) -> None:
        self.send_text(self._filled(text).encode())
