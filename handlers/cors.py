"""CORS: the headers by which a browser lets pages of other origins read a reply (Fetch standard, section 3.2).

Which origins are allowed is decided in origin_check.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from tornado.web import RequestHandler

from handlers.whole_replies import WholeReplies

EXPOSED_HEADERS = "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id"
REQUEST_HEADERS = "Authorization, Content-Type"
PREFLIGHT_MAX_AGE_S = 600  # how long a browser may reuse the reply to a preflight


def set_origin_headers(reply: WholeReplies, *, allowed_origin: str | None) -> None:
    """Let pages of `allowed_origin` read the reply; None: the request has no origin, or one that is not allowed."""
    reply.set_own_header("Vary", "Origin")
    if allowed_origin is not None:
        reply.set_header("Access-Control-Allow-Origin", allowed_origin)
        reply.set_header("Access-Control-Expose-Headers", EXPOSED_HEADERS)


def set_preflight_headers(reply: RequestHandler, *, methods: Sequence[str]) -> None:
    """Answer a preflight of an allowed origin: `methods` may be used."""
    reply.set_header("Access-Control-Allow-Methods", ", ".join(methods))
    reply.set_header("Access-Control-Allow-Headers", REQUEST_HEADERS)
    reply.set_header("Access-Control-Max-Age", str(PREFLIGHT_MAX_AGE_S))
