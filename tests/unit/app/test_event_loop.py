"""The loop's selector: many ready sockets are served in slices, and each has its turn."""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
from contextlib import ExitStack, closing

import pytest

from app.event_loop import EVENTS_A_TURN, SlicedSelector

SOCKETS = 3 * EVENTS_A_TURN // 2

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="needs epoll")


def test_a_turn_serves_so_many_and_the_next_those_that_had_none_though_the_first_are_ready_again() -> None:
    served: list[int] = []
    with ExitStack() as stack:
        loop = stack.enter_context(closing(asyncio.SelectorEventLoop(SlicedSelector())))
        for index in range(SOCKETS):
            ours, theirs = (stack.enter_context(one) for one in socket.socketpair())
            theirs.send(b"never read")
            loop.add_reader(ours.fileno(), served.append, index)
        turns = loop.run_until_complete(_turns(served))
    busy = [turn for turn in turns if turn]
    assert [len(turn) for turn in busy[:2]] == [EVENTS_A_TURN, EVENTS_A_TURN]
    assert set(busy[0]) | set(busy[1]) == set(range(SOCKETS)), "two turns serve all"


async def _turns(served: list[int]) -> list[list[int]]:
    """What each of the next turns served."""
    turns = []
    for _ in range(6):
        await asyncio.sleep(0)
        turns.append(list(served))
        served.clear()
    return turns


def test_it_waits_for_timers_and_for_sockets_that_can_be_written_as_any_selector() -> None:
    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            began = loop.time()
            await asyncio.sleep(0.02)
            assert loop.time() - began >= 0.02
            sent = b"x" * 1_000_000
            writing = loop.create_task(loop.sock_sendall(ours, sent))
            received = b""
            while len(received) < len(sent):
                received += await loop.sock_recv(theirs, 65_536)
            await writing
            return received

    with closing(asyncio.SelectorEventLoop(SlicedSelector())) as loop:
        assert len(loop.run_until_complete(main())) == 1_000_000


def test_a_descriptor_is_registered_once_changed_and_forgotten() -> None:
    with closing(SlicedSelector()) as selector, ExitStack() as stack:
        ours, theirs = (stack.enter_context(one) for one in socket.socketpair())
        key = selector.register(ours, selectors.EVENT_READ, "data")
        assert selector.get_key(ours.fileno()) == selector.get_map()[ours.fileno()] == key
        with pytest.raises(KeyError):
            selector.register(ours.fileno(), selectors.EVENT_READ)
        assert selector.select(0) == []
        written = selector.modify(ours, selectors.EVENT_WRITE, "other")
        assert selector.select(0) == [(written, selectors.EVENT_WRITE)]
        assert written.data == "other"
        both = selector.modify(ours, selectors.EVENT_READ | selectors.EVENT_WRITE)
        theirs.send(b"x")
        assert selector.select(0) == [(both, selectors.EVENT_READ | selectors.EVENT_WRITE)]
        assert selector.unregister(ours) == both
        assert selector.select(0) == []
        for unknown in (selector.get_key, selector.unregister):
            with pytest.raises(KeyError):
                unknown(ours)


def test_a_descriptor_that_was_closed_before_is_forgotten_without_an_error() -> None:
    with closing(SlicedSelector()) as selector:
        ours, theirs = socket.socketpair()
        with theirs:
            key = selector.register(ours, selectors.EVENT_READ)
            ours.close()
            assert selector.unregister(ours) == key
            assert not selector.get_map()
            with pytest.raises(ValueError, match="no descriptor"):
                selector.unregister(ours)
