"""Who asks: the client's address behind trusted proxies, and the origins that may."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from limits.addresses import Network, is_within

ORIGIN_MAX_CHARS = 300  # a scheme, a host of 255 and a port: an origin that is let in comes back in a reply's head


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The rightmost X-Forwarded-For entry that is no trusted proxy, believed only if the peer is one; else the peer.

    `forwarded_for` are the header's values in their order, each possibly a list. An entry that is no address ends the search: what
    stands left of it was written by whoever wrote that.
    """
    address = peer
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    while is_within(address, trusted) and hops:
        hop = hops.pop()
        try:
            address = str(ip_address(hop))
        except ValueError:
            break
    return address


def origin_allowed(origin: str, host: str, allowed: Sequence[str]) -> bool:
    """Whether a page of `origin` may talk to us: it is our own (its host and port are the request's), or listed."""
    if len(origin) > ORIGIN_MAX_CHARS:
        return False
    if origin in allowed or "*" in allowed:
        return True
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(netloc) and netloc.lower() == host.lower()
