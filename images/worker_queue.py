"""Gives uploaded images to the process that decodes them, one at a time; bounds how many wait, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from images.contract import ImagesBusy, NotAnImage, ProcessedImage
from images.worker_messages import Answer, Done, Job, Unwritten, decode_answer, encode
from images.worker_process import WorkerEnded, WorkerProcess

log = logging.getLogger(__name__)

WAITING_MAX = 32
WAIT_MAX_S = 20.0
JOB_MAX_S = 20.0  # twice the CPU time of a job: beyond it the machine is overloaded, whatever the image is
IDLE_MAX_S = 60.0
FINISH_WITHIN_S = 1.0
REAP_EVERY_S = 0.01


class WorkerQueue:
    """An ImageProcessor. The process is started when it is first needed, and ended when it was not for `idle_max_s`.

    `folder` is where the results are written, under no name; None: the system's folder for temporary files. To be used
    on the event loop of the main thread; `close` ends everything.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        waiting_max: int = WAITING_MAX,
        wait_max_s: float = WAIT_MAX_S,
        job_max_s: float = JOB_MAX_S,
        idle_max_s: float = IDLE_MAX_S,
    ) -> None:
        self._folder = folder
        self._waiting_max = waiting_max
        self._wait_max_s = wait_max_s
        self._job_max_s = job_max_s
        self._idle_max_s = idle_max_s
        self._lock = asyncio.Lock()
        self._taken = 0
        self._worker: WorkerProcess | None = None
        self._ended: list[WorkerProcess] = []  # and not reaped yet: one job's at a time, so there are few
        self._reaping: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, None where there is none."""
        return None if self._worker is None else self._worker.pid

    async def process(self, source: BinaryIO, *, mime_type: str) -> ProcessedImage:
        """See images/contract.py."""
        return await self._queued(source, Job(mime_type))

    async def avatar(self, source: BinaryIO, *, mime_type: str) -> ProcessedImage:
        """See images/contract.py."""
        return await self._queued(source, Job(mime_type, is_avatar=True))

    async def close(self) -> None:
        """End the process. Its job may take FINISH_WITHIN_S more; what waits, or takes longer, gets ImagesBusy."""
        self._is_closed = True
        self._cancel_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_WITHIN_S), self._lock:
                pass
        self._end_worker()
        while self._ended:
            self._reap()
            await asyncio.sleep(REAP_EVERY_S)
        if self._reaping is not None:
            self._reaping.cancel()

    async def _queued(self, source: BinaryIO, job: Job) -> ProcessedImage:
        if self._taken > self._waiting_max:
            raise ImagesBusy("too many images wait")
        self._taken += 1
        try:
            await self._wait()
            try:
                if self._is_closed:
                    raise ImagesBusy("the server stops")
                return await self._processed(source, job)
            finally:
                self._lock.release()
        finally:
            self._taken -= 1

    async def _wait(self) -> None:
        """Wait for one's turn, which is given back by a release. Raises ImagesBusy."""
        try:
            async with asyncio.timeout(self._wait_max_s):
                await self._lock.acquire()
        except TimeoutError as error:
            raise ImagesBusy("other images take too long") from error

    async def _processed(self, source: BinaryIO, job: Job) -> ProcessedImage:
        with ExitStack() as opened:
            image, thumbnail = (opened.enter_context(self._temporary_file()) for _ in range(2))
            source.flush()
            answer = await self._answer(job, [source.fileno(), image.fileno(), thumbnail.fileno()])
            if isinstance(answer, Unwritten):
                log.warning("an image cannot be written: %s", os.strerror(answer.errno))
                raise OSError(answer.errno, os.strerror(answer.errno))
            if not isinstance(answer, Done):
                raise NotAnImage(answer.reason)
            for file in (image, thumbnail):
                file.seek(0)
            if not answer.has_thumbnail:
                thumbnail.close()
            opened.pop_all()
        return ProcessedImage(
            image=image,
            thumbnail=thumbnail if answer.has_thumbnail else None,
            width=answer.width,
            height=answer.height,
            mime_type=answer.mime_type,
        )

    def _temporary_file(self) -> BinaryIO:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=self._folder))

    async def _answer(self, job: Job, descriptors: list[int]) -> Answer:
        self._cancel_idle()
        if self._worker is not None and self._worker.is_gone():
            log.warning("the idle process that decodes images ended: exit code %s", self._worker.exit_code)
            self._end_worker()
        if self._worker is None:
            self._worker = self._started()
        worker = self._worker
        is_usable = False
        try:
            async with asyncio.timeout(self._job_max_s):
                answer = decode_answer(await worker.ask(encode(job), descriptors))
            is_usable = True
        except TimeoutError:
            log.warning("an image was not done within %g s: its process is ended", self._job_max_s)
            raise ImagesBusy("takes long on this machine") from None
        except WorkerEnded:
            raise await self._what_ended(worker) from None
        except ValueError as error:
            log.warning("the process that decodes images answered nonsense: it is ended")
            raise NotAnImage("has made its decoder fail") from error
        finally:
            if not is_usable:
                self._end_worker()
            elif not self._is_closed:
                self._idle = asyncio.get_running_loop().call_later(self._idle_max_s, self._end_worker)
        return answer

    def _started(self) -> WorkerProcess:
        try:
            return WorkerProcess()
        except OSError as error:
            log.warning("the process that decodes images cannot be started: %s", error)
            raise ImagesBusy("no process to decode images") from error

    async def _what_ended(self, worker: WorkerProcess) -> Exception:
        """The fault for the one whose job the process ended with."""
        if self._is_closed:
            return ImagesBusy("the server stops")
        worker.kill()  # it may live where the job could not be sent; one that ended keeps its exit code
        while not worker.is_gone():
            await asyncio.sleep(REAP_EVERY_S)
        log.warning("the process that decodes images ended: exit code %s", worker.exit_code)
        if worker.ended_by_itself:
            return NotAnImage("has made its decoder fail")
        return ImagesBusy("the process that decodes images was ended")

    def _end_worker(self) -> None:
        """End the process now; it is reaped as soon as it is gone."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            self._ended.append(worker)
            self._reap()

    def _reap(self) -> None:
        self._ended = [worker for worker in self._ended if not worker.is_gone()]
        if self._reaping is not None:
            self._reaping.cancel()
            self._reaping = None
        if self._ended:
            self._reaping = asyncio.get_running_loop().call_later(REAP_EVERY_S, self._reap)

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
