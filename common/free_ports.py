"""Ports to listen on that nobody has and nobody is given:
none of those that the kernel gives to outgoing connections.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LINUX_DEFAULT = "32768 60999"
_LEAST = 10_000  # below are those that services are known by
_ENOUGH = 100


def beyond(ephemeral: str) -> range:
    """The larger of what lies below and above `ephemeral`, two numbers; all of them where that is next to nothing."""
    try:
        low, high = map(int, ephemeral.split())
    except ValueError:
        return beyond(_LINUX_DEFAULT)
    found = max(range(_LEAST, low), range(high + 1, 65_536), key=len)
    return found if len(found) >= _ENOUGH else range(_LEAST, 65_536)


def free_port(*, taken: Collection[int] = ()) -> int:
    """A loopback port that is free now, and will not be somebody's end of a connection in a moment."""
    ephemeral = _LINUX_DEFAULT
    with suppress(OSError):
        ephemeral = _EPHEMERAL.read_text()
    ports = beyond(ephemeral)
    while True:
        port = secrets.choice(ports)
        if port not in taken:
            with socket.socket() as probe, suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
