"""Which hosts and which framings are taken; the rest is refused before anybody acts on it."""

from __future__ import annotations

import json

import pytest
from tornado.httputil import HTTPHeaders, RequestStartLine

from handlers.http import request_head
from handlers.http.request_head import HOST_MAX_CHARS, HeadRefused, Refusal, body_length, check_host, is_host


@pytest.mark.parametrize(
    "host",
    [
        "chat.example",
        "chat.example:443",
        "chat.example:",
        "CHAT-1.Example_x~y",
        "localhost",
        "127.0.0.1:65535",
        "[::1]",
        "[2001:db8::7]:8000",
        "[::ffff:127.0.0.1]",
        "[v7.a:b]",
        "a%20b",
        "h" * HOST_MAX_CHARS,
    ],
)
def test_what_the_rfc_calls_a_host_is_taken(host: str) -> None:
    assert is_host(host)
    check_host("HTTP/1.1", HTTPHeaders({"Host": host}))


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":80",
        "chat.example:80:80",
        "chat.example:http",
        "chat.example:65536",
        "chat.example:99999999",
        "chat.example:٣",
        "chat.example:²",
        "a b",
        "a,b",
        "a/b",
        "a?b",
        "a#b",
        "a@b",
        "a%2",
        "a%zz",
        "a\\b",
        'a"b',
        "<script>",
        "::1",
        "[::1",
        "::1]",
        "[::g]",
        "[1.2.3.4]",
        "[::1]x",
        "[v.x]",
        "ü.example",
        "h" * (HOST_MAX_CHARS + 1),
        "h" * 2500,
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    assert not is_host(host)


def test_one_host_is_needed_but_by_http_1_0() -> None:
    two = HTTPHeaders()
    two.add("Host", "a.example")
    two.add("Host", "a.example")
    for version, headers in (("HTTP/1.1", HTTPHeaders()), ("HTTP/1.1", two), ("HTTP/1.0", two)):
        with pytest.raises(HeadRefused):
            check_host(version, headers)
    check_host("HTTP/1.0", HTTPHeaders())


def length(*lines: tuple[str, str], version: str = "HTTP/1.1") -> int | None:
    headers = HTTPHeaders()
    for name, value in lines:
        headers.add(name, value)
    return body_length(RequestStartLine("POST", "/", version), headers)


def test_a_body_is_framed_by_its_length_or_by_chunks() -> None:
    assert length() == 0
    assert length(("Content-Length", "0")) == 0
    assert length(("content-length", "0012")) == 12
    assert length(("Transfer-Encoding", "Chunked")) is None


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([("Content-Length", "-1")], 400),
        ([("Content-Length", "+1")], 400),
        ([("Content-Length", "1_0")], 400),
        ([("Content-Length", "0x10")], 400),
        ([("Content-Length", "²")], 400),
        ([("Content-Length", "")], 400),
        ([("Content-Length", "5, 5")], 400),
        ([("Content-Length", "5"), ("Content-Length", "5")], 400),
        ([("Content-Length", "5"), ("Content-Length", "6")], 400),
        ([("Content-Length", "9" * 30)], 400),
        ([("Content-Length", str(2**41))], 413),
        ([("Content-Length", "5"), ("Transfer-Encoding", "chunked")], 400),
        ([("Transfer-Encoding", "gzip")], 400),
        ([("Transfer-Encoding", "gzip, chunked")], 400),
        ([("Transfer-Encoding", "chunked, chunked")], 400),
        ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], 400),
        ([("Transfer-Encoding", "xchunked")], 400),
        ([("Transfer-Encoding", "")], 400),
    ],
    ids=repr,
)
def test_what_two_servers_could_read_differently_is_refused(lines: list[tuple[str, str]], status: int) -> None:
    with pytest.raises(HeadRefused) as refused:
        length(*lines)
    assert refused.value.refusal.status == status


def test_http_1_0_has_no_chunks() -> None:
    with pytest.raises(HeadRefused):
        length(("Transfer-Encoding", "chunked"), version="HTTP/1.0")


REFUSALS = [value for value in vars(request_head).values() if isinstance(value, Refusal)]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.phrase)
def test_a_refusal_has_the_contracts_shape_and_says_that_it_ends_the_connection(refusal: Refusal) -> None:
    head, _, body = refusal.reply("0123456789abcdef").partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0].startswith(f"HTTP/1.1 {refusal.status} ")
    assert {"Connection: close", f"Content-Length: {len(body)}", "X-Request-Id: 0123456789abcdef"} <= set(lines)
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "details", "requestId"}
    assert error["requestId"] == "0123456789abcdef"
