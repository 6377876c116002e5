"""A sendMessage has no task while it waits for the store; order, answers and the end are as for any other command."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from chat.connections.pending_send import PendingSend
from chat.connections.session import COMMAND_TIMEOUT_S, Session
from chat.errors import ChatError
from chat.request_results.messages import PostedMessage
from handlers.wire.server_frames import text_frame
from store.errors import StoreUnavailable
from tests.support.frames import CLOSE, client_frame, close_payload, server_frame
from tests.unit.chat.connections.test_session import SOMEBODY, Connection, HeldCommands, command

STORED = PostedMessage(b'{"content":"hello"}')


class SendCommands(HeldCommands):
    """`send` is a sendMessage without a task; in the place of use case and hub, the test says what becomes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts: list[PendingSend] = []
        self.refusal: Exception | None = None  # of the hand-over
        self.explained: list[str] = []
        self.explanation: PostedMessage | None = None

    def prepare(self, session: Session, envelope: Any) -> PendingSend | None:  # type: ignore[override]
        if envelope.event != "send":
            return None
        self.begun.append(envelope.id)
        part: Any = self
        return PendingSend(session=session, envelope=envelope, context=part, body=part, messages=part, hub=part)

    def post_then(self, context: object, body: object, author: PendingSend) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.drafts.append(author)

    async def explain(self, context: object, body: object, refused: ChatError) -> PostedMessage:
        self.explained.append(refused.code)
        await asyncio.sleep(0)
        if self.explanation is None:
            raise refused
        return self.explanation

    def ack(self, session: Session, payload: bytes) -> None:
        session.link.send(text_frame(payload))

    def end(self, outcome: PostedMessage | Exception = STORED) -> None:
        """End the oldest draft, as the message writer does."""
        author = self.drafts.pop(0)
        author.answer(outcome)
        author.resume()


class Sender(Connection):
    """Somebody's connection."""

    def __init__(self) -> None:
        self.sends = SendCommands()
        super().__init__(commands=self.sends)
        self.session.bind(SOMEBODY)
        self.session.renew("s1", time.monotonic() + 3_600)
        self._unread = b""
        self.told: list[tuple[Any, ...]] = []

    def says(self, *events: str, first: int = 1) -> None:
        self.peer.send(b"".join(command(first + n, event=event) for n, event in enumerate(events)))

    def answers(self) -> list[tuple[Any, ...]]:
        """What the client was told: (event, id), with the code of an error; ("close",) for a Close."""
        with suppress(BlockingIOError):
            self._unread += self.peer.recv(65_536)
        while (frame := server_frame(self._unread)) is not None:
            opcode, payload, self._unread = frame
            if opcode & 0x0F == CLOSE:
                self.told.append(("close", int.from_bytes(payload[:2], "big")))
                continue
            said = json.loads(payload)
            code = said["data"].get("code") if said["event"] == "error" else None
            self.told.append((said["event"], said["id"], code) if code else (said["event"], said["id"]))
        return self.told


@pytest.fixture
def sender(io_loop: IOLoop) -> Iterator[Callable[[], Sender]]:
    opened: list[Sender] = []

    def begin() -> Sender:
        opened.append(Sender())
        return opened[-1]

    yield begin
    for one in opened:
        one.link.abort()
        one.peer.close()


@pytest.mark.gen_test
async def test_what_comes_behind_it_waits_for_it_in_order_with_a_task_or_without(sender: Callable[[], Sender]) -> None:
    one = sender()
    one.says("send", "send", "do", "send")
    await one.until(lambda: one.sends.drafts and len(one.session._queue or ()) == 3)
    assert (one.sends.begun, one.session._task, one.session.is_busy) == (["1"], None, True)
    one.sends.end()
    assert one.sends.begun == ["1", "2"], "the next begins in the same turn"
    one.sends.end()
    await one.until(lambda: not one.session.is_busy)
    assert one.sends.begun == ["1", "2", "3", "4"]
    assert one.answers() == [("ack", "1"), ("ack", "2"), ("ack", "3"), ("ack", "4")]


@pytest.mark.gen_test
async def test_the_queue_waits_behind_it_also_while_the_outbox_is_full(sender: Callable[[], Sender]) -> None:
    one = sender()
    one.says("send", "send")
    await one.until(lambda: one.sends.drafts and one.session._queue)
    one.sends.hold = True
    one.sends.end()
    assert (one.sends.begun, one.session.is_busy) == (["1"], True)
    one.sends.hold = False
    one.session.resume()
    assert one.sends.begun == ["1", "2"]
    one.sends.end()


@pytest.mark.gen_test
async def test_after_ten_seconds_it_is_answered_with_timeout_once_and_the_next_begins(
    sender: Callable[[], Sender],
) -> None:
    one = sender()
    one.says("send", "send")
    await one.until(lambda: one.sends.drafts and one.session._queue)
    late = one.sends.drafts.pop()
    one.session.give_up_command(time.monotonic() + COMMAND_TIMEOUT_S - 1)
    assert not late.is_gone
    one.session.give_up_command(time.monotonic() + COMMAND_TIMEOUT_S + 1)
    assert (late.is_gone, one.sends.begun) == (True, ["1", "2"])
    late.answer(STORED)
    late.resume()
    one.sends.end()
    assert one.answers() == [("error", "1", "timeout"), ("ack", "2")]
    assert (one.session.busy_since, one.session.is_busy) == (0.0, False)


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.gen_test
async def test_a_connection_that_ends_meanwhile_begins_nothing_more(
    sender: Callable[[], Sender], answered: bool
) -> None:
    one = sender()
    one.says("send", "send")
    await one.until(lambda: one.sends.drafts and one.session._queue)
    draft = one.sends.drafts.pop()
    if answered:
        draft.answer(STORED)
    one.link.abort()
    await one.until(lambda: one.closed_with)
    assert draft.is_gone
    draft.answer(STORED)
    draft.resume()
    assert (one.sends.begun, one.session.is_busy) == (["1"], False)


@pytest.mark.gen_test
async def test_what_came_before_a_close_is_stored_and_answered_before_the_close_is(
    sender: Callable[[], Sender],
) -> None:
    one = sender()
    one.peer.send(
        command(1, event="send")
        + command(2, event="send")
        + client_frame(CLOSE, close_payload(1000), final=True, mask=b"\0\0\0\0")
    )
    await one.until(lambda: one.sends.drafts and one.session._input_over)
    one.sends.end()
    assert one.answers() == [("ack", "1")]
    one.sends.end()
    await one.until(lambda: len(one.answers()) == 3)
    assert one.told == [("ack", "1"), ("ack", "2"), ("close", 1000)]


@pytest.mark.gen_test
async def test_when_the_time_of_a_peer_that_is_gone_is_over_nothing_waits_for_the_store(
    sender: Callable[[], Sender],
) -> None:
    one = sender()
    one.says("send", "send")
    await one.until(lambda: one.sends.drafts and one.session._queue)
    one.session.give_up()
    assert (one.session.is_busy, one.sends.drafts[0].is_gone, one.sends.begun) == (False, True, ["1"])


@pytest.mark.gen_test
async def test_a_drain_waits_for_it_and_for_what_follows(sender: Callable[[], Sender]) -> None:
    one = sender()
    one.says("send", "send", "do")
    await one.until(lambda: one.sends.drafts and len(one.session._queue or ()) == 2)
    settled = [asyncio.ensure_future(one.session.settled()) for _ in range(2)]
    for _ in range(2):
        await asyncio.sleep(0)
        assert not any(waiter.done() for waiter in settled)
        one.sends.end()
    await asyncio.wait_for(asyncio.gather(*settled), 30)
    assert (one.sends.begun, one.session.is_busy) == (["1", "2", "3"], False)


@pytest.mark.gen_test
async def test_a_refusal_is_explained_in_a_task_and_what_follows_waits_for_it(sender: Callable[[], Sender]) -> None:
    one = sender()
    one.says("send", "do")
    await one.until(lambda: one.sends.drafts and one.session._queue)
    one.sends.end(ChatError("not_member"))
    await one.until(lambda: not one.session.is_busy)
    assert one.sends.explained == ["not_member"]
    assert one.answers() == [("error", "1", "not_member"), ("ack", "2")]


@pytest.mark.gen_test
async def test_a_refusal_may_turn_out_to_be_the_message_that_was_stored_before(sender: Callable[[], Sender]) -> None:
    one = sender()
    one.sends.explanation = PostedMessage(b"{}", duplicate=True)
    one.says("send")
    await one.until(lambda: one.sends.drafts)
    one.sends.end(ChatError("muted"))
    await one.until(lambda: not one.session.is_busy)
    assert (one.sends.explained, one.answers()) == (["muted"], [("ack", "1")])


@pytest.mark.gen_test
async def test_a_connection_that_ends_before_a_refusal_is_explained_leaves_nothing_busy(
    sender: Callable[[], Sender],
) -> None:
    one = sender()
    one.says("send")
    await one.until(lambda: one.sends.drafts)
    one.sends.end(ChatError("not_member"))
    one.link.abort()
    await one.until(lambda: one.closed_with)
    await asyncio.wait_for(one.session.settled(), 30)
    assert not one.session.is_busy


@pytest.mark.gen_test
async def test_one_that_the_store_has_no_place_for_is_answered_at_once_and_the_next_has_its_turn(
    sender: Callable[[], Sender],
) -> None:
    one = sender()
    one.sends.refusal = StoreUnavailable("stalled")
    one.says("send", "send", "do")
    await one.until(lambda: len(one.answers()) == 3)
    assert one.told == [("error", "1", "unavailable"), ("error", "2", "unavailable"), ("ack", "3")]


@pytest.mark.gen_test
async def test_none_begins_after_the_token_has_ended(sender: Callable[[], Sender]) -> None:
    one = sender()
    one.says("send", "send")
    await one.until(lambda: one.sends.drafts and one.session._queue)
    one.session.expires_at = time.monotonic()
    one.sends.end()
    await one.until(lambda: len(one.answers()) == 2)
    assert one.told == [("ack", "1"), ("close", 4401)]
    assert one.sends.begun == ["1"]


@pytest.mark.gen_test
async def test_a_client_that_gives_no_id_gets_no_ack(sender: Callable[[], Sender]) -> None:
    one = sender()
    one.peer.send(client_frame(1, b'{"event":"send","data":{}}', final=True, mask=b"\0\0\0\0"))
    await one.until(lambda: one.sends.drafts)
    one.sends.end()
    one.says("send", first=2)
    await one.until(lambda: one.sends.drafts)
    one.sends.end()
    assert one.answers() == [("ack", "2")]
