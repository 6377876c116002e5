"""What happens to an uploaded image: the interface. Knows neither the process that does it nor where files are kept."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from msgspec import Struct

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""The types that can be processed."""
THUMBNAIL_TYPE = "image/webp"
"""The type of every thumbnail, with or without alpha."""
AVATAR_SIZE = 256
"""Width and height of an avatar in pixels; a smaller image is not enlarged."""


class NotAnImage(Exception):
    """The bytes are no whole image of their type, or one that is past the bounds. The text says which, for a log."""


class ImagesBusy(Exception):
    """Nothing is known of the image: too many wait, its process was ended, or the server stops. May be tried again."""


class ProcessedImage(Struct, frozen=True, kw_only=True):
    """An image as it is to be stored: upright, encoded anew, without metadata. To be closed by who asked for it.

    `image` and `thumbnail` are anonymous temporary files, at their beginning; `thumbnail` is None where the image is no
    larger than one. `width` and `height` are those of `image`, in pixels.
    """

    image: BinaryIO
    thumbnail: BinaryIO | None
    width: int
    height: int
    mime_type: str

    def close(self) -> None:
        """Close both files, with which they are gone."""
        self.image.close()
        if self.thumbnail is not None:
            self.thumbnail.close()


class ImageProcessor(Protocol):
    """Makes of uploaded images what is stored."""

    async def process(self, source: BinaryIO, *, mime_type: str) -> ProcessedImage:
        """Decode `source`, a file with a descriptor, of the type that its signature says, one of IMAGE_TYPES.

        The position of `source` is undefined afterwards. Raises NotAnImage, ImagesBusy; OSError where the results
        cannot be written.
        """

    async def avatar(self, source: BinaryIO, *, mime_type: str) -> ProcessedImage:
        """As `process`, of the first frame alone: cut square about the middle, AVATAR_SIZE at most, no thumbnail."""
