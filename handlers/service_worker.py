"""The service worker of the chat page, with the list of the files that it keeps. Knows no request."""

from __future__ import annotations

import hashlib
import posixpath
import re

import msgspec

from common.startup_error import StartupError
from handlers.assets.asset_files import Asset, AssetFiles, Representation
from handlers.assets.references import PAGES_BASE
from handlers.content_encoding import gzip_asset

WORKER = "service-worker.js"
PAGE = "chat/index.html"

_PLACE = b'const SHELL = { version: "", files: [] };'
_HASHED = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9._-]*\.[0-9a-f]{8}\.[A-Za-z0-9]+")


def with_shell_files(files: AssetFiles) -> AssetFiles:
    """Let the worker name all files that the page leads to, and a version of these and of itself.

    Raises StartupError where the worker has no place for the names.
    """
    worker, page = files.by_name[WORKER], files.by_name[PAGE]
    source = worker.plain.body
    if source.count(_PLACE) != 1:
        raise StartupError(f"web/{WORKER} has no line `{_PLACE.decode()}`")
    names = shell_files(files)
    version = hashlib.sha256(b"\0".join((source, page.plain.body, *(name.encode() for name in names)))).hexdigest()[:16]
    shell = msgspec.json.encode({"version": version, "files": [PAGES_BASE + name for name in names]})
    body = source.replace(_PLACE, b"const SHELL = " + shell + b";")
    return AssetFiles({**files.by_name, WORKER: _representations(worker, body)}, files.by_hashed_name)


def shell_files(files: AssetFiles) -> list[str]:
    """Return the hashed names of all that the page names, and what that names in turn, sorted."""
    by_last_part = {posixpath.basename(name).encode(): name for name in files.by_hashed_name}
    found: set[str] = set()
    waiting = [files.by_name[PAGE]]
    while waiting:
        for last_part in _HASHED.findall(waiting.pop().plain.body):
            name = by_last_part.get(last_part)
            if name is not None and name not in found:
                found.add(name)
                waiting.append(files.by_hashed_name[name])
    return sorted(found)


def _representations(asset: Asset, body: bytes) -> Asset:
    compressed = gzip_asset(body)
    return msgspec.structs.replace(
        asset,
        plain=_representation(body),
        gzip=None if compressed is None else _representation(compressed),
    )


def _representation(body: bytes) -> Representation:
    return Representation(body, f'"{hashlib.sha256(body).hexdigest()[:24]}"')
