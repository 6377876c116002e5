"""Reads the head of a WebSocket handshake in its ordinary form. Pure: knows no socket, no token and no handler.

What is unusual in any way is not judged here but left to Tornado's parser and the handler, which know all forms and
all refusals: so this accepts less than RFC 9112 allows, and nothing that they would refuse for its form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from handlers.http.request_head import is_host

HEAD_MAX_BYTES = 8192  # that are looked at; browsers send some 600, and a token some 250
FIELDS_MAX = 50

_END = b"\r\n\r\n"
# Queries without percent-encoding: tokens and ids need none
_LINE = re.compile(r"GET (/[a-z]*)(?:\?([A-Za-z0-9._~=&-]*))? HTTP/1\.1")
_FIELDS = re.compile(r"(?:\r\n[A-Za-z0-9-]+: ?[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)+")
# A handshake has no body, so it has none of these
_UNUSUAL = ("content-length", "transfer-encoding", "expect", "te", "trailer")


class UpgradeRequest(msgspec.Struct, frozen=True):
    """A handshake: `fields` by name in lower case, each sent once; `query` has the last value of each name."""

    fields: Mapping[str, str]
    query: Mapping[str, str]


def parse_upgrade(data: bytes, path: str) -> UpgradeRequest | None:
    """Return the handshake for `path` that `data` consists of; None where it is anything else, or not ordinary."""
    if len(data) >= HEAD_MAX_BYTES or data.find(_END) != len(data) - len(_END) or not data.isascii():
        return None
    line, _, rest = data[: -len(_END)].decode("ascii").partition("\r\n")
    start = _LINE.fullmatch(line)
    if start is None or start[1] != path or _FIELDS.fullmatch(f"\r\n{rest}") is None:
        return None
    fields: dict[str, str] = {}
    lines = rest.split("\r\n")
    for one in lines:
        name, _, value = one.partition(":")
        fields[name.lower()] = value.lstrip(" ")
    if len(fields) != len(lines) or len(fields) > FIELDS_MAX or any(name in fields for name in _UNUSUAL):
        return None
    if not _is_websocket(fields) or not is_host(fields.get("host", "")):
        return None
    return UpgradeRequest(fields, _query(start[2]) if start[2] else {})


def _is_websocket(fields: Mapping[str, str]) -> bool:
    """Whether this is an opening handshake as defined by RFC 6455 section 4.2.1."""
    return (
        "sec-websocket-key" in fields
        and fields.get("sec-websocket-version") == "13"
        and fields.get("upgrade", "").lower() == "websocket"
        and "upgrade" in [token.strip() for token in fields.get("connection", "").lower().split(",")]
    )


def _query(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return {name: value for name, _, value in pairs}
