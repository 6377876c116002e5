"""Structs as compact UTF-8 JSON, and events as the payloads of frames.

The only module that imports ujson. ujson never decodes: it accepts NaN and lone surrogates.
"""

from __future__ import annotations

import msgspec
import ujson


def encode(value: object) -> bytes:
    """Encode structs, dicts and lists as compact UTF-8 JSON."""
    text: str = ujson.dumps(msgspec.to_builtins(value), ensure_ascii=False, escape_forward_slashes=False)
    return text.encode()


def event(name: str, data: bytes) -> bytes:
    """Return an event's frame payload; `data` is encoded JSON."""
    return b'{"event":"%s","data":%s}' % (name.encode(), data)
