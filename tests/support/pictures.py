"""Makes images for tests: whole ones of each type, and the parts that odd and hostile ones are made of."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}


def encoded(picture: Image.Image, mime_type: str, **options: Any) -> bytes:
    """The bytes of a picture, as Pillow writes it."""
    output = BytesIO()
    picture.save(output, FORMATS[mime_type], **options)
    return output.getvalue()


def opened(content: bytes) -> Image.Image:
    """A picture, decoded."""
    picture = Image.open(BytesIO(content))
    picture.load()
    return picture


def photo(width: int = 640, height: int = 480) -> Image.Image:
    """Something as smooth, and as rough, as what cameras take."""
    small = (max(1, width // 8), max(1, height // 8))
    bands = [Image.radial_gradient("L").rotate(turn).resize(small).resize((width, height)) for turn in (0, 90, 45)]
    bands[1] = bands[1].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Image.merge("RGB", bands)


def with_corner(width: int = 64, height: int = 32) -> Image.Image:
    """White, with a red corner at the top left: which way it is turned is seen."""
    picture = Image.new("RGB", (width, height), "white")
    picture.paste("red", (0, 0, width // 4, height // 4))
    return picture


def exif(orientation: int, *, maker: str = "") -> Image.Exif:
    """EXIF data that say how the picture is to be turned, and who made it."""
    data = Image.Exif()
    data[0x0112] = orientation
    if maker:
        data[0x010F] = maker
    return data


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks: tuple[bytes, bytes], width: int = 4, height: int = 4, interlaced: bool = False) -> bytes:
    """A grey PNG that holds these chunks before its pixels, which are black."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    rows = _adam7_rows(width, height) if interlaced else [width] * height
    pixels = zlib.compress(b"".join(bytes(1 + row) for row in rows))
    parts = [(b"IHDR", head), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(png_chunk(*part) for part in parts)


def _adam7_rows(width: int, height: int) -> Iterable[int]:
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    for left, top, across, down in passes:
        columns, rows = len(range(left, width, across)), len(range(top, height, down))
        if columns:
            yield from [columns] * rows


def gif(
    *frames: tuple[int, int, int, int], width: int, height: int, before: bytes = b"", between: bytes = b""
) -> bytes:
    """A GIF of one colour whose frames have these places; `before` the first and `between` all stand other blocks."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\xff\0\0\0\0\xff"
    return head + before + between.join(gif_frame(*frame) for frame in frames) + b";"


def gif_frame(left: int, top: int, width: int, height: int) -> bytes:
    alone = encoded(Image.new("L", (width, height)), "image/gif")
    place = alone.index(b",", 13 + 3 * (2 << (alone[10] & 7)))
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0x40 & alone[place + 9]) + alone[place + 10 : -1]


def gif_blocks(label: int, *blocks: bytes) -> bytes:
    """An extension."""
    return bytes([0x21, label]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def animation(mime_type: str, frames: Sequence[Image.Image], **options: Any) -> bytes:
    """An animation of these frames."""
    return encoded(frames[0], mime_type, save_all=True, append_images=frames[1:], **options)


def coloured_frames(count: int, width: int = 40, height: int = 30) -> list[Image.Image]:
    """Frames in each of which a square has moved."""
    frames = []
    for number in range(count):
        frame = Image.new("RGB", (width, height), "navy")
        frame.paste("yellow", (number % width, 5, number % width + 5, 15))
        frames.append(frame)
    return frames
