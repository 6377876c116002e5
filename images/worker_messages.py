"""What the server and the process that decodes images say to each other: one record each way, beside descriptors."""

from __future__ import annotations

import msgspec
from msgspec import Struct

RECORD_MAX_BYTES = 4096
JOB_DESCRIPTORS = 3
"""What comes with a job: the source, and the files for the image and the thumbnail."""


class Job(Struct, frozen=True):
    """An image to be processed. `is_avatar`: it is cut square and gets no thumbnail."""

    mime_type: str
    is_avatar: bool = False


class Done(Struct, frozen=True, tag=True):
    """The files are written. `width` and `height` in pixels."""

    width: int
    height: int
    mime_type: str
    has_thumbnail: bool


class Refused(Struct, frozen=True, tag=True):
    """The image is not taken. `reason` holds nothing of its bytes."""

    reason: str


class Unwritten(Struct, frozen=True, tag=True):
    """The disk does not take the results; nothing is known of the image."""

    errno: int


Answer = Done | Refused | Unwritten

_jobs = msgspec.json.Decoder(Job)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def decode_job(record: bytes) -> Job:
    return _jobs.decode(record)


def decode_answer(record: bytes) -> Answer:
    """Raises ValueError for what is no answer."""
    return _answers.decode(record)


def encode(message: Job | Answer) -> bytes:
    return msgspec.json.encode(message)
