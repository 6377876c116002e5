"""Sends one request again and again on several connections at once, from a process of its own, and counts the replies.

Each connection sends its next request when the reply to the last has come (a closed loop). The client does as little as
it can: it sends the same bytes each time, and of a reply it reads the status and the length.
"""

from __future__ import annotations

import multiprocessing
import selectors
import signal
import socket
import time
from multiprocessing.connection import Connection as Pipe

import msgspec

from bench.errors import BenchError
from bench.rest_client import Address

_RECEIVE_BYTES = 262_144
_WITHIN_S = 20
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class RequestLoad(msgspec.Struct, frozen=True):
    """What came of a stretch of load. `cpu_s` is the client's; `refused` are the replies that were no success."""

    replies: int
    refused: int
    seconds: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        return self.replies / self.seconds

    @property
    def client_percent(self) -> float:
        """The client's share of a core: near 100 it was the client that limited the rate."""
        return 100 * self.cpu_s / self.seconds


def get_request(address: Address, path: str, token: str | None) -> bytes:
    """The bytes of a GET request on a connection that is kept."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {address.host}:{address.port}"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def send(address: Address, request: bytes, *, connections: int, seconds: float) -> RequestLoad:
    """Send `request` for so long on so many connections. Raises BenchError where a connection is lost."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    client = context.Process(target=_run, args=(theirs, address, request, connections, seconds), daemon=True)
    client.start()
    theirs.close()
    try:
        if not ours.poll(seconds + _WITHIN_S):
            raise BenchError("the client of the requests did not end in time")
        done: RequestLoad | str = ours.recv()
    except EOFError as error:
        raise BenchError("the client of the requests died") from error
    finally:
        ours.close()
        client.join(5)
        if client.is_alive():
            client.kill()
            client.join()
        client.close()
    if isinstance(done, str):
        raise BenchError(done)
    return done


def _run(pipe: Pipe, address: Address, request: bytes, connections: int, seconds: float) -> None:
    """In the client's process: send a RequestLoad, or what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pipe.send(_load(address, request, connections, seconds))
    except OSError as error:
        pipe.send(f"a connection was lost: {type(error).__name__}: {error}")


def _load(address: Address, request: bytes, connections: int, seconds: float) -> RequestLoad:
    replies = refused = 0
    with selectors.DefaultSelector() as selector:
        socks = [socket.create_connection((address.host, address.port), timeout=_WITHIN_S) for _ in range(connections)]
        try:
            for sock in socks:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, ReplyReader())
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            until_s = began_s + seconds
            for sock in socks:
                sock.sendall(request)
            while time.perf_counter() < until_s:
                for key, _ in selector.select(_WITHIN_S) or _no_reply():
                    sock = key.fileobj  # type: ignore[assignment]
                    status = key.data.take(sock.recv(_RECEIVE_BYTES))
                    if status is None:
                        continue
                    replies += 1
                    refused += not 200 <= status < 300
                    sock.sendall(request)
            return RequestLoad(replies, refused, time.perf_counter() - began_s, time.process_time() - began_cpu_s)
        finally:
            for sock in socks:
                sock.close()


def _no_reply() -> list[tuple[selectors.SelectorKey, int]]:
    raise TimeoutError(f"no reply in {_WITHIN_S} s")


class ReplyReader:
    """Cuts the replies out of what one connection receives; each has a Content-Length."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._length: int | None = None  # of the whole reply, once its head is there

    def take(self, data: bytes) -> int | None:
        """Take what was received; returns the status once a reply is complete. Raises ConnectionError at its end."""
        if not data:
            raise ConnectionError("closed by the server")
        received = self._received
        received += data
        if self._length is None:
            end = received.find(_HEAD_END)
            if end < 0:
                return None
            self._length = end + len(_HEAD_END) + _content_length(bytes(received[:end]))
        if len(received) < self._length:
            return None
        status = int(received[9:12])
        del received[: self._length]
        self._length = None
        return status


def _content_length(head: bytes) -> int:
    """Raises ConnectionError where there is none."""
    _, found, rest = head.lower().partition(_LENGTH)
    if not found:
        raise ConnectionError("a reply without Content-Length")
    return int(rest.partition(b"\r\n")[0])
