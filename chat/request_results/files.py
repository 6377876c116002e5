"""What use cases return about files."""

from __future__ import annotations

from msgspec import Struct

from store.models import File


class FileResult(Struct, frozen=True):
    """A file that was uploaded."""

    file: File
