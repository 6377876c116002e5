"""Heads in their ordinary form: what is made of them is what Tornado makes of them, and all others are left to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine

from handlers.http.ordinary_head import QUERY_FIELDS_MAX, Request, parse_fields

CONNECTION = cast(
    HTTPConnection, SimpleNamespace(context=SimpleNamespace(remote_ip="192.0.2.7", protocol="http"), tag=1)
)


def tornados(head: bytes) -> tuple[str, HTTPHeaders]:
    """What Tornado's own parser makes of a head; it uses nothing of its connection."""
    return HTTP1Connection._parse_headers(cast(Any, None), head)


def test_the_fields_of_a_browser_are_read_as_tornado_reads_them() -> None:
    head = (
        b"GET /rooms?mine=true HTTP/1.1\r\nHost: chat.example:8000\r\naccept-LANGUAGE: en-US,en;q=0.9\r\n"
        b'sec-ch-ua: "Chromium";v="120"\r\nX-A:no-space\r\nCookie: a=b; c=d\r\n\r\n'
    )
    found = parse_fields(head)
    assert found is not None
    assert found[0] == "GET /rooms?mine=true HTTP/1.1"
    assert list(found[1].get_all()) == list(tornados(head)[1].get_all())


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"Host: a\r\nHost: b\r\n",
        b"host: a\r\nHost: b\r\n",
        b"Host: a\n",
        b"Host:  a\r\n",
        b"Host: a \r\n",
        b"Host:\ta\r\n",
        b"Host: a\r\nX:\r\n",
        b"Host: a\r\n X: b\r\n",
        b"Host: a\r\nX : b\r\n",
        b"Host: a\r\nX: \xe4\r\n",
        b"Host: a\r\nX: a\rb\r\n",
        b"Host: a\r\nX: a\0b\r\n",
        b"Host: a\r\nno colon\r\n",
        b"Host: a\r\n\r\nX: b\r\n",
        b"Host: a\r\nX: " + 8192 * b"b" + b"\r\n",
    ],
    ids=repr,
)
def test_fields_in_any_other_form_are_left_to_tornado(fields: bytes) -> None:
    assert parse_fields(b"GET / HTTP/1.1\r\n" + fields + b"\r\n") is None


def test_a_request_line_that_ends_otherwise_is_left_to_tornado() -> None:
    assert parse_fields(b"GET / HTTP/1.1\nHost: a\r\nX: b\r\n\r\n") is None
    assert parse_fields(b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n") is None
    assert parse_fields(b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n") is None
    assert parse_fields(b"\r\nHost: a\r\n\r\n") is None


@given(
    st.binary(max_size=80)
    | st.from_regex(rb"\A[\r\n]?GET / HTTP/1\.1[\r\n \t]?\r\n([A-Za-z: \t\x80\r\n-]{1,12}\r\n){1,4}\r\n\Z")
    | st.from_regex(rb"\A[\r\n]?GET / HTTP/1\.1[\r\n \t]?\r\n([A-C-]:[ \t]?[!-~ ]{1,4}\r\n){1,4}\r\n\Z")
)
def test_whatever_is_read_here_tornado_reads_alike(head: bytes) -> None:
    found = parse_fields(head)
    if found is not None:
        line, headers = tornados(head)
        assert (line, list(headers.get_all())) == (found[0], list(found[1].get_all()))


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/rooms?mine=true&limit=5",
        "/rooms?",
        "/rooms?a&b=&a=1&&c=d=e",
        "/search?q=a%20b+c",
        "/?" + "&".join(f"f{number}=1" for number in range(QUERY_FIELDS_MAX + 3)),
    ],
)
@pytest.mark.parametrize("host", ["localhost", "Chat.Example:8000", "[::1]:8000"])
def test_a_request_has_all_that_tornados_own_has(target: str, host: str) -> None:
    line = RequestStartLine("GET", target, "HTTP/1.1")
    made: list[dict[str, object]] = [
        vars(kind(connection=CONNECTION, server_connection=None, start_line=line, headers=HTTPHeaders({"Host": host})))
        for kind in (Request, HTTPServerRequest)
    ]
    for one in made:
        assert isinstance(one.pop("_start_time"), float)
        one["headers"] = list(cast(HTTPHeaders, one["headers"]).get_all())
    assert made[0] == made[1]


def test_a_request_of_http_1_0_may_have_no_host() -> None:
    line = RequestStartLine("GET", "/", "HTTP/1.0")
    headers = HTTPHeaders()
    assert Request(connection=CONNECTION, server_connection=None, start_line=line, headers=headers).host == "127.0.0.1"
    with pytest.raises(HTTPInputError):
        line = RequestStartLine("GET", "/", "HTTP/1.1")
        Request(connection=CONNECTION, server_connection=None, start_line=line, headers=headers)
