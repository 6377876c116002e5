"""The client's address and scheme, as trusted proxies forward them. Knows no limit and no route."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from limits.ip_addresses import UNKNOWN, Network, canonical, is_within

log = logging.getLogger(__name__)

LOG_EVERY_S = 60.0
SHOWN_MAX = 64
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}  # Traefik forwards ws and wss


class ClientAddresses:
    """Reads the headers of proxies in the networks `trusted`. `now` is monotonic seconds."""

    def __init__(self, *, trusted: Sequence[Network], now: Callable[[], float]) -> None:
        self._trusted = trusted
        self._now = now
        self._logged_at: float | None = None

    def address(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the client's address in canonical form, or UNKNOWN if an entry of the header is not an address.

        Such an entry is logged, at most once a minute.
        """
        address, wrong = client_address(peer, forwarded_for, self._trusted)
        if wrong is not None and (self._logged_at is None or self._now() - self._logged_at >= LOG_EVERY_S):
            self._logged_at = self._now()
            fields = {
                "entry": wrong[:SHOWN_MAX],
                "peer": peer,
                "counted": "as the stranger: all such clients share one limit",
            }
            log.warning("X-Forwarded-For names no address", extra={"fields": fields})
        return address

    def scheme(self, peer: str, forwarded_proto: Sequence[str]) -> str | None:
        """Return the scheme of the client's request, http or https; None if no trusted proxy forwards it.

        Of a list it is the leftmost entry, written by the outermost proxy. A client can forge it, which would only help
        a page with a forged origin, and pages cannot set this header.
        """
        if not forwarded_proto or not is_within(peer, self._trusted):
            return None
        return SCHEMES.get(forwarded_proto[0].partition(",")[0].strip().lower())


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> tuple[str, str | None]:
    """Return the client's address, and the X-Forwarded-For entry that is not an address, if one was met.

    If the peer is a trusted proxy, the client is the rightmost entry that is not a trusted proxy, or the leftmost entry
    if all are; otherwise it is the peer. `forwarded_for` are the values of the header in order, each possibly a list:
    together they are one list. An entry that is not an address ends the search, and the client is UNKNOWN.
    """
    address = canonical(peer)
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    while hops and is_within(address, trusted):
        hop = hops.pop()
        address = canonical(hop)
        if address == UNKNOWN:
            return UNKNOWN, hop
    return address, None
