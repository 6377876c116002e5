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
    """An upload that was written under `id`, and is to be described.

    `sha256` in hexadecimal, sizes in bytes and pixels.
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
