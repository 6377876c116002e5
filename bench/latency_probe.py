"""Measures the latency of a ping and of a `heartbeat` command on a connection of its own during another measurement.

The probe is a thread of the bench's own process, which is otherwise idle, so a busy client process does not look like a
slow server. The server replies to a ping as soon as it reads it: the latency is the event loop's lag and the round
trip. A command is queued behind others.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque

import msgspec

from bench.client import chat_messages
from bench.client_base.blocking_websocket import receive, upgraded
from bench.errors import BenchError
from bench.histogram import Histogram
from bench.rest_client import Address
from client import frames
from client.frames import FrameError

_EVERY_MS = 50
_PINGS_MAX = 10_000


class ProbeLatencies(msgspec.Struct, frozen=True):
    """Times from the due time of a ping or a heartbeat to its reply."""

    ping: Histogram
    heartbeat: Histogram


class LatencyProbe:
    """A context manager: sends a ping each `every_ms`, and a `heartbeat` if the last was replied to: more would queue.

    Raises BenchError on leaving where the connection was lost.
    """

    def __init__(self, address: Address, token: str, *, every_ms: int = _EVERY_MS) -> None:
        self._latencies = ProbeLatencies(Histogram(), Histogram())
        self._from_ns = self._until_ns = 0
        self._every_ns = every_ms * 1_000_000
        self._address = address
        self._token = token
        self._pings_ns: deque[int] = deque(maxlen=_PINGS_MAX)  # when those without an answer were due
        self._heartbeat_due_ns = 0  # when the heartbeat that has no answer was due; 0: there is none
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-probe", daemon=True)
        self._error: str | None = None
        self._sock: socket.socket | None = None
        self._rest = b""

    def __enter__(self) -> LatencyProbe:
        try:
            self._sock, self._rest = upgraded(self._address, self._token)
        except (OSError, BenchError) as error:
            self._close()
            raise BenchError(f"the probe could not connect: {error}") from error
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._over.set()
        self._thread.join()
        self._close()
        if self._error is not None and error is None:
            raise BenchError(f"the probe: {self._error}")

    def measure(self, seconds: float) -> ProbeLatencies:
        """The latencies of pings and heartbeats that are due within `seconds` from now.

        They are filled in as replies arrive, and complete after the last reply.
        """
        latencies = ProbeLatencies(Histogram(), Histogram())
        now_ns = time.monotonic_ns()
        self._latencies, self._from_ns, self._until_ns = latencies, now_ns, now_ns + int(seconds * 1e9)
        return latencies

    def _close(self) -> None:
        if self._sock is not None:
            self._sock.close()

    def _run(self) -> None:
        assert self._sock is not None
        try:
            self._send_and_receive(self._sock)
        except (OSError, BenchError, FrameError, msgspec.MsgspecError) as error:
            self._error = f"{type(error).__name__}: {error}"

    def _send_and_receive(self, sock: socket.socket) -> None:
        rest = self._rest
        ask = frames.client_frame(frames.TEXT, chat_messages.heartbeat_command())
        due_ns = time.monotonic_ns()
        while not self._over.is_set():
            now_ns = time.monotonic_ns()
            while due_ns <= now_ns:
                self._pings_ns.append(due_ns)
                sock.sendall(frames.client_frame(frames.PING, due_ns.to_bytes(8, "big")))
                if not self._heartbeat_due_ns:
                    self._heartbeat_due_ns = due_ns
                    sock.sendall(ask)
                due_ns += self._every_ns
            sock.settimeout((due_ns - now_ns) / 1e9)
            with contextlib.suppress(TimeoutError):
                rest = self._take_frames(rest + receive(sock))

    def _take_frames(self, data: bytes) -> bytes:
        now_ns = time.monotonic_ns()
        whole, rest = frames.split_frames(data)
        for first, payload in whole:
            if first == frames.FINAL_TEXT:
                event = chat_messages.decode_event(payload)
                if isinstance(event, chat_messages.Reply) and event.event == "error":
                    raise BenchError(f"a heartbeat was refused: {chat_messages.decode_error(event.data).code}")
                if isinstance(event, chat_messages.Reply) and event.event == "ack":
                    # Those that were due while this one waited were not sent, and would have waited, too.
                    for due_ns in range(self._heartbeat_due_ns, now_ns, self._every_ns):
                        self._record(self._latencies.heartbeat, due_ns, now_ns)
                    self._heartbeat_due_ns = 0
            # A peer may answer only the newest of many (RFC 6455 section 5.5.3): the others waited as long
            elif first == frames.FINAL_PONG:
                while self._pings_ns and self._pings_ns[0] <= int.from_bytes(payload, "big"):
                    self._record(self._latencies.ping, self._pings_ns.popleft(), now_ns)
            elif first == frames.FINAL_CLOSE:
                raise BenchError(f"closed with {int.from_bytes(payload[:2], 'big')}")
        return rest

    def _record(self, latencies: Histogram, due_ns: int, now_ns: int) -> None:
        if self._from_ns <= due_ns < self._until_ns:
            latencies.add((now_ns - due_ns) // 1000)
