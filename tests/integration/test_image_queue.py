"""Images are decoded in a process of their own: what goes wrong there costs one upload, and nothing is left of it."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest
from PIL import Image

from images.contract import ImagesBusy, NotAnImage, ProcessedImage
from images.worker.bounds import PIXELS_MAX
from images.worker.confinement import MEMORY_MAX_BYTES
from images.worker_process import WorkerProcess
from images.worker_queue import WorkerQueue
from tests.support.pictures import encoded, exif, opened, photo, png
from tests.support.server import ROOT
from tests.support.small_disk import fill, small_disk
from tests.support.waiting import poll

pytestmark = pytest.mark.gen_test

PNG = png(width=600, height=400)


def file_of(content: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    return file


async def processed(queue: WorkerQueue, content: bytes = PNG, mime_type: str = "image/png") -> ProcessedImage:
    with file_of(content) as source:
        return await queue.process(source, mime_type=mime_type)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


def is_there(pid: int) -> bool:
    """Whether there is such a process, or what is left of one that nobody has reaped."""
    return psutil.pid_exists(pid)


async def started(queue: WorkerQueue) -> int:
    """The process id of a worker that has done a job."""
    (await processed(queue)).close()
    assert queue.worker_pid is not None
    return queue.worker_pid


async def in_hand(queue: WorkerQueue) -> tuple[int, asyncio.Task[ProcessedImage]]:
    """A worker that stands still, and the job that it was given."""
    pid = await started(queue)
    os.kill(pid, signal.SIGSTOP)
    job = asyncio.create_task(processed(queue))
    await asyncio.sleep(0)
    return pid, job


@pytest.fixture
def queue(stack: AsyncExitStack) -> WorkerQueue:
    made = WorkerQueue()
    stack.push_async_callback(made.close)
    return made


async def test_an_image_and_its_thumbnail_come_as_files_without_a_name(queue: WorkerQueue, tmp_path: Path) -> None:
    content = encoded(photo(800, 600), "image/jpeg", exif=exif(6))
    result = await processed(queue, content, "image/jpeg")
    with result.image, result.thumbnail or result.image:
        assert (result.width, result.height, result.mime_type) == (600, 800, "image/jpeg")
        assert opened(result.image.read()).size == (600, 800)
        assert result.thumbnail is not None
        assert opened(result.thumbnail.read()).size == (360, 480)
        assert os.fstat(result.image.fileno()).st_nlink == 0
    small = await processed(queue, png())
    with small.image:
        assert small.thumbnail is None
    with file_of(content) as source:
        avatar = await queue.avatar(source, mime_type="image/jpeg")
    with avatar.image:
        assert (avatar.width, avatar.height, avatar.thumbnail) == (256, 256, None)


async def test_results_are_written_into_the_folder_that_is_given(stack: AsyncExitStack, tmp_path: Path) -> None:
    queue = WorkerQueue(folder=tmp_path / "none")
    stack.push_async_callback(queue.close)
    with pytest.raises(FileNotFoundError):
        await processed(queue)


@pytest.mark.parametrize("mime_type", ["image/jpeg", "image/png", "image/gif", "image/webp"])
@pytest.mark.parametrize("leaving", [0, 16_384])
async def test_a_full_disk_is_not_taken_for_a_broken_image(
    stack: AsyncExitStack, tmp_path: Path, mime_type: str, leaving: int
) -> None:
    noise = Image.frombytes("RGB", (300, 200), random.Random(1).randbytes(300 * 200 * 3))  # is as large afterwards
    disk = stack.enter_context(small_disk(tmp_path / "disk", megabytes=1))
    queue = WorkerQueue(folder=disk)
    stack.push_async_callback(queue.close)
    pid = await started(queue)
    fill(disk / "filling", leaving=leaving)
    with pytest.raises(OSError, match="space"):
        await processed(queue, encoded(noise, mime_type), mime_type)
    (disk / "filling").unlink()
    assert await started(queue) == pid, "the process lives on"


async def test_one_process_does_all_jobs_whatever_they_come_to(queue: WorkerQueue) -> None:
    pid = await started(queue)
    for content, mime_type in (
        (b"", "image/png"),
        (b"GIF89a", "image/gif"),
        (PNG, "image/webp"),
        (PNG[:-30], "image/png"),
    ):
        with pytest.raises(NotAnImage):
            await processed(queue, content, mime_type)
    assert await started(queue) == pid


async def test_what_pillow_says_of_an_image_is_not_repeated(queue: WorkerQueue) -> None:
    content = PNG.replace(b"IDAT", b"SECR")
    with pytest.raises(NotAnImage) as raised:
        await processed(queue, content)
    assert "SECR" not in str(raised.value)


async def test_images_that_come_at_once_are_processed_one_after_the_other(queue: WorkerQueue) -> None:
    results = await asyncio.gather(*(processed(queue) for _ in range(10)))
    for result in results:
        result.close()
    assert len({result.width for result in results}) == 1
    assert [child.pid for child in psutil.Process().children() if "worker" in " ".join(child.cmdline())] == [
        queue.worker_pid
    ]


async def test_more_than_may_wait_are_refused_at_once(stack: AsyncExitStack) -> None:
    queue = WorkerQueue(waiting_max=2)
    stack.push_async_callback(queue.close)
    pid, job = await in_hand(queue)
    waiting = [asyncio.create_task(processed(queue)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ImagesBusy, match="too many"):
        await processed(queue)
    os.kill(pid, signal.SIGCONT)
    for result in await asyncio.gather(job, *waiting):
        result.close()


async def test_an_image_waits_for_others_so_long_and_then_may_be_tried_again(stack: AsyncExitStack) -> None:
    queue = WorkerQueue(wait_max_s=0.05)
    stack.push_async_callback(queue.close)
    pid, job = await in_hand(queue)
    with pytest.raises(ImagesBusy, match="too long"):
        await processed(queue)
    os.kill(pid, signal.SIGCONT)
    (await job).close()
    assert await started(queue) == pid


async def test_a_killed_process_costs_the_upload_that_it_had_and_no_other(
    queue: WorkerQueue, caplog: pytest.LogCaptureFixture
) -> None:
    pid, job = await in_hand(queue)
    other = asyncio.create_task(processed(queue))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ImagesBusy):
        await job
    (await other).close()
    assert queue.worker_pid != pid
    assert not is_there(pid)
    assert "exit code -9" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGXCPU])
async def test_an_image_that_makes_its_decoder_crash_is_refused_for_good(
    queue: WorkerQueue, number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    pid, job = await in_hand(queue)
    os.kill(pid, number)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(NotAnImage):
        await job
    assert await started(queue) != pid
    assert not is_there(pid)
    assert "exit code" in caplog.text


async def test_a_process_that_died_between_jobs_costs_none(
    queue: WorkerQueue, caplog: pytest.LogCaptureFixture
) -> None:
    pid = await started(queue)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert await started(queue) != pid
    assert "exit code -9" in caplog.text


async def test_a_job_that_cannot_be_sent_may_be_tried_again_with_another_process(
    queue: WorkerQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pid = await started(queue)

    def refused(*_: object) -> None:
        raise OSError(errno.ETOOMANYREFS, "too many descriptors are on their way")

    with monkeypatch.context() as patched, pytest.raises(ImagesBusy):
        patched.setattr(socket, "send_fds", refused)
        await processed(queue)
    assert not is_there(pid)
    (await processed(queue)).close()
    assert "exit code -9" in caplog.text


async def test_a_job_that_is_not_done_in_time_may_be_tried_again_and_its_process_is_ended(
    stack: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    queue = WorkerQueue(job_max_s=3.0)  # the start of the process is within it: with coverage it takes 0.3 s
    stack.push_async_callback(queue.close)
    while queue.worker_pid is None:  # the machine stood still for seconds
        try:
            (await processed(queue)).close()
        except ImagesBusy:
            continue
    pid = queue.worker_pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ImagesBusy, match="takes long"):
        await processed(queue)
    await until(lambda: not is_there(pid))
    assert "not done within 3 s" in caplog.text


async def test_an_upload_that_was_given_up_ends_the_job_and_the_next_has_a_process(queue: WorkerQueue) -> None:
    pid, job = await in_hand(queue)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    await until(lambda: not is_there(pid))
    assert await started(queue) != pid


async def test_a_stop_ends_the_process_and_gives_busy_to_all_who_wait(queue: WorkerQueue) -> None:
    pid, job = await in_hand(queue)
    waiting = asyncio.create_task(processed(queue))
    await asyncio.sleep(0)
    await queue.close()
    for one in (job, waiting):
        with pytest.raises(ImagesBusy):
            await one
    assert not is_there(pid)
    with pytest.raises(ImagesBusy):
        await processed(queue)


async def test_a_process_that_was_idle_is_ended_and_started_again_when_needed(stack: AsyncExitStack) -> None:
    queue = WorkerQueue(idle_max_s=0.01)
    stack.push_async_callback(queue.close)
    pid = await started(queue)
    await until(lambda: not is_there(pid))
    assert queue.worker_pid is None
    (await processed(queue)).close()


async def test_no_descriptor_is_left_open(queue: WorkerQueue) -> None:
    await started(queue)
    before = len(os.listdir("/proc/self/fd"))
    (await processed(queue)).close()
    with pytest.raises(NotAnImage):
        await processed(queue, b"")
    await queue.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1  # the socket


async def test_the_process_can_open_nothing_and_is_bounded_and_knows_no_secret(
    queue: WorkerQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "x" * 40)
    pid = await started(queue)
    worker = psutil.Process(pid)
    assert resource.prlimit(pid, resource.RLIMIT_AS) == (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    assert soft == hard
    assert soft <= 8
    assert resource.prlimit(pid, resource.RLIMIT_CPU)[0] < 30
    assert "JWT_SECRET" not in worker.environ()
    assert worker.nice() > psutil.Process().nice()
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
    for number in (signal.SIGINT, signal.SIGTERM):  # the server's, which ends the process in its own time
        os.kill(pid, number)
    assert await started(queue) == pid


def turned(width: int) -> bytes:
    picture = Image.new("RGBA", (width, PIXELS_MAX // width), (200, 40, 40, 100))
    return encoded(picture, "image/png", exif=exif(6), compress_level=1)


LARGEST: dict[str, tuple[str, Callable[[], bytes]]] = {
    "PNG with alpha, turned": ("image/png", lambda: turned(8000)),
    "JPEG, progressive, turned": (
        "image/jpeg",
        lambda: encoded(
            Image.new("RGB", (8000, 5000), "teal"), "image/jpeg", progressive=True, subsampling=0, exif=exif(6)
        ),
    ),
    "JPEG of four colours": ("image/jpeg", lambda: encoded(Image.new("CMYK", (8000, 5000)), "image/jpeg")),
    "WebP": ("image/webp", lambda: encoded(Image.new("RGBA", (8000, 5000), "teal"), "image/webp", method=0)),
    "WebP, lossless": (
        "image/webp",
        lambda: encoded(Image.new("RGBA", (8000, 5000), "teal"), "image/webp", lossless=True, method=0, quality=0),
    ),
    "GIF": ("image/gif", lambda: encoded(Image.new("P", (8000, 5000)), "image/gif")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGEST)
async def test_the_largest_image_that_is_taken_needs_no_more_memory_than_there_is(
    stack: AsyncExitStack, name: str
) -> None:
    queue = WorkerQueue(job_max_s=60, wait_max_s=120)
    stack.push_async_callback(queue.close)
    mime_type, make = LARGEST[name]
    result = await processed(queue, make(), mime_type)
    assert result.width * result.height == PIXELS_MAX
    assert result.thumbnail is not None
    result.close()


SERVER = """
import asyncio, sys, tempfile
from images.worker_queue import WorkerQueue

def rss_kb():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))

async def one(queue, content):
    with tempfile.TemporaryFile() as source:
        source.write(content)
        result = await queue.process(source, mime_type="image/jpeg")
    result.close()

async def main():
    queue = WorkerQueue(job_max_s=60, wait_max_s=120)
    content = open(sys.argv[1], "rb").read()
    await one(queue, content)
    before = rss_kb()
    await one(queue, content)
    after_one = rss_kb()
    await asyncio.gather(*(one(queue, content) for _ in range(10)))
    after_ten = rss_kb()
    print(queue.worker_pid, after_one - before, after_ten - before, "PIL" in sys.modules, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_server_holds_no_pixels_and_when_it_is_killed_no_process_is_left(tmp_path: Path) -> None:
    image = tmp_path / "image.jpg"
    image.write_bytes(encoded(photo(2000, 1500), "image/jpeg", quality=97))
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(image)], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    with server:
        assert server.stdout is not None
        pid, after_one_kb, after_ten_kb, imports_pillow = server.stdout.readline().split()
        assert int(after_one_kb) < 2048
        assert int(after_ten_kb) < 8192
        assert imports_pillow == "False"
        assert is_there(int(pid))
        os.kill(int(pid), signal.SIGSTOP)  # it reads nothing: the kernel ends it all the same
        server.kill()
    poll(lambda: not is_there(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE)


async def test_a_start_holds_the_loop_for_a_moment_only() -> None:
    took_s = []
    for _ in range(5):
        began_s = asyncio.get_running_loop().time()
        worker = WorkerProcess()
        took_s.append(asyncio.get_running_loop().time() - began_s)
        worker.kill()
        await until(worker.is_gone)
    assert min(took_s) < 0.02
