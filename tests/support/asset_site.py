"""A site of the pages' files alone, which a test can change to another version, let fail or let hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from handlers.assets.asset_files import AssetFiles

FIXED = {"": "chat/index.html", "service-worker.js": "service-worker.js"}


class AssetSite:
    """`files` are served as a server serves them. `page_status`: of the page; None: it is never answered."""

    def __init__(self, files: AssetFiles) -> None:
        self.files = files
        self.page_status: int | None = 200
        self.url = ""
        self._ended = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0].removeprefix("/")
        if path == "" and self.page_status is None:
            self._ended.wait()
            return
        hashed = path.removeprefix("static/")
        asset = self.files.by_name.get(FIXED.get(path, "")) or self.files.by_hashed_name.get(hashed)
        status = 404 if asset is None else self.page_status if path == "" else 200
        request.send_response(status or 200)
        body = b"" if asset is None or status != 200 else asset.plain.body
        request.send_header("Content-Type", "text/plain" if asset is None else asset.content_type)
        request.send_header("Cache-Control", "no-cache" if path in FIXED else "public, max-age=31536000, immutable")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    @contextmanager
    def running(self) -> Iterator[AssetSite]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            server.block_on_close = False
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield self
            finally:
                self._ended.set()
                server.shutdown()
                thread.join()
