"""What addresses are counted as, and in which networks they are. Knows no header and no proxy: an address passed in is the client's own."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

ADDRESS_MAX_CHARS = 64


def fold_address(address: str) -> str:
    """Return the limiter's key of a client address: IPv4 whole, IPv6 by /64 (one customer's), IPv4-mapped as IPv4.

    What is no address (a unix socket's name) is its own key, cut short.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:ADDRESS_MAX_CHARS]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, 64), strict=False))


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks; what is no address does not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed.version == network.version and parsed in network for network in networks)
