"""The write path of messages: what is gathered, who is answered when, and what becomes of those who waited in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chat.errors import ChatError, as_refusal
from chat.message_writer import MAX_BATCH, MessageWriter
from chat.request_results.messages import PostedMessage
from store.errors import StoreTimeout, StoreUnavailable
from store.models import MessageDraft
from tests.support.waiting import until_on_loop

pytestmark = pytest.mark.gen_test


class Author:
    """Notes the outcome; `then` is called when it may go on."""

    def __init__(self, log: list[str], name: str, then: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self.is_gone = False
        self.outcomes: list[PostedMessage | Exception] = []
        self.resumed = 0
        self._log = log
        self._then = then

    def answer(self, outcome: PostedMessage | Exception) -> None:
        self._log.append(f"answer {self.name}")
        self.outcomes.append(outcome)

    def resume(self) -> None:
        self._log.append(f"resume {self.name}")
        self.resumed += 1
        self._then()


class Appends:
    """In the place of the store: appends whose outcomes the test decides."""

    def __init__(self) -> None:
        self.messages = self
        self.begun: list[tuple[str, list[str]]] = []
        self.refusal: Exception | None = None
        self._settle: list[Callable[[list[str] | None, Exception | None], None]] = []

    def append_then(self, room_id: str, drafts: Sequence[MessageDraft], on_settled: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.begun.append((room_id, [draft.content for draft in drafts]))
        self._settle.append(on_settled)

    def end(self, number: int = -1, error: Exception | None = None) -> None:
        """Let an append succeed, or fail; by default the newest."""
        stored = None if error is not None else [f"stored {content}" for content in self.begun[number][1]]
        self._settle[number](stored, error)


class Bench:
    """A writer between a store and a publisher that the test holds; all that happens is in `log`, in its order."""

    def __init__(self, **bounds: Any) -> None:
        self.log: list[str] = []
        self.store = Appends()
        self.uncertain: list[str] = []
        self.failure: Exception | None = None
        store: Any = self.store
        publisher: Any = self
        self.writer = MessageWriter(
            store=store,
            publisher=publisher,
            delivery=self,
            on_uncertain=self.uncertain.append,
            **{"timeout_s": 60.0, **bounds},
        )

    def publish(self, room_id: str, batch: Sequence[Any], outcomes: Sequence[Any]) -> list[PostedMessage]:
        if self.failure is not None:
            raise self.failure
        self.log += [f"publish {outcome}" for outcome in outcomes]
        return [PostedMessage(b"{}")] * len(outcomes)

    def cork(self) -> None:
        self.log.append("cork")

    def uncork(self) -> None:
        self.log.append("uncork")

    def post(self, content: str, *, room: str = "r1", then: Callable[[], object] = lambda: None) -> Author:
        author = Author(self.log, content, then)
        self.writer.post(room, MessageDraft("u1", "ada", content, content), author, transport="ws")
        return author

    async def until_begun(self, count: int = 1) -> None:
        await until_on_loop(lambda: len(self.store.begun) == count)


async def test_what_arrives_together_is_one_append_of_each_room_and_what_comes_during_it_the_next() -> None:
    bench = Bench()
    authors = [bench.post("a"), bench.post("x", room="r2"), bench.post("b")]
    assert bench.store.begun == [], "it begins when the loop has nothing else to do"
    await bench.until_begun(2)
    assert bench.store.begun == [("r1", ["a", "b"]), ("r2", ["x"])]
    authors += [bench.post("c"), bench.post("d")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(bench.store.begun) == 2, "one of a room is in flight"
    bench.store.end(0)
    await bench.until_begun(3)
    assert bench.store.begun[2] == ("r1", ["c", "d"])
    bench.store.end(1)
    bench.store.end(2)
    assert [len(author.outcomes) for author in authors] == [1] * 5
    assert (bench.writer.waiting, bench.writer._queues) == (0, {})


async def test_a_commit_is_published_and_answered_before_its_end_returns_and_authors_go_on_after_the_delivery() -> None:
    bench = Bench()
    bench.post("a")
    bench.post("b")
    await bench.until_begun()
    bench.store.end()
    assert bench.log[: bench.log.index("resume b") + 1] == [
        *("cork", "publish stored a", "publish stored b", "answer a", "answer b", "uncork", "resume a", "resume b")
    ]


async def test_an_author_that_posts_when_it_goes_on_is_stored_after_what_it_posted_before() -> None:
    bench = Bench()
    bench.post("a", then=lambda: bench.post("b"))
    await bench.until_begun()
    bench.store.end()
    await bench.until_begun(2)
    bench.store.end()
    assert bench.store.begun == [("r1", ["a"]), ("r1", ["b"])]
    assert bench.writer.waiting == 0


async def test_a_batch_is_bounded_and_the_rest_is_the_next() -> None:
    bench = Bench()
    for number in range(MAX_BATCH + 1):
        bench.post(str(number))
    await bench.until_begun()
    bench.store.end()
    await bench.until_begun(2)
    assert [len(contents) for _, contents in bench.store.begun] == [MAX_BATCH, 1]
    bench.store.end()


async def test_so_many_wait_and_no_more() -> None:
    bench = Bench(max_waiting=2)
    bench.post("a")
    await bench.until_begun()
    bench.post("b", room="r2")
    with pytest.raises(StoreUnavailable, match="stalled"):
        bench.post("c")
    assert bench.writer.metrics().gauges == {"store_queue": 2, "store_queue_max": 2}
    bench.store.end(0)
    bench.post("d")


async def test_what_an_author_who_is_gone_had_waiting_is_dropped_and_what_is_in_flight_is_published() -> None:
    bench = Bench()
    first = bench.post("a")
    await bench.until_begun()
    second, third = bench.post("b"), bench.post("c")
    first.is_gone = second.is_gone = True
    bench.store.end()
    assert "publish stored a" in bench.log
    await bench.until_begun(2)
    assert bench.store.begun[1] == ("r1", ["c"])
    assert second.outcomes == []
    third.is_gone = True
    bench.store.end()
    gone = bench.post("d")
    gone.is_gone = True
    await until_on_loop(lambda: not bench.writer._queues)
    assert (bench.writer.waiting, len(bench.store.begun)) == (0, 2)


async def test_after_a_deadline_nobody_waits_any_more_and_a_late_outcome_is_published() -> None:
    bench = Bench(timeout_s=0.05)
    first = bench.post("a")
    await bench.until_begun()
    second = bench.post("b")
    await until_on_loop(lambda: first.outcomes and second.outcomes)
    assert [type(outcome) for outcome in first.outcomes] == [StoreTimeout]
    assert [type(outcome) for outcome in second.outcomes] == [StoreUnavailable]
    assert (first.resumed, second.resumed, bench.writer.waiting) == (1, 1, 0)
    bench.store.end()
    assert "publish stored a" in bench.log
    assert (len(first.outcomes), first.resumed) == (1, 1), "once"
    third = bench.post("c")
    await bench.until_begun(2)
    assert bench.store.begun[1] == ("r1", ["c"]), "who was refused is not stored"
    bench.store.end()
    assert len(third.outcomes) == 1


async def test_what_is_refused_by_its_deadline_takes_no_place_behind_an_append_that_never_ends() -> None:
    bench = Bench(timeout_s=0.05, max_waiting=3)
    bench.post("never")
    await bench.until_begun()
    posted = [bench.post(str(number), then=lambda: posted.append(bench.post("again"))) for number in range(2)]
    await until_on_loop(lambda: len(posted) == 4 and all(author.outcomes for author in posted))
    assert len(bench.writer._queues["r1"].waiting) == bench.writer.waiting == 0
    bench.post("last")
    loop: Any = asyncio.get_running_loop()
    timers = [one for one in loop._scheduled if one._callback == bench.writer._check_deadlines and not one.cancelled()]
    assert len(timers) == 1, "however many went on when they were refused"
    bench.store.end()


@pytest.mark.parametrize("error", [StoreTimeout("append"), StoreUnavailable("down")])
async def test_where_the_store_is_away_those_behind_a_failed_append_fail_with_it(error: Exception) -> None:
    bench = Bench()
    first = bench.post("a")
    await bench.until_begun()
    second = bench.post("b")
    bench.store.end(error=error)
    assert first.outcomes == [error]
    assert [type(outcome) for outcome in second.outcomes] == [StoreUnavailable]
    assert (first.resumed, second.resumed) == (1, 1)
    assert bench.uncertain == ["r1"]
    assert (bench.writer.waiting, bench.writer._queues) == (0, {})
    bench.post("c")
    await bench.until_begun(2)
    bench.store.end()


async def test_a_defect_of_an_append_is_logged_and_those_behind_it_go_on(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    first = bench.post("a")
    await bench.until_begun()
    bench.post("b")
    bench.store.end(error=LookupError("careless"))
    assert [one.code for one in first.outcomes if isinstance(one, ChatError)] == ["internal"]
    await bench.until_begun(2)
    bench.store.end()
    assert (bench.uncertain, bench.writer.waiting) == ([], 0)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["careless"]
    caplog.clear()


@pytest.mark.parametrize(
    ("error", "code"), [(StoreUnavailable("stalled"), "unavailable"), (LookupError("careless"), "internal")]
)
async def test_an_append_that_is_refused_at_once_fails_its_authors_and_the_next_one_is_tried(
    error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    bench.store.refusal = error
    first, other = bench.post("a"), bench.post("x", room="r2")
    await until_on_loop(lambda: first.outcomes and other.outcomes)
    for author in (first, other):
        refused = [as_refusal(one) for one in author.outcomes if isinstance(one, Exception)]
        assert [one and one.code for one in refused] == [code]
    caplog.clear()
    bench.store.refusal = None
    second = bench.post("b")
    await bench.until_begun()
    bench.store.end()
    assert isinstance(second.outcomes[0], PostedMessage)
    assert bench.writer.waiting == 0


async def test_a_defect_of_the_publish_is_answered_and_the_room_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.failure = LookupError("careless")
    first = bench.post("a")
    await bench.until_begun()
    bench.store.end()
    assert [one.code for one in first.outcomes if isinstance(one, ChatError)] == ["internal"]
    bench.failure = None
    second = bench.post("b")
    await bench.until_begun(2)
    bench.store.end()
    assert isinstance(second.outcomes[0], PostedMessage)
    caplog.clear()


@pytest.mark.parametrize("step", ["answer", "resume"])
async def test_an_author_that_raises_harms_no_other_and_the_room_goes_on(
    step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise LookupError("clumsy")

    bench = Bench()
    first, second = bench.post("a"), bench.post("b")
    monkeypatch.setattr(first, step, fail)
    await bench.until_begun()
    bench.store.end()
    assert (len(second.outcomes), second.resumed) == (1, 1)
    third = bench.post("c")
    await bench.until_begun(2)
    bench.store.end()
    assert (len(third.outcomes), third.resumed, bench.writer.waiting) == (1, 1, 0)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["clumsy"]
    caplog.clear()


async def test_closing_waits_for_what_was_accepted_then_refuses() -> None:
    bench = Bench()
    first = bench.post("a")
    await bench.until_begun()
    closing = asyncio.ensure_future(bench.writer.close())
    await asyncio.sleep(0)
    bench.store.end()
    await asyncio.wait_for(closing, 30)
    assert isinstance(first.outcomes[0], PostedMessage)
    with pytest.raises(StoreUnavailable, match="closed"):
        bench.post("b")


async def test_closing_fails_what_takes_too_long_and_its_late_outcome_is_not_published() -> None:
    bench = Bench()
    first = bench.post("a")
    await bench.until_begun()
    second = bench.post("b")
    await bench.writer.close(within_s=0.01)
    for author in (first, second):
        assert [str(outcome) for outcome in author.outcomes] == [str(StoreUnavailable("closed"))]
        assert author.resumed == 1
    bench.store.end()
    assert (len(first.outcomes), "publish stored a" in bench.log) == (1, False)
