"""Gives each file a name that changes with its content, and writes these names where other files name it. Pure.

A file's content includes the names of what it refers to, so a change in one file also gives new names to all that lead
to it: what a page loads is always what belongs together.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from handlers.assets.asset_error import AssetError
from handlers.assets.references import Reference, references_in
from handlers.assets.text_edits import Edit, edited

HASH_CHARS = 8

_HASHED = re.compile(rf"(?P<stem>.+)\.[0-9a-f]{{{HASH_CHARS}}}(?P<suffix>\.[A-Za-z0-9]+)")


class NamedFiles(Struct, frozen=True):
    """Each file's content with the hashed names in it, and its own hashed name; pages have none. Keys are its name."""

    contents: Mapping[str, bytes]
    hashed_names: Mapping[str, str]


def name_without_hash(name: str) -> str | None:
    """Return the name of the file that a hashed name is made of, in whatever version; None if there is no hash."""
    match = _HASHED.fullmatch(name)
    return None if match is None else match["stem"] + match["suffix"]


def with_hashed_names(files: Mapping[str, bytes], known: Mapping[str, Sequence[Reference]] | None = None) -> NamedFiles:
    """Rewrite all files. Raises AssetError, UnicodeDecodeError.

    `known` are the references in some files: nothing is looked for in these. Files that refer to each other
    are refused: neither could have a hash before the other.
    """
    texts = {name: body.decode() for name, body in files.items() if name.endswith((".html", ".css", ".js"))}
    references: dict[str, Sequence[Reference]] = {}
    for name in files:
        if known is not None and name in known:
            references[name] = known[name]
        else:
            references[name] = references_in(name, texts[name], files) if name in texts else ()
    contents: dict[str, bytes] = {}
    hashed_names: dict[str, str] = {}
    for name in _in_order(references):
        edits = [
            Edit(one.start, one.end, _renamed(texts[name][one.start : one.end], hashed_names[one.target]))
            for one in references[name]
            if one.target in hashed_names
        ]
        contents[name] = edited(texts[name], edits).encode() if edits else files[name]
        if not name.endswith(".html"):
            stem, suffix = posixpath.splitext(name)
            hashed_names[name] = f"{stem}.{hashlib.sha256(contents[name]).hexdigest()[:HASH_CHARS]}{suffix}"
    return NamedFiles(contents, hashed_names)


def _in_order(references: Mapping[str, Sequence[Reference]]) -> list[str]:
    """Return the names, each after what it refers to. Raises AssetError."""
    ordered: dict[str, None] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in path:
            raise AssetError(f"files that lead to themselves: {' → '.join((*path[path.index(name) :], name))}")
        if name not in ordered:
            path.append(name)
            for one in references[name]:
                visit(one.target)
            path.pop()
            ordered[name] = None

    for name in references:
        visit(name)
    return list(ordered)


def _renamed(url: str, hashed_name: str) -> str:
    """Return a relative URL with another file name in the same folder."""
    folder, slash, _ = url.rpartition("/")
    return folder + slash + posixpath.basename(hashed_name)
