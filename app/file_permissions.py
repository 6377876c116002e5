"""Finds files and folders that other users may read or change, by mode and access list. Knows no setting."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

_ACL = "system.posix_acl_access"
# An entry (linux/posix_acl_xattr.h) is a tag, the permitted bits, and a user's or group's id. These are the tags:
_USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x02, 0x04, 0x08, 0x10, 0x20


class Exposure(Struct, frozen=True):
    """A file or folder that others may use. `name` is for an operator: a variable, or a file of DATA_DIR."""

    name: str
    path: Path
    mode: int
    is_folder: bool

    @property
    def remedy(self) -> str:
        return f"chmod {'700' if self.is_folder else '600'} {self.path}"

    @property
    def fields(self) -> dict[str, object]:
        """For a line of the log."""
        return {"what": self.name, "path": self.path, "mode": f"{self.mode:04o}", "do": self.remedy}

    def __str__(self) -> str:
        return f"{self.name}: others on this machine may use {self.path} (mode {self.mode:04o}); {self.remedy}"


def exposed(paths: Mapping[str, Path]) -> list[Exposure]:
    """Of these paths, by name, those that other users may use; a path that does not exist is left out."""

    def found() -> Iterator[Exposure]:
        for name, path in paths.items():
            try:
                status = path.stat()
            except OSError:
                continue
            if _for_others(path, status.st_mode):
                yield Exposure(name, path, stat.S_IMODE(status.st_mode), stat.S_ISDIR(status.st_mode))

    return list(found())


def _for_others(path: Path, mode: int) -> int:
    """What anybody but the owner may do, as the three bits of a mode."""
    entries = _access_list(path)
    if entries is None:
        return (mode >> 3 | mode) & 0o7
    # With an access list, the group's bits of the mode are a mask. systemd passes credentials to a service in files
    # whose mask is set, while the group may do nothing.
    mask = next((permitted for tag, permitted, _ in entries if tag == _MASK), 0o7)
    return _any(
        permitted if tag == _OTHER else permitted & mask
        for tag, permitted, whose in entries
        if tag in (_GROUP_OBJ, _GROUP, _OTHER) or (tag == _USER and whose != os.geteuid())
    )


def _any(permitted: Iterable[int]) -> int:
    bits = 0
    for one in permitted:
        bits |= one
    return bits


def _access_list(path: Path) -> list[tuple[int, int, int]] | None:
    """The entries (tag, permitted bits, id); None where the file has no access list, or the system has none at all."""
    if not hasattr(os, "getxattr"):
        return None
    try:
        return list(struct.iter_unpack("<HHI", os.getxattr(path, _ACL)[4:]))
    except OSError:
        return None
