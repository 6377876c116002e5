"""What a server says to its operator when it is empty, and when it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.integration.conftest import Start, StoreEnv
from tests.support.client import PASSWORD, register
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess


@pytest.fixture(scope="module")
def store_env(embedded_store: StoreEnv) -> StoreEnv:
    return embedded_store


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server whose log may end with what a second signal causes."""
    one = ServerProcess(tmp_path / "data").start()
    try:
        yield one
    finally:
        one.stop()


def until_event(socket: RawWebSocket, name: str) -> None:
    """Read until this event has come."""
    while (message := socket.read_message()) is None or message["event"] != name:
        assert message is not None, f"closed with {socket.close_code}"


def fields_of(server: ServerProcess, message: str) -> dict[str, str]:
    """The fields of a line of the log."""
    (line,) = [line for line in server.log().splitlines() if f" server: {message} " in line]
    return dict(re.findall(r"(\w+)=(\S+)", line))


def test_a_server_without_accounts_says_what_to_do_next_and_one_with_accounts_does_not(start: Start) -> None:
    server = start()
    server.until_logged("welcome: nobody has an account here yet")
    assert f"open {server.url} and make one, or use `server.py user create NAME EMAIL`" in server.log()
    assert "`server.py demo`" in server.log()
    register(server.url)
    server.terminate()
    greeted = server.log().count("welcome: ")
    again = start(server.data_dir)
    again.terminate()
    assert again.log().count("welcome: ") == greeted


def test_where_registration_is_closed_an_empty_server_names_the_command_alone(start: Start) -> None:
    server = start(REGISTRATION="closed")
    server.until_logged("registration is closed: make one by `server.py user create NAME EMAIL`")
    assert "and make one, or" not in server.log()


def test_a_stop_says_what_became_of_the_connections(start: Start) -> None:
    server = start()
    ada = register(server.url)
    with ExitStack() as opened:
        sockets = [opened.enter_context(RawWebSocket(server.port, token=ada.access_token)) for _ in range(3)]
        for one in sockets:
            until_event(one, "welcome")
        os.kill(server.pid, signal.SIGTERM)
        for one in sockets[:2]:
            until_event(one, "serverRestarting")
            one.socket.close()
        assert server.wait(30.0) == 0
    assert fields_of(server, "stopping")["connections"] == "3"
    done = fields_of(server, "stopped")
    assert done["connections_told"] == "3"
    assert done["connections_cut_off"] == "1", "the third never answered the Close"
    assert (done["commands_cut_off"], done["messages_stored"]) == ("0", "0")
    assert float(done["seconds"]) > 0


def test_a_second_signal_ends_it_at_once_and_says_so(process: ServerProcess) -> None:
    ada = register(process.url)
    with RawWebSocket(process.port, token=ada.access_token) as socket:
        until_event(socket, "welcome")
        os.kill(process.pid, signal.SIGINT)
        process.until_logged("stopping connections=1")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30.0) == 1
    assert "ended at once, for a second signal came" in process.log()
    assert " server: stopped " not in process.log()


def test_a_stop_waits_for_requests_whose_clients_are_gone(process: ServerProcess) -> None:
    name = register(process.url).username
    body = json.dumps({"username": name, "password": PASSWORD}).encode()
    head = f"POST /auth/login HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    for _ in range(8):  # two are checked at a time, for 25 ms each
        with socket.create_connection(("127.0.0.1", process.port)) as client:
            client.sendall(head.encode() + b"\r\n\r\n" + body)
            client.settimeout(0.01)
            with suppress(TimeoutError):
                client.recv(1)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30.0) == 0
    answered = re.findall(r"path=/auth/login status=(\d+)", process.log())
    assert set(answered) <= {"200", "429", "503"}, answered
    assert "Traceback" not in process.log()
    assert len(answered) == 8
    assert " server: stopped " in process.log().rstrip().splitlines()[-1]
