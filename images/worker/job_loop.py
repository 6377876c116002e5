"""Takes jobs from the socket, one at a time, and answers each."""

from __future__ import annotations

import contextlib
import os
import socket
import warnings
from typing import BinaryIO

from images.worker import confinement, processing
from images.worker.bounds import RefusedImage
from images.worker_messages import JOB_DESCRIPTORS, RECORD_MAX_BYTES, Answer, Job, Refused, decode_job, encode


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
                files = [opened.enter_context(os.fdopen(one, "r+b")) for one in descriptors]
                answer = _answer(decode_job(record), *files)
            requests.send(encode(answer))


def _answer(job: Job, source: BinaryIO, image: BinaryIO, thumbnail: BinaryIO) -> Answer:
    try:
        return processing.process(job, source=source, image=image, thumbnail=thumbnail)
    except RefusedImage as refusal:
        return Refused(str(refusal))
    except MemoryError:
        return Refused("takes too much memory")
    except Exception as error:  # whatever a decoder raises of hostile bytes: its text may hold some of them
        return Refused(f"cannot be decoded ({type(error).__name__})")
