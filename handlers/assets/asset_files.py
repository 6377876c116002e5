"""Reads the files of `web/` once at start and prepares each as it will be sent: by name, hashed, compressed."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec import Struct

from common.startup_error import StartupError
from handlers.assets.asset_error import AssetError
from handlers.assets.hashed_names import name_without_hash, with_hashed_names
from handlers.assets.module_graph import ModuleGraph
from handlers.assets.pages import made_files
from handlers.content_encoding import gzip_asset

CONTENT_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


class Representation(Struct, frozen=True):
    """Bytes as they are sent, and their strong validator (RFC 9110 section 8.8.3): other bytes have another one."""

    body: bytes
    etag: str


class Asset(Struct, frozen=True):
    """One file. `gzip` is None where compressing does not pay. `is_for_other_sites`: pages of other sites import it."""

    content_type: str
    plain: Representation
    gzip: Representation | None
    is_for_other_sites: bool


class AssetFiles(Struct, frozen=True):
    """All files by their names in `web/`, and by their hashed names; chunks of a page's bundle by these alone."""

    by_name: Mapping[str, Asset]
    by_hashed_name: Mapping[str, Asset]

    def another_version_of(self, name: str) -> Asset | None:
        """Return the file that a hashed name of another version of the program means here.

        A chunk of another version means none: its modules would be given those of another bundle.
        """
        original = name_without_hash(name)
        return None if original is None else self.by_name.get(original)


def load_assets(folder: Path, *, bundles: Collection[str] = ()) -> AssetFiles:
    """Read every file below the folder, except hidden files and folders.

    `bundles` are the modules that are served as one file with all that they import; so are those that pages begin with,
    which load chunks of it later (handlers/assets/module_bundle.py). Raises StartupError where the
    folder is missing (a server without its pages would answer 404 to every browser), and where its files do not go
    together.
    """
    if not folder.is_dir():
        raise StartupError(f"the folder of the pages is missing: {folder}")
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    try:
        graph = ModuleGraph(files)
        made = made_files(graph, bundles)
        named = with_hashed_names(
            files | {name: one.text.encode() for name, one in made.items()},
            graph.references | {name: one.references for name, one in made.items()},
        )
    except (AssetError, UnicodeDecodeError) as error:
        raise StartupError(f"the files of the pages in {folder} do not go together: {error}") from error
    assets = {name: _asset(name, body, name in bundles) for name, body in named.contents.items()}
    by_hashed_name = {hashed: assets[name] for name, hashed in named.hashed_names.items()}
    parts = {name for name, one in made.items() if one.is_part}
    return AssetFiles({name: asset for name, asset in assets.items() if name not in parts}, by_hashed_name)


def _asset(name: str, body: bytes, is_for_other_sites: bool) -> Asset:
    kind = CONTENT_TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_text = kind.startswith("text/") or kind.endswith(("+xml", "json"))
    compressed = gzip_asset(body)
    return Asset(
        f"{kind}; charset=utf-8" if is_text else kind,
        _representation(body),
        None if compressed is None else _representation(compressed),
        is_for_other_sites,
    )


def _representation(body: bytes) -> Representation:
    return Representation(body, f'"{hashlib.sha256(body).hexdigest()[:24]}"')
