from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator

import pytest
from msgspec import Struct, field

from store.contract import Store
from store.errors import Missing, OverQuota
from store.ids import make_id
from store.models import UNDESCRIBED_KEEP_MS, Actor, File, FileDraft, Refusal, RoomPatch, Stored, TooSoon, User
from tests.contract.conftest import Reopen, StoreFiller
from tests.support.actors import ADMIN
from tests.support.clock import HandClock

DAY_MS = 24 * 3600 * 1000


async def async_pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


class StalledUpload(Struct):
    """An upload that stops after its first piece."""

    first: bytes
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def async_pieces(self) -> AsyncIterator[bytes]:
        yield self.first
        self.reached.set()
        await asyncio.Event().wait()


async def read(store: Store, file_id: str, **more: int | bool | None) -> bytes:
    return b"".join([piece async for piece in store.files.read(file_id, **more)])  # type: ignore[arg-type]


async def upload(store: Store, owner: User, content: bytes = b"content", *, thumbnail: bytes | None = None) -> File:
    file_id = make_id("f")
    written = await store.files.write(file_id, async_pieces(content))
    if thumbnail is not None:
        await store.files.write(file_id, async_pieces(thumbnail), thumbnail=True)
    return await store.files.create(
        FileDraft(
            file_id, owner.id, "photo ö.png", written.size, "image/png", written.sha256, 3, 4, thumbnail is not None
        )
    )


@pytest.mark.gen_test
async def test_a_file_comes_back_as_it_was_written(store: Store, fill: StoreFiller, open_again: Reopen) -> None:
    ann = await fill.user()
    content = bytes(range(256)) * 3000
    file = await upload(store, ann, content, thumbnail=b"small")
    assert file == File(
        file.id, f"/files/{file.id}", "photo ö.png", len(content), "image/png", hashlib.sha256(content).hexdigest(),
        3, 4,
        f"/files/{file.id}/thumbnail",
    )  # fmt: skip
    await store.close()
    reopened = await open_again()
    assert await reopened.files.get(file.id) == file
    assert await read(reopened, file.id) == content
    assert await read(reopened, file.id, thumbnail=True) == b"small"


@pytest.mark.parametrize(
    ("start", "end"), [(0, 10), (5, None), (262_140, 262_150), (299_999, None), (300_000, None), (7, 7), (9, 8)]
)
@pytest.mark.gen_test
async def test_a_part_of_a_file_can_be_read(store: Store, fill: StoreFiller, start: int, end: int | None) -> None:
    content = b"0123456789" * 30_000
    file = await upload(store, await fill.user(), content)
    assert await read(store, file.id, start=start, end=end) == content[start:end]


@pytest.mark.gen_test
async def test_an_empty_file_is_a_file(store: Store, fill: StoreFiller) -> None:
    file = await upload(store, await fill.user(), b"")
    assert (file.size, file.thumbnail_url) == (0, None)
    assert await read(store, file.id) == b""
    with pytest.raises(Missing):
        await read(store, file.id, thumbnail=True)


@pytest.mark.parametrize(
    "file_id", ["none", "", "../chat.db", "/etc/passwd", "..", "a/b", "{id}.thumbnail", "\x00", "$where", "a" * 500]
)
@pytest.mark.gen_test
async def test_what_is_no_files_id_finds_nothing(store: Store, fill: StoreFiller, file_id: str) -> None:
    ann = await fill.user()
    file = await upload(store, ann)
    wanted = file_id.replace("{id}", file.id)
    assert await store.files.get(wanted) is None
    assert not await store.files.may_read(wanted, ann.id)
    with pytest.raises(Missing) as missing:
        await read(store, wanted)
    assert missing.value.kind == "file"


@pytest.mark.gen_test
async def test_what_is_not_described_is_not_there(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    file_id = make_id("f")
    await store.files.write(file_id, async_pieces(b"x"))
    with pytest.raises(Missing):
        await read(store, file_id)
    assert await store.files.get(file_id) is None
    with pytest.raises(Missing):
        await store.files.create(FileDraft(make_id("f"), ann.id, "x", 1, "text/plain", "00"))
    await store.files.discard(file_id)
    await store.files.discard(file_id)
    with pytest.raises(Missing):
        await store.files.create(FileDraft(file_id, ann.id, "x", 1, "text/plain", "00"))


@pytest.mark.gen_test
async def test_an_upload_that_breaks_off_leaves_nothing(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    broken, cancelled = make_id("f"), make_id("f")

    async def breaking() -> AsyncIterator[bytes]:
        yield b"a piece"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await store.files.write(broken, breaking())
    stalled = StalledUpload(b"a piece" * 100_000)
    writing = asyncio.ensure_future(store.files.write(cancelled, stalled.async_pieces()))
    await stalled.reached.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    for file_id in (broken, cancelled):
        with pytest.raises(Missing):
            await store.files.create(FileDraft(file_id, ann.id, "x", 1, "text/plain", "00"))
        written = await store.files.write(file_id, async_pieces(b"again"))  # the id is free
        await store.files.create(FileDraft(file_id, ann.id, "x", written.size, "text/plain", written.sha256))
        assert await read(store, file_id) == b"again"


@pytest.mark.gen_test
async def test_a_file_is_read_by_its_owner_and_where_it_was_posted(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    room_id, other_id = (await fill.room(ann)).room.id, (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    await store.members.add(other_id, eve.id)
    file = await upload(store, ann)

    async def readers() -> set[str]:
        return {one.id for one in (ann, bob, eve) if await store.files.may_read(file.id, one.id)}

    assert await readers() == {ann.id}
    first, second = await store.messages.append(room_id, [fill.draft(ann, attachment_ids=(file.id,)) for _ in range(2)])
    assert isinstance(first, Stored)
    assert isinstance(second, Stored)
    assert first.message.attachments == (file,)
    assert await store.messages.get(first.message.id) == first.message
    assert await readers() == {ann.id, bob.id}
    assert (await store.messages.append(room_id, [fill.draft(bob, attachment_ids=(file.id,))]))[
        0
    ].value == "file_not_found"  # type: ignore[union-attr]

    await store.messages.delete(first.message.id, actor=ADMIN)
    assert await readers() == {ann.id, bob.id}, "it is still shown by the second"
    await store.messages.delete(second.message.id, actor=ADMIN)
    assert await readers() == {ann.id}
    await store.messages.append(other_id, [fill.draft(ann, attachment_ids=(file.id,))])
    assert await readers() == {ann.id, eve.id}
    await store.members.remove(other_id, eve.id)
    assert await readers() == {ann.id}


@pytest.mark.gen_test
async def test_a_file_of_nobody_is_refused(store: Store) -> None:
    file_id = make_id("f")
    await store.files.write(file_id, async_pieces(b"x"))
    with pytest.raises(Missing) as missing:
        await store.files.create(FileDraft(file_id, "nobody", "x", 1, "text/plain", "00"))
    assert missing.value.kind == "user"


@pytest.mark.gen_test
async def test_only_uploads_that_broke_off_long_ago_are_swept(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    kept = await upload(store, ann)
    finished, begun = [FileDraft(make_id("f"), ann.id, "x", 1, "text/plain", "00") for _ in range(2)]
    for draft in (finished, begun):
        await store.files.write(draft.id, async_pieces(b"x"))
    await store.sweep(min(clock.ms, int(time.time() * 1000)))  # the file system uses the real clock, not the test's
    await store.files.create(finished)
    room_id = (await fill.room(ann)).room.id
    await store.messages.append(room_id, [fill.draft(ann, attachment_ids=(kept.id,))])
    assert await store.sweep(clock.ms + 10 * 365 * DAY_MS) >= 1
    with pytest.raises(Missing):
        await store.files.create(begun)
    assert await read(store, kept.id) == b"content"


@pytest.mark.gen_test
async def test_a_message_that_comes_too_soon_in_slow_mode_shows_its_file_to_nobody(
    store: Store, fill: StoreFiller
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(slow_mode_s=30))
    file = await upload(store, bob)
    await fill.say(room_id, bob, "first")
    drafts = [fill.draft(bob, attachment_ids=(file.id,)) for _ in range(2)]
    assert await store.messages.append(room_id, drafts) == [TooSoon(30), TooSoon(30)]
    assert not await store.files.may_read(file.id, ann.id)


# ---- the quota ---------------------------------------------------------------------------------------------------


async def drafted(store: Store, owner: User, content: bytes) -> FileDraft:
    """A file whose bytes are written, and which is not described yet."""
    file_id = make_id("f")
    written = await store.files.write(file_id, async_pieces(content))
    return FileDraft(file_id, owner.id, "a.txt", written.size, "text/plain", written.sha256)


@pytest.mark.gen_test
async def test_what_a_user_stores_is_bounded_and_what_is_refused_leaves_nothing(
    store: Store, fill: StoreFiller
) -> None:
    ann, bob = await fill.user(), await fill.user()
    first = await store.files.create(await drafted(store, ann, b"x" * 60), quota_bytes=100)
    refused = await drafted(store, ann, b"x" * 41)
    with pytest.raises(OverQuota):
        await store.files.create(refused, quota_bytes=100)
    assert await store.files.get(refused.id) is None
    with pytest.raises(Missing):
        await store.files.create(refused)
    second = await store.files.create(await drafted(store, ann, b"x" * 40), quota_bytes=100)
    await store.files.create(await drafted(store, bob, b"x" * 100), quota_bytes=100)
    await store.files.create(await drafted(store, ann, b"x" * 500))
    owned = await store.files.owned_by(ann.id, limit=2)
    assert {file.id for file in (first, second)} & {file.id for file in owned}
    assert len(owned + await store.files.owned_by(ann.id, limit=2, after=owned[-1].id)) == 3


@pytest.mark.gen_test
async def test_uploads_at_once_never_pass_the_quota_together(
    store: Store, fill: StoreFiller, open_again: Reopen
) -> None:
    ann, other = await fill.user(), await open_again()
    drafts = [await drafted(store, ann, b"x" * 30) for _ in range(8)]
    outcomes = await asyncio.gather(
        *((store, other)[number % 2].files.create(draft, quota_bytes=100) for number, draft in enumerate(drafts)),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, File | OverQuota) for outcome in outcomes), outcomes
    stored = {outcome.id for outcome in outcomes if isinstance(outcome, File)}
    assert len(stored) <= 3
    assert {file.id for file in await store.files.owned_by(ann.id, limit=100)} == stored


# ---- files that nothing shows ------------------------------------------------------------------------------------


async def is_there(store: Store, file_id: str) -> bool:
    """Whether a file is described; then it must have its bytes, too."""
    if await store.files.get(file_id) is None:
        return False
    return bool(await read(store, file_id))


@pytest.mark.gen_test
async def test_a_file_that_no_message_shows_a_day_later_is_removed(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    room_id, doomed_id = (await fill.room(ann)).room.id, (await fill.room(ann)).room.id
    loose, shown, twice, deleted, in_room = [await upload(store, ann, thumbnail=b"t") for _ in range(5)]
    drafts = [fill.draft(ann, attachment_ids=(file.id,)) for file in (shown, twice, twice, deleted)]
    stored = await store.messages.append(room_id, drafts)
    await store.messages.append(doomed_id, [fill.draft(ann, attachment_ids=(in_room.id,))])
    for outcome in stored[2:]:
        assert isinstance(outcome, Stored)
        await store.messages.delete(outcome.message.id, actor=ADMIN)
    await store.rooms.delete(doomed_id, Actor(ann.id))
    everything = (loose, shown, twice, deleted, in_room)
    await store.sweep(clock.ms + DAY_MS - 1)
    assert [await is_there(store, file.id) for file in everything] == [True] * 5
    await store.sweep(clock.ms + DAY_MS)
    assert [await is_there(store, file.id) for file in everything] == [False, True, True, False, False]
    assert await read(store, loose.id), "a backup that began before may copy it"
    await store.sweep(clock.ms + DAY_MS + UNDESCRIBED_KEEP_MS)
    for is_thumbnail in (False, True):
        with pytest.raises(Missing):
            await read(store, loose.id, thumbnail=is_thumbnail)
    assert await read(store, shown.id, thumbnail=True)
    assert [file.id for file in await store.files.owned_by(ann.id, limit=9)] == sorted((shown.id, twice.id))
    refused = await store.messages.append(room_id, [fill.draft(ann, attachment_ids=(shown.id, loose.id))])
    assert refused == [Refusal.FILE_NOT_FOUND]


@pytest.mark.gen_test
async def test_a_file_that_is_posted_while_it_is_swept_stays_or_is_not_there(
    store: Store, fill: StoreFiller, clock: HandClock, open_again: Reopen
) -> None:
    ann, other = await fill.user(), await open_again()
    room_id = (await fill.room(ann)).room.id
    files = [await upload(store, ann) for _ in range(12)]
    *outcomes, _ = await asyncio.gather(
        *(
            (store, other)[number % 2].messages.append(room_id, [fill.draft(ann, attachment_ids=(file.id,))])
            for number, file in enumerate(files)
        ),
        other.sweep(clock.ms + 2 * DAY_MS),
    )
    for file, (outcome,) in zip(files, outcomes, strict=True):
        was_posted = isinstance(outcome, Stored)
        assert was_posted or outcome == Refusal.FILE_NOT_FOUND
        assert await is_there(store, file.id) == was_posted


@pytest.mark.gen_test
async def test_of_a_deleted_account_only_the_files_stay_that_messages_show(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(bob)).room.id
    await store.members.add(room_id, ann.id)
    loose, shown = await upload(store, ann), await upload(store, ann)
    await store.messages.append(room_id, [fill.draft(ann, attachment_ids=(shown.id,))])
    account = await store.users.account(ann.id)
    assert account is not None
    await store.ended_accounts.end(ann.id, before=account.password_hash)
    await store.ended_accounts.erase(ann.id)
    for later_ms in (0, UNDESCRIBED_KEEP_MS):
        await store.sweep(clock.ms + later_ms)
    assert [await is_there(store, file.id) for file in (loose, shown)] == [False, True]
    with pytest.raises(Missing):
        await read(store, loose.id)
    assert await store.files.may_read(shown.id, bob.id)
