"""The sending half of a link: straight to the kernel while it takes everything, through the bounded outbox when not."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

from common.paced_callbacks import PacedCallbacks
from handlers.wire.bounded_outbox import Outbox
from handlers.wire.compression import Deflater
from handlers.wire.server_frames import ping_frame, text_frame
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.traffic_counts import Traffic

MAX_SEND_BYTES = 262_144  # taken from the outbox for one send; one more send may be added to reach it
TOO_SLOW = 4413

_PING = ping_frame()


class WebSocketSender(ABC):
    """Sends frames without ever raising or calling the owner; how the link ends is left to `WebSocketLink`."""

    __slots__ = (
        "_budget",
        "_clock",
        "_deflater",
        "_has_failed",
        "_loop",
        "_outbox",
        "_outbox_max_bytes",
        "_paced_callbacks",
        "_sock",
        "_traffic",
        "closing_since",
        "may_begin",
        "outbox_bytes",
        "ping_sent_at",
        "was_aborted",
    )

    def __init__(
        self,
        sock: socket.socket,
        *,
        loop: asyncio.AbstractEventLoop,
        outbox_max_bytes: int,
        budget: OutboxBudget,
        traffic: Traffic,
        paced_callbacks: PacedCallbacks,
        clock: Callable[[], float],
        deflater: Deflater | None,
    ) -> None:
        self._sock: socket.socket | None = sock  # None: closed
        self._loop = loop
        self._outbox_max_bytes = outbox_max_bytes
        self._budget = budget
        self._traffic = traffic
        self._paced_callbacks = paced_callbacks
        self._clock = clock
        self._deflater = deflater
        self._outbox: Outbox | None = None  # made when the kernel does not take all of a send
        self.was_aborted = False  # by this side, as the peer did not close in time
        self._has_failed = False  # the socket has failed: nothing can be sent any more
        self.outbox_bytes = 0
        self.ping_sent_at = 0.0  # 0.0: no ping waits for its answer
        self.closing_since = 0.0  # since when our closing handshake is under way; 0.0: it is not
        self.may_begin = True  # whether a received command may still run: until the link is closed from this side

    @property
    def is_open(self) -> bool:
        """Whether what is sent may still arrive."""
        return self.may_begin and not self._has_failed

    def send(self, frames: bytes) -> None:
        """Send complete frames: at once if the outbox is empty, else through the outbox, which keeps a reference."""
        sock = self._sock
        if sock is None or self.closing_since or self._has_failed:
            return
        if self._deflater is not None:
            frames = self._deflater.frames(frames)
        if self._outbox is not None:
            self._enqueue(frames, ephemeral=False)
            return
        try:
            sent = sock.send(frames)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._fail()
            return
        self._traffic.sent_bytes += sent
        if sent < len(frames):
            self._start_outbox(frames, sent)

    def send_ephemeral(self, frames: bytes) -> None:
        """Send frames that may be dropped, which they are if the outbox would exceed half of its cap."""
        if self._outbox is None:
            self.send(frames)
        elif not self.is_open:
            return
        elif self.outbox_bytes + len(frames) <= self._outbox_max_bytes // 2:
            self._enqueue(frames if self._deflater is None else self._deflater.frames(frames), ephemeral=True)
        else:
            self._traffic.dropped_ephemeral += 1

    def send_text(self, payload: bytes) -> None:
        """Send one text message."""
        self.send(text_frame(payload))

    def ping(self) -> None:
        """Send a ping, and note the time of it in `ping_sent_at`."""
        self.ping_sent_at = self._clock()
        self.send(_PING)

    def close_too_slow(self) -> None:
        """Close the link with 4413: its peer reads too slowly. See `WebSocketLink.close`."""
        self.close(TOO_SLOW, "too slow")

    @abstractmethod
    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake."""

    @abstractmethod
    def cut_off(self) -> None:
        """Discard the outbox at once."""

    @abstractmethod
    def _fail(self) -> None:
        """The socket has failed."""

    @abstractmethod
    def _outbox_drained(self) -> None:
        """The kernel has taken all that was sent."""

    # ---- the outbox ----------------------------------------------------------------------------------------------

    def _start_outbox(self, frames: bytes, sent: int) -> None:
        assert self._sock is not None
        self._outbox = Outbox(frames, sent)
        self._loop.add_writer(self._sock.fileno(), self._on_writable)
        self._grow(len(frames) - sent)
        if self.outbox_bytes > self._outbox_max_bytes:
            self._enforce_cap()

    def _enqueue(self, frames: bytes, *, ephemeral: bool) -> None:
        assert self._outbox is not None
        self._outbox.append(frames, ephemeral=ephemeral)
        self._grow(len(frames))
        if self.outbox_bytes > self._outbox_max_bytes:
            self._enforce_cap()

    def _enforce_cap(self) -> None:
        """Discard the ephemeral sends; if that is not enough, close with 4413."""
        if self._outbox is not None:  # the budget of all outboxes may have cut this link off
            count, discarded_bytes = self._outbox.discard_ephemeral()
            self._shrink(discarded_bytes)
            self._traffic.dropped_ephemeral += count
            if self.outbox_bytes > self._outbox_max_bytes:
                self.close_too_slow()

    def _grow(self, size: int) -> None:
        self.outbox_bytes += size
        self._budget.grew(self, size)

    def _shrink(self, size: int) -> None:
        if size:
            self.outbox_bytes -= size
            self._budget.shrank(self, size)

    def _on_writable(self) -> None:
        sock, outbox = self._sock, self._outbox
        if sock is None or outbox is None:
            return
        data = outbox.next_bytes(MAX_SEND_BYTES)
        try:
            sent = sock.send(data) if data else 0
        except BlockingIOError:
            return
        except OSError:
            self._fail()
            return
        self._traffic.sent_bytes += sent
        outbox.advance(sent)
        self._shrink(sent)
        if not outbox:
            self._outbox = None
            self._loop.remove_writer(sock.fileno())
            self._outbox_drained()

    def _release_outbox(self) -> None:
        if self._outbox is not None:
            assert self._sock is not None
            self._loop.remove_writer(self._sock.fileno())
            self._outbox = None
            left, self.outbox_bytes = self.outbox_bytes, 0
            self._budget.shrank(self, left)
