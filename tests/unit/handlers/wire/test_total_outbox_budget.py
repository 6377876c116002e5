"""What all outboxes may hold together, where each holds one long send that is half way: closing such a link frees
nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from common.paced_callbacks import PacedCallbacks
from handlers.wire.server_frames import close_frame, text_frame
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.traffic_counts import Traffic
from handlers.wire.websocket_link import WebSocketLink

CROWD = 300  # more than there is room for on Python's stack, were each closed from within the closing of another
FRAME = text_frame(b"x" * 65_000)
TOO_MANY = 10  # of them, for what they may hold together


class Owner:
    """Counts the ends."""

    def __init__(self, link: WebSocketLink[Owner]) -> None:
        self.closed_with: list[int] = []

    def on_closed(self, code: int) -> None:
        self.closed_with.append(code)

    def on_peer_gone(self) -> None:
        """Nothing to do."""


class BudgetedLinks:
    """Links to peers that read nothing, under one budget."""

    def __init__(self, max_total_bytes: int, size: int = CROWD) -> None:
        loop = asyncio.get_running_loop()
        self.budget, self.traffic, self.paced_callbacks = (
            OutboxBudget(max_total_bytes),
            Traffic(),
            PacedCallbacks(loop=loop),
        )
        self.links: list[WebSocketLink[Owner]] = []
        self.owners: list[Owner] = []
        self._membership: list[socket.socket] = []
        for _ in range(size):
            ours, theirs = socket.socketpair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
            ours.setblocking(False)
            self._membership.append(theirs)
            given: dict[str, Any] = {
                "budget": self.budget,
                "traffic": self.traffic,
                "paced_callbacks": self.paced_callbacks,
            }
            link = WebSocketLink(
                ours,
                make_owner=Owner,
                loop=loop,
                max_message_bytes=65_536,
                outbox_max_bytes=1 << 20,
                clock=lambda: 1_000.0,
                **given,
            )
            self.owners.append(link.owner)
            link.start()
            self.links.append(link)

    @property
    def open(self) -> list[WebSocketLink[Owner]]:
        return [link for link in self.links if link.is_open]

    async def ends(self) -> None:
        """Wait until what was to be done on later loop turns is done."""
        while len(self.paced_callbacks):
            await asyncio.sleep(0)

    def close(self) -> None:
        for link in self.links:
            link.abort()
        for peer in self._membership:
            peer.close()


@pytest.fixture
def crowds(io_loop: IOLoop) -> Iterator[list[BudgetedLinks]]:
    made: list[BudgetedLinks] = []
    yield made
    for crowd in made:
        crowd.close()


@pytest.mark.gen_test
async def test_where_every_outbox_is_one_send_half_way_only_as_many_end_as_are_too_many(
    crowds: list[BudgetedLinks],
) -> None:
    crowds.append(one := BudgetedLinks(1 << 30, size=1))
    one.links[0].send(FRAME)
    left = one.links[0].outbox_bytes
    assert 0 < left < len(FRAME), "it is half way"
    max_total_bytes = left * (CROWD - TOO_MANY)
    crowds.append(crowd := BudgetedLinks(max_total_bytes))
    for link in crowd.links:
        link.send(FRAME)
        assert crowd.budget.total_bytes <= max_total_bytes
    assert len(crowd.open) == CROWD - TOO_MANY
    assert crowd.budget.total_bytes == sum(link.outbox_bytes for link in crowd.links)
    assert crowd.budget.links == len(crowd.open)


@pytest.mark.gen_test
async def test_a_link_whose_close_frees_nothing_ends_on_a_later_turn_as_too_slow(
    crowds: list[BudgetedLinks],
) -> None:
    crowds.append(crowd := BudgetedLinks(len(FRAME) * 3 // 2, size=2))
    for link in crowd.links:
        link.send(FRAME)
    (gone,) = [index for index, link in enumerate(crowd.links) if not link.is_open]
    assert crowd.links[gone].outbox_bytes == 0
    assert crowd.owners[gone].closed_with == [], "who sends is not called back"
    assert crowd.traffic.dropped_slow == 1
    await crowd.ends()
    assert crowd.owners[gone].closed_with == [4413]
    assert crowd.owners[1 - gone].closed_with == []


@pytest.mark.gen_test
async def test_what_waits_behind_a_close_is_of_the_budget_too_and_goes_first_where_it_is_the_largest(
    crowds: list[BudgetedLinks],
) -> None:
    crowds.append(crowd := BudgetedLinks(len(FRAME) * 4, size=2))
    closing, other = crowd.links
    for _ in range(3):
        closing.send(FRAME)
    closing.close(1012)
    assert closing.outbox_bytes > 2 * len(FRAME), "for its peer may still read it"
    for _ in range(2):
        other.send(FRAME)
    assert (closing.outbox_bytes, other.is_open) == (0, True)
    assert crowd.budget.total_bytes == other.outbox_bytes
    assert crowd.traffic.dropped_slow == 3
    await crowd.ends()
    assert crowd.owners[0].closed_with == [1012]


@pytest.mark.gen_test
async def test_where_nobody_is_too_large_the_largest_is_closed_with_its_frame_whole_and_4413_behind_it(
    crowds: list[BudgetedLinks],
) -> None:
    crowds.append(crowd := BudgetedLinks(len(FRAME) * 6, size=2))
    large, small = crowd.links
    for _ in range(6):
        large.send(FRAME)
    small.send(FRAME)
    assert (large.is_open, large.close_code, small.is_open) == (False, 4413, True)
    assert 0 < large.outbox_bytes <= len(FRAME) + len(close_frame(4413, "too slow"))
