"""The pre-deployment check: items in order, one line each, failed if any failed. Knows how to ask, not what."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

ITEM_TIMEOUT_S = 20.0
DISK_FREE_MIN_BYTES = 500_000_000


class Item(NamedTuple):
    """One thing to check; `look` returns what it found, or raises with why it is not well."""

    name: str
    look: Callable[[], Awaitable[str]]


async def run(items: Sequence[Item], say: Callable[[str], None]) -> bool:
    """Check all items, say a line for each, and return whether all are well."""
    well = True
    for item in items:
        try:
            found = await asyncio.wait_for(item.look(), ITEM_TIMEOUT_S)
        except Exception as error:
            well = False
            reason = " ".join(str(error).split()) or type(error).__name__
            say(f"FAIL {item.name}: {reason}")
        else:
            say(f"ok   {item.name}: {found}")
    return well


def disk(folder: Path) -> str:
    """How much room there is where `folder` is, or will be. Raises RuntimeError when it is nearly full."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < DISK_FREE_MIN_BYTES:
        raise RuntimeError(f"{free // 1_000_000} MB free, {DISK_FREE_MIN_BYTES // 1_000_000} MB wanted")
    return f"{free // 1_000_000} MB free"


async def proxy(url: str) -> str:
    """Ask a running server, perhaps through a proxy, whether it is ready."""
    response = await AsyncHTTPClient().fetch(f"{url.rstrip('/')}/health/ready", raise_error=False, request_timeout=5)
    if response.code != 200:
        raise RuntimeError(f"/health/ready answers {response.code}")
    return "/health/ready answers 200"


async def upgrade(url: str) -> str:
    """Open a WebSocket there and wait for the welcome: a proxy without upgrade headers fails here."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None:
        raise RuntimeError("the URL takes http:// or https://")
    request = HTTPRequest(f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws", connect_timeout=5)
    connection = await websocket_connect(request)
    try:
        frame = await connection.read_message()
    finally:
        connection.close()
    if frame is None or '"welcome"' not in str(frame):
        raise RuntimeError("the WebSocket opens, but no welcome comes")
    return "the WebSocket opens, and the welcome comes"
