"""Runs one job in the test's own process: what it does to pixels is the same there."""

from __future__ import annotations

import warnings
from io import BytesIO

from msgspec import Struct
from PIL import Image

from images.worker import processing
from images.worker_messages import Done, Job
from tests.support.pictures import opened


class Processed(Struct, frozen=True):
    """What came of an image."""

    done: Done
    content: bytes
    thumbnail_content: bytes

    @property
    def picture(self) -> Image.Image:
        return opened(self.content)

    @property
    def thumbnail(self) -> Image.Image:
        return opened(self.thumbnail_content)


def process(content: bytes, mime_type: str, *, is_avatar: bool = False) -> Processed:
    """Raises RefusedImage and whatever Pillow raises, both of which refuse an image."""
    image, thumbnail = BytesIO(), BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in images/worker/job_loop.py
        done = processing.process(Job(mime_type, is_avatar), source=BytesIO(content), image=image, thumbnail=thumbnail)
    return Processed(done, image.getvalue(), thumbnail.getvalue())
