"""The server's REST interface: JSON in and out, errors as exceptions. Knows no session: the token is passed in."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from .errors import ConnectionLost, refusal
from .http_request import Address, Body, HttpError, Reply, request

TIMEOUT_S = 20.0  # the server answers within 10 s
_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 413: "payload_too_large", 429: "rate_limited"}


class Rest:
    """Makes requests to one server. `timeout_s`: of a request without an upload or download."""

    def __init__(self, url: str, *, ssl_context: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self.address = Address.of(url, ssl_context)
        self._timeout_s = timeout_s

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make a request; returns the reply's JSON, {} where it has none. `query`: None values are left out.

        Raises Refused for an error reply, ConnectionLost for none.
        """
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = path + ("?" + urlencode(asked) if asked else "")
        payload = None if body is None else _json_body(body)
        try:
            async with asyncio.timeout(self._timeout_s), self.open(method, target, token=token, body=payload) as reply:
                content = await reply.body()
        except (TimeoutError, HttpError) as error:
            raise ConnectionLost(f"{method} {path}: {str(error) or type(error).__name__}") from error
        return decoded_object(content) if content else {}

    @asynccontextmanager
    async def open(
        self,
        method: str,
        target: str,
        *,
        token: str | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Reply]:
        """Make a request whose reply is not read yet, and has no bound in time. Raises Refused, HttpError."""
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        async with request(self.address, method, target, sent, body) as reply:
            if reply.status >= 400:
                raise _refusal_of(reply, await reply.body())
            yield reply


def _json_body(body: Mapping[str, Any]) -> Body:
    encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield encoded

    return Body(pieces(), len(encoded), "application/json")


def decoded_object(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises ConnectionLost for anything else: a proxy, or a reply that was cut."""
    try:
        found = json.loads(content)
    except ValueError as error:
        raise ConnectionLost("the reply is no JSON") from error
    if not isinstance(found, dict):
        raise ConnectionLost("the reply is no JSON object")
    return found


def _refusal_of(reply: Reply, content: bytes) -> Exception:
    """The error of a reply; of one that a proxy made up, by its status."""
    try:
        error = json.loads(content)["error"]
        code = error["code"]
    except (ValueError, KeyError, TypeError):
        code = _CODES.get(reply.status, "unavailable" if reply.status >= 500 else "malformed")
        error = {"code": code, "message": f"HTTP {reply.status}"}
    asked = reply.headers.get("Retry-After", "")
    return refusal(error, retry_after_s=float(asked) if asked.isascii() and asked.isdigit() else None)
