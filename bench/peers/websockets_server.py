"""A room on the `websockets` package: a message of a connection goes to all connections. Nothing is stored.

python -m bench.peers.websockets_server PORT
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

_connections: set[ServerConnection] = set()


async def _serve_one(connection: ServerConnection) -> None:
    _connections.add(connection)
    try:
        async for text in connection:
            broadcast(_connections, text)
    finally:
        _connections.discard(connection)


async def _serve(port: int) -> None:
    async with serve(_serve_one, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
