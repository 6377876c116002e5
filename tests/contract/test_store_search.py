from __future__ import annotations

import pytest

from store.contract import Store
from store.list_cursors import cursor_of_key
from store.models import Message, MessageSearch
from tests.contract.conftest import StoreFiller
from tests.support.actors import ADMIN
from tests.support.clock import HandClock


async def found(store: Store, search: MessageSearch) -> list[str | None]:
    hits, following = await store.messages.search(search, limit=100, after=None)
    assert following is None
    return [hit.message.content for hit in hits]


async def room_with(fill: StoreFiller, clock: HandClock, *contents: str) -> tuple[str, list[Message]]:
    """A room with these messages, one second apart."""
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    messages = []
    for content in contents:
        messages += await fill.say(room_id, ann, content)
        clock.ms += 1000
    return room_id, messages


@pytest.mark.gen_test
async def test_all_words_are_wanted_in_any_case_and_order(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    room_id, _ = await room_with(
        fill, clock, "Green TEA, please", "tea for two", "green light", "a pot of tea that is green"
    )

    async def words(*wanted: str) -> set[str | None]:
        return set(await found(store, MessageSearch(room_ids=(room_id,), words=wanted)))

    assert await words("tea", "green") == {"Green TEA, please", "a pot of tea that is green"}
    assert await words("PLEASE") == {"Green TEA, please"}
    assert await words("tea", "nothing") == set()


@pytest.mark.gen_test
async def test_a_phrase_wants_its_words_in_a_row(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    room_id, _ = await room_with(fill, clock, "the green tea", "tea that is green", "green, tea")
    assert "the green tea" in await found(store, MessageSearch(room_ids=(room_id,), phrases=("green tea",)))
    assert "tea that is green" not in await found(store, MessageSearch(room_ids=(room_id,), phrases=("green tea",)))


@pytest.mark.gen_test
async def test_only_the_rooms_that_are_named_are_searched(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    one, _ = await room_with(fill, clock, "tea here")
    other, _ = await room_with(fill, clock, "tea there")
    assert await found(store, MessageSearch(room_ids=(one,), words=("tea",))) == ["tea here"]
    assert set(await found(store, MessageSearch(room_ids=(one, other), words=("tea",)))) == {"tea here", "tea there"}
    assert await found(store, MessageSearch(room_ids=(), words=("tea",))) == []


@pytest.mark.gen_test
async def test_filters_alone_find_the_newest_first(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    start = clock.ms
    room_id, messages = await room_with(fill, clock, "one", "two", "three", "four")
    bob = await fill.user()
    await store.members.add(room_id, bob.id)
    await fill.say(room_id, bob, "bob's")
    everything = MessageSearch(room_ids=(room_id,))
    assert await found(store, everything) == ["bob's", "four", "three", "two", "one"]
    assert await found(store, MessageSearch(room_ids=(room_id,), author_id=bob.id)) == ["bob's"]
    assert await found(store, MessageSearch(room_ids=(room_id,), after_ms=start + 1000, before_ms=start + 3000)) == [
        "three",
        "two",
    ]
    assert await found(store, MessageSearch(room_ids=(room_id,), has_file=True)) == []
    await store.messages.delete(messages[1].id, actor=ADMIN)
    assert await found(store, everything) == ["bob's", "four", "three", "one"]


@pytest.mark.gen_test
async def test_a_changed_message_is_found_by_what_it_says_now(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    room_id, (edited, deleted) = await room_with(fill, clock, "old words", "old as well")
    await store.messages.edit(edited.id, "new words", actor=ADMIN)
    await store.messages.delete(deleted.id, actor=ADMIN)
    assert await found(store, MessageSearch(room_ids=(room_id,), words=("old",))) == []
    assert await found(store, MessageSearch(room_ids=(room_id,), words=("new",))) == ["new words"]


@pytest.mark.gen_test
async def test_a_cursor_goes_through_all_hits_once(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    room_id, _ = await room_with(fill, clock, *(f"tea number {number} {'tea ' * (number % 3)}" for number in range(11)))
    for search in (MessageSearch(room_ids=(room_id,), words=("tea",)), MessageSearch(room_ids=(room_id,))):
        seen: list[int] = []
        scores: list[float] = []
        after = None
        for _ in range(4):
            hits, after = await store.messages.search(search, limit=3, after=after)
            seen += [hit.message.seq for hit in hits]
            scores += [hit.score for hit in hits]
        assert after is None
        assert sorted(seen) == list(range(1, 12))
        assert scores == sorted(scores, reverse=True)


# Cursors in each backend's format, with integers too large for a database.
HUGE = [
    cursor_of_key((1.0, *key))
    for key in ((10**19, 5), (5, 10**19), (5, -(2**63) - 1), (10**19, "r", 5), (5, "r", 10**19), (2**63, "r", 1))
]


@pytest.mark.parametrize("cursor", ["", "x", "W10", "bnVsbA", "WzEsMiwzLDQsNV0", "\u0661", '{"$gt":0}', *HUGE])
@pytest.mark.gen_test
async def test_what_cannot_be_a_cursor_is_a_value_error(
    store: Store, fill: StoreFiller, clock: HandClock, cursor: str
) -> None:
    room_id, _ = await room_with(fill, clock, "tea")
    with pytest.raises(ValueError, match="cursor"):
        await store.messages.search(MessageSearch(room_ids=(room_id,), words=("tea",)), limit=3, after=cursor)


@pytest.mark.parametrize(
    "word",
    [
        "(tea",
        "tea)",
        "[",
        "*",
        "tea*",
        "^tea",
        "$where",
        '"',
        '"tea',
        "tea\\",
        "-tea",
        "NEAR",
        "a AND b",
        "x:y",
        "%",
        "\x00",
        "{}",
    ],
)
@pytest.mark.gen_test
async def test_no_word_is_read_as_an_expression(store: Store, fill: StoreFiller, clock: HandClock, word: str) -> None:
    room_id, _ = await room_with(fill, clock, "plain words")
    for search in (
        MessageSearch(room_ids=(room_id,), words=(word,)),
        MessageSearch(room_ids=(room_id,), phrases=(word,)),
    ):
        assert "plain words" not in await found(store, search)
