"""A client's TCP socket that never blocks: connect, send what the kernel takes, keep the rest. Owns the socket.

Whoever watches it calls `on_writable` when the kernel has room, or the connect has ended.
"""

from __future__ import annotations

import socket

# Below glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD (128 KiB, see mallopt(3)): of 256 KiB each recv() could take the
# memory from the kernel and give it back, 18 µs instead of 3, or not, depending on what lay above it in the heap.
_RECEIVE_BYTES = 65_536


class NonBlockingSocket:
    """A subclass says how it is watched for room to write (`_watch_writing`), and what an error means (`fail`)."""

    __slots__ = ("_unsent", "is_open", "sock")

    def __init__(self, address: tuple[str, int], *, unsent: bytes = b"") -> None:
        """Begin to connect; `unsent` is sent first."""
        self.is_open = True
        self._unsent = unsent
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(address)

    @property
    def is_blocked(self) -> bool:
        """Whether bytes wait for room in the kernel."""
        return bool(self._unsent)

    def on_writable(self) -> None:
        """Continue to send."""
        try:
            self._unsent = self._unsent[self.sock.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(f"could not send: {error}")
            return
        if not self._unsent:
            self._watch_writing(wanted=False)

    def _receive(self, *, at_end: str) -> bytes | None:
        """What has come; None where nothing has, or the connection is over, which `at_end` says of its regular end."""
        try:
            chunk = self.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            self.fail(f"ended: {error}")
            return None
        if not chunk:
            self.fail(at_end)
            return None
        return chunk

    def _write(self, data: bytes) -> None:
        """Send now what the kernel takes, the rest when it has room."""
        if not self.is_open:
            return
        if not self._unsent:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self.fail(f"could not send: {error}")
                return
            if not data:
                return
            self._watch_writing(wanted=True)
        self._unsent += data

    def _watch_writing(self, *, wanted: bool) -> None:
        raise NotImplementedError

    def fail(self, why: str) -> None:
        """Close the socket, and say why to whom it concerns."""
        raise NotImplementedError
