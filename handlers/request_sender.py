"""Where a request comes from: the client's address behind proxies, and the page that made it."""

from __future__ import annotations

from functools import cached_property

from handlers.origin_check import origin_allowed
from handlers.request_methods import RequestMethods
from handlers.shared_services import SharedServices


class RequestSender(RequestMethods):
    """A handler that knows its sender."""

    shared: SharedServices
    _client: str | None = None

    @property
    def client(self) -> str:
        """The client's address, in canonical form."""
        if self._client is None:  # every request asks: a cached_property takes a lock before it is cached
            request = self.request
            self._client = self.shared.clients.address(
                request.remote_ip or "", request.headers.get_list("X-Forwarded-For")
            )
        return self._client

    @cached_property
    def scheme(self) -> str | None:
        """The scheme of the client's request, http or https; None if no trusted proxy forwards it."""
        request = self.request
        return self.shared.clients.scheme(request.remote_ip or "", request.headers.get_list("X-Forwarded-Proto"))

    @property
    def has_allowed_origin(self) -> bool:
        """Whether the request's Origin is allowed; False if it has none."""
        return "Origin" in self.request.headers and self._is_origin_allowed

    @cached_property
    def _is_origin_allowed(self) -> bool:
        request = self.request
        return origin_allowed(request.headers["Origin"], request.host, self.shared.cors_origins, self.scheme)
