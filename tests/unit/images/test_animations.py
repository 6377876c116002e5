"""Animations stay animated, each frame where, as long and as it was."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageSequence, ImageStat

from images.worker.bounds import FRAMES_MAX
from tests.support.pictures import animation, coloured_frames, gif, photo
from tests.unit.images.processed import process


def frames_of(content: bytes) -> list[tuple[Image.Image, int]]:
    """Each frame as it is seen, with its duration in ms."""
    frames = []
    with Image.open(BytesIO(content)) as opened:
        for frame in ImageSequence.Iterator(opened):
            frame.load()
            frames.append((frame.convert("RGBA"), frame.info.get("duration", 0)))
    return frames


def loop_of(content: bytes) -> int | None:
    with Image.open(BytesIO(content)) as opened:
        loop: int | None = opened.info.get("loop")
        return loop


def differences(one: bytes, other: bytes) -> list[float]:
    pairs = zip(frames_of(one), frames_of(other), strict=True)
    return [
        max(ImageStat.Stat(ImageChops.difference(frame.convert("RGB"), other.convert("RGB"))).mean)
        for (frame, _), (other, _) in pairs
    ]


DURATIONS = [50, 100, 200, 1000, 40]


@pytest.mark.parametrize("loop", [None, 0, 3])
@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_a_gif_keeps_frames_durations_and_loop(disposal: int, loop: int | None) -> None:
    looped = {} if loop is None else {"loop": loop}
    content = animation("image/gif", coloured_frames(5), duration=DURATIONS, disposal=disposal, **looped)
    processed = process(content, "image/gif")
    assert [duration for _, duration in frames_of(processed.content)] == DURATIONS
    assert loop_of(processed.content) == loop
    assert differences(content, processed.content) == [0] * 5
    assert (processed.done.width, processed.done.height) == (40, 30)


def test_a_gif_with_transparent_frames_and_palettes_of_their_own_stays_as_it_was() -> None:
    frames = []
    for number in range(6):
        frame = photo(60, 40).rotate(number * 30).convert("RGBA")
        frame.putalpha(Image.radial_gradient("L").resize((60, 40)).point(lambda value: 255 if value < 120 else 0))
        frames.append(frame)
    content = animation("image/gif", frames, duration=80, disposal=2, loop=0)
    processed = process(content, "image/gif")
    seen = [[frame.tobytes() for frame, _ in frames_of(one)] for one in (content, processed.content)]
    assert seen[0] == seen[1]
    assert len(processed.content) < 1.2 * len(content)


def test_a_gif_whose_frames_are_interlaced_or_stand_aside_stays_as_it_was() -> None:
    content = gif((0, 0, 20, 20), (5, 6, 9, 11), (19, 19, 1, 1), width=20, height=20)
    assert b",\5\0\6\0\x09\0\x0b\0" in process(content, "image/gif").content
    assert differences(content, process(content, "image/gif").content) == [0] * 3


def test_as_many_frames_as_are_allowed_are_kept() -> None:
    content = gif(*[(0, 0, 3, 3)] * FRAMES_MAX, width=3, height=3)
    with Image.open(BytesIO(process(content, "image/gif").content)) as opened:
        assert getattr(opened, "n_frames", 1) == FRAMES_MAX


@pytest.mark.parametrize("loop", [0, 3])
@pytest.mark.parametrize("is_lossless", [False, True])
def test_an_animated_webp_keeps_frames_durations_and_loop(is_lossless: bool, loop: int) -> None:
    content = animation("image/webp", coloured_frames(5), duration=DURATIONS, loop=loop, lossless=is_lossless)
    processed = process(content, "image/webp")
    assert [duration for _, duration in frames_of(processed.content)] == DURATIONS
    assert loop_of(processed.content) == loop
    assert max(differences(content, processed.content)) <= (0 if is_lossless else 5)


def test_an_animated_webp_keeps_its_transparency() -> None:
    frames = []
    for number in range(4):
        frame = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        frame.paste((200, 40, 40, 255), (number * 8, 8, number * 8 + 24, 40))
        frames.append(frame)
    content = animation("image/webp", frames, duration=100)
    for (frame, _), (stored, _) in zip(
        frames_of(content), frames_of(process(content, "image/webp").content), strict=True
    ):
        difference = ImageChops.difference(frame.getchannel("A"), stored.getchannel("A"))
        assert ImageStat.Stat(difference).mean[0] < 2


@pytest.mark.parametrize("mime_type", ["image/gif", "image/webp"])
def test_the_thumbnail_of_an_animation_is_of_its_first_frame(mime_type: str) -> None:
    frames = [Image.new("RGB", (600, 300), colour) for colour in ("red", "green", "blue")]
    thumbnail = process(animation(mime_type, frames, duration=100), mime_type).thumbnail
    assert (thumbnail.size, getattr(thumbnail, "n_frames", 1)) == ((480, 240), 1)
    red, green, blue = thumbnail.convert("RGB").getpixel((9, 9))
    assert red > 200 and green < 40 and blue < 40


def test_of_an_animated_png_the_first_picture_is_kept() -> None:
    processed = process(animation("image/png", coloured_frames(3), duration=100), "image/png")
    assert processed.picture.tobytes() == coloured_frames(1)[0].tobytes()
    assert b"acTL" not in processed.content
