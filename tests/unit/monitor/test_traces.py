"""Spans: their names, nested as the calls were, without any text of a client."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from common.callback_tasks import CallbackTasks
from monitor.otel import OtelSpans
from monitor.spans import Spans
from monitor.traced_calls import Traced


class Part:
    """Something that is traced."""

    name = "part"

    async def work(self, secret: str) -> str:
        await asyncio.sleep(0)
        return secret

    async def fail(self, secret: str) -> None:
        raise ValueError(secret)

    def at_once(self) -> int:
        return 5


class Whole(Part):
    def __init__(self) -> None:
        self.parts = Part()
        self.receiver: object = None


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter):
    opened = OtelSpans(exporter=exporter, process_id="p1", version="1")
    yield opened
    opened.close()


@pytest.mark.gen_test
async def test_calls_of_a_request_are_its_child_spans_and_its_status_is_recorded(spans, exporter):
    whole = Traced(
        Whole(),
        span=spans.child,
        prefix="store",
        parts=("parts",),
        plain=("at_once",),
        labels={"work": lambda secret: {"kind": "page"}},
    )

    async def request(status: int) -> None:
        end = spans.request("GET", "/rooms/{id}")
        assert await whole.work("s3cret") == "s3cret"
        assert await whole.parts.work("s3cret") == "s3cret"
        assert whole.at_once() == whole.parts.at_once() == 5
        end(status)

    await asyncio.gather(asyncio.create_task(request(200)), asyncio.create_task(request(503)))
    spans.close()
    found = exporter.get_finished_spans()
    requests = {span.context.span_id: span for span in found if span.name == "GET /rooms/{id}"}
    assert [span.kind for span in requests.values()] == [SpanKind.SERVER] * 2
    assert {(span.attributes["http.response.status_code"], span.status.status_code) for span in requests.values()} == {
        (200, StatusCode.UNSET),
        (503, StatusCode.ERROR),
    }
    children = [span for span in found if span.parent is not None]
    assert sorted(span.name for span in children) == [
        *("store.at_once", "store.at_once", "store.parts.work", "store.parts.work", "store.work", "store.work")
    ]
    assert all(requests[span.parent.span_id].context.trace_id == span.context.trace_id for span in children)
    assert {span.attributes.get("kind") for span in children} == {"page", None}
    assert "s3cret" not in "".join(span.to_json() for span in found)
    assert found[0].resource.attributes["service.instance.id"] == "p1"


@pytest.mark.gen_test
async def test_a_command_begins_a_trace_of_its_own_and_a_failure_records_its_type_only(spans, exporter):
    commands = Traced(Part(), span=spans.root, prefix="command")
    end = spans.request("GET", "/ws")
    with pytest.raises(ValueError, match="s3cret"):
        await commands.fail("s3cret")
    end(101)
    spans.close()
    failed, handshake = exporter.get_finished_spans()
    assert (failed.name, failed.parent, failed.attributes["error.type"]) == ("command.fail", None, "ValueError")
    assert failed.context.trace_id != handshake.context.trace_id
    assert "s3cret" not in failed.to_json()


@pytest.mark.gen_test
async def test_what_waits_by_a_callback_belongs_to_the_calls_it_was_given_and_ends_when_they_are_closed(
    spans, exporter
):
    begun, outcomes = asyncio.Event(), []

    class Appends:
        async def append(self) -> None:
            begun.set()
            await asyncio.get_running_loop().create_future()

        def append_then(self, on_settled: object) -> None:
            raise AssertionError("the call is traced")

    class Store:
        def __init__(self) -> None:
            self.messages = Appends()

    calls, tasks = CallbackTasks(), asyncio.all_tasks()
    store = Traced(Store(), span=spans.child, prefix="store", calls=calls, parts=("messages",))
    store.messages.append_then(lambda *outcome: outcomes.append(outcome))
    await begun.wait()
    assert asyncio.all_tasks() > tasks
    await calls.close()
    assert (asyncio.all_tasks(), outcomes) == (tasks, [])
    spans.close()
    assert [span.name for span in exporter.get_finished_spans()] == ["store.messages.append"]


@pytest.mark.gen_test
async def test_a_traced_part_has_the_other_attributes_and_takes_none(spans):
    whole = Whole()
    stand_in = Traced(whole, span=spans.child, prefix="store")
    assert (stand_in.name, stand_in.at_once()) == ("part", 5)
    with pytest.raises(AttributeError):
        stand_in.receiver = "somebody"
    assert whole.receiver is None


@pytest.mark.gen_test
async def test_without_an_endpoint_nothing_is_recorded():
    spans = Spans()
    spans.request("GET", "/")(200)
    with spans.child("a"), spans.root("b"):
        pass
    spans.close()
