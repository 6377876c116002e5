"""Cursors of lists: opaque to clients, checked when they come back. Knows no backend."""

from __future__ import annotations

import base64
from typing import TypeVar

import msgspec

from common.number_parsing import whole_number

T = TypeVar("T")

_PLACE_END = 1 << 62

# The range of a database's integers.
_INTEGERS = range(-(1 << 63), 1 << 63)


def place_of_cursor(cursor: str | None) -> int:
    """The number below which a list continues. Raises ValueError for an invalid cursor."""
    try:
        return _PLACE_END if cursor is None else whole_number(cursor)
    except ValueError as error:
        raise ValueError("not a cursor") from error


def cursor_of_name(name: str) -> str:
    """The cursor of a list that continues after `name`."""
    return _encoded(name.encode())


def name_of_cursor(cursor: str | None) -> str:
    """The name after which a list continues. Raises ValueError for an invalid cursor."""
    try:
        return "" if cursor is None else _decoded(cursor).decode()
    except UnicodeDecodeError as error:
        raise ValueError("not a cursor") from error


def prefix_range(prefix: str) -> tuple[str, str]:
    """The folded names that begin with `prefix`, as a range: its first, and what is beyond its last."""
    first = prefix.casefold()
    return first, first + "\U0010ffff"


def cursor_of_key(key: tuple[object, ...]) -> str:
    """The cursor of a list that continues after the entry with this sort key."""
    return _encoded(msgspec.json.encode(key))


def key_of_cursor(cursor: str | None, kind: type[T]) -> T | None:
    """The sort key, a tuple of type `kind`, after which a list continues; None for its start. Raises ValueError."""
    if cursor is None:
        return None
    try:
        key = msgspec.json.decode(_decoded(cursor), type=kind)
    except msgspec.DecodeError as error:
        raise ValueError("not a cursor") from error
    if isinstance(key, tuple) and any(isinstance(part, int) and part not in _INTEGERS for part in key):
        raise ValueError("not a cursor")
    return key


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(cursor: str) -> bytes:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError as error:  # of base64, of its padding, of characters beyond ASCII
        raise ValueError("not a cursor") from error
    if _encoded(raw) != cursor:
        raise ValueError("not a cursor")
    return raw
