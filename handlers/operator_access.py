"""Who may read metrics and health details: users by name, and clients without a token by address.

An address alone is not enough, because a browser at that address sends whatever requests a page makes it send. So the
request's Host must be one that no foreign DNS record can point here (an IP address, localhost, or a name that the
operator lists), which prevents DNS rebinding, and the request may not come from a page of another site. Following a
link from such a page is allowed, because the page cannot read the reply.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from chat.administrators import Administrators
from chat.errors import ChatError
from handlers.origin_check import is_address, parse_host
from limits.ip_addresses import Network, is_within

LOCALHOST = "localhost"


class Operators(Struct, frozen=True):
    """Clients in `networks` that request one of `hosts`, and users by name."""

    networks: Sequence[Network]
    hosts: Collection[str]
    administrators: Administrators

    def has_address(self, client: str) -> bool:
        return is_within(client, self.networks)

    def admits_by_address(self, client: str, host: str, headers: Mapping[str, str]) -> bool:
        """Whether a request is served without a token."""
        return self.has_address(client) and self.trusts(host, headers)

    def refusal(self, client: str) -> ChatError:
        """Return the refusal of a request without a valid token.

        A client at an operator's address is given the other conditions, because correct set-ups fail them too.
        """
        if not self.has_address(client):
            return ChatError("forbidden")
        return ChatError(
            "forbidden",
            "From here it takes an address, localhost or one of METRICS_HOSTS as Host, and no other site's page.",
        )

    def trusts(self, host: str, headers: Mapping[str, str]) -> bool:
        """Whether Host and headers show that no page of another site made the request.

        Current browsers send Fetch Metadata (the Sec-Fetch headers).
        """
        is_navigation = headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
        if "cross-site" in headers.get("Sec-Fetch-Site", "").lower() and not is_navigation:
            return False
        try:
            named = parse_host(host)
        except ValueError:
            return False
        return is_address(named) or named.name == LOCALHOST or named.name in self.hosts
