"""The receiving half of a link: reads, cuts frames and delivers them to the owner, a bounded number in a loop turn."""

from __future__ import annotations

import asyncio
import socket
from abc import abstractmethod
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from common.paced_callbacks import PacedCallbacks
from handlers.wire.compression import Deflater, Inflation
from handlers.wire.frame_parser import FrameParser, Incoming
from handlers.wire.server_frames import FrameKind, WireError, pong_frame
from handlers.wire.socket_probe import has_peer_ended, unread_bytes
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.traffic_counts import Traffic
from handlers.wire.websocket_callbacks import WebSocketCallbacks
from handlers.wire.websocket_sender import WebSocketSender
from limits.frame_rate_limit import FrameBudget

RECV_BYTES = 65_536  # one recv for each event of the loop, so that no connection starves the others
MAX_FRAMES_PER_TURN = 64  # of one connection: 64 KB of empty pings are 10,922 frames
MAX_DISCARDED_BYTES = 1_048_576  # read and discarded after our Close; beyond it the kernel's buffers fill up
ABNORMAL = 1006

OwnerT = TypeVar("OwnerT", bound=WebSocketCallbacks)

_TEXT, _BINARY, _CLOSE, _PING, _PONG, _FAILURE, _DEFLATED = FrameKind


class WebSocketReceiver(WebSocketSender, Generic[OwnerT]):
    """Reads from the kernel only while nothing that was read before is undelivered: back-pressure on the peer."""

    __slots__ = (
        "_backlog",
        "_discarded_bytes",
        "_frame_budget",
        "_inflation",
        "_is_input_over",
        "_is_listening",
        "_is_turn_scheduled",
        "_peer_close_code",
        "_ping_payload",
        "_probed_at_bytes",
        "_reader",
        "chunk_at",
        "close_code",
        "gone_since",
        "last_received_at",
        "owner",
        "reading_paused",
        "received_bytes",
    )

    def __init__(
        self,
        sock: socket.socket,
        *,
        make_owner: Callable[[Self], OwnerT],
        loop: asyncio.AbstractEventLoop,
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
        super().__init__(
            sock,
            loop=loop,
            outbox_max_bytes=outbox_max_bytes,
            budget=budget,
            traffic=traffic,
            paced_callbacks=paced_callbacks,
            clock=clock,
            deflater=deflater,
        )
        self._reader = FrameParser(max_message_bytes=max_message_bytes, deflates=inflation is not None)
        self._frame_budget = frame_budget
        self._inflation = inflation
        self._backlog: list[Incoming] | None = None  # cut from what was read, and undelivered when reading was paused
        self._is_listening = False  # whether the loop watches the socket for input
        self._is_turn_scheduled = False  # whether the next loop turn goes on with what was read
        self._ping_payload: bytes | None = None  # of the newest ping that is not answered yet
        self._discarded_bytes = 0
        self._peer_close_code: int | None = None  # of a Close that was received, perhaps behind undelivered messages
        self._probed_at_bytes = 0  # the `received_bytes` up to which the held frames contain no Close
        self._is_input_over = False
        self.received_bytes = 0  # read from this socket so far
        self.chunk_at = 0  # `received_bytes` before the recv that brought what is delivered now
        self.last_received_at = clock()
        self.gone_since = 0.0  # since when the peer sends nothing more, or cannot be reached; 0.0: it is there
        self.close_code = ABNORMAL
        self.reading_paused = False
        self.owner = make_owner(self)  # which may keep the link, and must not use it yet

    def start(self) -> None:
        """Begin to read, and to deliver to the owner."""
        self._listen()

    def trust(self) -> None:
        """The peer has authenticated: give it the whole frame budget."""
        if self._frame_budget is not None:
            self._frame_budget.trust()

    @property
    def has_peer(self) -> bool:
        """Whether the peer is still there: neither side has begun to close, and the socket has not failed."""
        return self.is_open and not self.gone_since

    @property
    def arrived_bytes(self) -> int:
        """How many bytes of the peer have arrived: those that were read, and those that the kernel still holds."""
        return self.received_bytes + (unread_bytes(self._sock) if self._sock is not None else 0)

    @abstractmethod
    def _end_input(self) -> None:
        """The peer has sent a Close or its end of the stream, and all that came before is delivered."""

    @abstractmethod
    def _notify_peer_gone(self) -> None:
        """Call the owner's `on_peer_gone`, unless the link has ended."""

    # ---- reading and delivering ----------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(RECV_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end_input()
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
        text = reader.whole_text(data)
        if text is not None:
            if budget is None or budget.admits(1, self.last_received_at) or self._may_flood():
                self.owner.on_text(text)
            return
        items = reader.feed(data, MAX_FRAMES_PER_TURN)
        if budget is None or budget.admits(reader.frames, self.last_received_at) or self._may_flood():
            self._deliver(items)
            if reader.is_held or self._backlog is not None:
                self._schedule_turn()

    def _may_flood(self) -> bool:
        self.owner.on_flood()
        return self.may_begin

    def _deliver(self, items: list[Incoming]) -> None:
        owner = self.owner
        for index, item in enumerate(items):
            if self.reading_paused:
                self._keep_backlog(items[index:])
                break
            kind = item.kind
            if kind is _TEXT:
                owner.on_text(item.payload)
            elif kind is _DEFLATED:
                owner.on_text(item.payload, is_deflated=True)
            elif kind is _BINARY:
                owner.on_binary()
            elif kind is _CLOSE:
                self.close_code = self._peer_close_code = item.code
                self._end_input()
            elif kind is _FAILURE:
                self.close(item.code, item.payload.decode())
            elif kind is _PING:
                self._ping_payload = item.payload
            if self.closing_since or self._is_input_over:
                return
        ping_payload = self._ping_payload
        # Of several pings only the newest need be answered, RFC 6455 section 5.5.3
        if ping_payload is not None and not self._reader.is_held:
            self._ping_payload = None
            self.send(pong_frame(ping_payload))

    def _keep_backlog(self, items: list[Incoming]) -> None:
        self._backlog = items
        if self._peer_close_code is None:
            for item in items:
                if item.kind is _CLOSE:
                    self._peer_close_code = item.code
                    self._note_peer_gone(self._clock())
                    break

    def _note_peer_gone(self, since: float) -> None:
        """The peer has sent its Close or its end; messages before it are undelivered, so the input is not over yet."""
        if not self.gone_since:
            self.gone_since = since
            self._paced_callbacks.soon(self._notify_peer_gone)

    def check_peer_end(self, since: float) -> None:
        """While reading is paused: find out whether the peer has ended behind what is undelivered.

        If so, `gone_since` becomes `since`, or the time of the last recv if that is later. A Close is found among the
        bytes that were read; among those that the kernel holds only the end of the stream is.
        """
        if self._sock is None or self.gone_since or not self.reading_paused:
            return
        if self._reader.is_held and self._probed_at_bytes != self.received_bytes:
            self._probed_at_bytes = self.received_bytes
            self._peer_close_code = self._reader.close_ahead()
        if self._peer_close_code is not None or has_peer_ended(self._sock):
            self._note_peer_gone(max(since, self.last_received_at))

    def _discard_input(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self._stop_listening()  # the pool's sweep aborts the link

    # ---- turns and pauses ----------------------------------------------------------------------------------------

    def _schedule_turn(self) -> None:
        """Go on with what was read in the next loop turn, and do not read from the kernel until then.

        A peer that floods is slowed down by that, and the other links have their turn.
        """
        self._stop_listening()
        if not self.reading_paused and not self._is_turn_scheduled:
            self._is_turn_scheduled = True
            self._loop.call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._is_turn_scheduled = False
        if self.reading_paused or not self.may_begin or self._is_input_over:
            return
        backlog, self._backlog = self._backlog, None
        if backlog is not None:
            self._deliver(backlog)
        else:
            items, budget = self._reader.resume(MAX_FRAMES_PER_TURN), self._frame_budget
            if budget is None or budget.admits(self._reader.frames, self.last_received_at) or self._may_flood():
                self._deliver(items)
        self._continue_reading()

    def _continue_reading(self) -> None:
        """Schedule the delivery of what was read already; if nothing is left of it, read from the kernel again."""
        if self.reading_paused or not self.may_begin or self._is_input_over:
            return
        if self._backlog is not None or self._reader.is_held:
            self._schedule_turn()
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
        """Stop reading and delivering, so that the peer's sends fill up: back-pressure."""
        if self.may_begin and not self.reading_paused and not self._is_input_over:
            self.reading_paused = True
            self._stop_listening()

    def resume_reading(self) -> None:
        """Deliver what is undelivered, from the next loop turn on, then read again, unless the owner pauses again."""
        if self.reading_paused and self.may_begin:
            self.reading_paused = False
            self.last_received_at = self._clock()  # the silence was ours: the peer must not be closed for it
            self._continue_reading()

    # ---- compressed texts ----------------------------------------------------------------------------------------

    async def inflate(self, deflated: bytes, *, is_stranger: bool) -> bytes | None:
        """Inflate a compressed text; pass the size of the result to `release_inflated` once it is handled.

        Returns None if it is no valid text or too large; then the link is closed.
        """
        assert self._inflation is not None
        try:
            return await self._inflation.text(deflated, is_stranger=is_stranger)
        except WireError as failure:
            self.close(failure.code, failure.reason)
            return None

    def release_inflated(self, size: int) -> None:
        """An inflated text of `size` bytes is handled: give its share of the budget back."""
        assert self._inflation is not None
        self._inflation.release(size)
