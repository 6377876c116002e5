"""Reads secrets from files, whole and exactly, 64 KiB at most. Knows no setting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MAX_BYTES = 65_536
TAKES = f"a readable file of 1 to {_MAX_BYTES} bytes of text"


def read(path: Path) -> str:
    """The file's content without its last line end.

    Raises ValueError, which names the fault and never repeats the content.
    """
    try:
        # Non-blocking, because opening a pipe that has no writer would block the start
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("not a regular file")
            data = os.read(descriptor, _MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ValueError(error.strerror) from error
    if len(data) > _MAX_BYTES:
        raise ValueError("too long")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    text = text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
    if not text:
        raise ValueError("empty")
    return text
