"""Takes jobs from the socket, one at a time, and answers each."""

from __future__ import annotations

import contextlib
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from images.worker import confinement, processing
from images.worker.bounds import RefusedImage
from images.worker.output import Output
from images.worker_messages import (
    JOB_DESCRIPTORS,
    RECORD_MAX_BYTES,
    Answer,
    Job,
    Refused,
    Unwritten,
    decode_job,
    encode,
)


def run(descriptor: int) -> None:
    """Serve until the other end is closed."""
    warnings.simplefilter("ignore")  # Pillow's, of odd images
    processing.warm_up()
    confinement.confine(job_descriptors=JOB_DESCRIPTORS)
    with socket.socket(fileno=descriptor) as requests:
        while True:
            record, descriptors, *_ = socket.recv_fds(requests, RECORD_MAX_BYTES, JOB_DESCRIPTORS)
            if not record:
                return
            confinement.begin_job()
            with contextlib.ExitStack() as opened:
                source, *results = (opened.enter_context(_opened(one)) for one in descriptors)
                answer = _answer(decode_job(record), source, *map(Output, results))
            requests.send(encode(answer))


@contextmanager
def _opened(descriptor: int) -> Iterator[BinaryIO]:
    file = os.fdopen(descriptor, "r+b")
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # of what a full disk did not take, which is known by then
            file.close()


def _answer(job: Job, source: BinaryIO, image: Output, thumbnail: Output) -> Answer:
    answer = _processed(job, source, image, thumbnail)
    for output in (image, thumbnail):
        if output.disk_errno is not None:
            return Unwritten(output.disk_errno)
    return answer


def _processed(job: Job, source: BinaryIO, image: Output, thumbnail: Output) -> Answer:
    try:
        done = processing.process(job, source=source, image=cast(BinaryIO, image), thumbnail=cast(BinaryIO, thumbnail))
        image.flush()
        thumbnail.flush()
    except RefusedImage as refusal:
        return Refused(str(refusal))
    except MemoryError:
        return Refused("takes too much memory")
    except Exception as error:  # whatever a decoder raises of hostile bytes: its text may hold some of them
        return Refused(f"cannot be decoded ({type(error).__name__})")
    return done
