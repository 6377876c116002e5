"""Reads heads in their ordinary form, and makes Tornado's objects of them. Pure: knows no socket and no handler.

What is unusual in any way is left to Tornado, which knows all forms and all refusals. Both ways make the same of a
head, or nothing: tests/unit/handlers/http/test_ordinary_head.py compares them.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPServerRequest,
    RequestStartLine,
    split_host_and_port,
)

from handlers.http.known_headers import KnownHeaders, usual_form

HEAD_MAX_BYTES = 8192  # that are looked at here
QUERY_FIELDS_MAX = 20

_FIELDS = re.compile(r"(?:[A-Za-z0-9-]+: ?[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\r\n)+\r\n")
_QUERY = re.compile(r"[A-Za-z0-9._~=&-]*")  # without percent-encoding, and without + for a space

_host_name = lru_cache(maxsize=64)(lambda host: split_host_and_port(host.lower())[0])


def parse_fields(head: bytes) -> tuple[str, HTTPHeaders] | None:
    """Return the request line, not parsed, and the fields; None where the head is not ordinary or repeats a field."""
    if len(head) > HEAD_MAX_BYTES:
        return None
    line, _, rest = head.decode("latin1").partition("\r\n")
    if not line or "\n" in line or "\r" in line or _FIELDS.fullmatch(rest) is None:
        return None
    fields: dict[str, list[str]] = {}
    lines = rest[:-4].split("\r\n")
    for one in lines:
        name, _, value = one.partition(":")
        fields[usual_form(name)] = [value.lstrip(" ")]
    return (line, KnownHeaders(fields)) if len(fields) == len(lines) else None


class Request(HTTPServerRequest):
    """Tornado's request, of a head whose host was checked already."""

    def __init__(
        self,
        *,
        connection: HTTPConnection,
        server_connection: object,
        start_line: RequestStartLine,
        headers: HTTPHeaders,
    ) -> None:
        path, _, query = start_line.path.partition("?")
        host = headers.get("Host")
        if not host or query.count("&") >= QUERY_FIELDS_MAX or _QUERY.fullmatch(query) is None:
            super().__init__(
                connection=connection, server_connection=server_connection, start_line=start_line, headers=headers
            )
            return
        self.method, self.uri, self.version = start_line
        self.headers = headers
        self.body = b""
        self.connection = connection
        self.server_connection = server_connection
        context = getattr(connection, "context", None)
        self.remote_ip = getattr(context, "remote_ip", None)
        self.protocol = getattr(context, "protocol", "http")
        self.host, self.host_name = host, _host_name(host)
        self.path, self.query = path, query
        self.arguments = _arguments(query)
        self.query_arguments = _arguments(query)
        self.body_arguments = {}
        self.files = {}
        self._start_time = time.time()
        self._finish_time = None


def _arguments(query: str) -> dict[str, list[bytes]]:
    arguments: dict[str, list[bytes]] = {}
    if query:
        for pair in query.split("&"):
            if pair:
                name, _, value = pair.partition("=")
                arguments.setdefault(name, []).append(value.encode("ascii"))
    return arguments
