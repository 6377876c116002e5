"""Origins and hosts: read from headers and settings, compared as RFC 6454 says.

Pure; settings and handlers use it alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

from common.number_parsing import whole_number

DEFAULT_PORTS = {"http": 80, "https": 443}
PORT_MAX = 65_535
HOST_MAX_CHARS = 255
ORIGIN_MAX_CHARS = 300  # a scheme, a host and a port: an origin that is let in comes back in a reply's head
ANY = "*"

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_SERIALIZED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[\x21-\x7e]+")


class Host(Struct, frozen=True):
    """A host without case and trailing dot, IPv6 in brackets, and its port, None where it names none."""

    name: str
    port: int | None


class Origin(Struct, frozen=True):
    """A tuple origin (RFC 6454 section 4); its port is always there."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """As a browser writes it: a default port is left out."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port != DEFAULT_PORTS[self.scheme] else "")


def parse_host(text: str) -> Host:
    """`host`, `host:port`, `[address]:port`, as a Host header has them. Raises ValueError for anything else."""
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        name = f"[{IPv6Address(inner)}]"
        if not bracket or "%" in inner or (rest and not rest.startswith(":")):
            raise ValueError("not a host")
        return Host(name, _port(rest[1:]) if rest else None)
    name, colon, port = text.partition(":")
    return Host(_name(name), _port(port) if colon else None)


def _name(text: str) -> str:
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > HOST_MAX_CHARS or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("not a host")
    if labels[-1].isdigit():  # ASCII by now: the URL standard reads what ends in a number as an IPv4 address
        return str(IPv4Address(name))
    return name


def _port(text: str) -> int:
    port = whole_number(text)
    if not 1 <= port <= PORT_MAX:
        raise ValueError("not a port")
    return port


def parse_origin(text: str) -> Origin:
    """`scheme://host[:port]` of http or https.

    Raises ValueError for anything else, also for what no browser sends as one.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise ValueError("not an origin")
    host = parse_host(rest)
    return Origin(scheme, host.name, DEFAULT_PORTS[scheme] if host.port is None else host.port)


def origin_allowed(text: str, host: str, allowed: Collection[str], scheme: str | None = None) -> bool:
    """Whether a page of the origin `text` may talk to us: it is our own, or listed in `allowed`, where * is any but
    `null`.

    `allowed` are written as str(Origin) writes them. Our own is what the request's Host names, by `scheme`, or where no
    trusted proxy named one (None) by the origin's.
    """
    if len(text) > ORIGIN_MAX_CHARS:
        return False
    if ANY in allowed and _SERIALIZED.fullmatch(text):
        return True
    try:
        origin = parse_origin(text)
    except ValueError:
        return False
    if str(origin) in allowed:
        return True
    try:
        own = parse_host(host)
    except ValueError:
        return False
    own_scheme = origin.scheme if scheme is None else scheme
    return origin == Origin(own_scheme, own.name, DEFAULT_PORTS[own_scheme] if own.port is None else own.port)


def is_address(host: Host) -> bool:
    """Whether a host is an IP address, not a name."""
    return host.name.startswith("[") or host.name.rpartition(".")[2].isdigit()
