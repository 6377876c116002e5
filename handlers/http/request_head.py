"""The checks of a request's head beyond Tornado's own, and the replies to heads that fail them. Pure: knows no socket.

The length of a message and its host are checked here, before a handler is made: a head that two servers interpret
differently allows request smuggling (RFC 9112 section 11.2). Of a client's bytes only a host of bounded length may be
repeated in a reply's head.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

import msgspec
from tornado.httputil import HTTPHeaders, RequestStartLine

from common.number_parsing import whole_number
from handlers.codec.json_encoding import encode

HOST_MAX_CHARS = 255  # of a name in the DNS
HEADERS_MAX = 200
BODY_MAX_BYTES = 2**40  # only bounds the number; each handler has its own bound

# RFC 3986 section 3.2.2 without the comma, by which proxies join what was sent twice.
NAME = r"(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+"
LITERAL = r"\[(?P<six>[0-9A-Fa-f:.]+)\]|\[v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+;=:-]+\]"
HOST = re.compile(rf"(?:{NAME}|{LITERAL})(?::(?P<port>[0-9]{{0,5}}))?", re.ASCII)


class Refusal(msgspec.Struct, frozen=True):
    """A reply that no handler makes: status line, error code, message, and further headers."""

    status: int
    phrase: str
    code: str
    message: str
    headers: tuple[str, ...] = ()

    def reply(self, request_id: str) -> bytes:
        """Return the whole reply, which says that it ends the connection."""
        error = {"code": self.code, "message": self.message, "details": {}, "requestId": request_id}
        body = encode({"error": error})
        lines = (
            f"HTTP/1.1 {self.status} {self.phrase}",
            "Server: chat-rooms",
            "Connection: close",
            "Content-Type: application/json; charset=UTF-8",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            f"X-Request-Id: {request_id}",
            *self.headers,
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


MALFORMED = Refusal(400, "Bad Request", "malformed", "This is no HTTP request that can be read.")
BAD_HOST = Refusal(
    400, "Bad Request", "malformed", "One Host is needed, a name or an address and a port, of 255 characters at most."
)
BAD_LENGTH = Refusal(
    400, "Bad Request", "malformed", "The length of the body is told in one way, Content-Length or chunks."
)
TOO_LATE = Refusal(408, "Request Timeout", "malformed", "The request did not come in time.")
TOO_LARGE = Refusal(413, "Content Too Large", "payload_too_large", "This is too large.")
HEAD_TOO_LARGE = Refusal(431, "Request Header Fields Too Large", "malformed", "The headers are too large.")
INTERNAL = Refusal(500, "Internal Server Error", "internal", "Something went wrong on our side.")
CROWDED = Refusal(
    503, "Service Unavailable", "unavailable", "Too many connections come from this address.", ("Retry-After: 1",)
)


class HeadRefused(Exception):
    """A request head was refused, with this reply."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def check_host(version: str, headers: HTTPHeaders) -> None:
    """Raises HeadRefused unless there is one Host of the right form; HTTP/1.0 may have none (RFC 9112 section 3.2)."""
    hosts = headers.get_list("Host")
    if not hosts and version == "HTTP/1.0":
        return
    if len(hosts) != 1 or not is_host(hosts[0]):
        raise HeadRefused(BAD_HOST)


def is_host(text: str) -> bool:
    """Whether `text` is host[:port] as defined by RFC 3986 section 3.2 and RFC 9110 section 7.2."""
    return len(text) <= HOST_MAX_CHARS and _is_host(text)


@lru_cache(maxsize=64)
def _is_host(text: str) -> bool:
    match = HOST.fullmatch(text)
    if match is None or int(match["port"] or 0) > 65_535:
        return False
    try:
        return match["six"] is None or bool(IPv6Address(match["six"]))
    except AddressValueError:
        return False


def body_length(start_line: RequestStartLine, headers: HTTPHeaders) -> int | None:
    """Return the announced size of the body in bytes, None if it is chunked. Raises HeadRefused."""
    lengths, encodings = headers.get_list("Content-Length"), headers.get_list("Transfer-Encoding")
    if encodings:
        if lengths or start_line.version == "HTTP/1.0" or [encoding.lower() for encoding in encodings] != ["chunked"]:
            raise HeadRefused(BAD_LENGTH)
        return None
    if not lengths:
        return 0
    try:
        (length,) = map(whole_number, lengths)
    except ValueError as error:
        raise HeadRefused(BAD_LENGTH) from error
    if length > BODY_MAX_BYTES:
        raise HeadRefused(TOO_LARGE)
    return length
