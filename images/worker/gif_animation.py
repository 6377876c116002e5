"""Writes a GIF anew, frame by frame: each keeps its place, palette, duration, disposal, and the pixels' numbers.

Decoding to full colours and choosing palettes again would make most animations larger, and worse.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from msgspec import Struct
from PIL import GifImagePlugin, Image

from images.worker.bounds import RefusedImage, require_frames, require_pixels

_HEAD = struct.Struct("<6sHHBBB")  # signature, width, height, flags, background, aspect
_PLACE = struct.Struct("<HHHHB")  # left, top, width, height, flags
_CONTROL = struct.Struct("<BHB")  # flags, duration in 10 ms, transparent colour
_HAS_PALETTE, _PALETTE_SIZE = 0x80, 0x07
_DISPOSAL, _HAS_TRANSPARENCY, _INTERLACED = 0x1C, 0x01, 0x40
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL_LABEL, _APPLICATION_LABEL = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
# Any picture of numbers below 256 is decoded with it, and comes out as those numbers
_GREYS = bytes(number for grey in range(256) for number in (grey, grey, grey))


class _Frame(Struct, frozen=True):
    """One picture. `flags` are those of its place, `control` the fields of its graphic control, `packed` its pixels."""

    place: tuple[int, int, int, int]
    flags: int
    palette: bytes
    control: tuple[int, int, int] | None
    packed: bytes


class _Gif(Struct, frozen=True):
    """A file. `loops` is how often it is repeated: 0 for ever, None not at all."""

    head: tuple[int, int, int, int]
    palette: bytes
    loops: int | None
    frames: list[_Frame]


def write_anew(source: BinaryIO, output: BinaryIO) -> bool:
    """Write the GIF, a still one too. Returns True. Raises RefusedImage, and what Pillow raises of broken pixels."""
    source.seek(0)
    gif = _parse(source.read())
    width, height, flags, background = gif.head
    output.write(_HEAD.pack(b"GIF89a", width, height, flags & ~0x08, background, 0) + gif.palette)
    if gif.loops is not None:
        output.write(bytes([_EXTENSION, _APPLICATION_LABEL, 11]) + _LOOPS[0] + struct.pack("<BBHB", 3, 1, gif.loops, 0))
    for frame in gif.frames:
        output.write(_encoded(frame))
    output.write(bytes([_TRAILER]))
    output.flush()
    return True


def _encoded(frame: _Frame) -> bytes:
    control = b""
    if frame.control is not None:
        flags, duration, transparent = frame.control
        kept = flags & (_DISPOSAL | _HAS_TRANSPARENCY)
        control = bytes([_EXTENSION, _CONTROL_LABEL, 4]) + _CONTROL.pack(kept, duration, transparent) + b"\0"
    flags = frame.flags & (_HAS_PALETTE | _PALETTE_SIZE) if frame.palette else 0
    place = bytes([_IMAGE]) + _PLACE.pack(*frame.place, flags)
    return control + place + frame.palette + _packed_anew(frame)


def _packed_anew(frame: _Frame) -> bytes:
    """The pixels, unpacked and packed again: what else the packed bytes held is gone."""
    width, height = frame.place[2:]
    alone = b"".join(
        (
            _HEAD.pack(b"GIF89a", width, height, _HAS_PALETTE | _PALETTE_SIZE, 0, 0),
            _GREYS,
            bytes([_IMAGE]) + _PLACE.pack(0, 0, width, height, frame.flags & _INTERLACED),
            frame.packed,
            bytes([_TRAILER]),
        )
    )
    with Image.open(BytesIO(alone), formats=["GIF"]) as numbers:
        numbers.load()
        return b"".join(GifImagePlugin.getdata(numbers))[1 + _PLACE.size :]


class _Reader:
    """Reads a file's bytes in order. Raises RefusedImage where they end early."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._content[self._at : self._at + count]
        if len(taken) < count:
            raise RefusedImage("ends early")
        self._at += count
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def palette(self, flags: int) -> bytes:
        return self.take(3 << (flags & _PALETTE_SIZE) + 1) if flags & _HAS_PALETTE else b""

    def blocks(self) -> Iterator[bytes]:
        """The blocks up to the empty one."""
        while size := self.byte():
            yield self.take(size)


def _parse(content: bytes) -> _Gif:
    """Read the whole file up to its trailer. Raises RefusedImage."""
    reader = _Reader(content)
    _, width, height, flags, background, _ = _HEAD.unpack(reader.take(_HEAD.size))
    require_pixels(width, height)
    palette = reader.palette(flags)
    frames: list[_Frame] = []
    control: tuple[int, int, int] | None = None
    loops: int | None = None
    pixels = 0
    while (kind := reader.byte()) != _TRAILER:
        if kind == _EXTENSION:
            label, blocks = reader.byte(), list(reader.blocks())
            if label == _CONTROL_LABEL and blocks and len(blocks[0]) == _CONTROL.size:
                control = _CONTROL.unpack(blocks[0])
            elif label == _APPLICATION_LABEL and len(blocks) > 1 and blocks[0] in _LOOPS:
                loops = _loops(blocks[1], loops)
        elif kind == _IMAGE:
            frame = _read_frame(reader, control, canvas=(width, height))
            pixels += frame.place[2] * frame.place[3]
            frames.append(frame)
            require_frames(len(frames), pixels)
            control = None
        else:
            raise RefusedImage("has a block of no known kind")
    if not frames:
        raise RefusedImage("has no frame")
    return _Gif((width, height, flags, background), palette, loops, frames)


def _loops(block: bytes, before: int | None) -> int | None:
    return int.from_bytes(block[1:3], "little") if len(block) == 3 and block[0] == 1 else before


def _read_frame(reader: _Reader, control: tuple[int, int, int] | None, *, canvas: tuple[int, int]) -> _Frame:
    left, top, width, height, flags = _PLACE.unpack(reader.take(_PLACE.size))
    require_pixels(width, height)
    if left + width > canvas[0] or top + height > canvas[1]:
        raise RefusedImage("has a frame that is not within it")
    palette = reader.palette(flags)
    code_bits = reader.take(1)
    packed = b"".join(bytes([len(block)]) + block for block in reader.blocks())
    return _Frame((left, top, width, height), flags, palette, control, code_bits + packed + b"\0")
