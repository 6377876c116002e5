"""Who may read metrics and health details without a token: by address, where no page of somebody else's can have made
the browser ask.

An address alone proves little: a browser at that address asks whatever a page tells it to. So the request's Host must
be one that nobody else's DNS can point here (an IP address, localhost, a name that the operator lists: DNS rebinding),
and it may not come from another site's page; where a person follows a link from there, the page that linked sees
nothing of the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from handlers.origins import is_address, parse_host
from limits.ip_addresses import Network, is_within

LOCALHOST = "localhost"


class Operators(Struct, frozen=True):
    """Those at these addresses who ask these hosts, and these users (names as case-folded)."""

    networks: Sequence[Network]
    hosts: Collection[str]
    usernames: Collection[str]

    def has_address(self, client: str) -> bool:
        return is_within(client, self.networks)

    def trusts(self, host: str, headers: Mapping[str, str]) -> bool:
        """Whether a request with this Host and these headers is opened by its address: Fetch Metadata is what current
        browsers send.
        """
        is_navigation = headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
        if "cross-site" in headers.get("Sec-Fetch-Site", "").lower() and not is_navigation:
            return False
        try:
            named = parse_host(host)
        except ValueError:
            return False
        return is_address(named) or named.name == LOCALHOST or named.name in self.hosts
