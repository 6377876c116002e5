"""Brings the colours of a picture to sRGB, for it is stored without its profile, which may hold anything."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageCms

# By the mode of a picture, that in which its colours are converted and that in which they come out.
_CONVERTED = {
    "RGB": ("RGB", "RGB"),
    "RGBA": ("RGBA", "RGBA"),
    "CMYK": ("CMYK", "RGB"),
    "L": ("L", "RGB"),
}
_STORED_AS_THEY_ARE = {"1", "L", "LA", "I;16", "I", "P", "RGB", "RGBA"}


def in_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, where it has a profile that can be followed; with CMYK and the like turned into RGB."""
    profile = image.info.get("icc_profile")
    converted = _converted(image, profile) if profile else image
    return converted if converted.mode in _STORED_AS_THEY_ARE else converted.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    if image.mode == "P":
        image = in_full_colours(image)
    if image.mode not in _CONVERTED:
        return image
    mode, srgb_mode = _CONVERTED[image.mode]
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, srgb_mode)
        result = transform.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image  # a profile that is broken, or of other colours than the picture's
    return result.convert("L") if image.mode == "L" else result


def in_full_colours(image: Image.Image) -> Image.Image:
    """The picture as RGB, or RGBA where some of it may be transparent."""
    if image.mode in ("RGB", "RGBA"):
        if image.mode == "RGBA" or "transparency" not in image.info:
            return image
    elif image.mode in ("I;16", "I"):
        # Pillow cuts off what is past 255, where 16 bits are to become 8
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
