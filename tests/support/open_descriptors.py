"""The open file descriptors of a process, from /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def descriptor_targets(pid: int | str = "self") -> Iterator[tuple[str, str]]:
    """Each descriptor's number and target: `socket:[123]`, or a path.

    A descriptor that is closed meanwhile is left out.
    """
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield number, os.readlink(f"/proc/{pid}/fd/{number}")
