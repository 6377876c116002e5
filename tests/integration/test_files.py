"""Files from outside: what an upload becomes, who may read it, and how it is served."""

from __future__ import annotations

import hashlib

import pytest

from tests.integration.conftest import Start, embedded
from tests.support.client import Person, call, register
from tests.support.pictures import encoded, exif, opened, photo
from tests.support.server import ServerProcess
from tests.support.uploads import form, get, part, send_form, try_upload, upload

PDF = b"%PDF-1.7\n<html><script>alert(1)</script></html>\n%%EOF"
GPS_BLOCK, LATITUDE = 0x8825, 2  # tags of EXIF
TEXT = "Grüße,\nline after line\n".encode()


@pytest.fixture
def ann(server: ServerProcess) -> Person:
    return register(server.url)


@pytest.mark.parametrize(
    ("content", "kind", "name"), [(TEXT, "text/plain", "notes.txt"), (PDF, "application/pdf", "notes.txt.pdf")]
)
def test_an_upload_comes_back_as_it_was(ann: Person, content: bytes, kind: str, name: str) -> None:
    file = upload(ann, content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert file == {
        "id": file["id"], "url": f"/files/{file['id']}", "name": name, "size": len(content), "mimeType": kind,
        "sha256": sha256, "width": None, "height": None, "thumbnailUrl": None,
    }  # fmt: skip
    reply = get(ann, file["url"])
    assert (reply.status, reply.body) == (200, content)
    headers = reply.headers
    assert (headers["content-type"], int(headers["content-length"])) == (kind, len(content))
    assert headers["etag"] == f'"{sha256}"'
    assert headers["content-disposition"].startswith(f'attachment; filename="{name}"')
    assert (headers["x-content-type-options"], headers["accept-ranges"]) == ("nosniff", "bytes")
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"].startswith("private, max-age=")
    head = ann.call("HEAD", file["url"])
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(content)))


def test_a_large_file_is_streamed_through(ann: Person) -> None:
    content = b"0123456789abcdef" * (5 * 1024 * 1024 // 16)
    file = upload(ann, content)
    assert file["size"] == 5 * 1024 * 1024
    assert get(ann, file["url"]).body == content


def test_a_file_is_read_by_its_owner_and_by_members_of_the_rooms_that_show_it(
    server: ServerProcess, ann: Person
) -> None:
    bob, eve = register(server.url), register(server.url)
    file, room = upload(ann, TEXT), ann.make_room()["id"]
    bob.join(room)

    def codes() -> list[object]:
        return [200 if (reply := get(one, file["url"])).status == 200 else reply.code for one in (ann, bob, eve)]

    assert codes() == [200, "file_not_found", "file_not_found"]
    message = ann.post(room, "look", attachments=[file["id"]])
    assert message["attachments"] == [file]
    assert codes() == [200, 200, "file_not_found"]
    assert call(server.url, "GET", file["url"]).code == "unauthorized"
    assert ann.call("POST", f"/rooms/{room}/bans/{bob.id}", {"reason": "noise"}).status < 300
    assert codes() == [200, "file_not_found", "file_not_found"]
    assert eve.call("POST", f"/rooms/{room}/join").status == 200
    assert codes() == [200, "file_not_found", 200]
    assert ann.call("DELETE", f"/messages/{message['id']}").status == 200
    assert codes() == [200, "file_not_found", "file_not_found"]


def test_what_is_no_form_with_a_file_is_refused(ann: Person) -> None:
    for body, kind in (
        (b"", None),
        (b"{}", "application/json"),
        (form(part(TEXT)), "multipart/form-data"),
        (form(part(TEXT)), "multipart/mixed; boundary=x"),
        (b"not a form", None),
        (form(part(TEXT))[:-4], None),
        (part(TEXT).replace(b"Content-Disposition", b"X"), None),
    ):
        reply = send_form(ann, body) if kind is None else send_form(ann, body, kind=kind)
        assert (reply.status, reply.code) == (400, "malformed"), (body, kind, reply.body)
    for body in (form(), form(part(TEXT, field="other")), form(part(b"", name=""))):
        reply = send_form(ann, body)
        assert (reply.status, reply.code, list(reply.json["error"]["details"])) == (422, "validation_failed", ["file"])


@pytest.mark.parametrize("content", [b"MZ\x90\x00\x03", b"\xff\xfe\x00", b"caf\xe9", b"a\x00b", b"PK\x03\x04\xff"])
def test_what_is_of_no_known_type_is_refused(ann: Person, content: bytes) -> None:
    reply = try_upload(ann, content, name="photo.png", kind="image/png")
    assert (reply.status, reply.code) == (415, "unsupported_type")


@embedded
def test_the_files_of_a_user_have_a_quota(start: Start) -> None:
    server = start(FILE_QUOTA_PER_USER="1000")
    bob, eve = register(server.url), register(server.url)
    upload(bob, b"x" * 900)
    refused = try_upload(bob, b"x" * 101)
    assert (refused.status, refused.code) == (409, "conflict")
    assert refused.json["error"]["details"]["quotaBytes"] == 1000
    upload(bob, b"x" * 100)
    upload(eve, b"x" * 1000)
    unlimited = start(FILE_QUOTA_PER_USER="0")
    upload(register(unlimited.url), b"x" * 1000)


# ---- images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mime_type", "name"),
    [
        ("JPEG", "image/jpeg", "me.exe.jpg"),
        ("PNG", "image/png", "me.exe.png"),
        ("GIF", "image/gif", "me.exe.gif"),
        ("WEBP", "image/webp", "me.exe.webp"),
    ],
)
def test_an_image_is_encoded_anew_with_a_thumbnail(ann: Person, kind: str, mime_type: str, name: str) -> None:
    file = upload(ann, encoded(photo(800, 600), mime_type), name="me.exe", kind="application/x-msdownload")
    assert (file["mimeType"], file["name"], file["width"], file["height"]) == (mime_type, name, 800, 600)
    reply = get(ann, file["url"])
    assert (hashlib.sha256(reply.body).hexdigest(), len(reply.body)) == (file["sha256"], file["size"])
    assert reply.headers["content-disposition"].startswith("inline;")
    assert (opened(reply.body).format, opened(reply.body).size) == (kind, (800, 600))
    small = get(ann, file["thumbnailUrl"])
    assert (small.status, small.headers["content-type"]) == (200, "image/webp")
    assert small.headers["content-disposition"] == "inline"
    assert small.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert max(opened(small.body).size) < 800
    etag = small.headers["etag"]
    assert get(ann, file["thumbnailUrl"], If_None_Match=etag).status == 304
    assert etag != reply.headers["etag"]


def test_a_photograph_stands_upright_and_does_not_say_where_it_was_taken(ann: Person) -> None:
    place = exif(6)  # turn it by 90 degrees
    place.get_ifd(GPS_BLOCK)[LATITUDE] = (48.0, 12.0, 30.0)
    content = encoded(photo(600, 400), "image/jpeg", exif=place)
    assert opened(content).getexif().get_ifd(GPS_BLOCK)
    file = upload(ann, content, name="photo.jpg")
    assert (file["width"], file["height"]) == (400, 600)
    stored = opened(get(ann, file["url"]).body)
    assert stored.size == (400, 600)
    assert not stored.getexif()


def test_a_small_image_has_no_thumbnail(ann: Person) -> None:
    file = upload(ann, encoded(photo(20, 10), "image/png"), name="dot.png")
    assert (file["width"], file["height"], file["thumbnailUrl"]) == (20, 10, None)
    assert ann.call("GET", f"{file['url']}/thumbnail").code == "file_not_found"


PNG = encoded(photo(64, 64), "image/png")
HUGE = PNG[:16] + (60_000).to_bytes(4, "big") * 2 + PNG[24:]


@pytest.mark.parametrize(
    "content",
    [
        PNG[: len(PNG) // 2],
        PNG[:8],
        HUGE,
        b"\xff\xd8\xff\xe0" + b"JFIF" * 100,
        b"GIF89a;<script>alert(1)</script>",
        b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    ],
    ids=["half", "head", "pixel bomb", "no jpeg", "gif and script", "empty webp"],
)
def test_what_is_no_whole_image_is_refused(ann: Person, content: bytes) -> None:
    reply = try_upload(ann, content, name="photo.png", kind="image/png")
    assert (reply.status, reply.code) == (415, "unsupported_type")


def test_a_drawing_with_a_script_is_text_and_nothing_that_a_browser_opens(ann: Person) -> None:
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    file = upload(ann, drawing, name="drawing.svg", kind="image/svg+xml")
    assert (file["mimeType"], file["name"]) == ("text/plain", "drawing.svg.txt")
    headers = get(ann, file["url"]).headers
    assert headers["content-type"] == "text/plain"
    assert headers["content-disposition"].startswith("attachment;")


def test_what_hides_behind_an_image_is_not_kept(ann: Person) -> None:
    archive = encoded(photo(), "image/gif") + b"PK\x03\x04 a java archive, or a page: <script>alert(1)</script>"
    file = upload(ann, archive, name="both.jar")
    assert file["name"] == "both.jar.gif"
    assert b"script" not in get(ann, file["url"]).body


@embedded
def test_only_allowed_types_are_taken(start: Start) -> None:
    server = start(ALLOWED_FILE_TYPES="image/png")
    bob = register(server.url)
    assert upload(bob, PNG)["mimeType"] == "image/png"
    for content in (encoded(photo(), "image/jpeg"), TEXT, PDF, b"PK\x03\x04"):
        refused = try_upload(bob, content)
        assert (refused.code, refused.json["error"]["details"]) == ("unsupported_type", {"takes": ["image/png"]})
