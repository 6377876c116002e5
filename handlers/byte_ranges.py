"""Range requests (RFC 9110 section 14), for a single range of bytes. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.ASCII | re.IGNORECASE)
_DIGITS_MAX = 18


class Span(Struct, frozen=True):
    """The bytes from `start` up to `end` (exclusive)."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """The range begins behind the end, or is empty: the reply is 416."""


def requested_span(header: str | None, size: int) -> Span | None:
    """The part of `size` bytes that a Range header asks for; None for all of them.

    Several ranges at once, another unit and what cannot be read are answered with all, as section 14.2 allows. Raises
    Unsatisfiable.
    """
    match = None if header is None else _RANGE.fullmatch(header)
    if match is None or match[1] == match[2] == "" or max(map(len, match.groups())) > _DIGITS_MAX:
        return None
    if not match[1]:  # the last bytes, as many as the number says
        count = min(int(match[2]), size)
        if not count:
            raise Unsatisfiable
        return Span(size - count, size)
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return Span(first, min(int(match[2]) + 1, size) if match[2] else size)
