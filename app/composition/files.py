"""Builds the parts for uploads and files."""

from __future__ import annotations

import msgspec

from app.composition.common_parts import CommonParts
from chat.files import Files
from chat.incoming_files import IncomingFiles
from images.worker_queue import WorkerQueue


class FileParts(msgspec.Struct, frozen=True, kw_only=True):
    """The finished parts."""

    files: Files
    incoming: IncomingFiles
    images: WorkerQueue


def build_files(common: CommonParts) -> FileParts:
    """Build the parts. What is coming in is on the disk that it is to be stored on, where the store is on one."""
    settings = common.settings
    folder = settings.server.data_dir if settings.mongo.uri is None else None
    incoming, images = IncomingFiles(folder=folder), WorkerQueue(folder=folder)
    return FileParts(
        files=Files(
            store=common.store,
            incoming=incoming,
            images=images,
            allowed_types=settings.files.allowed_file_types,
            quota_bytes=settings.files.quota_per_user_bytes or None,
        ),
        incoming=incoming,
        images=images,
    )
