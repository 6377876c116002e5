"""Counts the scans of a JPEG. Each goes over all pixels once more, and one of a few bytes may be repeated at will."""

from __future__ import annotations

import re
from typing import BinaryIO

from images.worker.bounds import RefusedImage

SCAN_PIXELS_MAX = 1_000_000_000
"""Scans times pixels: some 25 scans of the largest picture. A photograph has 1, or 10 where it is progressive."""

# Not what stands between a scan's pixels: a stuffed zero, a fill byte, a restart
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_START_OF_SCAN, _END = b"\xda", b"\xd9"


def require_few_scans(source: BinaryIO, pixels: int) -> None:
    """Raises RefusedImage where the scans of the first picture would take too long."""
    source.seek(0)
    if scans_of(source.read()) * pixels > SCAN_PIXELS_MAX:
        raise RefusedImage("has too many scans")


def scans_of(content: bytes) -> int:
    """How many scans there are up to the end of the first picture."""
    at, count = 0, 0
    while (marker := _MARKER.search(content, at)) is not None and marker[1] != _END:
        count += marker[1] == _START_OF_SCAN
        # A segment's length counts its own two bytes; a scan's pixels follow its segment
        at = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    return count
