"""Which handshakes are of the ordinary form, and what is read of them; all others are Tornado's."""

from __future__ import annotations

import pytest

from handlers.http.upgrade_request import FIELDS_MAX, HEAD_MAX_BYTES, parse_upgrade

FIELDS = (
    "Host: chat.example:8000",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


def head(line: str = "GET /ws HTTP/1.1", *more: str, fields: tuple[str, ...] = FIELDS) -> bytes:
    return "\r\n".join((line, *fields, *more, "", "")).encode()


def test_an_ordinary_handshake_is_read_with_names_in_lower_case() -> None:
    data = head("GET /ws?token=a.b-c_d&replaces=p-1 HTTP/1.1", "Sec-WebSocket-Protocol:chat.v1, bearer.x", "Origin: x")
    request = parse_upgrade(data, "/ws")
    assert request is not None
    assert request.query == {"token": "a.b-c_d", "replaces": "p-1"}
    assert request.fields["sec-websocket-protocol"] == "chat.v1, bearer.x"
    assert request.fields["host"] == "chat.example:8000"
    assert request.fields["sec-websocket-key"] == "dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("", {}),
        ("token=", {"token": ""}),
        ("token", {"token": ""}),
        ("token=a&token=b", {"token": "b"}),
        ("&&token=a=b", {"token": "a=b"}),
    ],
)
def test_of_a_query_the_last_value_of_each_name_counts(query: str, read: dict[str, str]) -> None:
    request = parse_upgrade(head(f"GET /ws?{query} HTTP/1.1"), "/ws")
    assert request is not None
    assert request.query == read


UNUSUAL = {
    "nothing": b"",
    "a part": head()[:-1],
    "more than the head": head() + b"x",
    "two requests": head() + head(),
    "another method": head("POST /ws HTTP/1.1"),
    "another path": head("GET /wss HTTP/1.1"),
    "a longer path": head("GET /ws/x HTTP/1.1"),
    "a whole URL": head("GET http://chat.example/ws HTTP/1.1"),
    "another version": head("GET /ws HTTP/1.0"),
    "a query with an escape": head("GET /ws?token=a%2eb HTTP/1.1"),
    "a query with a plus": head("GET /ws?token=a+b HTTP/1.1"),
    "a header twice": head("GET /ws HTTP/1.1", "X-Forwarded-For: 192.0.2.1", "x-forwarded-for: 192.0.2.2"),
    "a header without a value": head("GET /ws HTTP/1.1", "Origin: "),
    "a folded header": head("GET /ws HTTP/1.1", "Origin: a\r\n b"),
    "a header that is none": head("GET /ws HTTP/1.1", "Origin"),
    "a space before the colon": head("GET /ws HTTP/1.1", "Origin : a"),
    "a tab": head("GET /ws HTTP/1.1", "Origin: a\tb"),
    "a control character": head("GET /ws HTTP/1.1", "Origin: a\x00b"),
    "a bare line feed": head("GET /ws HTTP/1.1", "Origin: a\nX: b"),
    "a letter with an accent": head("GET /ws HTTP/1.1", "Origin: \u00e9"),
    "line feeds alone": head().replace(b"\r\n", b"\n"),
    "a body": head("GET /ws HTTP/1.1", "Content-Length: 5"),
    "no body, and said so": head("GET /ws HTTP/1.1", "Content-Length: 0"),
    "chunks": head("GET /ws HTTP/1.1", "Transfer-Encoding: chunked"),
    "a wait for 100": head("GET /ws HTTP/1.1", "Expect: 100-continue"),
    "no host": head(fields=FIELDS[1:]),
    "no upgrade": head(fields=(*FIELDS[:1], *FIELDS[2:])),
    "no connection": head(fields=(*FIELDS[:2], *FIELDS[3:])),
    "no key": head(fields=(*FIELDS[:3], *FIELDS[4:])),
    "no version of the protocol": head(fields=FIELDS[:4]),
    "another version of the protocol": head(fields=(*FIELDS[:4], "Sec-WebSocket-Version: 8")),
    "a host that is none": head(fields=("Host: a/b", *FIELDS[1:])),
    "many headers": head("GET /ws HTTP/1.1", *(f"X-{number}: a" for number in range(FIELDS_MAX))),
    "a large header": head("GET /ws HTTP/1.1", f"Cookie: {'a' * HEAD_MAX_BYTES}")[:HEAD_MAX_BYTES],
}


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
def test_whatever_is_not_ordinary_is_left_to_tornado(data: bytes) -> None:
    assert parse_upgrade(data, "/ws") is None
