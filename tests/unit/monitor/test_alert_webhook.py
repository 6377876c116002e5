"""The webhook, against a real HTTP server that answers, fails, hangs and comes back."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from monitor.alert import Alert
from monitor.alert_webhook import ATTEMPTS_MAX, AlertWebhook
from monitor.alerts import AlertEvent
from tests.support.waiting import ChangeSignal

SECRET = "token-hunter2"
WITHIN_S = 30.0


class Receiver:
    """Keeps what it is sent. `answers`: the status of each request to come, then 200; 0 is no answer at all."""

    def __init__(self) -> None:
        self.changed = ChangeSignal()
        self.got: list[dict[str, Any]] = []
        self.kinds: list[str] = []
        self.requests: list[str] = []
        self.answers: list[int] = []
        self.hanging = asyncio.Event()
        self._sockets, self.port = [], 0
        self._server: HTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}?key={SECRET}"

    def listen(self) -> None:
        receiver = self

        class Handler(RequestHandler):
            def prepare(self) -> None:
                receiver.requests.append(f"{self.request.method} {self.request.path}")

            async def post(self) -> None:
                receiver.got.append(json.loads(self.request.body))
                receiver.kinds.append(self.request.headers["Content-Type"])
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.changed.notify()
                if not status:
                    await receiver.hanging.wait()
                    return
                if status == 302:
                    self.set_header("Location", "/elsewhere")
                self.set_status(status)

        made, port = bind_unused_port() if not self.port else (self._bound_again(), self.port)
        self.port = port
        self._server = HTTPServer(Application([(r"/.*", Handler)], log_function=lambda _: None))
        self._server.add_sockets([made])

    def _bound_again(self) -> socket.socket:
        made = socket.create_server(("127.0.0.1", self.port))
        made.setblocking(False)
        return made

    async def stop(self) -> None:
        self.hanging.set()
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()

    async def until(self, count: int) -> None:
        await self.changed.until(lambda: len(self.got) >= count, WITHIN_S)


def event(number: int = 0) -> AlertEvent:
    alert = Alert(name="cpu", severity="warning", value=float(number), threshold=80.0, since="2027-01-15T08:00:00.000Z")
    return AlertEvent("raised", alert, 1_800_000_005.25)


@pytest.fixture
def receiver(io_loop: Any) -> Iterator[Receiver]:
    made = io_loop.run_sync(_receiver)
    yield made
    io_loop.run_sync(made.stop)


async def _receiver() -> Receiver:
    made = Receiver()
    made.listen()
    return made


Make = Callable[..., AlertWebhook]


@pytest.fixture
def make(receiver: Receiver, io_loop: Any, caplog: pytest.LogCaptureFixture) -> Iterator[Make]:
    """Makes webhooks to the receiver; in the end they are closed, and the secret must be in no line of the log."""
    caplog.set_level("DEBUG")
    made: list[AlertWebhook] = []

    def one(**options: Any) -> AlertWebhook:
        made.append(
            AlertWebhook(url=receiver.url, process_id="p1", **{"backoff_s": 0.001, "timeout_s": 30.0, **options})
        )
        return made[-1]

    yield one
    for webhook in made:
        io_loop.run_sync(webhook.close)
    lines = [logging.Formatter().format(record) for when in ("call", "teardown") for record in caplog.get_records(when)]
    assert not [line for line in lines if SECRET in line or "127.0.0.1" in line]


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "monitor.alert_webhook"]


@pytest.mark.gen_test
async def test_an_event_is_posted_as_json(receiver: Receiver, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    make().post(event())
    await receiver.until(1)
    assert receiver.got == [
        {
            "event": "raised",
            "alert": {
                "name": "cpu",
                "severity": "warning",
                "value": 0.0,
                "threshold": 80.0,
                "since": "2027-01-15T08:00:00.000Z",
            },
            "processId": "p1",
            "at": "2027-01-15T08:00:05.250Z",
        }
    ]
    assert receiver.kinds == ["application/json"]
    assert messages(caplog) == []


@pytest.mark.gen_test
async def test_what_fails_is_tried_again_and_the_order_is_kept(
    receiver: Receiver, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [500, 503, 429, 200, 408]
    webhook = make()
    webhook.post(event(1))
    webhook.post(event(2))
    await receiver.until(6)
    await webhook.close()
    assert [got["alert"]["value"] for got in receiver.got] == [1, 1, 1, 1, 2, 2]
    assert messages(caplog) == ["alert webhook failed", "alert webhook works again"] * 2
    assert webhook.dropped == 0


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
@pytest.mark.gen_test
async def test_what_is_refused_is_not_tried_again(receiver: Receiver, make: Make, status: int) -> None:
    receiver.answers = [status]
    webhook = make()
    webhook.post(event(1))
    webhook.post(event(2))
    await receiver.until(2)
    assert [got["alert"]["value"] for got in receiver.got] == [1, 2]
    assert receiver.requests == [f"POST /{SECRET}"] * 2  # a redirect is not followed either
    assert webhook.dropped == 1


@pytest.mark.gen_test
async def test_tries_are_bounded_and_what_is_dropped_is_told_once(
    receiver: Receiver, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [500] * ATTEMPTS_MAX * 3
    webhook = make()
    for number in range(4):
        webhook.post(event(number))
    await receiver.until(3 * ATTEMPTS_MAX + 1)
    await webhook.close()
    assert [got["alert"]["value"] for got in receiver.got] == [0] * ATTEMPTS_MAX + [1] * ATTEMPTS_MAX + [
        2
    ] * ATTEMPTS_MAX + [3]
    assert webhook.dropped == 3
    assert messages(caplog) == [
        "alert webhook failed",
        "alert webhook drops events; logged once, then counted",
        "alert webhook works again",
    ]


@pytest.mark.gen_test
async def test_one_that_hangs_blocks_nothing_and_is_given_up_in_time(receiver: Receiver, make: Make) -> None:
    receiver.answers = [0]
    webhook = make(timeout_s=0.3)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    webhook.post(event())
    await receiver.until(1)
    turns = 0
    while len(receiver.got) < 2:
        await asyncio.sleep(0)  # other work of the loop, while the webhook waits
        turns += 1
    assert turns > 1
    assert 0.3 <= loop.time() - began_s < 20


@pytest.mark.gen_test
async def test_one_that_is_not_there_gets_it_once_it_is(
    receiver: Receiver, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    await receiver.stop()
    failed = ChangeSignal()

    def jitter() -> float:
        failed.notify()
        return 0.0

    webhook = make(attempts_max=1000, backoff_max_s=0.01, jitter=jitter)
    webhook.post(event())
    await failed.until(lambda: messages(caplog), WITHIN_S)
    receiver.listen()
    await receiver.until(1)
    await webhook.close()
    assert messages(caplog) == ["alert webhook failed", "alert webhook works again"]


@pytest.mark.gen_test
async def test_of_too_many_the_oldest_are_dropped(receiver: Receiver, make: Make) -> None:
    receiver.answers = [0]
    webhook = make(queue_max=3)
    webhook.post(event(0))
    await receiver.until(1)  # this one is under way
    for number in range(1, 8):
        webhook.post(event(number))
    assert webhook.dropped == 4
    receiver.hanging.set()
    await receiver.until(4)
    assert [got["alert"]["value"] for got in receiver.got] == [0, 5, 6, 7]


@pytest.mark.gen_test
async def test_one_whose_sending_is_cancelled_holds_up_none_that_waits_and_none_that_comes_later(
    receiver: Receiver, make: Make
) -> None:
    receiver.answers = [500, 200, 500]

    def cancelled_inside() -> float:
        raise asyncio.CancelledError

    webhook = make(jitter=cancelled_inside)
    webhook.post(event(1))
    webhook.post(event(2))
    await receiver.until(2)
    webhook.post(event(3))
    await receiver.until(3)
    webhook.post(event(4))
    await receiver.until(4)
    assert [got["alert"]["value"] for got in receiver.got] == [1, 2, 3, 4]


@pytest.mark.gen_test
async def test_pauses_grow_are_jittered_and_bounded(receiver: Receiver, make: Make) -> None:
    receiver.answers = [500] * 5
    asked: list[float] = []

    def jitter() -> float:
        asked.append(asyncio.get_running_loop().time())
        return 1.0

    webhook = make(backoff_s=0.02, backoff_max_s=0.06, jitter=jitter)
    webhook.post(event())
    await receiver.until(6)
    pauses_s = [after - before for before, after in pairwise(asked)]
    assert len(pauses_s) == 4
    assert all(pause_s >= least_s for pause_s, least_s in zip(pauses_s, [0.02, 0.04, 0.06, 0.06], strict=True))


@pytest.mark.gen_test
async def test_closing_sends_what_waits_and_does_not_wait_for_one_that_hangs(receiver: Receiver, make: Make) -> None:
    well, hanging = make(), make(timeout_s=60.0, close_within_s=0.2)
    well.post(event(1))
    await well.close()
    assert [got["alert"]["value"] for got in receiver.got] == [1]
    well.post(event(2))
    receiver.answers = [0]
    hanging.post(event(3))
    await receiver.until(2)
    began_s = asyncio.get_running_loop().time()
    await hanging.close()
    assert asyncio.get_running_loop().time() - began_s < 20
    assert [got["alert"]["value"] for got in receiver.got] == [1, 3]
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
    assert "AlertWebhook._work" not in names
