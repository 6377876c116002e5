"""Uploaded files. Owns no behaviour."""

from __future__ import annotations

from msgspec import Struct


class File(Struct, frozen=True, rename="camel"):
    """An uploaded file's description."""

    id: str
    url: str
    name: str
    size: int
    mime_type: str
    sha256: str
    width: int | None
    height: int | None
    thumbnail_url: str | None


class FileDraft(Struct, frozen=True):
    """The description of an upload whose bytes are stored under `id`.

    `sha256` is hexadecimal, `size` in bytes, `width` and `height` in pixels.
    """

    id: str
    owner_id: str
    name: str
    size: int
    mime_type: str
    sha256: str
    width: int | None = None
    height: int | None = None
    has_thumbnail: bool = False
