"""Backups that could do harm: written over their own source, containing each other, or made to fill a disk."""

from __future__ import annotations

import functools
import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.startup_error import StartupError
from store.blobs import folder_of
from store.sqlite import backup, restore
from store.sqlite.backup_archive import open_backup, read_contents
from store.sqlite.connection import DATABASE_NAME
from tests.support.server import ROOT
from tests.support.small_disk import small_disk
from tests.unit.store.conftest import StoreWithRoom
from tests.unit.store.sqlite.test_backup import names, rewrite, tree

UPLOAD = f"files/{folder_of('fpicture')}/fpicture"
HUGE = 10**9  # more than the small disks hold, and harmless if a bound fails


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat.backup"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "restored"


@pytest.fixture
def directory_in_use(room_store: StoreWithRoom, data_dir: Path) -> Path:
    """A DATA_DIR in use, with every kind of file that it may have."""
    (data_dir / UPLOAD).parent.mkdir(parents=True)
    for name in (UPLOAD, f"{UPLOAD}.part", "secret", "lock", "writers", "migration"):
        (data_dir / name).write_text(f"this is {name}")
    return data_dir


# ---- where a backup may be written -------------------------------------------------------------------------------

OWN = (
    DATABASE_NAME,
    f"{DATABASE_NAME}-wal",
    f"{DATABASE_NAME}-shm",
    "secret",
    "lock",
    "writers",
    "migration",
    UPLOAD,
    f"{UPLOAD}.part",
)


def by_its_name(own: Path, tmp_path: Path) -> Path:
    return own


def by_a_roundabout_way(own: Path, tmp_path: Path) -> Path:
    return own.parent / ".." / own.parent.name / own.name


def by_a_symlink(own: Path, tmp_path: Path) -> Path:
    link = tmp_path / "link"
    link.symlink_to(own)
    return link


def by_a_hard_link(own: Path, tmp_path: Path) -> Path:
    link = tmp_path / "link"
    link.hardlink_to(own)
    return link


def through_a_linked_folder(own: Path, tmp_path: Path) -> Path:
    (tmp_path / "folder").symlink_to(own.parent)
    return tmp_path / "folder" / own.name


WAYS = (by_its_name, by_a_roundabout_way, by_a_symlink, by_a_hard_link, through_a_linked_folder)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("own", OWN)
def test_no_backup_is_written_over_a_file_of_its_own_directory(
    directory_in_use: Path, tmp_path: Path, own: str, way: Callable[[Path, Path], Path]
) -> None:
    before = tree(directory_in_use)
    entries = sorted(path.name for path in directory_in_use.iterdir())
    database = (directory_in_use / DATABASE_NAME).stat().st_ino
    file = way(directory_in_use / own, tmp_path)
    with pytest.raises(StartupError, match="one of the files of DATA_DIR") as refused:
        backup(directory_in_use, file)
    assert "\n" not in str(refused.value)
    assert tree(directory_in_use) == before
    assert (directory_in_use / DATABASE_NAME).stat().st_ino == database
    assert sorted(path.name for path in directory_in_use.iterdir()) == entries


@pytest.mark.parametrize("own", ["secret", f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-journal", UPLOAD, ".restoring"])
@pytest.mark.gen_test
async def test_nor_where_such_a_file_will_be(room_store: StoreWithRoom, data_dir: Path, own: str) -> None:
    await room_store.store.close()
    (data_dir / own).parent.mkdir(parents=True, exist_ok=True)
    for path in data_dir.glob(f"{DATABASE_NAME}-*"):
        path.unlink()
    with pytest.raises(StartupError, match="one of the files of DATA_DIR"):
        backup(data_dir, data_dir / own)
    assert not (data_dir / own).exists()


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "data"])
def test_nor_over_what_is_no_regular_file(directory_in_use: Path, tmp_path: Path, kind: str) -> None:
    place = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "device":
        place.symlink_to("/dev/null")
    with pytest.raises(StartupError) as refused:
        backup(directory_in_use, place)
    assert "\n" not in str(refused.value)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert place.is_fifo() or place.is_dir() or place.is_symlink()


@pytest.mark.parametrize("place", ["chat.backup", "backups/chat.backup", "files/chat.backup", "files/ab/chat.backup"])
def test_a_backup_within_its_directory_holds_neither_itself_nor_one_before_it(
    directory_in_use: Path, target: Path, place: str
) -> None:
    for name in (f"{place}.older", place, place):
        (directory_in_use / name).parent.mkdir(parents=True, exist_ok=True)
        backup(directory_in_use, directory_in_use / name)
    (directory_in_use / place).with_name(".chat.backup.cut-off").mkdir()
    ((directory_in_use / place).with_name(".chat.backup.cut-off") / "parcel").write_text("half of one")
    backup(directory_in_use, directory_in_use / place)
    assert names(directory_in_use / place) == [DATABASE_NAME, "secret", UPLOAD, "manifest.json"]
    restore(directory_in_use / place, target)
    assert tree(target).keys() == {"secret", UPLOAD}


def test_an_upload_that_is_a_backup_is_backed_up(directory_in_use: Path, file: Path) -> None:
    backup(directory_in_use, file)
    (directory_in_use / UPLOAD).write_bytes(file.read_bytes())
    backup(directory_in_use, file)
    assert UPLOAD in names(file)


def test_a_backup_that_would_fill_the_disk_is_refused_before_it_is_begun(
    directory_in_use: Path, tmp_path: Path
) -> None:
    with (directory_in_use / UPLOAD).open("wb") as upload:
        upload.truncate(HUGE)
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        file = disk / "chat.backup"
        file.write_text("an older backup")
        with pytest.raises(StartupError, match=r"has room for \d+ MB, 1,\d\d\d MB are needed"):
            backup(directory_in_use, file)
        assert file.read_text() == "an older backup"
        assert [path.name for path in disk.iterdir()] == ["chat.backup"]


def test_what_the_commands_make_is_for_this_user_alone_whatever_the_umask(
    directory_in_use: Path, file: Path, target: Path
) -> None:
    for arguments, data_dir in ((("backup", str(file)), directory_in_use), (("restore", str(file)), target)):
        run = [sys.executable, str(ROOT / "server.py"), *arguments]
        env = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir)}
        subprocess.run(run, env=env, cwd=ROOT, umask=0, check=True)
    for path in (file, target, *target.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


# ---- what may be restored ----------------------------------------------------------------------------------------


def of_type(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("files/ab/extra")
    info.type, info.linkname = kind, "chat.db"
    return info


def with_headers(**headers: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo("files/ab/extra")
    info.size, info.pax_headers = 3, {name.replace("_", "."): value for name, value in headers.items()}
    return info


def named(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = 3
    return info


MADE_UP = {
    "hard link": of_type(tarfile.LNKTYPE),
    "symbolic link": of_type(tarfile.SYMTYPE),
    "character device": of_type(tarfile.CHRTYPE),
    "block device": of_type(tarfile.BLKTYPE),
    "pipe": of_type(tarfile.FIFOTYPE),
    "folder": of_type(tarfile.DIRTYPE),
    "sparse, GNU": of_type(tarfile.GNUTYPE_SPARSE),
    "sparse, PAX 0.1": with_headers(GNU_sparse_map="0,1", GNU_sparse_size=str(HUGE), GNU_sparse_name="files/ab/extra"),
    "sparse, PAX 0.0": with_headers(GNU_sparse_size=str(HUGE), GNU_sparse_numblocks="0"),
    "sparse, PAX, nonsense": with_headers(GNU_sparse_map="x", GNU_sparse_size="y"),
    "a number that is none": with_headers(size="many"),
    "deep": named("files/" + "a/" * 4 + "x"),
    "very deep": named("files/" + "a/" * 5_000 + "x"),
    "long": named("files/ab/" + "x" * 200),
    "with a newline": named("files/ab/a\nb"),
    "absolute": named("//etc/evil"),
    "empty part": named("files//x"),
    "great secret": named("secret"),
}
MADE_UP["great secret"].size = 70_000


@pytest.mark.parametrize("extra", MADE_UP.values(), ids=MADE_UP)
def test_a_member_that_could_do_harm_is_refused_before_anything_is_written(
    room_store: StoreWithRoom, data_dir: Path, file: Path, target: Path, tmp_path: Path, extra: tarfile.TarInfo
) -> None:
    backup(data_dir, file)
    evil = tmp_path / "evil.backup"
    rewrite(file, evil, {}, extra)
    with (
        recording_opened_files(target) as opened,
        pytest.raises(StartupError, match="no backup of this program") as refused,
    ):
        restore(evil, target)
    assert "\n" not in str(refused.value)
    assert opened == []
    assert {path.name for path in target.iterdir()} <= {"lock"}


@functools.cache
def opened_files_by_folder() -> dict[str, list[str]]:
    """The paths opened in each registered folder, from an audit hook of this process. There is one hook for all tests,
    because a hook cannot be removed.
    """
    folders: dict[str, list[str]] = {}

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            for folder, opened in folders.items():
                if folder in str(arguments[0]):
                    opened.append(str(arguments[0]))

    sys.addaudithook(hook)
    return folders


@contextmanager
def recording_opened_files(target: Path) -> Iterator[list[str]]:
    """Record the paths that are opened in the target's staging folder until the end of the block."""
    folder, opened = str(target / ".restoring"), list[str]()
    opened_files_by_folder()[folder] = opened
    try:
        yield opened
    finally:
        del opened_files_by_folder()[folder]


def archive_with_holes(path: Path, *sizes: int) -> None:
    """Write a backup with uploads of these sizes. The file is sparse, so it takes no room on the disk."""
    with path.open("wb") as output:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"files/ab/f{number}")
            info.size = size
            output.write(info.tobuf(tarfile.PAX_FORMAT))
            output.seek(-(-size // 512) * 512, os.SEEK_CUR)
        manifest = tarfile.TarInfo("manifest.json")
        manifest.size = 2
        output.write(manifest.tobuf(tarfile.PAX_FORMAT) + b"{}".ljust(512, b"\0") + bytes(1024))


def test_files_that_are_too_large_together_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    evil = tmp_path / "evil.backup"
    archive_with_holes(evil, *[HUGE // 100] * 100)
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        target = disk / "restored"
        with (
            recording_opened_files(target) as opened,
            pytest.raises(StartupError, match=r"has room for \d+ MB, 1,\d\d\d MB are needed"),
        ):
            restore(evil, target)
        assert opened == []
        assert {path.name for path in target.iterdir()} <= {"lock"}


def test_many_small_files_count_with_the_blocks_that_they_take(tmp_path: Path) -> None:
    evil = tmp_path / "evil.backup"
    archive_with_holes(evil, *[1] * 3_000)
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        with pytest.raises(StartupError, match="are needed"):
            restore(evil, disk / "restored")
        assert {path.name for path in (disk / "restored").iterdir()} <= {"lock"}


def test_more_members_than_there_may_be_are_refused(tmp_path: Path) -> None:
    evil = tmp_path / "evil.backup"
    archive_with_holes(evil, *[1] * 20)
    with open_backup(evil) as source:
        assert read_contents(source, members_max=21).files == 21
        with pytest.raises(tarfile.TarError, match="more than 20 members"):
            read_contents(source, members_max=20)


@pytest.mark.parametrize("size", [10**9, 2**40])
def test_a_header_that_claims_to_be_huge_is_not_read_into_memory(target: Path, tmp_path: Path, size: int) -> None:
    evil = tmp_path / "evil.backup"
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, size
    with evil.open("wb") as output:
        output.write(info.tobuf(tarfile.GNU_FORMAT))
        output.truncate(2**40)
    with pytest.raises(StartupError, match="an unlikely header"):
        restore(evil, target)


def test_a_size_below_nothing_leads_nobody_in_a_circle(target: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.backup"
    header = bytearray(named("files/ab/x").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (-512 & (2**96 - 1)).to_bytes(12, "big")  # a negative size in base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    evil.write_bytes(bytes(header) + bytes(4096))
    with pytest.raises(StartupError, match="no backup of this program"):
        restore(evil, target)


def test_what_is_no_regular_file_is_not_waited_for(target: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(StartupError):
            restore(path, target)


@pytest.mark.gen_test
async def test_an_archive_that_tar_itself_packed_is_taken(
    room_store: StoreWithRoom, data_dir: Path, file: Path, target: Path, tmp_path: Path
) -> None:
    await room_store.say("hello")
    backup(data_dir, file)
    folder = tmp_path / "unpacked"
    with tarfile.open(file) as source:
        source.extractall(folder, filter="data")
    again = tmp_path / "again.backup"
    with tarfile.open(again, "w", format=tarfile.USTAR_FORMAT) as packing:
        for name in names(file):
            content = (folder / name).read_bytes()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packing.addfile(info, io.BytesIO(content))
    restore(again, target)
    assert (target / DATABASE_NAME).read_bytes() == (folder / DATABASE_NAME).read_bytes()
