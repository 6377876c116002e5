"""Unusual images come out right: upright, in their colours, and without what else their files held."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat, PngImagePlugin

from images.worker.jpeg_scans import scans_of
from tests.support.pictures import (
    animation,
    coloured_frames,
    encoded,
    exif,
    gif,
    gif_blocks,
    opened,
    photo,
    png,
    png_chunk,
    with_corner,
)
from tests.unit.images.processed import process

STILLS = ("image/jpeg", "image/png", "image/webp")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of the pixels' bands, of 255."""
    means = ImageStat.Stat(ImageChops.difference(one.convert("RGBA"), other.convert("RGBA"))).mean
    return sum(means) / len(means)


PNG_PICTURES: Mapping[str, Callable[[], Image.Image]] = {
    "black and white": lambda: photo(50, 40).convert("1"),
    "grey": lambda: photo(50, 40).convert("L"),
    "grey with alpha": lambda: photo(50, 40).convert("LA"),
    "palette": lambda: photo(50, 40).quantize(32),
    "colours": lambda: photo(50, 40),
    "colours with alpha": lambda: photo(50, 40).convert("RGBA").rotate(30),
    "16 bits of grey": lambda: photo(50, 40).convert("L").convert("I;16").point(lambda value: value * 200),
}


@pytest.mark.parametrize("name", PNG_PICTURES)
def test_a_png_keeps_every_pixel(name: str) -> None:
    picture = PNG_PICTURES[name]()
    stored = process(encoded(picture, "image/png"), "image/png").picture
    assert (stored.mode, stored.size) == (picture.mode, picture.size)
    assert stored.tobytes() == picture.tobytes()


def test_a_palette_keeps_its_transparent_colour() -> None:
    picture = Image.new("P", (600, 30), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(0, (0, 0, 300, 30))
    processed = process(encoded(picture, "image/png", transparency=0), "image/png")
    assert processed.picture.convert("RGBA").getpixel((0, 0)) == (255, 0, 0, 0)
    assert processed.picture.convert("RGBA").getpixel((599, 0)) == (0, 0, 255, 255)
    assert [processed.thumbnail.getpixel((at, 0))[3] for at in (0, 479)] == [0, 255]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_keeps_its_look_and_about_its_size(mode: str, progressive: bool) -> None:
    picture = photo(800, 600).convert(mode)
    content = encoded(picture, "image/jpeg", quality=85, progressive=progressive)
    processed = process(content, "image/jpeg")
    assert processed.picture.mode == ("RGB" if mode == "CMYK" else mode)
    assert difference(processed.picture, opened(content).convert("RGB")) < 2
    assert len(processed.content) < 1.1 * len(content)
    assert processed.picture.info.get("progressive")


@pytest.mark.parametrize(("progressive", "scans"), [(False, 1), (True, 10)])
def test_the_scans_of_a_jpeg_are_its_own_and_not_those_of_what_it_carries(progressive: bool, scans: int) -> None:
    inner = encoded(photo(40, 30), "image/jpeg", progressive=True)
    content = encoded(photo(800, 600), "image/jpeg", progressive=progressive, comment=inner, icc_profile=inner * 50)
    assert scans_of(content) == scans
    assert scans_of(content + b"\xff\xda" * 1000) == scans  # a film behind the picture, as some telephones make it
    assert process(content + b"\xff\xda" * 1000, "image/jpeg").picture.size == (800, 600)


def test_a_jpeg_of_low_quality_does_not_grow_much() -> None:
    content = encoded(photo(800, 600), "image/jpeg", quality=60)
    assert len(process(content, "image/jpeg").content) < 2 * len(content)


@pytest.mark.parametrize("is_lossless", [False, True])
def test_a_webp_keeps_its_look_and_alpha_and_lossless_every_pixel(is_lossless: bool) -> None:
    picture = photo(300, 200).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    content = encoded(picture, "image/webp", lossless=is_lossless, exact=True)
    stored = process(content, "image/webp").picture
    assert difference(stored.getchannel("A"), picture.getchannel("A")) < 1
    assert difference(stored.convert("RGB"), opened(content).convert("RGB")) < 3
    if is_lossless:
        seen = [Image.alpha_composite(Image.new("RGBA", one.size, "white"), one) for one in (stored, picture)]
        assert seen[0].tobytes() == seen[1].tobytes()


@pytest.mark.parametrize("mime_type", [*STILLS, "image/gif"])
def test_a_single_pixel_is_an_image(mime_type: str) -> None:
    processed = process(encoded(Image.new("RGB", (1, 1), "red"), mime_type), mime_type)
    assert (processed.done.width, processed.done.height, processed.done.has_thumbnail) == (1, 1, False)
    red, green, blue = processed.picture.convert("RGB").getpixel((0, 0))
    assert (red > 240, green < 15, blue < 15) == (True, True, True)


@pytest.mark.parametrize("size", [(65_535, 1), (1, 65_535)])
def test_a_line_of_pixels_is_an_image_with_a_line_as_thumbnail(size: tuple[int, int]) -> None:
    processed = process(encoded(Image.new("RGB", size, "teal"), "image/png"), "image/png")
    assert processed.picture.size == size
    assert sorted(processed.thumbnail.size) == [1, 480]


def test_an_interlaced_png_is_decoded() -> None:
    stored = process(png(width=37, height=21, interlaced=True), "image/png").picture
    assert stored.tobytes() == bytes(37 * 21)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mime_type", STILLS)
def test_an_image_is_stored_as_it_is_to_be_looked_at(mime_type: str, orientation: int) -> None:
    turned = Image.new("RGB", (1, 1))
    upright_picture = with_corner()
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turned = upright_picture.transpose(undo[orientation]) if orientation > 1 else upright_picture
    processed = process(encoded(turned, mime_type, exif=exif(orientation)), mime_type)
    assert (processed.done.width, processed.done.height) == processed.picture.size == (64, 32)
    assert difference(processed.picture, upright_picture) < 5
    assert not processed.picture.getexif()


def test_what_is_wider_after_it_was_turned_has_an_upright_thumbnail() -> None:
    content = encoded(Image.new("RGB", (1000, 500)), "image/jpeg", exif=exif(6))
    assert process(content, "image/jpeg").thumbnail.size == (240, 480)


@pytest.mark.parametrize(
    "broken", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
@pytest.mark.parametrize("mime_type", STILLS)
def test_exif_data_that_are_broken_do_not_matter(mime_type: str, broken: bytes) -> None:
    assert process(encoded(with_corner(), mime_type, exif=broken), mime_type).picture.size == (64, 32)


def swapped_profile(*, name: str = "Swapped") -> bytes:
    """A profile whose red and blue are those of sRGB the other way round."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    named = profile.replace("sRGB".encode("utf-16-be"), name[:4].encode("utf-16-be"))
    return named.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")


@pytest.mark.parametrize(
    ("mime_type", "mode"),
    [
        *(("image/png", mode) for mode in ("RGB", "RGBA", "P")),
        *(("image/webp", mode) for mode in ("RGB", "RGBA")),
        ("image/jpeg", "RGB"),
    ],
)
def test_colours_are_brought_from_their_profile_to_srgb(mime_type: str, mode: str) -> None:
    picture = Image.new("RGB", (600, 100), (200, 30, 20))
    picture = picture.quantize(4) if mode == "P" else picture.convert(mode)
    processed = process(encoded(picture, mime_type, icc_profile=swapped_profile()), mime_type)
    for one in (processed.picture, processed.thumbnail):
        assert "icc_profile" not in one.info
        red, _, blue = one.convert("RGB").getpixel((50, 50))
        assert red < 60 and blue > 170


def test_a_profile_that_is_srgb_changes_no_pixel() -> None:
    picture = photo(100, 80)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (
        process(encoded(picture, "image/png", icc_profile=profile), "image/png").picture.tobytes() == picture.tobytes()
    )


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, swapped_profile()[:200]])
def test_a_profile_that_is_broken_is_left_out(profile: bytes) -> None:
    picture = photo(100, 80)
    processed = process(encoded(picture, "image/png", icc_profile=profile), "image/png")
    assert processed.picture.tobytes() == picture.tobytes()
    assert "icc_profile" not in processed.picture.info


def test_16_bits_become_8_by_their_upper_ones_in_a_thumbnail() -> None:
    picture = Image.new("I;16", (600, 100), 0x80FF)
    assert process(encoded(picture, "image/png"), "image/png").thumbnail.convert("L").getpixel((9, 9)) in range(
        126, 131
    )


@pytest.mark.parametrize("size", [(480, 480), (480, 10), (1, 1)])
def test_what_is_no_larger_than_a_thumbnail_has_none(size: tuple[int, int]) -> None:
    processed = process(encoded(Image.new("RGB", size), "image/png"), "image/png")
    assert (processed.done.has_thumbnail, processed.thumbnail_content) == (False, b"")


@pytest.mark.parametrize("mime_type", [*STILLS, "image/gif"])
def test_a_thumbnail_looks_like_its_image(mime_type: str) -> None:
    content = encoded(photo(1200, 500), mime_type)
    thumbnail = process(content, mime_type).thumbnail
    assert (thumbnail.size, thumbnail.format) == ((480, 200), "WEBP")
    assert difference(thumbnail, opened(content).convert("RGB").resize((480, 200))) < 6


MARKER = b"MARKER-52.5200N-13.4050E"


def png_info() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", MARKER.decode())
    info.add_text("Zipped", MARKER.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", MARKER.decode())
    info.add(b"prVt", MARKER)
    info.add(b"poSt", MARKER, after_idat=True)
    return info


def webp_with_chunk() -> bytes:
    content = encoded(photo(40, 30), "image/webp", exif=exif(1, maker=MARKER.decode()), xmp=MARKER)
    added = b"XTRA" + len(MARKER).to_bytes(4, "little") + MARKER
    return content[:4] + (len(content) - 8 + len(added)).to_bytes(4, "little") + content[8:] + added


def profile_with_marker() -> bytes:
    return swapped_profile() + MARKER


MARKED: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "EXIF of a JPEG": ("image/jpeg", lambda: encoded(photo(40, 30), "image/jpeg", exif=exif(1, maker=MARKER.decode()))),
    "XMP of a JPEG": ("image/jpeg", lambda: encoded(photo(40, 30), "image/jpeg", xmp=MARKER)),
    "comment of a JPEG": ("image/jpeg", lambda: encoded(photo(40, 30), "image/jpeg", comment=MARKER)),
    "profile of a JPEG": (
        "image/jpeg",
        lambda: encoded(photo(40, 30), "image/jpeg", icc_profile=profile_with_marker()),
    ),
    "end of a JPEG": ("image/jpeg", lambda: encoded(photo(40, 30), "image/jpeg") + MARKER),
    "chunks of a PNG": ("image/png", lambda: encoded(photo(40, 30), "image/png", pnginfo=png_info())),
    "EXIF of a PNG": ("image/png", lambda: encoded(photo(40, 30), "image/png", exif=exif(1, maker=MARKER.decode()))),
    "profile of a PNG": ("image/png", lambda: encoded(photo(40, 30), "image/png", icc_profile=profile_with_marker())),
    "end of a PNG": ("image/png", lambda: encoded(photo(40, 30), "image/png") + MARKER),
    "pixels of a PNG, behind the last": (
        "image/png",
        lambda: png().replace(png_chunk(b"IEND", b""), png_chunk(b"IDAT", MARKER) + png_chunk(b"IEND", b"")),
    ),
    "comment of a GIF": (
        "image/gif",
        lambda: gif((0, 0, 4, 4), (0, 0, 4, 4), width=4, height=4, between=gif_blocks(0xFE, MARKER)),
    ),
    "application of a GIF": (
        "image/gif",
        lambda: gif((0, 0, 4, 4), width=4, height=4, before=gif_blocks(0xFF, b"XMP DataXMP", MARKER)),
    ),
    "plain text of a GIF": (
        "image/gif",
        lambda: gif((0, 0, 4, 4), width=4, height=4, before=gif_blocks(0x01, bytes(12), MARKER)),
    ),
    "pixels of a GIF, behind the last": (
        "image/gif",
        lambda: gif((0, 0, 4, 4), width=4, height=4).replace(b"\0;", bytes([len(MARKER)]) + MARKER + b"\0;"),
    ),
    "end of a GIF": ("image/gif", lambda: gif((0, 0, 4, 4), width=4, height=4) + MARKER),
    "chunks of a WebP": ("image/webp", webp_with_chunk),
    "end of a WebP": ("image/webp", lambda: encoded(photo(40, 30), "image/webp") + MARKER),
    "chunks of an animated WebP": (
        "image/webp",
        lambda: animation("image/webp", coloured_frames(3), exif=exif(1, maker=MARKER.decode()), xmp=MARKER),
    ),
}


@pytest.mark.parametrize("name", MARKED)
def test_what_a_file_holds_besides_its_pixels_is_gone(name: str) -> None:
    mime_type, make = MARKED[name]
    content = make()
    processed = process(content, mime_type)
    if "Zipped" not in name:
        assert MARKER in content or "profile of a PNG" in name
    assert MARKER not in processed.content
    assert processed.picture.size == opened(content).size
    assert not processed.picture.getexif()
    assert not {"comment", "xmp", "icc_profile", "exif", "Comment", "Zipped"} & set(processed.picture.info)


def test_a_page_behind_the_pixels_of_a_gif_is_gone() -> None:
    page = b"<script>alert(document.cookie)</script>"
    content = gif((0, 0, 8, 8), width=8, height=8) + page
    assert b"<script" not in process(content, "image/gif").content


@pytest.mark.parametrize("mime_type", [*STILLS, "image/gif"])
@pytest.mark.parametrize(("size", "side"), [((600, 300), 256), ((300, 600), 256), ((100, 60), 60), ((30, 900), 30)])
def test_an_avatar_is_the_square_in_the_middle(mime_type: str, size: tuple[int, int], side: int) -> None:
    picture = Image.new("RGB", size, "white")
    middle = min(size)
    left, top = (size[0] - middle) // 2, (size[1] - middle) // 2
    picture.paste("blue", (left, top, left + middle, top + middle))
    processed = process(encoded(picture, mime_type), mime_type, is_avatar=True)
    assert (processed.done.width, processed.done.height, processed.done.mime_type) == (side, side, "image/webp")
    assert processed.done.has_thumbnail is False
    assert (processed.picture.size, processed.picture.format) == ((side, side), "WEBP")
    assert difference(processed.picture, Image.new("RGB", (side, side), "blue")) < 4


def test_an_avatar_is_upright_and_of_an_animation_the_first_frame() -> None:
    turned = with_corner(64, 64).transpose(Image.Transpose.ROTATE_90)
    upright = process(encoded(turned, "image/jpeg", exif=exif(6)), "image/jpeg", is_avatar=True).picture
    assert difference(upright, with_corner(64, 64)) < 5
    frames = coloured_frames(3, 32, 32)
    first = process(animation("image/gif", frames), "image/gif", is_avatar=True).picture
    assert difference(first, frames[0]) < 6
