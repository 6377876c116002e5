"""One connection on its bare socket: reading, sending, the bounded outbox, the closing handshake.

No task, no timer, no Tornado.

Whoever owns a link is told of what comes; a pool's sweep reads `last_received_at`, `ping_sent_at`, `gone_since` and
`closing_since`, and acts on them.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import select
import socket
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import Protocol

from common.paced_callbacks import PacedCallbacks
from handlers.wire.compression import Deflater, Inflation
from handlers.wire.frames import Failure, FrameReader, Incoming, Kind, close_frame, ping_frame, pong_frame, text_frame
from handlers.wire.largest_outbox import Largest
from limits.frame_budget import FrameBudget

RECV_BYTES = 65_536  # one recv an event, so that no connection starves the others
FRAMES_A_TURN = 64  # read of one connection in a loop turn: 64 KB of empty pings are 10,922
DISCARDED_MAX_BYTES = 1_048_576  # of what comes after our Close; who sends on may fill the kernel's buffers
SEND_BYTES = 262_144  # as much as one send takes from the outbox
ABNORMAL = 1006
TOO_SLOW = 4413

# Where there is none (macOS) a reset and a full end are told of, unasked
_PEER_ENDED: int = getattr(select, "POLLRDHUP", 0)
_PING = ping_frame()
_CLOSE_HEAD = close_frame(1000)[0]
_TEXT, _BINARY, _CLOSE, _FAILURE, _PING_KIND, _DEFLATED = (
    Kind.TEXT,
    Kind.BINARY,
    Kind.CLOSE,
    Kind.FAILURE,
    Kind.PING,
    Kind.DEFLATED,
)


class LinkOwner(Protocol):
    """Who is told; called on the loop, and must not block."""

    def on_text(self, payload: bytes, *, is_deflated: bool = False) -> None: ...

    def on_binary(self) -> None: ...

    def on_flood(self) -> None:
        """More frames came than the connection's budget has; they are dropped. Who minds must close the link."""

    def on_input_over(self) -> None:
        """The peer sends nothing more: a Close came, or the end.

        Once what came before is done with, `finish` must be called.
        """

    def on_peer_gone(self) -> None:
        """`has_peer` is false from now on, whatever for.

        Told on a later loop turn, perhaps twice, and not after `on_closed`.
        """

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
        self.dropped_slow = 0  # with a connection that was closed with 4413, or cut off


class OutboxBudget:
    """What all outboxes may hold together, those of closing links included; past it the largest end until it fits.

    A link is closed with 4413 and told so. Where that frees less than half of its outbox, because most of it is a frame
    that is half sent, or where it is closing already, it is cut off: it would hold those bytes until the sweep, and
    others would be closed for them.
    """

    __slots__ = ("_is_making_room", "_largest", "_links", "_max_total_bytes", "total_bytes")

    def __init__(self, max_total_bytes: int) -> None:
        self._max_total_bytes = max_total_bytes
        self._links: set[Link] = set()
        self._largest: Largest[Link] | None = None  # while it is tight
        self._is_making_room = False
        self.total_bytes = 0

    @property
    def links(self) -> int:
        """Connections whose outbox holds something: those that read more slowly than they are sent to."""
        return len(self._links)

    def grew(self, link: Link, size: int) -> None:
        self._links.add(link)
        self.total_bytes += size
        if self._largest is not None:
            self._largest.grew(link)
        if self.total_bytes > self._max_total_bytes and not self._is_making_room:
            # A Close that is put into an outbox comes here, too, and must not begin another round
            self._is_making_room = True
            try:
                self._make_room()
            finally:
                self._is_making_room = False

    def _make_room(self) -> None:
        largest = self._largest = self._largest or Largest(self._links)
        while self.total_bytes > self._max_total_bytes and (link := largest.find()) is not None:
            held = link.outbox_bytes
            if link.is_open:
                link.close(TOO_SLOW, "too slow")
            if link.outbox_bytes > held // 2:
                link.cut_off()

    def shrank(self, link: Link, size: int) -> None:
        self.total_bytes -= size
        if link.outbox_bytes == 0:
            self._links.discard(link)
        if self._largest is not None and self.total_bytes < self._max_total_bytes // 2:
            self._largest = None


class Link:
    """A connection after its 101. The socket is non-blocking; times are of `clock`, in seconds; sizes in bytes.

    `send` and its kin never raise and never call the owner: a socket that fails is closed, and the owner told, on a
    later loop turn.
    """

    __slots__ = (
        "_backlog",
        "_budget",
        "_clock",
        "_close_came",
        "_deflater",
        "_discarded_bytes",
        "_frame_budget",
        "_inflation",
        "_input_over",
        "_is_listening",
        "_is_next",
        "_looked_at",
        "_loop",
        "_lost",
        "_offset",
        "_outbox",
        "_outbox_max_bytes",
        "_paced_callbacks",
        "_ping",
        "_reader",
        "_sock",
        "_traffic",
        "chunk_at",
        "close_code",
        "closing_since",
        "gone_since",
        "last_received_at",
        "may_begin",
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
        paced_callbacks: PacedCallbacks,
        clock: Callable[[], float],
        frame_budget: FrameBudget | None = None,
        deflater: Deflater | None = None,
        inflation: Inflation | None = None,
    ) -> None:
        self._sock: socket.socket | None = sock
        self._loop = loop
        self._reader = FrameReader(max_message_bytes=max_message_bytes, deflates=inflation is not None)
        self._frame_budget = frame_budget
        self._deflater = deflater
        self._inflation = inflation
        self._outbox_max_bytes = outbox_max_bytes
        self._budget = budget
        self._traffic = traffic
        self._paced_callbacks = paced_callbacks
        self._clock = clock
        # (frames, ephemeral): made when the kernel does not take all
        self._outbox: deque[tuple[bytes, bool]] | None = None
        self._offset = 0  # of the first, how much the kernel has
        self._backlog: list[Incoming] | None = None  # what was read before reading was paused
        self._is_listening = False  # whether the loop tells of what can be read
        self._is_next = False  # whether the next turn reads on in what came
        self._ping: bytes | None = None  # what the next pong answers
        self._discarded_bytes = 0
        self._input_over = False
        self._close_came: int | None = None  # the code of the peer's Close, though its turn may not have come
        self._looked_at = 0  # of `received_bytes`: so far no Close is held
        self._lost = False
        self.owner = owner
        self.outbox_bytes = 0
        self.received_bytes = 0  # read from this socket so far
        self.chunk_at = 0  # how much that was before the last read, which brought what is told of now
        self.last_received_at = clock()
        self.ping_sent_at = 0.0
        self.gone_since = 0.0  # since when the peer sends nothing more, or cannot be reached
        self.closing_since = 0.0
        self.close_code = ABNORMAL
        self.may_begin = True  # a command that came: also of a peer that has gone, but not once it was closed from here
        self.reading_paused = False

    def start(self) -> None:
        """Begin to read."""
        self._listen()

    def trust(self) -> None:
        """The peer has said who it is: it may send more than a stranger."""
        if self._frame_budget is not None:
            self._frame_budget.trust()

    @property
    def is_open(self) -> bool:
        """Whether what is sent may still arrive."""
        return self.may_begin and not self._lost

    @property
    def has_peer(self) -> bool:
        """Whether somebody is at the other end who has not said goodbye, nor were they told to go."""
        return self.is_open and not self.gone_since

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
        """Send complete frames: at once if nothing waits, else through the outbox,
        which keeps a reference and no copy.
        """
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
        """Drop what is whole in the outbox and unwanted; a frame that the kernel has begun must be completed.

        Returns how many sends.
        """
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
            self._no_more_input()
            return
        self._traffic.received_bytes += len(data)
        self.chunk_at = self.received_bytes
        self.received_bytes += len(data)
        if self.closing_since:
            self._discard_input(len(data))
            return
        self.last_received_at = self._clock()
        self.ping_sent_at = 0.0
        reader, budget = self._reader, self._frame_budget
        items = reader.feed(data, FRAMES_A_TURN)
        if budget is None or budget.admits(reader.frames, self.last_received_at) or self._may_flood():
            self._dispatch(items)
            if reader.is_held or self._backlog is not None:
                self._wait_for_turn()

    def _may_flood(self) -> bool:
        assert self.owner is not None
        self.owner.on_flood()
        return self.may_begin

    def _dispatch(self, items: list[Incoming]) -> None:
        owner = self.owner
        assert owner is not None
        for index, (kind, payload, code) in enumerate(items):
            if self.reading_paused:
                self._keep_for_later(items[index:])
                break
            if kind is _TEXT:
                owner.on_text(payload)
            elif kind is _DEFLATED:
                owner.on_text(payload, is_deflated=True)
            elif kind is _BINARY:
                owner.on_binary()
            elif kind is _CLOSE:
                self.close_code = self._close_came = code
                self._no_more_input()
            elif kind is _FAILURE:
                self.close(code, payload.decode())
            elif kind is _PING_KIND:
                self._ping = payload
            if self.closing_since or self._input_over:
                return
        ping = self._ping
        # Of many at once the newest is answered, RFC 6455 section 5.5.3
        if ping is not None and not self._reader.is_held:
            self._ping = None
            self.send(pong_frame(ping))

    def _keep_for_later(self, items: list[Incoming]) -> None:
        self._backlog = items
        if self._close_came is None:
            for kind, _, code in items:
                if kind is _CLOSE:
                    self._close_came = code
                    self._note_gone(self._clock())
                    break

    def _note_gone(self, since: float) -> None:
        """The peer has said goodbye, though what came before waits: the input is not over yet."""
        if not self.gone_since:
            self.gone_since = since
            self._paced_callbacks.soon(self._tell_peer_gone)

    def look_for_end(self, since: float) -> None:
        """While reading is paused: find out whether the peer has said goodbye behind what waits; if so, that may be
        since `since`.

        What lies unread in the kernel is not looked through: there only the end is seen, not a Close.
        """
        if self._sock is None or self.gone_since or not self.reading_paused:
            return
        if self._reader.is_held and self._looked_at != self.received_bytes:
            self._looked_at = self.received_bytes
            self._close_came = self._reader.close_ahead()
        if self._close_came is not None or self._has_peer_ended():
            self._note_gone(max(since, self.last_received_at))

    def _has_peer_ended(self) -> bool:
        """Whether the kernel has the end of what the peer sends, or a reset, also behind what is unread."""
        assert self._sock is not None
        poll = select.poll()
        poll.register(self._sock.fileno(), _PEER_ENDED)
        return bool(poll.poll(0))

    def _wait_for_turn(self) -> None:
        """Read no more from the kernel while frames wait: a peer that floods is held up, and others have their turn."""
        self._stop_listening()
        if not self.reading_paused and not self._is_next:
            self._is_next = True
            self._loop.call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._is_next = False
        if self.reading_paused or not self.may_begin or self._input_over:
            return
        backlog, self._backlog = self._backlog, None
        if backlog is not None:
            self._dispatch(backlog)
        else:
            items, budget = self._reader.resume(FRAMES_A_TURN), self._frame_budget
            if budget is None or budget.admits(self._reader.frames, self.last_received_at) or self._may_flood():
                self._dispatch(items)
        self._read_on()

    def _read_on(self) -> None:
        """After frames had their turn, or a pause: take the next, or listen again."""
        if self.reading_paused or not self.may_begin or self._input_over:
            return
        if self._backlog is not None or self._reader.is_held:
            self._wait_for_turn()
        else:
            self._listen()

    def _listen(self) -> None:
        if not self._is_listening and self._sock is not None:
            self._is_listening = True
            self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _stop_listening(self) -> None:
        if self._is_listening and self._sock is not None:
            self._is_listening = False
            self._loop.remove_reader(self._sock.fileno())

    def pause_reading(self) -> None:
        """Read no more, so that the peer's sends fill up: back-pressure. What came already waits, too."""
        if self.may_begin and not self.reading_paused and not self._input_over:
            self.reading_paused = True
            self._stop_listening()

    def resume_reading(self) -> None:
        """Deliver what waited, from the next loop turn on, and read on, unless the owner pauses again."""
        if self.reading_paused and self.may_begin:
            self.reading_paused = False
            self.last_received_at = self._clock()  # silence while we did not listen is ours, not the peer's
            self._read_on()

    async def inflate(self, deflated: bytes, *, is_stranger: bool) -> bytes | None:
        """Inflate a text whose turn has come; `let_go` must be told of its size.

        None: it is none, and the connection is closed.
        """
        assert self._inflation is not None
        try:
            return await self._inflation.text(deflated, is_stranger=is_stranger)
        except Failure as failure:
            self.close(failure.code, failure.reason)
            return None

    def let_go(self, size: int) -> None:
        """What was inflated is done with."""
        assert self._inflation is not None
        self._inflation.let_go(size)

    # ---- the end -------------------------------------------------------------------------------------------------

    def _no_more_input(self) -> None:
        """A Close came, or the end of what the peer sends, perhaps as a reset: what came before it is the owner's to
        finish.
        """
        self._stop_listening()
        self._reader.forget()
        if self.closing_since:
            self._input_over = True
            if self._outbox is None:  # otherwise the peer may still read what waits, our Close behind it
                self._paced_callbacks.soon(self._end)
        elif not self._input_over:
            self._input_over = True
            self.gone_since = self.gone_since or self._clock()
            self._paced_callbacks.soon(self._tell_input_over)

    def _tell_input_over(self) -> None:
        self._tell_peer_gone()
        if self.may_begin and self.owner is not None:
            self.owner.on_input_over()

    def _tell_peer_gone(self) -> None:
        if self._sock is not None and self.owner is not None:
            self.owner.on_peer_gone()

    def finish(self) -> None:
        """What came before the end of the input is done: send what waits, answer the Close, if one came, and end."""
        if not self.may_begin:
            return
        code = self._close_came
        if self._lost:
            self._end()
        elif code is not None:
            self._input_over = True  # also where what came before it was given up: behind a Close nothing is heard
            self._stop_listening()
            self._send_close(code, close_frame(code) if code >= 1000 and code != 1005 else b"\x88\x00")
        elif self._input_over and self._outbox is None:
            self._end()
        else:  # who ended its sending alone may still read
            self._begin_closing()
            if self._outbox is None:
                self._flushed()  # not closed yet: what is unread would make that a reset, which could take answers away

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake (RFC 6455 section 7.1.2): what waits, then Close, then our half of the connection
        ends.

        With 4413 what waits is discarded, but for a frame that is half sent. Input is discarded; the pool aborts who
        never ends. Where the socket has failed it ends on a later loop turn.
        """
        if not self.may_begin:
            return
        if self._lost:
            self.may_begin = False
            self.closing_since = self._clock()
            self._paced_callbacks.soon(self._end)
        else:
            self._send_close(code, close_frame(code, reason))

    def _send_close(self, code: int, frame: bytes) -> None:
        assert self._sock is not None
        self.close_code = code
        if self.has_peer:
            self._paced_callbacks.soon(self._tell_peer_gone)
        self._begin_closing()
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

    def _begin_closing(self) -> None:
        """Nothing more is begun, nor taken to be sent.

        When what waits has gone `_flushed` goes on; the pool aborts who never reads it.
        """
        self.may_begin = False
        self.closing_since = self._clock()
        self._backlog = None
        self._reader.forget()
        self.reading_paused = False
        if not self._input_over:
            self._listen()  # only the end is waited for now

    def _discard_input(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > DISCARDED_MAX_BYTES:
            self._stop_listening()  # the sweep ends it

    def _flushed(self) -> None:
        """The outbox is empty; if we are closing, our half is over."""
        if not self.closing_since or self._sock is None:
            return
        if self._input_over:
            self._paced_callbacks.soon(self._end)
            return
        try:
            # The peer reads the Close, then the end; closing now could reset both away
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """The socket has failed: nothing more is sent, and what came is read to its end.

        Then, later than this turn, it ends.
        """
        if self._lost:
            return
        self._lost = True
        self._let_go_of_outbox()
        if self.closing_since:
            self._paced_callbacks.soon(self._end)
            return
        if not self.gone_since:
            self.gone_since = self._clock()
            self._paced_callbacks.soon(self._tell_peer_gone)
        assert self._sock is not None
        with contextlib.suppress(OSError):  # mostly there is nothing left to shut
            self._sock.shutdown(socket.SHUT_RD)  # what the kernel has is read, and then the end

    def cut_off(self) -> None:
        """Of a link that is closing: let go at once of what waits, though a frame is half sent.

        It ends on a later loop turn.
        """
        if self._outbox is not None:
            self._traffic.dropped_slow += sum(frames[0] != _CLOSE_HEAD for frames, _ in self._outbox)
        self._lose()

    def abort(self) -> None:
        """Close the socket without further ado."""
        self._lost = True
        self._end()

    def _end(self) -> None:
        sock = self._sock
        if sock is None:
            return
        self._stop_listening()
        self._let_go_of_outbox()
        self._sock = None
        self.may_begin = False
        sock.close()
        self._backlog = None
        # Link and session refer to each other: what is held here would stay until the collector comes by, which is
        # seldom.
        self._reader.forget()
        if self.owner is not None:
            self.owner.on_closed(self.close_code)

    def _let_go_of_outbox(self) -> None:
        if self._outbox is not None:
            assert self._sock is not None
            self._loop.remove_writer(self._sock.fileno())
            self._outbox = None
            left, self.outbox_bytes = self.outbox_bytes, 0
            self._budget.shrank(self, left)
