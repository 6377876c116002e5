"""The low-level names of redis-py that the product relies on: its connection class is used without its clients and
pools, and most of that is not documented.

The tables are complete: an import or a name of a connection that is used and not listed fails, and so does a listed
name that the driver no longer has. A newer version must pass this before its bound in setup.cfg is raised.
"""

from __future__ import annotations

import ast
import asyncio
import configparser
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis as driver
from redis.asyncio import Connection
from redis.asyncio.connection import AbstractConnection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

from cluster.redis_connection.reply_stream import Part, ReplyError, ReplyStream, pack
from tests.support.redis_proxy import options_for
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parent.parent.parent.parent
FOLDER = ROOT / "cluster" / "redis_connection"

IMPORTED = {
    ("hiredis", "HiredisError"),
    ("hiredis", "Reader"),
    ("hiredis", "pack_command"),
    ("redis.asyncio", "Connection"),
    ("redis.asyncio.connection", "AbstractConnection"),
    ("redis.asyncio.connection", "parse_url"),
    ("redis.asyncio.retry", "Retry"),
    ("redis.backoff", "NoBackoff"),
    ("redis.exceptions", "AuthenticationError"),
    ("redis.exceptions", "RedisError"),
}

# Method of a connection → the keyword arguments that we pass
CONNECTION: dict[str, frozenset[str]] = {
    "connect": frozenset(),
    "disconnect": frozenset({"nowait"}),
    "read_response": frozenset({"disable_decoding"}),
    "send_command": frozenset({"check_health"}),
}
# What is read of an established connection
ATTRIBUTES = {"_writer"}

# What a connection is made with, besides what a URL names
MADE_WITH = {
    "host",
    "port",
    "password",
    "db",
    "protocol",
    "retry",
    "socket_connect_timeout",
    "socket_timeout",
    "health_check_interval",
}


def trees() -> Iterator[ast.AST]:
    for path in sorted(FOLDER.glob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def names_of_connections() -> dict[str, set[str]]:
    """Every attribute that is read of something named `connection`, with the keyword arguments it is called with."""
    found: dict[str, set[str]] = {}
    for node in trees():
        match node:
            case ast.Attribute(value=ast.Name(id="connection"), attr=name):
                found.setdefault(name, set())
            case ast.Call(func=ast.Attribute(value=ast.Name(id="connection"), attr=name), keywords=keywords):
                found.setdefault(name, set()).update(str(keyword.arg) for keyword in keywords)
    return found


@asynccontextmanager
async def replies_of(port: int) -> AsyncIterator[Replies]:
    """Commands and their replies, on a connection whose transport was taken over."""
    connection: AbstractConnection = options_for(port).connection()
    await connection.connect()
    try:
        replies = Replies(connection)
        try:
            yield replies
        finally:
            replies.stream.close()
    finally:
        await connection.disconnect(nowait=True)


def test_the_product_imports_only_the_listed_names_of_the_driver() -> None:
    found = set()
    for node in trees():
        if isinstance(node, ast.Import):
            found |= {("", one.name) for one in node.names if one.name.startswith(("redis", "hiredis"))}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("redis", "hiredis"):
            found |= {(str(node.module), one.name) for one in node.names}
    assert found == IMPORTED


def test_the_product_uses_only_the_listed_names_of_a_connection() -> None:
    used = names_of_connections()
    assert used.keys() >= ATTRIBUTES
    assert {name: keywords for name, keywords in used.items() if name not in ATTRIBUTES} == {
        name: set(keywords) for name, keywords in CONNECTION.items()
    }


@pytest.mark.parametrize("kind", [Connection, SSLConnection, UnixDomainSocketConnection])
@pytest.mark.parametrize("name", CONNECTION)
def test_a_method_of_a_connection_takes_what_we_pass(kind: type[AbstractConnection], name: str) -> None:
    parameters = inspect.signature(getattr(kind, name)).parameters
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    assert takes_any or parameters.keys() >= CONNECTION[name]


def test_a_connection_can_be_made_with_what_we_pass() -> None:
    takers: tuple[Callable[..., Any], ...] = (Connection.__init__, AbstractConnection.__init__)
    assert {name for one in takers for name in inspect.signature(one).parameters} >= MADE_WITH


def test_one_try_without_a_wait_is_what_the_retry_means() -> None:
    assert list(inspect.signature(Retry.__init__).parameters)[:3] == ["self", "backoff", "retries"]
    assert NoBackoff().compute(1) == 0


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://u:p@h:1/2", None),
        ("rediss://u:p@h:1/2", SSLConnection),
    ],
)
def test_a_url_gives_the_connections_class_and_arguments(url: str, kind: type[AbstractConnection] | None) -> None:
    parsed = dict(parse_url(url))
    assert parsed.pop("connection_class", None) is kind
    assert parsed == {"username": "u", "password": "p", "host": "h", "port": 1, "db": 2}


def test_the_errors_are_kinds_of_each_other_as_we_catch_them() -> None:
    assert issubclass(AuthenticationError, RedisError)


class Replies:
    """The replies to commands on a connection whose transport was taken over."""

    def __init__(self, connection: AbstractConnection) -> None:
        self.stream = ReplyStream(connection, self._receive)
        self._replies: asyncio.Queue[object] = asyncio.Queue()

    def _receive(self, reply: object) -> None:
        self._replies.put_nowait(reply)

    def ask(self, *commands: tuple[Part, ...]) -> None:
        self.stream.write(b"".join(map(pack, commands)))

    async def next(self, count: int = 1) -> list[object]:
        return [await self._replies.get() for _ in range(count)]


@pytest.mark.gen_test
async def test_commands_that_are_sent_together_are_answered_one_by_one_in_order(redis: RedisServer) -> None:
    async with replies_of(redis.port) as replies:
        replies.ask(("SET", "a", b"\xff"), ("GET", "a"), ("GET", "b"), ("INCRBY", "n", 2))
        assert await replies.next(4) == [b"OK", b"\xff", None, 2]


@pytest.mark.gen_test
async def test_an_error_is_a_reply_and_leaves_the_connection_usable(redis: RedisServer) -> None:
    async with replies_of(redis.port) as replies:
        replies.ask(("NO SUCH COMMAND",), ("EVALSHA", "0" * 40, 0), ("PING",))
        unknown, forgotten, answer = await replies.next(3)
        assert isinstance(unknown, ReplyError) and str(unknown).startswith("ERR unknown command")
        assert isinstance(forgotten, ReplyError) and str(forgotten).startswith("NOSCRIPT")
        assert answer == b"PONG"


@pytest.mark.gen_test
async def test_subscriptions_and_published_messages_are_lists_of_bytes(redis: RedisServer) -> None:
    async with replies_of(redis.port) as heard, replies_of(redis.port) as told:
        heard.ask(("SUBSCRIBE", "c"))
        assert await heard.next() == [[b"subscribe", b"c", 1]]
        told.ask(("PUBLISH", "c", b"\xff"))
        assert (await told.next(), await heard.next()) == ([1], [[b"message", b"c", b"\xff"]])


@pytest.mark.gen_test
async def test_the_end_of_a_connection_and_what_is_no_reply_end_the_stream(redis: RedisServer) -> None:
    async with replies_of(redis.port) as replies:
        replies.ask(("QUIT",))
        with pytest.raises(ConnectionError):
            await replies.stream.ended
        assert await replies.next() == [b"OK"]
    async with replies_of(redis.port) as replies:
        replies.stream.data_received(b"HTTP/1.1 400 Bad Request\r\n")
        with pytest.raises(ConnectionError, match="not Redis"):
            await replies.stream.ended


def test_setup_cfg_bounds_redis_from_above() -> None:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(ROOT / "setup.cfg")
    (line,) = [one for one in parsed["options"]["install_requires"].split("\n") if one.startswith("redis")]
    major = int(driver.__version__.partition(".")[0])
    assert line.endswith(f"<{major + 1}"), "the version that is tested here is the newest that is let in"
