"""Whose files others may use: by the mode, and by an access list where there is one."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from app.file_permissions import exposed


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o704, 0o710, 0o720, 0o755])
def test_a_folder_that_others_may_enter_or_read_is_reported_with_its_remedy(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    (found,) = exposed({"DATA_DIR": tmp_path})
    assert str(found) == f"DATA_DIR: others on this machine may use {tmp_path} (mode {mode:04o}); chmod 700 {tmp_path}"
    tmp_path.chmod(0o700)
    assert exposed({"DATA_DIR": tmp_path}) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_likewise_and_through_a_link(tmp_path: Path, mode: int) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch(mode=0o600)
    link.symlink_to(file)
    names = {"JWT_SECRET_FILE": link, "REDIS_URL_FILE": tmp_path / "none"}
    assert exposed(names) == []
    file.chmod(mode)
    assert [found.remedy for found in exposed(names)] == [f"chmod 600 {link}"]


NOBODY = 65_534
ANY = 0xFFFFFFFF


def access_list(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@pytest.mark.parametrize(
    ("whose", "group", "others", "is_exposed"),
    [(os.geteuid(), 0, 0, False), (NOBODY, 0, 0, True), (os.geteuid(), 4, 0, True), (os.geteuid(), 0, 4, True)],
)
def test_where_there_is_an_access_list_the_groups_bits_are_but_its_mask(
    tmp_path: Path, whose: int, group: int, others: int, is_exposed: bool
) -> None:
    file = tmp_path / "credential"
    file.touch(mode=0o600)
    entries = ((0x01, 6, ANY), (0x02, 4, whose), (0x04, group, ANY), (0x10, 4, ANY), (0x20, others, ANY))
    try:
        os.setxattr(file, "system.posix_acl_access", access_list(*entries))
    except OSError:
        pytest.skip("need a file system with access lists (POSIX ACLs) for the temporary folder")
    assert file.stat().st_mode & 0o070 == 0o040
    assert bool(exposed({"JWT_SECRET_FILE": file})) is is_exposed
