"""Cursors of lists: opaque to clients, checked when they come back. Knows no backend."""

from __future__ import annotations

import base64

_PLACE_DIGITS_MAX = 18
_PLACE_END = 1 << 62


def place_of_cursor(cursor: str | None) -> int:
    """The place (a number) below which a list goes on. Raises ValueError for what cannot be a cursor of ours."""
    if cursor is None:
        return _PLACE_END
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _PLACE_DIGITS_MAX):
        raise ValueError("not a cursor")
    return int(cursor)


def cursor_of_name(name: str) -> str:
    """The cursor of a list that goes on after `name`."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def name_of_cursor(cursor: str | None) -> str:
    """The name after which a list goes on. Raises ValueError for what cannot be a cursor of ours."""
    if cursor is None:
        return ""
    try:
        name = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:  # of base64, of its padding, of UTF-8
        raise ValueError("not a cursor") from error
    if cursor_of_name(name) != cursor:
        raise ValueError("not a cursor")
    return name
