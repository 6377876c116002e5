"""How files are served: parts of them, what a browser has already, and the cookie that stands for a token."""

from __future__ import annotations

import http.client
import math
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import pytest

from handlers.files import DOWNLOADS_AT_ONCE, FREE_PER_DOWNLOAD
from tests.integration.conftest import Start, StoreEnv, embedded
from tests.support.client import PASSWORD, Person, Reply, call, register
from tests.support.pictures import encoded, photo
from tests.support.server import ServerProcess
from tests.support.uploads import get, try_upload, upload
from tests.support.waiting import poll

CONTENT = b"0123456789" * 50_000
NAME, SECURE_NAME = "chat_files", "__Host-chat_files"
HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def ann(server: ServerProcess) -> Person:
    return register(server.url)


@pytest.fixture(scope="module")
def url(ann: Person) -> str:
    return str(upload(ann, CONTENT)["url"])


# ---- parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-99", 0, 100), ("499990-", 499_990, 500_000), ("-7", 499_993, 500_000), ("262140-262149", 262_140, 262_150),
     ("499999-999999", 499_999, 500_000), ("0-", 0, 500_000)],
)  # fmt: skip
def test_a_part_of_a_file_can_be_had(ann: Person, url: str, asked: str, start: int, end: int) -> None:
    reply = get(ann, url, Range=f"bytes={asked}")
    assert (reply.status, reply.body) == (206, CONTENT[start:end])
    assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert int(reply.headers["content-length"]) == end - start


def test_a_part_of_a_thumbnail_can_be_had(ann: Person) -> None:
    url = str(upload(ann, encoded(photo(600, 600), "image/png"))["thumbnailUrl"])
    whole = get(ann, url)
    part = get(ann, url, Range="bytes=4-7")
    assert (part.status, part.body) == (206, whole.body[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.body)}"
    assert get(ann, url, Range="bytes=4-7", If_Range=whole.headers["etag"]).status == 206
    assert get(ann, url, Range="bytes=4-7", If_Range='"another"').body == whole.body
    head = ann.call("HEAD", url, headers={"Range": "bytes=4-7"})
    assert (head.status, int(head.headers["content-length"])) == (200, len(whole.body))
    behind = get(ann, url, Range=f"bytes={len(whole.body)}-")
    assert (behind.status, behind.code) == (416, "validation_failed")


@pytest.mark.parametrize("asked", ["bytes=500000-", "bytes=500000-600000", "bytes=-0"])
def test_a_part_that_lies_behind_the_end_is_refused(ann: Person, url: str, asked: str) -> None:
    reply = get(ann, url, Range=asked)
    assert (reply.status, reply.code) == (416, "validation_failed")
    assert reply.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert reply.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "asked", ["bytes=5-1", "bytes=0-1,3-4", "pages=1-2", "bytes=", "bytes=-", "0-5", "bytes=0x1-2"]
)
def test_a_range_that_makes_no_sense_is_ignored(ann: Person, url: str, asked: str) -> None:
    reply = get(ann, url, Range=asked)
    assert (reply.status, len(reply.body)) == (200, len(CONTENT))


def test_a_part_is_sent_only_of_the_content_that_the_client_has(ann: Person, url: str) -> None:
    etag = get(ann, url).headers["etag"]
    assert get(ann, url, Range="bytes=0-4", If_Range=etag).status == 206
    for other in ('"another"', f"W/{etag}", "Sun, 06 Nov 1994 08:49:37 GMT"):
        assert get(ann, url, Range="bytes=0-4", If_Range=other).status == 200


def test_what_the_browser_has_already_is_not_sent_again(server: ServerProcess, ann: Person, url: str) -> None:
    etag = get(ann, url).headers["etag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        reply = get(ann, url, If_None_Match=known, Range="bytes=0-4")
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)
        assert "private" in reply.headers["cache-control"]
    assert get(ann, url, If_None_Match='"x"').status == 200
    assert get(register(server.url), url, If_None_Match=etag).code == "file_not_found"


def test_a_head_has_the_length_and_no_range(ann: Person, url: str) -> None:
    head = call(ann.url, "HEAD", url, token=ann.access_token, headers={"Range": "bytes=0-4"})
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(CONTENT)), b"")
    assert call(ann.url, "HEAD", f"{url}x", token=ann.access_token).status == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_a_file_cannot_be_changed(ann: Person, url: str, method: str) -> None:
    assert ann.call(method, url).code == "method_not_allowed"


@pytest.mark.parametrize("file_id", ["nothing", "..%2f..%2fchat.db", "%00", "f" * 2000, "{id}.thumbnail", "a%2Fb"])
def test_what_names_no_file_finds_none(ann: Person, url: str, file_id: str) -> None:
    wanted = file_id.replace("{id}", url.rpartition("/")[2])
    for path in (f"/files/{wanted}", f"/files/{wanted}/thumbnail"):
        assert ann.call("GET", path).code == "file_not_found"


# ---- the cookie --------------------------------------------------------------------------------------------------


def cookies(reply: Reply) -> Mapping[str, Morsel[str]]:
    """The cookies that a reply sets; of two headers of one name `call` keeps the last."""
    return SimpleCookie(reply.headers.get("set-cookie", ""))


def login(server: ServerProcess, person: Person, **headers: str) -> Reply:
    body = {"username": person.username, "password": PASSWORD}
    return call(server.url, "POST", "/auth/login", body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def read(server: ServerProcess, path: str, cookie: str, *, method: str = "GET", **headers: str) -> Reply:
    return call(server.url, method, path, headers={"Cookie": cookie, **headers})


def test_register_login_and_refresh_set_a_cookie_that_reads_files_and_nothing_else(
    server: ServerProcess, ann: Person, url: str
) -> None:
    logged_in = login(server, ann)
    refreshed = call(server.url, "POST", "/auth/refresh", {"refreshToken": logged_in.json["refreshToken"]})
    registered = call(
        server.url, "POST", "/auth/register",
        {"username": "cookie-eater", "email": "cookie@example.com", "password": PASSWORD},
    )  # fmt: skip
    for reply in (registered, logged_in, refreshed):
        (cookie,) = cookies(reply).values()
        assert (cookie.key, cookie["path"], cookie["samesite"], cookie["httponly"]) == (NAME, "/", "Strict", True)
        assert not cookie["secure"]
        assert int(cookie["max-age"]) == 604_800
    cookie = f"{NAME}={cookies(logged_in)[NAME].value}"
    assert read(server, url, cookie).body == CONTENT
    assert read(server, url, cookie, method="HEAD").status == 200
    assert read(server, url, cookie, Range="bytes=0-4").body == b"01234"
    stranger = f"{NAME}={cookies(registered)[NAME].value}"
    assert read(server, url, stranger).code == "file_not_found"
    for method, path in (("GET", "/auth/profile"), ("GET", "/rooms"), ("POST", "/files"), ("DELETE", url)):
        assert read(server, path, cookie, method=method).code == "unauthorized"
    token = cookie.partition("=")[2]
    assert call(server.url, "GET", url, token=token).code == "unauthorized"
    assert call(server.url, "POST", "/auth/refresh", {"refreshToken": token}).code == "unauthorized"
    assert read(server, url, cookie, Authorization="Bearer nonsense").code == "unauthorized"


@pytest.mark.parametrize(
    "made_up", ["", "x", "s1.abc", "\u00fc.\u00fc".encode().decode("latin-1"), '"', ".", "a" * 3000]
)
def test_a_cookie_that_was_made_up_reads_nothing(server: ServerProcess, url: str, made_up: str) -> None:
    assert read(server, url, f"{NAME}={made_up}").code == "unauthorized"


def test_behind_https_the_cookie_goes_over_nothing_else(server: ServerProcess, ann: Person, url: str) -> None:
    (cookie,) = cookies(login(server, ann, X_Forwarded_Proto="https")).values()
    assert (cookie.key, cookie["secure"], cookie["path"], cookie["domain"]) == (SECURE_NAME, True, "/", "")
    # What another host of the site may have set does not come first.
    assert read(server, url, f"{NAME}=tossed; {SECURE_NAME}={cookie.value}").status == 200


def test_the_cookie_ends_with_its_session(server: ServerProcess) -> None:
    bob = register(server.url)
    url = str(upload(bob, b"hello")["url"])

    def new_session() -> tuple[Person, str]:
        reply = login(server, bob)
        body = reply.json
        person = Person(server.url, body["user"], body["accessToken"], body["refreshToken"])
        return person, f"{NAME}={cookies(reply)[NAME].value}"

    (first, cookie), (_, other) = new_session(), new_session()
    assert read(server, url, cookie).status == read(server, url, other).status == 200
    left = first.call("POST", "/auth/logout")
    assert (left.status, cookies(left)[SECURE_NAME]["expires"][:16]) == (204, "Thu, 01 Jan 1970")
    poll(lambda: read(server, url, cookie).status == 401)
    assert read(server, url, other).status == 200
    passwords = {"oldPassword": PASSWORD, "newPassword": "another battery staple"}
    third, kept = new_session()
    assert third.call("POST", "/auth/password", passwords).status == 204
    poll(lambda: read(server, url, other).status == 401)
    assert read(server, url, kept).status == 200, "the own session stays"
    assert third.call("DELETE", "/users/me", {"password": passwords["newPassword"]}).status == 204
    poll(lambda: read(server, url, kept).status == 401)


# ---- limits and origins ------------------------------------------------------------------------------------------


@embedded
def test_reading_files_has_a_limit_of_its_own(start: Start) -> None:
    server = start(RATE_LIMIT_FILES="3/3600", RATE_LIMIT_API="5/3600", RATE_LIMIT_UPLOADS="2/3600")
    bob = register(server.url)
    first = try_upload(bob, b"one")
    assert (first.status, first.headers["ratelimit-limit"]) == (201, "2")
    url = first.json["file"]["url"]
    replies = [bob.call("GET", url) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert (replies[0].headers["ratelimit-limit"], replies[0].headers["ratelimit-remaining"]) == ("3", "2")
    assert "retry-after" in replies[3].headers
    assert try_upload(bob, b"two").status == 201
    refused = try_upload(bob, b"three")
    assert (refused.status, refused.json["error"]["details"]["operation"]) == (429, "uploads")


@embedded
def test_uploads_are_limited_by_their_own_bytes(start: Start) -> None:
    server = start(RATE_LIMIT_UPLOAD_BYTES="1000/3600")
    bob = register(server.url)
    assert try_upload(bob, b"x" * 600).status == 201
    refused = try_upload(bob, b"x" * 401)
    assert (refused.status, refused.json["error"]["details"]["operation"]) == (429, "upload_bytes")
    assert try_upload(bob, b"x" * 400).status == 201


@embedded
def test_pages_of_allowed_origins_may_show_files(start: Start) -> None:
    server = start(CORS_ORIGINS="https://app.example")
    bob = register(server.url)
    reply = get(bob, str(upload(bob, b"x")["url"]), Origin="https://app.example")
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert reply.headers["cross-origin-resource-policy"] == "cross-origin"


# ---- bytes that are lost, and readers that stop ------------------------------------------------------------------


@embedded
@pytest.mark.parametrize("kept_bytes", [0, 300_000, len(CONTENT) - 1])
def test_a_file_whose_bytes_are_lost_never_looks_whole(tmp_path: Path, kept_bytes: int, store_env: StoreEnv) -> None:
    server = ServerProcess(tmp_path / "data")
    try:
        server.start()
        bob = register(server.url)
        url = str(upload(bob, CONTENT)["url"])
        (blob,) = (path for path in (tmp_path / "data" / "files").rglob("f*") if path.is_file())
        os.truncate(blob, kept_bytes)
        try:
            assert bob.call("GET", url).code == "file_not_found"
        except (http.client.IncompleteRead, ConnectionError):
            assert kept_bytes
        server.until_logged("are lost")
        assert get(bob, url, Range="bytes=0-9").status == (206 if kept_bytes else 404)
        assert "Traceback" not in server.log()
    finally:
        server.stop()


ALONE = math.ceil(DOWNLOADS_AT_ONCE / (1 + FREE_PER_DOWNLOAD))  # what one user gets where nobody else downloads


@embedded
def test_who_stops_reading_holds_a_place_and_gives_it_back(start: Start) -> None:
    server = start(MAX_FILE_SIZE="20000000")
    bob, eve = register(server.url), register(server.url)
    url = str(upload(bob, b"x" * 20_000_000)["url"])
    asked = f"GET {url} HTTP/1.1\r\nHost: chat\r\nAuthorization: Bearer {bob.access_token}\r\n\r\n".encode()
    with ExitStack() as stopped:
        for _ in range(ALONE):
            sock = stopped.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            sock.sendall(asked)
            assert sock.recv(10).startswith(b"HTTP/1.1 2")
        refused = get(bob, url)
        assert (refused.status, refused.code) == (503, "unavailable")
        other = str(upload(eve, b"hers")["url"])
        assert get(eve, other).body == b"hers"
    poll(lambda: get(bob, url, Range="bytes=0-9").status == 206)
