"""Accepting in turns, on a real listening socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from handlers.listening import ACCEPTS_A_TURN, paced


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
