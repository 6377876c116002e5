"""What a process did while it stopped: counted from the moment at which the stop began."""

from __future__ import annotations

import pytest

from app.stopping import Stopping
from chat.connections.drain import Drain
from cluster.memory_connections_per_user import MemoryConnectionSlots
from handlers.codec.json_codec import JsonCodec
from monitor.counting_observer import CountingObserver
from tests.unit.chat.connections.pool import pool_with


@pytest.mark.gen_test
async def test_messages_count_from_the_beginning_of_the_stop_and_are_left_out_where_nothing_is_measured() -> None:
    observer = CountingObserver(slow_s=1.0, now=lambda: 0.0)
    drain = Drain(pool=pool_with(MemoryConnectionSlots()), codec=JsonCodec())
    observer.messages_stored(ws=5, rest=2)
    times = iter((10.0, 12.345))
    stopping = Stopping(drain=drain, observer=observer, now=lambda: next(times))
    observer.messages_stored(ws=2, rest=1)
    assert stopping.done() == {
        "connections_told": 0,
        "connections_cut_off": 0,
        "commands_cut_off": 0,
        "messages_stored": 3,
        "seconds": 2.35,
    }
    unmeasured = Stopping(drain=drain, observer=None, now=lambda: 0.0)
    assert "messages_stored" not in unmeasured.done()
