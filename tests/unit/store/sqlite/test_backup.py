from __future__ import annotations

import asyncio
import io
import os
import tarfile
from pathlib import Path

import pytest

from common.startup_error import StartupError
from store.sqlite import DirectoryLock, backup, restore
from store.sqlite.connection import DATABASE_NAME
from tests.unit.store.conftest import BlockingOperation, Open, StoreWithRoom


def names(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        return tar.getnames()


def tree(directory: Path) -> dict[str, bytes]:
    """All files with their contents, except the database's and the lock."""
    skipped = (DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm", "lock")
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in skipped
    }


def rewrite(file: Path, changed: Path, edit: dict[str, bytes | None], extra: tarfile.TarInfo | None = None) -> None:
    """Copy a backup with some members replaced (None: left out) and one inserted before the last."""
    with tarfile.open(file) as source, tarfile.open(changed, "w") as target:
        members = source.getmembers()
        for member in members:
            if extra is not None and member is members[-1]:
                target.addfile(extra, io.BytesIO(b"x" * extra.size))
            content = edit.get(member.name, b"")
            if content is None:
                continue
            if not content:
                found = source.extractfile(member)
                assert found is not None
                content = found.read()
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat.backup"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "restored"


@pytest.mark.gen_test
async def test_a_backup_under_load_holds_every_message_acked_before_it_and_a_prefix_of_the_rest(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path, file: Path, target: Path
) -> None:
    (data_dir / "files" / "ab").mkdir(parents=True)
    (data_dir / "files" / "ab" / "picture").write_bytes(os.urandom(100_000))
    (data_dir / "secret").write_text("s" * 64)
    head = 0
    done = asyncio.Event()

    async def write() -> None:
        nonlocal head
        while not done.is_set():
            head = (await room_store.say("x" * 500)).message.seq

    writers = [asyncio.ensure_future(write()) for _ in range(10)]
    with DirectoryLock(data_dir, shared=False):  # locked as by a running server
        while head < 500:
            await asyncio.sleep(0)
        continued = 0
        async with asyncio.timeout(60):
            while continued < 3:  # on a busy machine this loop may have no turn during a backup
                before = head
                await asyncio.to_thread(backup, data_dir, file)
                continued += head > before
    done.set()
    await asyncio.gather(*writers)
    await room_store.store.close()
    assert file.stat().st_mode & 0o777 == 0o600
    assert names(file) == [DATABASE_NAME, "secret", "files/ab/picture", "manifest.json"]
    assert [path.name for path in file.parent.iterdir() if path not in (data_dir, file)] == []

    restore(file, target)
    assert tree(target) == tree(data_dir)
    assert target.stat().st_mode & 0o777 == 0o700
    restored = await open_sqlite(target)
    messages = await restored.messages.newest_between(room_store.room_id, after=0, upto=1_000_000, limit=1_000_000)
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    assert before <= len(messages) <= head
    outcome = await StoreWithRoom(restored, room_store.room_id, room_store.ann).say("on we go")
    assert outcome.duplicate  # the clientId is known here too
    with pytest.raises(StartupError, match="not empty"):
        restore(file, target)


@pytest.mark.gen_test
async def test_a_backup_waits_for_no_writer(room_store: StoreWithRoom, data_dir: Path, file: Path) -> None:
    await room_store.say("hello")
    held = BlockingOperation()
    writing = asyncio.ensure_future(room_store.store._database.write("held", held))
    await held.wait_began()
    await asyncio.to_thread(backup, data_dir, file)
    assert not writing.done()
    held.release.set()
    await writing
    assert DATABASE_NAME in names(file)


@pytest.mark.gen_test
async def test_a_stopped_server_is_backed_up_too_over_an_older_file(
    room_store: StoreWithRoom, data_dir: Path, file: Path, target: Path
) -> None:
    await room_store.say("hello")
    await room_store.store.close()
    file.write_text("an older backup")
    backup(data_dir, file)
    target.mkdir()
    restore(file, target)
    assert sorted(path.name for path in target.iterdir()) == [DATABASE_NAME, "lock"]


def test_without_a_database_there_is_nothing_to_back_up(data_dir: Path, file: Path) -> None:
    with pytest.raises(StartupError, match=DATABASE_NAME):
        backup(data_dir, file)
    assert not file.exists()


@pytest.mark.gen_test
async def test_a_damaged_database_is_not_called_a_backup(room_store: StoreWithRoom, data_dir: Path, file: Path) -> None:
    await room_store.say(*("word " * 100 for _ in range(200)))
    await room_store.store.close()
    with (data_dir / DATABASE_NAME).open("r+b") as database:
        database.seek(0, os.SEEK_END)
        middle = database.tell() // 4096 // 2
        database.seek(middle * 4096)
        database.write(os.urandom(4 * 4096))
    file.write_text("an older backup")
    with pytest.raises(StartupError, match=r"damaged|corrupt") as refused:
        backup(data_dir, file)
    assert "\n" not in str(refused.value)
    assert file.read_text() == "an older backup"
    assert sorted(path.name for path in file.parent.iterdir()) == sorted([file.name, data_dir.name])


@pytest.mark.gen_test
async def test_where_the_file_cannot_be_written_the_reason_is_told(
    room_store: StoreWithRoom, data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(StartupError, match="No such file or directory"):
        backup(data_dir, tmp_path / "none" / "chat.backup")


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


def member(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = 3
    return info


BAD_MEMBERS = {
    "parent": member("../evil"),
    "parent inside": member("files/../../evil"),
    "absolute": member("/tmp/evil-of-a-test"),
    "link": link("files/link"),
    "other name": member("settings"),
    "folder itself": member("files/"),
    "not in the manifest": member("files/extra"),
    "twice": member("secret"),
}


@pytest.mark.parametrize("bad", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
@pytest.mark.gen_test
async def test_a_member_that_backup_does_not_write_is_refused_and_nothing_is_left(
    room_store: StoreWithRoom, data_dir: Path, file: Path, target: Path, tmp_path: Path, bad: tarfile.TarInfo
) -> None:
    (data_dir / "secret").write_text("s" * 64)
    backup(data_dir, file)
    evil = tmp_path / "evil.backup"
    rewrite(file, evil, {}, bad)
    outside = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(StartupError) as refused:
        restore(evil, target)
    assert "\n" not in str(refused.value)
    assert {path.name for path in target.iterdir()} <= {"lock"}
    assert {path.name for path in tmp_path.iterdir()} == outside | {target.name}
    restore(file, target)


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "bit", "no manifest", "no database", "missing"])
@pytest.mark.gen_test
async def test_what_is_no_whole_backup_is_refused_and_nothing_is_left(
    room_store: StoreWithRoom, data_dir: Path, file: Path, target: Path, tmp_path: Path, damage: str
) -> None:
    (data_dir / "secret").write_text("s" * 64)
    backup(data_dir, file)
    bad = tmp_path / "bad.backup"
    content = file.read_bytes()
    if damage == "text":
        bad.write_text("this is no backup")
    elif damage == "empty":
        bad.touch()
    elif damage == "cut":
        bad.write_bytes(content[: len(content) // 2])
    elif damage == "bit":
        place = content.index(b"s" * 64)
        bad.write_bytes(content[:place] + b"t" + content[place + 1 :])
    elif damage == "no manifest":
        rewrite(file, bad, {"manifest.json": None})
    elif damage == "no database":
        rewrite(file, bad, {DATABASE_NAME: None})
    with pytest.raises(StartupError) as refused:
        restore(bad, target)
    assert "\n" not in str(refused.value)
    assert {path.name for path in target.iterdir()} <= {"lock"}


@pytest.mark.gen_test
async def test_a_directory_with_anything_in_it_is_not_touched(
    room_store: StoreWithRoom, data_dir: Path, file: Path, target: Path
) -> None:
    backup(data_dir, file)
    target.mkdir()
    (target / "mine").write_text("keep")
    with pytest.raises(StartupError, match="not empty"):
        restore(file, target)
    assert {path.name for path in target.iterdir()} == {"mine"}
    with pytest.raises(StartupError):
        restore(file, target / "mine")
