"""Who asks: the client's address and scheme, as trusted proxies tell them. Knows no limit and no route."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from limits.ip_addresses import UNKNOWN, Network, canonical, is_within

log = logging.getLogger(__name__)

SAY_EVERY_S = 60.0
SHOWN_MAX = 64
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}  # Traefik names a WebSocket's own


class ClientAddresses:
    """Reads what proxies say of clients; `trusted` are those that are believed. `now` is monotonic, in seconds."""

    def __init__(self, *, trusted: Sequence[Network], now: Callable[[], float]) -> None:
        self._trusted = trusted
        self._now = now
        self._said_at: float | None = None

    def address(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The client's address in one form, or UNKNOWN; a log line a minute at most tells of an entry that is no
        address.
        """
        address, wrong = client_address(peer, forwarded_for, self._trusted)
        if wrong is not None and (self._said_at is None or self._now() - self._said_at >= SAY_EVERY_S):
            self._said_at = self._now()
            fields = {
                "entry": wrong[:SHOWN_MAX],
                "peer": peer,
                "counted": "as the stranger: all such clients share one limit",
            }
            log.warning("X-Forwarded-For names no address", extra={"fields": fields})
        return address

    def scheme(self, peer: str, forwarded_proto: Sequence[str]) -> str | None:
        """The scheme by which the client came, http or https, where a trusted proxy names it.

        Of a list the leftmost, which the proxy before all others wrote: only who forges a page's origin would gain by
        another, and no page can set the header.
        """
        if not forwarded_proto or not is_within(peer, self._trusted):
            return None
        return SCHEMES.get(forwarded_proto[0].partition(",")[0].strip().lower())


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> tuple[str, str | None]:
    """The rightmost X-Forwarded-For entry that is no trusted proxy, believed only if the peer is one; else the peer.

    `forwarded_for` are the header's values in their order, each possibly a list: together they are one list. Where all
    entries are trusted proxies it is the leftmost. An entry that is no address ends the search: the client is UNKNOWN
    then, and the entry is returned beside it.
    """
    address = canonical(peer)
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    while hops and is_within(address, trusted):
        hop = hops.pop()
        address = canonical(hop)
        if address == UNKNOWN:
            return UNKNOWN, hop
    return address, None
