"""Floods of frames: how many a connection may send, that a flood delays only its sender, and the cost of compressed
frames.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.conftest import Start, embedded_store
from tests.support.accounts import create_account
from tests.support.client import Person, register
from tests.support.frame_flood import flooding
from tests.support.frames import CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, close_payload, deflated
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, serving

BEAT = b'{"event":"heartbeat","id":"beat"}'
BUDGET = 100
FLOODERS = 8


store_env = embedded_store  # what is tested here is before any store


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RATE_LIMIT_FRAMES": f"{BUDGET}/3600", "RATE_LIMIT_TYPING": "off", "RATE_LIMIT_WHITELIST": "robot"}
    with serving(tmp_path_factory.mktemp("limited") / "data", env) as process:
        yield process


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("compressing") / "data", {"WS_COMPRESSION": "true"}) as process:
        yield process


@pytest.fixture(scope="module")
def ada(limited: ServerProcess) -> Person:
    return register(limited.url)


def heartbeat_s(raw: RawWebSocket) -> float:
    """Send a heartbeat and wait for its ack. Returns how many seconds that took."""
    began_s = time.perf_counter()
    raw.send_frame(TEXT, BEAT)
    while (message := raw.read_message()) is not None:
        if message.get("id") == "beat":
            return time.perf_counter() - began_s
    raise ConnectionError(f"closed with {raw.close_code}")


KINDS: dict[str, Callable[[int], bytes]] = {
    "pings": lambda count: client_frame(PING) * count,
    "pongs": lambda count: client_frame(PONG) * count,
    "fragments": lambda count: (
        client_frame(TEXT, final=False)
        + client_frame(CONTINUATION, final=False) * (count - 2)
        + client_frame(CONTINUATION)
    ),
    "texts": lambda count: client_frame(TEXT, b"no JSON") * count,
}


@pytest.mark.parametrize("frames", KINDS.values(), ids=KINDS)
def test_a_connection_may_send_so_many_frames_of_any_kind_and_past_them_is_closed(
    limited: ServerProcess, ada: Person, frames: Callable[[int], bytes]
) -> None:
    with RawWebSocket(limited.port, token=ada.access_token) as raw:
        raw.socket.sendall(frames(BUDGET - 1))
        heartbeat_s(raw)
        with pytest.raises(ConnectionError):
            heartbeat_s(raw)
        assert raw.close_code == 1008
    with RawWebSocket(limited.port, token=ada.access_token) as other:
        heartbeat_s(other)


def test_a_stranger_may_send_a_tenth_and_who_logs_in_has_the_whole(limited: ServerProcess, ada: Person) -> None:
    tenth = BUDGET // 10
    with RawWebSocket(limited.port) as stranger:
        stranger.socket.sendall(client_frame(PING) * (tenth - 1))
        heartbeat_s(stranger)
        stranger.socket.sendall(client_frame(PING))
        assert stranger.read_close() == 1008
    with RawWebSocket(limited.port) as raw:
        raw.socket.sendall(client_frame(PING) * (tenth - 1))
        raw.send_command("authenticate", token=ada.access_token)
        while (message := raw.read_message()) is not None and message["event"] != "ack":
            pass
        raw.socket.sendall(client_frame(PING) * (BUDGET - 1))
        heartbeat_s(raw)
        raw.socket.sendall(client_frame(PING))
        assert raw.read_close() == 1008


def test_a_close_is_a_frame_too(limited: ServerProcess, ada: Person) -> None:
    for sent, code in ((BUDGET - 1, 1000), (BUDGET, 1008)):
        with RawWebSocket(limited.port, token=ada.access_token) as raw:
            raw.socket.sendall(client_frame(PING) * sent + client_frame(CLOSE, close_payload(1000)))
            assert raw.read_close() == code


def test_a_flood_in_one_write_is_refused_whole_and_its_sender_can_read_why(limited: ServerProcess, ada: Person) -> None:
    with RawWebSocket(limited.port, token=ada.access_token) as raw:
        raw.socket.sendall(client_frame(PING) * 100_000)
        assert raw.read_close() == 1008


def test_the_whitelist_and_limits_that_are_off_let_all_frames_pass(limited: ServerProcess, start: Start) -> None:
    robot = create_account(limited, "robot")
    off = start(RATE_LIMIT_FRAMES="off")
    none = start(RATE_LIMIT_FRAMES="10/3600", RATE_LIMIT_ENABLED="false")
    for server, who in ((limited, robot), (off, register(off.url)), (none, register(none.url))):
        with RawWebSocket(server.port, token=who.access_token) as raw:
            raw.socket.sendall(client_frame(PING) * 10_000)
            heartbeat_s(raw)


def median_ms(raw: RawWebSocket) -> float:
    return sorted(heartbeat_s(raw) for _ in range(200))[100] * 1000


@pytest.mark.serial
def test_eight_that_flood_with_empty_pings_cost_others_next_to_nothing(start: Start) -> None:
    server = start(RATE_LIMIT_TYPING="off")
    with RawWebSocket(server.port, token=register(server.url).access_token) as raw:
        quiet, flooded = [median_ms(raw)], []
        for _ in range(3):
            with flooding(server.port, FLOODERS, client_frame(PING)):
                flooded.append(median_ms(raw))
            quiet.append(median_ms(raw))
    server.kill()  # after SIGTERM it would wait 5 s for the refused connections to read the reason
    assert min(flooded) < 3 * min(quiet), (quiet, flooded)


@pytest.mark.serial
def test_without_the_limit_a_flood_has_its_turn_and_no_more(start: Start) -> None:
    """64 frames a turn: two that flood cost some tenths of a millisecond, where 64 KB of empty pings cost thirty."""
    server = start(RATE_LIMIT_ENABLED="false")
    with RawWebSocket(server.port, token=register(server.url).access_token) as raw:
        quiet = min(median_ms(raw) for _ in range(3))
        with flooding(server.port, 2, client_frame(PING)):
            flooded = min(median_ms(raw) for _ in range(3))
    assert flooded < 40 * quiet, (quiet, flooded)


# ---- inflation ---------------------------------------------------------------------------------------------------

OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate"}


def compressed_bomb(size: int) -> bytes:
    """A command of `size` bytes that has some hundred bytes when compressed."""
    return client_frame(TEXT, deflated(BEAT.ljust(size)), reserved=4)


def count_acks(raw: RawWebSocket, up_to: int) -> int:
    """Read up to that many acks, or until the Close. Returns how many.

    Acks are too short to be compressed; the welcome is compressed.
    """
    count = 0
    while count < up_to:
        opcode, payload = raw.read_frame()
        if opcode == CLOSE:
            raw.close_code = int.from_bytes(payload[:2], "big")
            break
        count += payload.startswith(b'{"event":"ack"')
    return count


def peak_mb(server: ServerProcess) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def test_frames_that_inflate_to_a_thousandfold_wait_as_small_as_they_came(start: Start) -> None:
    server = start(WS_COMPRESSION="true", RATE_LIMIT_ENABLED="false", WS_MAX_CONNECTIONS_PER_USER="100")
    bob = register(server.url)
    one = compressed_bomb(65_536)
    assert len(one) < 150
    connections, each = 8, 100_000 // len(one)
    with ExitStack() as stack:
        raws = [
            stack.enter_context(RawWebSocket(server.port, token=bob.access_token, headers=OFFER))
            for _ in range(connections)
        ]
        for raw in raws:
            raw.socket.sendall(one)
            assert count_acks(raw, 1) == 1
        before = peak_mb(server)
        for raw in raws:
            raw.socket.sendall(one * each)
        for raw in raws:
            assert count_acks(raw, each) == each
        grown = peak_mb(server) - before
    assert grown < 40, f"{connections * each * len(one) / 1e6:.1f} MB made {grown:.0f}"


def test_before_authentication_a_message_inflates_to_16_kb_and_no_more(compressing: ServerProcess) -> None:
    server, token = compressing, register(compressing.url).access_token
    for known, size, code in ((False, 16_384, None), (False, 16_385, 1009), (True, 65_536, None), (True, 65_537, 1009)):
        with RawWebSocket(server.port, token=token if known else None, headers=OFFER) as raw:
            raw.socket.sendall(compressed_bomb(size) + client_frame(CLOSE, close_payload(1000)))
            assert count_acks(raw, 2) == int(known and code is None)
            assert raw.close_code == (code or 1000)


def test_what_came_before_a_bomb_is_carried_out(compressing: ServerProcess) -> None:
    bob = register(compressing.url)
    with RawWebSocket(compressing.port, token=bob.access_token, headers=OFFER) as raw:
        raw.socket.sendall(compressed_bomb(1_000) * 20 + compressed_bomb(10_000_000) + compressed_bomb(1_000))
        assert (count_acks(raw, 22), raw.close_code) == (20, 1009)
