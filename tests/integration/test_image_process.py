"""The process in which a server decodes images: it costs one upload when it dies, and never outlives its server."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Start, StoreEnv
from tests.support.client import Person, Reply, register
from tests.support.pictures import encoded, photo
from tests.support.server import ServerProcess
from tests.support.uploads import try_upload, upload
from tests.support.waiting import poll

PHOTO = encoded(photo(800, 600), "image/jpeg")


@pytest.fixture(scope="module")
def store_env(embedded_store: StoreEnv) -> StoreEnv:
    return embedded_store


def image_processes(server: ServerProcess) -> list[psutil.Process]:
    children = psutil.Process(server.pid).children()
    return [child for child in children if any("images/worker/" in part for part in child.cmdline())]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class Upload(threading.Thread):
    """An upload under way."""

    def __init__(self, person: Person) -> None:
        super().__init__()
        self._person = person
        self.reply: Reply | None = None
        self.start()

    def run(self) -> None:
        self.reply = try_upload(self._person, PHOTO)

    def finished(self) -> Reply:
        self.join(60)
        assert self.reply is not None
        return self.reply


def standing_still(process: psutil.Process) -> None:
    """Have it read nothing more, so that an upload stays with it."""
    process.suspend()
    poll(lambda: process.status() == psutil.STATUS_STOPPED)


def in_hand(server: ServerProcess, person: Person) -> tuple[psutil.Process, Upload]:
    """The process, with an upload that it does not finish."""
    upload(person, PHOTO)
    (process,) = image_processes(server)
    standing_still(process)
    held = Upload(person)
    folder = Path(f"/proc/{server.pid}/fd")
    poll(lambda: len([one for one in folder.iterdir() if one.is_symlink() and "(deleted)" in os.readlink(one)]) >= 3)
    return process, held


def test_it_is_started_when_it_is_needed_and_the_server_itself_decodes_nothing(start: Start) -> None:
    server = start()
    ann = register(server.url)
    upload(ann, b"text")
    assert image_processes(server) == []
    upload(ann, PHOTO)
    (process,) = image_processes(server)
    assert "_imaging" in Path(f"/proc/{process.pid}/maps").read_text()
    assert "_imaging" not in Path(f"/proc/{server.pid}/maps").read_text()
    assert not {name for name in process.environ() if "SECRET" in name or "MONGO" in name or "REDIS" in name}


def test_when_it_is_killed_one_upload_may_be_tried_again(start: Start) -> None:
    server = start()
    ann = register(server.url)
    process, held = in_hand(server, ann)
    process.send_signal(signal.SIGKILL)
    reply = held.finished()
    assert (reply.status, reply.code) == (503, "unavailable")
    assert upload(ann, PHOTO)["width"] == 800
    poll(lambda: not process.is_running())
    server.until_logged("exit code -9")


def test_a_stop_does_not_wait_for_an_image_that_takes_long(start: Start) -> None:
    server = start()
    process, held = in_hand(server, register(server.url))
    assert server.terminate() == 0
    assert held.finished().code == "unavailable"
    assert is_gone(process)


def test_a_stop_lets_an_image_in_hand_be_stored(start: Start) -> None:
    server = start()
    process, held = in_hand(server, register(server.url))
    os.kill(server.pid, signal.SIGTERM)
    server.until_logged("stopping")
    process.resume()
    assert held.finished().status == 201
    assert server.wait(30) == 0


def test_a_killed_server_leaves_no_process(start: Start) -> None:
    server = start()
    upload(register(server.url), PHOTO)
    (process,) = image_processes(server)
    standing_still(process)
    server.kill()
    poll(lambda: is_gone(process))
