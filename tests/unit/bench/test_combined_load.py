"""Several kinds of load at once: who gets which share, and that wrong REST replies and resumptions are caught."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from bench.client.worker_protocol import (
    Connect,
    Reconnect,
    Request,
    RequestCounts,
    Requested,
    Requests,
    Send,
    TogetherDone,
)
from bench.client_base.client_processes import shares
from bench.combined_load import CombinedDone, CombinedLoad
from bench.delivery_checker import Failures
from bench.histogram import Histogram
from bench.rest_client import Address
from bench.worker_pool import WorkerPool
from tests.support.websocket_server import serving_websockets

CONNECT = Connect((("127.0.0.1", 1),), ("t",), ("r",), 100, 0, 0, 9.0)
PATIENT_S = 30.0
Reply = tuple[int, dict[str, Any]]


def test_shares_are_even_and_add_up() -> None:
    assert (shares(7, 3), shares(1, 2), shares(0, 2)) == ([3, 2, 2], [1, 0], [0, 0])


def test_each_process_gets_its_share_of_every_kind_of_load() -> None:
    request = Request("GET /x", "GET", "/x")
    plan = CombinedLoad(
        seconds=1,
        senders=3,
        rate_per_s=30,
        requests=(request,),
        request_connections=4,
        request_rate_per_s=8,
        joining=3,
        reconnects_per_s=6,
        reconnects_max=5,
    )
    commands = plan.commands(processes=2, connect=CONNECT, within_s=9)
    by_kind = [{type(one): one for one in commands[number]} for number in (0, 1)]
    assert [(one[Send].senders, one[Send].rate_per_s) for one in by_kind] == [(2, 20), (1, 10)]  # type: ignore[attr-defined]
    assert [(one[Requests].connections, one[Requests].rate_per_s) for one in by_kind] == [(2, 4), (2, 4)]  # type: ignore[attr-defined]
    assert [(one[Connect].first, one[Connect].count) for one in by_kind] == [(100, 2), (102, 1)]  # type: ignore[attr-defined]
    back = [(one[Reconnect].keep, one[Reconnect].per_s, one[Reconnect].at_most) for one in by_kind]  # type: ignore[attr-defined]
    assert back == [(2, 3, 3), (1, 3, 2)]


def test_a_plan_multiplied_has_all_rates_so() -> None:
    plan = CombinedLoad(seconds=1, senders=1, rate_per_s=10, request_rate_per_s=4, changes_per_s=2).times(0.5)
    assert (plan.rate_per_s, plan.request_rate_per_s, plan.changes_per_s) == (5, 2, 1)
    assert plan.lasting(7).seconds == 7


@contextmanager
def answering(reply: Callable[[str, str, dict[str, Any]], Reply]) -> Iterator[int]:
    """An HTTP server that keeps connections alive and answers as told; its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            assert self.headers["Authorization"] == "Bearer t"
            status, content = reply(self.command, self.path, body)
            encoded = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(
    port: int, *requests: Request, rate_per_s: float, seconds: float, connections: int = 4
) -> tuple[CombinedDone, list[str]]:
    plan = CombinedLoad(
        seconds=seconds,
        senders=0,
        rate_per_s=0,
        requests=requests,
        request_connections=connections,
        request_rate_per_s=rate_per_s,
    )
    failures = Failures()
    with WorkerPool(1, failures=failures, on_progress=lambda ready, deliveries: None) as pool:
        here = [Address("127.0.0.1", port)]
        done = pool.combined(plan, addresses=here, tokens=("t",), room_ids=("r",), within_s=PATIENT_S)
        pool.settle_combined(done, after={"r": 0}, within_s=PATIENT_S)
        pool.report_failures()
    return done, failures.kept


@pytest.mark.bench
def test_requests_are_counted_by_name_and_their_posted_messages_checked() -> None:
    seqs = iter(range(1, 1000))

    def reply(method: str, path: str, body: dict[str, Any]) -> Reply:
        if method == "GET":
            return 200, {"path": path}
        return 201, {"message": body | {"seq": next(seqs)}}

    with answering(reply) as port:
        got, post = Request("GET /a", "GET", "/a?b=c", 3), Request("POST /messages", "POST", "/messages", posts_to="r")
        done, failures = ask(port, got, post, rate_per_s=100, seconds=1)
    assert failures == []
    counts = done.requests()
    assert counts.keys() == {"GET /a", "POST /messages"}
    assert sum(one.count for one in counts.values()) == 100
    assert all(one.errors == 0 and sum(one.latency_us.values()) == one.count for one in counts.values())
    assert sum(len(one.acked_seqs["r"]) for one in done.requested) == counts["POST /messages"].count


@pytest.mark.bench
def test_refusals_of_a_busy_server_are_errors_and_others_are_failures_too() -> None:
    statuses = {"/busy": 503, "/limited": 429, "/broken": 500}

    with answering(lambda method, path, body: (statuses[path], {"said": path})) as port:
        done, failures = ask(
            port, *(Request(path, "GET", path) for path in statuses), rate_per_s=60, seconds=1, connections=3
        )
    assert all(one.errors == one.count > 0 for one in done.requests().values())
    assert failures
    assert all(failure.startswith("/broken: 500") for failure in failures)


@pytest.mark.bench
def test_a_request_that_waits_for_a_slow_server_counts_from_when_it_was_due() -> None:
    def slow(method: str, path: str, body: dict[str, Any]) -> Reply:
        time.sleep(0.2)  # the server's slowness
        return 200, {}

    with answering(slow) as port:
        done, failures = ask(port, Request("GET /", "GET", "/"), rate_per_s=20, seconds=0.5, connections=1)
    assert failures == []
    latency = Histogram(done.requests()["GET /"].latency_us)
    assert latency.count == 10
    slowest = latency.max_ms()
    assert slowest is not None
    assert slowest > 10 * 200 - 500 - 50, "the tenth waited for the nine before it"


@pytest.mark.bench
def test_a_posted_message_that_no_seq_was_given_for_is_caught() -> None:
    with answering(lambda method, path, body: (201, {"message": body | {"seq": 7}})) as port:
        _, failures = ask(
            port, Request("POST /messages", "POST", "/messages", posts_to="r"), rate_per_s=10, seconds=0.1
        )
    assert failures == ["acks: nothing was acked as seq 1 to 6"]


@contextmanager
def resuming(missed: list[int], *, seq: int, **more: object) -> Iterator[int]:
    """A server whose room has nothing when a connection joins, and `seq` messages when it comes back; its port."""

    def serve_one(connection: ServerConnection) -> None:
        try:
            for text in connection:
                command = json.loads(text)
                data: dict[str, object] = {"seq": 0}
                if command["data"].get("since") is not None:
                    data = {"seq": seq, "missed": [{"seq": one} for one in missed], **more}
                connection.send(json.dumps({"event": "ack", "id": command["id"], "data": data}))
        except ConnectionClosed:
            pass  # half of them leave without a Close frame

    with serving_websockets(serve_one) as port:
        yield port


@pytest.mark.bench
@pytest.mark.parametrize(
    ("missed", "more", "noticed"),
    [
        ([1, 2, 3], {}, []),
        ([1, 3], {}, ["gap, expected seq 2, got 3"]),
        ([1, 2], {}, ["1 missing at the end, has seq 2 of 3"]),
        ([1, 2, 2, 3], {}, ["double, seq 2 came again"]),
        ([1, 2, 3], {"truncated": True}, ["came back at seq 0 of 3, and was not given the rest"]),
    ],
)
def test_a_connection_that_comes_back_is_given_what_it_missed_or_it_is_caught(
    missed: list[int], more: dict[str, object], noticed: list[str]
) -> None:
    failures = Failures()
    with (
        resuming(missed, seq=3, **more) as port,
        WorkerPool(1, failures=failures, on_progress=lambda ready, deliveries: None) as pool,
    ):
        here = [Address("127.0.0.1", port)]
        pool.connect(addresses=here, tokens=("t",), count=1, at_once=1, room_ids=("r",), within_s=PATIENT_S)
        plan = CombinedLoad(seconds=0.1, senders=0, rate_per_s=0, reconnects_per_s=100, reconnects_max=1)
        done = pool.combined(plan, addresses=here, tokens=("t",), room_ids=("r",), within_s=PATIENT_S)
        pool.settle_combined(done, after={"r": 0}, within_s=PATIENT_S)
        pool.report_failures()
    assert sum(one.ready for one in done.connected) == 1
    said = [failure.split(": ", 1)[1] for failure in failures.kept if "was delivered, but 0 is the last" not in failure]
    assert said == noticed


def test_the_requests_of_several_processes_are_added_up() -> None:
    each = [
        TogetherDone((Requested({"GET /": RequestCounts(2, 1, {5: 1})}, {}, 1.0),)),
        TogetherDone((Requested({"GET /": RequestCounts(3, 0, {5: 2, 7: 1})}, {}, 1.0),)),
    ]
    assert CombinedDone.of(each).requests() == {"GET /": RequestCounts(5, 1, {5: 3, 7: 1})}
