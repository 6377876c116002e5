"""IP addresses: parsing every textual form, the limiter's key of an address, membership in networks.

Knows no header and no proxy.

A parsed address is written in one form everywhere (`canonical`), so that texts can be compared. A text that is no
address becomes UNKNOWN, which is in no network; all of them share one key of the limiter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from common.number_parsing import whole_number
from limits.contract import Check

Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"
ADDRESS_MAX_CHARS = 64  # more than any address with zone, brackets, quotes and port has
PORT_MAX = 65_535
CUSTOMER_BITS = 64  # the smallest network that a provider gives one customer
NEIGHBOUR_BITS = 48  # the largest: 65,536 of the former
KEPT_MAX = 1024  # parsed texts: a request parses its peer's address five times, of which each took 4 µs

_MAPPED = IPv6Network("::ffff:0:0/96")
_ZONE = re.compile(r"%[^/]*")


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in a text as proxies write it; None where there is none.

    Quotes, brackets, a port and a zone are dropped (`"[2001:db8::1%eth0]:443"`, `203.0.113.7:4711`), and an IPv4-mapped
    one is the IPv4 address. The unspecified address (`0.0.0.0`, `::`) gives None: Tornado reports it for
    peers of a Unix socket.
    """
    return None if len(text) > ADDRESS_MAX_CHARS else _parsed(text)  # so that no long text is kept


@lru_cache(maxsize=KEPT_MAX)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if text.startswith("["):
        text, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not _is_port(rest)):
            return None
        return _plain(text, IPv6Address)
    if text.count(":") == 1:
        text, _, port = text.partition(":")
        return _plain(text, IPv4Address) if _is_port(":" + port) else None
    return _plain(text, IPv4Address, IPv6Address)


def _plain(text: str, *kinds: type[IPv4Address] | type[IPv6Address]) -> IPv4Address | IPv6Address | None:
    bare, zone, _ = text.partition("%")
    try:
        parsed = ip_address(bare)
    except ValueError:
        return None
    if not isinstance(parsed, kinds) or (zone and parsed.version == 4):
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return None if parsed.is_unspecified else parsed


def _is_port(text: str) -> bool:
    try:
        return text.startswith(":") and whole_number(text[1:]) <= PORT_MAX
    except ValueError:
        return False


def canonical(text: str) -> str:
    """Return the canonical text of the address in a text; UNKNOWN if it has none."""
    parsed = parse_address(text)
    return UNKNOWN if parsed is None else _text_of(parsed)


@lru_cache(maxsize=KEPT_MAX)  # so that the connections of an address share its text, too
def _text_of(address: IPv4Address | IPv6Address) -> str:
    return str(address)


def parse_network(text: str) -> Network:
    """Parse an address or CIDR; an IPv4-mapped one becomes IPv4, like addresses. Raises ValueError."""
    network = ip_network(_ZONE.sub("", text), strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = network.network_address.ipv4_mapped
        return IPv4Network((int(address or 0), network.prefixlen - 96))
    return network


def fold_address(address: str) -> str:
    """Return the limiter's key of a client address: IPv4 whole, IPv6 by /64 (one customer), IPv4-mapped as IPv4, a text
    that is no address as UNKNOWN.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, CUSTOMER_BITS), strict=False))
    return UNKNOWN if parsed is None else str(parsed)


def address_check(operation: str, address: str, *, prefix: str = "", cost: int = 1) -> Check:
    """Return the check of a limit by address; an IPv6 address is counted for its whole /48, too."""
    parsed = parse_address(address)
    wide = None
    if isinstance(parsed, IPv6Address):
        wide = f"{prefix}{IPv6Network((parsed, NEIGHBOUR_BITS), strict=False)}"
    return Check(operation, prefix + fold_address(address), cost, wide)


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an address lies in one of the networks; a text that is no address does not."""
    parsed = parse_address(address)
    return parsed is not None and any(parsed.version == network.version and parsed in network for network in networks)
