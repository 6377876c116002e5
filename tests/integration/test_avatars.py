"""Avatars from outside: one's picture is an upload, cut square, which everybody who is logged in may read."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.integration.conftest import Start, embedded
from tests.integration.test_bots import add_bot
from tests.support.client import PASSWORD, Person, Reply, call, register
from tests.support.pictures import animation, coloured_frames, encoded, exif, opened, photo, with_corner
from tests.support.server import ServerProcess
from tests.support.uploads import form, get, part, send_form, try_upload, upload

AVATAR = "/users/me/avatar"
PHOTO = encoded(photo(600, 400), "image/jpeg")


def put(person: Person, content: bytes, **about: str) -> Reply:
    return send_form(person, form(part(content, **about)), method="PUT", path=AVATAR)  # type: ignore[arg-type]


def set_avatar(person: Person, content: bytes = PHOTO) -> str:
    """Returns the path of the new picture."""
    reply = put(person, content)
    assert reply.status == 200, reply.body
    url: str = reply.json["user"]["avatarUrl"]
    return url


@pytest.fixture
def ann(server: ServerProcess) -> Person:
    return register(server.url)


def test_a_picture_is_cut_square_and_seen_by_everybody_who_is_logged_in(server: ServerProcess, ann: Person) -> None:
    eve = register(server.url)
    bot = add_bot(eve, eve.make_room()["id"], "beholder")
    assert eve.call("GET", f"/users/{ann.id}").json["user"]["avatarUrl"] is None
    reply = put(ann, PHOTO, name="../me.exe")
    assert reply.status == 200
    user = reply.json["user"]
    assert (user["id"], user["email"]) == (ann.id, ann.call("GET", "/auth/profile").json["user"]["email"])
    url = user["avatarUrl"]
    assert url.startswith("/files/")
    for person in (ann, eve):
        assert person.call("GET", f"/users/{ann.id}").json["user"]["avatarUrl"] == url
    for person in (ann, eve, bot):
        seen = get(person, url)
        assert (seen.status, seen.headers["content-type"]) == (200, "image/webp")
        assert opened(seen.body).size == (256, 256)
    assert seen.headers["content-disposition"].startswith('inline; filename="avatar.webp"')
    assert call(server.url, "GET", url).code == "unauthorized"
    assert eve.call("GET", f"{url}/thumbnail").code == "file_not_found"


def test_it_is_upright_and_does_not_say_where_it_was_taken(ann: Person) -> None:
    turned = with_corner(300, 300).transpose(Image.Transpose.ROTATE_90)
    seen = opened(get(ann, set_avatar(ann, encoded(turned, "image/png", exif=exif(6, maker="SPY")))).body)
    red, green, _ = seen.convert("RGB").getpixel((10, 10))
    assert red > 200 and green < 60
    assert b"SPY" not in get(ann, set_avatar(ann, encoded(turned, "image/png", exif=exif(6, maker="SPY")))).body
    assert opened(get(ann, set_avatar(ann, animation("image/gif", coloured_frames(3, 60, 50)))).body).size == (50, 50)


def test_the_picture_before_is_gone_and_so_is_one_that_is_taken_away(server: ServerProcess, ann: Person) -> None:
    eve = register(server.url)
    first, second = set_avatar(ann), set_avatar(ann)
    assert first != second
    assert [get(ann, url).status for url in (first, second)] == [404, 200]
    assert ann.call("DELETE", AVATAR).status == 204
    for person in (ann, eve):
        assert get(person, second).code == "file_not_found"
        assert person.call("GET", f"/users/{ann.id}").json["user"]["avatarUrl"] is None
    assert ann.call("DELETE", AVATAR).status == 204


def test_a_picture_goes_with_the_account(server: ServerProcess, ann: Person) -> None:
    eve = register(server.url)
    url = set_avatar(ann)
    assert ann.call("DELETE", "/users/me", {"password": PASSWORD}).status == 204
    assert get(eve, url).code == "file_not_found"
    assert eve.call("GET", f"/users/{ann.id}").json["user"]["avatarUrl"] is None


@pytest.mark.parametrize(
    "content",
    [
        b"plain text",
        b"%PDF-1.7\n%%EOF",
        PHOTO[: len(PHOTO) // 2],
        PHOTO[:3],
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"MZ\x90\0",
    ],
    ids=["text", "pdf", "half", "head", "empty", "svg", "program"],
)
def test_what_is_no_image_is_refused_and_the_picture_stays(ann: Person, content: bytes) -> None:
    url = set_avatar(ann)
    refused = put(ann, content)
    assert (refused.status, refused.code) == (415, "unsupported_type")
    assert ann.call("GET", "/users/me").json["user"]["avatarUrl"] == url
    assert get(ann, url).status == 200


def test_bad_requests_are_refused(server: ServerProcess, ann: Person) -> None:
    bot = add_bot(ann, ann.make_room()["id"], f"bot-{ann.username}"[:32])
    assert put(bot, PHOTO).code == "forbidden"
    assert bot.call("DELETE", AVATAR).code == "forbidden"
    assert call(server.url, "PUT", AVATAR, form(part(PHOTO))).code == "unauthorized"
    assert call(server.url, "DELETE", AVATAR).code == "unauthorized"
    assert ann.call("PUT", AVATAR, {"file": "x"}).status in (400, 415, 422)
    assert send_form(ann, form(part(PHOTO, field="avatar")), method="PUT", path=AVATAR).code == "validation_failed"
    assert send_form(ann, form(part(PHOTO))[:-300], method="PUT", path=AVATAR).status in (400, 422)
    assert put(ann, bytes(6 * 1024 * 1024)).code == "payload_too_large"
    for method in ("GET", "POST", "PATCH"):
        assert ann.call(method, AVATAR, None if method == "GET" else {}).code == "method_not_allowed"
    assert ann.call("GET", "/users/me").json["user"]["avatarUrl"] is None


def test_a_file_that_is_a_picture_is_read_and_posted_as_others_are(server: ServerProcess, ann: Person) -> None:
    eve = register(server.url)
    file_id = set_avatar(ann).removeprefix("/files/")
    message = ann.post(ann.make_room()["id"], "me", attachments=[file_id])
    assert message["attachments"][0]["mimeType"] == "image/webp"
    assert eve.call("PATCH", "/users/me", {"avatarUrl": f"/files/{file_id}"}).json["user"]["avatarUrl"] is None
    refused = eve.call("POST", "/messages", {"roomId": eve.make_room()["id"], "content": "x", "attachments": [file_id]})
    assert refused.code == "file_not_found"


@embedded
def test_setting_it_counts_as_an_upload(start: Start) -> None:
    server = start(RATE_LIMIT_UPLOADS="2/3600")
    ann = register(server.url)
    set_avatar(ann)
    upload(ann, b"text")
    refused = put(ann, PHOTO)
    assert (refused.code, int(refused.headers["retry-after"]) > 0) == ("rate_limited", True)
    assert ann.call("DELETE", AVATAR).status == 204


@embedded
def test_only_allowed_types_of_images_are_taken(start: Start) -> None:
    server = start(ALLOWED_FILE_TYPES="image/png,text/plain")
    ann = register(server.url)
    set_avatar(ann, encoded(photo(40, 40), "image/png"))
    for content in (PHOTO, b"text"):
        refused = put(ann, content)
        assert (refused.code, refused.json["error"]["details"]) == ("unsupported_type", {"takes": ["image/png"]})
    assert try_upload(ann, b"text").status == 201
