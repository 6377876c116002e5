"""How large an image may be. What is past a bound is refused before it is decoded."""

from __future__ import annotations

PIXELS_MAX = 40_000_000
"""Of one picture, and of the canvas of an animation."""
ANIMATION_PIXELS_MAX = 100_000_000
"""Of all frames of an animation together, each by what it paints."""
FRAMES_MAX = 500


class RefusedImage(Exception):
    """The image is broken or past a bound. The text holds nothing of its bytes."""


def require_pixels(width: int, height: int) -> None:
    """Raises RefusedImage for a picture that is empty or too large."""
    if not (width > 0 and height > 0):
        raise RefusedImage("has no pixels")
    if width * height > PIXELS_MAX:
        raise RefusedImage(f"has over {PIXELS_MAX} pixels")


def require_frames(count: int, pixels: int) -> None:
    """Raises RefusedImage for an animation of too many frames, or of too many pixels in all of them."""
    if count > FRAMES_MAX:
        raise RefusedImage(f"has over {FRAMES_MAX} frames")
    if pixels > ANIMATION_PIXELS_MAX:
        raise RefusedImage(f"has over {ANIMATION_PIXELS_MAX} pixels in all frames")
