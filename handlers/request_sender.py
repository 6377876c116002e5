"""Where a request comes from: the client's address behind proxies, and the page that made it."""

from __future__ import annotations

from functools import cached_property

from handlers.origin_check import origin_allowed
from handlers.request_methods import RequestMethods
from handlers.shared_services import SharedServices


class RequestSender(RequestMethods):
    """A handler that knows its sender."""

    shared: SharedServices

    @cached_property
    def client(self) -> str:
        """The client's address, in canonical form."""
        return self.shared.clients.address(
            self.request.remote_ip or "", self.request.headers.get_list("X-Forwarded-For")
        )

    @cached_property
    def scheme(self) -> str | None:
        """The scheme of the client's request, http or https; None if no trusted proxy forwards it."""
        request = self.request
        return self.shared.clients.scheme(request.remote_ip or "", request.headers.get_list("X-Forwarded-Proto"))

    @cached_property
    def has_allowed_origin(self) -> bool:
        """Whether the request's Origin is allowed; False if it has none."""
        request = self.request
        if "Origin" not in request.headers:
            return False
        return origin_allowed(request.headers["Origin"], request.host, self.shared.cors_origins, self.scheme)
