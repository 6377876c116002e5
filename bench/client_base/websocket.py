"""A client's side of a WebSocket: the upgrade and the control frames. What a server's texts mean is a subclass's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping

from bench.client_base.nonblocking_socket import NonBlockingSocket
from client import frames, upgrade

MASK = os.urandom(4)  # one per process: masking is there for intermediaries, and there are none here


class WebSocket(NonBlockingSocket):
    """Its upgrade is asked for. What comes goes to `_take_data(data, now_ns)`: the head of the reply at first, then
    frames, for which `_on_upgraded` sets it. `_rest`: what came of a frame that is not whole.
    """

    __slots__ = ("_rest", "_take_data")

    def __init__(self, address: tuple[str, int], path: str, headers: Mapping[str, str]) -> None:
        host = "{}:{}".format(*address)
        super().__init__(address, unsent=upgrade.upgrade_request(host, path, headers, key=upgrade.new_key()))
        self._rest = b""
        self._take_data: Callable[[bytes, int], None] = self._on_head

    def send_text(self, payload: bytes) -> None:
        """Send one text frame."""
        self._write(frames.client_frame(frames.TEXT, payload, mask=MASK))

    def _send_close(self) -> None:
        with contextlib.suppress(OSError):  # the socket is closed next
            self.sock.send(frames.client_frame(frames.CLOSE, frames.close_payload(1000), mask=MASK))

    def _on_head(self, data: bytes, now_ns: int) -> None:
        head, found, rest = (self._rest + data).partition(b"\r\n\r\n")
        if not found:
            self._rest += data
            return
        self._rest = b""
        if upgrade.status_of(head) != 101:
            self._on_refused(head)
            return
        self._on_upgraded(now_ns)
        if rest and self.is_open:
            self._take_data(rest, now_ns)

    def _on_refused(self, head: bytes) -> None:
        self.fail(f"no upgrade: {head[:80].splitlines()[0].decode('latin-1')}")

    def _on_upgraded(self, now_ns: int) -> None:
        raise NotImplementedError

    def _on_control(self, first: int, payload: bytes) -> None:
        """A frame that is no text."""
        if first == frames.FINAL_PING:
            self._write(frames.client_frame(frames.PONG, payload, mask=MASK))
        elif first == frames.FINAL_CLOSE:
            code, reason = int.from_bytes(payload[:2], "big"), payload[2:80].decode(errors="replace")
            self.fail(f"closed with {code} {reason}".rstrip())
        elif first != frames.FINAL_PONG:
            self.fail(f"the server sent a fragment, or a frame that is none (first byte 0x{first:02x})")
