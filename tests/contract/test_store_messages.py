from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from store.contract import Store
from store.models import ProfileChange, Refusal, Stored, ThreadPage, TooSoon
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.support.clock import HandClock
from tests.support.waiting import until_on_loop


def seqs(outcomes: Sequence[Stored | Refusal | TooSoon]) -> list[int | None]:
    return [outcome.message.seq if isinstance(outcome, Stored) else None for outcome in outcomes]


@pytest.mark.gen_test
async def test_a_stored_message_reads_the_same_wherever_it_is_read(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    (outcome,) = await store.messages.append(room_id, [fill.draft(ann, "👩‍👩‍👧 \U0001d518 \"'\\\n\t", "c-1")])
    assert isinstance(outcome, Stored)
    message = outcome.message
    assert (message.seq, message.rev, message.type, message.content) == (1, 0, "text", "👩‍👩‍👧 \U0001d518 \"'\\\n\t")
    assert (message.user_id, message.username, message.room_id, message.client_id) == (
        ann.id,
        ann.username,
        room_id,
        "c-1",
    )
    assert message.created_at == "2027-01-15T08:00:00.000Z"
    assert await store.messages.get(message.id) == message
    assert await store.messages.by_client_id(room_id, ann.id, "c-1") == message
    assert (await store.messages.page(room_id, limit=5)).messages == (message,)
    assert await store.messages.newest_between(room_id, after=0, upto=9, limit=5) == [message]


@pytest.mark.parametrize(
    "message_id", ["", "x", "-", "-1", "{room}-", "{room}-0", "{room}-01", "{room}-2", "{room}-1 ", "{room}-\u0661"]
)
@pytest.mark.gen_test
async def test_what_is_no_message_id_finds_nothing(store: Store, fill: StoreFiller, message_id: str) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await fill.say(room_id, ann, "hi")
    assert await store.messages.get(message_id.format(room=room_id)) is None


@on_each_backend
@pytest.mark.gen_test
async def test_seq_has_no_holes_though_64_write_at_once_in_two_rooms(store: Store, fill: StoreFiller) -> None:
    people = [await fill.user() for _ in range(64)]
    rooms = [(await fill.room(people[0])).room.id for _ in range(2)]
    for room_id in rooms:
        await asyncio.gather(*(store.members.add(room_id, one.id) for one in people[1:]))

    async def write(number: int) -> None:
        for turn in range(6):
            drafts = [fill.draft(people[number]) for _ in range(1 + (number + turn) % 3)]
            outcomes = await store.messages.append(rooms[(number + turn) % 2], drafts)
            own = seqs(outcomes)
            assert own == list(range(own[0] or 0, (own[0] or 0) + len(own)))

    await asyncio.gather(*(write(number) for number in range(64)))
    total = 0
    for room_id in rooms:
        head = (await store.rooms.heads([room_id]))[room_id].seq
        messages = await store.messages.newest_between(room_id, after=0, upto=head, limit=10_000)
        assert [message.seq for message in messages] == list(range(1, head + 1))
        assert [message.created_at for message in messages] == sorted(message.created_at for message in messages)
        total += head
    assert total == sum(1 + (number + turn) % 3 for number in range(64) for turn in range(6))


@on_each_backend
@pytest.mark.gen_test
async def test_an_append_with_a_callback_stores_and_refuses_as_one_that_is_awaited(
    store: Store, fill: StoreFiller
) -> None:
    ann, eve = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    calls: list[tuple[list[Stored | Refusal | TooSoon] | None, Exception | None]] = []

    def note(outcomes: list[Stored | Refusal | TooSoon] | None, error: Exception | None) -> None:
        calls.append((outcomes, error))

    store.messages.append_then(room_id, [fill.draft(ann, "a"), fill.draft(eve), fill.draft(ann, "b")], note)
    await until_on_loop(lambda: calls)
    awaited = await store.messages.append(room_id, [fill.draft(ann, "c")])
    ((outcomes, error),) = calls
    assert error is None and outcomes is not None
    assert (seqs(outcomes), outcomes[1]) == ([1, None, 2], Refusal.NOT_MEMBER)
    assert seqs(awaited) == [3]
    stored = (await store.messages.page(room_id, limit=9)).messages
    assert [message.content for message in stored] == ["a", "b", "c"]
    assert [one.message for one in outcomes if isinstance(one, Stored)] == list(stored[:2])


@on_each_backend
@pytest.mark.gen_test
async def test_a_callback_that_raises_ends_no_other_append(
    store: Store, fill: StoreFiller, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await fill.user()
    rooms = [(await fill.room(ann)).room.id for _ in range(2)]
    calls: list[str] = []

    def clumsy(outcomes: object, error: Exception | None) -> None:
        calls.append("clumsy")
        raise LookupError("clumsy")

    store.messages.append_then(rooms[0], [fill.draft(ann)], clumsy)
    store.messages.append_then(rooms[1], [fill.draft(ann)], lambda outcomes, error: calls.append("other"))
    await until_on_loop(lambda: len(calls) == 2)
    assert sorted(calls) == ["clumsy", "other"]
    assert seqs(await store.messages.append(rooms[0], [fill.draft(ann)])) == [2]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["clumsy"]
    caplog.clear()


@pytest.mark.gen_test
async def test_a_resent_client_id_returns_the_first_message(
    store: Store, fill: StoreFiller, open_again: Reopen
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id, other_room_id = (await fill.room(ann)).room.id, (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    first, twin, third = await store.messages.append(
        room_id, [fill.draft(ann, "first", "same"), fill.draft(ann, "twin", "same"), fill.draft(ann, "third")]
    )
    assert isinstance(first, Stored)
    assert twin == Stored(first.message, duplicate=True)
    assert seqs([third]) == [2]
    (again,) = await store.messages.append(room_id, [fill.draft(ann, "again", "same")])
    assert again == twin
    await store.close()
    reopened = await open_again()
    (later,) = await reopened.messages.append(room_id, [fill.draft(ann, "later", "same")])
    assert later == twin
    (others, elsewhere) = (
        await reopened.messages.append(room_id, [fill.draft(bob, "other", "same")]),
        await reopened.messages.append(other_room_id, [fill.draft(ann, "elsewhere", "same")]),
    )
    assert (seqs(others), seqs(elsewhere)) == ([3], [1])


@on_each_backend
@pytest.mark.gen_test
async def test_a_resend_that_races_with_itself_is_stored_once(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    outcomes = await asyncio.gather(
        *(store.messages.append(room_id, [fill.draft(ann, "x", "same")]) for _ in range(30))
    )
    stored = [outcome for (outcome,) in outcomes if isinstance(outcome, Stored)]
    assert len(stored) == 30
    assert [outcome.duplicate for outcome in stored].count(False) == 1
    assert {outcome.message.seq for outcome in stored} == {1}


@pytest.mark.gen_test
async def test_who_may_not_write_is_refused_and_takes_no_seq(store: Store, fill: StoreFiller) -> None:
    ann, stranger = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    outcomes = await store.messages.append(room_id, [fill.draft(ann), fill.draft(stranger), fill.draft(ann)])
    assert (seqs(outcomes), outcomes[1]) == ([1, None, 2], Refusal.NOT_MEMBER)
    assert await store.messages.append("none", [fill.draft(ann)]) == [Refusal.ROOM_NOT_FOUND]
    assert await store.messages.append(room_id, []) == []


@pytest.mark.gen_test
async def test_an_answer_and_a_thread_must_be_of_this_room(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id, other_id = (await fill.room(ann)).room.id, (await fill.room(ann)).room.id
    (root,) = await fill.say(room_id, ann, "root")
    (foreign,) = await fill.say(other_id, ann, "foreign")
    good, bad_reply, bad_thread, nonsense = await store.messages.append(
        room_id,
        [
            fill.draft(ann, reply_to_id=root.id, thread_id=root.id),
            fill.draft(ann, reply_to_id=foreign.id),
            fill.draft(ann, thread_id=f"{room_id}-99"),
            fill.draft(ann, reply_to_id="%"),
        ],
    )
    assert isinstance(good, Stored)
    assert (good.message.reply_to_id, good.message.thread_id) == (root.id, root.id)
    assert await store.messages.get(good.message.id) == good.message
    assert [bad_reply, bad_thread, nonsense] == [Refusal.MESSAGE_NOT_FOUND] * 3


@pytest.mark.gen_test
async def test_an_attachment_that_is_not_there_is_refused(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    outcomes = await store.messages.append(room_id, [fill.draft(ann, attachment_ids=("none",)), fill.draft(ann)])
    assert (outcomes[0], seqs(outcomes)) == (Refusal.FILE_NOT_FOUND, [None, 1])


@pytest.mark.gen_test
async def test_mentions_of_others_than_members_are_dropped(store: Store, fill: StoreFiller) -> None:
    ann, bob, stranger = await fill.user(), await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    mentions = (stranger.id, bob.id, "nobody", bob.id, ann.id)
    (outcome,) = await store.messages.append(room_id, [fill.draft(ann, mentions=mentions)])
    assert isinstance(outcome, Stored)
    assert outcome.message.mentions == (bob.id, ann.id)
    assert await store.messages.get(outcome.message.id) == outcome.message


@pytest.mark.gen_test
async def test_pages_go_both_ways_and_tell_whether_there_is_more(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await fill.say(room_id, ann, *"abcdefg")
    await store.members.add(room_id, (await fill.user()).id)

    async def page(limit: int, before: int | None = None, after: int | None = None) -> tuple[list[int], bool, int]:
        found = await store.messages.page(room_id, limit=limit, before=before, after=after)
        return [message.seq for message in found.messages], found.has_more, found.rev

    assert await page(3) == ([5, 6, 7], True, 1)
    assert await page(3, before=5) == ([2, 3, 4], True, 1)
    assert await page(3, before=2) == ([1], False, 1)
    assert await page(3, before=1) == ([], False, 1)
    assert await page(3, after=0) == ([1, 2, 3], True, 1)
    assert await page(3, after=4) == ([5, 6, 7], False, 1)
    assert await page(3, after=7) == ([], False, 1)
    assert await page(7) == ([1, 2, 3, 4, 5, 6, 7], False, 1)
    assert (await store.messages.page("none", limit=3)).messages == ()


@pytest.mark.gen_test
async def test_a_page_brings_its_authors_as_they_now_are_where_they_are_asked_for(
    store: Store, fill: StoreFiller
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    for author in (ann, bob, ann):
        await fill.say(room_id, author, "hi")
    renamed = await store.users.update(ann.id, ProfileChange(display_name="Anna"))
    page = await store.messages.page(room_id, limit=2, with_authors=True)
    assert ({author.id: author for author in page.authors}, [message.seq for message in page.messages]) == (
        {ann.id: renamed, bob.id: bob},
        [2, 3],
    )
    assert (await store.messages.page(room_id, limit=1, after=2, with_authors=True)).authors == (renamed,)
    assert (await store.messages.page(room_id, limit=2)).authors == ()
    assert (await store.messages.page("none", limit=2, with_authors=True)).authors == ()


@pytest.mark.gen_test
async def test_what_was_missed_is_its_newest_part(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await fill.say(room_id, ann, *"abcdefg")
    missed = await store.messages.newest_between(room_id, after=2, upto=6, limit=3)
    assert [message.seq for message in missed] == [4, 5, 6]
    assert await store.messages.newest_between(room_id, after=7, upto=7, limit=3) == []


@pytest.mark.gen_test
async def test_times_do_not_fall_though_the_clock_is_set_back(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    (first,) = await fill.say(room_id, ann, "now")
    clock.ms -= 60_000
    (second,) = await fill.say(room_id, ann, "then")
    assert second.created_at == first.created_at


@on_each_backend
@pytest.mark.gen_test
async def test_a_write_that_returned_is_seen_by_every_read_that_follows(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id

    async def write_and_read(number: int) -> None:
        (message,) = await fill.say(room_id, ann, str(number))
        assert await store.messages.get(message.id) == message

    await asyncio.gather(*(write_and_read(number) for number in range(50)))


@pytest.mark.gen_test
async def test_a_reply_to_a_reply_belongs_to_the_thread_of_the_root(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    root, other = await fill.say(room_id, ann, "root", "other")
    thread_id, replies = root.id, []
    for _ in range(3):
        (reply,) = await store.messages.append(room_id, [fill.draft(ann, reply_to_id=thread_id, thread_id=thread_id)])
        assert isinstance(reply, Stored)
        assert (reply.message.thread_id, reply.message.reply_to_id) == (root.id, thread_id)
        assert await store.messages.get(reply.message.id) == reply.message
        thread_id = reply.message.id
        replies.append(reply.message)
    await store.messages.append(room_id, [fill.draft(ann, thread_id=other.id)])
    assert await store.messages.thread(room_id, root.seq, after=0, limit=9) == ThreadPage(tuple(replies), 3, False)
    assert await store.messages.thread(room_id, root.seq, after=0, limit=2) == ThreadPage(tuple(replies[:2]), 3, True)
    assert await store.messages.thread(room_id, root.seq, after=replies[0].seq, limit=2) == ThreadPage(
        tuple(replies[1:]), 3, False
    )
    assert await store.messages.thread(room_id, 99, after=0, limit=2) == ThreadPage((), 0, False)
    assert await store.messages.thread("none", 1, after=0, limit=2) == ThreadPage((), 0, False)
