"""From the bytes that a server sends to RFC 6455 messages and control frames. Pure: knows no socket.

It is the state of one connection's input: an unfinished frame, and the fragments of an unfinished message.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import frames
from .frames import BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, TEXT, FrameError

CONTROL_MAX_BYTES = 125
MAX_FRAGMENTS = 4096  # empty fragments add no bytes, so the bound on bytes does not bound them
_RECEIVABLE_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}  # section 7.4


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text (`text`), a ping or pong (`payload`), or a Close (`code`, 1005 where it has none, and `text`, the reason).

    `opcode` is that of the message or control frame.
    """

    opcode: int
    text: str = ""
    payload: bytes = b""
    code: int = 0


class MessageReader:
    """Reads one connection's input. A text may have `max_bytes`, with all its fragments."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._fragments: list[bytes] | None = None

    def receive(self, data: bytes) -> list[Incoming]:
        """The messages and control frames that end within these bytes; nothing after a Close.

        Raises FrameError for what no server may send, binary messages included: then nothing more may be received.
        """
        whole, self._rest = frames.split_frames(self._rest + data if self._rest else data, max_bytes=self._max_bytes)
        found = []
        for first, payload in whole:
            one = self._take(first & 0x0F, bool(first & FINAL), payload)
            if one is not None:
                found.append(one)
                if one.opcode == CLOSE:
                    break
        return found

    def _take(self, opcode: int, final: bool, payload: bytes) -> Incoming | None:
        if opcode >= CLOSE:
            return self._control(opcode, final, payload)
        if opcode == CONTINUATION:
            return self._continue(final, payload)
        if self._fragments is not None:
            raise FrameError(frames.PROTOCOL_ERROR, "a message began within another")
        if opcode == BINARY:
            raise FrameError(1003, "the server sent a binary message")
        if opcode != TEXT:
            raise FrameError(frames.PROTOCOL_ERROR, f"the server sent a frame of opcode {opcode}")
        if final:
            return Incoming(TEXT, text=_decoded(payload))
        self._fragments = [payload]
        return None

    def _continue(self, final: bool, payload: bytes) -> Incoming | None:
        fragments = self._fragments
        if fragments is None:
            raise FrameError(frames.PROTOCOL_ERROR, "a continuation without a message")
        fragments.append(payload)
        if len(fragments) > MAX_FRAGMENTS or sum(map(len, fragments)) > self._max_bytes:
            raise FrameError(frames.TOO_BIG, "the server sent a message that is too large")
        if not final:
            return None
        self._fragments = None
        return Incoming(TEXT, text=_decoded(b"".join(fragments)))

    @staticmethod
    def _control(opcode: int, final: bool, payload: bytes) -> Incoming:
        if not final or len(payload) > CONTROL_MAX_BYTES or opcode not in (CLOSE, PING, PONG):
            raise FrameError(frames.PROTOCOL_ERROR, f"a control frame that is none (opcode {opcode})")
        if opcode != CLOSE:
            return Incoming(opcode, payload=payload)
        if not payload:
            return Incoming(CLOSE, code=frames.NO_STATUS)
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or code not in _RECEIVABLE_CODES:
            raise FrameError(frames.PROTOCOL_ERROR, "a Close without a valid code")
        return Incoming(CLOSE, text=_decoded(payload[2:]), code=code)


def _decoded(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise FrameError(frames.INVALID_TEXT, "the server sent a text that is not UTF-8") from error
