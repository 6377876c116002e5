"""The WebSocket endpoint from outside: the handshake, framing, refusals, and clients of other projects."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.integration.conftest import Start, embedded_store
from tests.support.client import ChatConnection, Person, chat, register
from tests.support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, close_payload, deflated
from tests.support.node_packages import NPM, install_ws
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

HERE = Path(__file__).parent
HEARTBEAT = b'{"event":"heartbeat","id":"beat"}'


store_env = embedded_store  # what is tested here ends before any store


def heartbeat_is_answered(raw: RawWebSocket) -> bool:
    """Whether a heartbeat is answered; before authentication the reply is the error `unauthorized`."""
    raw.send_frame(TEXT, HEARTBEAT)
    while (message := raw.read_message()) is not None:
        if message.get("id") == "beat":
            return True
    return False


# ---- the handshake -----------------------------------------------------------------------------------------------


def test_the_accept_key_is_the_rfcs(server: ServerProcess) -> None:
    # RFC 6455 section 1.3
    with RawWebSocket(server.port, headers={"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}) as raw:
        assert raw.status == 101
        assert raw.header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert raw.header("Sec-WebSocket-Protocol") is None
        assert raw.header("Sec-WebSocket-Extensions") is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": None}, 400),
        ({"Upgrade": "h2c"}, 400),
        ({"Connection": "keep-alive"}, 400),
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_handshake_that_is_none_is_refused(
    server: ServerProcess, headers: dict[str, str | None], status: int
) -> None:
    with RawWebSocket(server.port, headers=headers) as raw:
        assert raw.status == status
        if status == 426:
            assert raw.header("Sec-WebSocket-Version") == "13"  # RFC 6455 section 4.2.2
        else:
            assert raw.json_body()["error"]["code"] in {"malformed", "forbidden"}


def test_connection_may_be_a_list_and_names_are_read_without_regard_to_case(server: ServerProcess) -> None:
    with RawWebSocket(server.port, headers={"Connection": "keep-alive, UPGRADE", "Upgrade": "WebSocket"}) as raw:
        assert raw.status == 101


def test_bytes_that_come_before_the_101_are_refused_and_end_the_connection(server: ServerProcess) -> None:
    lines = server.log().count("path=/ws status=400")
    with RawWebSocket(server.port, early_data=client_frame(TEXT, HEARTBEAT)) as early:
        assert (early.status, early.header("Connection"), early.json_body()["error"]["code"]) == (
            400,
            "close",
            "malformed",
        )
        assert early.socket.recv(1) == b""
    with RawWebSocket(server.port) as other:
        assert heartbeat_is_answered(other)
    poll(lambda: server.log().count("path=/ws status=400") > lines)
    assert server.log().count("path=/ws status=400") == lines + 1


@pytest.mark.gen_test
async def test_of_the_subprotocols_only_chat_v1_is_echoed(server: ServerProcess) -> None:
    ada = register(server.url)
    offered = [Subprotocol("chat.v1"), Subprotocol(f"bearer.{ada.access_token}")]
    async with connect(server.ws_url, subprotocols=offered) as socket:
        assert socket.subprotocol == "chat.v1"
        assert json.loads(await socket.recv())["data"]["user"]["id"] == ada.id


@pytest.mark.gen_test
async def test_a_token_in_the_query_is_for_tools_and_never_logged(server: ServerProcess) -> None:
    ada = register(server.url)
    async with chat(f"{server.ws_url}?token={quote(ada.access_token)}") as a:
        assert (await a.one("welcome"))["user"]["id"] == ada.id
    assert ada.access_token not in server.log()
    assert "token=" not in server.log()


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "ünïcode", "x" * 4000])
@pytest.mark.gen_test
async def test_a_bad_token_is_upgraded_then_closed_4401_without_a_welcome(server: ServerProcess, token: str) -> None:
    async with chat(f"{server.ws_url}?token={quote(token)}") as nobody:
        assert await nobody.closed() == 4401
        assert nobody.events == []


# ---- framing -----------------------------------------------------------------------------------------------------

BROKEN = {
    "an unmasked frame": (client_frame(TEXT, HEARTBEAT, mask=None), 1002),
    "a reserved bit": (client_frame(TEXT, HEARTBEAT, reserved=4), 1002),
    "a reserved opcode": (client_frame(3, b"?"), 1002),
    "a continuation of nothing": (client_frame(CONTINUATION, b"?"), 1002),
    "a long ping": (client_frame(PING, b"x" * 126), 1002),
    "a close code that nobody may send": (client_frame(CLOSE, close_payload(1005)), 1002),
    "text that is no UTF-8": (client_frame(TEXT, b'{"event":"\xff"}'), 1007),
    "an oversize message": (client_frame(TEXT, b"x" * 65_537), 1009),
    "an oversize message by its header alone": (client_frame(TEXT, b"x" * 70_000)[:14], 1009),
    "an oversize message in fragments": (
        client_frame(TEXT, b"x" * 65_000, final=False) + client_frame(CONTINUATION, b"x" * 1_000),
        1009,
    ),
}


@pytest.mark.parametrize(("data", "code"), BROKEN.values(), ids=BROKEN)
def test_broken_framing_is_closed_as_the_rfc_says(server: ServerProcess, data: bytes, code: int) -> None:
    with RawWebSocket(server.port) as raw:
        raw.socket.sendall(data)
        assert raw.read_close() == code
        assert raw.is_closed()


def test_binary_and_what_is_no_command_get_an_error_and_the_connection_lives(server: ServerProcess) -> None:
    with RawWebSocket(server.port) as raw:
        assert (raw.read_message() or {})["event"] == "welcome"
        bad = [b"", b"hello", b"[]", b"null", b'"text"', b"{", b"{}", b'{"event":7}', b'{"event":NaN}', b"[" * 60_000]
        for payload in bad:
            raw.send_frame(TEXT, payload)
        raw.send_frame(BINARY, HEARTBEAT)
        raw.send_frame(BINARY, b"\xff\x00")
        for _ in range(len(bad) + 2):
            answer = raw.read_message()
            assert answer is not None
            assert (answer["event"], answer["data"]["code"]) == ("error", "malformed")
            assert "id" not in answer
        assert heartbeat_is_answered(raw)


def test_many_frames_in_one_write_are_answered_in_their_order(server: ServerProcess) -> None:
    with RawWebSocket(server.port) as raw:
        frames = [b'{"event":"heartbeat","id":"%d"}' % number for number in range(500)]
        raw.socket.sendall(b"".join(client_frame(TEXT, frame) for frame in frames))
        answered: list[str] = []
        while len(answered) < len(frames):
            message = raw.read_message()
            assert message is not None
            if message["event"] != "welcome":
                answered.append(message["id"])
        assert answered == [str(number) for number in range(500)]


def test_a_frame_may_come_byte_by_byte_and_in_fragments_with_a_ping_between(server: ServerProcess) -> None:
    with RawWebSocket(server.port) as raw:
        for byte in client_frame(TEXT, HEARTBEAT):
            raw.socket.sendall(bytes((byte,)))
        while (message := raw.read_message()) is not None and message.get("id") != "beat":
            pass
        assert message is not None
        raw.send_frame(TEXT, HEARTBEAT[:9], final=False)
        raw.send_frame(PING, b"between")
        raw.send_frame(CONTINUATION, HEARTBEAT[9:])
        assert raw.read_frame() == (PONG, b"between")
        assert (raw.read_message() or {})["id"] == "beat"


def test_the_closing_handshake_echoes_the_code_and_ends(server: ServerProcess) -> None:
    with RawWebSocket(server.port) as raw:
        raw.read_message()
        raw.send_frame(CLOSE, close_payload(1000, b"bye"))
        assert raw.read_close() == 1000
        assert raw.is_closed()


def test_a_client_that_vanishes_in_the_middle_of_a_frame_harms_nobody(server: ServerProcess) -> None:
    for cut in range(1, 40):
        with RawWebSocket(server.port) as raw:
            raw.socket.sendall(client_frame(TEXT, HEARTBEAT)[:cut])
            raw.reset()
    with RawWebSocket(server.port) as raw:
        assert heartbeat_is_answered(raw)


def test_random_bytes_after_the_upgrade_end_that_connection_alone(server: ServerProcess) -> None:
    with RawWebSocket(server.port, token=register(server.url).access_token) as good:
        for seed in range(50):
            with RawWebSocket(server.port) as raw:
                try:
                    raw.socket.sendall(random.Random(seed).randbytes(300))
                    raw.socket.sendall(b"\x00" * 300)  # whatever frame was begun, this ends as an unmasked frame
                    raw.read_close()
                except ConnectionError:
                    pass
        assert heartbeat_is_answered(good)


# ---- compression -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compressing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("deflating") / "data", {"WS_COMPRESSION": "true"}) as process:
        yield process


async def send_and_receive(one: ChatConnection, person: Person, contents: list[str]) -> list[str]:
    room = person.make_room()
    await one.command("joinRoom", roomId=room["id"])
    await asyncio.gather(*(one.command("sendMessage", roomId=room["id"], content=content) for content in contents))
    await one.until(lambda: len(one.named("receiveMessage")) == len(contents))
    return [message["content"] for message in one.named("receiveMessage")]


@pytest.mark.gen_test
async def test_with_compression_agreed_on_messages_pass_both_ways(compressing_server: ServerProcess) -> None:
    ada = register(compressing_server.url)
    contents = ["short", "long " * 300, "😀" * 500]
    async with chat(compressing_server.ws_url, ada) as a:
        assert a.socket.response is not None
        assert "permessage-deflate" in a.socket.response.headers["Sec-WebSocket-Extensions"]
        assert await send_and_receive(a, ada, contents) == contents


@pytest.mark.gen_test
async def test_who_offers_no_compression_gets_plain_frames_from_the_same_server(
    compressing_server: ServerProcess,
) -> None:
    ada = register(compressing_server.url)
    headers = {"Authorization": f"Bearer {ada.access_token}"}
    async with connect(compressing_server.ws_url, additional_headers=headers, compression=None) as socket:
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        one = ChatConnection(socket)
        one.start()
        assert await send_and_receive(one, ada, ["long " * 300]) == ["long " * 300]
        await one.end()


def test_a_compressed_bomb_is_closed_with_1009(compressing_server: ServerProcess) -> None:
    bomb = deflated(b" " * 50_000_000)
    assert len(bomb) < 65_536
    with RawWebSocket(compressing_server.port, headers={"Sec-WebSocket-Extensions": "permessage-deflate"}) as raw:
        raw.socket.sendall(client_frame(TEXT, bomb, reserved=4))
        assert raw.read_close() == 1009


# ---- Node's client -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node finds the package `ws`."""
    if NPM is None:
        pytest.skip("needs Node.js and npm: apt-get install nodejs npm")
    return install_ws(tmp_path_factory.mktemp("node"))


@pytest.mark.node
@pytest.mark.parametrize("compress", ["plain", "deflate"])
def test_nodes_ws_talks_pings_and_closes(compressing_server: ServerProcess, node_modules: Path, compress: str) -> None:
    ada = register(compressing_server.url)
    room = ada.make_room()
    run = subprocess.run(
        [
            "node",
            str(HERE / "node_ws_client.mjs"),
            str(node_modules),
            compressing_server.ws_url,
            ada.access_token,
            room["id"],
            compress,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    said = json.loads(run.stdout)
    assert said["same"], said
    assert (said["acked"], said["pong"], said["protocol"], said["code"]) == (3, "still there?", "chat.v1", 4000)
    assert ("permessage-deflate" in said["extensions"]) == (compress == "deflate")


# ---- limits of a start -------------------------------------------------------------------------------------------


def test_the_largest_message_is_a_setting(start: Start) -> None:
    server = start(WS_MAX_MESSAGE_BYTES="1024")
    with RawWebSocket(server.port) as raw:
        raw.send_frame(TEXT, b" " * (1024 - len(HEARTBEAT)) + HEARTBEAT)
        while (message := raw.read_message()) is not None and message.get("id") != "beat":
            pass
        raw.send_frame(TEXT, b" " * (1025 - len(HEARTBEAT)) + HEARTBEAT)
        assert raw.read_close() == 1009
