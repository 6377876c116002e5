"""The yardstick of REST: an application of Tornado's own with nothing but `/health`. Run as `python -m … PORT`."""

from __future__ import annotations

import asyncio
import sys

from tornado.web import Application, RequestHandler


class HealthHandler(RequestHandler):
    """Answers at once."""

    def get(self) -> None:
        self.write({"status": "ok"})


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    Application([("/health", HealthHandler)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
