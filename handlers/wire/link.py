"""One connection on its bare socket: reading, sending, the bounded outbox, the closing handshake. No task, no timer, no Tornado.

Whoever owns a link is told of what comes; a pool's sweep reads `heard_at`, `ping_sent_at` and `closing_since` and acts on them.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import Protocol

from handlers.wire.compression import Deflater, inflate
from handlers.wire.frames import FrameReader, Incoming, Kind, close_frame, ping_frame, pong_frame, text_frame

RECV_BYTES = 65_536  # one recv an event, so that no connection starves the others
SEND_BYTES = 262_144  # as much as one send takes from the outbox
ABNORMAL = 1006
TOO_SLOW = 4413

_PING = ping_frame()
_TEXT, _BINARY, _CLOSE, _FAILURE = Kind.TEXT, Kind.BINARY, Kind.CLOSE, Kind.FAILURE


class LinkOwner(Protocol):
    """Who is told; called on the loop, and must not block."""

    def on_text(self, payload: bytes) -> None: ...

    def on_binary(self) -> None: ...

    def on_closed(self, code: int) -> None:
        """The socket is closed; `code` was sent or received, 1006: neither. Called once."""


class Traffic:
    """What all links together read, sent and dropped, since the start: plain numbers, for they change with each send.

    `sent_bytes` are those that the kernel took; `dropped_ephemeral` and `dropped_slow` are sends, of one frame or more.
    """

    __slots__ = ("dropped_ephemeral", "dropped_slow", "received_bytes", "sent_bytes")

    def __init__(self) -> None:
        self.received_bytes = 0
        self.sent_bytes = 0
        self.dropped_ephemeral = 0  # under pressure
        self.dropped_slow = 0  # with a connection that was closed with 4413


class OutboxBudget:
    """What all outboxes may hold together; past it the largest are closed with 4413 until it fits."""

    __slots__ = ("_links", "_max_total_bytes", "total_bytes")

    def __init__(self, max_total_bytes: int) -> None:
        self._max_total_bytes = max_total_bytes
        self._links: set[Link] = set()
        self.total_bytes = 0

    @property
    def links(self) -> int:
        """Connections whose outbox holds something: those that read more slowly than they are sent to."""
        return len(self._links)

    def grew(self, link: Link, size: int) -> None:
        self._links.add(link)
        self.total_bytes += size
        while self.total_bytes > self._max_total_bytes:
            open_links = [one for one in self._links if one.is_open]
            if not open_links:
                return
            max(open_links, key=lambda one: one.outbox_bytes).close(TOO_SLOW, "too slow")

    def shrank(self, link: Link, size: int) -> None:
        self.total_bytes -= size
        if link.outbox_bytes == 0:
            self._links.discard(link)


class Link:
    """A connection after its 101. The socket is non-blocking; times are of `clock`, in seconds; sizes in bytes.

    `send` and its kin never raise and never call the owner: a socket that fails is closed, and the owner told, on a later loop turn.
    """

    __slots__ = (
        "_backlog",
        "_budget",
        "_clock",
        "_deflater",
        "_end_after_flush",
        "_loop",
        "_lost",
        "_offset",
        "_outbox",
        "_outbox_max_bytes",
        "_reader",
        "_sock",
        "_traffic",
        "close_code",
        "closing_since",
        "heard_at",
        "outbox_bytes",
        "owner",
        "ping_sent_at",
        "reading_paused",
        "received_bytes",
    )

    def __init__(
        self,
        sock: socket.socket,
        *,
        loop: asyncio.AbstractEventLoop,
        owner: LinkOwner | None,
        max_message_bytes: int,
        outbox_max_bytes: int,
        budget: OutboxBudget,
        traffic: Traffic,
        clock: Callable[[], float],
        deflater: Deflater | None = None,
    ) -> None:
        self._sock: socket.socket | None = sock
        self._loop = loop
        self._reader = FrameReader(max_message_bytes=max_message_bytes, inflate=inflate if deflater else None)
        self._deflater = deflater
        self._outbox_max_bytes = outbox_max_bytes
        self._budget = budget
        self._traffic = traffic
        self._clock = clock
        self._outbox: deque[tuple[bytes, bool]] | None = None  # (frames, ephemeral): made when the kernel does not take all
        self._offset = 0  # of the first, how much the kernel has
        self._backlog: list[Incoming] | None = None  # what came before reading was paused
        self._end_after_flush = False
        self._lost = False
        self.owner = owner
        self.outbox_bytes = 0
        self.received_bytes = 0  # read from this socket so far
        self.heard_at = clock()
        self.ping_sent_at = 0.0
        self.closing_since = 0.0
        self.close_code = ABNORMAL
        self.reading_paused = False

    def start(self) -> None:
        """Begin to read."""
        assert self._sock is not None
        self._loop.add_reader(self._sock.fileno(), self._on_readable)

    @property
    def is_open(self) -> bool:
        """Whether what is sent may still arrive."""
        return self._sock is not None and not self.closing_since and not self._lost

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it: neither open nor on its way to its end."""
        return self._sock is None

    @property
    def arrived_bytes(self) -> int:
        """How much of the peer's has come so far: what was read, and what the kernel still holds."""
        if self._sock is None:
            return self.received_bytes
        unread = fcntl.ioctl(self._sock.fileno(), termios.FIONREAD, bytes(4))
        return self.received_bytes + int.from_bytes(unread, sys.byteorder)

    # ---- sending -------------------------------------------------------------------------------------------------

    def send(self, frames: bytes) -> None:
        """Send complete frames: at once if nothing waits, else through the outbox, which keeps a reference and no copy."""
        sock = self._sock
        if sock is None or self.closing_since or self._lost:
            return
        if self._deflater is not None:
            frames = self._deflater.frames(frames)
        if self._outbox is not None:
            self._keep(frames, ephemeral=False)
            return
        try:
            sent = sock.send(frames)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose()
            return
        self._traffic.sent_bytes += sent
        if sent < len(frames):
            self._start_outbox(frames, sent)

    def send_ephemeral(self, frames: bytes) -> None:
        """Send what may be dropped: it is, once the outbox holds more than half of its cap."""
        if self._outbox is None:
            self.send(frames)
        elif not self.is_open:
            return
        elif self.outbox_bytes + len(frames) <= self._outbox_max_bytes // 2:
            self._keep(frames if self._deflater is None else self._deflater.frames(frames), ephemeral=True)
        else:
            self._traffic.dropped_ephemeral += 1

    def send_text(self, payload: bytes) -> None:
        """Send one message."""
        self.send(text_frame(payload))

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.ping_sent_at = self._clock()
        self.send(_PING)

    def _start_outbox(self, frames: bytes, sent: int) -> None:
        assert self._sock is not None
        self._outbox = deque()
        self._loop.add_writer(self._sock.fileno(), self._on_writable)
        self._offset = sent
        self._outbox.append((frames, False))
        self._count(len(frames) - sent)
        self._stay_within_cap()

    def _keep(self, frames: bytes, *, ephemeral: bool) -> None:
        assert self._outbox is not None
        self._outbox.append((frames, ephemeral))
        self._count(len(frames))
        self._stay_within_cap()

    def _count(self, size: int) -> None:
        self.outbox_bytes += size
        if size > 0:
            self._budget.grew(self, size)
        else:
            self._budget.shrank(self, -size)

    def _stay_within_cap(self) -> None:
        if self.outbox_bytes > self._outbox_max_bytes and self._outbox is not None:
            self._traffic.dropped_ephemeral += self._discard(lambda ephemeral: ephemeral)
            if self.outbox_bytes > self._outbox_max_bytes:
                self.close(TOO_SLOW, "too slow")

    def _discard(self, unwanted: Callable[[bool], bool]) -> int:
        """Drop what is whole in the outbox and unwanted; a frame that the kernel has begun must be completed. Returns how many sends."""
        assert self._outbox is not None
        kept: deque[tuple[bytes, bool]] = deque()
        dropped = 0
        for index, (frames, ephemeral) in enumerate(self._outbox):
            if unwanted(ephemeral) and (index > 0 or self._offset == 0):
                dropped += len(frames)
            else:
                kept.append((frames, ephemeral))
        count = len(self._outbox) - len(kept)
        self._outbox = kept
        if dropped:
            self._count(-dropped)
        return count

    def _on_writable(self) -> None:
        sock, outbox = self._sock, self._outbox
        if sock is None or outbox is None:
            return
        parts: list[bytes] = []
        size = 0
        for frames, _ in outbox:
            part = frames[self._offset :] if not parts and self._offset else frames
            parts.append(part)
            size += len(part)
            if size >= SEND_BYTES:
                break
        try:
            sent = sock.send(parts[0] if len(parts) == 1 else b"".join(parts)) if parts else 0
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        self._traffic.sent_bytes += sent
        self._advance(outbox, sent)
        if not outbox:
            self._outbox = None
            self._loop.remove_writer(sock.fileno())
            self._flushed()

    def _advance(self, outbox: deque[tuple[bytes, bool]], sent: int) -> None:
        self._offset += sent
        while outbox and self._offset >= len(outbox[0][0]):
            self._offset -= len(outbox.popleft()[0])
        if sent:
            self._count(-sent)

    # ---- reading -------------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(RECV_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        self._traffic.received_bytes += len(data)
        self.received_bytes += len(data)
        if self.closing_since:
            return  # only the end is waited for now
        self.heard_at = self._clock()
        self.ping_sent_at = 0.0
        self._dispatch(self._reader.feed(data))

    def _dispatch(self, items: list[Incoming]) -> None:
        owner = self.owner
        assert owner is not None
        ping: bytes | None = None  # of many at once the newest is answered, RFC 6455 section 5.5.3
        for index, (kind, payload, code) in enumerate(items):
            if self.reading_paused:
                self._backlog = items[index:]
                break
            if kind is _TEXT:
                owner.on_text(payload)
            elif kind is _BINARY:
                owner.on_binary()
            elif kind is _CLOSE:
                self._answer_close(code)
            elif kind is _FAILURE:
                self.close(code, payload.decode())
            elif kind is Kind.PING:
                ping = payload
            if self.closing_since or self._sock is None:
                return
        if ping is not None:
            self.send(pong_frame(ping))

    def pause_reading(self) -> None:
        """Read no more, so that the peer's sends fill up: back-pressure. What came already waits, too."""
        if self.is_open and not self.reading_paused:
            assert self._sock is not None
            self.reading_paused = True
            self._loop.remove_reader(self._sock.fileno())

    def resume_reading(self) -> None:
        """Deliver what waited, and read on, unless the owner pauses again."""
        if not self.reading_paused or not self.is_open:
            return
        self.reading_paused = False
        self.heard_at = self._clock()  # silence while we did not listen is ours, not the peer's
        backlog, self._backlog = self._backlog, None
        if backlog:
            self._dispatch(backlog)
        if not self.reading_paused and self.is_open:
            assert self._sock is not None
            self._loop.add_reader(self._sock.fileno(), self._on_readable)

    # ---- the end -------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake (RFC 6455 section 7.1.2): what waits, then Close, then our half of the connection ends.

        With 4413 what waits is discarded, but for a frame that is half sent. Input is discarded; the pool aborts who never ends.
        """
        if self.is_open:
            self._send_close(code, close_frame(code, reason))

    def _answer_close(self, code: int) -> None:
        self._end_after_flush = True
        self._send_close(code, close_frame(code) if code >= 1000 and code != 1005 else b"\x88\x00")

    def _send_close(self, code: int, frame: bytes) -> None:
        assert self._sock is not None
        self.close_code = code
        self.closing_since = self._clock()
        self._backlog = None
        if self.reading_paused:
            self.reading_paused = False
            self._loop.add_reader(self._sock.fileno(), self._on_readable)
        if self._outbox is not None:
            if code == TOO_SLOW:
                self._traffic.dropped_slow += self._discard(lambda ephemeral: True)
            self._outbox.append((frame, False))
            self._count(len(frame))
            return
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose()
            return
        self._traffic.sent_bytes += sent
        if sent < len(frame):
            self._start_outbox(frame, sent)
        else:
            self._flushed()

    def _flushed(self) -> None:
        """The outbox is empty; if the last of it was our Close, our half is over."""
        if not self.closing_since or self._sock is None:
            return
        if self._end_after_flush:
            self._loop.call_soon(self._end)
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)  # the peer reads the Close, then the end; closing now could reset both away
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """The socket has failed: end on the next loop turn, for a fan-out may be under way."""
        if not self._lost:
            self._lost = True
            self._loop.call_soon(self._end)

    def abort(self) -> None:
        """Close the socket without further ado."""
        self._lost = True
        self._end()

    def _end(self) -> None:
        sock = self._sock
        if sock is None:
            return
        self._sock = None
        fd = sock.fileno()
        self._loop.remove_reader(fd)
        if self._outbox is not None:
            self._loop.remove_writer(fd)
            self._outbox = None
            left, self.outbox_bytes = self.outbox_bytes, 0
            self._budget.shrank(self, left)
        sock.close()
        self._backlog = None
        # Link and session refer to each other: what is held here would stay until the collector comes by, which is seldom.
        self._reader.forget()
        if self.owner is not None:
            self.owner.on_closed(self.close_code)
