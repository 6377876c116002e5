"""One connection: what is read, what waits, what is dropped, and how it ends.

Real TCP sockets, small kernel buffers.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
import tracemalloc
from collections.abc import Callable

import pytest

from common.paced_callbacks import PacedCallbacks
from handlers.wire.compression import Deflater
from handlers.wire.server_frames import close_frame, ping_frame, pong_frame, text_frame
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.websocket_receiver import MAX_DISCARDED_BYTES, MAX_FRAMES_PER_TURN
from limits.frame_rate_limit import FrameBudget
from limits.limit_policy import Policy
from tests.support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, close_payload
from tests.unit.handlers.wire.conftest import WITHIN_S, LinkFactory, Peer

BIG = text_frame(b"x" * 100_000)  # more than the kernel takes of a peer that does not read
MANY = 200


def stuff(link_send: object, frame: bytes = BIG, times: int = 8) -> bytes:
    """Send until the kernel takes no more; returns what was sent."""
    assert callable(link_send)
    for _ in range(times):
        link_send(frame)
    return frame * times


async def until(condition: Callable[[], object]) -> None:
    """Poll for what nobody tells of."""
    deadline_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        await asyncio.sleep(0.005)  # the poll's pace


@pytest.mark.gen_test
async def test_texts_and_binaries_reach_the_owner_in_order(wire: LinkFactory) -> None:
    _, owner, peer = wire.connect()
    await peer.send(client_frame(TEXT, b"1") + client_frame(BINARY, b"?") + client_frame(TEXT, b"2"))
    await owner.until(lambda: len(owner.received) == 3)
    assert owner.received == [b"1", "binary", b"2"]


@pytest.mark.gen_test
async def test_a_ping_is_answered_with_its_payload_and_a_pong_with_nothing(wire: LinkFactory) -> None:
    _, _, peer = wire.connect()
    await peer.send(client_frame(PONG, b"unasked") + client_frame(PING, b"hello"))
    assert await peer.read(7) == pong_frame(b"hello")


@pytest.mark.gen_test
async def test_of_many_pings_at_once_the_newest_is_answered(wire: LinkFactory) -> None:
    _, owner, peer = wire.connect()
    await peer.send(b"".join(client_frame(PING, b"%03d" % number) for number in range(MANY)) + client_frame(TEXT, b"."))
    await owner.until(lambda: owner.received)
    assert await peer.read(5) == pong_frame(b"%03d" % (MANY - 1))


@pytest.mark.gen_test
async def test_whatever_is_heard_is_a_sign_of_life(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    link.ping()
    assert await peer.read(2) == ping_frame()
    assert link.ping_sent_at == wire.now
    wire.now += 7
    await peer.send(client_frame(PONG) + client_frame(TEXT, b"."))
    await owner.until(lambda: owner.received)
    assert (link.ping_sent_at, link.last_received_at) == (0.0, wire.now)


@pytest.mark.gen_test
async def test_what_the_kernel_takes_at_once_never_touches_the_outbox(wire: LinkFactory) -> None:
    link, _, peer = wire.connect()
    link.send(text_frame(b"one") + text_frame(b"two"))
    assert link.outbox_bytes == wire.budget.total_bytes == 0
    assert await peer.read(10) == b"\x81\x03one\x81\x03two"


@pytest.mark.gen_test
async def test_what_the_kernel_did_not_take_arrives_later_whole_and_in_order(wire: LinkFactory) -> None:
    link, _, peer = wire.connect(outbox_max_bytes=1 << 24)
    dice = random.Random(7)
    frames = [text_frame(dice.randbytes(dice.choice((3, 200, 5_000, 70_000)))) for _ in range(MANY)]
    for frame in frames:
        link.send(frame)
    assert 0 < link.outbox_bytes == wire.budget.total_bytes < sum(map(len, frames))
    assert await peer.read(sum(map(len, frames))) == b"".join(frames)
    link.send(text_frame(b"at once again"))
    assert link.outbox_bytes == wire.budget.total_bytes == 0
    assert await peer.read(15) == text_frame(b"at once again")


@pytest.mark.gen_test
async def test_an_ephemeral_event_is_dropped_when_half_the_outbox_is_full(wire: LinkFactory) -> None:
    link, _, peer = wire.connect(outbox_max_bytes=1_000_000)
    sent = stuff(link.send, times=4)
    link.send_ephemeral(text_frame(b"fits"))
    sent += text_frame(b"fits") + stuff(link.send, times=3)
    assert link.outbox_bytes > 500_000
    assert wire.traffic.dropped_ephemeral == 0
    link.send_ephemeral(text_frame(b"dropped"))
    link.send(text_frame(b"kept"))
    sent += text_frame(b"kept")
    link.close(1000)
    link.send_ephemeral(text_frame(b"too late, but not under pressure"))
    assert await peer.read_to_end() == sent + close_frame(1000)
    assert wire.traffic.dropped_ephemeral == 1
    assert wire.traffic.sent_bytes == len(sent + close_frame(1000))
    assert wire.budget.links == 0


@pytest.mark.gen_test
async def test_past_its_cap_a_link_gives_up_what_is_ephemeral_before_it_is_closed(wire: LinkFactory) -> None:
    link, _, peer = wire.connect(outbox_max_bytes=1_000_000)
    sent = stuff(link.send, times=3)
    for _ in range(20):
        link.send_ephemeral(text_frame(b"e" * 10_000))
    before = 0
    while link.outbox_bytes > before:
        before = link.outbox_bytes
        link.send(BIG)
        sent += BIG
    assert link.is_open
    assert (wire.budget.links, wire.traffic.dropped_ephemeral, wire.traffic.dropped_slow) == (1, 20, 0)
    link.close(1000)
    assert await peer.read_to_end() == sent + close_frame(1000)


@pytest.mark.gen_test
async def test_a_peer_that_does_not_read_is_closed_with_4413_after_the_frame_that_is_half_sent(
    wire: LinkFactory,
) -> None:
    link, owner, peer = wire.connect(outbox_max_bytes=1_000_000)
    sent = 0
    while link.is_open:
        link.send(BIG)
        sent += 1
    assert link.close_code == 4413
    assert link.outbox_bytes < len(BIG) + 100
    link.send(text_frame(b"too late"))
    received = await peer.read_to_end()
    assert received.endswith(close_frame(4413, "too slow"))
    frames = received.removesuffix(close_frame(4413, "too slow"))
    assert frames == BIG * (len(frames) // len(BIG)), "only whole frames"
    assert wire.traffic.dropped_slow == sent - len(frames) // len(BIG)
    assert wire.traffic.sent_bytes == len(received)
    peer.sock.close()
    assert await owner.ended() == [4413]
    assert wire.budget.total_bytes == link.outbox_bytes == 0


@pytest.mark.gen_test
async def test_past_the_budget_of_all_the_largest_outboxes_go_first(wire: LinkFactory) -> None:
    budget = OutboxBudget(2_000_000)
    small, _, _ = wire.connect(budget=budget, outbox_max_bytes=1 << 24)
    stuff(small.send, times=3)
    large, _, _ = wire.connect(budget=budget, outbox_max_bytes=1 << 24)
    stuff(large.send, times=13)
    third, _, _ = wire.connect(budget=budget, outbox_max_bytes=1 << 24)
    stuff(third.send, times=8)
    assert not large.is_open
    assert large.close_code == 4413
    assert small.is_open
    assert third.is_open
    assert budget.total_bytes == small.outbox_bytes + large.outbox_bytes + third.outbox_bytes <= 2_000_000


@pytest.mark.gen_test
async def test_the_budget_gets_back_what_an_ended_link_held(wire: LinkFactory) -> None:
    links = [wire.connect()[0] for _ in range(3)]
    for link in links:
        stuff(link.send)
    assert wire.budget.total_bytes == sum(link.outbox_bytes for link in links) > 0
    for link in links:
        link.abort()
    assert wire.budget.total_bytes == 0


@pytest.mark.gen_test
async def test_while_reading_is_paused_nothing_is_delivered_and_the_peers_sends_fill_up(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    link.pause_reading()
    frame = client_frame(TEXT, b"y" * 10_000)
    sent = 0
    with pytest.raises(BlockingIOError):
        while sent < 100_000_000:
            sent += peer.sock.send(frame)
    assert owner.received == []
    wire.now += 300
    link.resume_reading()
    assert link.last_received_at == wire.now, "the silence was ours"
    await owner.until(lambda: len(owner.received) >= sent // len(frame))
    assert set(owner.received) == {b"y" * 10_000}


@pytest.mark.gen_test
async def test_an_owner_may_pause_in_the_middle_of_a_batch_and_nothing_is_lost_or_doubled(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    owner.pause_after = 1
    frames = [b"%d" % number for number in range(MANY)]
    await peer.send(b"".join(client_frame(TEXT, frame) for frame in frames))
    for count in range(1, MANY):
        await owner.until(lambda count=count: len(owner.received) >= count and link.reading_paused)
        assert len(owner.received) == count
        owner.pause_after = count + 1
        link.resume_reading()
    await owner.until(lambda: len(owner.received) >= MANY)
    assert owner.received == frames


@pytest.mark.gen_test
async def test_a_close_is_answered_with_its_code_and_ends_the_connection(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    await peer.send(
        client_frame(TEXT, b"last") + client_frame(CLOSE, close_payload(1001, b"bye")) + client_frame(TEXT, b"never")
    )
    assert await peer.read_to_end() == close_frame(1001)
    await owner.ended()
    assert owner.received == [b"last"]
    assert owner.closed_with == [1001]
    assert not link.is_open


@pytest.mark.gen_test
async def test_a_close_without_a_code_is_answered_without_one(wire: LinkFactory) -> None:
    _, owner, peer = wire.connect()
    await peer.send(client_frame(CLOSE))
    assert await peer.read_to_end() == b"\x88\x00"
    assert await owner.ended() == [1005]


@pytest.mark.gen_test
async def test_the_answer_to_a_close_comes_after_what_was_waiting(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    sent = stuff(link.send)
    await peer.send(client_frame(CLOSE, close_payload(1000)))
    assert await peer.read_to_end() == sent + close_frame(1000)
    assert await owner.ended() == [1000]


@pytest.mark.gen_test
async def test_our_close_comes_after_what_was_waiting_then_our_half_ends_and_input_is_discarded(
    wire: LinkFactory,
) -> None:
    link, owner, peer = wire.connect()
    sent = stuff(link.send)
    wire.now += 1
    link.close(1012, "restart")
    link.close(4401, "a second close is none")
    link.send(text_frame(b"too late"))
    assert link.closing_since == wire.now
    assert await peer.read_to_end() == sent + close_frame(1012, "restart")
    await peer.send(client_frame(TEXT, b"into the void"))
    assert owner.closed_with == []
    peer.sock.close()
    await owner.ended()
    assert (owner.received, owner.closed_with) == ([], [1012])


@pytest.mark.gen_test
async def test_a_close_while_reading_is_paused_still_notices_the_peers_end(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    link.pause_reading()
    await peer.send(client_frame(TEXT, b"waits"))
    link.close(1012)
    assert await peer.read_to_end() == close_frame(1012)
    peer.sock.close()
    await owner.ended()
    assert (owner.received, owner.closed_with) == ([], [1012])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (client_frame(TEXT, b"unmasked", mask=None), 1002),
        (client_frame(TEXT, b"\xff"), 1007),
        (client_frame(TEXT, b"x" * 65_537), 1009),
    ],
)
@pytest.mark.gen_test
async def test_broken_framing_is_closed_with_the_rfcs_code(wire: LinkFactory, bad: bytes, code: int) -> None:
    _, owner, peer = wire.connect()
    await peer.send(client_frame(TEXT, b"good") + bad)
    assert (await peer.read_to_end())[2:4] == code.to_bytes(2, "big")
    peer.sock.close()
    await owner.ended()
    assert (owner.received, owner.closed_with) == ([b"good"], [code])


@pytest.mark.gen_test
async def test_a_peer_that_goes_without_a_goodbye_ends_as_1006(wire: LinkFactory) -> None:
    _, owner, peer = wire.connect()
    peer.sock.close()
    assert await owner.ended() == [1006]


@pytest.mark.gen_test
async def test_a_reset_in_the_middle_of_a_fan_out_is_told_on_a_later_turn_and_once(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    stuff(link.send, times=3)
    peer.reset()
    for _ in range(3):
        link.send(BIG)
        link.send_ephemeral(BIG)
    assert owner.closed_with == [], "send never calls the owner"
    await owner.ended()
    link.send(BIG)
    link.abort()
    assert owner.closed_with == [1006]
    assert wire.budget.total_bytes == 0


@pytest.mark.gen_test
async def test_a_send_to_a_reset_socket_does_not_raise(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    peer.reset()
    link.send(text_frame(b"a"))
    link.send(text_frame(b"b"))
    link.close(1000)
    await owner.ended()
    assert len(owner.closed_with) == 1


@pytest.mark.gen_test
async def test_an_abort_ends_at_once_and_lets_go_of_the_socket(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    link.abort()
    assert owner.closed_with == [1006]
    assert not link.is_open
    assert await peer.read_to_end() == b""


@pytest.mark.gen_test
@pytest.mark.parametrize("end", ["of the peer", "of ours"])
async def test_the_end_lets_go_of_a_message_that_was_not_finished(wire: LinkFactory, end: str) -> None:
    begun = client_frame(BINARY, bytes(400_000), final=False) + client_frame(CONTINUATION, bytes(400_000))[:-1]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        link, owner, peer = wire.connect(max_message_bytes=1_000_000)
        await peer.send(begun)
        await until(lambda: wire.traffic.received_bytes == len(begun))
        assert tracemalloc.get_traced_memory()[0] - before > 800_000
        if end == "of ours":
            link.abort()
        else:
            peer.sock.close()
        await owner.ended()
        assert tracemalloc.get_traced_memory()[0] - before < 200_000  # though the link is still here
    finally:
        tracemalloc.stop()


# ---- a turn's share, and a budget --------------------------------------------------------------------------------


async def turns(condition: Callable[[], object], most: int = 10_000) -> int:
    """How many loop turns it takes."""
    for count in range(most):
        if condition():
            return count
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


@pytest.mark.gen_test
async def test_a_turn_reads_so_many_frames_of_a_link_and_the_rest_waits_for_the_next(wire: LinkFactory) -> None:
    _, owner, peer = wire.connect()
    frames = [b"%d" % number for number in range(10 * MAX_FRAMES_PER_TURN)]
    peer.sock.send(b"".join(client_frame(TEXT, frame) for frame in frames))
    read = []
    while len(owner.received) < len(frames):
        before = len(owner.received)
        await asyncio.sleep(0)
        read.append(len(owner.received) - before)
    assert max(read) == MAX_FRAMES_PER_TURN
    assert owner.received == frames


@pytest.mark.gen_test
async def test_fragments_count_towards_a_turn(wire: LinkFactory) -> None:
    _, owner, peer = wire.connect()
    message = (
        client_frame(TEXT, b"a", final=False)
        + client_frame(CONTINUATION, b"b", final=False) * 30
        + client_frame(CONTINUATION)
    )
    peer.sock.send(message * 8)
    await turns(lambda: owner.received)
    assert len(owner.received) == MAX_FRAMES_PER_TURN // 32
    await owner.until(lambda: len(owner.received) == 8)


@pytest.mark.gen_test
async def test_while_frames_wait_the_kernel_is_not_read(wire: LinkFactory) -> None:
    link, _, peer = wire.connect(max_message_bytes=100)
    peer.sock.send(client_frame(PING) * 2_000)
    await turns(lambda: wire.traffic.received_bytes)
    received = wire.traffic.received_bytes
    later = client_frame(PING, b"later") * 100
    peer.sock.send(later)
    waits = await turns(lambda: wire.traffic.received_bytes > received)
    assert waits >= received // len(client_frame(PING)) // MAX_FRAMES_PER_TURN - 1
    assert link.is_open


@pytest.mark.gen_test
async def test_a_link_that_floods_keeps_no_other_from_its_turn(wire: LinkFactory) -> None:
    floods = [wire.connect() for _ in range(8)]
    _, owner, peer = wire.connect()
    for _, _, flood in floods:
        flood.sock.send(client_frame(PING) * 2_000)
    await turns(lambda: wire.traffic.received_bytes)
    peer.sock.send(client_frame(TEXT, b"me too"))
    assert await turns(lambda: owner.received) <= 5, "though the floods last for thirty"


@pytest.mark.gen_test
async def test_past_its_budget_of_frames_the_owner_is_told_and_they_are_dropped(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect(frame_budget=FrameBudget(Policy(1000, 3600)))
    link.trust()
    peer.sock.send(client_frame(TEXT, b".") * 1000)
    await owner.until(lambda: len(owner.received) == 1000)
    await peer.send(client_frame(TEXT, b"dropped unless the owner lets it pass"))
    await owner.until(lambda: len(owner.received) > 1000)
    assert owner.received[1000:] == ["flood", b"dropped unless the owner lets it pass"], "this owner minds nothing"
    owner.closes_floods = True
    await peer.send(client_frame(TEXT, b"dropped"))
    assert (await peer.read_to_end())[2:4] == (1008).to_bytes(2, "big")
    assert owner.received[1002:] == ["flood"]


@pytest.mark.gen_test
async def test_who_goes_on_sending_after_our_close_is_read_for_a_while_and_then_held_up(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    link.close(1008)
    frame = client_frame(BINARY, bytes(10_000))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):  # what it waits for never comes: nobody reads
            while True:
                await asyncio.get_running_loop().sock_sendall(peer.sock, frame)
    assert wire.traffic.received_bytes < 2 * MAX_DISCARDED_BYTES
    assert owner.received == []
    assert await peer.read_to_end() == close_frame(1008)


# ---- the end of the peer's input, before that of ours ------------------------------------------------------------


@pytest.mark.gen_test
async def test_a_close_is_answered_when_the_owner_has_done_what_came_before(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    owner.has_more_to_do = True
    await peer.send(client_frame(TEXT, b"work") + client_frame(CLOSE, close_payload(1000)))
    await owner.until(lambda: owner.over)
    assert link.is_open
    assert link.may_begin
    assert not link.has_peer
    assert link.gone_since == wire.now
    link.send(text_frame(b"done"))
    link.finish()
    assert await peer.read_to_end() == text_frame(b"done") + close_frame(1000)
    assert await owner.ended() == [1000]


@pytest.mark.gen_test
async def test_who_ends_its_sending_alone_is_sent_what_waits_and_then_the_end(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    sent = stuff(link.send)
    peer.sock.shutdown(socket.SHUT_WR)
    await owner.until(lambda: owner.over)
    link.send(text_frame(b"after the end"))
    assert (link.may_begin, link.closing_since) == (False, wire.now), "from now on a sweep may count"
    assert await peer.read_to_end() == sent
    assert await owner.ended() == [1006]
    assert wire.budget.total_bytes == 0


@pytest.mark.gen_test
async def test_who_ends_its_sending_while_our_close_waits_is_sent_all_of_it(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    sent = stuff(link.send)
    link.close(1012, "restart")
    peer.sock.shutdown(socket.SHUT_WR)
    await until(lambda: not link._is_listening)
    assert await peer.read_to_end() == sent + close_frame(1012, "restart")
    assert await owner.ended() == [1012]


@pytest.mark.gen_test
async def test_a_close_from_here_meanwhile_is_the_last_word(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    owner.has_more_to_do = True
    await peer.send(client_frame(CLOSE, close_payload(1000)))
    await owner.until(lambda: owner.over)
    link.close(4403, "revoked")
    assert not link.may_begin
    link.finish()
    assert await peer.read_to_end() == close_frame(4403, "revoked")
    assert await owner.ended() == [4403]


@pytest.mark.parametrize("order", ["peer closes", "owner closes", "peer closes, then owner closes"])
@pytest.mark.gen_test
async def test_the_owner_is_told_when_nobody_is_there_any_more_before_it_ends(wire: LinkFactory, order: str) -> None:
    link, owner, peer = wire.connect(outbox_max_bytes=1 << 30)
    owner.has_more_to_do = True
    while not link.outbox_bytes:
        link.send(BIG)  # they do not read, so that it does not end
    assert not owner.peer_gone
    if "peer" in order:
        await peer.send(client_frame(CLOSE, close_payload(1000)))
        while link.has_peer:
            await asyncio.sleep(0)
    if "owner" in order:
        link.close(4403, "revoked")
    assert not owner.peer_gone, "not within what it was called for"
    await owner.until(lambda: owner.peer_gone)
    assert owner.closed_with == []


@pytest.mark.gen_test
async def test_a_close_that_waits_behind_a_pause_is_told_in_its_turn(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    owner.pause_after = 1
    await peer.send(client_frame(TEXT, b"1") + client_frame(TEXT, b"2") + client_frame(CLOSE, close_payload(1000)))
    await owner.until(lambda: link.reading_paused)
    assert not owner.over
    link.resume_reading()
    assert await owner.ended() == [1000]
    assert owner.received == [b"1", b"2"]


@pytest.mark.gen_test
async def test_of_a_peer_that_was_lost_in_a_send_all_is_read_that_came(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect()
    owner.pause_after = 1
    peer.sock.send(b"".join(client_frame(TEXT, b"%d" % number) for number in range(MANY)))
    await owner.until(lambda: link.reading_paused)
    peer.sock.send(client_frame(TEXT, b"last"))
    peer.reset()
    while not link.gone_since:
        link.send(BIG)
        await asyncio.sleep(0)
    assert not link.is_open
    assert link.may_begin
    assert wire.budget.total_bytes == 0
    await owner.until(lambda: owner.peer_gone)  # though nothing is read of them
    assert not owner.over
    owner.has_more_to_do = True
    link.resume_reading()
    await owner.until(lambda: owner.over)
    assert owner.received == [*(b"%d" % number for number in range(MANY)), b"last"]
    assert owner.closed_with == []
    link.finish()
    assert owner.closed_with == [1006]


@pytest.mark.gen_test
async def test_a_crowd_that_ends_at_one_moment_ends_in_slices(wire: LinkFactory) -> None:
    paced_callbacks = PacedCallbacks(loop=asyncio.get_running_loop(), slice_s=0.0)  # one thing a turn
    crowd = [wire.connect(paced_callbacks=paced_callbacks) for _ in range(50)]
    for index, (_, _, peer) in enumerate(crowd):
        peer.sock.send(client_frame(CLOSE)) if index % 2 else peer.sock.close()
    ended = []
    while not all(owner.closed_with for _, owner, _ in crowd):
        before = sum(bool(owner.closed_with) for _, owner, _ in crowd)
        await asyncio.sleep(0)
        ended.append(sum(bool(owner.closed_with) for _, owner, _ in crowd) - before)
    assert max(ended) == 1


@pytest.mark.gen_test
async def test_with_a_deflater_texts_are_compressed_and_control_frames_are_not(wire: LinkFactory) -> None:
    link, owner, peer = wire.connect(deflater=Deflater())
    long = text_frame(b"chat " * 100)
    link.send(long)
    head = await peer.read(2)
    assert head[0] == 0xC1
    assert head[1] < 60
    await peer.read(head[1])
    await peer.send(client_frame(PING, b"p"))
    assert await peer.read(3) == pong_frame(b"p")
    assert owner.received == []


@pytest.mark.gen_test
async def test_many_links_read_each_its_own(wire: LinkFactory) -> None:
    ends: list[Peer] = []
    owners = []
    for _ in range(MANY):
        _, owner, peer = wire.connect()
        ends.append(peer)
        owners.append(owner)
    await asyncio.gather(*(peer.send(client_frame(TEXT, b"%d" % index)) for index, peer in enumerate(ends)))
    for index, owner in enumerate(owners):
        await owner.until(lambda owner=owner: owner.received)
        assert owner.received == [b"%d" % index]
