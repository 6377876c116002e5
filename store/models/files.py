"""Uploaded files. Owns no behaviour."""

from __future__ import annotations

from msgspec import Struct

FILES_MAX = 20_000  # of one user
UNPOSTED_KEEP_MS = 24 * 3600 * 1000  # since the upload, of a file that no message shows and that is no avatar
# How long the bytes of a file may be without a description: it is stored right after them, and removed before them.
UNDESCRIBED_KEEP_MS = 3600 * 1000


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
