"""What is no image of its type, or one past a bound, is refused, and before its pixels take memory."""

from __future__ import annotations

import functools
import random
import resource
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from images.contract import IMAGE_TYPES
from images.worker.bounds import FRAMES_MAX, PIXELS_MAX, RefusedImage
from images.worker.webp_chunks import HAS_ALPHA, IS_ANIMATION, canvas, chunk, file_chunks, file_of
from tests.support import pictures
from tests.support.pictures import PNG_SIGNATURE, animation, coloured_frames, encoded, gif, photo, png, png_chunk
from tests.unit.images.processed import process


@functools.cache
def bomb() -> bytes:
    """What unpacks to 100 MB."""
    return zlib.compress(bytes(100 << 20))


def png_head(width: int, height: int) -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return PNG_SIGNATURE + head + png_chunk(b"IDAT", zlib.compress(bytes(100_000))) + png_chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose header says another size."""
    content = encoded(photo(32, 32), "image/jpeg")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def webp_animation(*frames: tuple[int, int, int, int], width: int, height: int) -> bytes:
    """An animation whose frames have these places, each with the picture of its size."""
    parts = [canvas(width, height, flags=IS_ANIMATION), chunk(b"ANIM", bytes(6))]
    for left, top, frame_width, frame_height in frames:
        alone = encoded(photo(frame_width, frame_height), "image/webp")
        picture = b"".join(chunk(name, content) for name, content in file_chunks(pictures.BytesIO(alone)))
        numbers = (left // 2, top // 2, frame_width - 1, frame_height - 1, 100)
        place = b"".join(number.to_bytes(3, "little") for number in numbers)
        parts.append(chunk(b"ANMF", place + b"\0" + picture))
    return file_of(b"".join(parts))


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    content = encoded(Image.new("RGB", (4000, 3000), "teal"), "image/jpeg", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * count + content[-2:]


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "PNG of 900 million pixels": ("image/png", lambda: png_head(30_000, 30_000)),
    "PNG just past the bound": ("image/png", lambda: png_head(PIXELS_MAX // 1000, 1001)),
    "PNG without a pixel": ("image/png", lambda: png_head(0, 100)),
    "PNG of 2³¹ a side": ("image/png", lambda: png_head(2**31 - 1, 2**31 - 1)),
    "JPEG of 4 billion pixels": ("image/jpeg", lambda: jpeg_of_size(65_500, 65_500)),
    "JPEG of too many scans": ("image/jpeg", lambda: jpeg_of_scans(100)),
    "GIF with a canvas of 4 billion pixels": ("image/gif", lambda: gif((0, 0, 4, 4), width=65_535, height=65_535)),
    "GIF with a frame beyond it": ("image/gif", lambda: gif((2, 0, 4, 4), width=4, height=4)),
    "GIF without a frame": ("image/gif", lambda: gif(width=4, height=4)),
    "GIF of too many frames": ("image/gif", lambda: gif(*[(0, 0, 1, 1)] * (FRAMES_MAX + 1), width=4, height=4)),
    "GIF of too many pixels": ("image/gif", lambda: gif(*[(0, 0, 6000, 6000)] * 3, width=6000, height=6000)),
    "GIF with a block of no kind": ("image/gif", lambda: gif((0, 0, 4, 4), width=4, height=4, before=b"\x99")),
    "WebP with a canvas of 268 million pixels": (
        "image/webp",
        lambda: file_of(canvas(16_384, 16_384, flags=HAS_ALPHA) + chunk(b"VP8L", bytes(100))),
    ),
    "WebP with a canvas of 2⁴⁸ pixels": (
        "image/webp",
        lambda: file_of(canvas(1 << 24, 1 << 24, flags=IS_ANIMATION) + chunk(b"ANIM", bytes(6))),
    ),
    "WebP with a frame beyond it": ("image/webp", lambda: webp_animation((2, 0, 16, 16), width=16, height=16)),
    "WebP animation without a frame": ("image/webp", lambda: webp_animation(width=16, height=16)),
    "WebP of too many frames": (
        "image/webp",
        lambda: webp_animation(*[(0, 0, 2, 2)] * (FRAMES_MAX + 1), width=4, height=4),
    ),
    "PNG with a zip bomb as text": ("image/png", lambda: png((b"zTXt", b"Comment\0\0" + bomb()))),
    "PNG with a zip bomb as international text": ("image/png", lambda: png((b"iTXt", b"Comment\0\1\0\0\0" + bomb()))),
    "PNG with a zip bomb as a profile": ("image/png", lambda: png((b"iCCP", b"sRGB\0\0" + bomb()))),
    "PNG whose pixels are a zip bomb": (
        "image/png",
        lambda: png().replace(png_chunk(b"IDAT", zlib.compress(bytes(20))), png_chunk(b"IDAT", bomb())),
    ),
    "PNG with a wrong checksum": ("image/png", lambda: png().replace(b"IHDR\0\0\0\4", b"IHDR\0\0\0\5")),
    "JPEG of nothing but its signature": ("image/jpeg", lambda: b"\xff\xd8\xff\xe0" * 100),
    "program under the signature of a PNG": ("image/png", lambda: PNG_SIGNATURE + b"MZ\x90\0" * 1000),
    "noise under the signature of a GIF": ("image/gif", lambda: b"GIF89a" + random.Random(7).randbytes(5000)),
}
# What Pillow decodes anyway, within its bounds: it stops where the picture is complete.
HARMLESS = {"PNG whose pixels are a zip bomb"}


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in HARMLESS])
def test_what_is_broken_or_past_a_bound_is_refused(name: str) -> None:
    mime_type, make = HOSTILE[name]
    content = make()
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Exception) as raised:
        process(content, mime_type)
    assert not isinstance(raised.value, MemoryError | AssertionError)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before_kb + 50_000


def test_pixels_that_unpack_to_more_than_the_picture_end_where_it_does() -> None:
    mime_type, make = HOSTILE["PNG whose pixels are a zip bomb"]
    content = make()
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert process(content, mime_type).picture.size == (4, 4)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before_kb + 50_000


@pytest.mark.parametrize("mime_type", sorted(IMAGE_TYPES))
def test_nothing_at_all_is_no_image(mime_type: str) -> None:
    with pytest.raises(Exception, match=r"cannot identify|ends early"):
        process(b"", mime_type)


@pytest.mark.parametrize("mime_type", sorted(IMAGE_TYPES))
@pytest.mark.parametrize("other", sorted(IMAGE_TYPES))
def test_an_image_of_another_type_than_it_was_taken_for_is_refused(mime_type: str, other: str) -> None:
    content = encoded(photo(32, 32), other)
    if mime_type == other:
        assert process(content, mime_type).picture.format == pictures.FORMATS[mime_type]
    else:
        with pytest.raises(Exception):  # noqa: B017
            process(content, mime_type)


@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize("mime_type", sorted(IMAGE_TYPES))
def test_an_image_cut_at_any_tenth_is_refused(mime_type: str, tenth: int) -> None:
    content = encoded(photo(300, 200), mime_type)
    with pytest.raises((RefusedImage, OSError, SyntaxError, ValueError, EOFError)):
        process(content[: len(content) * tenth // 10], mime_type)


@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize("mime_type", ["image/gif", "image/webp"])
def test_an_animation_cut_at_any_tenth_is_refused(mime_type: str, tenth: int) -> None:
    content = animation(mime_type, coloured_frames(10))
    with pytest.raises((RefusedImage, OSError, SyntaxError, ValueError, EOFError)):
        process(content[: len(content) * tenth // 10], mime_type)


@pytest.mark.parametrize("mime_type", ["image/gif", "image/png", "image/webp"])
def test_an_image_without_its_last_byte_is_refused(mime_type: str) -> None:
    with pytest.raises(RefusedImage):
        process(encoded(photo(300, 200), mime_type)[:-1], mime_type)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("mime_type", sorted(IMAGE_TYPES))
def test_an_image_with_wrong_bytes_is_refused_or_comes_out_whole(mime_type: str, seed: int) -> None:
    wrong = random.Random(seed)
    is_animation = mime_type in ("image/gif", "image/webp") and seed % 2
    content = bytearray(animation(mime_type, coloured_frames(3)) if is_animation else encoded(photo(60, 40), mime_type))
    for _ in range(seed // 4 + 1):
        content[wrong.randrange(12, len(content))] = wrong.randrange(256)
    try:
        processed = process(bytes(content), mime_type)
    except Exception:
        return
    assert processed.picture.size == (processed.done.width, processed.done.height)
