"""Finds free ports to listen on, outside the range from which the kernel assigns ports to outgoing connections."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LINUX_DEFAULT = "32768 60999"
_LEAST = 10_000  # ports below are those of well-known services
_ENOUGH = 100


def beyond(ephemeral: str) -> range:
    """Return the larger range below or above `ephemeral` (its first and last port).

    If that has fewer than _ENOUGH ports, return all ports from _LEAST on.
    """
    try:
        low, high = map(int, ephemeral.split())
    except ValueError:
        return beyond(_LINUX_DEFAULT)
    found = max(range(_LEAST, low), range(high + 1, 65_536), key=len)
    return found if len(found) >= _ENOUGH else range(_LEAST, 65_536)


def free_port(*, ports: Sequence[int] | None = None, taken: Collection[int] = (), in_a_row: int = 1) -> int:
    """Return a loopback port on which nothing listens now; with `in_a_row`, the first of that many consecutive ports.

    It is one of `ports`, by default of those outside the kernel's ephemeral range, and none of `taken`.
    """
    if ports is None:
        ports = _beyond_ephemeral()
    while True:
        first = secrets.choice(ports[: len(ports) - in_a_row + 1])
        wanted = range(first, first + in_a_row)
        if not any(port in taken for port in wanted):
            with ExitStack() as probes, suppress(OSError):
                for port in wanted:
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
                return first


def _beyond_ephemeral() -> range:
    ephemeral = _LINUX_DEFAULT
    with suppress(OSError):
        ephemeral = _EPHEMERAL.read_text()
    return beyond(ephemeral)
