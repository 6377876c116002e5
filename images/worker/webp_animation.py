"""Writes an animated WebP anew, frame by frame, each in its place, with its duration, and lossless where it was."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from PIL import Image

from images.worker.bounds import RefusedImage, require_frames, require_pixels
from images.worker.encoding import write_webp
from images.worker.webp_chunks import HAS_ALPHA, IS_ANIMATION, canvas, chunk, chunks_of, file_chunks, file_of

_PLACE_BYTES = 16
_PICTURE = (b"ALPH", b"VP8 ", b"VP8L")


def write_anew(source: BinaryIO, output: BinaryIO) -> bool:
    """Write the animation; nothing where the image is none. Returns whether it is one.

    Raises RefusedImage, and what Pillow raises of broken pixels.
    """
    chunks = list(file_chunks(source))
    frames = [content for name, content in chunks if name == b"ANMF"]
    if not (chunks and chunks[0][0] == b"VP8X" and len(chunks[0][1]) >= 10 and chunks[0][1][0] & IS_ANIMATION):
        return False
    head = chunks[0][1]
    width, height = _u24(head, 4) + 1, _u24(head, 7) + 1
    require_pixels(width, height)
    pixels = _require_places(frames, width, height)
    control = next((content for name, content in chunks if name == b"ANIM" and len(content) >= 6), bytes(6))
    encoded = b"".join(chunk(b"ANMF", _frame_anew(frame, pixels)) for frame in frames)
    flags = IS_ANIMATION | head[0] & HAS_ALPHA
    output.write(file_of(canvas(width, height, flags=flags) + chunk(b"ANIM", control[:6]) + encoded))
    output.flush()
    return True


def _require_places(frames: list[bytes], width: int, height: int) -> int:
    """The pixels of all frames. Raises RefusedImage where these are too many, too large, or not within the canvas."""
    pixels = 0
    for frame in frames:
        if len(frame) < _PLACE_BYTES:
            raise RefusedImage("ends early")
        left, top, frame_width, frame_height = _place(frame)
        if left + frame_width > width or top + frame_height > height:
            raise RefusedImage("has a frame that is not within it")
        pixels += frame_width * frame_height
    if not frames:
        raise RefusedImage("has no frame")
    require_frames(len(frames), pixels)
    return pixels


def _place(frame: bytes) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels."""
    return 2 * _u24(frame, 0), 2 * _u24(frame, 3), _u24(frame, 6) + 1, _u24(frame, 9) + 1


def _u24(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 3], "little")


def _frame_anew(frame: bytes, pixels: int) -> bytes:
    """The same frame, decoded and encoded: its place, duration and way of blending, then its picture."""
    parts = [(name, content) for name, content in chunks_of(frame[_PLACE_BYTES:]) if name in _PICTURE]
    size = _place(frame)[2:]
    flags = HAS_ALPHA if any(name != b"VP8 " for name, _ in parts) else 0
    alone = file_of(canvas(*size, flags=flags) + b"".join(chunk(*part) for part in parts))
    encoded = BytesIO()
    with Image.open(BytesIO(alone), formats=["WEBP"]) as picture:
        if picture.size != size:
            raise RefusedImage("has a frame of another size than it says")
        picture.load()
        write_webp(picture, encoded, is_lossless=any(name == b"VP8L" for name, _ in parts), pixels=pixels)
    written = b"".join(chunk(name, content) for name, content in file_chunks(encoded) if name in _PICTURE)
    return frame[: _PLACE_BYTES - 1] + bytes([frame[_PLACE_BYTES - 1] & 0x03]) + written
