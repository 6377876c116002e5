"""Writes a still picture anew: its pixels and nothing else of what its file held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO

from PIL import Image

from images.worker.colours import in_full_colours
from images.worker.decoding import Decoded

# What takes long for a large picture is done with less effort: 40 million pixels must not take ten seconds.
_SMALL_PIXELS = 8_000_000


def write(decoded: Decoded, output: BinaryIO) -> None:
    """Write the picture, which is upright and in sRGB, into an empty file."""
    image = decoded.image
    # Pillow writes some of what is left here: comments, profiles, texts
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    WRITERS[decoded.mime_type](image, decoded, output)


def _write_jpeg(image: Image.Image, decoded: Decoded, output: BinaryIO) -> None:
    image.info = {}
    image = image if image.mode == "L" else image.convert("RGB") if image.mode != "RGB" else image
    image.save(output, "JPEG", quality=decoded.quality, subsampling=decoded.subsampling, progressive=True)


def _write_png(image: Image.Image, _decoded: Decoded, output: BinaryIO) -> None:
    image.save(output, "PNG", compress_level=6 if image.width * image.height <= _SMALL_PIXELS else 1)


def _write_webp(image: Image.Image, decoded: Decoded, output: BinaryIO) -> None:
    write_webp(image, output, is_lossless=decoded.is_lossless, pixels=image.width * image.height)


def write_webp(image: Image.Image, output: BinaryIO, *, is_lossless: bool, pixels: int) -> None:
    """Write a picture, or a frame, as WebP. `pixels`: of all frames together, by which the effort is chosen."""
    is_small = pixels <= _SMALL_PIXELS
    image = in_full_colours(image)
    image.info = {}
    if is_lossless:  # then `quality` is effort
        image.save(output, "WEBP", lossless=True, quality=60 if is_small else 10, method=4 if is_small else 0)
    else:
        image.save(output, "WEBP", quality=88, method=4 if is_small else 1)


WRITERS: Mapping[str, Callable[[Image.Image, Decoded, BinaryIO], None]] = {
    "image/jpeg": _write_jpeg,
    "image/png": _write_png,
    "image/webp": _write_webp,
}
