"""The private and undocumented names of Tornado and of the standard library that the product relies on.

The table is complete for handlers/: a name that is used and not listed fails, and so does a listed name that the
dependency no longer has. A newer version must pass this before its bound in setup.cfg is raised.
"""

from __future__ import annotations

import ast
import asyncio
import configparser
import inspect
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import tornado
import tornado.httpserver
import tornado.util
from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.platform.asyncio import AsyncIOLoop
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from handlers.http.known_headers import KnownHeaders
from handlers.websocket_handshake import HandshakeHandler
from handlers.whole_replies import WholeReplies

ROOT = Path(__file__).parent.parent.parent.parent

# File → (a class of the dependency, its private names that the file uses or overrides)
USED: dict[str, tuple[tuple[type, frozenset[str]], ...]] = {
    "handlers/base.py": ((RequestHandler, frozenset({"_execute", "_finished"})),),
    "handlers/whole_replies.py": (
        (
            RequestHandler,
            frozenset(
                {
                    "_auto_finish",
                    "_break_cycles",
                    "_finished",
                    "_headers",
                    "_headers_written",
                    "_log",
                    "_prepared_future",
                    "_reason",
                    "_status_code",
                    "_write_buffer",
                }
            ),
        ),
    ),
    "handlers/http/handler_run.py": ((RequestHandler, frozenset({"_execute"})),),
    "handlers/http/reply_connection.py": (
        (
            HTTP1Connection,
            frozenset(
                {
                    "_disconnect_on_finish",
                    "_finish_request",
                    "_request_headers",
                    "_request_start_line",
                    "_response_start_line",
                    "_write_finished",
                }
            ),
        ),
    ),
    "handlers/uploads.py": ((RequestHandler, frozenset({"_finished", "_handle_request_exception"})),),
    "handlers/http/request_exchange.py": (
        (
            HTTP1Connection,
            frozenset(
                {
                    "_can_keep_alive",
                    "_clear_callbacks",
                    "_deliver_body",
                    "_disconnect_on_finish",
                    "_finish_future",
                    "_finish_request",
                    "_on_connection_close",
                    "_parse_headers",
                    "_read_chunked_body",
                    "_read_finished",
                    "_read_fixed_body",
                    "_request_headers",
                    "_request_start_line",
                    "_response_start_line",
                    "_write_finished",
                }
            ),
        ),
    ),
    "handlers/http/known_headers.py": ((HTTPHeaders, frozenset({"_as_list", "_combined_cache"})),),
    "handlers/http/head_reading.py": ((IOStream, frozenset({"_read_buffer_size"})),),
    "handlers/http/connection.py": ((HTTP1ServerConnection, frozenset({"_server_request_loop", "_serving_future"})),),
    "handlers/http/stream.py": (
        (
            IOStream,
            frozenset(
                {
                    "_add_io_state",
                    "_check_closed",
                    "_consume",
                    "_find_read_pos",
                    "_is_connreset",
                    "_read_buffer",
                    "_read_buffer_size",
                    "_read_bytes",
                    "_read_from_buffer",
                    "_read_max_bytes",
                    "_read_to_buffer",
                    "_start_read",
                    "_try_inline_read",
                }
            ),
        ),
    ),
    "handlers/http/server.py": (
        (HTTPServer, frozenset({"_connections", "_handle_connection", "_handlers", "_sockets", "_stopped"})),
    ),
    "handlers/websocket_handshake.py": (
        (WebSocketHandler, frozenset({"_log"})),
        (WebSocketProtocol, frozenset({"_process_server_headers", "_receive_frame_loop"})),
    ),
}

# Methods that are called or overridden: their parameters, without self
PARAMETERS: tuple[tuple[Callable[..., object], tuple[str, ...]], ...] = (
    (HTTP1Connection._can_keep_alive, ("start_line", "headers")),
    (HTTP1Connection._clear_callbacks, ()),
    (HTTP1Connection._deliver_body, ("delegate", "data")),
    (HTTP1Connection._finish_request, ("future",)),
    (HTTP1Connection._on_connection_close, ()),
    (HTTP1Connection._parse_headers, ("data",)),
    (HTTP1Connection._read_chunked_body, ("delegate",)),
    (HTTP1Connection._read_fixed_body, ("content_length", "delegate")),
    (HTTP1Connection.__init__, ("stream", "is_client", "params", "context")),
    (HTTP1ServerConnection.__init__, ("stream", "params", "context")),
    (HTTP1ServerConnection._server_request_loop, ("delegate",)),
    (IOStream._add_io_state, ("state",)),
    (IOStream._check_closed, ()),
    (IOStream._consume, ("loc",)),
    (IOStream._find_read_pos, ()),
    (IOStream._is_connreset, ("exc",)),
    (IOStream._read_from_buffer, ("pos",)),
    (IOStream._read_to_buffer, ()),
    (IOStream._start_read, ()),
    (IOStream._try_inline_read, ()),
    (HTTPServer._handle_connection, ("connection", "address")),
    (tornado.httpserver._HTTPRequestContext.__init__, ("stream", "address", "protocol", "trusted_downstream")),
    (RequestHandler._execute, ("transforms", "args", "kwargs")),
    (RequestHandler._break_cycles, ()),
    (RequestHandler._log, ()),
    (WebSocketHandler._log, ()),
    (WebSocketHandler.get_websocket_protocol, ()),
    (WebSocketHandler.detach, ()),
    (WebSocketProtocol.accept_connection, ("handler",)),
)


@pytest.fixture
def instances(io_loop: IOLoop) -> Iterator[dict[type, object]]:
    """One object of each class, for attributes exist on objects only."""
    ours, theirs = socket.socketpair()
    stream = IOStream(ours)
    theirs.close()
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=HTTPHeaders(Host="localhost"), connection=Mock()
    )
    yield {
        IOStream: stream,
        RequestHandler: RequestHandler(Application(), request),
        HTTP1Connection: HTTP1Connection(stream, False),
        HTTPHeaders: HTTPHeaders(),
        HTTP1ServerConnection: HTTP1ServerConnection(stream),
        HTTPServer: HTTPServer(Application()),
        WebSocketHandler: WebSocketHandler,
        WebSocketProtocol: WebSocketProtocol,
    }
    stream.close()


def private_names_in(path: Path) -> set[str]:
    """Every private name that a file defines as a method, or reads or writes as an attribute."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
    return {name for name in found if name.startswith("_") and not name.startswith("__")}


@pytest.mark.parametrize("file", USED)
@pytest.mark.gen_test
async def test_a_file_uses_and_overrides_only_the_private_names_in_the_table(
    instances: dict[type, object], file: str
) -> None:
    names = private_names_in(ROOT / file)
    for base, listed in USED[file]:
        one = instances[base]
        assert {name for name in names if hasattr(one, name)} == listed, base.__name__


@pytest.mark.gen_test
async def test_no_other_file_of_handlers_uses_a_private_name_of_tornado(instances: dict[type, object]) -> None:
    others = [path for path in (ROOT / "handlers").rglob("*.py") if str(path.relative_to(ROOT)) not in USED]
    classes = [RequestHandler, HTTP1Connection, HTTP1ServerConnection, HTTPServer, IOStream]
    for path in others:
        if "tornado" in path.read_text():
            names = private_names_in(path)
            assert not {name for base in classes for name in names if hasattr(instances[base], name)}, path


@pytest.mark.parametrize(("method", "parameters"), PARAMETERS, ids=lambda one: getattr(one, "__qualname__", ""))
def test_a_method_takes_the_parameters_that_we_pass_or_accept(
    method: Callable[..., object], parameters: tuple[str, ...]
) -> None:
    assert tuple(name for name in inspect.signature(method).parameters if name != "self") == parameters


def test_tornados_mask_function_takes_the_mask_and_the_data() -> None:
    assert tornado.util._websocket_mask(b"\x01\x02\x03\x04", b"\x01\x02\x03\x04\x05") == b"\0\0\0\0\x04"


@pytest.mark.gen_test
async def test_the_loops_own_table_of_handlers_is_keyed_by_descriptor() -> None:
    loop = IOLoop.current()
    assert isinstance(loop, AsyncIOLoop)
    assert loop.asyncio_loop is asyncio.get_running_loop()
    (sock,) = bind_sockets(0, address="127.0.0.1")
    with sock:
        loop.add_handler(sock.fileno(), lambda *_: None, IOLoop.READ)
        assert sock.fileno() in loop.handlers
        loop.update_handler(sock.fileno(), 0)
        loop.remove_handler(sock.fileno())
        assert sock.fileno() not in loop.handlers


def test_setup_cfg_bounds_tornado_from_above() -> None:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(ROOT / "setup.cfg")
    (line,) = [one for one in parsed["options"]["install_requires"].split("\n") if one.startswith("tornado")]
    major, minor = tornado.version_info[:2]
    assert line.endswith(f"<{major}.{minor + 1}"), "the version that is tested here is the newest that is let in"


def test_what_is_made_without_the_constructor_of_tornado_has_all_that_it_gives() -> None:
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=HTTPHeaders(Host="localhost"), connection=Mock()
    )
    for_templates = {"ui"}
    assert vars(WholeReplies(Application(), request)).keys() >= (
        vars(RequestHandler(Application(), request)).keys() - for_templates
    )
    handshake = HandshakeHandler(Application(), request, shared=Mock(), route="/ws", services=Mock())
    assert vars(handshake).keys() >= vars(WebSocketHandler(Application(), request)).keys()
    assert vars(KnownHeaders({})) == vars(HTTPHeaders())
