"""The few REST calls that a bench needs before it connects. They block, because nothing is measured meanwhile."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from typing import Any

import msgspec

from bench.errors import BenchError

_TIMEOUT_S = 20
_SHED_MAX_S = 30
_AGAIN_AFTER_S = 1.0  # the server's Retry-After


class Unavailable(BenchError):
    """The server answered 503."""


class Address(msgspec.Struct, frozen=True):
    """The server's address, always on the loopback."""

    host: str
    port: int


def call(address: Address, method: str, path: str, body: object = None, token: str | None = None) -> dict[str, Any]:
    """Make a request; returns the JSON of its reply. Raises BenchError for an error reply, or for none."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        content = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{method} {path}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if reply.status >= 400:
        failure = f"{method} {path}: {reply.status} {content[:200].decode(errors='replace')}"
        raise Unavailable(failure) if reply.status == 503 else BenchError(failure)
    decoded: dict[str, Any] = json.loads(content)
    return decoded


def call_until_it_is_taken(
    address: Address, method: str, path: str, body: object, token: str | None = None
) -> dict[str, Any]:
    """As `call`, repeated while the server sheds load, which it may do on a machine with other users.

    Raises BenchError.
    """
    deadline_s = time.monotonic() + _SHED_MAX_S
    while True:
        try:
            return call(address, method, path, body, token)
        except Unavailable:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_AGAIN_AFTER_S)


def register(address: Address) -> str:
    """Register a user; returns its access token."""
    name = f"bench-{secrets.token_hex(8)}"
    body = {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(16)}
    token: str = call_until_it_is_taken(address, "POST", "/auth/register", body)["accessToken"]
    return token


def make_room(address: Address, token: str) -> str:
    """Make a public room; returns its id."""
    body = {"name": f"bench {secrets.token_hex(4)}", "maxUsers": 100_000}
    room_id: str = call_until_it_is_taken(address, "POST", "/rooms", body, token)["room"]["id"]
    return room_id
