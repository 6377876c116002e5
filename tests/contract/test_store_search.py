from __future__ import annotations

from typing import Any

import pytest

from store import search_ranking
from store.contract import Store
from store.list_cursors import cursor_of_key
from store.models import Actor, Message, MessageSearch, ProfileChange, Stored, User
from store.sqlite import search as sqlite_search
from tests.contract.conftest import StoreFiller
from tests.contract.test_store_files import upload
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
        return set(await found(store, MessageSearch(room_ids=(room_id,), texts=wanted)))

    assert await words("tea", "green") == {"Green TEA, please", "a pot of tea that is green"}
    assert await words("PLEASE") == {"Green TEA, please"}
    assert await words("tea", "nothing") == set()


@pytest.mark.gen_test
async def test_a_phrase_wants_its_words_in_a_row(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    room_id, _ = await room_with(fill, clock, "the green tea", "tea that is green", "green, tea")
    assert "the green tea" in await found(store, MessageSearch(room_ids=(room_id,), texts=("green tea",)))
    assert "tea that is green" not in await found(store, MessageSearch(room_ids=(room_id,), texts=("green tea",)))


# What is written, what is searched for, and whether that finds it: on every store alike.
SAMPLES = [
    ("Crème brûlée", "creme BRULEE", True),
    ("creme brulee", "crème brûlée", True),
    ("Cre\u0300me", "crème", True),
    ("Straße", "STRASSE", True),
    ("STRASSE", "straße", True),
    ("Größe", "große", True),
    ("ΟΔΟΣ", "οδος", True),
    ("οδός", "ΟΔΟΣ", True),
    ("Tiếng Việt, đường", "tieng viet duong", True),
    ("tieng viet", "TIẾNG VIỆT", True),
    ("İstanbul", "istanbul", True),
    ("ИВАН пишет", "иван", True),
    ("Zażółć gęślą łódź", "zazolc lodz", False),  # no phrase: a word is between them
    ("Zażółć gęślą łódź", "gesla lodz", True),
    ("東京の天気", "天気", True),
    ("東京の天気", "京天", False),
    ("カﾞ", "ガ", True),
    ("한국어로 이야기", "한국어", True),
    ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국", True),
    ("ภาษาไทย", "ไทย", True),
    ("हिन्दी भाषा", "भाषा", True),
    ("हिन्दी", "हिन्द", False),
    ("well done \U0001f44d\U0001f3fd", "\U0001f44d", True),
    ("ｆｕｌｌ width", "full", True),
    ("evergreen", "green", False),
    ("greenish", "green", False),
    ("green-ish", "green", True),
    ("don’t", "don't", True),
    ("it is green, tea", "green tea", True),
    ("snake_case", "case", True),
    ("a.b@example.com", "example.com", True),
    ("٢٠٢٤", "2024", True),
]


@pytest.mark.parametrize(("content", "text", "is_found"), SAMPLES)
@pytest.mark.gen_test
async def test_accents_case_and_forms_of_letters_make_no_difference(
    store: Store, fill: StoreFiller, clock: HandClock, content: str, text: str, is_found: bool
) -> None:
    room_id, (message, _) = await room_with(fill, clock, content, "something else")
    search = MessageSearch(room_ids=(room_id,), texts=(text,))
    assert await found(store, search) == ([content] if is_found else [])
    await store.messages.edit(message.id, "plain", actor=ADMIN)
    assert await found(store, search) == []
    await store.messages.edit(message.id, content, actor=ADMIN)
    assert await found(store, search) == ([content] if is_found else [])
    await store.messages.delete(message.id, actor=ADMIN)
    assert await found(store, search) == []


@pytest.mark.gen_test
async def test_messages_of_one_batch_are_found_by_their_own_words(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    await fill.say(room_id, ann, "plain one", "Schöne zwei", "plain three", "漢字 four")
    for text, content in (
        ("one", "plain one"),
        ("schone", "Schöne zwei"),
        ("three", "plain three"),
        ("字", "漢字 four"),
    ):
        assert await found(store, MessageSearch(room_ids=(room_id,), texts=(text,))) == [content]


@pytest.mark.gen_test
async def test_who_has_a_word_more_often_or_says_less_else_comes_first_then_the_newer(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    contents = ["tea", "tea and a great many other things that are to be said of this day", "tea tea", "tea"]
    room_id, _ = await room_with(fill, clock, *contents)
    hits, _ = await store.messages.search(MessageSearch(room_ids=(room_id,), texts=("tea",)), limit=9, after=None)
    assert [hit.message.seq for hit in hits] == [3, 4, 1, 2]
    assert hits[1].score == hits[2].score


@pytest.mark.gen_test
async def test_past_a_window_the_older_matches_follow_each_once(
    store: Store, fill: StoreFiller, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_ranking, "WINDOW", 4)
    room_id, _ = await room_with(fill, clock, "tea tea", *["tea"] * 8, "téa téa", "tea")
    search = MessageSearch(room_ids=(room_id,), texts=("tea",))
    seqs: list[int] = []
    after = None
    for count in (3, 3, 3, 2):
        hits, after = await store.messages.search(search, limit=3, after=after)
        assert len(hits) == count
        seqs += [hit.message.seq for hit in hits]
        # What comes meanwhile is on no later page.
        ann = hits[0].message
        await store.messages.append(room_id, [fill.draft(await author_of(store, ann), "tea")])
    assert after is None
    assert seqs == [10, 11, 9, 8, 7, 6, 5, 4, 1, 3, 2]


async def author_of(store: Store, message: Message) -> User:
    user = await store.users.get(message.user_id)
    assert user is not None
    return user


@pytest.mark.gen_test
async def test_mentions_of_a_user_or_of_all_are_found(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    drafts = [fill.draft(ann, "tea", mentions=(bob.id,)), fill.draft(ann, "tea"), fill.draft(bob, "tea")]
    await store.messages.append(room_id, drafts)
    for texts in ((), ("tea",)):
        mentioning = MessageSearch(room_ids=(room_id,), texts=texts, mentioned_id=bob.id)
        hits, _ = await store.messages.search(mentioning, limit=9, after=None)
        assert [hit.message.seq for hit in hits] == [1]
    by_both = MessageSearch(room_ids=(room_id,), author_ids=(ann.id, bob.id))
    assert await found(store, by_both) == ["tea"] * 3


@pytest.mark.gen_test
async def test_only_the_rooms_that_are_named_are_searched(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    one, _ = await room_with(fill, clock, "tea here")
    other, _ = await room_with(fill, clock, "tea there")
    assert await found(store, MessageSearch(room_ids=(one,), texts=("tea",))) == ["tea here"]
    assert set(await found(store, MessageSearch(room_ids=(one, other), texts=("tea",)))) == {"tea here", "tea there"}
    assert await found(store, MessageSearch(room_ids=(), texts=("tea",))) == []


@pytest.mark.gen_test
async def test_filters_alone_find_the_newest_first(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    start = clock.ms
    room_id, messages = await room_with(fill, clock, "one", "two", "three", "four")
    bob = await fill.user()
    await store.members.add(room_id, bob.id)
    await fill.say(room_id, bob, "bob's")
    everything = MessageSearch(room_ids=(room_id,))
    assert await found(store, everything) == ["bob's", "four", "three", "two", "one"]
    assert await found(store, MessageSearch(room_ids=(room_id,), author_ids=(bob.id,))) == ["bob's"]
    assert await found(store, MessageSearch(room_ids=(room_id,), after_ms=start + 1000, before_ms=start + 3000)) == [
        "three",
        "two",
    ]
    assert await found(store, MessageSearch(room_ids=(room_id,), has_file=True)) == []
    await store.messages.delete(messages[1].id, actor=ADMIN)
    assert await found(store, everything) == ["bob's", "four", "three", "one"]


@pytest.mark.gen_test
async def test_messages_with_a_file_are_found_whatever_else_is_wanted_until_they_are_deleted(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob = await fill.user(), await fill.user()
    one, other = [(await fill.room(ann)).room.id for _ in range(2)]
    file_ids = [(await upload(store, ann)).id for _ in range(2)]
    await store.members.add(one, bob.id)
    drafts = [
        fill.draft(ann, "green tea", attachment_ids=(file_ids[0],)),
        fill.draft(ann, "black tea", attachment_ids=tuple(file_ids), mentions=(bob.id,)),
        fill.draft(ann, "coffee", attachment_ids=(file_ids[1],)),
        fill.draft(bob, "tea without a file", mentions=(ann.id,)),
    ]
    messages = []
    for draft in drafts:
        messages += await store.messages.append(one, [draft])
        clock.ms += 1000
    await store.messages.append(other, [fill.draft(ann, "tea elsewhere", attachment_ids=(file_ids[0],))])
    ids = [stored.message.id for stored in messages if isinstance(stored, Stored)]
    await store.messages.react(ids[3], "\U0001f44d", actor=Actor(bob.id), on=True)

    async def with_file(*room_ids: str, **more: Any) -> list[str | None]:
        return await found(store, MessageSearch(room_ids=room_ids or (one,), has_file=True, **more))

    assert await with_file() == ["coffee", "black tea", "green tea"]
    assert await with_file(one, other) == ["tea elsewhere", "coffee", "black tea", "green tea"]
    assert await with_file(author_ids=(ann.id,), texts=("tea",)) == ["black tea", "green tea"]
    assert await with_file(author_ids=(bob.id,)) == await with_file(texts=("without",)) == []
    assert await with_file(mentioned_id=bob.id) == ["black tea"]
    assert await with_file(after_ms=clock.ms - 3000, before_ms=clock.ms - 1000) == ["coffee", "black tea"]
    await store.messages.edit(ids[0], "white tea", actor=ADMIN)
    await store.messages.react(ids[1], "\U0001f44d", actor=Actor(bob.id), on=True)
    assert await with_file(texts=("tea",)) == ["black tea", "white tea"]
    await store.messages.delete(ids[1], actor=ADMIN)
    assert await with_file() == ["coffee", "white tea"]


@pytest.mark.gen_test
async def test_a_changed_message_is_found_by_what_it_says_now(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    room_id, (edited, deleted) = await room_with(fill, clock, "old words", "old as well")
    await store.messages.edit(edited.id, "new words", actor=ADMIN)
    await store.messages.delete(deleted.id, actor=ADMIN)
    assert await found(store, MessageSearch(room_ids=(room_id,), texts=("old",))) == []
    assert await found(store, MessageSearch(room_ids=(room_id,), texts=("new",))) == ["new words"]


@pytest.mark.gen_test
async def test_a_cursor_goes_through_all_hits_once(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    room_id, _ = await room_with(fill, clock, *(f"tea number {number} {'tea ' * (number % 3)}" for number in range(11)))
    for search in (MessageSearch(room_ids=(room_id,), texts=("tea",)), MessageSearch(room_ids=(room_id,))):
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
    *(cursor_of_key((-1, -1, 1.0, place)) for place in (10**19, -(2**63) - 1)),
    *(cursor_of_key((place, -1, 1.0, -1)) for place in (10**19, -(2**63) - 1)),
    *(cursor_of_key((-1, "r", -1, *place, 1.0, -1, "r", -1)) for place in ((10**19, "r", 5), (5, "r", 2**63))),
]


@pytest.mark.parametrize("cursor", ["", "x", "W10", "bnVsbA", "WzEsMiwzLDQsNV0", "\u0661", '{"$gt":0}', *HUGE])
@pytest.mark.gen_test
async def test_what_cannot_be_a_cursor_is_a_value_error(
    store: Store, fill: StoreFiller, clock: HandClock, cursor: str
) -> None:
    room_id, _ = await room_with(fill, clock, "tea")
    with pytest.raises(ValueError, match="cursor"):
        await store.messages.search(MessageSearch(room_ids=(room_id,), texts=("tea",)), limit=3, after=cursor)


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
        MessageSearch(room_ids=(room_id,), texts=(word,)),
        MessageSearch(room_ids=(room_id,), texts=(word,)),
    ):
        assert "plain words" not in await found(store, search)


@pytest.mark.parametrize("text", ["\ufdfa" * 400, "漢" * 500, "a" * 2000, "\U0001f600" * 500, "a " * 250])
@pytest.mark.gen_test
async def test_a_text_of_very_many_words_is_found(
    store: Store, fill: StoreFiller, clock: HandClock, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_search, "_READ_MAX", 0)  # with the index of words, however few messages there are
    room_id, _ = await room_with(fill, clock, text, "something else")
    assert await found(store, MessageSearch(room_ids=(room_id,), texts=(text,))) == [text]


@pytest.mark.gen_test
async def test_a_beginning_is_completed_to_the_words_of_the_rooms_the_most_frequent_first(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    contents = ["Teapot, tea", "TEA; Zürich", "tease zurich", "ZÜRICH", "steam", "te"]
    room_id, messages = await room_with(fill, clock, *contents, "teak")
    other, _ = await room_with(fill, clock, "teacher")
    await store.messages.delete(messages[-1].id, actor=ADMIN)

    async def complete(prefix: str, *rooms: str, limit: int = 8) -> list[str]:
        return await store.messages.complete(rooms or (room_id,), prefix, limit=limit)

    assert await complete("te") == ["tea", "te", "teapot", "tease"]
    assert await complete("tea") == ["tea", "teapot", "tease"]
    assert await complete("tea", limit=2) == ["tea", "teapot"]
    assert await complete("t") == await complete("te")
    assert await complete("ZÜR") == ["zürich"]
    assert await complete("tea te") == []
    assert await complete("teach") == await complete(".") == await complete('"') == []
    assert await complete("teach", room_id, other) == ["teacher"]


@pytest.mark.gen_test
async def test_people_of_the_rooms_are_found_by_the_beginnings_of_their_names(store: Store, fill: StoreFiller) -> None:
    ann, anton, other = await fill.user("ann"), await fill.user("Anton"), await fill.user("anna")
    await store.users.update(other.id, ProfileChange(display_name="Zoe"))
    room_id = (await fill.room(ann)).room.id
    elsewhere = (await fill.room(other)).room.id
    await store.members.add(room_id, anton.id)

    async def names(prefix: str, *room_ids: str, limit: int = 9) -> list[str]:
        return [user.username for user in await store.users.search_members(room_ids, prefix, limit)]

    assert await names("AN", room_id) == ["ann", "Anton"]
    assert await names("an", room_id, elsewhere) == ["ann", "anna", "Anton"]
    assert await names("an", room_id, elsewhere, limit=2) == ["ann", "anna"]
    assert await names("zo", elsewhere) == ["anna"]
    assert await names("zo", room_id) == await names("an") == []
    await store.members.remove(room_id, anton.id)
    assert await names("an", room_id) == ["ann"]


@pytest.mark.gen_test
async def test_the_names_of_ones_rooms_are_those_of_ones_memberships(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    one, two = await fill.room(ann, name="One"), await fill.room(bob, name="Two", private=True)
    await fill.room(bob, name="Three")
    await store.members.add(two.room.id, ann.id)
    assert await store.rooms.names_of(ann.id) == {one.room.id: "One", two.room.id: "Two"}
    await store.members.remove(two.room.id, ann.id)
    assert await store.rooms.names_of(ann.id) == {one.room.id: "One"}
    assert await store.rooms.names_of("nobody") == {}
