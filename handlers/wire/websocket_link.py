"""One WebSocket connection on its socket: how it ends.

Sending is in websocket_sender.py, receiving in websocket_receiver.py. The three classes are
layers of one object, so that splitting them adds no call to the path of a send or a read.
"""

from __future__ import annotations

import contextlib
import socket

from handlers.wire.server_frames import close_frame
from handlers.wire.websocket_receiver import OwnerT, WebSocketReceiver
from handlers.wire.websocket_sender import TOO_SLOW

_NO_STATUS = 1005  # the peer's Close has no code (RFC 6455 section 7.1.5), so ours has none either
_CLOSE_WITHOUT_CODE = b"\x88\x00"


class WebSocketLink(WebSocketReceiver[OwnerT]):
    """A WebSocket connection after its 101: the socket, where the session is the conversation on it.

    The socket is non-blocking; times are seconds of `clock`; sizes are bytes. A link has no task and no timer of its
    own: the pool's sweep reads `last_received_at`, `ping_sent_at`, `gone_since` and `closing_since`, and acts on them.
    The send methods never raise and never call the owner: when a socket fails, the owner is notified in a later loop
    turn.
    """

    __slots__ = ()

    @property
    def is_over(self) -> bool:
        """Whether the socket is closed."""
        return self._sock is None

    # ---- the peer ends -------------------------------------------------------------------------------------------

    def _end_input(self) -> None:
        """A Close, the end of the stream or a reset came: the owner handles what preceded it, then calls `finish`."""
        self._stop_listening()
        self._reader.forget()
        if self.closing_since:
            self._is_input_over = True
            if self._outbox is None:  # otherwise the peer may still read the outbox, and our Close behind it
                self._paced_callbacks.soon(self._end)
        elif not self._is_input_over:
            self._is_input_over = True
            self.gone_since = self.gone_since or self._clock()
            self._paced_callbacks.soon(self._notify_input_over)

    def _notify_input_over(self) -> None:
        self._notify_peer_gone()
        if self.may_begin:
            self.owner.on_input_over()

    def _notify_peer_gone(self) -> None:
        if self._sock is not None:
            self.owner.on_peer_gone()

    def finish(self) -> None:
        """Everything before the end of the input is handled: send what waits, answer the peer's Close, and end."""
        if not self.may_begin:
            return
        code = self._peer_close_code
        if self._has_failed:
            self._end()
        elif code is not None:
            self._is_input_over = True  # also if messages before the Close were given up: after it nothing is read
            self._stop_listening()
            has_code = code >= 1000 and code != _NO_STATUS
            self._send_close(code, close_frame(code) if has_code else _CLOSE_WITHOUT_CODE)
        elif self._is_input_over and self._outbox is None:
            self._end()
        else:  # a peer that has ended only its sending may still read
            self._begin_closing()
            if self._outbox is None:
                self._outbox_drained()  # not closed yet: with unread input that would be a reset, and lose answers

    # ---- we end --------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake (RFC 6455 section 7.1.2): the outbox, then Close, then FIN.

        With 4413 the outbox is discarded, except a send that has begun. From now on input is discarded; the pool's
        sweep aborts the link if the peer never ends. If the socket has failed the link ends in a later loop turn.
        """
        if not self.may_begin:
            return
        if self._has_failed:
            self.may_begin = False
            self.closing_since = self._clock()
            self._paced_callbacks.soon(self._end)
        else:
            self._send_close(code, close_frame(code, reason))

    def _send_close(self, code: int, frame: bytes) -> None:
        assert self._sock is not None
        self.close_code = code
        if self.has_peer:
            self._paced_callbacks.soon(self._notify_peer_gone)
        self._begin_closing()
        if self._outbox is not None:
            if code == TOO_SLOW:
                count, discarded_bytes = self._outbox.discard_all()
                self._shrink(discarded_bytes)
                self._traffic.dropped_slow += count
            self._outbox.append(frame, ephemeral=False)
            self._grow(len(frame))
            return
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._fail()
            return
        self._traffic.sent_bytes += sent
        if sent < len(frame):
            self._start_outbox(frame, sent)
        else:
            self._outbox_drained()

    def _begin_closing(self) -> None:
        """Start no command and accept nothing to be sent from now on.

        `_outbox_drained` goes on once the kernel has taken the outbox; the sweep aborts a peer that never reads it.
        """
        self.may_begin = False
        self.closing_since = self._clock()
        self._backlog = None
        self._reader.forget()
        self.reading_paused = False
        if not self._is_input_over:
            self._listen()  # for the end of the peer's stream

    def _outbox_drained(self) -> None:
        if not self.closing_since or self._sock is None:
            return
        if self._is_input_over:
            self._paced_callbacks.soon(self._end)
            return
        try:
            # FIN, so that the peer reads the Close and then the end; close() now could send a reset that loses both
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._fail()

    # ---- the socket ends -----------------------------------------------------------------------------------------

    def _fail(self) -> None:
        """The socket has failed: send nothing more, read what the kernel holds up to its end, then end."""
        if self._has_failed:
            return
        self._has_failed = True
        self._release_outbox()
        if self.closing_since:
            self._paced_callbacks.soon(self._end)
            return
        if not self.gone_since:
            self.gone_since = self._clock()
            self._paced_callbacks.soon(self._notify_peer_gone)
        assert self._sock is not None
        with contextlib.suppress(OSError):  # mostly the kernel has shut it down already
            self._sock.shutdown(socket.SHUT_RD)  # the loop reads what the kernel holds, and then the end

    def cut_off(self) -> None:
        """Discard the outbox at once, even a send that has begun; the link ends in a later loop turn.

        Only for a link that is closing.
        """
        if self._outbox is not None:
            self._traffic.dropped_slow += self._outbox.count_messages()
        self._fail()

    def abort(self) -> None:
        """Close the socket at once, without a handshake. No effect where it is closed."""
        self.was_aborted = self.was_aborted or self._sock is not None
        self._has_failed = True
        self._end()

    def _end(self) -> None:
        sock = self._sock
        if sock is None:
            return
        self._stop_listening()
        self._release_outbox()
        self._sock = None
        self.may_begin = False
        sock.close()
        self._backlog = None
        # Link and session refer to each other: what the reader holds would stay until the garbage collector runs
        self._reader.forget()
        self.owner.on_closed(self.close_code)
