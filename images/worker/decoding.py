"""A picture of the type that its signature says, decoded, with what is needed to encode it about as it was."""

from __future__ import annotations

import struct
from typing import BinaryIO

from msgspec import Struct
from PIL import Image, ImageFile, JpegImagePlugin

from images.worker.bounds import PIXELS_MAX, RefusedImage, require_pixels
from images.worker.jpeg_scans import require_few_scans
from images.worker.webp_chunks import is_lossless

# A JPEG whose further pictures (a preview, a depth map) are listed opens as MPO; the first is the picture.
FORMATS = {"image/jpeg": ("JPEG", "MPO"), "image/png": ("PNG",), "image/gif": ("GIF",), "image/webp": ("WEBP",)}
# The sum of libjpeg's table of luminance at quality 50, from which it scales those of other qualities
_LUMINANCE_50 = 3685
_QUALITIES = (85, 95)
_PNG_HEAD = 8

Image.MAX_IMAGE_PIXELS = PIXELS_MAX


class Decoded(Struct, frozen=True, kw_only=True):
    """The first frame, decoded. `quality` and `subsampling` are for JPEG; `is_lossless` for WebP."""

    image: Image.Image
    mime_type: str
    quality: int = 90
    subsampling: int = 2
    is_lossless: bool = False


def decode(source: BinaryIO, mime_type: str) -> Decoded:
    """Decode the picture, or the first frame. Raises RefusedImage, and what Pillow raises of broken ones."""
    if mime_type == "image/png":
        _require_end(source)
    source.seek(0)
    image = Image.open(source, formats=FORMATS[mime_type][:1])
    if image.format not in FORMATS[mime_type]:
        raise RefusedImage("is of another type than its signature says")
    require_pixels(*image.size)
    if mime_type == "image/jpeg":
        require_few_scans(source, image.width * image.height)
    image.load()
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return Decoded(image=image, mime_type=mime_type, quality=_quality(image), subsampling=_subsampling(image))
    return Decoded(image=image, mime_type=mime_type, is_lossless=mime_type == "image/webp" and is_lossless(source))


def _require_end(source: BinaryIO) -> None:
    """Raises RefusedImage for a PNG without its last chunk: Pillow needs none."""
    size, at = source.seek(0, 2), _PNG_HEAD
    while at + 12 <= size:
        source.seek(at)
        length, kind = struct.unpack(">I4s", source.read(8))
        at += 12 + length
        if kind == b"IEND" and at <= size:
            return
    raise RefusedImage("ends early")


def _quality(image: JpegImagePlugin.JpegImageFile) -> int:
    """The quality to encode with: about that of the picture, within _QUALITIES.

    Its own tables are not taken: they are bytes that who made it chose.
    """
    scale = 100 * sum(image.quantization[0]) / _LUMINANCE_50 if 0 in image.quantization else 100
    quality = (200 - scale) / 2 if scale <= 100 else 5000 / scale
    return min(max(round(quality), _QUALITIES[0]), _QUALITIES[1])


def _subsampling(image: ImageFile.ImageFile) -> int:
    """Colours stay at full resolution where they were; what is subsampled otherwise than usual becomes 4:2:0."""
    return 0 if JpegImagePlugin.get_sampling(image) == 0 else 2
