"""The loop's selector: many ready sockets are served in slices, each has its turn; callbacks run before the wait."""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from app import event_loop
from app.event_loop import EVENTS_A_TURN, SlicedLoop, SlicedSelector
from common.before_wait import call_before_wait

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


# ---- callbacks before the wait -----------------------------------------------------------------------------------


def run_until_stopped(loop: asyncio.AbstractEventLoop) -> None:
    """Run until `loop.stop()`, for half a minute at most."""
    late: list[bool] = []

    def stop_late() -> None:
        late.append(True)
        loop.stop()

    alarm = threading.Timer(30, loop.call_soon_threadsafe, (stop_late,))
    alarm.start()
    try:
        loop.run_forever()
    finally:
        alarm.cancel()
        alarm.join()
    assert not late, "it waited"


def test_callbacks_run_once_when_all_that_was_ready_is_handled_in_their_order_also_those_that_one_adds() -> None:
    seen: list[str] = []
    with closing(SlicedLoop()) as loop:

        def first() -> None:
            seen.append("first")
            call_before_wait(loop, lambda: seen.append("added"))
            call_before_wait(loop, loop.stop)

        def begin(turns: int) -> None:
            if turns == 3:
                call_before_wait(loop, first)
                call_before_wait(loop, lambda: seen.append("second"))
            seen.append(f"turn {turns}")
            if turns:
                loop.call_soon(begin, turns - 1)

        loop.call_soon(begin, 3)
        run_until_stopped(loop)
    assert seen == ["turn 3", "turn 2", "turn 1", "turn 0", "first", "second", "added"]


def test_a_loop_that_is_always_busy_runs_them_all_the_same() -> None:
    seen: list[str] = []
    with closing(SlicedLoop()) as loop:

        def spin() -> None:
            if not seen:
                loop.call_soon(spin)

        def note() -> None:
            seen.append("ran")
            loop.call_soon_threadsafe(loop.stop)

        loop.call_soon(spin)
        call_before_wait(loop, note)
        run_until_stopped(loop)
    assert seen == ["ran"]


def test_one_that_raises_keeps_no_other_from_running(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    def fail() -> None:
        raise LookupError("clumsy")

    with closing(SlicedLoop()) as loop:
        for callback in (fail, lambda: seen.append("next"), loop.stop):
            call_before_wait(loop, callback)
        run_until_stopped(loop)
    assert seen == ["next"]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["clumsy"]
    caplog.clear()


@pytest.mark.parametrize("schedule", ["call_soon", "create_task", "call_later"])
def test_what_a_callback_schedules_does_not_wait_until_something_else_happens(
    schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stop() -> None:
        loop.stop()

    if schedule != "call_later":  # a timer may be late by that
        monkeypatch.setattr(event_loop, "WAIT_MAX_S", 3_600.0)
    with closing(SlicedLoop()) as loop:
        begin: dict[str, Callable[[], object]] = {
            "call_soon": lambda: loop.call_soon(loop.stop),
            "create_task": lambda: tasks.append(loop.create_task(stop())),
            "call_later": lambda: loop.call_later(0.001, loop.stop),
        }
        tasks: list[asyncio.Task[None]] = []
        call_before_wait(loop, begin[schedule])
        run_until_stopped(loop)


@pytest.mark.parametrize("ready_together", [1, 2])
def test_where_several_are_ready_at_once_callbacks_run_after_those_that_became_ready_meanwhile(
    ready_together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_loop, "RUN_WITHIN_S", 3_600.0)  # the machine may stand still
    seen: list[str] = []
    with closing(SlicedLoop()) as loop, ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(3)]

        def note_and_stop() -> None:
            seen.append("callback")
            loop.call_soon(lambda: loop.call_soon(loop.stop))

        def read(number: int) -> None:
            pairs[number][0].recv(1)
            seen.append(f"socket {number}")
            if number == 0:
                call_before_wait(loop, note_and_stop)
                pairs[2][1].send(b"x")

        for number in range(3):
            loop.add_reader(pairs[number][0], read, number)
        for _, theirs in pairs[:ready_together]:
            theirs.send(b"x")
        run_until_stopped(loop)
        for number in range(3):
            loop.remove_reader(pairs[number][0])
    first = [f"socket {number}" for number in range(ready_together)]
    assert sorted(seen[:ready_together]) == first
    assert seen[ready_together:] == (["callback", "socket 2"] if ready_together == 1 else ["socket 2", "callback"])


def test_sockets_that_are_always_ready_hold_callbacks_up_for_a_bounded_time() -> None:
    seen: list[str] = []
    with closing(SlicedLoop()) as loop, ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(2)]
        for ours, theirs in pairs:
            theirs.send(b"x")
            loop.add_reader(ours, lambda: None)  # never read, so always ready

        def note() -> None:
            seen.append("ran")
            loop.call_soon_threadsafe(loop.stop)

        call_before_wait(loop, note)
        run_until_stopped(loop)
        for ours, _ in pairs:
            loop.remove_reader(ours)
    assert seen == ["ran"]
