"""Parses origins and hosts of headers and settings, and compares them (RFC 6454). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

from common.number_parsing import whole_number

DEFAULT_PORTS = {"http": 80, "https": 443}
PORT_MAX = 65_535
HOST_MAX_CHARS = 255
ORIGIN_MAX_CHARS = 300  # of a scheme, a host and a port; bounded because a reply repeats an allowed origin
ANY = "*"

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_SERIALIZED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[\x21-\x7e]+")


class Host(Struct, frozen=True):
    """A host in lower case without a trailing dot, IPv6 in brackets; `port` is None if the text has none."""

    name: str
    port: int | None


class Origin(Struct, frozen=True):
    """A tuple origin (RFC 6454 section 4); `port` is the scheme's default if the text has none."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return the serialization of browsers, without a default port."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port != DEFAULT_PORTS[self.scheme] else "")


def parse_host(text: str) -> Host:
    """Parse `host`, `host:port` or `[address]:port`, the forms of a Host header. Raises ValueError for other texts."""
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
    if labels[-1].isdigit():  # the URL standard parses a host whose last label is a number as an IPv4 address
        return str(IPv4Address(name))
    return name


def _port(text: str) -> int:
    port = whole_number(text)
    if not 1 <= port <= PORT_MAX:
        raise ValueError("not a port")
    return port


def parse_origin(text: str) -> Origin:
    """Parse `scheme://host[:port]` of http or https.

    Raises ValueError for every other text, also for origins that no browser sends.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise ValueError("not an origin")
    host = parse_host(rest)
    return Origin(scheme, host.name, DEFAULT_PORTS[scheme] if host.port is None else host.port)


def origin_allowed(text: str, host: str, allowed: Collection[str], scheme: str | None = None) -> bool:
    """Whether the origin `text` is the server's own or one of `allowed`, where `*` allows every origin but `null`.

    `allowed` are texts as str(Origin) returns them. The server's own origin is the Host header `host` with `scheme`, or
    with the scheme of `text` if no trusted proxy forwarded one (None).
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
    """Whether a host is an IP address rather than a name."""
    return host.name.startswith("[") or host.name.rpartition(".")[2].isdigit()
