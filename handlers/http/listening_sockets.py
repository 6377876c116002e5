"""The listening sockets: paced, and paused while the process has no descriptors left.

Tornado accepts up to 128 connections in one loop turn, whose requests then arrive in one turn too. While 5,000 clients
connected, the 99th percentile of the heartbeat delay was 38 ms and its maximum 66 ms. With paced accepts, and a young
generation of the garbage collector a fifth of the size, they were 13 to 15 ms and 30 ms, for a tenth fewer connects a
second.

A connection that cannot be accepted stays in the kernel's queue and keeps the listening socket readable: retried each
loop turn, it takes the whole core. So accepting pauses, while some descriptors are left, because uploads, upgrades and
Redis need descriptors too.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets

ACCEPTS_A_TURN = 16
BACKLOG = 4096
PAUSE_S = 1.0
WARN_EVERY_S = 60.0
RESERVED_MAX = 64
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
EVERY_ADDRESS = ip_address("::")
NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

log = logging.getLogger("http")


class Pauses:
    """Counts the pauses of accepting, and logs them at most once a minute."""

    def __init__(self) -> None:
        self._unlogged = 0
        self._logged_at_s = -WARN_EVERY_S

    def count(self, reason: str, limit: int) -> None:
        """Count one pause; `limit` is the number of descriptors the process may open."""
        self._unlogged += 1
        now_s = time.monotonic()
        if now_s - self._logged_at_s >= WARN_EVERY_S:
            fields = {"reason": reason, "limit": limit, "pauses": self._unlogged}
            log.warning("accepting pauses: no descriptors for new connections", extra={"fields": fields})
            self._unlogged, self._logged_at_s = 0, now_s


class PacedListener(socket.socket):
    """A listening socket that accepts at most ACCEPTS_A_TURN connections in a loop turn.

    It pauses for PAUSE_S when the kernel has no descriptors left, or when the process has fewer free than its reserve:
    an eighth of `descriptors_max`, at most RESERVED_MAX. Tornado's handler must be on the loop that calls `accept`.
    """

    def __init__(self, fileno: int, *, descriptors_max: int, pauses: Pauses) -> None:
        super().__init__(fileno=fileno)
        self._left = ACCEPTS_A_TURN
        self._descriptors_max = descriptors_max
        self._full_at = descriptors_max - min(RESERVED_MAX, descriptors_max // 8)
        self._pauses = pauses

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one connection. Raises BlockingIOError also at the end of a turn and before a pause."""
        if self._left == 0:
            self._left = ACCEPTS_A_TURN
            raise BlockingIOError
        self._left -= 1
        try:
            accepted = super().accept()
        except BlockingIOError:
            self._left = ACCEPTS_A_TURN
            raise
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self._pause(errno.errorcode[error.errno])
            raise BlockingIOError from error
        if accepted[0].fileno() >= self._full_at:  # the kernel assigns the lowest free descriptor
            self._pause("reserve")
        return accepted

    def _pause(self, reason: str) -> None:
        self._left = 0  # which ends this turn too
        self._pauses.count(reason, self._descriptors_max)
        loop = IOLoop.current()
        if self.fileno() in loop.handlers:  # type: ignore[attr-defined]
            loop.update_handler(self.fileno(), 0)
            loop.call_later(PAUSE_S, self._resume, loop)

    def _resume(self, loop: IOLoop) -> None:
        """Listen again if descriptors are free. A server that has removed its handler meanwhile restores it itself."""
        descriptor = self.fileno()
        if descriptor == -1 or descriptor not in loop.handlers:  # type: ignore[attr-defined]
            return
        if not self._has_room():
            self._pause("reserve")
            return
        self._left = ACCEPTS_A_TURN
        loop.update_handler(descriptor, IOLoop.READ)

    def _has_room(self) -> bool:
        with contextlib.suppress(OSError):
            lowest = os.dup(self.fileno())
            os.close(lowest)
            return lowest < self._full_at
        return False


def paced(sockets: Iterable[socket.socket], *, descriptors_max: int) -> list[socket.socket]:
    """Return the same listening sockets, paced; `descriptors_max` is how many descriptors the process may open."""
    pauses = Pauses()
    return [PacedListener(one.detach(), descriptors_max=descriptors_max, pauses=pauses) for one in sockets]


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Open sockets that listen at this address, or at the addresses of this name.

    `::` stands for all addresses, those of IPv4 included (RFC 3493 section 5.3). Raises OSError.
    """
    if not _is_every_address(host):
        return bind_sockets(port, address=host, backlog=BACKLOG)
    try:
        one = socket.create_server((host, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    except ValueError as error:
        raise OSError(
            "this machine has no IPv6 socket that takes IPv4, too; HOST=0.0.0.0 listens on IPv4 alone"
        ) from error
    except OSError as error:
        if error.errno in NO_IPV6:
            raise OSError(error.errno, "this machine has no IPv6; HOST=0.0.0.0 listens on IPv4 alone") from error
        raise
    one.setblocking(False)
    return [one]


def _is_every_address(host: str) -> bool:
    try:
        return ip_address(host) == EVERY_ADDRESS
    except ValueError:
        return False
