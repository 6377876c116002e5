"""Structs as compact UTF-8 JSON, and parts of JSON put together.

The only module that imports ujson. ujson never decodes: it accepts NaN and lone surrogates.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import ujson


def encode(value: object) -> bytes:
    """Encode structs, dicts and lists as compact UTF-8 JSON."""
    text: str = ujson.dumps(msgspec.to_builtins(value), ensure_ascii=False, escape_forward_slashes=False)
    return text.encode()


def splice(**members: bytes) -> bytes:
    """Return a JSON object of members that are encoded already."""
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in members.items()) + b"}"


def array(items: Iterable[bytes]) -> bytes:
    """Return a JSON array of items that are encoded already."""
    return b"[" + b",".join(items) + b"]"
