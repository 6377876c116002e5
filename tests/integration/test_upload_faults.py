"""Uploads that break off, at clients, processes and disks: nothing of them stays, and nobody else is harmed."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Start, embedded, slow_on_mongo
from tests.support.client import Person, call, register
from tests.support.pictures import encoded, photo
from tests.support.server import ServerProcess, serving
from tests.support.small_disk import small_disk
from tests.support.uploads import BOUNDARY, FORM, form, get, part, send_form, try_upload, upload
from tests.support.waiting import poll

CONTENT = b"0123456789abcdef" * 20_000  # 320 KB: several pieces


def request(person: Person, body: bytes, *, length: int | None = None, chunked: bool = False) -> bytes:
    """The bytes of an upload whose head announces `length`, or chunks."""
    size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body) if length is None else length}"
    lines = ("POST /files HTTP/1.1", "Host: chat", f"Authorization: Bearer {person.access_token}",
             f"Content-Type: {FORM}", size, "", "")  # fmt: skip
    return "\r\n".join(lines).encode() + body


@contextmanager
def begun(server: ServerProcess, sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), 30) as sock:
        sock.sendall(sent)
        yield sock


def status_of(sock: socket.socket) -> int:
    """The status of the reply; what follows it is read too, so that nothing is cut."""
    reply = b""
    while piece := sock.recv(65_536):
        reply += piece
        if b"\r\n\r\n" in reply:
            break
    return int(reply[9:12])


def nameless_files(server: ServerProcess) -> int:
    """The open files of the process that have no name (any more)."""
    count = 0
    for entry in os.listdir(f"/proc/{server.pid}/fd"):
        try:
            target = os.readlink(f"/proc/{server.pid}/fd/{entry}")
        except FileNotFoundError:
            continue
        count += "(deleted)" in target and ("upload-" in target or "/#" in target)
    return count


def metrics_of(server: ServerProcess) -> str:
    return call(server.url, "GET", "/metrics").body.decode()


def files_on_disk(data_dir: Path) -> list[Path]:
    own = ("chat.db", "secret", "lock")
    return [path for path in data_dir.rglob("*") if path.is_file() and not path.name.startswith(own)]


def test_an_upload_that_is_cut_at_any_tenth_leaves_nothing_and_harms_nobody(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    kept = upload(bob, CONTENT)
    before = files_on_disk(server.data_dir)
    whole = request(ann, form(part(CONTENT)))
    for tenth in range(10):
        for is_rude in (False, True):
            with begun(server, whole[: len(whole) * tenth // 10]) as sock:
                if is_rude:  # a reset
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert get(bob, kept["url"]).body == CONTENT
    poll(lambda: nameless_files(server) == 0)
    assert files_on_disk(server.data_dir) == before
    upload(ann, CONTENT)


def test_a_form_that_ends_in_the_middle_is_none(server: ServerProcess) -> None:
    ann = register(server.url)
    body = form(part(CONTENT))
    for tenth in range(1, 10):
        with begun(server, request(ann, body[: len(body) * tenth // 10])) as sock:
            assert status_of(sock) == 400, "the form ends in the middle"


@slow_on_mongo
def test_a_kill_in_the_middle_of_an_upload_leaves_nothing(start: Start, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = start(data_dir)
    ann = register(server.url)
    kept = upload(ann, CONTENT)
    before = files_on_disk(data_dir)
    body = form(part(CONTENT))
    with begun(server, request(ann, body[: len(body) // 2], length=len(body))):
        poll(lambda: nameless_files(server) == 1)
        server.kill()
    assert files_on_disk(data_dir) == before
    server.start()
    assert get(ann, kept["url"]).body == CONTENT
    upload(ann, CONTENT)


def test_a_disk_that_fills_in_the_middle_refuses_the_upload_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=24) as disk, serving(disk / "data") as server:
        ann = register(server.url)
        kept = []
        content = os.urandom(1_500_000).hex().encode()  # 3 MB of text
        while (reply := try_upload(ann, content)).status == 201:
            kept.append(reply.json["file"])
            assert len(kept) < 10
        assert (reply.status, reply.code) == (503, "unavailable")
        assert kept
        poll(lambda: nameless_files(server) == 0)
        free = os.statvfs(disk).f_bavail
        assert try_upload(ann, content).code == "unavailable"
        poll(lambda: nameless_files(server) == 0)
        poll(lambda: (free - os.statvfs(disk).f_bavail) * 4096 < 500_000)
        assert all(get(ann, file["url"]).body == content for file in kept)
        small = upload(ann, b"a small one")
        assert get(ann, small["url"]).body == b"a small one"
        assert len([path for path in files_on_disk(server.data_dir) if ".part" not in path.name]) == len(kept) + 1


@pytest.mark.parametrize(("method", "path"), [("POST", "/files"), ("PUT", "/users/me/avatar")])
def test_an_upload_that_outlives_its_session_is_refused(server: ServerProcess, method: str, path: str) -> None:
    ann = register(server.url)
    whole = request(ann, form(part(IMAGE))).replace(b"POST /files", f"{method} {path}".encode())
    with begun(server, whole[:-10]) as sock:
        poll(lambda: nameless_files(server) == 1)
        assert ann.call("POST", "/auth/logout").status == 204
        sock.sendall(whole[-10:])
        assert status_of(sock) == 401
    poll(lambda: nameless_files(server) == 0)


def test_one_file_twice_at_once_is_two_files(server: ServerProcess) -> None:
    ann = register(server.url)
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: upload(ann, CONTENT), range(8)))
    assert len({file["id"] for file in files}) == 8
    assert all(get(ann, file["url"]).body == CONTENT for file in files)


@embedded
def test_what_is_too_large_is_refused_while_it_comes(start: Start) -> None:
    server = start(MAX_FILE_SIZE="100000")
    ann = register(server.url)
    assert try_upload(ann, b"x" * 100_000).status == 201
    refused = try_upload(ann, b"x" * 100_001)
    assert (refused.status, refused.code) == (413, "payload_too_large")
    with begun(server, request(ann, b"", length=10**9)) as sock:  # before anything of it has come
        assert status_of(sock) == 413
    head = part(b"")[:-2]
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with begun(server, request(ann, f"{len(head):x}\r\n".encode() + head + b"\r\n" + chunk * 3, chunked=True)) as sock:
        assert status_of(sock) == 413
    poll(lambda: nameless_files(server) == 0)


@embedded
@pytest.mark.parametrize(
    "body",
    [
        part(b"", field="x", name=None) * 40_000,
        b"\r\n" * 2_000_000,
        f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 400_000,
        f"--{BOUNDARY}\r\nX: ".encode() + b"y" * 4_000_000,
        f"--{BOUNDARY}\r\n".encode() * 100_000,
        part(b"", name="x" * 4_000_000),
    ],
    ids=["parts", "line ends", "headers", "a header", "delimiters", "a name"],
)
def test_a_form_that_is_a_bomb_costs_its_sender_a_refusal(server: ServerProcess, body: bytes) -> None:
    ann = register(server.url)
    reply = send_form(ann, body)
    assert (reply.status, reply.code) in {(400, "malformed"), (413, "payload_too_large")}
    assert call(server.url, "GET", "/health").status == 200


@embedded
def test_one_user_has_so_many_uploads_under_way(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    body = form(part(CONTENT))
    half = request(ann, body[: len(body) // 2], length=len(body))
    socks = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(16)]
    try:
        for sock in socks:
            sock.sendall(half)
        poll(lambda: nameless_files(server) == 16)
        assert re.search(r"^chat_uploads_under_way 16", metrics_of(server), re.MULTILINE)
        refused = try_upload(ann, b"one more")
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "unavailable", "5")
        upload(bob, b"somebody else")
        for sock in socks:
            sock.sendall(body[len(body) // 2 :])
        assert [status_of(sock) for sock in socks] == [201] * 16
    finally:
        for sock in socks:
            sock.close()
    upload(ann, b"one more")
    assert re.search(r"^chat_uploads_under_way 0", metrics_of(server), re.MULTILINE)
    (received,) = re.findall(r"^chat_upload_bytes_total (\S+)", metrics_of(server), re.MULTILINE)
    assert float(received) >= 16 * len(CONTENT)


def test_an_upload_takes_little_memory(start: Start) -> None:
    server = start(MONITOR_INTERVAL="3600")
    ann = register(server.url)
    content = (b"0123456789abcdef" * 64)[:-1] + b"\n"
    content *= 5 * 1024 * 1024 // len(content)
    process = psutil.Process(server.pid)

    def grown(uploads: int) -> float:
        """By how many MB the process has more memory after so many uploads at once."""
        before = process.memory_info().rss
        with ThreadPoolExecutor(uploads) as pool:
            for file in pool.map(lambda _: upload(ann, content), range(uploads)):
                assert file["size"] == len(content)
        return (process.memory_info().rss - before) / 2**20

    grown(1)
    assert grown(1) < 2
    assert grown(10) < 8


# ---- images ------------------------------------------------------------------------------------------------------

IMAGE = encoded(photo(40, 30), "image/png")  # small: no thumbnail


@contextmanager
def standing_worker(server: ServerProcess) -> Iterator[None]:
    """The process that decodes images stands still until the end of the block."""
    upload(register(server.url), IMAGE)  # which starts it
    (worker,) = psutil.Process(server.pid).children()
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def image_upload(person: Person) -> bytes:
    return request(person, form(part(IMAGE)))


@embedded
def test_the_images_of_one_user_keep_no_other_waiting(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    answered: list[Person] = []
    with ThreadPoolExecutor(9) as pool:
        with standing_worker(server):
            jobs = [pool.submit(lambda: (upload(ann, IMAGE), answered.append(ann))) for _ in range(8)]
            poll(lambda: nameless_files(server) == 8 + 2)  # those that came, and what becomes of the first
            jobs.append(pool.submit(lambda: (upload(bob, IMAGE), answered.append(bob))))
            poll(lambda: nameless_files(server) == 9 + 2)
        for job in jobs:
            job.result()
    assert answered.index(bob) <= 3, "he waits for one of hers, and the replies may cross"


@embedded
def test_images_whose_sender_has_gone_are_not_decoded(server: ServerProcess) -> None:
    ann = register(server.url)
    with standing_worker(server):
        before = files_on_disk(server.data_dir)
        with ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(begun(server, image_upload(ann)))
            poll(lambda: nameless_files(server) == 8 + 2)
        # A round trip of later connections: the ends of those before them have been noticed
        assert call(server.url, "GET", "/health").status == 200
        poll(lambda: connections_of(server) == 0)
    poll(lambda: nameless_files(server) == 0)
    assert len(files_on_disk(server.data_dir)) <= len(before) + 1


def connections_of(server: ServerProcess) -> int:
    """The HTTP connections that are established, or that the process has not closed yet."""
    return sum(one.status != psutil.CONN_LISTEN for one in psutil.Process(server.pid).net_connections("tcp"))
