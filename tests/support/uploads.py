"""Uploads as a client makes them: the form, and what comes back."""

from __future__ import annotations

from typing import Any

from tests.support.client import Person, Reply, call

BOUNDARY = "----a-boundary-of-the-tests"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def part(content: bytes, *, name: str | None = "notes.txt", field: str = "file", kind: str = "text/plain") -> bytes:
    """One part of a form, with the delimiter before it."""
    filename = "" if name is None else f'; filename="{name}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{filename}\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def send_form(person: Person, body: bytes, *, method: str = "POST", path: str = "/files", kind: str = FORM) -> Reply:
    """Send a body as a form, whatever it is."""
    return call(person.url, method, path, body, token=person.access_token, headers={"Content-Type": kind})


def try_upload(person: Person, content: bytes, **about: Any) -> Reply:
    """Upload a file; `about` as for `part`."""
    return send_form(person, form(part(content, **about)))


def upload(person: Person, content: bytes, **about: Any) -> dict[str, Any]:
    """Upload a file, which must succeed; returns its description."""
    reply = try_upload(person, content, **about)
    assert reply.status == 201, reply.body
    file: dict[str, Any] = reply.json["file"]
    return file


def get(person: Person, path: str, **headers: str) -> Reply:
    """GET a path with further headers; `_` in their names stands for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(person.url, "GET", path, token=person.access_token, headers=sent)
