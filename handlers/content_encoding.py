"""gzip for replies: whether a client accepts it (RFC 9110 section 12.5.3), and how much work it is worth.

Levels, with the CPU they cost: docs/decisions/0032-assets-and-compression.md.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

from tornado.web import RequestHandler

MIN_BYTES = 1_024  # below it the headers are most of what is sent
MAX_REPLY_BYTES = 262_144  # compressed on the loop: 2.5 ms at most. A larger reply is sent as it is
REPLY_LEVEL = 1
KEPT_MAX = 64  # replies that are kept compressed. To find one takes 5 µs for 19 KB, to compress it 30 to 170
KEPT_BYTES = 32_768  # of such a reply at most, so 3 MB of all
ASSET_LEVEL = 9  # once, at start
WORTHWHILE = 0.9  # what gzip must make of an asset, as a part of its size

_GZIP_WINDOW = 31  # zlib's way to ask for gzip; its header has no time, so equal bodies are equal when compressed
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


@lru_cache(maxsize=64)  # every browser of a kind sends the same
def accepts_gzip(header: str | None) -> bool:
    """Whether an Accept-Encoding header asks for gzip rather than for the body as it is.

    Without the header a client is sent the body as it is: such clients are scripts that decode nothing. What cannot be
    read of the header is ignored.
    """
    weights: dict[str, float] = {}
    for member in (header or "").lower().split(","):
        coding, _, parameters = member.partition(";")
        weight = _weight(parameters)
        if weight is not None:
            weights[coding.strip()] = weight
    anything_else = weights.get("*", 0.0)
    gzip = max(weights.get("gzip", -1.0), weights.get("x-gzip", -1.0))
    if gzip < 0:
        gzip = anything_else
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weight(parameters: str) -> float | None:
    """Return the weight that `q=…` gives a coding, 1 without one, None if it is not a weight."""
    if not parameters.strip():
        return 1.0
    name, equals, value = parameters.partition("=")
    if name.strip() != "q" or not equals or not _WEIGHT.fullmatch(value.strip()):
        return None
    return float(value)


def varies_by_gzip(reply: RequestHandler) -> bool:
    """Whether the client accepts gzip; the reply says that it depends on that (Vary), whatever the answer is."""
    reply.set_header("Vary", "Origin, Accept-Encoding")
    header = reply.request.headers.get("Accept-Encoding")
    return header is not None and accepts_gzip(header)


def encoded_as_accepted(reply: RequestHandler, body: bytes) -> bytes:
    """Return the body as it is to be sent, and set the headers that say so.

    Not for a body that holds a secret beside what somebody else chose: its size when compressed tells where the two
    are alike, and so, try by try, the secret (BREACH).
    """
    if len(body) < MIN_BYTES or not varies_by_gzip(reply) or (compressed := gzip_reply(body)) is None:
        return body
    reply.set_header("Content-Encoding", "gzip")
    return compressed


def gzip_reply(body: bytes) -> bytes | None:
    """Compress the body of a reply; None: it is too small for that to pay, or too large to be done on the loop."""
    if not MIN_BYTES <= len(body) <= MAX_REPLY_BYTES:
        return None
    return _kept_gzip(body) if len(body) <= KEPT_BYTES else _gzip(body, REPLY_LEVEL)


@lru_cache(maxsize=KEPT_MAX)
def _kept_gzip(body: bytes) -> bytes:
    """Whoever opens a room is sent its newest page: as often as not it is the one that was sent before."""
    return _gzip(body, REPLY_LEVEL)


def gzip_asset(body: bytes) -> bytes | None:
    """Compress a file that is served many times; None: that does not pay."""
    if len(body) < MIN_BYTES:
        return None
    compressed = _gzip(body, ASSET_LEVEL)
    return compressed if len(compressed) <= WORTHWHILE * len(body) else None


def _gzip(body: bytes, level: int) -> bytes:
    return zlib.compress(body, level, _GZIP_WINDOW)
