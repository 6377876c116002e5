"""The chat page, the dashboard and their files, read from disk once at start.

A requested name is looked up among the files that were read. It is never used as a path on disk.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from chat.errors import ChatError
from common.startup_error import StartupError
from handlers.base import Handler

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "manifest-src 'self'",
        "connect-src 'self' {socket}",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


class Asset(Struct, frozen=True):
    """One file, as it is served."""

    body: bytes
    content_type: str
    etag: str


def load_assets(folder: Path) -> Mapping[str, Asset]:
    """Read every file below the folder, except hidden files and folders. The keys are paths relative to the folder.

    Raises StartupError where the folder is missing: a server without its pages would answer 404 to every browser.
    """
    if not folder.is_dir():
        raise StartupError(f"the folder of the pages is missing: {folder}")
    assets = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            body = path.read_bytes()
            kind = CONTENT_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            is_text = kind.startswith("text/") or kind.endswith(("+xml", "json"))
            content_type = f"{kind}; charset=utf-8" if is_text else kind
            assets[name.as_posix()] = Asset(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:24]}"')
    return assets


class ServedAssets(Struct, frozen=True):
    """All files by name. `fixed_name`: the file that a route always serves; empty if the URL names the file."""

    by_name: Mapping[str, Asset]
    fixed_name: str = ""


class AssetHandler(Handler[ServedAssets]):
    """Serve one of the files that were read at start, with its ETag and the Content-Security-Policy."""

    is_public = True
    is_limited = False  # the files are few, small and in memory; an office behind one address loads them at once

    async def get(self, name: str = "") -> None:
        asset = self.services.by_name.get(name or self.services.fixed_name)
        if asset is None:
            raise ChatError("not_found")
        host = self.request.host
        socket = f"ws://{host} wss://{host}" if _is_plain(host) else "'self'"
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY.format(socket=socket))
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Content-Type", asset.content_type)
        self.set_header("Etag", asset.etag)
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        self.finish(asset.body)


def _is_plain(host: str) -> bool:
    """Return whether a Host header may be inserted into the policy: letters, digits and `.-:[]` only."""
    return host.replace(".", "").replace("-", "").replace(":", "").replace("[", "").replace("]", "").isalnum()
