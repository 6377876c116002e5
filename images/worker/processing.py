"""One job: an image of the type that its signature says becomes the stored one, and a thumbnail."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from msgspec.structs import replace
from PIL import Image

from images.contract import THUMBNAIL_TYPE
from images.worker import encoding, gif_animation, thumbnails, webp_animation
from images.worker.colours import in_srgb
from images.worker.decoding import FORMATS, decode
from images.worker.upright import upright
from images.worker_messages import Done, Job

# The types whose images may be animations: each writes one anew, frame by frame, where the image is one.
_ANIMATIONS: dict[str, Callable[[BinaryIO, BinaryIO], bool]] = {
    "image/gif": gif_animation.write_anew,
    "image/webp": webp_animation.write_anew,
}


def process(job: Job, *, source: BinaryIO, image: BinaryIO, thumbnail: BinaryIO) -> Done:
    """Write the image, and the thumbnail if it gets one. Raises RefusedImage, and what Pillow raises of broken ones."""
    animation = None if job.is_avatar else _ANIMATIONS.get(job.mime_type)
    is_written = animation is not None and animation(source, image)
    decoded = decode(source, job.mime_type)
    picture = in_srgb(decoded.image if is_written else upright(decoded.image))
    if job.is_avatar:
        size = thumbnails.write_square(picture, image)
        return Done(width=size, height=size, mime_type=THUMBNAIL_TYPE, has_thumbnail=False)
    if not is_written:
        encoding.write(replace(decoded, image=picture), image)
    has_thumbnail = thumbnails.write(picture, thumbnail)
    return Done(width=picture.width, height=picture.height, mime_type=job.mime_type, has_thumbnail=has_thumbnail)


def warm_up() -> None:
    """Load all that Pillow loads when it is first used, while the process may still open files."""
    for mime_type, names in FORMATS.items():
        encoded = BytesIO()
        Image.new("RGB", (8, 8)).save(encoded, names[0])
        for is_avatar in (False, True):
            process(Job(mime_type, is_avatar), source=encoded, image=BytesIO(), thumbnail=BytesIO())
