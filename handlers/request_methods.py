"""HTTP methods: which ones a handler implements, and as which one a request is counted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tornado.web import RequestHandler

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # in the order of the Allow header


class AnyMethod(tuple[str, ...]):
    """A list of methods that contains every method.

    As SUPPORTED_METHODS it makes Tornado pass all methods to the handler, which then counts the request before it
    refuses the method. Tornado itself would answer a method that is not in the list at once.
    """

    __slots__ = ()

    def __contains__(self, method: object) -> bool:
        return True


@cache
def implemented_methods(handler: type[RequestHandler]) -> tuple[str, ...]:
    """Return the methods that a handler class overrides, and HEAD if GET is one of them."""
    own = tuple(
        method
        for method in METHODS
        if getattr(handler, method.lower(), None) is not getattr(RequestHandler, method.lower(), None)
    )
    return ("GET", "HEAD", *own[1:]) if own[0] == "GET" else own


class RequestMethods(RequestHandler):
    """A handler that answers every method itself, also one that Tornado does not know."""

    SUPPORTED_METHODS = AnyMethod(RequestHandler.SUPPORTED_METHODS)

    def _allowed_methods(self) -> Sequence[str]:
        return implemented_methods(type(self))  # type: ignore[arg-type]  # mypy does not know that classes have a hash

    def _is_implemented_method(self) -> bool:
        return self.request.method in self._allowed_methods()

    @property
    def _is_known_method(self) -> bool:
        return self.request.method in RequestHandler.SUPPORTED_METHODS

    @property
    def _counted_method(self) -> str:
        """The method as which a request is counted and shed: HEAD costs as much as GET."""
        method = self.request.method or ""
        return "GET" if method == "HEAD" else method
