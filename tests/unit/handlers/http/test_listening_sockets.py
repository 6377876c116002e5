"""Accepting in turns, on a real listening socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from handlers.http.listening_sockets import ACCEPTS_A_TURN, listening_sockets, paced
from tests.support.server import free_port


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


def accepted(listener: socket.socket, stack: ExitStack) -> int:
    """How many connections come before the listener says that none waits."""
    count = 0
    while True:
        try:
            stack.enter_context(listener.accept()[0])
        except BlockingIOError:
            return count
        count += 1


def test_a_herd_is_accepted_in_turns_and_nobody_is_forgotten(stack: ExitStack) -> None:
    plain = socket.create_server(("127.0.0.1", 0), backlog=128)
    plain.setblocking(False)
    (listener,) = paced([plain], descriptors_max=20_000)
    stack.enter_context(listener)
    herd = 2 * ACCEPTS_A_TURN + 3
    for _ in range(herd):
        stack.enter_context(socket.create_connection(listener.getsockname()))
    turns = [accepted(listener, stack) for _ in range(4)]
    assert turns == [ACCEPTS_A_TURN, ACCEPTS_A_TURN, 3, 0]


def test_it_is_the_same_socket(stack: ExitStack) -> None:
    plain = socket.create_server(("127.0.0.1", 0))
    address, descriptor = plain.getsockname(), plain.fileno()
    (listener,) = paced([plain], descriptors_max=20_000)
    stack.enter_context(listener)
    assert (listener.getsockname(), listener.fileno(), plain.fileno()) == (address, descriptor, -1)


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("::", ["127.0.0.1", "::1"]),
        ("0::0", ["127.0.0.1", "::1"]),
        ("::1", ["::1"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1"]),
    ],
)
def test_it_listens_where_it_was_told_and_for_every_address_on_ipv4_too(
    host: str, reached: list[str], stack: ExitStack
) -> None:
    port = free_port()
    listeners = [stack.enter_context(one) for one in paced(listening_sockets(host, port), descriptors_max=20_000)]
    assert not any(os.get_blocking(one.fileno()) for one in listeners)
    found = []
    for address in ("127.0.0.1", "::1"):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
            if client.connect_ex((address, port)) == 0:
                found.append(address)
    assert found == reached


def test_a_taken_port_is_an_error_that_says_so(stack: ExitStack) -> None:
    port = free_port()
    for one in listening_sockets("::", port):
        stack.enter_context(one)
    with pytest.raises(OSError, match=r"(?i)address already in use"):
        listening_sockets("::", port)
