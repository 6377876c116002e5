"""The chat page, the dashboard and their files, as they were prepared at start (handlers/assets/).

A requested name is looked up among the files that were read. It is never used as a path on disk.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from chat.errors import ChatError
from handlers.assets.asset_files import Asset, AssetFiles
from handlers.base import Handler
from handlers.content_encoding import varies_by_gzip
from handlers.documents.operation import Media, Operation

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",  # blob: what is uploaded is shown before it is sent
        "font-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "connect-src 'self' {socket}",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
FOR_GOOD = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
THIS_VERSION = b"this"  # ?version=this: a proxy asks the other processes before it takes another version of a file


class ServedAssets(Struct, frozen=True):
    """All files. `fixed_name`: the file that a route always serves; empty if the URL names the file."""

    files: AssetFiles
    fixed_name: str = ""


class AssetHandler(Handler[ServedAssets]):
    """Serve one of the files that were read at start, with its ETag and the Content-Security-Policy.

    A hashed name never means other content, so it is kept for good. A hashed name of another version of the program
    (a page of the version before, or of the next, while the processes are restarted one by one) gets this version of
    the file, which is not kept.
    """

    operations: ClassVar = {
        "GET": Operation(
            summary="Load a page, or one of the files that the pages consist of",
            replies={200: Media("*/*"), 304: None},
            errors=("not_found",),
        )
    }
    is_public = True
    is_limited = False  # the files are few, small and in memory; an office behind one address loads them at once

    async def get(self, name: str = "") -> None:
        files = self.services.files
        requested = name or self.services.fixed_name
        if (asset := files.by_hashed_name.get(requested)) is not None:
            self._send(asset, FOR_GOOD)
            return
        asset = files.by_name.get(requested)
        if asset is None and self.request.query_arguments.get("version") != [THIS_VERSION]:
            asset = files.another_version_of(requested)
        if asset is None:
            raise ChatError("not_found")
        self._send(asset, REVALIDATED)

    def _send(self, asset: Asset, cache_control: str) -> None:
        host = self.request.host
        socket = f"ws://{host} wss://{host}" if _is_plain(host) else "'self'"
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY.format(socket=socket))
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        if asset.is_for_other_sites:
            self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.set_header("Cache-Control", cache_control)
        self.set_header("Content-Type", asset.content_type)
        sent = asset.plain
        if asset.gzip is not None and varies_by_gzip(self):
            sent = asset.gzip
            self.set_header("Content-Encoding", "gzip")
        self.set_header("Etag", sent.etag)
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        self.finish(sent.body)


def _is_plain(host: str) -> bool:
    """Return whether a Host header may be inserted into the policy: letters, digits and `.-:[]` only."""
    return host.replace(".", "").replace("-", "").replace(":", "").replace("[", "").replace("]", "").isalnum()
