"""Random requests and frames of inputs that are hard for parsers: no 500, no traceback, and the process goes on."""

from __future__ import annotations

import contextlib
import json
import random
import socket
from collections.abc import Iterator

import pytest

from tests.integration.conftest import StoreEnv, embedded
from tests.support.client import Person, call, register
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, serving

pytestmark = embedded

REQUESTS = 1_000
FRAMES = 1_500
ANSWERED_WITHIN_S = 20.0
UNFINISHED_AFTER_S = 0.1

TEXTS = [
    "", "0", "1", "-1", "-0", "²", "٣", "1_0", "+5", " 5", "5.0", "1e3", "1e400", "9" * 19, "9" * 5_000, "null",
    "true", "NaN", "inf",
    "0x10", "\x00", "\x7f", "\x80", "\xff", "%", "%00", "%ff", "%u0031", "\ud800", "a\u0301", "\u202e", "😀",
    "x" * 300, "..", "/", "//",
    "*", "\\",
    "a,b", ",", ";", "=", "==", "'", '"', '""', "[]", "{}", "[", "unknown", "null,null", "::", "[::1]:x",
    "1.2.3.4:99999", "bytes=0-",
    'W/"x"', "Bearer", "Bearer ", "Bearer a.b.c", "Bearer ²", "Basic eDp4", "https://a\tb", "http://[", "null",
    "https://²", "gzip;q=²",
    "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n", "\r\n--x--",
]  # fmt: skip
HEADERS = [
    "Content-Length", "Transfer-Encoding", "Content-Type", "Content-Encoding", "Accept", "Accept-Encoding",
    "Authorization", "Origin",
    "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "If-None-Match", "If-Modified-Since", "If-Range",
    "Range",
    "Cookie", "Expect",
    "Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Sec-Fetch-Site", "Sec-Fetch-Mode", "Access-Control-Request-Method", "Access-Control-Request-Headers",
    "traceparent", "Host", "X",
]  # fmt: skip
METHODS = [
    "GET",
    "GET",
    "HEAD",
    "POST",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "BREW",
    "get",
    "",
]
PARAMETERS = [
    "limit", "before", "after", "since", "cursor", "q", "mine", "roomId", "expand", "metric", "minutes", "scope",
    "process",
    "token", "replaces",
]  # fmt: skip
PATHS = [
    "auth/register", "auth/login", "auth/refresh", "auth/profile", "auth/password", "users", "users/me", "rooms",
    "rooms/direct",
    "messages", "messages/search", "messages/search/suggest",
    "metrics/history", "metrics/websocket", "metrics/alerts", "metrics/snapshot", "health/database",
    "ws", "static/chat.js", "",
    "rooms/{}", "rooms/{}/join", "rooms/{}/members", "rooms/{}/stats", "rooms/{}/changes", "messages/{}", "users/{}",
    "{}", "docs", "openapi.json", "asyncapi.json",
    "users/me/settings", "users/me/avatar", "users/me/export", "users/me/blocks", "users/me/blocks/{}",
    "auth/sessions", "auth/sessions/{}",
    "rooms/{}/members/{}", "rooms/{}/bans", "rooms/{}/bans/{}", "rooms/{}/audit", "rooms/{}/reports",
    "messages/{}/report",
    "rooms/{}/members/{}", "rooms/{}/bans", "rooms/{}/bans/{}", "rooms/{}/audit",
    "rooms/{}/invites", "rooms/{}/invites/{}", "invites/{}",
    "{}",
    "rooms/{}/bots", "rooms/{}/bots/{}", "rooms/{}/webhooks", "rooms/{}/webhooks/{}", "hooks/{}",
    "files", "files", "files/{}", "files/{}/thumbnail",
    "messages/{}/history", "messages/{}/thread", "messages/{}/reactions/{}", "{}",
]  # fmt: skip
FIELDS = [
    "name", "description", "isPrivate", "maxUsers", "roomId", "content", "clientId", "replyToId", "threadId",
    "attachments", "mentions",
    "username", "email", "password", "oldPassword", "newPassword", "refreshToken", "userId", "displayName",
    "textColor", "customStatus",
    "since", "sinceRev", "seq", "status", "token", "theme", "notifications", "client",
    "since", "sinceRev", "seq", "status", "token",
    "role", "mutedUntil",
    "since", "sinceRev", "seq", "status", "token", "messageId", "emoji",
    "role", "mutedUntil", "reason", "expiresIn",
    "text",
]  # fmt: skip
COMMANDS = [
    "authenticate", "joinRoom", "leaveRoom", "sendMessage", "editMessage", "deleteMessage", "addReaction",
    "removeReaction",
    "startTyping", "stopTyping",
    "messageRead",
    "updatePresence", "getPresence", "getRoomStats", "heartbeat", "nothing",
]  # fmt: skip


class InputGenerator:
    """Generates requests and frames; the same seed generates the same ones."""

    def __init__(self, seed: int, person: Person, room_id: str, message_id: str) -> None:
        self.random = random.Random(seed)
        self.token = person.access_token
        ids = [
            room_id,
            message_id,
            f"{room_id}-²",
            f"{room_id}-+1",
            f"{room_id}-1_0",
            f"{room_id}-{'9' * 30}",
            person.id,
        ]
        self._texts = [*TEXTS, *ids, *ids]

    def text(self) -> str:
        return self.random.choice(self._texts)

    def value(self, depth: int = 0) -> object:
        number = self.random.choice([0, -1, 1, 50, 2**53, 10**30, 1.5, 1e300, True, None])
        nested = (
            {} if depth > 2 else self.random.choice([[self.value(depth + 1)], {self.text(): self.value(depth + 1)}])
        )
        return self.random.choice([self.text(), self.text(), number, nested])

    def fields(self) -> dict[str, object]:
        return {name: self.value() for name in self.random.sample(FIELDS, self.random.randint(0, 6))}

    def json(self, value: object) -> bytes:
        """Encode a value; sometimes a byte is replaced, or the end is cut off."""
        raw = bytearray(json.dumps(value, ensure_ascii=self.random.random() < 0.5).encode("utf-8", "surrogatepass"))
        if raw and self.random.random() < 0.3:
            raw[self.random.randrange(len(raw))] = self.random.randrange(256)
        if self.random.random() < 0.1:
            del raw[self.random.randrange(len(raw) + 1) :]
        return self.random.choice([b"", b"", b"", b"\xef\xbb\xbf"]) + bytes(raw)

    def request(self) -> bytes:
        draw = self.random
        path = "/" + draw.choice(PATHS).replace("{}", self.text().replace(" ", "%20").replace("\r", ""))
        if draw.random() < 0.05:
            path = draw.choice(["http://127.0.0.1", "https://²", "http://", "*", "x:"]) + path
        names = draw.sample(PARAMETERS, draw.randint(0, 4))
        query = "&".join(f"{name}={self.text().replace(' ', '+')}" for name in names)
        body = self.json(self.fields())
        headers = [("Host", "127.0.0.1")] * (draw.random() < 0.95)
        headers += [("Authorization", f"Bearer {self.token}")] * (draw.random() < 0.7)
        headers += [("Content-Length", str(len(body)))] * (draw.random() < 0.8)
        headers += [(draw.choice(HEADERS), self.text()) for _ in range(draw.randint(0, 3))]
        target = f"{path}?{query}" if query else path
        lines = [
            f"{draw.choice(METHODS)} {target} HTTP/1.{draw.choice('1110')}",
            *(f"{name}: {text}" for name, text in headers),
        ]
        head = "\r\n".join([*lines, "Connection: close", "", ""])
        return head.encode("utf-8" if draw.random() < 0.5 else "latin-1", "replace") + body

    def frame(self) -> bytes:
        data = self.random.choice([self.fields(), self.value()])
        envelope = {"event": self.random.choice(COMMANDS), "id": self.value(), "data": data, self.text(): self.value()}
        return self.json({name: envelope[name] for name in envelope if self.random.random() < 0.9})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A server without rate limits: a refusal would keep the input from the code behind the limit."""
    with serving(tmp_path_factory.mktemp("fuzz") / "data", {"RATE_LIMIT_ENABLED": "false", "CORS_ORIGINS": "*"}) as one:
        yield one


@pytest.fixture(scope="module")
def generator(server: ServerProcess) -> InputGenerator:
    ada = register(server.url)
    room = ada.make_room()["id"]
    return InputGenerator(20, ada, room, ada.post(room, "hello")["id"])


def exchange(server: ServerProcess, data: bytes) -> bytes:
    """Send data and return the whole reply. Sending is shut down if no more comes in UNFINISHED_AFTER_S."""
    received = b""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=UNFINISHED_AFTER_S) as sock,
        contextlib.suppress(ConnectionError),
    ):
        sock.sendall(data)
        while True:
            try:
                more = sock.recv(65_536)
            except TimeoutError:
                sock.settimeout(ANSWERED_WITHIN_S)
                sock.shutdown(socket.SHUT_WR)
                continue
            if not more:
                return received
            received += more
    return received


def test_no_request_is_answered_with_a_fault_of_ours(server: ServerProcess, generator: InputGenerator) -> None:
    statuses = set()
    for _ in range(REQUESTS):
        data = generator.request()
        status = exchange(server, data)[9:12]
        assert status not in {b"500", b"502"}, data
        statuses.add(status)
    assert {b"200", b"400", b"401", b"404", b"405", b"422"} <= statuses, "of all kinds, or nothing was tried"
    assert call(server.url, "GET", "/health").status == 200
    server.assert_log_is_clean()


def test_no_frame_is_answered_with_a_fault_of_ours(server: ServerProcess, generator: InputGenerator) -> None:
    frames = [generator.frame() for _ in range(FRAMES)]
    codes = set()
    while frames:
        with RawWebSocket(server.port, token=generator.token) as sock, contextlib.suppress(ConnectionError):
            while frames:
                sock.send_frame(1, frames.pop())
                sock.send_frame(1, b'{"event":"heartbeat","id":"after"}')
                while (message := sock.read_message()) is not None and message.get("id") != "after":
                    codes.add(message["data"].get("code"))
                if message is None:
                    break  # closed because of invalid UTF-8 or too many refusals
    assert "internal" not in codes
    assert {"malformed", "validation_failed", "unknown_command", "room_not_found"} <= codes
    assert call(server.url, "GET", "/health").status == 200
    server.assert_log_is_clean()
