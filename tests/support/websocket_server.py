"""A WebSocket server from the `websockets` library, to test clients against a server that misbehaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve


@contextmanager
def serving_websockets(
    serve_one: Callable[[ServerConnection], None],
    *,
    refuse: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> Iterator[int]:
    """Serve on loopback, each connection by `serve_one` on a thread of its own, but those to which `refuse` gives a
    response. Yields the port.
    """
    server: Server = serve(serve_one, "127.0.0.1", 0, compression=None, ping_interval=None, process_request=refuse)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()
