"""The container of WebP: RIFF chunks, read and written."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from images.worker.bounds import RefusedImage

HAS_ALPHA = 0x10
IS_ANIMATION = 0x02
_CHUNK = struct.Struct("<4sI")
_RIFF_HEAD = 12


def chunks_of(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and the content of each chunk. Raises RefusedImage where one ends early."""
    at = 0
    while at < len(content):
        if at + _CHUNK.size > len(content):
            raise RefusedImage("ends early")
        name, length = _CHUNK.unpack_from(content, at)
        at += _CHUNK.size
        if at + length > len(content):
            raise RefusedImage("ends early")
        yield name, content[at : at + length]
        at += length + length % 2


def file_chunks(source: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a file, without what lies behind its stated end. Raises RefusedImage where that is not reached."""
    source.seek(0)
    head = source.read(_RIFF_HEAD)
    if len(head) < _RIFF_HEAD:
        raise RefusedImage("ends early")
    length = _CHUNK.unpack_from(head)[1] - 4
    content = source.read(max(0, length))
    if len(content) < length:
        raise RefusedImage("ends early")
    return chunks_of(content)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk as it is written."""
    return _CHUNK.pack(name, len(content)) + content + b"\0" * (len(content) % 2)


def file_of(chunks: bytes) -> bytes:
    """A whole file."""
    return _CHUNK.pack(b"RIFF", len(chunks) + 4) + b"WEBP" + chunks


def canvas(width: int, height: int, *, flags: int) -> bytes:
    """The chunk VP8X, which begins a file of more than one chunk."""
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + u24(width - 1) + u24(height - 1))


def u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def is_lossless(source: BinaryIO) -> bool:
    """Whether a still image is of the lossless kind."""
    return any(name == b"VP8L" for name, _ in file_chunks(source))
