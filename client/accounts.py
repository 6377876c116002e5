"""Log in, and make accounts, before there is a connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ChatError, ConnectionLost, Unavailable
from .rest import Rest
from .session import Tokens, tokens_of


async def login(url: str, *, username: str, password: str, ssl_context: ssl.SSLContext | None = None) -> Tokens:
    """Log in. Raises Unauthorized, RateLimited …, ConnectionLost."""
    rest = Rest(url, ssl_context=ssl_context)
    return tokens_of(await rest.call("POST", "/auth/login", {"username": username, "password": password}))


async def register(
    url: str,
    *,
    username: str,
    email: str,
    password: str,
    invite: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> Tokens:
    """Make an account, with an invite link's code where registration is closed. Raises Conflict, Invalid, Forbidden."""
    body = {"username": username, "email": email, "password": password, **({"invite": invite} if invite else {})}
    return tokens_of(await Rest(url, ssl_context=ssl_context).call("POST", "/auth/register", body))


async def login_when_it_is_there(
    rest: Rest, credentials: Mapping[str, Any], *, on_failure: Callable[[ChatError], object]
) -> Tokens:
    """Log in as soon as the server answers and is not busy; `on_failure` hears of each try before. Raises Unauthorized,
    RateLimited.
    """
    while True:
        try:
            return tokens_of(await rest.call("POST", "/auth/login", credentials))
        except (ConnectionLost, Unavailable) as error:
            on_failure(error)
            await asyncio.sleep(error.retry_after_s or 0.5)
