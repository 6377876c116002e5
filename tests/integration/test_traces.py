"""Traces from outside: a real server exports spans to a real HTTP server that decodes OTLP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.conftest import Start, embedded
from tests.support.client import chat, register
from tests.support.server import command


class Collector(ThreadingHTTPServer):
    """An HTTP server that keeps the spans posted to it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.bodies = b""
        super().__init__(("127.0.0.1", 0), CollectorHandler)


class CollectorHandler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raise NotImplementedError
        self.server.bodies += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@embedded
@pytest.mark.gen_test
async def test_requests_and_commands_are_traced_down_to_the_store(start: Start, collector: Collector) -> None:
    server = start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}")
    ada = register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        await a.command("sendMessage", roomId=room, content="a secret of theirs")
        await a.one("receiveMessage")
    assert ada.call("GET", f"/rooms/{room}").status == 200
    assert server.terminate() == 0, "what was not sent yet is sent at the end"
    by_id = {span.span_id: span for span in collector.spans}

    def above(name: str) -> set[str]:
        return {
            by_id[span.parent_span_id].name for span in collector.spans if span.name == name and span.parent_span_id
        }

    names = {span.name for span in collector.spans}
    assert {"POST /auth/register", "POST /rooms", "GET /rooms/{id}", "GET /ws"} <= names, names
    assert above("store.users.create") == {"POST /auth/register"}
    assert above("store.rooms.create") == {"POST /rooms"}
    commands = [span for span in collector.spans if span.name == "command.execute"]
    exported = {one.value.string_value for span in commands for one in span.attributes if one.key == "command"}
    assert exported == {"joinRoom", "sendMessage"}
    assert all(not span.parent_span_id for span in commands)
    assert "command.execute" in above("bus.subscribe")
    assert {"store.messages.append", "cache.update", "bus.publish"} <= names
    for secret in (b"a secret of theirs", ada.access_token.encode(), ada.user["email"].encode()):
        assert secret not in collector.bodies


def test_an_endpoint_that_is_no_url_stops_the_start(tmp_path) -> None:
    run = command("serve", env={"DATA_DIR": str(tmp_path / "data"), "OTEL_EXPORTER_OTLP_ENDPOINT": "collector"})
    assert (run.returncode, run.stderr.startswith("OTEL_EXPORTER_OTLP_ENDPOINT: ")) == (2, True)
